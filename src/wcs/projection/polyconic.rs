//! The polyconic projection PCO, Calabretta & Greisen (2002), section 5.5.2, equations (150) to (153).

use super::project::{Plane, Project, UNDEFINED_VECTOR, native, solve};
use crate::direction::Vector;
use crate::wcs::trig::{DEGREES, RADIANS, longitude_latitude};

#[derive(Clone, Debug)]
pub(crate) struct Pco;

impl Project for Pco {
    fn project(&self, v: Vector) -> Plane {
        let (phi, theta) = longitude_latitude(v);
        let (sin, cos) = (v[2], (v[0] * v[0] + v[1] * v[1]).sqrt());
        let a = phi * RADIANS * sin;
        // sin(φ sin θ) / sin θ and (1 - cos(φ sin θ)) / sin θ go over smoothly into φ and 0 at the equator.
        let (along, across) = if sin.abs() < 1e-8 {
            (phi * RADIANS, 0.5 * phi * RADIANS * a)
        } else {
            (a.sin() / sin, 2.0 * (0.5 * a).sin().powi(2) / sin)
        };
        [DEGREES * cos * along, DEGREES * cos * across + theta]
    }

    fn deproject(&self, [x, y]: Plane) -> Vector {
        const TOLERANCE: f64 = 1e-12;
        if y.abs() < TOLERANCE {
            return native(x, 0.0, TOLERANCE);
        }
        if (y.abs() - 90.0).abs() < TOLERANCE {
            return [0.0, 0.0, 1f64.copysign(y)];
        }
        let (xr, yr) = (x * RADIANS, y.abs() * RADIANS);
        if !(xr.is_finite() && yr.is_finite()) {
            return UNDEFINED_VECTOR;
        }
        // Equation (152) times tan θ, free of the pole of cot θ: (x² + (y - θ)²) sin θ = 2 (y - θ) cos θ.
        let theta = solve(0.0, yr, |t| (xr * xr + (yr - t) * (yr - t)) * t.sin() - 2.0 * (yr - t) * t.cos());
        let (sin, cos) = theta.sin_cos();
        let phi = (xr * sin).atan2(cos - (yr - theta) * sin) / sin;
        native(phi * DEGREES, theta.copysign(y) * DEGREES, TOLERANCE)
    }
}
