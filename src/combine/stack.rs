//! Combinations that need all samples of a pixel at once.
//!
//! ```text
//! samples lie input by input; a few pixels at a time they are gathered pixel by pixel and their order statistics found
//! clipped: a second run through the samples, input by input, sums those within the bounds
//! ```
//!
//! Variance of a median of normal noise: with n samples of unequal σ it tends to (π/2) n / (Σ1/σ)² for large n, weighted to
//! (π/2) Σw² / (Σw/σ)². π/2 is replaced by π n / (2n + π - 2) for odd n and π n / (2n + 5/2) for even n, 1 for n = 1 and 2, which is within 2 % of the
//! exact variances of medians of equal normal samples; weighted, n = (Σw)² / Σw² and the form for odd n.

use std::f64::consts::{FRAC_PI_2, PI};

use super::{Record, select};
use crate::{
    Combine, Pixel,
    planes::{PlaneSet, Samples},
    simd::dispatch,
};

/// Pixels gathered at a time: a cache line of f32.
const GATHERED: usize = 16;

/// All samples of the pixels of a block: one plane of the block per input, NaN where it has none.
pub(super) struct Stack<T> {
    combine: Combine,
    keeps: Keeps,
    /// The inputs of the planes.
    inputs: Vec<u32>,
    samples: Vec<T>,
    /// Empty if all are 1.
    weights: Vec<T>,
    variances: Vec<T>,
    bits: Vec<u32>,
    pixels: usize,
    /// The samples of a few pixels, pixel by pixel, without those that are missing.
    gathered: Vec<T>,
    pairs: Vec<(T, T)>,
    /// The bounds, lower and upper, between which samples have a part in the value, of the pixels of a row.
    bounds: [Vec<f64>; 2],
    sums: Vec<Sums>,
    counts: Vec<f64>,
}

/// What is kept of a sample beside its value.
#[derive(Clone, Copy)]
struct Keeps {
    weight: bool,
    variance: bool,
    bits: bool,
}

/// Over the samples of a pixel that have a part in its value.
#[derive(Clone, Copy, Default)]
struct Sums {
    value: f64,
    weight: f64,
    /// Σw²σ², or Σw/σ for medians.
    noise: f64,
    /// Σw².
    squares: f64,
    count: u32,
}

impl<T: Pixel> Stack<T> {
    pub(super) fn new(combine: Combine, planes: PlaneSet, weighted: bool) -> Self {
        let keeps = Keeps {
            weight: weighted && combine != Combine::Median,
            variance: planes.contains(PlaneSet::VARIANCE),
            bits: planes.contains(PlaneSet::MASK),
        };
        Stack {
            combine,
            keeps,
            inputs: Vec::new(),
            samples: Vec::new(),
            weights: Vec::new(),
            variances: Vec::new(),
            bits: Vec::new(),
            pixels: 0,
            gathered: Vec::new(),
            pairs: Vec::new(),
            bounds: Default::default(),
            sums: Vec::new(),
            counts: Vec::new(),
        }
    }

    pub(super) fn bytes_per_sample(&self) -> usize {
        let Keeps { weight, variance, bits } = self.keeps;
        size_of::<T>() * (1 + usize::from(weight) + usize::from(variance)) + 4 * usize::from(bits)
    }

    pub(super) fn bytes(&self) -> usize {
        let samples = self.samples.capacity() + self.weights.capacity() + self.variances.capacity();
        let gathered = self.gathered.capacity() + 2 * self.pairs.capacity();
        (samples + gathered) * size_of::<T>() + 4 * self.bits.capacity()
    }

    pub(super) fn start(&mut self, pixels: usize, inputs: usize) {
        self.pixels = pixels;
        self.inputs.clear();
        self.bits.clear();
        for plane in [&mut self.samples, &mut self.weights, &mut self.variances] {
            plane.clear();
        }
        // Exactly: growing would ask for twice as much.
        let size = pixels * inputs;
        self.samples.reserve_exact(size);
        self.weights.reserve_exact(if self.keeps.weight { size } else { 0 });
        self.variances.reserve_exact(if self.keeps.variance { size } else { 0 });
        self.bits.reserve_exact(if self.keeps.bits { size } else { 0 });
    }

    pub(super) fn next_input(&mut self, input: usize) {
        self.inputs.push(input as u32);
        let size = self.inputs.len() * self.pixels;
        self.samples.resize(size, T::NAN);
        self.weights.resize(if self.keeps.weight { size } else { 0 }, T::default());
        self.variances.resize(if self.keeps.variance { size } else { 0 }, T::default());
        self.bits.resize(if self.keeps.bits { size } else { 0 }, 0);
    }

    pub(super) fn add(&mut self, start: usize, samples: &Samples<'_, T>) {
        let from = self.samples.len() - self.pixels + start;
        let range = from..from + samples.values.len();
        for ((slot, sample), w) in self.samples[range.clone()].iter_mut().zip(samples.values).zip(samples.weights) {
            *slot = if w.to_f64() > 0.0 { *sample } else { T::NAN };
        }
        if self.keeps.weight {
            self.weights[range.clone()].copy_from_slice(samples.weights);
        }
        if self.keeps.variance {
            self.variances[range.clone()].iter_mut().zip(samples.variances).for_each(|(to, from)| *to = *from);
        }
        if self.keeps.bits {
            self.bits[range].iter_mut().zip(samples.bits).for_each(|(to, from)| *to = *from);
        }
    }

    /// Values of the pixels from `start` on, and what is told of them; where all samples are clipped the weight becomes 0.
    pub(super) fn finish(&mut self, start: usize, values: &mut [f64], weights: &mut [f64], record: &mut Record) {
        if self.inputs.is_empty() {
            return;
        }
        for (bounds, none) in self.bounds.iter_mut().zip([f64::NEG_INFINITY, f64::INFINITY]) {
            bounds.clear();
            bounds.resize(values.len(), none);
        }
        for (at, values) in (0..).step_by(GATHERED).zip(values.chunks_mut(GATHERED)) {
            match self.combine {
                Combine::WeightedMedian if self.keeps.weight => self.weighted(start + at, values),
                Combine::Clipped(clip) => self.gather(start + at, values.len(), |pixel, samples, [lower, upper]| {
                    [lower[at + pixel], upper[at + pixel]] = select::clip(samples, &clip);
                }),
                _ => self.gather(start + at, values.len(), |pixel, samples, _| {
                    values[pixel] = select::median(samples);
                }),
            }
        }
        let clips = matches!(self.combine, Combine::Clipped(_));
        let tells = !record.bits.is_empty() || !record.count.is_empty() || !record.context.is_empty();
        if !(clips || tells || self.keeps.variance) {
            return;
        }
        if clips && !tells && !self.keeps.variance && !self.keeps.weight {
            self.mean(start, values, weights);
            return;
        }
        self.sum(start, clips, tells.then_some(&mut *record));
        for (k, (sums, (value, weight))) in self.sums.iter().zip(values.iter_mut().zip(weights)).enumerate() {
            if clips {
                *value = sums.value / sums.weight;
                if sums.count == 0 {
                    *weight = 0.0;
                }
            }
            if let Some(variance) = record.variance.get_mut(start + k).filter(|_| self.keeps.variance) {
                *variance = if clips { sums.noise / (sums.weight * sums.weight) } else { self.variance(sums) };
            }
        }
    }

    /// Hands the samples of each of `n` pixels that has any to `found(pixel, samples, bounds)`; without infinite ones if they are to be clipped.
    fn gather(&mut self, start: usize, n: usize, mut found: impl FnMut(usize, &mut [T], &mut [Vec<f64>; 2])) {
        let depth = self.inputs.len();
        self.gathered.resize(GATHERED * depth, T::default());
        let mut counts = [0; GATHERED];
        let largest = if matches!(self.combine, Combine::Clipped(_)) { f64::MAX } else { f64::INFINITY };
        for plane in self.samples.chunks_exact(self.pixels) {
            for (lane, sample) in plane[start..start + n].iter().enumerate() {
                // Overwritten by the next one unless it is there.
                self.gathered[lane * depth + counts[lane]] = *sample;
                // False for NaN.
                counts[lane] += usize::from(sample.to_f64().abs() <= largest);
            }
        }
        for (pixel, (samples, count)) in self.gathered.chunks_exact_mut(depth).zip(counts).take(n).enumerate() {
            if count > 0 {
                found(pixel, &mut samples[..count], &mut self.bounds);
            }
        }
    }

    fn weighted(&mut self, start: usize, values: &mut [f64]) {
        for (pixel, value) in (start..).zip(values) {
            self.pairs.clear();
            let planes = self.samples.chunks_exact(self.pixels).zip(self.weights.chunks_exact(self.pixels));
            let pairs = planes.map(|(samples, weights)| (samples[pixel], weights[pixel]));
            self.pairs.extend(pairs.filter(|(sample, _)| !sample.to_f64().is_nan()));
            if !self.pairs.is_empty() {
                *value = select::weighted_median(&mut self.pairs);
            }
        }
    }

    /// Means of the samples within the bounds, input by input, all weights being 1; where there are none the weight becomes 0.
    fn mean(&mut self, start: usize, values: &mut [f64], weights: &mut [f64]) {
        let ([lower, upper], counts) = (&self.bounds, &mut self.counts);
        counts.clear();
        counts.resize(values.len(), 0.0);
        values.fill(0.0);
        dispatch(
            #[inline(always)]
            || {
                for plane in self.samples.chunks_exact(self.pixels) {
                    let sums = values.iter_mut().zip(&mut *counts).zip(lower.iter().zip(upper));
                    for (sample, ((sum, count), (low, high))) in plane[start..].iter().zip(sums) {
                        let sample = sample.to_f64();
                        // False for NaN.
                        let there = (sample >= *low) & (sample <= *high);
                        *sum += if there { sample } else { 0.0 };
                        *count += if there { 1.0 } else { 0.0 };
                    }
                }
            },
        );
        for ((value, weight), count) in values.iter_mut().zip(weights).zip(counts) {
            *value /= *count;
            *weight = if *count > 0.0 { *weight } else { 0.0 };
        }
    }

    /// Sums over the samples within the bounds, input by input.
    fn sum(&mut self, start: usize, clips: bool, mut record: Option<&mut Record>) {
        self.sums.clear();
        let [lower, upper] = &self.bounds;
        self.sums.resize(lower.len(), Sums::default());
        for (order, plane) in self.samples.chunks_exact(self.pixels).enumerate() {
            let at = order * self.pixels + start;
            let pixels = plane[start..].iter().zip(self.sums.iter_mut().zip(lower.iter().zip(upper)));
            for (k, (sample, (sums, (low, high)))) in pixels.enumerate() {
                let sample = sample.to_f64();
                // False for NaN.
                if !(sample >= *low && sample <= *high) {
                    continue;
                }
                let w = self.weights.get(at + k).map_or(1.0, |w| w.to_f64());
                sums.value += w * sample;
                sums.weight += w;
                sums.count += 1;
                if let Some(variance) = self.variances.get(at + k).map(|variance| variance.to_f64()) {
                    sums.squares += w * w;
                    sums.noise += if clips { w * w * variance } else { w / variance.sqrt() };
                }
                if let Some(record) = &mut record {
                    let input = self.inputs[order] as usize;
                    record.contributes(start + k, self.pixels, input, self.bits.get(at + k));
                }
            }
        }
    }

    /// Of a median.
    fn variance(&self, sums: &Sums) -> f64 {
        let n = sums.weight * sums.weight / sums.squares;
        let even = !self.keeps.weight && sums.count.is_multiple_of(2);
        let factor = if sums.count <= 2 {
            1.0
        } else if even {
            PI * n / (2.0 * n + 2.5)
        } else {
            (PI * n / (2.0 * n + PI - 2.0)).min(FRAC_PI_2)
        };
        factor * sums.squares / (sums.noise * sums.noise)
    }
}
