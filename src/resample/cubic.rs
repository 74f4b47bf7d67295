//! Cubic convolution (Keys 1981, IEEE Trans. ASSP 29, 1153, eq. 15: a = -1/2).
//!
//! ```text
//! k(d) = 3/2 |d|³ - 5/2 |d|² + 1                    |d| <= 1
//!      = -1/2 |d|³ + 5/2 |d|² - 4 |d| + 2      1 <= |d| <= 2
//! ```
//! It reproduces quadratic polynomials; its weights sum to 1.

use super::interpolate::Taps;

/// Keys' kernel.
pub(super) struct Keys;

impl Taps<4> for Keys {
    #[inline(always)]
    fn weights(&self, t: f64) -> [f64; 4] {
        [
            ((1.0 - 0.5 * t) * t - 0.5) * t,
            (1.5 * t - 2.5) * (t * t) + 1.0,
            ((2.0 - 1.5 * t) * t + 0.5) * t,
            (0.5 * t - 0.5) * (t * t),
        ]
    }

    fn radius(&self, s: f64) -> f64 {
        2.0 * s
    }

    fn widened(&self, d: f64, s: f64) -> f64 {
        let d = d.abs() / s;
        if d <= 1.0 {
            (1.5 * d - 2.5) * (d * d) + 1.0
        } else if d < 2.0 {
            ((2.5 - 0.5 * d) * d - 4.0) * d + 2.0
        } else {
            0.0
        }
    }
}
