//! Which inputs are compared, and the differences found so far.

use std::{collections::BTreeMap, ops::Range, sync::Mutex};

use super::{fit::Difference, hash::mix};
use crate::{Error, plan::Plan, threads::ThreadPool, window::Window};

/// Partners after itself that an input is compared with; of more, those that a hash of the two picks. Random graphs like that keep what they connect
/// connected, and errors small, so that deep stacks need not compare each input with each.
const PARTNERS: usize = 32;
/// Differences that all pairs in work may hold together, and the least and most that one may.
const KEPT: usize = 1 << 23;
const LEAST: usize = 128;
const MOST: usize = 1 << 16;
/// Times the memory of a pair's differences that is needed beside it while they are fitted.
pub(super) const FITTING: usize = 4;

/// The pairs of inputs whose sub-grids meet, in order.
pub(super) struct Pairs {
    /// Partners of each input after itself, in order; with `first`, the number of the pair.
    partners: Vec<Vec<u32>>,
    first: Vec<usize>,
    count: usize,
}

impl Pairs {
    pub(super) fn new(plan: &Plan<'_>, pool: &ThreadPool) -> Result<Pairs, Error> {
        let inputs = plan.inputs().len();
        // Computed here, in parallel, where they would be waited for below.
        pool.map(inputs, |input| Ok(plan.bounds(input).len()))?;
        let partners = pool.map(inputs, |input| {
            let own = plan.bounds(input);
            let mut found: Vec<u32> = own
                .iter()
                .flat_map(|part| plan.occupied_tiles(*part))
                .flat_map(|t| plan.touching(t))
                .filter(|j| *j > input)
                .map(|j| j as u32)
                .collect();
            found.sort_unstable();
            found.dedup();
            found.retain(|j| own.iter().any(|a| plan.bounds(*j as usize).iter().any(|b| a.intersection(b).is_some())));
            if found.len() > PARTNERS {
                found.sort_by_key(|j| (mix(((input as u64) << 32) | u64::from(*j)), *j));
                found.truncate(PARTNERS);
                found.sort_unstable();
            }
            Ok(found)
        })?;
        let (mut first, mut count) = (Vec::with_capacity(inputs), 0);
        for partners in &partners {
            first.push(count);
            count += partners.len();
        }
        Ok(Pairs { partners, first, count })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The two inputs of each pair.
    pub(super) fn inputs(&self) -> impl Iterator<Item = [usize; 2]> {
        let pairs = self.partners.iter().enumerate();
        pairs.flat_map(|(a, partners)| partners.iter().map(move |b| [a, *b as usize]))
    }

    /// Those of `some` pairs that may have pixels in a part of a tile: number, inputs, and the window that holds them.
    pub(super) fn within(
        &self,
        plan: &Plan<'_>,
        part: Window,
        some: &Range<usize>,
    ) -> Vec<(usize, [usize; 2], Window)> {
        let touching: Vec<(usize, Window)> =
            plan.touching(part).filter_map(|input| Some((input, plan.part(input, part)?))).collect();
        let mut found = Vec::new();
        for (a, window) in &touching {
            for (pair, b) in (self.first[*a]..).zip(&self.partners[*a]).filter(|(pair, _)| some.contains(pair)) {
                let b = *b as usize;
                let Ok(at) = touching.binary_search_by_key(&b, |(input, _)| *input) else { continue };
                if let Some(common) = window.intersection(&touching[at].1) {
                    found.push((pair, [*a, b], common));
                }
            }
        }
        found
    }

    /// Where in the order of the tiles each pair is met, and how much of it there can be.
    pub(super) fn survey(&self, plan: &Plan<'_>, tiles: &[Window]) -> Vec<Survey> {
        let mut surveys = vec![Survey::default(); self.count];
        for (number, tile) in tiles.iter().enumerate() {
            for (pair, _, window) in self.within(plan, *tile, &(0..self.count)) {
                let survey = &mut surveys[pair];
                if survey.pixels == 0 {
                    survey.first = number;
                }
                survey.last = number;
                survey.pixels += window.area();
            }
        }
        surveys
    }
}

/// A pair as the tiles are gone through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Survey {
    first: usize,
    last: usize,
    /// Pixels that both inputs can have at most.
    pixels: usize,
}

/// The largest sum of `of` over the pairs that are in work at the same time, where each stays so for `longer` tiles more.
fn most_at_once(surveys: &[Survey], longer: usize, of: impl Fn(&Survey) -> usize) -> usize {
    let met = || surveys.iter().filter(|survey| survey.pixels > 0);
    let mut begin: Vec<(usize, usize)> = met().map(|survey| (survey.first, of(survey))).collect();
    let mut end: Vec<(usize, usize)> = met().map(|survey| (survey.last + longer, of(survey))).collect();
    begin.sort_unstable();
    end.sort_unstable();
    let (mut active, mut most, mut ended) = (0, 0, end.iter().peekable());
    for (first, size) in begin {
        while let Some((_, size)) = ended.next_if(|(last, _)| *last < first) {
            active -= size;
        }
        active += size;
        most = most.max(active);
    }
    most
}

/// Differences that a pair may keep, `planes` planes being worked on side by side. The same whatever the memory: what is kept decides the result.
pub(super) fn allowance(surveys: &[Survey], planes: usize) -> usize {
    (KEPT / (most_at_once(surveys, 0, |_| 1).max(1) * planes)).clamp(LEAST, MOST)
}

/// How the work is cut so that the differences fit into memory.
#[derive(Debug, PartialEq)]
pub(super) struct Passes {
    /// Planes to be worked on side by side.
    pub(super) planes: usize,
    /// The pairs of each pass over the tiles.
    pub(super) pairs: Vec<Range<usize>>,
}

impl Passes {
    /// `most` is what a pair may keep, `planes` how many planes it would be good to work on side by side; `limit` is that of the bytes of all differences; `None`: none.
    pub(super) fn new(
        surveys: &[Survey],
        most: usize,
        planes: usize,
        workers: usize,
        limit: Option<u64>,
    ) -> Result<Passes, Error> {
        let kept = |survey: &Survey| survey.pixels.min(most) * size_of::<Difference>();
        let all = 0..surveys.len();
        let Some(limit) = limit else { return Ok(Passes { planes, pairs: vec![all] }) };
        let largest = surveys.iter().map(kept).max().unwrap_or(0);
        // Each worker may be fitting a pair.
        let fitting = workers * FITTING * largest;
        let room = limit as usize;
        let Some(room) = room.checked_sub(fitting).filter(|room| largest <= *room) else {
            return Err(Error::Memory {
                what: format!("the matching of backgrounds on {workers} threads"),
                needed: 4 * (fitting + largest) as u64,
                limit: 4 * limit,
                remedy: "use fewer threads".to_owned(),
            });
        };
        let planes = planes.min(room / largest.max(1)).max(1);
        if planes * most_at_once(surveys, workers, kept) <= room {
            return Ok(Passes { planes, pairs: vec![all] });
        }
        let (mut pairs, mut first, mut held) = (Vec::new(), 0, 0);
        for (pair, survey) in surveys.iter().enumerate() {
            let bytes = planes * kept(survey);
            if held + bytes > room {
                pairs.push(first..pair);
                (first, held) = (pair, 0);
            }
            held += bytes;
        }
        pairs.push(first..surveys.len());
        Ok(Passes { planes, pairs })
    }
}

/// The differences of one pair in one plane, from any number of threads.
#[derive(Default)]
pub(super) struct Collection(Mutex<Collected>);

#[derive(Default)]
struct Collected {
    /// Pixels that both have.
    pixels: u64,
    /// Differences at pixels of each rank from `lowest` up.
    kept: BTreeMap<u8, Vec<Difference>>,
    lowest: u8,
    count: usize,
}

impl Collection {
    fn locked(&self) -> std::sync::MutexGuard<'_, Collected> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Pixels of a lower rank are not kept.
    pub(super) fn lowest(&self) -> u8 {
        self.locked().lowest
    }

    /// Adds the differences found in `pixels` pixels. What is kept in the end is all pixels of the lowest rank and above that leaves at most `most`,
    /// whatever the order they come in. Returns the bytes held before and after.
    pub(super) fn add(&self, pixels: u64, found: &[(u8, Difference)], most: usize) -> [u64; 2] {
        let mut own = self.locked();
        let before = own.count;
        own.pixels += pixels;
        for (rank, difference) in found {
            if *rank >= own.lowest {
                own.kept.entry(*rank).or_default().push(*difference);
                own.count += 1;
                while own.count > most {
                    let lowest = own.lowest;
                    own.count -= own.kept.remove(&lowest).map_or(0, |dropped| dropped.len());
                    own.lowest += 1;
                }
            }
        }
        [before, own.count].map(|count| (count * size_of::<Difference>()) as u64)
    }

    /// Pixels that both have, and the differences kept, in no order.
    pub(super) fn take(&self) -> (u64, Vec<Difference>) {
        let own = std::mem::take(&mut *self.locked());
        (own.pixels, own.kept.into_values().flatten().collect())
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)]
mod tests {
    use super::*;

    #[test]
    fn passes_keep_to_the_limit() {
        // Sixteen bytes a difference: 1600 for each pair.
        let surveys: Vec<Survey> = (0..10).map(|k| Survey { first: k, last: k + 1, pixels: 100 }).collect();
        let passes =
            |planes: usize, workers: usize, limit: u64| Passes::new(&surveys, 1000, planes, workers, Some(limit / 4));
        assert_eq!(Passes::new(&surveys, 1000, 8, 2, None).unwrap(), Passes { planes: 8, pairs: vec![0..10] });
        assert_eq!(passes(3, 1, 1 << 20).unwrap(), Passes { planes: 3, pairs: vec![0..10] });
        // What a worker needs to fit a pair, and two pairs in one plane.
        let tight = passes(3, 1, 4 * (1600 * FITTING as u64 + 3200)).unwrap();
        assert_eq!(tight, Passes { planes: 2, pairs: (0..10).map(|k| k..k + 1).collect() });
        let single = passes(1, 1, 4 * (1600 * FITTING as u64 + 3200)).unwrap();
        assert_eq!(single, Passes { planes: 1, pairs: vec![0..2, 2..4, 4..6, 6..8, 8..10] });
        let error = passes(1, 3, 4 * (1600 * FITTING as u64 + 3200)).unwrap_err();
        assert!(matches!(error, Error::Memory { .. }) && error.to_string().contains("3 threads"), "{error}");
        assert_eq!(most_at_once(&surveys, 0, |_| 1), 2);
        assert_eq!(most_at_once(&surveys, 3, |_| 1), 5);
    }
}
