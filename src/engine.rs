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
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use ndarray::ArrayViewMutD;

use crate::{
    Error, Intermediate, Pixel, Planes,
    combine::{Accumulator, FurtherRow},
    fits::FitsCache,
    plan::{Plan, Window},
    planes::{self, Views, Wanted},
    progress::{Meter, Phase},
    sample::{self, Needs, Samples},
    schedule::Crew,
    storage::{Buffer, Storage},
    summary::{InputSummary, Status, Summary, Tally},
};

/// Planes of a cube that are accumulated side by side, so that coordinates serve several.
const PLANES_AT_ONCE: usize = 8;

/// One tile's share of the output, for a few planes.
struct Tile<'o, T> {
    number: usize,
    window: Window,
    first_plane: usize,
    planes: Vec<Views<'o, T>>,
}

/// A tile-sized piece of an input's resampled sub-grid: the samples of all planes, then their weights, then their variances if needed.
struct Stored<'s, T> {
    input: usize,
    window: Window,
    cells: &'s [T],
    /// Flags of the samples; empty unless needed.
    bits: &'s [u32],
}

struct Workspace<T> {
    sampling: sample::Workspace<T>,
    accumulators: Vec<Accumulator<T>>,
    rows: [Vec<T>; 2],
    words: Vec<i32>,
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
    wanted: Wanted,
    needs: Needs,
    tallies: Mutex<Vec<Tally>>,
    /// Tiles that still have to read each input.
    unread: Vec<AtomicUsize>,
    held: AtomicU64,
    peak: AtomicU64,
    covered: AtomicU64,
}

impl<'r, 'a> Engine<'r, 'a> {
    pub(crate) fn run<'o, T: Pixel>(
        plan: &'r Plan<'r, 'a>,
        window: Window,
        output: ArrayViewMutD<'o, T>,
        footprint: ArrayViewMutD<'o, T>,
        further: Planes<'o, T>,
    ) -> Result<Summary, Error> {
        let crew = Crew::hire(plan.options().parallel)?;
        let planes = plan.planes();
        let tiles = plan.tiles_in(window);
        let wanted = further.wanted();
        let needs = Needs { variance: wanted.variance || plan.options().combine.needs_variance(), bits: wanted.mask };
        let unread = (0..plan.inputs().len()).map(|_| AtomicUsize::new(0)).collect();
        let engine = Engine {
            plan,
            window,
            planes,
            crew: &crew,
            files: plan.files(),
            share: plan.share(crew.workers())?,
            wanted,
            needs,
            tallies: Mutex::new(vec![Tally::default(); plan.inputs().len()]),
            unread,
            held: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            covered: AtomicU64::new(0),
        };
        let storage = match &plan.options().intermediate {
            Intermediate::None => {
                engine.combine(planes::split(&tiles, output, footprint, further), &tiles, None)?;
                return engine.summary();
            }
            Intermediate::Memory => Storage::Memory,
            Intermediate::Mapped { dir } => Storage::Mapped { dir: dir.clone() },
        };
        let pieces = engine.pieces(&tiles);
        let samples: usize = pieces.iter().map(|(_, _, window)| planes * window.area()).sum();
        let (cells, words) = (engine.cells() * samples, if needs.bits { samples } else { 0 });
        if storage == Storage::Memory {
            let bytes = (cells * size_of::<T>() + words * size_of::<u32>()) as u64;
            plan.afford("the intermediates in memory", bytes)?;
            engine.hold(0, bytes);
        }
        let mut buffer = Buffer::<T>::new(cells, &storage, "the resampled sub-grids of the inputs")?;
        let mut flags = Buffer::<u32>::new(words, &storage, "the flags of the resampled sub-grids")?;
        engine.store(&pieces, buffer.as_mut_slice(), flags.as_mut_slice())?;
        let mut stored: Vec<Vec<Stored<'_, T>>> = tiles.iter().map(|_| Vec::new()).collect();
        let (mut rest, mut rest_bits) = (buffer.as_slice(), flags.as_slice());
        for (tile, input, window) in pieces {
            let samples = planes * window.area();
            let (cells, after) = rest.split_at(engine.cells() * samples);
            let (bits, after_bits) = rest_bits.split_at(if needs.bits { samples } else { 0 });
            stored[tile].push(Stored { input, window, cells, bits });
            (rest, rest_bits) = (after, after_bits);
        }
        engine.combine(planes::split(&tiles, output, footprint, further), &tiles, Some(&stored))?;
        engine.summary()
    }

    /// Numbers that are stored of a sample.
    fn cells(&self) -> usize {
        2 + usize::from(self.needs.variance)
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
    fn store<T: Pixel>(
        &self,
        pieces: &[(usize, usize, Window)],
        mut cells: &mut [T],
        mut flags: &mut [u32],
    ) -> Result<(), Error> {
        let mut jobs = Vec::with_capacity(pieces.len());
        for (_, input, window) in pieces {
            let samples = self.planes * window.area();
            let (own, rest) = std::mem::take(&mut cells).split_at_mut(self.cells() * samples);
            let (bits, rest_bits) = std::mem::take(&mut flags).split_at_mut(if self.needs.bits { samples } else { 0 });
            jobs.push((*input, *window, own, bits));
            (cells, flags) = (rest, rest_bits);
            self.unread[*input].fetch_add(1, Ordering::Relaxed);
        }
        let total = jobs.iter().map(|(_, window, ..)| (window.area() * self.planes) as u64).sum();
        let meter = Meter::new(self.plan.options().progress.as_ref(), Phase::Resampling, total);
        self.crew.for_each(
            jobs,
            || self.workspace::<T>(),
            |(input, window, cells, bits), workspace| {
                // A sub-grid pixel that gets no sample keeps weight 0.
                cells.fill(T::default());
                let size = self.planes * window.area();
                let (values, rest) = cells.split_at_mut(size);
                let (weights, variances) = rest.split_at_mut(size);
                self.sample(input, window, 0..self.planes, &mut workspace.sampling, &mut |plane, block, samples| {
                    let plane = plane * window.area();
                    for (y, row) in (block.y0..).zip(samples.rows(block.nx)) {
                        let to = plane + (y - window.y0) * window.nx + (block.x0 - window.x0);
                        let to = to..to + block.nx;
                        values[to.clone()].copy_from_slice(row.values);
                        weights[to.clone()].copy_from_slice(row.weights);
                        if self.needs.variance {
                            variances[to.clone()].copy_from_slice(row.variances);
                        }
                        if self.needs.bits {
                            bits[to].copy_from_slice(row.bits);
                        }
                    }
                })?;
                self.account(workspace);
                meter.advance((window.area() * self.planes) as u64)
            },
        )
    }

    /// Combines tile by tile, from stored pieces (by tile) or resampling as it goes.
    fn combine<T: Pixel>(
        &self,
        views: Vec<Vec<Views<'_, T>>>,
        tiles: &[Window],
        stored: Option<&[Vec<Stored<'_, T>>]>,
    ) -> Result<(), Error> {
        let total = (self.window.area() * self.planes) as u64;
        let meter = Meter::new(self.plan.options().progress.as_ref(), Phase::Combining, total);
        let jobs = deal(tiles, views);
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
                let per_pixel = tile.planes.len() * self.accumulator::<T>().bytes_per_pixel(touching.len());
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
        let Workspace { sampling, accumulators, rows, words, .. } = workspace;
        let planes = tile.first_plane..tile.first_plane + tile.planes.len();
        accumulators.resize_with(planes.len().max(accumulators.len()), || self.accumulator());
        let started = accumulators[..planes.len()].iter_mut();
        started.for_each(|accumulator| accumulator.start(block.area(), touching.len()));
        for (order, input) in touching.iter().enumerate() {
            accumulators[..planes.len()].iter_mut().for_each(|accumulator| accumulator.next_input(*input));
            let mut add = |plane: usize, part: Window, samples: &Samples<'_, T>| {
                let accumulator = &mut accumulators[plane - planes.start];
                for (y, row) in (part.y0..).zip(samples.rows(part.nx)) {
                    accumulator.add((y - block.y0) * block.nx + (part.x0 - block.x0), &row);
                }
            };
            match stored {
                None => self.sample(*input, block, planes.clone(), sampling, &mut add)?,
                Some(stored) => stored[tile.number][order].read(block, planes.clone(), self.planes, &mut add),
            }
        }
        let blank = T::from_f64(self.plan.options().blank);
        let mut covered = 0;
        for (views, accumulator) in tile.planes.iter_mut().zip(accumulators) {
            for y in 0..block.ny {
                let columns = block.x0 - tile.window.x0..block.x0 - tile.window.x0 + block.nx;
                let at = ndarray::s![block.y0 + y - tile.window.y0, columns];
                let start = y * block.nx;
                let (mut output, mut footprint) = (views.output.slice_mut(at), views.footprint.slice_mut(at));
                if let (Some(output), Some(footprint)) = (output.as_slice_mut(), footprint.as_slice_mut()) {
                    covered += accumulator.finish(start, blank, output, footprint);
                } else {
                    rows.iter_mut().for_each(|row| row.resize(block.nx, blank));
                    let [out, foot] = rows;
                    covered += accumulator.finish(start, blank, &mut out[..block.nx], &mut foot[..block.nx]);
                    output.iter_mut().zip(out).for_each(|(to, from)| *to = *from);
                    footprint.iter_mut().zip(foot).for_each(|(to, from)| *to = *from);
                }
                if self.wanted.any() {
                    let [variance, _] = rows;
                    accumulator.tell_row(start, block.nx, &mut FurtherRow { variance, words });
                    let written = views.variance.iter_mut().flat_map(|view| view.slice_mut(at).into_iter());
                    written.zip(variance).for_each(|(to, from)| *to = *from);
                    for (view, row) in views.words.iter_mut().zip(words.chunks_exact(block.nx)) {
                        view.slice_mut(at).iter_mut().zip(row).for_each(|(to, from)| *to = *from);
                    }
                }
            }
        }
        self.covered.fetch_add(covered, Ordering::Relaxed);
        Ok(())
    }

    fn sample<T: Pixel>(
        &self,
        input: usize,
        block: Window,
        planes: Range<usize>,
        workspace: &mut sample::Workspace<T>,
        sink: &mut impl FnMut(usize, Window, &Samples<'_, T>),
    ) -> Result<(), Error> {
        let sampled = self.plan.sampler(input).sample(&self.files, block, planes, workspace, sink);
        let tally = sampled.map_err(|error| error.of_input(input, self.plan.inputs()[input].name()))?;
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)[input].merge(&tally);
        Ok(())
    }

    /// Notes that a tile has read all that it needs of an input, whose decoded pixels are dropped after the last.
    fn read(&self, input: usize) {
        if self.unread[input].fetch_sub(1, Ordering::Relaxed) == 1 {
            self.plan.inputs()[input].release();
        }
    }

    fn workspace<T>(&self) -> Workspace<T> {
        // An eighth of the share for each of pixels and weights: f64.
        let sampling = sample::Workspace::new(self.share / 8 / size_of::<f64>(), self.needs);
        Workspace { sampling, accumulators: Vec::new(), rows: [Vec::new(), Vec::new()], words: Vec::new(), bytes: 0 }
    }

    fn accumulator<T: Pixel>(&self) -> Accumulator<T> {
        Accumulator::new(self.plan.options().combine, self.wanted, self.plan.weighted())
    }

    fn account<T: Pixel>(&self, workspace: &mut Workspace<T>) {
        let accumulators: usize = workspace.accumulators.iter().map(Accumulator::bytes).sum();
        let now = (workspace.sampling.bytes() + accumulators) as u64;
        self.hold(workspace.bytes, now);
        workspace.bytes = now;
    }

    fn hold(&self, before: u64, now: u64) {
        let change = now.wrapping_sub(before);
        let held = self.held.fetch_add(change, Ordering::Relaxed).wrapping_add(change);
        self.peak.fetch_max(held, Ordering::Relaxed);
    }

    fn summary(self) -> Result<Summary, Error> {
        let correlations = if self.wanted.variance { self.correlations()? } else { Vec::new() };
        let tallies = self.tallies.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut total = Tally::default();
        tallies.iter().for_each(|tally| total.merge(tally));
        let inputs = self.plan.inputs().iter().zip(&tallies).enumerate().map(|(index, (input, tally))| InputSummary {
            name: input.name().to_owned(),
            status: if tally.resampled > 0 { Status::Used } else { Status::NoOverlap },
            bounds: if tally.resampled > 0 { self.plan.bounds(index).to_vec() } else { Vec::new() },
            resampled_pixels: tally.resampled,
            max_coordinate_error: tally.grid.max_error,
            noise_correlation: correlations.get(index).copied().flatten().filter(|_| tally.resampled > 0),
        });
        let inputs: Vec<InputSummary> = inputs.collect();
        Ok(Summary {
            noise_correlation: Summary::correlation(&inputs),
            inputs,
            covered_pixels: self.covered.into_inner(),
            output_pixels: (self.window.area() * self.planes) as u64,
            resampled_pixels: total.resampled,
            coordinate_error: self.plan.options().coordinate_error,
            max_coordinate_error: total.grid.max_error,
            exact_fraction: total.grid.exact_pixels as f64
                / (total.grid.exact_pixels + total.grid.approximated_pixels).max(1) as f64,
            peak_bytes: self.peak.into_inner(),
        })
    }

    /// How the noise of each input's samples is correlated.
    fn correlations(&self) -> Result<Vec<Option<f64>>, Error> {
        self.crew.map(self.plan.inputs().len(), |input| {
            let largest = self.plan.bounds(input).iter().max_by_key(|window| window.area());
            Ok(largest.and_then(|window| self.plan.sampler(input).noise_correlation(*window)))
        })
    }
}

impl<T> Stored<'_, T> {
    /// Hands over what a block of the tile holds of this piece, row by row. `all` is the number of planes stored.
    fn read(
        &self,
        block: Window,
        planes: Range<usize>,
        all: usize,
        sink: &mut impl FnMut(usize, Window, &Samples<'_, T>),
    ) {
        let Some(part) = self.window.intersection(&block) else { return };
        let (values, rest) = self.cells.split_at(all * self.window.area());
        let (weights, variances) = rest.split_at(all * self.window.area());
        for plane in planes {
            for y in part.y0..part.y0 + part.ny {
                let start =
                    plane * self.window.area() + (y - self.window.y0) * self.window.nx + part.x0 - self.window.x0;
                let at = start..start + part.nx;
                let row = Samples {
                    values: &values[at.clone()],
                    weights: &weights[at.clone()],
                    variances: variances.get(at.clone()).unwrap_or_default(),
                    bits: self.bits.get(at).unwrap_or_default(),
                };
                sink(plane, Window { y0: y, ny: 1, ..part }, &row);
            }
        }
    }
}

/// A tile cut into blocks of at most `area` pixels (but at least one): whole rows if they fit.
fn blocks(tile: Window, area: usize) -> Vec<Window> {
    let nx = area.clamp(1, tile.nx);
    let ny = (area / nx).clamp(1, tile.ny);
    let rows = (0..tile.ny).step_by(ny);
    let block = |x, y| Window::new(tile.x0 + x, tile.y0 + y, nx.min(tile.nx - x), ny.min(tile.ny - y));
    rows.flat_map(|y| (0..tile.nx).step_by(nx).map(move |x| block(x, y))).collect()
}

/// A job per tile and a few planes, from the views plane by plane.
fn deal<'o, T>(tiles: &[Window], views: Vec<Vec<Views<'o, T>>>) -> Vec<Tile<'o, T>> {
    let chunks = views.len().div_ceil(PLANES_AT_ONCE);
    let mut jobs: Vec<Tile<'o, T>> = Vec::with_capacity(tiles.len() * chunks);
    for (number, window) in tiles.iter().enumerate() {
        let chunk = |chunk| Tile { number, window: *window, first_plane: chunk * PLANES_AT_ONCE, planes: Vec::new() };
        jobs.extend((0..chunks).map(chunk));
    }
    for (plane, tiles) in views.into_iter().enumerate() {
        for (tile, views) in tiles.into_iter().enumerate() {
            jobs[tile * chunks + plane / PLANES_AT_ONCE].planes.push(views);
        }
    }
    jobs
}
