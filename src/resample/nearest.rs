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
    let (nx, ny) = (patch.image[1] as f64 - 0.5, patch.image[0] as f64 - 0.5);
    let (x0, y0, stride) = (patch.window.x0 as isize, patch.window.y0 as isize, patch.window.nx as isize);
    for (((x, y), value), cover) in xs.iter().zip(ys).zip(values).zip(coverage) {
        // False for NaN, which is how an undefined position looks.
        let inside = *x >= -0.5 && *x < nx && *y >= -0.5 && *y < ny;
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
