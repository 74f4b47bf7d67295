//! Separable interpolation: the loops that all interpolating kernels share.
//!
//! ```text
//! x, y clamped to the pixel centres: the outer half pixel of the image takes the value on the line of the edge pixels
//! i = floor(x), t = x - i                       with an odd number N of taps: i = floor(x + 1/2)
//! first tap = i - (N-1)/2;  wx = weights(t), and alike in y
//! sample = Σ_n wx[n] (Σ_m wy[m] p[m][n])        taps outside of the image are mirrored: d c b | a b c d | c b a
//! where that is NaN: tap by tap, taps of weight 0 ignored, with the rule for missing pixels
//! ```
//!
//! Mirroring is what reproject's splines do. For all kernels it makes every position of the image valid and keeps the
//! samples continuous; no tap lies farther away than the one that it replaces.

use super::{
    observer::WeightObserver,
    patch::{Patch, mirror},
};
use crate::{Missing, Pixel, simd::dispatch};

/// A one-dimensional kernel on `N` pixels.
pub(super) trait Taps<const N: usize> {
    /// Weights of the `N` pixels around a position `t` behind the pixel `(N-1)/2` of them. They sum to 1; where `t` is 0 an
    /// interpolating kernel gives exactly 1 and 0.
    fn weights(&self, t: f64) -> [f64; N];

    /// The weights of a run of positions, tap by tap.
    #[inline(always)]
    fn columns(&self, t: &[f64; RUN], weights: &mut [[f64; RUN]; MOST]) {
        for (k, t) in t.iter().enumerate() {
            for (column, weight) in weights.iter_mut().zip(self.weights(*t)) {
                column[k] = weight;
            }
        }
    }

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
    /// Middle taps of positions whose first taps are the first and the last pixel of the patch that can be one.
    middles: [f64; 2],
    /// The first position, and the one behind the last, that lie between pixel centres of the image and have all their taps in the patch.
    inner: [f64; 2],
}

impl<const N: usize> Axis<N> {
    /// From a position to where its middle tap's neighbourhood begins.
    const SHIFT: f64 = if N % 2 == 1 { 0.5 } else { 0.0 };

    fn new(image: usize, start: usize, patch: usize) -> Self {
        let last = image as f64 - 1.0;
        let starts = (patch + 1).saturating_sub(N) as f64;
        let first = start as f64 + ((N - 1) / 2) as f64;
        let inner = [(first - Self::SHIFT).max(0.0), (first + starts - Self::SHIFT).min(last)];
        Axis { last, end: last + 0.5, middles: [first, first + starts - 1.0], inner }
    }

    /// False for NaN, which is how an undefined position looks.
    #[inline(always)]
    fn holds(&self, x: f64) -> bool {
        (x >= -0.5) & (x < self.end)
    }

    #[inline(always)]
    fn is_inner(&self, x: f64) -> bool {
        (x >= self.inner[0]) & (x < self.inner[1])
    }

    /// The nearest position between pixel centres of the image.
    #[inline(always)]
    fn clamp(&self, x: f64) -> f64 {
        let x = if x > 0.0 { x } else { 0.0 };
        if x < self.last { x } else { self.last }
    }

    /// The middle tap of a position that is not negative.
    #[inline(always)]
    fn middle(&self, x: f64) -> f64 {
        floor(x + Self::SHIFT)
    }

    /// First tap of a position in the image, and the position behind the middle one.
    #[inline(always)]
    fn locate(&self, x: f64) -> (isize, f64) {
        let x = self.clamp(x);
        let middle = self.middle(x);
        (as_index(middle) as isize - (N as isize - 1) / 2, x - middle)
    }

    /// Whether the taps around this one are all in the patch.
    #[inline(always)]
    fn has(&self, middle: f64) -> bool {
        (middle >= self.middles[0]) & (middle <= self.middles[1])
    }
}

/// Numbers from here to twice as much are whole, with the unit as their last bit.
const WHOLE: f64 = (1_u64 << 52) as f64;

/// The whole part of `x`, which is from 0 to 2⁵¹: much faster than casts, which check their range.
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

/// Positions that are sampled together.
pub(super) const RUN: usize = 32;

/// Most taps of a kernel on an axis.
pub(super) const MOST: usize = 10;

/// A run of positions on its way to samples, as columns: each step is done for several positions at a time. Aligned, so that no vector
/// lies across two lines of the cache. Memory for more taps than a kernel has is never touched.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Run {
    /// Where the first tap lies in the patch.
    from: [usize; RUN],
    /// Positions behind the middle taps.
    tx: [f64; RUN],
    ty: [f64; RUN],
    /// Weights, tap by tap.
    wx: [[f64; RUN]; MOST],
    wy: [[f64; RUN]; MOST],
    /// Σ_m wy[m] p[m][n], position by position.
    columns: [f64; RUN * MOST],
    samples: [f64; RUN],
    /// Whether one of the positions is the centre of a pixel.
    centred: bool,
}

impl Default for Run {
    fn default() -> Self {
        let weights = [[0.0; RUN]; MOST];
        let (columns, zeros) = ([0.0; RUN * MOST], [0.0; RUN]);
        Run { from: [0; RUN], tx: zeros, ty: zeros, wx: weights, wy: weights, columns, samples: zeros, centred: false }
    }
}

impl Run {
    /// Finds first taps and weights. Unless all positions are `INNER` each is checked; one whose taps are not all in the patch gets weights of NaN.
    #[inline(always)]
    fn locate<const N: usize, const INNER: bool>(
        &mut self,
        kernel: &impl Taps<N>,
        [x_axis, y_axis]: &[Axis<N>; 2],
        stride: usize,
        (xs, ys): (&[f64; RUN], &[f64; RUN]),
    ) {
        let stride = stride as f64;
        let mut centred = false;
        for k in 0..RUN {
            let (x, y) = if INNER { (xs[k], ys[k]) } else { (x_axis.clamp(xs[k]), y_axis.clamp(ys[k])) };
            let (x_middle, y_middle) = (x_axis.middle(x), y_axis.middle(y));
            let held = INNER || x_axis.holds(xs[k]) & y_axis.holds(ys[k]) & x_axis.has(x_middle) & y_axis.has(y_middle);
            let from = (y_middle - y_axis.middles[0]) * stride + (x_middle - x_axis.middles[0]);
            self.from[k] = as_index(if held { from } else { 0.0 });
            centred |= (x == x_middle) & (y == y_middle);
            self.tx[k] = if held { x - x_middle } else { f64::NAN };
            self.ty[k] = y - y_middle;
        }
        self.centred = centred;
        kernel.columns(&self.tx, &mut self.wx);
        kernel.columns(&self.ty, &mut self.wy);
    }

    /// The samples of positions that are located: columns first, in the order of the taps, then even and odd columns.
    #[inline(always)]
    fn sum<const N: usize, P: Pixel>(&mut self, pixels: &[P], stride: usize) {
        const { assert!(N <= MOST) };
        let Some(all_columns) = self.columns.as_chunks_mut::<N>().0.first_chunk_mut::<RUN>() else { return };
        // The patch from each row of taps on, all equally long: an index that is valid in one of them is valid in all, and is checked once.
        let long = pixels.len().saturating_sub((N - 1) * stride);
        let mut rows = [pixels; N];
        for (m, rows) in rows.iter_mut().enumerate() {
            let Some(from) = pixels.get(m * stride..m * stride + long) else { return self.samples.fill(f64::NAN) };
            *rows = from;
        }
        for (k, to) in all_columns.iter_mut().enumerate() {
            let mut columns = [f64::NAN; N];
            for (m, (rows, wy)) in rows.iter().zip(&self.wy).enumerate() {
                let from = self.from[k];
                let Some(row) = rows.get(from..from + N).and_then(<[P]>::first_chunk::<N>) else { break };
                for n in 0..N {
                    let term = wy[k] * row[n].to_f64();
                    columns[n] = if m == 0 { term } else { columns[n] + term };
                }
            }
            *to = columns;
        }
        for (k, columns) in all_columns.iter().enumerate() {
            let mut pair = [0.0; 2];
            for (n, column) in columns.iter().enumerate() {
                let term = self.wx[n][k] * column;
                pair[n % 2] = if n < 2 { term } else { pair[n % 2] + term };
            }
            // A pixel that is its own sample keeps its sign where it is zero.
            self.samples[k] = if N == 1 { pair[0] } else { pair[0] + pair[1] };
        }
    }
}

/// A row of samples: the input positions of its pixels, their values and coverage, all equally long.
pub(super) struct Row<'r, T> {
    pub(super) xs: &'r [f64],
    pub(super) ys: &'r [f64],
    pub(super) values: &'r mut [T],
    pub(super) coverage: &'r mut [T],
}

impl<T> Row<'_, T> {
    pub(super) fn reborrow(&mut self) -> Row<'_, T> {
        Row { xs: self.xs, ys: self.ys, values: self.values, coverage: self.coverage }
    }
}

/// Samples one row; returns whether a position may be the centre of a pixel.
pub(super) fn row<const N: usize, P: Pixel, T: Pixel, O: WeightObserver>(
    patch: &Patch<'_, P>,
    kernel: &impl Taps<N>,
    missing: Missing,
    run: &mut Run,
    Row { xs, ys, values, coverage }: Row<'_, T>,
    observer: &mut O,
) -> bool {
    dispatch(
        #[inline(always)]
        || {
            let mut centred = false;
            let stride = patch.window.nx;
            let axes = [
                Axis::<N>::new(patch.image[1], patch.window.x0, patch.window.nx),
                Axis::<N>::new(patch.image[0], patch.window.y0, patch.window.ny),
            ];
            let [x_axis, y_axis] = &axes;
            let mut ends = [[0.0; RUN]; 2];
            let runs = xs.chunks(RUN).zip(ys.chunks(RUN)).zip(values.chunks_mut(RUN).zip(coverage.chunks_mut(RUN)));
            for (from, ((xs, ys), (values, coverage))) in (0..).step_by(RUN).zip(runs) {
                let [end_x, end_y] = &mut ends;
                let positions = (whole(xs, end_x), whole(ys, end_y));
                let pairs = positions.0.iter().zip(positions.1);
                if pairs.fold(true, |inner, (x, y)| inner & x_axis.is_inner(*x) & y_axis.is_inner(*y)) {
                    run.locate::<N, true>(kernel, &axes, stride, positions);
                } else {
                    run.locate::<N, false>(kernel, &axes, stride, positions);
                }
                run.sum::<N, P>(patch.pixels, stride);
                centred |= run.centred;
                coverage.fill(T::from_f64(1.0));
                let mut complete = true;
                for (value, sample) in values.iter_mut().zip(&run.samples) {
                    *value = T::from_f64(*sample);
                    complete &= !sample.is_nan();
                }
                if complete && !O::ACTIVE {
                    continue;
                }
                for (k, (value, cover)) in values.iter_mut().zip(coverage).enumerate() {
                    let mut sample = run.samples[k];
                    if x_axis.holds(xs[k]) && y_axis.holds(ys[k]) && (O::ACTIVE || sample.is_nan()) {
                        let ((i, t), (j, u)) = (x_axis.locate(xs[k]), y_axis.locate(ys[k]));
                        let (first, wx, wy) = ([j, i], kernel.weights(t), kernel.weights(u));
                        if sample.is_nan() {
                            sample = tap_by_tap(patch, first, &wx, &wy, missing);
                        }
                        observer.taps(from + k, first, &wy, &wx);
                    }
                    if sample.is_nan() {
                        (*value, *cover) = (T::default(), T::default());
                    } else {
                        *value = T::from_f64(sample);
                    }
                }
            }
            centred
        },
    )
}

/// The positions of a run; beyond the last it is repeated.
#[inline(always)]
fn whole<'r>(positions: &'r [f64], end: &'r mut [f64; RUN]) -> &'r [f64; RUN] {
    match positions.first_chunk() {
        Some(run) => run,
        None => {
            end.fill(positions.last().map_or(f64::NAN, |last| *last));
            end.iter_mut().zip(positions).for_each(|(to, from)| *to = *from);
            end
        }
    }
}

/// The sample tap by tap: at the edges of the image, and where a pixel is missing or infinite.
#[cold]
pub(super) fn tap_by_tap<P: Pixel>(
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
            } else if missing == Missing::Propagate {
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
