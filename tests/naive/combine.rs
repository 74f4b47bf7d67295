//! From the samples of one output pixel, in the order of the inputs, to its value and footprint.

/// The combinations; the names are those of `skymosaic::Combine`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Combine {
    Mean,
    Sum,
    First,
    Last,
    Min,
    Max,
    Median,
}

pub(crate) const ALL: [Combine; 7] =
    [Combine::Mean, Combine::Sum, Combine::First, Combine::Last, Combine::Min, Combine::Max, Combine::Median];

/// Value and footprint of (value, weight) samples; `blank` and 0 if there are none.
pub(crate) fn combine(how: Combine, samples: &[(f64, f64)], blank: f64) -> (f64, f64) {
    let (Some((first, _)), Some((last, _))) = (samples.first(), samples.last()) else { return (blank, 0.0) };
    let weight: f64 = samples.iter().map(|(_, w)| w).sum();
    let sum: f64 = samples.iter().map(|(v, w)| w * v).sum();
    let mut sorted: Vec<f64> = samples.iter().map(|(v, _)| *v).collect();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let value = match how {
        Combine::Mean => sum / weight,
        Combine::Sum => sum,
        Combine::First => *first,
        Combine::Last => *last,
        Combine::Min => sorted[0],
        Combine::Max => sorted[n - 1],
        Combine::Median => 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]),
    };
    (value, weight)
}
