//! From the samples of a block of output pixels to their values: the one place where samples meet.
//!
//! ```text
//! for each input, in order:  add(samples)      f64 sums; first/last/min/max: the one kept; medians and clipping: all
//! finish:                    value, footprint and further planes of each pixel, rounded to the output's type once
//! ```
//!
//! The further planes tell of the samples that the value is made of. Variances, σ² being those of the samples:
//!
//! ```text
//! mean, clipped        Σw²σ² / (Σw)²              sum   Σw²σ²               first, last, min, max   σ² of the sample kept
//! inverse variance     1 / Σ(1/σ²)                median, weighted median   see stack
//! ```

mod select;
mod stack;

use crate::{
    Combine, Pixel,
    planes::{PlaneSet, Samples},
    simd::dispatch,
};
use stack::Stack;

/// Accumulates the samples of the pixels of one block.
pub(crate) struct Accumulator<T> {
    combine: Combine,
    planes: PlaneSet,
    /// Planes of context.
    contexts: usize,
    /// Σwv, Σv/σ², or the sample kept.
    value: Vec<f64>,
    /// Σw.
    weight: Vec<f64>,
    /// The pixels from here on hold what the last block left: the first samples of a pixel take its place, which saves writing zeros first.
    fresh: usize,
    record: Record,
    stack: Stack<T>,
    pixels: usize,
    /// The input whose samples are being added.
    input: usize,
}

/// Auxiliary planes: what is recorded of the samples that a value is made of; a plane that was not asked for is empty.
#[derive(Default)]
struct Record {
    /// Variance of the value, or the sum that it comes from.
    variance: Vec<f64>,
    bits: Vec<u32>,
    count: Vec<u32>,
    /// One plane for every 32 inputs.
    context: Vec<u32>,
    /// The input of the sample kept.
    kept: Vec<u32>,
}

impl Record {
    fn start(&mut self, pixels: usize, planes: PlaneSet, contexts: usize, combine: Combine) {
        let clear = |plane: &mut Vec<u32>, wanted: bool, size: usize| {
            plane.clear();
            plane.resize(if wanted { size } else { 0 }, 0);
        };
        self.variance.clear();
        let variance = planes.contains(PlaneSet::VARIANCE) || combine.needs_variance();
        self.variance.resize(if variance { pixels } else { 0 }, 0.0);
        clear(&mut self.bits, planes.contains(PlaneSet::MASK), pixels);
        clear(&mut self.count, planes.contains(PlaneSet::COUNT), pixels);
        clear(&mut self.context, contexts > 0, contexts * pixels);
        clear(&mut self.kept, contexts > 0 && keeps_one(combine), pixels);
    }

    fn bytes(&self) -> usize {
        let words = self.bits.capacity() + self.count.capacity() + self.context.capacity() + self.kept.capacity();
        8 * self.variance.capacity() + 4 * words
    }

    /// A sample of an input has a part in the value of `pixel`, one of `pixels`.
    fn contributes(&mut self, pixel: usize, pixels: usize, input: usize, bits: Option<&u32>) {
        if let (Some(all), Some(bits)) = (self.bits.get_mut(pixel), bits) {
            *all |= bits;
        }
        if let Some(count) = self.count.get_mut(pixel) {
            *count += 1;
        }
        if let Some(word) = self.context.get_mut(input / 32 * pixels + pixel) {
            *word |= 1 << (input % 32);
        }
    }

    /// A sample is the only one with a part in the value of `pixel`.
    fn replace(&mut self, pixel: usize, input: usize, variance: Option<f64>, bits: Option<&u32>) {
        if let (Some(kept), Some(variance)) = (self.variance.get_mut(pixel), variance) {
            *kept = variance;
        }
        if let (Some(kept), Some(bits)) = (self.bits.get_mut(pixel), bits) {
            *kept = *bits;
        }
        if let Some(count) = self.count.get_mut(pixel) {
            *count = 1;
        }
        if let Some(kept) = self.kept.get_mut(pixel) {
            *kept = input as u32;
        }
    }
}

impl<T: Pixel> Accumulator<T> {
    /// `inputs`: how many the mosaic has. `weighted`: whether a sample may have another weight than 1.
    pub(crate) fn new(combine: Combine, planes: PlaneSet, inputs: usize, weighted: bool) -> Self {
        let planes = planes.difference(PlaneSet::FOOTPRINT);
        Accumulator {
            combine,
            planes,
            contexts: planes.intersection(PlaneSet::CONTEXT).word_planes(inputs),
            value: Vec::new(),
            weight: Vec::new(),
            fresh: 0,
            record: Record::default(),
            stack: Stack::new(combine, planes, weighted),
            pixels: 0,
            input: 0,
        }
    }

    /// Bytes per pixel of a block to which `inputs` inputs add samples.
    pub(crate) fn bytes_per_pixel(&self, inputs: usize) -> usize {
        let record = if self.planes.is_empty() { 0 } else { 24 + 4 * self.contexts };
        16 + record + if keeps_samples(self.combine) { inputs * self.stack.bytes_per_sample() } else { 0 }
    }

    pub(crate) fn bytes(&self) -> usize {
        (self.value.capacity() + self.weight.capacity()) * size_of::<f64>() + self.record.bytes() + self.stack.bytes()
    }

    /// Forgets the last block and makes ready for one of `pixels` pixels and at most `inputs` inputs.
    pub(crate) fn start(&mut self, pixels: usize, inputs: usize) {
        self.pixels = pixels;
        self.value.resize(pixels, 0.0);
        self.weight.resize(pixels, 0.0);
        self.fresh = 0;
        self.record.start(pixels, self.planes, self.contexts, self.combine);
        self.stack.start(pixels, if keeps_samples(self.combine) { inputs } else { 0 });
    }

    /// The sums of the block so far, Σwv (or the value that is kept) and Σw: to be gone on from, or to be kept.
    pub(crate) fn sums(&mut self) -> [&mut [f64]; 2] {
        self.clear_to(self.pixels);
        [&mut self.value, &mut self.weight]
    }

    /// Makes zeros of what the last block left before `end`.
    fn clear_to(&mut self, end: usize) {
        if end > self.fresh {
            self.value[self.fresh..end].fill(0.0);
            self.weight[self.fresh..end].fill(0.0);
            self.fresh = end;
        }
    }

    /// Makes ready for the samples of an input, wherever in the block it has any.
    pub(crate) fn next_input(&mut self, input: usize) {
        self.input = input;
        if keeps_samples(self.combine) {
            self.stack.next_input(input);
        }
    }

    /// Adds samples of the current input for the pixels from `start` on. A sample of weight 0 is missing.
    pub(crate) fn add(&mut self, start: usize, samples: &Samples<'_, T>) {
        let end = start + samples.values.len();
        self.clear_to(if matches!(self.combine, Combine::Mean | Combine::Sum) { start } else { end });
        if !self.planes.is_empty() && !keeps_samples(self.combine) {
            self.record(start, samples);
        }
        let kept = self.value[start..end].iter_mut().zip(&mut self.weight[start..end]);
        let added = samples.values.iter().zip(samples.weights).map(|(v, w)| (v.to_f64(), w.to_f64()));
        match self.combine {
            Combine::Mean | Combine::Sum => {
                let known = self.fresh.min(end) - start;
                add_weighted(
                    known,
                    &mut self.value[start..end],
                    &mut self.weight[start..end],
                    samples.values,
                    samples.weights,
                );
                self.fresh = self.fresh.max(end);
            }
            Combine::First => replace(kept, added, wins::<0>),
            Combine::Last => replace(kept, added, wins::<1>),
            Combine::Min => replace(kept, added, wins::<2>),
            Combine::Max => replace(kept, added, wins::<3>),
            Combine::InverseVariance => {
                add_inverse(
                    &mut self.value[start..end],
                    &mut self.weight[start..end],
                    &mut self.record.variance[start..end],
                    samples,
                );
            }
            Combine::Median | Combine::WeightedMedian | Combine::Clipped(_) => {
                kept.zip(added).for_each(|((_, weight), (_, w))| *weight += w);
                self.stack.add(start, samples);
            }
        }
    }

    /// Records in the auxiliary planes samples that are about to be added.
    fn record(&mut self, start: usize, samples: &Samples<'_, T>) {
        let wins = match self.combine {
            Combine::First => wins::<0>,
            Combine::Last => wins::<1>,
            Combine::Min => wins::<2>,
            _ => wins::<3>,
        };
        for (k, (v, w)) in samples.values.iter().zip(samples.weights).enumerate() {
            let (v, w, pixel) = (v.to_f64(), w.to_f64(), start + k);
            let (variance, bits) = (samples.variances.get(k).map(|variance| variance.to_f64()), samples.bits.get(k));
            if !(w > 0.0) {
                continue;
            }
            if keeps_one(self.combine) {
                if wins(self.value[pixel], self.weight[pixel], v) {
                    self.record.replace(pixel, self.input, variance, bits);
                }
            } else if self.combine == Combine::InverseVariance {
                if variance.is_some_and(weighs) {
                    self.record.contributes(pixel, self.pixels, self.input, bits);
                }
            } else {
                self.record.contributes(pixel, self.pixels, self.input, bits);
                if let (Some(sum), Some(variance)) = (self.record.variance.get_mut(pixel), variance) {
                    *sum += w * w * variance;
                }
            }
        }
    }

    /// Finishes the pixels from `start` on and gives their values; returns how many have a footprint.
    pub(crate) fn finish(&mut self, start: usize, blank: T, output: &mut [T]) -> u64 {
        let end = start + output.len();
        self.clear_to(end);
        if keeps_samples(self.combine) {
            let (value, weight) = (&mut self.value[start..end], &mut self.weight[start..end]);
            self.stack.finish(start, value, weight, &mut self.record);
        }
        let (value, weight) = (&mut self.value[start..end], &self.weight[start..end]);
        match self.combine {
            Combine::Mean => divide(value, weight),
            Combine::InverseVariance => divide(value, &self.record.variance[start..end]),
            _ => {}
        }
        write(value, weight, blank, output)
    }

    /// The footprint of the pixels from `start` on, once these are finished.
    pub(crate) fn footprint(&self, start: usize, footprint: &mut [T]) {
        let weight = &self.weight[start..start + footprint.len()];
        dispatch(
            #[inline(always)]
            || footprint.iter_mut().zip(weight).for_each(|(to, weight)| *to = T::from_f64(*weight)),
        )
    }

    /// The variances of the pixels from `start` on, once these are finished.
    pub(crate) fn variance(&self, start: usize, variances: &mut [T]) {
        let range = start..start + variances.len();
        let sums = self.record.variance[range.clone()].iter().zip(&self.weight[range]);
        for (to, (variance, weight)) in variances.iter_mut().zip(sums) {
            let known = match self.combine {
                _ if !(*weight > 0.0) => f64::NAN,
                Combine::Mean => variance / (weight * weight),
                Combine::InverseVariance => 1.0 / variance,
                _ => *variance,
            };
            *to = T::from_f64(known);
        }
    }

    /// Mask, count, and a plane of context after the other, as far as they are wanted, of the `n` pixels from `start` on, once these are
    /// finished.
    pub(crate) fn words(&mut self, start: usize, n: usize, words: &mut Vec<i32>) {
        let range = start..start + n;
        if !self.record.kept.is_empty() {
            for pixel in range.clone().filter(|pixel| self.weight[*pixel] > 0.0) {
                let kept = self.record.kept[pixel] as usize;
                if let Some(word) = self.record.context.get_mut(kept / 32 * self.pixels + pixel) {
                    *word = 1 << (kept % 32);
                }
            }
        }
        words.clear();
        for plane in [&self.record.bits, &self.record.count].into_iter().filter(|plane| !plane.is_empty()) {
            words.extend(plane[range.clone()].iter().map(|word| word.cast_signed()));
        }
        for plane in self.record.context.chunks_exact(self.pixels.max(1)) {
            words.extend(plane[range.clone()].iter().map(|word| word.cast_signed()));
        }
    }
}

fn keeps_samples(combine: Combine) -> bool {
    matches!(combine, Combine::Median | Combine::WeightedMedian | Combine::Clipped(_))
}

fn keeps_one(combine: Combine) -> bool {
    matches!(combine, Combine::First | Combine::Last | Combine::Min | Combine::Max)
}

/// Whether 1/σ² is a weight.
#[inline(always)]
fn weighs(variance: f64) -> bool {
    (f64::MIN_POSITIVE..f64::INFINITY).contains(&variance)
}

/// Whether a sample takes the place of the value so far: the first (0), last (1), smallest (2) or largest (3).
fn wins<const HOW: usize>(value: f64, weight: f64, sample: f64) -> bool {
    match HOW {
        0 => weight == 0.0,
        1 => true,
        2 => weight == 0.0 || sample < value,
        _ => weight == 0.0 || sample > value,
    }
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

/// Σwv and Σw. The first `known` pixels have sums already.
fn add_weighted<T: Pixel>(known: usize, values: &mut [f64], weights: &mut [f64], samples: &[T], added: &[T]) {
    dispatch(
        #[inline(always)]
        || {
            let term = |v: &T, w: &T| if w.to_f64() > 0.0 { w.to_f64() * v.to_f64() } else { 0.0 };
            let ((old_values, new_values), (old_weights, new_weights)) =
                (values.split_at_mut(known), weights.split_at_mut(known));
            let added = samples.iter().zip(added);
            for ((value, weight), (v, w)) in old_values.iter_mut().zip(old_weights).zip(added.clone()) {
                *value += term(v, w);
                *weight += w.to_f64();
            }
            for ((value, weight), (v, w)) in new_values.iter_mut().zip(new_weights).zip(added.skip(known)) {
                // Zero plus a sample: -0 makes 0, as in any sum.
                *value = 0.0 + term(v, w);
                *weight = w.to_f64();
            }
        },
    )
}

/// Σv/σ², Σw and Σ1/σ².
fn add_inverse<T: Pixel>(values: &mut [f64], weights: &mut [f64], precisions: &mut [f64], samples: &Samples<'_, T>) {
    dispatch(
        #[inline(always)]
        || {
            let sums = values.iter_mut().zip(weights).zip(precisions);
            let added = samples.values.iter().zip(samples.weights).zip(samples.variances);
            for (((value, weight), sum), ((v, w), variance)) in sums.zip(added) {
                let (v, w, variance) = (v.to_f64(), w.to_f64(), variance.to_f64());
                let there = (w > 0.0) & weighs(variance);
                let precision = if there { 1.0 / variance } else { 0.0 };
                *value += if there { v * precision } else { 0.0 };
                *weight += if there { w } else { 0.0 };
                *sum += precision;
            }
        },
    )
}

/// Quotients. Most pixels have one sample of weight 1: those are left as they are, which is what a division makes of them, only slowly.
fn divide(values: &mut [f64], by: &[f64]) {
    dispatch(
        #[inline(always)]
        || {
            for (values, by) in values.chunks_mut(16).zip(by.chunks(16)) {
                if by.iter().any(|by| *by != 1.0) {
                    values.iter_mut().zip(by).for_each(|(value, by)| *value /= by);
                }
            }
        },
    )
}

/// Rounds to the output's type; returns how many pixels have a footprint.
fn write<T: Pixel>(values: &[f64], weights: &[f64], blank: T, output: &mut [T]) -> u64 {
    dispatch(
        #[inline(always)]
        || {
            // One thing after the other: loops that vectors are made of.
            let blank = blank.to_f64();
            for ((value, weight), out) in values.iter().zip(weights).zip(output) {
                *out = T::from_f64(if *weight > 0.0 { *value } else { blank });
            }
            weights.iter().map(|weight| u64::from(*weight > 0.0)).sum()
        },
    )
}
