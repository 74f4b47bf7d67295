//! What comes of a sample's kernel weights beside its value: variance, mask, and the correlation of its noise with that of its neighbours.
//!
//! ```text
//! value = Σ k p        variance = Σ k² σ²        mask = bitwise or of the masks of the pixels with k ≠ 0
//! ```
//!
//! k are the weights that pixels have in the end: those of taps that mirroring sends to one pixel added up, divided by their sum where
//! missing pixels are left out. A spline's are those of its prefilter and its basis together; its mask is that of the pixels under the basis.

use std::collections::BTreeMap;

use super::{
    Patch,
    interpolate::mirror,
    spline::{self, Horizon, RESPONSE},
};
use crate::{Resample, window::Window};

/// What is known of the pixels of a patch beside their values.
pub(crate) struct Known<'p> {
    /// NaN where the pixel is missing.
    pub(crate) variances: &'p [f64],
    /// Empty if nobody wants them.
    pub(crate) bits: &'p [u32],
    /// Where the patch lies in the image.
    pub(crate) window: Window,
    /// Shape (ny, nx) of the whole image.
    pub(crate) image: [usize; 2],
}

impl Known<'_> {
    /// Variance and flags of the pixel (y, x); a variance of NaN where it is missing or not in the patch.
    fn at(&self, pixel: [usize; 2]) -> (f64, u32) {
        let place = self.window.place(pixel).unwrap_or(usize::MAX);
        (self.variances.get(place).map_or(f64::NAN, |v| *v), self.bits.get(place).map_or(0, |bits| *bits))
    }
}

/// Is told the kernel weights of the samples of a block as they are computed. Of a sample that is not there it may be told anything.
pub(crate) trait Further {
    /// Whether it wants to know at all.
    const WANTED: bool = true;
    /// The next samples are counted from this one of the block.
    fn start(&mut self, _sample: usize) {}
    /// Sample `k` is made of separable taps, the first one on pixel (y, x), mirrored at the edges.
    fn taps(&mut self, k: usize, first: [isize; 2], wy: &[f64], wx: &[f64]);
    /// Sample `k` is the pixel (y, x).
    fn pixel(&mut self, k: usize, pixel: [usize; 2]);
    /// Sample `k` has some of the pixel (y, x) in it.
    fn part(&mut self, k: usize, pixel: [usize; 2], weight: f64);
    /// The parts of sample `k` are all there: their weights are to be divided by `norm`.
    fn whole(&mut self, k: usize, norm: f64);
    /// Sample `k` has been multiplied by a number.
    fn scale(&mut self, k: usize, factor: f64);
}

/// Nobody wants to know.
impl Further for () {
    const WANTED: bool = false;
    #[inline(always)]
    fn taps(&mut self, _: usize, _: [isize; 2], _: &[f64], _: &[f64]) {}
    #[inline(always)]
    fn pixel(&mut self, _: usize, _: [usize; 2]) {}
    #[inline(always)]
    fn part(&mut self, _: usize, _: [usize; 2], _: f64) {}
    #[inline(always)]
    fn whole(&mut self, _: usize, _: f64) {}
    #[inline(always)]
    fn scale(&mut self, _: usize, _: f64) {}
}

/// The weights of a pixel's taps on one axis, by pixel.
#[derive(Debug, Default)]
struct Line {
    /// (pixel, weight), each pixel once.
    pixels: Vec<(usize, f64)>,
    spread: Vec<f64>,
}

impl Line {
    /// Folds taps at the edges of an image of `n` pixels.
    fn fold(&mut self, first: isize, weights: &[f64], n: usize) {
        self.pixels.clear();
        for (i, w) in (first..).zip(weights) {
            let i = mirror(i, n);
            match self.pixels.iter_mut().find(|(pixel, _)| *pixel == i) {
                Some((_, sum)) => *sum += w,
                None => self.pixels.push((i, *w)),
            }
        }
    }

    /// Weights of the pixels that a spline's coefficients are made of, from weights on the coefficients.
    fn spread(&mut self, first: isize, weights: &[f64], response: &[f64; RESPONSE]) -> isize {
        let far = RESPONSE - 1;
        self.spread.clear();
        self.spread.resize(weights.len() + 2 * far, 0.0);
        for (k, w) in weights.iter().enumerate() {
            for (d, to) in self.spread[k..=k + 2 * far].iter_mut().enumerate() {
                *to += w * response[d.abs_diff(far)];
            }
        }
        first - far as isize
    }
}

/// The weights on pixels of taps that may reach over the edges, on missing pixels or on a spline's coefficients.
#[derive(Debug, Default)]
pub(super) struct Lines {
    y: Line,
    x: Line,
}

impl Lines {
    /// Calls `pixel([y, x], weight)` for every pixel with a weight.
    fn each(
        &mut self,
        [first_y, first_x]: [isize; 2],
        [wy, wx]: [&[f64]; 2],
        response: Option<&[f64; RESPONSE]>,
        image: [usize; 2],
        mut pixel: impl FnMut([usize; 2], f64),
    ) {
        for (line, first, weights, n) in [(&mut self.y, first_y, wy, image[0]), (&mut self.x, first_x, wx, image[1])] {
            match response {
                None => line.fold(first, weights, n),
                Some(response) => {
                    let first = line.spread(first, weights, response);
                    let spread = std::mem::take(&mut line.spread);
                    line.fold(first, &spread, n);
                    line.spread = spread;
                }
            }
        }
        for (y, wy) in &self.y.pixels {
            for (x, wx) in &self.x.pixels {
                let w = wy * wx;
                if w != 0.0 {
                    pixel([*y, *x], w);
                }
            }
        }
    }
}

/// The response of a kernel's prefilter, if it has one.
fn response(resample: Resample) -> Option<[f64; RESPONSE]> {
    match resample {
        Resample::Biquadratic => Some(spline::response(2)),
        Resample::Bicubic => Some(spline::response(3)),
        _ => None,
    }
}

/// Variance and mask of the samples of a block.
#[derive(Debug, Default)]
pub(crate) struct Propagated {
    pub(crate) variances: Vec<f64>,
    pub(crate) bits: Vec<u32>,
    lines: Lines,
}

impl Propagated {
    pub(crate) fn bytes(&self) -> usize {
        8 * self.variances.capacity() + 4 * self.bits.capacity()
    }

    /// Makes ready for `samples` samples of an image of which `known` is the patch that the kernel works on.
    pub(super) fn start<'p>(
        &'p mut self,
        samples: usize,
        known: &'p Known<'p>,
        resample: Resample,
        horizon: Horizon,
    ) -> Propagate<'p> {
        self.variances.clear();
        self.variances.resize(samples, 0.0);
        self.bits.clear();
        self.bits.resize(if known.bits.is_empty() { 0 } else { samples }, 0);
        Propagate { known, response: response(resample), horizon, first: 0, to: self }
    }
}

pub(super) struct Propagate<'p> {
    known: &'p Known<'p>,
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

    /// Where all taps lie on pixels that are there. Inlined, the number of taps is known.
    #[inline(always)]
    fn plain(&self, [y, x]: [isize; 2], wy: &[f64], wx: &[f64]) -> Option<(f64, u32)> {
        let Known { variances, bits: flags, window, .. } = *self.known;
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
    fn careful(&mut self, k: usize, first: [isize; 2], wy: &[f64], wx: &[f64]) {
        let mut lines = std::mem::take(&mut self.to.lines);
        let (mut variance, mut bits, mut weight, mut whole) = (0.0, 0, 0.0, true);
        lines.each(first, [wy, wx], self.response.as_ref(), self.known.image, |pixel, w| {
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
            lines.each(first, [wy, wx], None, self.known.image, |pixel, _| {
                let (own, flags) = self.known.at(pixel);
                bits |= if own.is_nan() { 0 } else { flags };
            });
        }
        self.to.lines = lines;
        let variance = match &self.response {
            _ if whole => variance,
            Some(response) => self.around_holes(first, [wy, wx], response),
            None => variance / (weight * weight),
        };
        self.set(k, (variance, bits));
    }

    /// Through a prefilter where pixels are missing: taps on these are left out, as the sample does; the others see what they were filled with.
    fn around_holes(&self, first: [isize; 2], [wy, wx]: [&[f64]; 2], response: &[f64; RESPONSE]) -> f64 {
        const FAR: usize = RESPONSE - 1;
        let image = self.known.image;
        let reached = |axis: usize, taps: usize| -> Vec<usize> {
            let from = first[axis] - FAR as isize;
            (from..).take(taps + 2 * FAR).map(|k| mirror(k, image[axis])).collect()
        };
        let (rows, columns) = (reached(0, wy.len()), reached(1, wx.len()));
        let is_there = |pixel: [usize; 2]| !self.known.at(pixel).0.is_nan();
        let spread: [f64; 2 * FAR + 1] = std::array::from_fn(|d| response[d.abs_diff(FAR)]);
        let mut weights = Shares::around(&rows, &columns, image);
        let mut total = 0.0;
        let mut line = vec![0.0; columns.len()];
        for (j, wy) in wy.iter().enumerate() {
            line.fill(0.0);
            for (i, wx) in wx.iter().enumerate().filter(|(i, _)| is_there([rows[j + FAR], columns[i + FAR]])) {
                total += wy * wx;
                line[i..].iter_mut().zip(spread).for_each(|(cell, share)| *cell += wx * share);
            }
            for (row, share) in rows[j..].iter().zip(spread) {
                for (column, cell) in columns.iter().zip(&line) {
                    weights.add([*row, *column], wy * share * cell);
                }
            }
        }
        let holes: Vec<([usize; 2], f64)> = weights.iter().filter(|(pixel, _)| !is_there(*pixel)).collect();
        for ([y, x], w) in holes {
            // The nearest pixel in each direction, weighed by its distance: see spline.rs.
            let nearest = [(0, 1), (0, -1), (1, 0), (-1, 0)].into_iter().filter_map(|(dy, dx)| {
                (1..=self.horizon.fill).find_map(|d| {
                    let at = [y.checked_add_signed(dy * d as isize)?, x.checked_add_signed(dx * d as isize)?];
                    is_there(at).then_some((at, 1.0 / d as f64))
                })
            });
            let nearest: Vec<([usize; 2], f64)> = nearest.collect();
            let all: f64 = nearest.iter().map(|(_, share)| share).sum();
            for (pixel, share) in nearest {
                weights.add(pixel, w * share / all);
            }
        }
        // A hole is not there, so its variance is not a number.
        let parts = weights.iter().map(|(pixel, w)| w * w * self.known.at(pixel).0);
        parts.filter(|part| !part.is_nan()).sum::<f64>() / (total * total)
    }
}

/// Shares of pixels: of those in a rectangle row by row, and of a few others.
struct Shares {
    /// The pixels around, and row by row their weights.
    window: Window,
    near: Vec<f64>,
    others: BTreeMap<[usize; 2], f64>,
}

impl Shares {
    /// For pixels of an image of shape (ny, nx) in these rows and columns, and close to them.
    fn around(rows: &[usize], columns: &[usize], image: [usize; 2]) -> Shares {
        const CLOSE: usize = 2;
        let [y, x] = [(rows, image[0]), (columns, image[1])].map(|(axis, n)| {
            let (low, high) = axis.iter().fold((n, 0), |(low, high), k| (low.min(*k), high.max(*k)));
            (low.saturating_sub(CLOSE), (high + CLOSE + 1).min(n))
        });
        let window = Window::new(x.0, y.0, x.1.saturating_sub(x.0), y.1.saturating_sub(y.0));
        Shares { window, near: vec![0.0; window.area()], others: BTreeMap::new() }
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

impl Further for Propagate<'_> {
    fn start(&mut self, sample: usize) {
        self.first = sample;
    }

    #[inline(always)]
    fn taps(&mut self, k: usize, first: [isize; 2], wy: &[f64], wx: &[f64]) {
        match self.plain(first, wy, wx) {
            Some(told) => self.set(k, told),
            None => self.careful(k, first, wy, wx),
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

    fn whole(&mut self, k: usize, norm: f64) {
        self.scale(k, 1.0 / norm);
    }

    fn scale(&mut self, k: usize, factor: f64) {
        if let Some(variance) = self.to.variances.get_mut(self.first + k) {
            *variance *= factor * factor;
        }
    }
}

/// The weights of all pixels in all samples of a block.
#[derive(Debug)]
pub(crate) struct Correlation {
    samples: Vec<Weights>,
    /// The pixels of the image that are in the patch.
    window: Window,
    image: [usize; 2],
    response: Option<[f64; RESPONSE]>,
    first: usize,
    lines: Lines,
}

/// The weights of one sample: pixels of the patch and what they have to be divided by.
#[derive(Clone, Debug)]
struct Weights {
    pixels: Vec<(usize, f64)>,
    norm: f64,
}

impl Correlation {
    pub(super) fn new<P>(samples: usize, patch: &Patch<'_, P>, resample: Resample) -> Correlation {
        Correlation {
            samples: vec![Weights { pixels: Vec::new(), norm: 1.0 }; samples],
            window: patch.window,
            image: patch.image,
            response: response(resample),
            first: 0,
            lines: Lines::default(),
        }
    }

    /// Sums over the samples that `counts`, for noise of variance 1 that is independent from pixel to pixel: of their covariances
    /// with all samples of the block, and of their variances.
    pub(super) fn sums(&self, counts: impl Fn(usize) -> bool) -> [f64; 2] {
        let mut columns = vec![0.0; self.window.area()];
        // A sample that is not there is divided by nothing.
        let samples = || self.samples.iter().enumerate().filter(|(_, sample)| sample.norm.is_normal());
        for (_, Weights { pixels, norm }) in samples() {
            pixels.iter().for_each(|(pixel, w)| columns[*pixel] += w / norm);
        }
        let mut sums = [0.0; 2];
        for (_, Weights { pixels, norm }) in samples().filter(|(sample, _)| counts(*sample)) {
            for (pixel, w) in pixels {
                let w = w / norm;
                sums[0] += w * columns[*pixel];
                sums[1] += w * w;
            }
        }
        sums
    }
}

impl Further for Correlation {
    fn start(&mut self, sample: usize) {
        self.first = sample;
    }

    fn taps(&mut self, k: usize, first: [isize; 2], wy: &[f64], wx: &[f64]) {
        let mut lines = std::mem::take(&mut self.lines);
        // A sample may be made anew: widened, or found to lie on the centre of a pixel.
        self.samples.get_mut(self.first + k).into_iter().for_each(|sample| sample.pixels.clear());
        let (response, image) = (self.response, self.image);
        lines.each(first, [wy, wx], response.as_ref(), image, |pixel, w| self.part(k, pixel, w));
        self.lines = lines;
    }

    fn pixel(&mut self, k: usize, pixel: [usize; 2]) {
        self.samples.get_mut(self.first + k).into_iter().for_each(|sample| sample.pixels.clear());
        self.part(k, pixel, 1.0);
    }

    fn part(&mut self, k: usize, pixel: [usize; 2], weight: f64) {
        if let (Some(sample), Some(place)) = (self.samples.get_mut(self.first + k), self.window.place(pixel)) {
            sample.pixels.push((place, weight));
        }
    }

    fn whole(&mut self, k: usize, norm: f64) {
        self.samples.get_mut(self.first + k).into_iter().for_each(|sample| sample.norm *= norm);
    }

    fn scale(&mut self, k: usize, factor: f64) {
        self.whole(k, 1.0 / factor);
    }
}
