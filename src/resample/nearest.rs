//! Nearest neighbour.
//!
//! ```text
//! (i, j) = floor(x + 1/2), floor(y + 1/2);  sample = pixel(i, j) where it is inside the image and not missing
//! ```

use super::interpolate::Taps;

/// A box of one pixel.
pub(super) struct Square;

impl Taps<1> for Square {
    #[inline(always)]
    fn weights(&self, t: f64) -> [f64; 1] {
        // NaN where there is no position.
        [1.0 + 0.0 * t]
    }

    fn radius(&self, s: f64) -> f64 {
        0.5 * s
    }

    fn widened(&self, d: f64, s: f64) -> f64 {
        // Half of a pixel on the very edge, so that a mirrored image gives mirrored samples.
        let d = d.abs() / s;
        if d < 0.5 {
            1.0
        } else if d > 0.5 {
            0.0
        } else {
            0.5
        }
    }
}
