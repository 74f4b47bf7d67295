//! Every combination of one pixel's samples, and what is told of them, by definition: sorted, then counted.

use std::f64::consts::PI;

use skymosaic::Combine;

/// One input's sample of a pixel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) input: usize,
    pub(crate) value: f64,
    pub(crate) weight: f64,
    pub(crate) variance: f64,
    pub(crate) bits: i32,
}

/// What a pixel comes to. The bits of the context are in order of the inputs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) value: f64,
    pub(crate) footprint: f64,
    pub(crate) variance: f64,
    pub(crate) mask: i32,
    pub(crate) inputs: Vec<usize>,
}

pub(crate) fn combine(how: Combine, samples: &[Sample]) -> Told {
    let sorted = |samples: &[Sample]| {
        let mut sorted = samples.to_vec();
        sorted.sort_by(|a, b| a.value.total_cmp(&b.value));
        sorted
    };
    let order = sorted(samples);
    let extreme =
        |wanted: Option<&Sample>| wanted.into_iter().flat_map(|wanted| first_of(samples, wanted.value)).collect();
    let made_of: Vec<Sample> = match how {
        Combine::First => samples.first().into_iter().copied().collect(),
        Combine::Last => samples.last().into_iter().copied().collect(),
        Combine::Min => extreme(order.first()),
        Combine::Max => extreme(order.last()),
        Combine::InverseVariance => samples.iter().copied().filter(|sample| sample.variance > 0.0).collect(),
        Combine::Clipped(clip) => {
            let finite: Vec<Sample> = samples.iter().copied().filter(|sample| sample.value.is_finite()).collect();
            let (mut left, mut last) = (finite.clone(), [f64::NEG_INFINITY, f64::INFINITY]);
            for _ in 0..clip.iterations {
                let centre = median(&sorted(&left));
                let n = left.len() as f64;
                let mean = left.iter().map(|sample| sample.value).sum::<f64>() / n;
                let deviation = (left.iter().map(|sample| (sample.value - mean).powi(2)).sum::<f64>() / n).sqrt();
                if left.is_empty() {
                    break;
                }
                last = [centre - clip.low * deviation, centre + clip.high * deviation];
                left.retain(|sample| sample.value >= last[0] && sample.value <= last[1]);
            }
            finite.into_iter().filter(|sample| sample.value >= last[0] && sample.value <= last[1]).collect()
        }
        _ => samples.to_vec(),
    };
    let sum = |of: &dyn Fn(&Sample) -> f64| made_of.iter().map(of).sum::<f64>();
    let weight = sum(&|s| s.weight);
    let noise = sum(&|s| s.weight * s.weight * s.variance);
    let one = |of: &dyn Fn(&Sample) -> f64| made_of.first().map_or(f64::NAN, of);
    let (value, variance) = match how {
        Combine::Sum => (sum(&|s| s.weight * s.value), noise),
        Combine::Mean | Combine::Clipped(_) => (sum(&|s| s.weight * s.value) / weight, noise / (weight * weight)),
        Combine::InverseVariance => {
            let all = sum(&|s| 1.0 / s.variance);
            (sum(&|s| s.value / s.variance) / all, 1.0 / all)
        }
        Combine::Median => {
            let n = made_of.len() as f64;
            let factor = match made_of.len() {
                0..=2 => 1.0,
                count if count % 2 == 0 => PI * n / (2.0 * n + 2.5),
                _ => PI * n / (2.0 * n + PI - 2.0),
            };
            (median(&sorted(&made_of)), factor * n / sum(&|s| 1.0 / s.variance.sqrt()).powi(2))
        }
        Combine::WeightedMedian => {
            let squares = sum(&|s| s.weight * s.weight);
            let n = weight * weight / squares;
            let factor = if made_of.len() <= 2 { 1.0 } else { (PI * n / (2.0 * n + PI - 2.0)).min(PI / 2.0) };
            let spread = sum(&|s| s.weight / s.variance.sqrt());
            (weighted_median(&sorted(&made_of)), factor * squares / (spread * spread))
        }
        _ => (one(&|s| s.value), one(&|s| s.variance)),
    };
    if made_of.is_empty() {
        return Told { value: f64::NAN, footprint: 0.0, variance: f64::NAN, mask: 0, inputs: Vec::new() };
    }
    let footprint = if how == Combine::InverseVariance { weight } else { samples.iter().map(|s| s.weight).sum() };
    let mask = made_of.iter().fold(0, |mask, sample| mask | sample.bits);
    Told { value, footprint, variance, mask, inputs: made_of.iter().map(|sample| sample.input).collect() }
}

fn first_of(samples: &[Sample], value: f64) -> Option<Sample> {
    samples.iter().copied().find(|sample| sample.value == value)
}

fn median(sorted: &[Sample]) -> f64 {
    let n = sorted.len();
    if n == 0 { f64::NAN } else { 0.5 * sorted[(n - 1) / 2].value + 0.5 * sorted[n / 2].value }
}

fn weighted_median(sorted: &[Sample]) -> f64 {
    let half = 0.5 * sorted.iter().map(|sample| sample.weight).sum::<f64>();
    let mut reached = 0.0;
    for (k, sample) in sorted.iter().enumerate() {
        reached += sample.weight;
        if reached == half && k + 1 < sorted.len() {
            return 0.5 * sample.value + 0.5 * sorted[k + 1].value;
        }
        if reached >= half {
            return sample.value;
        }
    }
    f64::NAN
}
