//! Resampled sub-grids that are kept: what `Intermediate::Memory` and `Mapped` write in one pass and read in the next.

use std::ops::Range;

use super::Engine;
use crate::{
    Error, Pixel, background,
    plan::Plan,
    planes::{PlaneSet, Samples},
    progress::{Meter, Phase},
    sample,
    window::Window,
};

/// A tile-sized piece of an input's resampled sub-grid: the samples of all planes, then their weights, then their variances if needed.
pub(super) struct Stored<'s, T> {
    pub(super) input: usize,
    window: Window,
    cells: &'s [T],
    /// Flags of the samples; empty unless needed.
    bits: &'s [u32],
}

impl Engine<'_, '_> {
    /// Resamples every piece into its cells.
    pub(super) fn store<T: Pixel>(
        &self,
        pieces: &[(usize, usize, Window)],
        mut cells: &mut [T],
        mut flags: &mut [u32],
    ) -> Result<(), Error> {
        let mut jobs = Vec::with_capacity(pieces.len());
        for (_, input, window) in pieces {
            let (numbers, words) = self.needs.stored(self.planes * window.area());
            let (own, rest) = std::mem::take(&mut cells).split_at_mut(numbers);
            let (bits, rest_bits) = std::mem::take(&mut flags).split_at_mut(words);
            jobs.push((*input, *window, own, bits));
            (cells, flags) = (rest, rest_bits);
            self.exec.expect(*input, 1);
        }
        let total = jobs.iter().map(|(_, window, ..)| (window.area() * self.planes) as u64).sum();
        let meter = Meter::new(self.plan.options().progress.as_ref(), Phase::Resampling, total);
        self.exec.pool.for_each(
            jobs,
            || self.workspace::<T>(),
            |(input, window, cells, bits), workspace| {
                // A sub-grid pixel that gets no sample keeps weight 0.
                cells.fill(T::default());
                let size = self.planes * window.area();
                let (values, rest) = cells.split_at_mut(size);
                let (weights, variances) = rest.split_at_mut(size);
                self.sample(
                    input,
                    window,
                    0..self.planes,
                    &mut workspace.sampling,
                    &meter,
                    &mut |plane, block, samples| {
                        let plane = plane * window.area();
                        for (y, row) in (block.y0..).zip(samples.rows(block.nx)) {
                            let to = plane + (y - window.y0) * window.nx + (block.x0 - window.x0);
                            let to = to..to + block.nx;
                            values[to.clone()].copy_from_slice(row.values);
                            weights[to.clone()].copy_from_slice(row.weights);
                            if self.needs.contains(PlaneSet::VARIANCE) {
                                variances[to.clone()].copy_from_slice(row.variances);
                            }
                            if self.needs.contains(PlaneSet::MASK) {
                                bits[to].copy_from_slice(row.bits);
                            }
                        }
                    },
                )?;
                self.exec.has_read(input);
                self.account(workspace);
                meter.advance((window.area() * self.planes) as u64)
            },
        )
    }

    /// The stored pieces, by tile of the run.
    pub(super) fn stored<'s, T>(
        &self,
        pieces: Vec<(usize, usize, Window)>,
        tiles: usize,
        mut cells: &'s [T],
        mut flags: &'s [u32],
    ) -> Vec<Vec<Stored<'s, T>>> {
        let mut stored: Vec<Vec<Stored<'s, T>>> = (0..tiles).map(|_| Vec::new()).collect();
        for (tile, input, window) in pieces {
            let (numbers, words) = self.needs.stored(self.planes * window.area());
            let (own, rest) = cells.split_at(numbers);
            let (bits, rest_bits) = flags.split_at(words);
            stored[tile].push(Stored { input, window, cells: own, bits });
            (cells, flags) = (rest, rest_bits);
        }
        stored
    }
}

impl<T> Stored<'_, T> {
    /// Hands over what a block of the tile holds of this piece, row by row. `all` is the number of planes stored.
    pub(super) fn read(
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

/// Stored samples, of which backgrounds are measured.
pub(super) struct StoredSamples<'s, 'a, T> {
    plan: &'s Plan<'a>,
    /// The stored pieces of each tile of the run, which covers the whole target.
    stored: &'s [Vec<Stored<'s, T>>],
    /// Of each occupied tile of the plan, the tiles of the run that it is cut into.
    parts: Vec<Vec<usize>>,
}

impl<'s, 'a, T> StoredSamples<'s, 'a, T> {
    pub(super) fn new(plan: &'s Plan<'a>, tiles: &[Window], stored: &'s [Vec<Stored<'s, T>>]) -> Self {
        let mut parts = vec![Vec::new(); plan.occupied_at(plan.whole()).count()];
        for (number, tile) in tiles.iter().enumerate() {
            plan.occupied_at(*tile).for_each(|whole| parts[whole].push(number));
        }
        StoredSamples { plan, stored, parts }
    }
}

impl<T: Pixel> background::SampleSource<T> for StoredSamples<'_, '_, T> {
    fn read(
        &self,
        input: usize,
        block: Window,
        planes: Range<usize>,
        _workspace: &mut sample::Workspace<T>,
        meter: &Meter<'_>,
        take: &mut dyn FnMut(usize, Window, &[T], &[T]),
    ) -> Result<(), Error> {
        meter.check()?;
        let parts = |tile: usize| &self.parts[tile];
        for pieces in self.plan.occupied_at(block).flat_map(parts).map(|part| &self.stored[*part]) {
            if let Ok(piece) = pieces.binary_search_by_key(&input, |piece| piece.input) {
                pieces[piece].read(block, planes.clone(), self.plan.planes(), &mut |plane, part, samples| {
                    take(plane, part, samples.values, samples.weights);
                });
            }
        }
        Ok(())
    }
}
