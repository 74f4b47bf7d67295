//! From the samples of a block of output pixels to their values: the one place where samples meet.
//!
//! ```text
//! for each input, in order:  add(samples, weights)      f64 sums; first/last/min/max: the one kept; median: all
//! finish:                    value and footprint of each pixel, rounded to the output's type once
//! ```

use crate::{Combine, Pixel};

/// Accumulates the samples of the pixels of one block.
pub(crate) struct Accumulator<T> {
    combine: Combine,
    /// Σwv, or the sample kept.
    value: Vec<f64>,
    /// Σw.
    weight: Vec<f64>,
    /// For combinations that need every sample: one plane of the block per input, NaN where it has none.
    samples: Vec<T>,
    pixels: usize,
}

impl<T: Pixel> Accumulator<T> {
    pub(crate) fn new(combine: Combine) -> Self {
        Accumulator { combine, value: Vec::new(), weight: Vec::new(), samples: Vec::new(), pixels: 0 }
    }

    /// Bytes per pixel of a block to which `inputs` inputs add samples.
    pub(crate) fn bytes_per_pixel(combine: Combine, inputs: usize) -> usize {
        16 + if keeps_samples(combine) { inputs * size_of::<T>() } else { 0 }
    }

    pub(crate) fn bytes(&self) -> usize {
        (self.value.capacity() + self.weight.capacity()) * size_of::<f64>() + self.samples.capacity() * size_of::<T>()
    }

    /// Forgets the last block and makes ready for one of `pixels` pixels.
    pub(crate) fn start(&mut self, pixels: usize) {
        self.pixels = pixels;
        self.value.clear();
        self.value.resize(pixels, 0.0);
        self.weight.clear();
        self.weight.resize(pixels, 0.0);
        self.samples.clear();
    }

    /// Makes ready for the samples of the next input, wherever in the block it has any.
    pub(crate) fn next_input(&mut self) {
        if keeps_samples(self.combine) {
            self.samples.resize(self.samples.len() + self.pixels, T::NAN);
        }
    }

    /// Adds samples of the current input for the pixels from `start` on. Where the weight is 0 the sample is not there.
    pub(crate) fn add(&mut self, start: usize, samples: &[T], weights: &[T]) {
        let end = start + samples.len();
        let kept = self.value[start..end].iter_mut().zip(&mut self.weight[start..end]);
        let added = samples.iter().zip(weights).map(|(v, w)| (v.to_f64(), w.to_f64()));
        match self.combine {
            Combine::Mean | Combine::Sum => kept.zip(added).for_each(|((value, weight), (v, w))| {
                *value += if w > 0.0 { w * v } else { 0.0 };
                *weight += w;
            }),
            Combine::First => replace(kept, added, |_, weight, _| weight == 0.0),
            Combine::Last => replace(kept, added, |_, _, _| true),
            Combine::Min => replace(kept, added, |value, weight, v| weight == 0.0 || v < value),
            Combine::Max => replace(kept, added, |value, weight, v| weight == 0.0 || v > value),
            Combine::Median => {
                let plane = self.samples.len() - self.pixels;
                let kept = kept.map(|(_, weight)| weight).zip(&mut self.samples[plane + start..plane + end]);
                for ((weight, slot), (sample, w)) in kept.zip(samples.iter().zip(weights)) {
                    if w.to_f64() > 0.0 {
                        *slot = *sample;
                        *weight += w.to_f64();
                    }
                }
            }
        }
    }

    /// Value and footprint of the pixels from `start` on; returns how many have a footprint.
    pub(crate) fn finish(&mut self, start: usize, blank: T, output: &mut [T], footprint: &mut [T]) -> u64 {
        let end = start + output.len();
        if self.combine == Combine::Median {
            median(&self.samples, self.pixels, start, &mut self.value[start..end]);
        }
        let mean = self.combine == Combine::Mean;
        let mut covered = 0;
        let sums = self.value[start..end].iter().zip(&self.weight[start..end]);
        for ((value, weight), (out, foot)) in sums.zip(output.iter_mut().zip(footprint)) {
            let there = *weight > 0.0;
            let value = if mean { *value / *weight } else { *value };
            *out = if there { T::from_f64(value) } else { blank };
            *foot = T::from_f64(*weight);
            covered += u64::from(there);
        }
        covered
    }
}

fn keeps_samples(combine: Combine) -> bool {
    combine == Combine::Median
}

/// Sums weights, and replaces the value by a sample that is there where `wins(value, weight so far, sample)`.
fn replace<'a>(
    kept: impl Iterator<Item = (&'a mut f64, &'a mut f64)>,
    added: impl Iterator<Item = (f64, f64)>,
    wins: impl Fn(f64, f64, f64) -> bool,
) {
    for ((value, weight), (v, w)) in kept.zip(added) {
        if w > 0.0 {
            if wins(*value, *weight, v) {
                *value = v;
            }
            *weight += w;
        }
    }
}

/// The median of the samples that are there, for the pixels from `start` on; `planes` holds one plane of `pixels` per input.
fn median<T: Pixel>(planes: &[T], pixels: usize, start: usize, values: &mut [f64]) {
    let mut stack = Vec::with_capacity(planes.len() / pixels.max(1));
    for (pixel, value) in (start..).zip(values) {
        stack.clear();
        stack.extend(planes.iter().skip(pixel).step_by(pixels).map(|v| v.to_f64()).filter(|v| !v.is_nan()));
        let (count, half) = (stack.len(), stack.len() / 2);
        if count == 0 {
            continue;
        }
        let (below, &mut upper, _) = stack.select_nth_unstable_by(half, f64::total_cmp);
        let lower = if count % 2 == 1 { upper } else { below.iter().copied().fold(f64::NEG_INFINITY, f64::max) };
        *value = 0.5 * lower + 0.5 * upper;
    }
}
