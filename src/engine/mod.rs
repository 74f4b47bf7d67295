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

mod run;
mod store;
mod tiles;

use std::{
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ndarray::ArrayViewMut1;

use crate::{
    Error, Intermediate, MatchBackground, Pixel, background,
    combine::Accumulator,
    corrections::Backgrounds,
    exec::{Exec, PLANES_AT_ONCE},
    memory::Reservation,
    plan::Plan,
    planes::{self, PlaneSet, Samples, Views},
    progress::{Meter, Phase},
    sample,
    sink::{InOrder, SinkLayout, StopUnlessDone, TileOrder, TileSink, TileSums},
    stats::{Tally, Watch},
    storage::{Buffer, Storage},
    summary::{InputSummary, Status, Summary},
    threads::ThreadPool,
    window::{Window, blocks},
};
use store::{Stored, StoredSamples};
use tiles::{CallerArrays, Target, TileBuffer, TileJob, cut_to, jobs};

/// What a worker keeps from tile to tile.
struct TileWorkspace<T> {
    sampling: sample::Workspace<T>,
    accumulators: Vec<Accumulator<T>>,
    row: Vec<T>,
    words: Vec<i32>,
    /// Samples with the background taken off.
    corrected: Vec<T>,
    tile: TileBuffer<T>,
    reserved: Reservation,
}

/// A plan being carried out for one window of the target, or for some tiles.
struct Engine<'r, 'a> {
    plan: &'r Plan<'a>,
    exec: &'r Exec<'r>,
    /// Pixels of a plane that are computed.
    area: usize,
    /// Planes of the output, all leading dimensions taken together.
    planes: usize,
    /// Planes asked for beside the mosaic.
    wanted: PlaneSet,
    /// Of each sample, what is needed beside value and weight.
    needs: PlaneSet,
    /// Whether a sample may have another weight than 1.
    weighted: bool,
    tallies: Mutex<Vec<Tally>>,
    backgrounds: Option<Arc<Backgrounds>>,
    covered: AtomicU64,
    /// Nanoseconds that the workers took to combine what was stored, and to finish and write pixels.
    finishing: AtomicU64,
}

/// What of a plan is carried out.
#[derive(Clone, Copy, PartialEq)]
enum Part<'w> {
    /// All tiles of a window.
    Window(Window),
    /// Some tiles, or parts of tiles, in this order.
    Tiles(&'w [Window]),
}

/// What the blocks of a tile are computed with.
struct BlockJob<'b, 's, T> {
    block: Window,
    /// The tile's first plane.
    first_plane: usize,
    touching: &'b [usize],
    /// The stored pieces of the tile, one for each of `touching`.
    stored: Option<&'b [Stored<'s, T>]>,
    /// Where sums outlive the run.
    sums: Option<&'b dyn TileSums>,
    meter: &'b Meter<'b>,
}

impl<'r, 'a> Engine<'r, 'a> {
    fn new(plan: &'r Plan<'a>, exec: &'r Exec<'r>, area: usize, wanted: PlaneSet) -> Self {
        Engine {
            plan,
            exec,
            area,
            planes: plan.planes(),
            wanted,
            needs: plan.needs(wanted),
            weighted: plan.weighted(),
            tallies: Mutex::new(vec![Tally::default(); plan.inputs().len()]),
            backgrounds: None,
            covered: AtomicU64::new(0),
            finishing: AtomicU64::new(0),
        }
    }

    fn measure<T: Pixel>(plan: &Plan<'_>) -> Result<Backgrounds, Error> {
        let pool = ThreadPool::new(plan.options().parallel)?;
        let other = plan.for_backgrounds()?;
        let tiled = other.as_ref().unwrap_or(plan);
        let exec = Exec::new(tiled, &pool)?;
        let engine = Engine::new(tiled, &exec, tiled.whole().area(), PlaneSet::NONE);
        let measured = background::measure::<T>(&exec, tiled, &engine)?;
        plan.matching_peak.fetch_max(exec.memory.peak(), Ordering::Relaxed);
        Ok(measured)
    }

    fn run_to<T: Pixel>(plan: &Plan<'_>, part: Part<'_>, sink: &mut dyn TileSink<T>) -> Result<Summary, Error> {
        let mut ordered;
        let sink: &mut dyn TileSink<T> = match sink.order() {
            TileOrder::Any => sink,
            TileOrder::Sweep => {
                ordered = InOrder::new(sink);
                &mut ordered
            }
        };
        let summary = Engine::run(plan, part, sink.planes(), Target::Sink(&mut *sink))?;
        sink.finish()?;
        Ok(summary)
    }

    fn run<T: Pixel>(
        plan: &Plan<'_>,
        part: Part<'_>,
        wanted: PlaneSet,
        mut target: Target<'_, T>,
    ) -> Result<Summary, Error> {
        let pool = ThreadPool::new(plan.options().parallel)?;
        let exec = Exec::new(plan, &pool)?;
        let planes = plan.planes();
        let (window, mut tiles) = match part {
            Part::Window(window) => (window, plan.tiles_in(window)),
            Part::Tiles(tiles) => (tiles.iter().fold(Window::default(), |all, tile| all.hull(tile)), tiles.to_vec()),
        };
        let area = tiles.iter().map(Window::area).sum();
        let mut engine = Engine::new(plan, &exec, area, wanted);
        let sink_bytes = match &mut target {
            Target::Arrays(_) => None,
            Target::Sink(sink) => {
                let per_pixel = wanted.bytes_per_pixel::<T>(plan.inputs().len());
                tiles = cut_to(&tiles, planes, per_pixel, exec.share / 4);
                let bytes = sink.start(&SinkLayout {
                    shape: plan.shape(),
                    window,
                    planes,
                    inputs: plan.inputs().len(),
                    tiles: &tiles,
                    threads: pool.workers(),
                    planes_at_once: planes.min(PLANES_AT_ONCE),
                    available: exec.memory.available(),
                })?;
                Some(exec.memory.reserve(bytes, "the buffers of the outputs", "use fewer threads or outputs")?)
            }
        };
        let matching = plan.options().match_background != MatchBackground::None;
        // From the samples that this run stores if they are all there are.
        let stored_all = part == Part::Window(plan.whole()) && plan.options().intermediate != Intermediate::None;
        if matching && (!stored_all || plan.known_backgrounds::<T>().get().is_some()) {
            engine.backgrounds = Some(plan.match_backgrounds::<T>()?);
        }
        let storage = match &plan.options().intermediate {
            Intermediate::None => {
                engine.combine(target, &tiles, None)?;
                drop(sink_bytes);
                return engine.summary();
            }
            Intermediate::Memory => Storage::Memory,
            Intermediate::Mapped { dir } => Storage::Mapped { dir: dir.clone() },
        };
        let pieces = plan.pieces(&tiles);
        let samples: usize = pieces.iter().map(|(_, _, window)| planes * window.area()).sum();
        let (numbers, words) = engine.needs.stored(samples);
        let _intermediates = match storage {
            Storage::Memory => Some(exec.memory.reserve(
                engine.needs.stored_bytes::<T>(samples),
                "the intermediates in memory",
                "use Intermediate::Mapped or Intermediate::None",
            )?),
            Storage::Mapped { .. } => None,
        };
        let mut buffer = Buffer::<T>::new(numbers, &storage, "the resampled sub-grids of the inputs")?;
        let mut flags = Buffer::<u32>::new(words, &storage, "the flags of the resampled sub-grids")?;
        engine.store(&pieces, buffer.as_mut_slice(), flags.as_mut_slice())?;
        let stored = engine.stored(pieces, tiles.len(), buffer.as_slice(), flags.as_slice());
        if matching && engine.backgrounds.is_none() {
            let other = plan.for_backgrounds()?;
            let source = StoredSamples::new(plan, &tiles, &stored);
            let measured = background::measure::<T>(&exec, other.as_ref().unwrap_or(plan), &source)?;
            engine.backgrounds = Some(Arc::clone(plan.known_backgrounds::<T>().get_or_init(|| Arc::new(measured))));
        }
        engine.combine(target, &tiles, Some(&stored))?;
        drop(sink_bytes);
        engine.summary()
    }

    /// Combines tile by tile, from stored pieces (by tile) or resampling as it goes.
    fn combine<T: Pixel>(
        &self,
        target: Target<'_, T>,
        tiles: &[Window],
        stored: Option<&[Vec<Stored<'_, T>>]>,
    ) -> Result<(), Error> {
        let total = (self.area * self.planes) as u64;
        let meter = Meter::new(self.plan.options().progress.as_ref(), Phase::Combining, total);
        let (views, sink) = match target {
            Target::Arrays(arrays) => {
                let CallerArrays { mosaic, footprint, planes } = *arrays;
                (planes::split(tiles, mosaic, footprint, planes), None)
            }
            Target::Sink(sink) => (Vec::new(), Some(sink)),
        };
        let sink: Option<&dyn TileSink<T>> = sink.map(|sink| &*sink);
        let sums = sink.and_then(|sink| sink.sums());
        let jobs = jobs(tiles, self.planes, views);
        if stored.is_none() {
            for tile in &jobs {
                self.plan.touching(tile.window).for_each(|input| self.exec.expect(input, 1));
            }
        }
        self.exec.pool.for_each(
            jobs,
            || self.workspace::<T>(),
            |mut tile, workspace| {
                let stop = StopUnlessDone::new(sink);
                let pieces = stored.map(|stored| &stored[tile.number][..]);
                self.tile(&mut tile, pieces, sums, &meter, workspace)?;
                if let Some(sink) = sink {
                    workspace.tile.hand_over(&tile, sink)?;
                }
                self.account(workspace);
                meter.advance((tile.window.area() * tile.planes) as u64)?;
                stop.done();
                Ok(())
            },
        )
    }

    /// Computes a tile: into its views, or into the workspace's buffer.
    fn tile<T: Pixel>(
        &self,
        tile: &mut TileJob<'_, T>,
        stored: Option<&[Stored<'_, T>]>,
        sums: Option<&dyn TileSums>,
        meter: &Meter<'_>,
        workspace: &mut TileWorkspace<T>,
    ) -> Result<(), Error> {
        let touching: Vec<usize> = match stored {
            None => self.plan.touching(tile.window).collect(),
            Some(stored) => stored.iter().map(|piece| piece.input).collect(),
        };
        let mut buffer = std::mem::replace(&mut workspace.tile, TileBuffer::new(PlaneSet::NONE, 0));
        let mut views: Vec<Views<'_, T>> = match &mut tile.views[..] {
            [] => buffer.views(tile.window, tile.planes),
            given => given.iter_mut().map(Views::reborrow).collect(),
        };
        let per_pixel = tile.planes * self.accumulator::<T>().bytes_per_pixel(touching.len());
        for block in blocks(tile.window, self.exec.share / 2 / per_pixel) {
            let job = BlockJob { block, first_plane: tile.first_plane, touching: &touching, stored, sums, meter };
            self.block(&job, tile.window, &mut views, workspace)?;
        }
        drop(views);
        workspace.tile = buffer;
        if stored.is_none() {
            touching.iter().for_each(|input| self.exec.has_read(*input));
        }
        Ok(())
    }

    /// Computes and writes one block of a tile.
    fn block<T: Pixel>(
        &self,
        job: &BlockJob<'_, '_, T>,
        tile: Window,
        views: &mut [Views<'_, T>],
        workspace: &mut TileWorkspace<T>,
    ) -> Result<(), Error> {
        let BlockJob { block, touching, meter, .. } = *job;
        let TileWorkspace { sampling, accumulators, row, words, corrected, .. } = workspace;
        let blank = T::from_f64(self.plan.options().blank);
        let [x, y] = [block.x0 - tile.x0, block.y0 - tile.y0];
        let at = ndarray::s![y..y + block.ny, x..x + block.nx];
        if touching.is_empty() {
            views.iter_mut().for_each(|views| views.clear(at, blank));
            return Ok(());
        }
        let planes = job.first_plane..job.first_plane + views.len();
        accumulators.resize_with(planes.len().max(accumulators.len()), || self.accumulator());
        let started = accumulators[..planes.len()].iter_mut();
        started.for_each(|accumulator| accumulator.start(block.area(), touching.len()));
        if let Some(sums) = job.sums {
            for (plane, accumulator) in planes.clone().zip(accumulators.iter_mut()) {
                let [values, weights] = accumulator.sums();
                sums.load(block, plane, values, weights)?;
            }
        }
        for (order, input) in touching.iter().enumerate() {
            meter.check()?;
            accumulators[..planes.len()].iter_mut().for_each(|accumulator| accumulator.next_input(*input));
            let mut add = |plane: usize, part: Window, samples: &Samples<'_, T>| {
                let accumulator = &mut accumulators[plane - planes.start];
                let values = self.corrected(*input, plane, part, samples.values, corrected);
                let samples = Samples { values, ..*samples };
                for (y, row) in (part.y0..).zip(samples.rows(part.nx)) {
                    accumulator.add((y - block.y0) * block.nx + (part.x0 - block.x0), &row);
                }
            };
            match job.stored {
                None => self.sample(*input, block, planes.clone(), sampling, meter, &mut add)?,
                Some(stored) => {
                    let mut watch = Watch::start();
                    stored[order].read(block, planes.clone(), self.planes, &mut add);
                    self.finishing.fetch_add(watch.lap().as_nanos() as u64, Ordering::Relaxed);
                }
            }
        }
        if let Some(sums) = job.sums {
            for (plane, accumulator) in planes.zip(accumulators.iter_mut()) {
                let [values, weights] = accumulator.sums();
                sums.save(block, plane, values, weights)?;
            }
        }
        let mut watch = Watch::start();
        let mut covered = 0;
        for (views, accumulator) in views.iter_mut().zip(accumulators) {
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
        meter: &Meter<'_>,
        take: &mut impl FnMut(usize, Window, &Samples<'_, T>),
    ) -> Result<(), Error> {
        let reader = self.exec.reader(input, meter);
        let sampled = self.plan.planned(input).sample(&reader, block, planes, workspace, take);
        let tally = sampled.map_err(|error| error.of_input(input, self.plan.inputs()[input].name()))?;
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)[input].merge(&tally);
        Ok(())
    }

    fn workspace<T: Pixel>(&self) -> TileWorkspace<T> {
        TileWorkspace {
            sampling: self.exec.sampling(self.needs),
            accumulators: Vec::new(),
            row: Vec::new(),
            words: Vec::new(),
            corrected: Vec::new(),
            tile: TileBuffer::new(self.wanted, self.plan.inputs().len()),
            reserved: self.exec.memory.workspace(),
        }
    }

    fn accumulator<T: Pixel>(&self) -> Accumulator<T> {
        Accumulator::new(self.plan.options().combine, self.wanted, self.plan.inputs().len(), self.weighted)
    }

    fn account<T: Pixel>(&self, workspace: &mut TileWorkspace<T>) {
        let accumulators: usize = workspace.accumulators.iter().map(Accumulator::bytes).sum();
        workspace.reserved.set(workspace.sampling.bytes() + accumulators + workspace.tile.bytes());
    }

    fn summary(self) -> Result<Summary, Error> {
        let correlations = if self.wanted.contains(PlaneSet::VARIANCE) { self.correlations()? } else { Vec::new() };
        let tallies = self.tallies.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut total = Tally::default();
        tallies.iter().for_each(|tally| total.merge(tally));
        total.stages.combining += Duration::from_nanos(self.finishing.into_inner());
        let bounds = self.exec.pool.map(tallies.len(), |input| {
            Ok(if tallies[input].resampled > 0 { self.plan.bounds(input).to_vec() } else { Vec::new() })
        })?;
        let inputs = self.plan.inputs().iter().zip(&tallies).zip(bounds).enumerate();
        let inputs = inputs.map(|(index, ((input, tally), bounds))| InputSummary {
            name: input.name().to_owned(),
            status: if tally.resampled > 0 { Status::Used } else { Status::NoOverlap },
            bounds,
            resampled_pixels: tally.resampled,
            max_coordinate_error: tally.grid.max_error,
            noise_correlation: correlations.get(index).copied().flatten().filter(|_| tally.resampled > 0),
        });
        let inputs: Vec<InputSummary> = inputs.collect();
        Ok(Summary {
            noise_correlation: Summary::correlation(&inputs),
            inputs,
            covered_pixels: self.covered.into_inner(),
            output_pixels: (self.area * self.planes) as u64,
            resampled_pixels: total.resampled,
            coordinate_error: self.plan.options().coordinate_error,
            max_coordinate_error: total.grid.max_error,
            exact_fraction: total.grid.exact_pixels as f64
                / (total.grid.exact_pixels + total.grid.approximated_pixels).max(1) as f64,
            backgrounds: self.backgrounds,
            peak_bytes: self.exec.memory.peak().max(self.plan.matching_peak.load(Ordering::Relaxed)),
            stages: total.stages,
        })
    }

    /// How the noise of each input's samples is correlated.
    fn correlations(&self) -> Result<Vec<Option<f64>>, Error> {
        self.exec.pool.map(self.plan.inputs().len(), |input| {
            let largest = self.plan.bounds(input).iter().max_by_key(|window| window.area());
            Ok(largest.and_then(|window| self.plan.planned(input).noise_correlation(*window)))
        })
    }
}

/// ... or from samples that are resampled for it.
impl<T: Pixel> background::SampleSource<T> for Engine<'_, '_> {
    fn read(
        &self,
        input: usize,
        block: Window,
        planes: Range<usize>,
        workspace: &mut sample::Workspace<T>,
        meter: &Meter<'_>,
        take: &mut dyn FnMut(usize, Window, &[T], &[T]),
    ) -> Result<(), Error> {
        self.sample(input, block, planes, workspace, meter, &mut |plane, part, samples| {
            take(plane, part, samples.values, samples.weights);
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
