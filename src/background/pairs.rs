//! Which inputs are compared, and the differences found so far.

use std::{collections::BTreeMap, sync::Mutex};

use super::fit::Difference;
use crate::{
    Error,
    plan::{Plan, Window},
    schedule::Crew,
};

/// Partners after itself that an input is compared with; of more, those that a hash of the two picks. Random graphs like that keep what they connect
/// connected, and errors small, so that deep stacks need not compare each input with each.
const PARTNERS: usize = 32;
/// Differences that all pairs in work may hold together, and the least and most that one may.
const KEPT: usize = 1 << 23;
const LEAST: usize = 128;
const MOST: usize = 1 << 16;

/// The pairs of inputs whose sub-grids meet, in order.
pub(super) struct Pairs {
    /// Partners of each input after itself, in order; with `first`, the number of the pair.
    partners: Vec<Vec<u32>>,
    first: Vec<usize>,
    count: usize,
}

impl Pairs {
    pub(super) fn new(plan: &Plan<'_, '_>, crew: &Crew) -> Result<Pairs, Error> {
        let inputs = plan.inputs().len();
        // Computed here, in parallel, where they would be waited for below.
        crew.map(inputs, |input| Ok(plan.bounds(input).len()))?;
        let partners = crew.map(inputs, |input| {
            let own = plan.bounds(input);
            let mut found: Vec<u32> = own
                .iter()
                .flat_map(|part| plan.tiles_in(*part))
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

    /// The pairs that may have pixels in a part of a tile: number, inputs, and the window that holds them.
    pub(super) fn within(&self, plan: &Plan<'_, '_>, part: Window) -> Vec<(usize, [usize; 2], Window)> {
        let touching: Vec<(usize, Window)> =
            plan.touching(part).filter_map(|input| Some((input, plan.part(input, part)?))).collect();
        let mut found = Vec::new();
        for (a, window) in &touching {
            for (rank, b) in self.partners[*a].iter().enumerate() {
                let b = *b as usize;
                let Ok(at) = touching.binary_search_by_key(&b, |(input, _)| *input) else { continue };
                if let Some(common) = window.intersection(&touching[at].1) {
                    found.push((self.first[*a] + rank, [*a, b], common));
                }
            }
        }
        found
    }

    /// Differences that a pair may keep, `planes` planes being worked on side by side over these tiles in order.
    pub(super) fn allowance(&self, plan: &Plan<'_, '_>, tiles: &[Window], planes: usize) -> usize {
        let mut last = vec![None; self.count];
        let mut first = vec![0_usize; tiles.len() + 1];
        for (number, tile) in tiles.iter().enumerate() {
            for (pair, ..) in self.within(plan, *tile) {
                if last[pair].replace(number).is_none() {
                    first[number] += 1;
                }
            }
        }
        let mut done = vec![0_usize; tiles.len() + 1];
        last.into_iter().flatten().for_each(|number| done[number] += 1);
        let (mut active, mut most) = (0, 1);
        for (first, done) in first.into_iter().zip(done) {
            active += first;
            most = most.max(active);
            active -= done;
        }
        (KEPT / (most * planes)).clamp(LEAST, MOST)
    }
}

/// Scrambles 64 bits (SplitMix64, Steele et al. 2014).
pub(super) fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A scrambled name of an output pixel.
pub(super) fn name(x: usize, y: usize) -> u64 {
    mix((((y as u64) << 32) | x as u64).wrapping_add(0x9e37_79b9_7f4a_7c15))
}

/// That of a pair, from [`name`]s of its inputs.
pub(super) fn salt([a, b]: [usize; 2]) -> u64 {
    name(a, b)
}

/// The rank of a pixel for a pair: half of all have 0, a quarter 1, and so on, without a pattern and for each pair others: what
/// noise does to the pixels of an input that are kept is not the same for all its partners.
pub(super) fn rank(name: u64, salt: u64) -> u8 {
    (name ^ salt).wrapping_mul(0xbf58_476d_1ce4_e5b9).leading_zeros() as u8
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
