//! B-spline interpolation of degree 2 and 3 (Unser 1999, IEEE Signal Processing Magazine 16(6), 22; as scipy's map_coordinates).
//!
//! ```text
//! sample = Σ_n Σ_m w_n(x) w_m(y) c[m][n]     basis splines on 3 × 3 or 4 × 4 coefficients, see prefilter.rs
//! on the centre of a valid pixel: that pixel
//! ```
//!
//! A coefficient on a missing (or infinite) pixel is missing itself: samples whose 3 × 3 or 4 × 4 coefficients give it weight
//! follow the rule for missing pixels. So a missing pixel affects samples within 1.5 or 2 pixels, not the whole image.

use super::{
    interpolate::{Row, Taps, as_index, floor},
    kernel::{BlockKernel, BlockSamples, Requirements, SampleRules, Scene},
    linearized::LinearizedMap,
    observer::WeightObserver,
    patch::Patch,
    prefilter::{self, Coefficients, Horizon, RESPONSE},
    separable,
};
use crate::{Pixel, map::CoordGrid, window::Window};

/// Pixels on each side of a position, without antialiasing.
const SUPPORT: f64 = 2.0;

/// A kernel on `N` × `N` coefficients, which interpolates.
pub(super) struct Spline<'k, const N: usize, B> {
    pub(super) basis: &'k B,
    pub(super) degree: usize,
    pub(super) rules: &'k SampleRules,
}

/// Buffers for a patch and a row.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    coefficients: Coefficients,
    rows: separable::Buffers,
}

impl Buffers {
    pub(super) fn bytes(&self) -> usize {
        self.coefficients.bytes() + self.rows.bytes()
    }
}

impl<const N: usize, B: Taps<N>> Requirements for Spline<'_, N, B> {
    fn support_radius(&self, scale: f64) -> f64 {
        separable::support_radius(self.rules, SUPPORT, scale)
    }

    fn support_radius_on(&self, grid: &CoordGrid<'_>, _: Option<&LinearizedMap>, block: Window, radius: f64) -> f64 {
        separable::support_radius_on(self.rules, SUPPORT, grid, block, radius)
    }

    fn output_margin(&self, _: f64) -> usize {
        usize::from(separable::needs_jacobians(self.rules))
    }

    fn prefilter_margin(&self, horizon: Horizon) -> usize {
        horizon.margin()
    }

    fn prefilter_response(&self) -> Option<[f64; RESPONSE]> {
        Some(prefilter::response(self.degree))
    }

    fn is_infinite_missing(&self) -> bool {
        true
    }
}

impl<const N: usize, B: Taps<N>> BlockKernel for Spline<'_, N, B> {
    type Buffers = Buffers;

    fn prepare<P: Pixel>(&self, patch: &Patch<'_, P>, horizon: Horizon, buffers: &mut Buffers) {
        buffers.coefficients.compute(patch, self.degree, horizon);
    }

    fn sample<P: Pixel, T: Pixel>(
        &self,
        scene: &Scene<'_, P>,
        block: Window,
        buffers: &mut Buffers,
        samples: BlockSamples<'_, T>,
        observer: &mut impl WeightObserver,
    ) {
        let Buffers { coefficients, rows } = buffers;
        let coefficients = coefficients.patch();
        separable::sample_rows(self.rules, (scene.grid, block), rows, samples, observer, |row| {
            if row.interpolate(&coefficients, self.basis) {
                at_centres(&scene.patch, row.row.reborrow(), row.observer);
            }
            row.widen(&coefficients, self.basis);
        });
    }
}

/// Basis spline of degree 2.
pub(super) struct Quadratic;

impl Taps<3> for Quadratic {
    #[inline(always)]
    fn weights(&self, t: f64) -> [f64; 3] {
        [0.5 * ((0.5 - t) * (0.5 - t)), 0.75 - t * t, 0.5 * ((0.5 + t) * (0.5 + t))]
    }

    fn radius(&self, s: f64) -> f64 {
        1.5 + 0.5 * box_width(s)
    }

    fn widened(&self, d: f64, s: f64) -> f64 {
        let point = |d: f64| if d.abs() < 0.5 { 0.75 - d * d } else { 0.5 * (1.5 - d.abs()).max(0.0).powi(2) };
        averaged(d, s, point, |d| {
            let a = d.abs();
            let half = if a < 0.5 { (0.75 - a * a / 3.0) * a } else { 0.5 - (1.5 - a).max(0.0).powi(3) / 6.0 };
            half.copysign(d)
        })
    }
}

/// Basis spline of degree 3.
pub(super) struct Cubic;

impl Taps<4> for Cubic {
    #[inline(always)]
    fn weights(&self, t: f64) -> [f64; 4] {
        const SIXTH: f64 = 1.0 / 6.0;
        let r = 1.0 - t;
        [
            SIXTH * (r * r * r),
            2.0 / 3.0 + t * t * (0.5 * t - 1.0),
            2.0 / 3.0 + r * r * (0.5 * r - 1.0),
            SIXTH * (t * t * t),
        ]
    }

    fn radius(&self, s: f64) -> f64 {
        2.0 + 0.5 * box_width(s)
    }

    fn widened(&self, d: f64, s: f64) -> f64 {
        let point = |d: f64| {
            let a = d.abs();
            if a < 1.0 { 2.0 / 3.0 + a * a * (0.5 * a - 1.0) } else { (2.0 - a).max(0.0).powi(3) / 6.0 }
        };
        averaged(d, s, point, |d| {
            let a = d.abs();
            let half = if a < 1.0 {
                (2.0 / 3.0 + a * a * (a / 8.0 - 1.0 / 3.0)) * a
            } else {
                0.5 - (2.0 - a).max(0.0).powi(4) / 24.0
            };
            half.copysign(d)
        })
    }
}

/// A spline is widened by averaging it over a box that makes a pixel `s` times as wide: variances add, s² = 1 + box².
fn box_width(s: f64) -> f64 {
    (s * s - 1.0).sqrt()
}

/// Mean over the box around `d` of a basis spline, given with its integral from 0.
fn averaged(d: f64, s: f64, point: impl Fn(f64) -> f64, integral: impl Fn(f64) -> f64) -> f64 {
    let width = box_width(s);
    // So narrow a box changes the mean by less than 1e-9, and the difference would lose too many digits.
    if width > 1e-4 { (integral(d + 0.5 * width) - integral(d - 0.5 * width)) / width } else { point(d) }
}

/// On the centre of a pixel the spline is that pixel: without the rounding of filter and sum, and whatever is missing around.
fn at_centres<P: Pixel, T: Pixel>(
    patch: &Patch<'_, P>,
    Row { xs, ys, values, coverage }: Row<'_, T>,
    observer: &mut impl WeightObserver,
) {
    let [y_last, x_last] = patch.image.map(|n| n as f64 - 1.0);
    let clamp = |x: f64, last: f64| x.max(0.0).min(last);
    let is_whole = |x: f64| floor(x) == x;
    for (k, (((x, y), value), cover)) in xs.iter().zip(ys).zip(values).zip(coverage).enumerate() {
        let inside = *x >= -0.5 && *x < x_last + 0.5 && *y >= -0.5 && *y < y_last + 0.5;
        let (column, line) = (clamp(*x, x_last), clamp(*y, y_last));
        if inside && is_whole(column) && is_whole(line) {
            let pixel = patch.at(as_index(line), as_index(column));
            if pixel.is_finite() {
                *value = T::from_f64(pixel);
                *cover = T::from_f64(1.0);
                observer.pixel(k, [as_index(line), as_index(column)]);
            }
        }
    }
}
