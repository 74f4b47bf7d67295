//! Reduction without aliasing: kernels widened to the output pixel.
//!
//! ```text
//! sx, sy = how many times the output pixel is longer than an input pixel along x and y; where both are 1, nothing changes
//! wx[i] = k((i - x) / sx), normalised to sum 1, for |i - x| < radius · sx; and alike in y          (as GDAL's warper)
//! nearest: k is a box of one pixel; splines: the basis spline averaged over a box (see there)
//! ```

use super::{
    interpolate::{Row, Taps, tap_by_tap},
    jacobian::stretch,
    observer::WeightObserver,
    patch::Patch,
};
use crate::{Missing, Pixel};

/// Weights and indices of the taps on both axes, reused from pixel to pixel.
#[derive(Debug, Default)]
pub(super) struct WideTaps {
    x: Vec<f64>,
    y: Vec<f64>,
    columns: Vec<f64>,
}

impl WideTaps {
    pub(super) fn bytes(&self) -> usize {
        8 * (self.x.capacity() + self.y.capacity() + self.columns.capacity())
    }

    /// Samples again those pixels of a row that are larger than an input pixel.
    pub(super) fn row<const N: usize, P: Pixel, T: Pixel>(
        &mut self,
        patch: &Patch<'_, P>,
        kernel: &impl Taps<N>,
        missing: Missing,
        jacobians: &[[f64; 4]],
        Row { xs, ys, values, coverage }: Row<'_, T>,
        observer: &mut impl WeightObserver,
    ) {
        let [y_last, x_last] = patch.image.map(|n| n as f64 - 1.0);
        let samples = values.iter_mut().zip(coverage);
        let samples = jacobians.iter().zip(xs.iter().zip(ys)).zip(samples).enumerate();
        for (k, ((jacobian, (x, y)), (value, cover))) in samples {
            let [sx, sy] = stretch(*jacobian);
            let inside = *x >= -0.5 && *x < x_last + 0.5 && *y >= -0.5 && *y < y_last + 0.5;
            if !inside || !(sx > 1.0 || sy > 1.0) {
                continue;
            }
            let first_x = weights(kernel, x.max(0.0).min(x_last), sx, &mut self.x);
            let first_y = weights(kernel, y.max(0.0).min(y_last), sy, &mut self.y);
            let mut sample = self.sum(patch, first_x, first_y);
            if sample.is_nan() {
                sample = tap_by_tap(patch, [first_y, first_x], &self.x, &self.y, missing);
            }
            observer.taps(k, [first_y, first_x], &self.y, &self.x);
            let valid = !sample.is_nan();
            *value = T::from_f64(if valid { sample } else { 0.0 });
            *cover = T::from_f64(f64::from(u8::from(valid)));
        }
    }

    /// NaN if the taps do not all lie in the image, or one of them is missing.
    fn sum<P: Pixel>(&mut self, patch: &Patch<'_, P>, first_x: isize, first_y: isize) -> f64 {
        let within = |first: isize, taps: usize, n: usize| first >= 0 && first as usize + taps <= n;
        if !within(first_x, self.x.len(), patch.image[1]) || !within(first_y, self.y.len(), patch.image[0]) {
            return f64::NAN;
        }
        self.columns.clear();
        self.columns.resize(self.x.len(), 0.0);
        for (j, w) in (first_y as usize..).zip(&self.y) {
            let Some(row) = patch.run(j, first_x as usize, self.x.len()) else { return f64::NAN };
            for (column, pixel) in self.columns.iter_mut().zip(row) {
                *column += w * pixel.to_f64();
            }
        }
        self.x.iter().zip(&self.columns).fold(0.0, |sum, (w, column)| sum + w * column)
    }
}

/// Normalised weights around `x`; returns the first pixel.
fn weights<const N: usize>(kernel: &impl Taps<N>, x: f64, s: f64, weights: &mut Vec<f64>) -> isize {
    let radius = kernel.radius(s);
    let (first, last) = ((x - radius).ceil() as isize, (x + radius).floor() as isize);
    weights.clear();
    weights.extend((first..=last).map(|i| kernel.widened(i as f64 - x, s)));
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    first
}
