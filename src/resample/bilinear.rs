//! Bilinear interpolation.
//!
//! ```text
//! sample = (1-u) ((1-t) p00 + t p01) + u ((1-t) p10 + t p11)
//! ```

use super::interpolate::Taps;

/// Linear between two pixels.
pub(super) struct BilinearTaps;

impl Taps<2> for BilinearTaps {
    #[inline(always)]
    fn weights(&self, t: f64) -> [f64; 2] {
        [1.0 - t, t]
    }

    fn radius(&self, s: f64) -> f64 {
        s
    }

    fn widened(&self, d: f64, s: f64) -> f64 {
        (1.0 - d.abs() / s).max(0.0)
    }
}
