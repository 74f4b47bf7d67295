//! Separable interpolation: the loops that all interpolating kernels share.
//!
//! ```text
//! x, y clamped to the pixel centres: the outer half pixel of the image takes the value on the line of the edge pixels
//! i = floor(x), t = x - i                       with an odd number N of taps: i = floor(x + 1/2)
//! first tap = i - (N-1)/2;  wx = weights(t), and alike in y
//! sample = Σ_n wx[n] (Σ_m wy[m] p[m][n])        taps outside of the image are mirrored: d c b | a b c d | c b a
//! where that is NaN: tap by tap, taps of weight 0 left out, with the rule for missing pixels
//! ```
//!
//! Mirroring is what reproject's splines do. For all kernels it makes every position of the image valid and keeps the
//! samples continuous; no tap lies farther away than the one that it stands in for.

use super::{Patch, further::Further};
use crate::{Missing, Pixel, vector::widest};

/// A one-dimensional kernel on `N` pixels.
pub(super) trait Taps<const N: usize> {
    /// Weights of the `N` pixels around a position `t` behind the pixel `(N-1)/2` of them. They sum to 1; where `t` is 0 an
    /// interpolating kernel gives exactly 1 and 0.
    fn weights(&self, t: f64) -> [f64; N];

    /// Pixels on each side that carry weight where the kernel is made `s` times as wide, s >= 1.
    fn radius(&self, s: f64) -> f64;

    /// Weight, but for normalisation, of a pixel at distance `d` where the kernel is made `s` times as wide.
    fn widened(&self, d: f64, s: f64) -> f64;
}

/// One axis of a patch, as the taps see it.
struct Axis<const N: usize> {
    /// Centre of the image's last pixel, and its edge.
    last: f64,
    end: f64,
    /// First pixel of the patch, and the number of pixels of it that can be a first tap.
    start: isize,
    room: usize,
    /// Middle tap of the first of them.
    first: f64,
    /// Positions from here to there lie between pixel centres of the image and have all their taps in the patch.
    inner: [f64; 2],
}

impl<const N: usize> Axis<N> {
    /// From a position to where its middle tap's neighbourhood begins.
    const SHIFT: f64 = if N % 2 == 1 { 0.5 } else { 0.0 };

    fn new(image: usize, start: usize, patch: usize) -> Self {
        let last = image as f64 - 1.0;
        let room = (patch + 1).saturating_sub(N);
        let first = start as f64 + ((N - 1) / 2) as f64;
        let inner = [(first - Self::SHIFT).max(0.0), (first + room as f64 - Self::SHIFT).min(last)];
        Axis { last, end: last + 0.5, start: start as isize, room, first, inner }
    }

    /// False for NaN, which is how an undefined position looks.
    #[inline(always)]
    fn holds(&self, x: f64) -> bool {
        x >= -0.5 && x < self.end
    }

    #[inline(always)]
    fn is_inner(&self, x: f64) -> bool {
        (x >= self.inner[0]) & (x < self.inner[1])
    }

    /// The middle tap of a position that is not negative.
    #[inline(always)]
    fn middle(&self, x: f64) -> f64 {
        floor(x + Self::SHIFT)
    }

    /// First tap, counted from the patch's first pixel, and the position behind the middle one.
    #[inline(always)]
    fn locate(&self, x: f64) -> (isize, f64) {
        let x = x.max(0.0).min(self.last);
        let middle = self.middle(x);
        (as_index(middle) as isize - (N as isize - 1) / 2 - self.start, x - middle)
    }
}

/// Numbers from here to twice as much are whole, with the unit as their last bit.
const WHOLE: f64 = (1_u64 << 52) as f64;

/// The whole part of `x`, which is from 0 to 2⁵¹: a fraction of the work of casts that mind their range.
#[inline(always)]
pub(super) fn floor(x: f64) -> f64 {
    let nearest = (x + WHOLE) - WHOLE;
    nearest - if nearest > x { 1.0 } else { 0.0 }
}

/// A whole number from 0 to 2⁵¹ as an index.
#[inline(always)]
pub(super) fn as_index(whole: f64) -> usize {
    ((whole + WHOLE).to_bits() - WHOLE.to_bits()) as usize
}

/// Positions that are looked at together: if all their taps are in the patch, nothing need be asked position by position.
const RUN: usize = 64;

/// Samples one row.
#[allow(clippy::too_many_arguments)]
pub(super) fn row<const N: usize, P: Pixel, T: Pixel>(
    patch: &Patch<'_, P>,
    kernel: &impl Taps<N>,
    missing: Missing,
    (xs, ys): (&[f64], &[f64]),
    values: &mut [T],
    coverage: &mut [T],
    further: &mut impl Further,
) {
    widest(
        #[inline(always)]
        || {
            let x_axis = Axis::<N>::new(patch.image[1], patch.window.x0, patch.window.nx);
            let y_axis = Axis::<N>::new(patch.image[0], patch.window.y0, patch.window.ny);
            let mut samples = [0.0; RUN];
            let runs = xs.chunks(RUN).zip(ys.chunks(RUN)).zip(values.chunks_mut(RUN).zip(coverage.chunks_mut(RUN)));
            for (from, ((xs, ys), (values, coverage))) in (0..).step_by(RUN).zip(runs) {
                let samples = &mut samples[..xs.len()];
                let inner =
                    xs.iter().zip(ys).fold(true, |inner, (x, y)| inner & x_axis.is_inner(*x) & y_axis.is_inner(*y));
                if inner {
                    inner_run(patch, kernel, [&x_axis, &y_axis], (xs, ys), samples, from, further);
                } else {
                    samples.fill(f64::NAN);
                }
                coverage.fill(T::from_f64(1.0));
                let mut whole = true;
                for (value, sample) in values.iter_mut().zip(&*samples) {
                    *value = T::from_f64(*sample);
                    whole &= !sample.is_nan();
                }
                if whole {
                    continue;
                }
                for (k, sample) in samples.iter().enumerate().filter(|(_, sample)| sample.is_nan()) {
                    let mut sample = *sample;
                    if x_axis.holds(xs[k]) && y_axis.holds(ys[k]) {
                        let ((i, t), (j, u)) = (x_axis.locate(xs[k]), y_axis.locate(ys[k]));
                        let (wx, wy) = (kernel.weights(t), kernel.weights(u));
                        // A negative first tap is larger than any room.
                        if (i as usize) < x_axis.room && (j as usize) < y_axis.room {
                            let start = j as usize * patch.window.nx + i as usize;
                            sample =
                                sum::<N, P>(patch.pixels.get(start..).unwrap_or_default(), patch.window.nx, &wx, &wy);
                        }
                        let first = [j + y_axis.start, i + x_axis.start];
                        if sample.is_nan() {
                            sample = careful(patch, first, &wx, &wy, missing);
                        }
                        further.taps(from + k, first, &wy, &wx);
                    }
                    let there = !sample.is_nan();
                    values[k] = T::from_f64(if there { sample } else { 0.0 });
                    coverage[k] = T::from_f64(f64::from(u8::from(there)));
                }
            }
        },
    )
}

/// Samples positions whose taps are all in the patch: first where their taps begin, in vectors, then the sums.
#[inline(always)]
fn inner_run<const N: usize, P: Pixel, F: Further>(
    patch: &Patch<'_, P>,
    kernel: &impl Taps<N>,
    [x_axis, y_axis]: [&Axis<N>; 2],
    (xs, ys): (&[f64], &[f64]),
    samples: &mut [f64],
    first: usize,
    further: &mut F,
) {
    let stride = patch.window.nx;
    let (mut from, mut ts, mut us) = ([0; RUN], [0.0; RUN], [0.0; RUN]);
    let taps = from.iter_mut().zip(ts.iter_mut().zip(&mut us));
    for ((x, y), (from, (t, u))) in xs.iter().zip(ys).zip(taps) {
        let (x_middle, y_middle) = (x_axis.middle(*x), y_axis.middle(*y));
        (*t, *u) = (x - x_middle, y - y_middle);
        *from = as_index((y_middle - y_axis.first) * stride as f64 + (x_middle - x_axis.first));
    }
    for (k, (sample, (from, (t, u)))) in samples.iter_mut().zip(from.iter().zip(ts.iter().zip(&us))).enumerate() {
        let pixels = patch.pixels.get(*from..).unwrap_or_default();
        let (wx, wy) = (kernel.weights(*t), kernel.weights(*u));
        *sample = sum::<N, P>(pixels, stride, &wx, &wy);
        if F::WANTED {
            let ((i, _), (j, _)) = (x_axis.locate(xs[k]), y_axis.locate(ys[k]));
            further.taps(first + k, [j + y_axis.start, i + x_axis.start], &wy, &wx);
        }
    }
}

/// Columns first, in the order of the taps, then even and odd columns: pairs of independent sums all the way, which become vectors.
#[inline(always)]
fn sum<const N: usize, P: Pixel>(pixels: &[P], stride: usize, wx: &[f64; N], wy: &[f64; N]) -> f64 {
    let mut columns = [0.0; N];
    for (m, w) in wy.iter().enumerate() {
        let Some(row) = pixels.get(m * stride..).and_then(|row| row.first_chunk::<N>()) else { return f64::NAN };
        for (column, pixel) in columns.iter_mut().zip(row) {
            let term = w * pixel.to_f64();
            *column = if m == 0 { term } else { *column + term };
        }
    }
    let mut pair = [0.0; 2];
    for n in 0..N {
        let term = wx[n] * columns[n];
        pair[n % 2] = if n < 2 { term } else { pair[n % 2] + term };
    }
    pair[0] + pair[1]
}

/// The sample tap by tap: at the edges of the image, and where a pixel is missing or infinite.
#[cold]
pub(super) fn careful<P: Pixel>(
    patch: &Patch<'_, P>,
    [first_y, first_x]: [isize; 2],
    wx: &[f64],
    wy: &[f64],
    missing: Missing,
) -> f64 {
    let (mut sum, mut weight, mut whole) = (0.0, 0.0, true);
    for (y, wy) in (first_y..).zip(wy) {
        let y = mirror(y, patch.image[0]);
        for (x, wx) in (first_x..).zip(wx) {
            let w = wx * wy;
            if w == 0.0 {
                continue;
            }
            let pixel = patch.at(y, mirror(x, patch.image[1]));
            if !pixel.is_nan() {
                sum += w * pixel;
                weight += w;
            } else if missing == Missing::Spoil {
                return f64::NAN;
            } else {
                whole = false;
            }
        }
    }
    match missing {
        Missing::Renormalize { min_weight } if !whole => {
            if weight >= min_weight {
                sum / weight
            } else {
                f64::NAN
            }
        }
        _ => sum,
    }
}

/// Index of the pixel that stands for number `i`, which may lie outside, on an axis of `n` pixels.
pub(super) fn mirror(i: isize, n: usize) -> usize {
    let last = n as isize - 1;
    if last <= 0 {
        return 0;
    }
    let folded = i.rem_euclid(2 * last);
    folded.min(2 * last - folded) as usize
}
