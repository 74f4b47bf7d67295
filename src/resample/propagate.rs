//! The variance and the mask of samples.
//!
//! ```text
//! value = Σ k p        variance = Σ k² σ²        mask = bitwise or of the masks of the pixels with k ≠ 0
//! ```
//!
//! k are the final weights of the pixels: those of taps that mirroring sends to one pixel added up, divided by their sum where
//! missing pixels are ignored. A spline's are those of its prefilter and its basis together; its mask is that of the pixels under the basis.

use std::collections::BTreeMap;

use super::{
    folded_taps::FoldedTaps,
    observer::WeightObserver,
    patch::{PatchAuxiliary, mirror},
    prefilter::{Horizon, RESPONSE},
};
use crate::window::Window;

/// Variance and mask of the samples of a block.
#[derive(Debug, Default)]
pub(crate) struct Propagated {
    pub(crate) variances: Vec<f64>,
    pub(crate) bits: Vec<u32>,
    taps: FoldedTaps,
}

impl Propagated {
    pub(crate) fn bytes(&self) -> usize {
        8 * self.variances.capacity() + 4 * self.bits.capacity()
    }

    /// The observer of so many samples that a kernel makes of the patch; `response` is that of the kernel's prefilter.
    pub(super) fn start<'p>(
        &'p mut self,
        samples: usize,
        known: &'p PatchAuxiliary<'p>,
        response: Option<[f64; RESPONSE]>,
        horizon: Horizon,
    ) -> Propagate<'p> {
        self.variances.clear();
        self.variances.resize(samples, 0.0);
        self.bits.clear();
        self.bits.resize(if known.bits.is_empty() { 0 } else { samples }, 0);
        Propagate { known, response, horizon, first: 0, to: self }
    }
}

/// Computes variances and masks from the weights that it observes.
pub(super) struct Propagate<'p> {
    known: &'p PatchAuxiliary<'p>,
    response: Option<[f64; RESPONSE]>,
    horizon: Horizon,
    first: usize,
    to: &'p mut Propagated,
}

impl Propagate<'_> {
    #[inline(always)]
    fn set(&mut self, k: usize, (variance, bits): (f64, u32)) {
        if let Some(to) = self.to.variances.get_mut(self.first + k) {
            *to = variance;
        }
        if let Some(to) = self.to.bits.get_mut(self.first + k) {
            *to = bits;
        }
    }

    /// Variance and flags of a sample whose taps all lie on valid pixels of the patch. Inlined, the number of taps is known.
    #[inline(always)]
    fn fast_path(&self, [y, x]: [isize; 2], wy: &[f64], wx: &[f64]) -> Option<(f64, u32)> {
        let PatchAuxiliary { variances, bits: flags, window, .. } = *self.known;
        // A first tap outside of the patch is larger than any patch.
        let (y, x) = ((y as usize).wrapping_sub(window.y0), (x as usize).wrapping_sub(window.x0));
        let within = |first: usize, taps: usize, n: usize| first < n && first + taps <= n;
        if self.response.is_some() || !within(y, wy.len(), window.ny) || !within(x, wx.len(), window.nx) {
            return None;
        }
        let rows = (y * window.nx + x..).step_by(window.nx).zip(wy);
        let mut variance = 0.0;
        for (from, wy) in rows.clone() {
            let row = variances.get(from..)?.get(..wx.len())?;
            let sum = wx.iter().zip(row).fold(0.0, |sum, (wx, variance)| sum + wx * wx * variance);
            variance += wy * wy * sum;
        }
        if variance.is_nan() {
            return None;
        }
        let mut bits = 0;
        if !flags.is_empty() {
            for (from, wy) in rows {
                let row = flags.get(from..)?.get(..wx.len())?;
                wx.iter().zip(row).for_each(|(wx, flags)| bits |= if wx * wy != 0.0 { *flags } else { 0 });
            }
        }
        Some((variance, bits))
    }

    /// Tap by tap: at the edges, where pixels are missing, and through a prefilter.
    fn slow_path(&mut self, k: usize, first: [isize; 2], wy: &[f64], wx: &[f64]) {
        let mut taps = std::mem::take(&mut self.to.taps);
        let (mut variance, mut bits, mut weight, mut whole) = (0.0, 0, 0.0, true);
        taps.each(first, [wy, wx], self.response.as_ref(), self.known.image, |pixel, w| {
            let (own, flags) = self.known.at(pixel);
            if own.is_nan() {
                whole = false;
            } else {
                variance += w * w * own;
                weight += w;
                bits |= flags;
            }
        });
        if self.response.is_some() {
            bits = 0;
            taps.each(first, [wy, wx], None, self.known.image, |pixel, _| {
                let (own, flags) = self.known.at(pixel);
                bits |= if own.is_nan() { 0 } else { flags };
            });
        }
        self.to.taps = taps;
        let variance = match &self.response {
            _ if whole => variance,
            Some(response) => self.through_filled(first, [wy, wx], response),
            None => variance / (weight * weight),
        };
        self.set(k, (variance, bits));
    }

    /// The variance through a prefilter where pixels are missing: the sample ignores taps on these; the others see the values that they
    /// were filled with.
    fn through_filled(&self, first: [isize; 2], [wy, wx]: [&[f64]; 2], response: &[f64; RESPONSE]) -> f64 {
        const FAR: usize = RESPONSE - 1;
        let image = self.known.image;
        let support = |axis: usize, taps: usize| -> Vec<usize> {
            let from = first[axis] - FAR as isize;
            (from..).take(taps + 2 * FAR).map(|k| mirror(k, image[axis])).collect()
        };
        let (rows, columns) = (support(0, wy.len()), support(1, wx.len()));
        let is_valid = |pixel: [usize; 2]| !self.known.at(pixel).0.is_nan();
        let spread: [f64; 2 * FAR + 1] = std::array::from_fn(|d| response[d.abs_diff(FAR)]);
        let mut weights = SparseWeights::around(&rows, &columns, image);
        let mut total = 0.0;
        let mut line = vec![0.0; columns.len()];
        for (j, wy) in wy.iter().enumerate() {
            line.fill(0.0);
            for (i, wx) in wx.iter().enumerate().filter(|(i, _)| is_valid([rows[j + FAR], columns[i + FAR]])) {
                total += wy * wx;
                line[i..].iter_mut().zip(spread).for_each(|(cell, share)| *cell += wx * share);
            }
            for (row, share) in rows[j..].iter().zip(spread) {
                for (column, cell) in columns.iter().zip(&line) {
                    weights.add([*row, *column], wy * share * cell);
                }
            }
        }
        let filled: Vec<([usize; 2], f64)> = weights.iter().filter(|(pixel, _)| !is_valid(*pixel)).collect();
        for ([y, x], w) in filled {
            // The nearest pixel in each direction, weighed by its distance: see spline.rs.
            let nearest = [(0, 1), (0, -1), (1, 0), (-1, 0)].into_iter().filter_map(|(dy, dx)| {
                (1..=self.horizon.fill).find_map(|d| {
                    let at = [y.checked_add_signed(dy * d as isize)?, x.checked_add_signed(dx * d as isize)?];
                    is_valid(at).then_some((at, 1.0 / d as f64))
                })
            });
            let nearest: Vec<([usize; 2], f64)> = nearest.collect();
            let all: f64 = nearest.iter().map(|(_, share)| share).sum();
            for (pixel, share) in nearest {
                weights.add(pixel, w * share / all);
            }
        }
        // The variance of a missing pixel is NaN.
        let parts = weights.iter().map(|(pixel, w)| w * w * self.known.at(pixel).0);
        parts.filter(|part| !part.is_nan()).sum::<f64>() / (total * total)
    }
}

/// Weights of pixels: of those in a rectangle row by row, and of a few others.
struct SparseWeights {
    /// The pixels around, and row by row their weights.
    window: Window,
    near: Vec<f64>,
    others: BTreeMap<[usize; 2], f64>,
}

impl SparseWeights {
    /// For pixels of an image of shape (ny, nx) in these rows and columns, and close to them.
    fn around(rows: &[usize], columns: &[usize], image: [usize; 2]) -> SparseWeights {
        const CLOSE: usize = 2;
        let [y, x] = [(rows, image[0]), (columns, image[1])].map(|(axis, n)| {
            let (low, high) = axis.iter().fold((n, 0), |(low, high), k| (low.min(*k), high.max(*k)));
            (low.saturating_sub(CLOSE), (high + CLOSE + 1).min(n))
        });
        let window = Window::new(x.0, y.0, x.1.saturating_sub(x.0), y.1.saturating_sub(y.0));
        SparseWeights { window, near: vec![0.0; window.area()], others: BTreeMap::new() }
    }

    #[inline]
    fn add(&mut self, pixel: [usize; 2], weight: f64) {
        match self.window.place(pixel).and_then(|place| self.near.get_mut(place)) {
            Some(cell) => *cell += weight,
            None => *self.others.entry(pixel).or_default() += weight,
        }
    }

    /// Those that are not 0.
    fn iter(&self) -> impl Iterator<Item = ([usize; 2], f64)> {
        let near = self.near.iter().enumerate().filter(|(_, w)| **w != 0.0);
        let Window { x0, y0, nx, .. } = self.window;
        let near = near.map(move |(k, w)| ([y0 + k / nx, x0 + k % nx], *w));
        near.chain(self.others.iter().map(|(pixel, w)| (*pixel, *w)))
    }
}

impl WeightObserver for Propagate<'_> {
    fn start_at(&mut self, sample: usize) {
        self.first = sample;
    }

    #[inline(always)]
    fn taps(&mut self, k: usize, first: [isize; 2], wy: &[f64], wx: &[f64]) {
        match self.fast_path(first, wy, wx) {
            Some(found) => self.set(k, found),
            None => self.slow_path(k, first, wy, wx),
        }
    }

    fn pixel(&mut self, k: usize, pixel: [usize; 2]) {
        self.set(k, self.known.at(pixel));
    }

    fn part(&mut self, k: usize, pixel: [usize; 2], weight: f64) {
        let (variance, bits) = self.known.at(pixel);
        if let Some(to) = self.to.variances.get_mut(self.first + k) {
            *to += weight * weight * variance;
        }
        if let Some(to) = self.to.bits.get_mut(self.first + k) {
            *to |= bits;
        }
    }

    fn normalize(&mut self, k: usize, norm: f64) {
        self.scale(k, 1.0 / norm);
    }

    fn scale(&mut self, k: usize, factor: f64) {
        if let Some(variance) = self.to.variances.get_mut(self.first + k) {
            *variance *= factor * factor;
        }
    }
}
