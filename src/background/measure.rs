//! From samples to corrections: tile by tile, wherever two inputs or more meet.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{
    fit::{self, Difference, Fit},
    hash::{name, rank, salt},
    pairs::{Collection, FITTING, Pairs, Passes, allowance},
    solve::{Link, solve},
};
use crate::{
    Error, Input, Pixel,
    corrections::{Backgrounds, Correction, Pair, PlaneBackgrounds},
    exec::{Exec, PLANES_AT_ONCE},
    memory::Reservation,
    options::{MatchBackground, Matching, PairWeight},
    plan::Plan,
    planes::PlaneSet,
    progress::{Meter, Phase},
    sample,
    window::{Window, blocks},
};

/// Hands over the samples of an input in a block.
pub(crate) trait SampleSource<T>: Sync {
    /// `take(plane, window, values, weights)` gets them in pieces that are rows of `window`; pixels that are not handed over have none.
    fn read(
        &self,
        input: usize,
        block: Window,
        planes: Range<usize>,
        workspace: &mut sample::Workspace<T>,
        meter: &Meter<'_>,
        take: &mut dyn FnMut(usize, Window, &[T], &[T]),
    ) -> Result<(), Error>;
}

/// A pair in one plane: first its differences, then what they come to.
struct Work {
    collection: Collection,
    result: OnceLock<Option<(Fit, u64)>>,
}

/// What a worker keeps from block to block.
struct PairWorker<T> {
    sampling: sample::Workspace<T>,
    samples: Vec<T>,
    names: Vec<u64>,
    found: Vec<(u8, Difference)>,
    reserved: Reservation,
}

/// Measures the backgrounds of a plan over the whole target. Its tiles have the side [`TILE`].
///
/// [`TILE`]: super::TILE
pub(crate) fn measure<T: Pixel>(
    exec: &Exec<'_>,
    plan: &Plan<'_>,
    source: &impl SampleSource<T>,
) -> Result<Backgrounds, Error> {
    let (matching, slopes) = match plan.options().match_background {
        MatchBackground::None => return Ok(Backgrounds { planes: Vec::new() }),
        MatchBackground::Constant(matching) => (matching, false),
        MatchBackground::Plane(matching) => (matching, true),
    };
    let planes = plan.planes();
    let pairs = Pairs::new(plan, exec.pool)?;
    let tiles: Vec<Window> = plan.occupied_tiles(plan.whole());
    let surveys = pairs.survey(plan, &tiles);
    let most = allowance(&surveys, planes.min(PLANES_AT_ONCE));
    let passes = Passes::new(&surveys, most, planes.min(PLANES_AT_ONCE), exec.pool.workers(), exec.differences)?;
    let busy: Vec<Vec<Window>> = passes
        .pairs
        .iter()
        .map(|some| tiles.iter().copied().filter(|tile| !pairs.within(plan, *tile, some).is_empty()).collect())
        .collect();
    let area: usize = busy.iter().flatten().map(Window::area).sum();
    let meter = Meter::new(plan.options().progress.as_ref(), Phase::Matching, (area * planes) as u64);
    let centre = [(plan.whole().nx - 1) as f64 / 2.0, (plan.whole().ny - 1) as f64 / 2.0];
    let mut fits: Vec<Vec<Option<(Fit, u64)>>> = vec![Vec::with_capacity(pairs.count()); planes];
    for (some, busy) in passes.pairs.iter().zip(&busy) {
        let job = Job { exec, plan, pairs: &pairs, some, source, most, slopes, centre };
        let visits = job.expect(busy, planes.div_ceil(passes.planes));
        for start in (0..planes).step_by(passes.planes) {
            let side_by_side = start..(start + passes.planes).min(planes);
            let found = job.pass(busy, side_by_side.clone(), &visits, &meter)?;
            for (k, fits) in fits[side_by_side.clone()].iter_mut().enumerate() {
                fits.extend(found.iter().skip(k).step_by(side_by_side.len()));
            }
        }
    }
    let exposures = exposures(plan.inputs());
    let matched = |fits: &Vec<Option<(Fit, u64)>>| matched(&exposures, pairs.inputs().zip(fits), centre, &matching);
    Ok(Backgrounds { planes: fits.iter().map(matched).collect() })
}

/// The number of each input's exposure, in the order of their first inputs.
fn exposures(inputs: &[Input<'_>]) -> Vec<usize> {
    let (mut known, mut count) = (BTreeMap::new(), 0);
    let mut next = || {
        count += 1;
        count - 1
    };
    let number = |input| match Input::exposure(input) {
        Some(name) => *known.entry(name).or_insert_with(&mut next),
        None => next(),
    };
    inputs.iter().map(number).collect()
}

/// The inputs of pairs and the window in which each is needed.
fn inputs_of(pairs: &[(usize, [usize; 2], Window)]) -> BTreeMap<usize, Window> {
    let mut inputs = BTreeMap::new();
    for (_, pair, window) in pairs {
        for input in pair {
            inputs.entry(*input).and_modify(|all: &mut Window| *all = all.hull(window)).or_insert(*window);
        }
    }
    inputs
}

struct Job<'j, 'a, S> {
    exec: &'j Exec<'j>,
    plan: &'j Plan<'a>,
    pairs: &'j Pairs,
    /// The pairs of this pass.
    some: &'j Range<usize>,
    source: &'j S,
    most: usize,
    slopes: bool,
    centre: [f64; 2],
}

impl<S> Job<'_, '_, S> {
    /// Announces that these tiles are going to be gone through so many times. Returns how many of them each pair is met in.
    fn expect(&self, busy: &[Window], times: usize) -> Vec<usize> {
        let mut visits = vec![0; self.some.len()];
        for tile in busy {
            let within = self.pairs.within(self.plan, *tile, self.some);
            within.iter().for_each(|(pair, ..)| visits[*pair - self.some.start] += 1);
            inputs_of(&within).keys().for_each(|input| self.exec.expect(*input, times));
        }
        visits
    }

    /// Goes through the tiles: what each pair comes to in each of some planes.
    fn pass<T: Pixel>(
        &self,
        busy: &[Window],
        planes: Range<usize>,
        visits: &[usize],
        meter: &Meter<'_>,
    ) -> Result<Vec<Option<(Fit, u64)>>, Error>
    where
        S: SampleSource<T>,
    {
        let new = || Work { collection: Collection::default(), result: OnceLock::new() };
        let work: Vec<Work> = (0..self.some.len() * planes.len()).map(|_| new()).collect();
        let visits: Vec<AtomicUsize> = visits.iter().map(|count| AtomicUsize::new(*count)).collect();
        self.exec.pool.for_each(
            busy.to_vec(),
            || PairWorker {
                sampling: self.exec.sampling(PlaneSet::NONE),
                samples: Vec::new(),
                names: Vec::new(),
                found: Vec::new(),
                reserved: self.exec.memory.workspace(),
            },
            |tile, worker: &mut PairWorker<T>| {
                self.tile(tile, planes.clone(), &work, &visits, meter, worker)?;
                meter.advance((tile.area() * planes.len()) as u64)
            },
        )?;
        Ok(work.iter().map(|work| work.result.get().copied().flatten()).collect())
    }

    /// Collects the differences of a tile, and fits those of pairs that have no more.
    fn tile<T: Pixel>(
        &self,
        tile: Window,
        planes: Range<usize>,
        work: &[Work],
        visits: &[AtomicUsize],
        meter: &Meter<'_>,
        worker: &mut PairWorker<T>,
    ) -> Result<(), Error>
    where
        S: SampleSource<T>,
    {
        let within = self.pairs.within(self.plan, tile, self.some);
        let inputs = inputs_of(&within);
        let per_pixel = inputs.len() * planes.len() * size_of::<T>();
        for block in blocks(tile, self.exec.share / 4 / per_pixel.max(1)) {
            self.block(block, planes.clone(), work, meter, worker)?;
        }
        inputs.keys().for_each(|input| self.exec.has_read(*input));
        for (pair, ..) in within {
            let pair = pair - self.some.start;
            if visits[pair].fetch_sub(1, Ordering::AcqRel) > 1 {
                continue;
            }
            for work in &work[pair * planes.len()..(pair + 1) * planes.len()] {
                let (pixels, mut differences) = work.collection.take();
                let bytes = (differences.len() * size_of::<Difference>()) as u64;
                let fitting = bytes * (1 + FITTING as u64);
                self.exec.memory.count(bytes, fitting);
                let fit =
                    if self.slopes { fit::plane(&mut differences) } else { fit::constant(&differences, self.centre) };
                // Set once: this is the last visit.
                let _ = work.result.set(fit.map(|fit| (fit, pixels)));
                self.exec.memory.count(fitting, 0);
            }
        }
        let found =
            worker.found.capacity() * size_of::<(u8, Difference)>() + worker.names.capacity() * size_of::<u64>();
        worker.reserved.set(worker.sampling.bytes() + worker.samples.capacity() * size_of::<T>() + found);
        Ok(())
    }

    fn block<T: Pixel>(
        &self,
        block: Window,
        planes: Range<usize>,
        work: &[Work],
        meter: &Meter<'_>,
        worker: &mut PairWorker<T>,
    ) -> Result<(), Error>
    where
        S: SampleSource<T>,
    {
        let PairWorker { sampling, samples, names, found, .. } = worker;
        let within = self.pairs.within(self.plan, block, self.some);
        let inputs = inputs_of(&within);
        let area = block.area();
        samples.clear();
        samples.resize(inputs.len() * planes.len() * area, T::NAN);
        for ((input, window), samples) in inputs.iter().zip(samples.chunks_exact_mut(planes.len() * area)) {
            self.source.read(
                *input,
                *window,
                planes.clone(),
                sampling,
                meter,
                &mut |plane, part, values, weights| {
                    let samples = &mut samples[(plane - planes.start) * area..];
                    for (row, y) in (part.y0..part.y0 + part.ny).enumerate() {
                        let to = (y - block.y0) * block.nx + part.x0 - block.x0;
                        let from = row * part.nx..(row + 1) * part.nx;
                        let pairs = values[from.clone()].iter().zip(&weights[from]);
                        for (to, (value, weight)) in samples[to..to + part.nx].iter_mut().zip(pairs) {
                            *to = if weight.to_f64() > 0.0 { *value } else { T::NAN };
                        }
                    }
                },
            )?;
        }
        names.clear();
        let rows = block.y0..block.y0 + block.ny;
        names.extend(rows.flat_map(|y| (block.x0..block.x0 + block.nx).map(move |x| name(x, y))));
        let order: Vec<usize> = inputs.keys().copied().collect();
        for (pair, both, window) in within {
            let [Ok(a), Ok(b)] = both.map(|input| order.binary_search(&input)) else { continue };
            let salt = salt(both);
            for plane in 0..planes.len() {
                let [a, b] = [a, b].map(|place| &samples[(place * planes.len() + plane) * area..][..area]);
                let collection = &work[(pair - self.some.start) * planes.len() + plane].collection;
                let lowest = collection.lowest();
                let mut pixels = 0;
                found.clear();
                for y in window.y0..window.y0 + window.ny {
                    let start = (y - block.y0) * block.nx + window.x0 - block.x0;
                    let row = start..start + window.nx;
                    let both = a[row.clone()].iter().zip(&b[row.clone()]);
                    for ((x, (a, b)), name) in (window.x0..).zip(both).zip(&names[row]) {
                        let value = a.to_f64() - b.to_f64();
                        if value.is_finite() {
                            pixels += 1;
                            let rank = rank(*name, salt);
                            if rank >= lowest {
                                found.push((rank, Difference { x: x as u32, y: y as u32, value }));
                            }
                        }
                    }
                }
                let grown = collection.add(pixels, found, self.most);
                self.exec.memory.count(grown[0], grown[1]);
            }
        }
        Ok(())
    }
}

/// Solves one plane. `exposures` are the numbers of the inputs' exposures, which are corrected as one.
fn matched<'f>(
    exposures: &[usize],
    fits: impl Iterator<Item = ([usize; 2], &'f Option<(Fit, u64)>)>,
    centre: [f64; 2],
    matching: &Matching,
) -> PlaneBackgrounds {
    let found: Vec<([usize; 2], Fit, u64)> =
        fits.filter_map(|(pair, fit)| fit.map(|(fit, pixels)| (pair, fit, pixels))).collect();
    let weight = |pixels: u64| match matching.weight {
        PairWeight::Pixels => pixels as f64,
        PairWeight::Equal => 1.0,
    };
    let links = found.iter().map(|(inputs, fit, pixels)| Link {
        inputs: inputs.map(|input| exposures[input]),
        fit: *fit,
        weight: weight(*pixels),
    });
    // Where two parts of one exposure overlap, nothing is learned about its correction.
    let links: Vec<Link> = links.filter(|link| link.inputs[0] != link.inputs[1]).collect();
    let count = exposures.iter().max().map_or(0, |last| last + 1);
    let (solved, connected) = solve(count, &links, centre, matching.reference.map(|reference| exposures[reference]));
    let about = |centre: [f64; 2], [offset, x, y]: [f64; 3]| Correction::new(offset, [x, y], centre);
    let corrections: Vec<Correction> = exposures.iter().map(|exposure| about(centre, solved[*exposure])).collect();
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); connected.len()];
    let mut group_of = vec![0; count];
    for (group, members) in connected.iter().enumerate() {
        members.iter().for_each(|exposure| group_of[*exposure] = group);
    }
    for (input, exposure) in exposures.iter().enumerate() {
        groups[group_of[*exposure]].push(input);
    }
    let pair = |(inputs, fit, pixels): ([usize; 2], Fit, u64)| {
        let [a, b] = inputs.map(|input| corrections[input].at(fit.centre[0], fit.centre[1]));
        Pair { inputs, pixels, difference: about(fit.centre, fit.value), residual: fit.value[0] - (a - b) }
    };
    let pairs = found.into_iter().map(pair).collect();
    PlaneBackgrounds { corrections, groups, pairs }
}
