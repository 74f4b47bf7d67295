//! The orders above the finest: a tile is made as soon as its quarters are there.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::{grid::HipsTile, options::HipsReduction};
use crate::Error;

/// The values of a tile, row by row from row 0 on, and the part of each pixel that is covered in the finest order.
pub(super) struct Content {
    pub(super) values: Vec<f64>,
    /// Empty where it is 1 for every value and 0 for NaN: in the finest order.
    pub(super) coverage: Vec<f32>,
}

/// A tile whose quarters have not all come.
struct Pending {
    /// Quarters that have to come.
    left: usize,
    /// Quarters that came and were not empty.
    come: [bool; 4],
    /// Nothing, until one has come that is not empty.
    content: Option<Content>,
}

/// Tiles above the finest order, while they are made.
///
/// If the finest tiles come in the order of their numbers, give or take those that threads are at, few tiles of each order wait: memory does not depend on
/// the size of the sky.
pub(super) struct Pyramid {
    width: usize,
    reduction: HipsReduction,
    /// Numbers of the tiles of the finest order that come, in order.
    leaves: Vec<u64>,
    order: u8,
    pending: Mutex<HashMap<HipsTile, Pending>>,
}

impl Pyramid {
    /// Of finest tiles that all have this order.
    pub(super) fn new(width: usize, order: u8, reduction: HipsReduction, leaves: &[HipsTile]) -> Pyramid {
        let mut leaves: Vec<u64> = leaves.iter().map(HipsTile::number).collect();
        leaves.sort_unstable();
        Pyramid { width, reduction, leaves, order, pending: Mutex::default() }
    }

    /// Bytes that are held at most by so many threads.
    pub(super) fn bytes(&self, threads: usize) -> u64 {
        let tile = self.width * self.width * (size_of::<f64>() + size_of::<f32>());
        (tile * (usize::from(self.order) + 1) * threads.min(self.leaves.len()).max(1)) as u64
    }

    /// Takes a finest tile, `None` if it turned out to be empty, and makes all tiles above that are complete with it. `known` gives quarters that were
    /// there before and do not come; `write` writes a tile, and may round the values to what the file has.
    pub(super) fn add(
        &self,
        leaf: HipsTile,
        content: Option<&Content>,
        known: impl Fn(HipsTile) -> Result<Option<Content>, Error>,
        write: impl Fn(HipsTile, &mut Content) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(mut parent) = leaf.parent() else { return Ok(()) };
        let mut complete = self.put(parent, leaf, content);
        while let Some(pending) = complete {
            let mut content = pending.content;
            if let Some(content) = &mut content {
                let others = parent.children().into_iter().flatten().zip(pending.come).filter(|(_, come)| !come);
                for (quarter, _) in others {
                    if let Some(other) = known(quarter)? {
                        self.fill(quarter, &self.reduce(&other), content);
                    }
                }
                write(parent, content)?;
            }
            let Some(above) = parent.parent() else { break };
            complete = self.put(above, parent, content.as_ref());
            parent = above;
        }
        Ok(())
    }

    /// Puts a quarter into its tile, and takes the tile out if that was the last one.
    fn put(&self, parent: HipsTile, quarter: HipsTile, content: Option<&Content>) -> Option<Pending> {
        let reduced = content.map(|content| self.reduce(content));
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = pending.entry(parent).or_insert_with(|| Pending {
            left: self.quarters(parent),
            come: [false; 4],
            content: None,
        });
        if let Some(reduced) = reduced {
            let area = self.width * self.width;
            let all = waiting
                .content
                .get_or_insert_with(|| Content { values: vec![f64::NAN; area], coverage: vec![0.0; area] });
            self.fill(quarter, &reduced, all);
            if let Some(come) = waiting.come.get_mut((quarter.number() % 4) as usize) {
                *come = true;
            }
        }
        waiting.left = waiting.left.saturating_sub(1);
        if waiting.left > 0 {
            return None;
        }
        pending.remove(&parent)
    }

    /// Puts a reduced tile into the tile above.
    fn fill(&self, quarter: HipsTile, (values, coverage): &(Vec<f64>, Vec<f32>), all: &mut Content) {
        self.place(quarter, values, &mut all.values);
        self.place(quarter, coverage, &mut all.coverage);
    }

    /// How many quarters of a tile have finest tiles in them.
    fn quarters(&self, parent: HipsTile) -> usize {
        let below = 2 * u32::from(self.order - parent.order() - 1);
        let has_leaves = |child: &HipsTile| {
            let first = self.leaves.partition_point(|leaf| *leaf < child.number() << below);
            self.leaves.get(first).is_some_and(|leaf| leaf >> below == child.number())
        };
        parent.children().iter().flatten().filter(|child| has_leaves(child)).count()
    }

    /// Copies a reduced tile to its quarter of the tile above.
    fn place<V: Copy>(&self, quarter: HipsTile, from: &[V], to: &mut [V]) {
        let half = self.width / 2;
        let (right, low) = (quarter.number() & 2 != 0, quarter.number() & 1 != 0);
        let (x, y) = (if right { half } else { 0 }, if low { 0 } else { half });
        for (from, to) in from.chunks_exact(half).zip(to.chunks_exact_mut(self.width).skip(y)) {
            to.iter_mut().skip(x).zip(from).for_each(|(to, from)| *to = *from);
        }
    }

    /// Every 2 × 2 pixels of a tile as one, and the part of them that is covered.
    fn reduce(&self, content: &Content) -> (Vec<f64>, Vec<f32>) {
        let quarter = self.width * self.width / 4;
        let (mut values, mut covers) = (Vec::with_capacity(quarter), Vec::with_capacity(quarter));
        let mut put = |four: [f64; 4], parts: [f32; 4]| {
            values.push(match self.reduction {
                HipsReduction::Mean => mean(four, parts),
                HipsReduction::Median => median(four),
            });
            covers.push(0.25 * (parts[0] + parts[1] + parts[2] + parts[3]));
        };
        let fours = squares(&content.values, self.width);
        if content.coverage.is_empty() {
            fours.for_each(|four| put(four, four.map(|value| if value.is_nan() { 0.0 } else { 1.0 })));
        } else {
            fours.zip(squares(&content.coverage, self.width)).for_each(|(four, parts)| put(four, parts));
        }
        (values, covers)
    }
}

/// The 2 × 2 squares of an image with rows of an even length, row by row.
fn squares<V: Copy>(image: &[V], width: usize) -> impl Iterator<Item = [V; 4]> {
    image.chunks_exact(2 * width).flat_map(move |rows| {
        let (low, high) = rows.split_at(width);
        low.as_chunks().0.iter().zip(high.as_chunks().0).map(|([a, b], [c, d])| [*a, *b, *c, *d])
    })
}

fn mean(values: [f64; 4], parts: [f32; 4]) -> f64 {
    let (mut sum, mut weight) = (0.0, 0.0);
    for (value, part) in values.into_iter().zip(parts) {
        let there = !value.is_nan();
        sum += if there { f64::from(part) * value } else { 0.0 };
        weight += if there { f64::from(part) } else { 0.0 };
    }
    sum / weight
}

fn median(mut values: [f64; 4]) -> f64 {
    // NaN comes last, whatever its sign.
    values.sort_by(|a, b| a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(b)));
    match values.iter().filter(|value| !value.is_nan()).count() {
        0 => f64::NAN,
        1 => values[0],
        2 => 0.5 * (values[0] + values[1]),
        3 => values[1],
        _ => 0.5 * (values[1] + values[2]),
    }
}
