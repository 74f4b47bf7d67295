//! The run of a plan: tile by tile in sweep order, each tile's inputs in input order, each output pixel written once.
//!
//! ```text
//! Intermediate::None             for each tile:  for each input on it:  sample → accumulate      finish → output, footprint
//! Intermediate::Memory, Mapped   for each input: for each tile of it:   sample → store
//!                                for each tile:  for each input on it:  stored → accumulate      finish → output, footprint
//! ```
//!
//! A worker owns its tile's views of the output and its accumulators, so nothing is shared but the queue of tiles. Every sample
//! is a function of its absolute output pixel alone, and inputs meet in input order: the bytes do not depend on who did what when.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use ndarray::{ArrayViewMut2, ArrayViewMutD, Axis};

use crate::{
    Error, Intermediate, MatchBackground, Pixel,
    background::{self, Backgrounds},
    combine::Accumulator,
    fits::FitsCache,
    plan::{Plan, Window},
    progress::{Meter, Phase},
    sample,
    schedule::Crew,
    storage::{Buffer, Storage},
    summary::{InputSummary, Status, Summary, Tally},
};

/// Planes of a cube that are accumulated side by side, so that coordinates serve several.
pub(crate) const PLANES_AT_ONCE: usize = 8;

/// One tile's share of the output, for a few planes.
struct Tile<'o, T> {
    number: usize,
    window: Window,
    first_plane: usize,
    /// Output and footprint of each plane.
    planes: Vec<(ArrayViewMut2<'o, T>, ArrayViewMut2<'o, T>)>,
}

/// A tile-sized piece of an input's resampled sub-grid: the samples of all planes, then their weights.
struct Stored<'s, T> {
    input: usize,
    window: Window,
    cells: &'s [T],
}

struct Workspace<T> {
    sampling: sample::Workspace<T>,
    accumulators: Vec<Accumulator<T>>,
    rows: [Vec<T>; 2],
    /// Samples with the background taken off.
    corrected: Vec<T>,
    bytes: u64,
}

/// A plan being carried out for one window of the target.
pub(crate) struct Engine<'r, 'a> {
    plan: &'r Plan<'r, 'a>,
    window: Window,
    /// Planes of the output, all leading dimensions taken together.
    planes: usize,
    crew: &'r Crew,
    files: FitsCache,
    /// Bytes that a worker may use.
    share: usize,
    tallies: Mutex<Vec<Tally>>,
    /// Tiles that still have to read each input.
    unread: Vec<AtomicUsize>,
    backgrounds: Option<Arc<Backgrounds>>,
    held: AtomicU64,
    peak: AtomicU64,
    covered: AtomicU64,
}

impl<'r, 'a> Engine<'r, 'a> {
    fn new(plan: &'r Plan<'r, 'a>, window: Window, crew: &'r Crew) -> Result<Self, Error> {
        Ok(Engine {
            plan,
            window,
            planes: plan.planes(),
            crew,
            files: plan.files(),
            share: plan.share(crew.workers())?,
            tallies: Mutex::new(vec![Tally::default(); plan.inputs().len()]),
            unread: (0..plan.inputs().len()).map(|_| AtomicUsize::new(0)).collect(),
            backgrounds: None,
            held: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            covered: AtomicU64::new(0),
        })
    }

    /// Measures the backgrounds of the whole plan, resampling what overlaps.
    pub(crate) fn measure<T: Pixel>(plan: &Plan<'_, '_>) -> Result<Backgrounds, Error> {
        let crew = Crew::hire(plan.options().parallel)?;
        let other = plan.for_backgrounds()?;
        let plan = other.as_ref().unwrap_or(plan);
        let engine = Engine::new(plan, plan.whole(), &crew)?;
        background::measure::<T>(&engine, plan, &engine)
    }

    pub(crate) fn run<T: Pixel>(
        plan: &'r Plan<'r, 'a>,
        window: Window,
        output: ArrayViewMutD<'_, T>,
        footprint: ArrayViewMutD<'_, T>,
    ) -> Result<Summary, Error> {
        let crew = Crew::hire(plan.options().parallel)?;
        let planes = plan.planes();
        let tiles = plan.tiles_in(window);
        let mut engine = Engine::new(plan, window, &crew)?;
        let matching = plan.options().match_background != MatchBackground::None;
        // From the samples that this run stores if they are all there are.
        let stored_all = window == plan.whole() && plan.options().intermediate != Intermediate::None;
        if matching && (!stored_all || plan.known_backgrounds::<T>().get().is_some()) {
            engine.backgrounds = Some(plan.match_backgrounds::<T>()?);
        }
        let storage = match &plan.options().intermediate {
            Intermediate::None => {
                engine.combine(&tiles, output, footprint, None)?;
                return Ok(engine.summary());
            }
            Intermediate::Memory => Storage::Memory,
            Intermediate::Mapped { dir } => Storage::Mapped { dir: dir.clone() },
        };
        let pieces = engine.pieces(&tiles);
        let cells: usize = pieces.iter().map(|(_, _, window)| 2 * planes * window.area()).sum();
        if storage == Storage::Memory {
            let bytes = (cells * size_of::<T>()) as u64;
            plan.afford("the intermediates in memory", bytes)?;
            engine.hold(0, bytes);
        }
        let mut buffer = Buffer::<T>::new(cells, &storage, "the resampled sub-grids of the inputs")?;
        engine.store(&pieces, buffer.as_mut_slice())?;
        let mut stored: Vec<Vec<Stored<'_, T>>> = tiles.iter().map(|_| Vec::new()).collect();
        let mut rest = buffer.as_slice();
        for (tile, input, window) in pieces {
            let (cells, after) = rest.split_at(2 * planes * window.area());
            stored[tile].push(Stored { input, window, cells });
            rest = after;
        }
        if matching && engine.backgrounds.is_none() {
            let other = plan.for_backgrounds()?;
            let measured =
                background::measure::<T>(&engine, other.as_ref().unwrap_or(plan), &(plan, stored.as_slice()))?;
            engine.backgrounds = Some(Arc::clone(plan.known_backgrounds::<T>().get_or_init(|| Arc::new(measured))));
        }
        engine.combine(&tiles, output, footprint, Some(&stored))?;
        Ok(engine.summary())
    }

    /// The pieces of the inputs' sub-grids, input by input: (tile of the run, input, window).
    fn pieces(&self, tiles: &[Window]) -> Vec<(usize, usize, Window)> {
        let mut pieces = Vec::new();
        for (tile, window) in tiles.iter().enumerate() {
            let touching = self.plan.touching(*window);
            pieces.extend(touching.filter_map(|input| Some((tile, input, self.plan.part(input, *window)?))));
        }
        pieces.sort_by_key(|(tile, input, _)| (*input, *tile));
        pieces
    }

    /// Resamples every piece into its cells.
    fn store<T: Pixel>(&self, pieces: &[(usize, usize, Window)], mut cells: &mut [T]) -> Result<(), Error> {
        let mut jobs = Vec::with_capacity(pieces.len());
        for (_, input, window) in pieces {
            let (own, rest) = std::mem::take(&mut cells).split_at_mut(2 * self.planes * window.area());
            jobs.push((*input, *window, own));
            cells = rest;
            self.unread[*input].fetch_add(1, Ordering::Relaxed);
        }
        let total = jobs.iter().map(|(_, window, _)| (window.area() * self.planes) as u64).sum();
        let meter = Meter::new(self.plan.options().progress.as_ref(), Phase::Resampling, total);
        self.crew.for_each(
            jobs,
            || self.workspace::<T>(),
            |(input, window, cells), workspace| {
                let (samples, weights) = cells.split_at_mut(self.planes * window.area());
                // A sub-grid pixel that gets no sample keeps weight 0.
                weights.fill(T::default());
                samples.fill(T::default());
                self.sample(
                    input,
                    window,
                    0..self.planes,
                    &mut workspace.sampling,
                    &mut |plane, block, from, from_weights| {
                        let plane = plane * window.area();
                        for (row, y) in (block.y0..block.y0 + block.ny).enumerate() {
                            let to = plane + (y - window.y0) * window.nx + (block.x0 - window.x0);
                            let from_row = row * block.nx..(row + 1) * block.nx;
                            samples[to..to + block.nx].copy_from_slice(&from[from_row.clone()]);
                            weights[to..to + block.nx].copy_from_slice(&from_weights[from_row]);
                        }
                    },
                )?;
                self.read(input);
                self.account(workspace);
                meter.advance((window.area() * self.planes) as u64)
            },
        )
    }

    /// Combines tile by tile, from stored pieces (by tile) or resampling as it goes.
    fn combine<T: Pixel>(
        &self,
        tiles: &[Window],
        output: ArrayViewMutD<'_, T>,
        footprint: ArrayViewMutD<'_, T>,
        stored: Option<&[Vec<Stored<'_, T>>]>,
    ) -> Result<(), Error> {
        let total = (self.window.area() * self.planes) as u64;
        let meter = Meter::new(self.plan.options().progress.as_ref(), Phase::Combining, total);
        let jobs = deal(tiles, output, footprint);
        if stored.is_none() {
            for tile in &jobs {
                self.plan.touching(tile.window).for_each(|input| {
                    self.unread[input].fetch_add(1, Ordering::Relaxed);
                });
            }
        }
        self.crew.for_each(
            jobs,
            || self.workspace::<T>(),
            |mut tile, workspace| {
                let touching: Vec<usize> = match stored {
                    None => self.plan.touching(tile.window).collect(),
                    Some(stored) => stored[tile.number].iter().map(|piece| piece.input).collect(),
                };
                let per_pixel =
                    tile.planes.len() * Accumulator::<T>::bytes_per_pixel(self.plan.options().combine, touching.len());
                for block in blocks(tile.window, self.share / 2 / per_pixel) {
                    self.block(&mut tile, block, &touching, stored, workspace)?;
                }
                if stored.is_none() {
                    touching.iter().for_each(|input| self.read(*input));
                }
                self.account(workspace);
                meter.advance((tile.window.area() * tile.planes.len()) as u64)
            },
        )
    }

    /// Computes and writes one block of a tile.
    fn block<T: Pixel>(
        &self,
        tile: &mut Tile<'_, T>,
        block: Window,
        touching: &[usize],
        stored: Option<&[Vec<Stored<'_, T>>]>,
        workspace: &mut Workspace<T>,
    ) -> Result<(), Error> {
        let Workspace { sampling, accumulators, rows, corrected, .. } = workspace;
        let planes = tile.first_plane..tile.first_plane + tile.planes.len();
        accumulators
            .resize_with(planes.len().max(accumulators.len()), || Accumulator::new(self.plan.options().combine));
        accumulators[..planes.len()].iter_mut().for_each(|accumulator| accumulator.start(block.area()));
        for (order, input) in touching.iter().enumerate() {
            accumulators[..planes.len()].iter_mut().for_each(Accumulator::next_input);
            let mut add = |plane: usize, part: Window, samples: &[T], weights: &[T]| {
                let accumulator = &mut accumulators[plane - planes.start];
                let samples = self.corrected(*input, plane, part, samples, corrected);
                let rows = samples.chunks_exact(part.nx).zip(weights.chunks_exact(part.nx));
                for (y, (samples, weights)) in (part.y0..).zip(rows) {
                    accumulator.add((y - block.y0) * block.nx + (part.x0 - block.x0), samples, weights);
                }
            };
            match stored {
                None => self.sample(*input, block, planes.clone(), sampling, &mut add)?,
                Some(stored) => stored[tile.number][order].read(block, planes.clone(), self.planes, &mut add),
            }
        }
        let blank = T::from_f64(self.plan.options().blank);
        let mut covered = 0;
        for ((output, footprint), accumulator) in tile.planes.iter_mut().zip(accumulators) {
            for y in 0..block.ny {
                let at =
                    (block.y0 + y - tile.window.y0, block.x0 - tile.window.x0..block.x0 - tile.window.x0 + block.nx);
                let mut output = output.slice_mut(ndarray::s![at.0, at.1.clone()]);
                let mut footprint = footprint.slice_mut(ndarray::s![at.0, at.1]);
                let start = y * block.nx;
                if let (Some(output), Some(footprint)) = (output.as_slice_mut(), footprint.as_slice_mut()) {
                    covered += accumulator.finish(start, blank, output, footprint);
                } else {
                    rows.iter_mut().for_each(|row| row.resize(block.nx, blank));
                    let [out, foot] = rows;
                    covered += accumulator.finish(start, blank, out, foot);
                    output.iter_mut().zip(out).for_each(|(to, from)| *to = *from);
                    footprint.iter_mut().zip(foot).for_each(|(to, from)| *to = *from);
                }
            }
        }
        self.covered.fetch_add(covered, Ordering::Relaxed);
        Ok(())
    }

    /// Samples with the background of their input taken off: each of type `T` again, wherever it came from.
    fn corrected<'s, T: Pixel>(
        &self,
        input: usize,
        plane: usize,
        part: Window,
        samples: &'s [T],
        corrected: &'s mut Vec<T>,
    ) -> &'s [T] {
        let Some(backgrounds) = &self.backgrounds else { return samples };
        let correction = backgrounds.planes[plane].corrections[input];
        corrected.clear();
        for (y, row) in (part.y0..).zip(samples.chunks_exact(part.nx)) {
            let row = (part.x0..).zip(row);
            corrected.extend(row.map(|(x, v)| T::from_f64(v.to_f64() - correction.at(x as f64, y as f64))));
        }
        corrected
    }

    fn sample<T: Pixel>(
        &self,
        input: usize,
        block: Window,
        planes: Range<usize>,
        workspace: &mut sample::Workspace<T>,
        sink: &mut impl FnMut(usize, Window, &[T], &[T]),
    ) -> Result<(), Error> {
        let sampled = self.plan.sampler(input).sample(&self.files, block, planes, workspace, sink);
        let tally = sampled.map_err(|error| error.of_input(input, self.plan.inputs()[input].name()))?;
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)[input].merge(&tally);
        Ok(())
    }

    /// Notes that a tile has read all that it needs of an input, whose decoded pixels are dropped after the last.
    pub(crate) fn read(&self, input: usize) {
        if self.unread[input].fetch_sub(1, Ordering::Relaxed) == 1 {
            self.plan.inputs()[input].release();
        }
    }

    /// Notes that so many pieces of work need an input.
    pub(crate) fn expect(&self, input: usize, times: usize) {
        self.unread[input].fetch_add(times, Ordering::Relaxed);
    }

    pub(crate) fn crew(&self) -> &Crew {
        self.crew
    }

    pub(crate) fn share(&self) -> usize {
        self.share
    }

    pub(crate) fn sampling<T>(&self) -> sample::Workspace<T> {
        // An eighth of the share for each of pixels and weights: f64.
        sample::Workspace::new(self.share / 8 / size_of::<f64>())
    }

    fn workspace<T>(&self) -> Workspace<T> {
        let sampling = self.sampling();
        Workspace { sampling, accumulators: Vec::new(), rows: Default::default(), corrected: Vec::new(), bytes: 0 }
    }

    fn account<T: Pixel>(&self, workspace: &mut Workspace<T>) {
        let accumulators: usize = workspace.accumulators.iter().map(Accumulator::bytes).sum();
        let now = (workspace.sampling.bytes() + accumulators) as u64;
        self.hold(workspace.bytes, now);
        workspace.bytes = now;
    }

    pub(crate) fn hold(&self, before: u64, now: u64) {
        let change = now.wrapping_sub(before);
        let held = self.held.fetch_add(change, Ordering::Relaxed).wrapping_add(change);
        self.peak.fetch_max(held, Ordering::Relaxed);
    }

    fn summary(self) -> Summary {
        let tallies = self.tallies.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut total = Tally::default();
        tallies.iter().for_each(|tally| total.merge(tally));
        let inputs = self.plan.inputs().iter().zip(&tallies).enumerate().map(|(index, (input, tally))| InputSummary {
            name: input.name().to_owned(),
            status: if tally.resampled > 0 { Status::Used } else { Status::NoOverlap },
            bounds: if tally.resampled > 0 { self.plan.bounds(index).to_vec() } else { Vec::new() },
            resampled_pixels: tally.resampled,
            max_coordinate_error: tally.grid.max_error,
        });
        Summary {
            inputs: inputs.collect(),
            covered_pixels: self.covered.into_inner(),
            output_pixels: (self.window.area() * self.planes) as u64,
            resampled_pixels: total.resampled,
            coordinate_error: self.plan.options().coordinate_error,
            max_coordinate_error: total.grid.max_error,
            exact_fraction: total.grid.exact_pixels as f64
                / (total.grid.exact_pixels + total.grid.approximated_pixels).max(1) as f64,
            backgrounds: self.backgrounds,
            peak_bytes: self.peak.into_inner(),
        }
    }
}

/// Backgrounds are measured from samples that are resampled for it ...
impl<T: Pixel> background::Source<T> for Engine<'_, '_> {
    fn read(
        &self,
        input: usize,
        block: Window,
        planes: Range<usize>,
        workspace: &mut sample::Workspace<T>,
        sink: &mut dyn FnMut(usize, Window, &[T], &[T]),
    ) -> Result<(), Error> {
        self.sample(input, block, planes, workspace, &mut |plane, part, samples, weights| {
            sink(plane, part, samples, weights);
        })
    }
}

/// ... or from stored ones, by tile of the plan.
impl<T: Pixel> background::Source<T> for (&Plan<'_, '_>, &[Vec<Stored<'_, T>>]) {
    fn read(
        &self,
        input: usize,
        block: Window,
        planes: Range<usize>,
        _workspace: &mut sample::Workspace<T>,
        sink: &mut dyn FnMut(usize, Window, &[T], &[T]),
    ) -> Result<(), Error> {
        let (plan, stored) = self;
        for tile in plan.tiles_at(block) {
            let pieces = &stored[tile];
            if let Ok(piece) = pieces.binary_search_by_key(&input, |piece| piece.input) {
                pieces[piece].read(block, planes.clone(), plan.planes(), &mut |plane, part, samples, weights| {
                    sink(plane, part, samples, weights);
                });
            }
        }
        Ok(())
    }
}

impl<T> Stored<'_, T> {
    /// Hands over what a block of the tile holds of this piece, row by row. `all` is the number of planes stored.
    fn read(&self, block: Window, planes: Range<usize>, all: usize, sink: &mut impl FnMut(usize, Window, &[T], &[T])) {
        let Some(part) = self.window.intersection(&block) else { return };
        let (samples, weights) = self.cells.split_at(all * self.window.area());
        for plane in planes {
            for y in part.y0..part.y0 + part.ny {
                let start =
                    plane * self.window.area() + (y - self.window.y0) * self.window.nx + part.x0 - self.window.x0;
                let row = Window { y0: y, ny: 1, ..part };
                sink(plane, row, &samples[start..start + part.nx], &weights[start..start + part.nx]);
            }
        }
    }
}

/// A tile cut into blocks of at most `area` pixels (but at least one): whole rows if they fit.
pub(crate) fn blocks(tile: Window, area: usize) -> Vec<Window> {
    let nx = area.clamp(1, tile.nx);
    let ny = (area / nx).clamp(1, tile.ny);
    let rows = (0..tile.ny).step_by(ny);
    let block = |x, y| Window::new(tile.x0 + x, tile.y0 + y, nx.min(tile.nx - x), ny.min(tile.ny - y));
    rows.flat_map(|y| (0..tile.nx).step_by(nx).map(move |x| block(x, y))).collect()
}

/// Splits the output and footprint of a window into disjoint views, one pair per tile and plane, a few planes to a job.
fn deal<'o, T>(tiles: &[Window], output: ArrayViewMutD<'o, T>, footprint: ArrayViewMutD<'o, T>) -> Vec<Tile<'o, T>> {
    let planes: Vec<_> = planes_of(output).into_iter().zip(planes_of(footprint)).collect();
    let chunks = planes.len().div_ceil(PLANES_AT_ONCE);
    let mut jobs: Vec<Tile<'o, T>> = Vec::with_capacity(tiles.len() * chunks);
    for (number, window) in tiles.iter().enumerate() {
        let chunk = |chunk| Tile { number, window: *window, first_plane: chunk * PLANES_AT_ONCE, planes: Vec::new() };
        jobs.extend((0..chunks).map(chunk));
    }
    for (plane, (output, footprint)) in planes.into_iter().enumerate() {
        let views = cut(tiles, output).into_iter().zip(cut(tiles, footprint));
        for (tile, views) in views.enumerate() {
            jobs[tile * chunks + plane / PLANES_AT_ONCE].planes.push(views);
        }
    }
    jobs
}

/// The two-dimensional planes of an array, all leading dimensions taken together, slowest first.
fn planes_of<T>(array: ArrayViewMutD<'_, T>) -> Vec<ArrayViewMut2<'_, T>> {
    if array.ndim() <= 2 {
        return array.into_dimensionality().into_iter().collect();
    }
    let mut planes = Vec::new();
    let mut rest = array;
    while rest.len_of(Axis(0)) > 0 {
        let (first, after) = rest.split_at(Axis(0), 1);
        planes.extend(planes_of(first.index_axis_move(Axis(0), 0)));
        rest = after;
    }
    planes
}

/// One view per tile, in the tiles' order (row by row from the left).
fn cut<'o, T>(tiles: &[Window], plane: ArrayViewMut2<'o, T>) -> Vec<ArrayViewMut2<'o, T>> {
    let mut views = Vec::with_capacity(tiles.len());
    let mut below = plane;
    for row in tiles.chunk_by(|a, b| a.y0 == b.y0) {
        let height = row.first().map_or(0, |tile| tile.ny);
        let (mut right, rest) = below.split_at(Axis(0), height);
        below = rest;
        for tile in row {
            let (view, rest) = right.split_at(Axis(1), tile.nx);
            views.push(view);
            right = rest;
        }
    }
    views
}
