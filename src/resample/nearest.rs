//! Nearest neighbour.
//!
//! ```text
//! (i, j) = floor(x + 1/2), floor(y + 1/2);  sample = pixel(i, j), there if it is inside the image and not missing
//! ```

use super::Patch;
use crate::Pixel;

pub(super) fn row<P: Pixel, T: Pixel>(
    patch: &Patch<'_, P>,
    xs: &[f64],
    ys: &[f64],
    values: &mut [T],
    coverage: &mut [T],
) {
    let [ny, nx] = patch.image;
    let (x_end, y_end) = (nx as f64 - 0.5, ny as f64 - 0.5);
    let (last_x, last_y) = (nx - 1, ny - 1);
    let (x0, y0, stride) = (patch.window.x0, patch.window.y0, patch.window.nx);
    for (((x, y), value), cover) in xs.iter().zip(ys).zip(values).zip(coverage) {
        // False for NaN, which is how an undefined position looks.
        let inside = *x >= -0.5 && *x < x_end && *y >= -0.5 && *y < y_end;
        let (i, j) = ((*x + 0.5) as isize - x0, (*y + 0.5) as isize - y0);
        let pixel = if inside {
            patch.pixels.get((j * stride + i) as usize).map_or(f64::NAN, |p| p.to_f64())
        } else {
            f64::NAN
        };
        let there = !pixel.is_nan();
        *value = T::from_f64(if there { pixel } else { 0.0 });
        *cover = T::from_f64(f64::from(u8::from(there)));
    }
}
