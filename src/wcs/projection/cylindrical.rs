//! Cylindrical projections, Calabretta & Greisen (2002), section 5.2. CAR and CEA come from the `wcs` crate
//! ([`library`](super::library)).

use super::project::{Plane, Project, UNDEFINED_PLANE, UNDEFINED_VECTOR, native};
use crate::direction::Vector;
use crate::wcs::trig::{DEGREES, RADIANS, longitude_latitude};

/// Cylindrical perspective, equations (79) to (82). Parameters PVi_1 = μ, PVi_2 = λ on the latitude axis, default 1.
#[derive(Clone, Debug)]
pub(crate) struct Cyp {
    mu: f64,
    lambda: f64,
    scale: f64,
}

impl Cyp {
    pub(super) fn new(mu: f64, lambda: f64) -> Option<Cyp> {
        let scale = DEGREES * (mu + lambda);
        (lambda != 0.0 && scale != 0.0).then_some(Cyp { mu, lambda, scale })
    }

    pub(crate) fn lambda(&self) -> f64 {
        self.lambda
    }

    /// Whether no latitude is projected to infinity.
    pub(crate) fn is_bounded(&self) -> bool {
        self.mu > 0.0 || self.mu < -1.0
    }
}

impl Project for Cyp {
    fn project(&self, [x, y, z]: Vector) -> Plane {
        let w = self.mu + (x * x + y * y).sqrt();
        if w == 0.0 {
            return UNDEFINED_PLANE;
        }
        [self.lambda * y.atan2(x) * DEGREES, self.scale * z / w]
    }

    fn deproject(&self, [x, y]: Plane) -> Vector {
        let eta = y / self.scale;
        // Beyond the outline the arcsine is NaN, which `native` refuses.
        let theta = eta.atan() + (eta * self.mu / (eta * eta + 1.0).sqrt()).asin();
        native(x / self.lambda, theta * DEGREES, 1e-13)
    }
}

/// Mercator, equations (83), (84). Undefined at the poles.
#[derive(Clone, Debug)]
pub(crate) struct Mer;

impl Project for Mer {
    fn project(&self, [x, y, z]: Vector) -> Plane {
        let c = (x * x + y * y).sqrt();
        if c == 0.0 {
            return UNDEFINED_PLANE;
        }
        // ln tan((90° + θ) / 2) = asinh(tan θ), exact near the poles too.
        [y.atan2(x) * DEGREES, (z / c).asinh() * DEGREES]
    }

    fn deproject(&self, [x, y]: Plane) -> Vector {
        if !(x.abs() <= 180.0 + 1e-13) || y.is_nan() {
            return UNDEFINED_VECTOR;
        }
        let (sin, cos) = (x.clamp(-180.0, 180.0) * RADIANS).sin_cos();
        let y = y * RADIANS;
        let c = 1.0 / y.cosh();
        [c * cos, c * sin, y.tanh()]
    }
}

/// Sanson-Flamsteed, equations (89), (90), written with the rest of the cylinders because Bonne's projection becomes
/// this one for θ_1 = 0.
#[derive(Clone, Debug)]
pub(crate) struct Sfl;

impl Project for Sfl {
    fn project(&self, v: Vector) -> Plane {
        let (phi, theta) = longitude_latitude(v);
        [phi * (v[0] * v[0] + v[1] * v[1]).sqrt(), theta]
    }

    fn deproject(&self, [x, y]: Plane) -> Vector {
        native(x / (y * RADIANS).cos(), y, 1e-12)
    }
}
