//! Pseudocylindrical projections, Calabretta & Greisen (2002), section 5.3.

use super::project::{Plane, Project, UNDEFINED_VECTOR, native, solve};
use crate::direction::Vector;
use crate::wcs::trig::{DEGREES, RADIANS, longitude_latitude};
use std::f64::consts::{FRAC_PI_2, PI, SQRT_2};

/// Parabolic, equations (93) to (95).
#[derive(Clone, Debug)]
pub(crate) struct Par;

impl Project for Par {
    fn project(&self, v: Vector) -> Plane {
        let (phi, theta) = longitude_latitude(v);
        let s = (theta * RADIANS / 3.0).sin();
        [phi * (1.0 - 4.0 * s * s), 180.0 * s]
    }

    fn deproject(&self, [x, y]: Plane) -> Vector {
        let s = y / 180.0;
        let width = 1.0 - 4.0 * s * s;
        let phi = if width == 0.0 && x.abs() < 1e-13 { 0.0 } else { x / width };
        // Outside |s| <= 1 the arcsine is NaN, which `native` refuses.
        native(phi, 3.0 * s.asin() * DEGREES, 1e-12)
    }
}

/// Mollweide, equations (96) to (99): 2 γ + sin 2 γ = π sin θ.
#[derive(Clone, Debug)]
pub(crate) struct Mol;

/// u - sin u without cancellation.
fn less_sine(u: f64) -> f64 {
    if u > 0.5 {
        return u - u.sin();
    }
    let u2 = u * u;
    u * u2 / 6.0 * (1.0 - u2 / 20.0 * (1.0 - u2 / 42.0 * (1.0 - u2 / 72.0 * (1.0 - u2 / 110.0))))
}

impl Project for Mol {
    fn project(&self, v: Vector) -> Plane {
        let [x, y, z] = v;
        // With u = π - 2 |γ| the equation reads u - sin u = π (1 - |sin θ|), well conditioned at the poles.
        let c2 = x * x + y * y;
        let target = PI * c2 / (1.0 + z.abs());
        // (u - sin u) / u³ falls from 1/6 to 1/π² over the range, which brackets the root.
        let u = solve((6.0 * target).cbrt(), (PI * PI * target).cbrt(), |u| less_sine(u) - target);
        let (sin, cos) = (0.5 * u).sin_cos();
        let phi = y.atan2(x) * DEGREES;
        [2.0 * SQRT_2 / PI * phi * sin, (SQRT_2 * DEGREES * cos).copysign(z)]
    }

    fn deproject(&self, [x, y]: Plane) -> Vector {
        const TOLERANCE: f64 = 1e-12;
        let y = y * RADIANS;
        let rest = 2.0 - y * y;
        if rest <= TOLERANCE {
            // The pole, and nothing beside it.
            let pole = rest >= -TOLERANCE && x.abs() < TOLERANCE;
            return if pole { [0.0, 0.0, 1f64.copysign(y)] } else { UNDEFINED_VECTOR };
        }
        let width = rest.sqrt();
        let phi = x * FRAC_PI_2 / width;
        if !(phi.abs() <= 180.0 + 1e-11) {
            return UNDEFINED_VECTOR;
        }
        let from_pole = less_sine(2.0 * width.atan2(y.abs())) / PI;
        let c = (from_pole * (2.0 - from_pole)).max(0.0).sqrt();
        let (sin, cos) = (phi.clamp(-180.0, 180.0) * RADIANS).sin_cos();
        [c * cos, c * sin, (1.0 - from_pole).copysign(y)]
    }
}

/// Hammer-Aitoff, equations (100) to (103), with half-angle formulae in place of trigonometry.
#[derive(Clone, Debug)]
pub(crate) struct Ait;

impl Project for Ait {
    #[inline]
    fn project(&self, [x, y, z]: Vector) -> Plane {
        let c = (x * x + y * y).sqrt();
        // cos θ times the cosine and sine of φ / 2; the root is taken of the larger of the two, which does not cancel.
        let larger = (0.5 * c * (c + x.abs())).sqrt();
        let smaller = if larger > 0.0 { 0.5 * c * y.abs() / larger } else { 0.0 };
        let (cos_half, sin_half) = if x >= 0.0 { (larger, smaller) } else { (smaller, larger) };
        let gamma = DEGREES * (2.0 / (1.0 + cos_half)).sqrt();
        [2.0 * gamma * sin_half.copysign(y), gamma * z]
    }

    #[inline]
    fn deproject(&self, [x, y]: Plane) -> Vector {
        let (x, y) = (0.5 * RADIANS * x, RADIANS * y);
        let s = 1.0 - 0.25 * (x * x + y * y);
        if !(s >= 0.5 - 1e-13) {
            return UNDEFINED_VECTOR;
        }
        let s = s.max(0.5);
        let w = s.sqrt();
        let (cos_half, sin_half) = (2.0 * s - 1.0, w * x);
        let c = (cos_half * cos_half + sin_half * sin_half).sqrt();
        if c == 0.0 {
            return [0.0, 0.0, 1f64.copysign(y)];
        }
        [(cos_half * cos_half - sin_half * sin_half) / c, 2.0 * cos_half * sin_half / c, w * y]
    }
}
