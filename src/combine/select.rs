//! Order statistics of the samples of one pixel, without sorting them.

use crate::{Clip, Pixel, simd::dispatch};

/// Samples summed side by side: a fixed order that vector units like.
const LANES: usize = 8;

/// The samples of a pixel, NaN left out, parted: the first `middle` are not above the rest.
struct Parted<'s, T> {
    samples: &'s mut [T],
    middle: usize,
}

impl<T: Pixel> Parted<'_, T> {
    /// Parts the samples in the middle and returns their median; there must be at least one. What order was found before is made use of.
    fn median(&mut self) -> f64 {
        let (count, half) = (self.samples.len(), self.samples.len() / 2);
        let (low, high) = self.samples.split_at_mut(self.middle);
        let (mut lower, upper) = if half < low.len() {
            let (below, upper, _) = low.select_nth_unstable_by(half, order);
            (largest(below), upper.to_f64())
        } else {
            let (below, upper, _) = high.select_nth_unstable_by(half - low.len(), order);
            let below = if below.is_empty() { low } else { below };
            (largest(below), upper.to_f64())
        };
        self.middle = half;
        if count % 2 == 1 {
            lower = upper;
        }
        0.5 * lower + 0.5 * upper
    }

    /// Leaves out what is not between the bounds; how many are left.
    fn keep(&mut self, [low, high]: [f64; 2]) -> usize {
        let (mut kept, mut middle) = (0, 0);
        for k in 0..self.samples.len() {
            let sample = self.samples[k];
            self.samples[kept] = sample;
            kept += usize::from(sample.to_f64() >= low && sample.to_f64() <= high);
            if k + 1 == self.middle {
                middle = kept;
            }
        }
        self.middle = middle;
        kept
    }
}

fn order<T: Pixel>(a: &T, b: &T) -> std::cmp::Ordering {
    // NaN does not occur.
    a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal)
}

fn largest<T: Pixel>(samples: &[T]) -> f64 {
    samples.iter().fold(f64::NEG_INFINITY, |largest, sample| largest.max(sample.to_f64()))
}

/// The median of at least one sample, none of which is NaN.
pub(super) fn median<T: Pixel>(samples: &mut [T]) -> f64 {
    Parted { samples, middle: 0 }.median()
}

/// The bounds, inclusive, between which samples are left, all of which are finite.
pub(super) fn clip<T: Pixel>(samples: &mut [T], clip: &Clip) -> [f64; 2] {
    let mut bounds = [f64::MIN, f64::MAX];
    let mut parted = Parted { samples, middle: 0 };
    for _ in 0..clip.iterations {
        if parted.samples.is_empty() {
            break;
        }
        let centre = parted.median();
        let Spread { deviation, least, most } = Spread::about(centre, parted.samples);
        // Infinity times a deviation of 0 would be NaN.
        let bound = |kappa: f64, sign: f64| {
            if kappa.is_finite() { centre + sign * kappa * deviation } else { sign * f64::MAX }
        };
        bounds = [bound(clip.low, -1.0), bound(clip.high, 1.0)];
        if least >= bounds[0] && most <= bounds[1] {
            break;
        }
        let count = parted.keep(bounds);
        parted.samples = &mut std::mem::take(&mut parted.samples)[..count];
    }
    bounds
}

struct Spread {
    /// Standard deviation of the population.
    deviation: f64,
    least: f64,
    most: f64,
}

impl Spread {
    /// `centre` is near the mean, at most a standard deviation away: differences from it lose no digits.
    fn about<T: Pixel>(centre: f64, samples: &[T]) -> Spread {
        let mut lanes = Lanes::default();
        let (chunks, rest) = samples.as_chunks::<LANES>();
        // The last few are filled up with the centre, which changes no sum.
        let mut last = [centre; LANES];
        last.iter_mut().zip(rest).for_each(|(last, sample)| *last = sample.to_f64());
        dispatch(
            #[inline(always)]
            || {
                for chunk in chunks {
                    lanes.add(chunk.map(|sample| sample.to_f64()), centre);
                }
                lanes.add(last, centre);
            },
        );
        let Lanes { sums, squares, least, most } = lanes;
        let n = samples.len() as f64;
        let (sum, square): (f64, f64) = (sums.iter().sum(), squares.iter().sum());
        let mean = sum / n;
        Spread {
            deviation: (square / n - mean * mean).max(0.0).sqrt(),
            least: least.into_iter().fold(f64::INFINITY, f64::min),
            most: most.into_iter().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// Sums side by side, about a centre.
struct Lanes {
    sums: [f64; LANES],
    squares: [f64; LANES],
    least: [f64; LANES],
    most: [f64; LANES],
}

impl Default for Lanes {
    fn default() -> Self {
        let [least, most] = [f64::INFINITY, f64::NEG_INFINITY].map(|none| [none; LANES]);
        Lanes { sums: [0.0; LANES], squares: [0.0; LANES], least, most }
    }
}

impl Lanes {
    #[inline(always)]
    fn add(&mut self, values: [f64; LANES], centre: f64) {
        for (lane, value) in values.into_iter().enumerate() {
            let off = value - centre;
            self.sums[lane] += off;
            self.squares[lane] += off * off;
            self.least[lane] = if value < self.least[lane] { value } else { self.least[lane] };
            self.most[lane] = if value > self.most[lane] { value } else { self.most[lane] };
        }
    }
}

/// The weighted median of (sample, weight): there is at least one, none is NaN, weights are above 0.
pub(super) fn weighted_median<T: Pixel>(mut samples: &mut [(T, T)]) -> f64 {
    let weigh = |samples: &[(T, T)]| samples.iter().map(|(_, w)| w.to_f64()).sum::<f64>();
    let half = 0.5 * weigh(samples);
    // Weight of what is known to be lower than `samples`, and the smallest known to be higher.
    let (mut below, mut above) = (0.0, f64::INFINITY);
    loop {
        let middle = samples.len() / 2;
        let (low, pivot, high) = std::mem::take(&mut samples).select_nth_unstable_by(middle, |a, b| order(&a.0, &b.0));
        let least = |samples: &[(T, T)]| samples.iter().fold(f64::INFINITY, |least, (v, _)| least.min(v.to_f64()));
        let until = below + weigh(low);
        let through = until + pivot.1.to_f64();
        if until >= half && !low.is_empty() {
            above = pivot.0.to_f64();
            samples = low;
        } else if through > half || high.is_empty() {
            let value = pivot.0.to_f64();
            let exactly = through == half && above.is_finite();
            return if exactly { 0.5 * value + 0.5 * above } else { value };
        } else if through == half {
            return 0.5 * pivot.0.to_f64() + 0.5 * least(high);
        } else {
            below = through;
            samples = high;
        }
    }
}
