//! Nearest neighbour.
//!
//! ```text
//! (i, j) = floor(x + 1/2), floor(y + 1/2);  sample = pixel(i, j), there if it is inside the image and not missing
//! ```

use super::{Patch, further::Further};
use crate::Pixel;

pub(super) fn row<P: Pixel, T: Pixel>(
    patch: &Patch<'_, P>,
    xs: &[f64],
    ys: &[f64],
    values: &mut [T],
    coverage: &mut [T],
    further: &mut impl Further,
) {
    let [ny, nx] = patch.image;
    let (x_end, y_end) = (nx as f64 - 0.5, ny as f64 - 0.5);
    let (x0, y0, stride) = (patch.window.x0, patch.window.y0, patch.window.nx);
    for (k, (((x, y), value), cover)) in xs.iter().zip(ys).zip(values).zip(coverage).enumerate() {
        (*value, *cover) = (T::default(), T::default());
        // False for NaN, which is how an undefined position looks.
        if *x >= -0.5 && *x < x_end && *y >= -0.5 && *y < y_end {
            // Just below the upper edge x + 1/2 may round up to the next pixel, which is not there.
            let (i, j) = (((*x + 0.5) as usize).min(nx - 1), ((*y + 0.5) as usize).min(ny - 1));
            let pixel = patch.pixels.get((j - y0) * stride + (i - x0)).map_or(f64::NAN, |p| p.to_f64());
            if !pixel.is_nan() {
                (*value, *cover) = (T::from_f64(pixel), T::from_f64(1.0));
                further.pixel(k, [j, i]);
            }
        }
    }
}
