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

mod store;

use std::{
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use ndarray::{ArrayViewMut1, ArrayViewMutD};

use crate::{
    Error, Intermediate, MatchBackground, Pixel, Planes, background,
    combine::Accumulator,
    corrections::Backgrounds,
    fits::FitsCache,
    plan::Plan,
    planes::{self, Needs, Samples, Views, Wanted},
    progress::{Meter, Phase},
    sample,
    stats::{Tally, Watch},
    storage::{Buffer, Storage},
    summary::{InputSummary, Status, Summary},
    threads::ThreadPool,
    window::{Window, blocks},
};
use store::Stored;

/// Planes of a cube that are accumulated side by side, so that coordinates serve several.
pub(crate) const PLANES_AT_ONCE: usize = 8;

/// The engine for one type of output: compiled in this crate, and not again in every crate that calls it.
pub trait Compiled: Sized {
    /// [`Plan::run_window_with`], once shapes are known to fit.
    ///
    /// # Errors
    /// As there.
    fn run<'o>(
        plan: &Plan<'_, '_>,
        window: Window,
        output: ArrayViewMutD<'o, Self>,
        footprint: Option<ArrayViewMutD<'o, Self>>,
        further: Planes<'o, Self>,
    ) -> Result<Summary, Error>;

    /// Measures the backgrounds of the whole plan, resampling what overlaps.
    ///
    /// # Errors
    /// As [`Plan::match_backgrounds`].
    fn measure(plan: &Plan<'_, '_>) -> Result<Backgrounds, Error>;
}

macro_rules! compiled {
    ($($pixel:ty),+) => {$(
        impl Compiled for $pixel {
            fn run<'o>(
                plan: &Plan<'_, '_>,
                window: Window,
                output: ArrayViewMutD<'o, Self>,
                footprint: Option<ArrayViewMutD<'o, Self>>,
                further: Planes<'o, Self>,
            ) -> Result<Summary, Error> {
                Engine::run(plan, window, output, footprint, further)
            }

            fn measure(plan: &Plan<'_, '_>) -> Result<Backgrounds, Error> {
                Engine::measure::<$pixel>(plan)
            }
        }
    )+};
}
compiled!(f32, f64);

/// One tile's share of the output, for a few planes.
struct Tile<'o, T> {
    number: usize,
    window: Window,
    first_plane: usize,
    planes: Vec<Views<'o, T>>,
}

struct Workspace<'e, T> {
    sampling: sample::Workspace<T>,
    accumulators: Vec<Accumulator<T>>,
    row: Vec<T>,
    words: Vec<i32>,
    /// Samples with the background taken off.
    corrected: Vec<T>,
    held: Held<'e>,
}

/// Bytes that somebody holds, counted until they are dropped.
pub(crate) struct Held<'e> {
    counter: &'e Counter,
    bytes: u64,
}

/// Bytes held now, and at most so far.
#[derive(Default)]
struct Counter {
    now: AtomicU64,
    most: AtomicU64,
}

impl Counter {
    fn change(&self, before: u64, now: u64) {
        let change = now.wrapping_sub(before);
        let all = self.now.fetch_add(change, Ordering::Relaxed).wrapping_add(change);
        self.most.fetch_max(all, Ordering::Relaxed);
    }
}

impl Held<'_> {
    /// Now it is so many.
    pub(crate) fn set(&mut self, bytes: usize) {
        self.counter.change(self.bytes, bytes as u64);
        self.bytes = bytes as u64;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// A plan being carried out for one window of the target.
pub(crate) struct Engine<'r, 'a> {
    plan: &'r Plan<'r, 'a>,
    window: Window,
    /// Planes of the output, all leading dimensions taken together.
    planes: usize,
    pool: &'r ThreadPool,
    files: FitsCache,
    /// Bytes that a worker may use.
    share: usize,
    wanted: Wanted,
    needs: Needs,
    /// Whether a sample may have another weight than 1.
    weighted: bool,
    tallies: Mutex<Vec<Tally>>,
    /// Tiles that still have to read each input.
    unread: Vec<AtomicUsize>,
    backgrounds: Option<Arc<Backgrounds>>,
    bytes: Counter,
    covered: AtomicU64,
    /// Nanoseconds that the workers took to combine what was stored, and to finish and write pixels.
    finishing: AtomicU64,
}

impl<'r, 'a> Engine<'r, 'a> {
    fn new(
        plan: &'r Plan<'r, 'a>,
        window: Window,
        pool: &'r ThreadPool,
        wanted: Wanted,
        needs: Needs,
    ) -> Result<Self, Error> {
        Ok(Engine {
            plan,
            window,
            planes: plan.planes(),
            pool,
            files: plan.files(),
            share: plan.share(pool.workers())?,
            wanted,
            needs,
            weighted: plan.weighted(),
            tallies: Mutex::new(vec![Tally::default(); plan.inputs().len()]),
            unread: (0..plan.inputs().len()).map(|_| AtomicUsize::new(0)).collect(),
            backgrounds: None,
            bytes: Counter::default(),
            covered: AtomicU64::new(0),
            finishing: AtomicU64::new(0),
        })
    }

    fn measure<T: Pixel>(plan: &Plan<'_, '_>) -> Result<Backgrounds, Error> {
        let pool = ThreadPool::new(plan.options().parallel)?;
        let other = plan.for_backgrounds()?;
        let tiled = other.as_ref().unwrap_or(plan);
        let engine = Engine::new(tiled, tiled.whole(), &pool, Wanted::default(), Needs::default())?;
        let measured = background::measure::<T>(&engine, tiled, &engine)?;
        plan.matching_peak.fetch_max(engine.bytes.most.into_inner(), Ordering::Relaxed);
        Ok(measured)
    }

    fn run<'o, T: Pixel>(
        plan: &'r Plan<'r, 'a>,
        window: Window,
        output: ArrayViewMutD<'o, T>,
        footprint: Option<ArrayViewMutD<'o, T>>,
        further: Planes<'o, T>,
    ) -> Result<Summary, Error> {
        let pool = ThreadPool::new(plan.options().parallel)?;
        let planes = plan.planes();
        let tiles = plan.tiles_in(window);
        let wanted = further.wanted();
        let needs = plan.needs(wanted.variance, wanted.mask);
        let mut engine = Engine::new(plan, window, &pool, wanted, needs)?;
        let matching = plan.options().match_background != MatchBackground::None;
        // From the samples that this run stores if they are all there are.
        let stored_all = window == plan.whole() && plan.options().intermediate != Intermediate::None;
        if matching && (!stored_all || plan.known_backgrounds::<T>().get().is_some()) {
            engine.backgrounds = Some(plan.match_backgrounds::<T>()?);
        }
        let storage = match &plan.options().intermediate {
            Intermediate::None => {
                engine.combine(planes::split(&tiles, output, footprint, further), &tiles, None)?;
                return engine.summary();
            }
            Intermediate::Memory => Storage::Memory,
            Intermediate::Mapped { dir } => Storage::Mapped { dir: dir.clone() },
        };
        let pieces = plan.pieces(&tiles);
        let samples: usize = pieces.iter().map(|(_, _, window)| planes * window.area()).sum();
        let (numbers, words) = needs.stored(samples);
        if storage == Storage::Memory {
            let bytes = needs.stored_bytes::<T>(samples);
            plan.afford("the intermediates in memory", bytes)?;
            engine.hold(0, bytes);
        }
        let mut buffer = Buffer::<T>::new(numbers, &storage, "the resampled sub-grids of the inputs")?;
        let mut flags = Buffer::<u32>::new(words, &storage, "the flags of the resampled sub-grids")?;
        engine.store(&pieces, buffer.as_mut_slice(), flags.as_mut_slice())?;
        let stored = engine.stored(pieces, tiles.len(), buffer.as_slice(), flags.as_slice());
        if matching && engine.backgrounds.is_none() {
            let other = plan.for_backgrounds()?;
            let measured =
                background::measure::<T>(&engine, other.as_ref().unwrap_or(plan), &(plan, stored.as_slice()))?;
            engine.backgrounds = Some(Arc::clone(plan.known_backgrounds::<T>().get_or_init(|| Arc::new(measured))));
        }
        engine.combine(planes::split(&tiles, output, footprint, further), &tiles, Some(&stored))?;
        engine.summary()
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
                self.plan.touching(tile.window).for_each(|input| self.expect(input, 1));
            }
        }
        self.pool.for_each(
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
        workspace: &mut Workspace<'_, T>,
    ) -> Result<(), Error> {
        let Workspace { sampling, accumulators, row, words, corrected, .. } = workspace;
        let planes = tile.first_plane..tile.first_plane + tile.planes.len();
        accumulators.resize_with(planes.len().max(accumulators.len()), || self.accumulator());
        let started = accumulators[..planes.len()].iter_mut();
        started.for_each(|accumulator| accumulator.start(block.area(), touching.len()));
        for (order, input) in touching.iter().enumerate() {
            accumulators[..planes.len()].iter_mut().for_each(|accumulator| accumulator.next_input(*input));
            let mut add = |plane: usize, part: Window, samples: &Samples<'_, T>| {
                let accumulator = &mut accumulators[plane - planes.start];
                let values = self.corrected(*input, plane, part, samples.values, corrected);
                let samples = Samples { values, ..*samples };
                for (y, row) in (part.y0..).zip(samples.rows(part.nx)) {
                    accumulator.add((y - block.y0) * block.nx + (part.x0 - block.x0), &row);
                }
            };
            match stored {
                None => self.sample(*input, block, planes.clone(), sampling, &mut add)?,
                Some(stored) => {
                    let mut watch = Watch::start();
                    stored[tile.number][order].read(block, planes.clone(), self.planes, &mut add);
                    self.finishing.fetch_add(watch.lap().as_nanos() as u64, Ordering::Relaxed);
                }
            }
        }
        let mut watch = Watch::start();
        let blank = T::from_f64(self.plan.options().blank);
        let mut covered = 0;
        for (views, accumulator) in tile.planes.iter_mut().zip(accumulators) {
            let [x, y] = [block.x0 - tile.window.x0, block.y0 - tile.window.y0];
            let at = ndarray::s![y..y + block.ny, x..x + block.nx];
            let mut output = views.output.slice_mut(at);
            let mut footprint = views.footprint.as_mut().map(|view| view.slice_mut(at));
            let mut variance = views.variance.as_mut().map(|view| view.slice_mut(at));
            for y in 0..block.ny {
                let start = y * block.nx;
                fill(output.row_mut(y), row, |out| covered += accumulator.finish(start, blank, out));
                if let Some(footprint) = &mut footprint {
                    fill(footprint.row_mut(y), row, |out| accumulator.footprint(start, out));
                }
                if let Some(variance) = &mut variance {
                    fill(variance.row_mut(y), row, |out| accumulator.variance(start, out));
                }
                if !views.words.is_empty() {
                    accumulator.words(start, block.nx, words);
                    for (view, row) in views.words.iter_mut().zip(words.chunks_exact(block.nx)) {
                        view.slice_mut(at).row_mut(y).iter_mut().zip(row).for_each(|(to, from)| *to = *from);
                    }
                }
            }
        }
        self.covered.fetch_add(covered, Ordering::Relaxed);
        self.finishing.fetch_add(watch.lap().as_nanos() as u64, Ordering::Relaxed);
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
        sink: &mut impl FnMut(usize, Window, &Samples<'_, T>),
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

    pub(crate) fn pool(&self) -> &ThreadPool {
        self.pool
    }

    pub(crate) fn share(&self) -> usize {
        self.share
    }

    pub(crate) fn sampling<T>(&self) -> sample::Workspace<T> {
        // An eighth of the share for each of pixels and weights: f64.
        sample::Workspace::new(self.share / 8 / size_of::<f64>(), self.needs)
    }

    fn workspace<T>(&self) -> Workspace<'_, T> {
        Workspace {
            sampling: self.sampling(),
            accumulators: Vec::new(),
            row: Vec::new(),
            words: Vec::new(),
            corrected: Vec::new(),
            held: self.held(),
        }
    }

    fn accumulator<T: Pixel>(&self) -> Accumulator<T> {
        Accumulator::new(self.plan.options().combine, self.wanted, self.weighted)
    }

    fn account<T: Pixel>(&self, workspace: &mut Workspace<'_, T>) {
        let accumulators: usize = workspace.accumulators.iter().map(Accumulator::bytes).sum();
        workspace.held.set(workspace.sampling.bytes() + accumulators);
    }

    /// Counts what somebody holds.
    pub(crate) fn held(&self) -> Held<'_> {
        Held { counter: &self.bytes, bytes: 0 }
    }

    /// Counts what grows or shrinks in many hands: from `before` to `now` bytes.
    pub(crate) fn hold(&self, before: u64, now: u64) {
        self.bytes.change(before, now);
    }

    fn summary(self) -> Result<Summary, Error> {
        let correlations = if self.wanted.variance { self.correlations()? } else { Vec::new() };
        let tallies = self.tallies.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut total = Tally::default();
        tallies.iter().for_each(|tally| total.merge(tally));
        total.stages.combining += Duration::from_nanos(self.finishing.into_inner());
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
            backgrounds: self.backgrounds,
            peak_bytes: self.bytes.most.into_inner().max(self.plan.matching_peak.load(Ordering::Relaxed)),
            stages: total.stages,
        })
    }

    /// How the noise of each input's samples is correlated.
    fn correlations(&self) -> Result<Vec<Option<f64>>, Error> {
        self.pool.map(self.plan.inputs().len(), |input| {
            let largest = self.plan.bounds(input).iter().max_by_key(|window| window.area());
            Ok(largest.and_then(|window| self.plan.sampler(input).noise_correlation(*window)))
        })
    }
}

/// ... or from samples that are resampled for it.
impl<T: Pixel> background::Source<T> for Engine<'_, '_> {
    fn read(
        &self,
        input: usize,
        block: Window,
        planes: Range<usize>,
        workspace: &mut sample::Workspace<T>,
        sink: &mut dyn FnMut(usize, Window, &[T], &[T]),
    ) -> Result<(), Error> {
        self.sample(input, block, planes, workspace, &mut |plane, part, samples| {
            sink(plane, part, samples.values, samples.weights);
        })
    }
}

/// Has a row written where it belongs, or where that is not in one piece, copied there.
fn fill<T: Pixel>(mut row: ArrayViewMut1<'_, T>, buffer: &mut Vec<T>, write: impl FnOnce(&mut [T])) {
    match row.as_slice_mut() {
        Some(row) => write(row),
        None => {
            buffer.resize(row.len(), T::NAN);
            write(buffer);
            row.iter_mut().zip(buffer).for_each(|(to, from)| *to = *from);
        }
    }
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
