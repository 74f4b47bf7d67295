//! Bilinear interpolation.
//!
//! ```text
//! x, y clamped to the pixel centres: the outer half pixel of the image takes the edge pixel's value
//! (i, j) = floor(x, y);  (f, g) = (x - i, y - j)
//! sample = (1-g) ((1-f) p00 + f p01) + g ((1-f) p10 + f p11)        if that is not NaN; else tap by tap
//! ```

use super::Patch;
use crate::Pixel;

/// The four pixels around a position and their weights.
pub(super) struct Taps {
    pixels: [f64; 4],
    weights: [f64; 4],
}

impl Taps {
    /// The sample that the taps of non-zero weight make, NaN if one of them is missing.
    pub(super) fn spoiled(&self) -> f64 {
        self.there(f64::is_nan).0
    }

    /// The sample that the taps which are there make, NaN if their weights sum to less than `min_weight`.
    pub(super) fn renormalized(&self, min_weight: f64) -> f64 {
        let (sum, weight) = self.there(|_| false);
        if weight >= min_weight { sum / weight } else { f64::NAN }
    }

    /// Σwp and Σw of the taps of non-zero weight that are not NaN, or NaN if a pixel spoils the sample.
    fn there(&self, spoils: impl Fn(f64) -> bool) -> (f64, f64) {
        let taps = self.pixels.iter().zip(&self.weights).filter(|(_, w)| **w > 0.0);
        taps.fold((0.0, 0.0), |(sum, weight), (p, w)| match p.is_nan() {
            false => (sum + w * p, weight + w),
            true if spoils(*p) => (f64::NAN, weight),
            true => (sum, weight),
        })
    }
}

/// Samples one row; `with_missing` makes the sample where a tap is NaN or infinite.
pub(super) fn row<P: Pixel, T: Pixel>(
    patch: &Patch<'_, P>,
    xs: &[f64],
    ys: &[f64],
    with_missing: impl Fn(&Taps) -> f64,
    values: &mut [T],
    coverage: &mut [T],
) {
    let [ny, nx] = patch.image;
    let (x_end, y_end) = (nx as f64 - 0.5, ny as f64 - 0.5);
    let (x_last, y_last) = (nx as f64 - 1.0, ny as f64 - 1.0);
    let (x0, y0, stride) = (patch.window.x0, patch.window.y0, patch.window.nx);
    let (dx, dy) = (usize::from(nx > 1), usize::from(ny > 1));
    for (((x, y), value), cover) in xs.iter().zip(ys).zip(values).zip(coverage) {
        // False for NaN, which is how an undefined position looks.
        let inside = *x >= -0.5 && *x < x_end && *y >= -0.5 && *y < y_end;
        let sample = if inside {
            let (x, y) = (x.clamp(0.0, x_last), y.clamp(0.0, y_last));
            // The last pixel's own centre is reached from the pixel before it, with f = 1.
            let (i, j) = ((x as usize).min(nx - 1 - dx), (y as usize).min(ny - 1 - dy));
            let (f, g) = (x - i as f64, y - j as f64);
            let at =
                |i: usize, j: usize| patch.pixels.get((j - y0) * stride + (i - x0)).map_or(f64::NAN, |p| p.to_f64());
            let p = [at(i, j), at(i + dx, j), at(i, j + dy), at(i + dx, j + dy)];
            let sample = (1.0 - g) * ((1.0 - f) * p[0] + f * p[1]) + g * ((1.0 - f) * p[2] + f * p[3]);
            if sample.is_nan() {
                let weights = [(1.0 - g) * (1.0 - f), (1.0 - g) * f, g * (1.0 - f), g * f];
                with_missing(&Taps { pixels: p, weights })
            } else {
                sample
            }
        } else {
            f64::NAN
        };
        let there = !sample.is_nan();
        *value = T::from_f64(if there { sample } else { 0.0 });
        *cover = T::from_f64(f64::from(u8::from(there)));
    }
}
