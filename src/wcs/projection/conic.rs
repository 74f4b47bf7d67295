//! Conic projections, Calabretta & Greisen (2002), section 5.4, and Bonne's pseudoconic (5.5.1).
//!
//! Parameters PVi_1 = θ_a (required) and PVi_2 = η on the latitude axis; the standard parallels are θ_a ± η. All share
//! equations (113) to (118): X = R_θ sin(C φ), Y = Y_0 - R_θ cos(C φ).

use super::project::{Plane, Project, UNDEFINED_PLANE, UNDEFINED_VECTOR, native};
use crate::direction::Vector;
use crate::wcs::trig::{DEGREES, RADIANS, cos, longitude_latitude, sin, tan};

/// Cone of all four: the constant C, Y_0 in degrees, and whether the cone opens southwards.
#[derive(Clone, Debug)]
struct Cone {
    constant: f64,
    y0: f64,
    southern: bool,
}

impl Cone {
    fn place(&self, phi: f64, radius: f64) -> Plane {
        let (sin, cos) = (self.constant * phi * RADIANS).sin_cos();
        [radius * sin, self.y0 - radius * cos]
    }

    /// φ and the signed R_θ, in degrees.
    fn unroll(&self, [x, y]: Plane) -> (f64, f64) {
        let dy = self.y0 - y;
        let r = (x * x + dy * dy).sqrt();
        if r == 0.0 {
            return (0.0, 0.0);
        }
        let sign = if self.southern { -1.0 } else { 1.0 };
        ((sign * x).atan2(sign * dy) * DEGREES / self.constant, sign * r)
    }
}

/// Conic perspective, equations (123), (124). The half of the sphere beyond the divergence is undefined.
#[derive(Clone, Debug)]
pub(crate) struct Cop {
    cone: Cone,
    theta_a: f64,
    scale: f64,
    cot: f64,
}

impl Cop {
    pub(super) fn new(theta_a: f64, eta: f64) -> Option<Cop> {
        let (constant, scale) = (sin(theta_a), DEGREES * cos(eta));
        let cot = 1.0 / tan(theta_a);
        let cone = Cone { constant, y0: scale * cot, southern: theta_a < 0.0 };
        (constant != 0.0 && scale != 0.0 && cot.is_finite()).then_some(Cop { cone, theta_a, scale, cot })
    }

    /// Whether all latitudes (degrees) between two lie on the near side of the divergence.
    pub(crate) fn shows(&self, low: f64, high: f64) -> bool {
        self.theta_a - 90.0 < low && high < self.theta_a + 90.0
    }
}

impl Project for Cop {
    fn project(&self, v: Vector) -> Plane {
        let (phi, theta) = longitude_latitude(v);
        let (sin, cos) = ((theta - self.theta_a) * RADIANS).sin_cos();
        if theta.abs() == 90.0 {
            let far = (theta < 0.0) != self.cone.southern;
            return if far { UNDEFINED_PLANE } else { self.cone.place(phi, 0.0) };
        }
        let radius = self.scale * (self.cot - sin / cos);
        if cos == 0.0 || radius * self.cone.constant < 0.0 {
            return UNDEFINED_PLANE;
        }
        self.cone.place(phi, radius)
    }

    fn deproject(&self, p: Plane) -> Vector {
        let (phi, radius) = self.cone.unroll(p);
        native(phi, self.theta_a + (self.cot - radius / self.scale).atan() * DEGREES, 1e-13)
    }
}

/// Conic equal area, equations (125) to (130).
#[derive(Clone, Debug)]
pub(crate) struct Coe {
    cone: Cone,
    scale: f64,
    /// 1 + sin θ_1 sin θ_2.
    sum: f64,
}

impl Coe {
    pub(super) fn new(theta_a: f64, eta: f64) -> Option<Coe> {
        let (s1, s2) = (sin(theta_a - eta), sin(theta_a + eta));
        let constant = 0.5 * (s1 + s2);
        let (scale, sum) = (DEGREES / constant, 1.0 + s1 * s2);
        let y0 = scale * (sum - 2.0 * constant * sin(theta_a)).sqrt();
        let cone = Cone { constant, y0, southern: theta_a < 0.0 };
        (constant != 0.0 && y0.is_finite()).then_some(Coe { cone, scale, sum })
    }
}

impl Project for Coe {
    fn project(&self, v: Vector) -> Plane {
        let phi = v[1].atan2(v[0]) * DEGREES;
        self.cone.place(phi, self.scale * (self.sum - 2.0 * self.cone.constant * v[2]).sqrt())
    }

    fn deproject(&self, p: Plane) -> Vector {
        const TOLERANCE: f64 = 1e-12;
        let (phi, radius) = self.cone.unroll(p);
        let south = self.scale * (self.sum + 2.0 * self.cone.constant).sqrt();
        let z = (self.sum - (radius / self.scale).powi(2)) / (2.0 * self.cone.constant);
        if (radius - south).abs() < TOLERANCE {
            return native(phi, -90.0, 1e-13);
        }
        if !(z.abs() < 1.0 + TOLERANCE) {
            return UNDEFINED_VECTOR;
        }
        native(phi, z.clamp(-1.0, 1.0).asin() * DEGREES, 1e-13)
    }
}

/// Conic equidistant, equations (131) to (134).
#[derive(Clone, Debug)]
pub(crate) struct Cod {
    cone: Cone,
    /// R_θ + θ.
    sum: f64,
}

impl Cod {
    pub(super) fn new(theta_a: f64, eta: f64) -> Option<Cod> {
        // sin η / η with η in radians; 1 for a single standard parallel.
        let ratio = if eta == 0.0 { 1.0 } else { sin(eta) * DEGREES / eta };
        let constant = sin(theta_a) * ratio;
        let y0 = DEGREES * cos(eta) * cos(theta_a) / constant;
        let cone = Cone { constant, y0, southern: theta_a < 0.0 };
        (constant != 0.0 && y0.is_finite()).then_some(Cod { cone, sum: y0 + theta_a })
    }
}

impl Project for Cod {
    fn project(&self, v: Vector) -> Plane {
        let (phi, theta) = longitude_latitude(v);
        self.cone.place(phi, self.sum - theta)
    }

    fn deproject(&self, p: Plane) -> Vector {
        let (phi, radius) = self.cone.unroll(p);
        native(phi, self.sum - radius, 1e-13)
    }
}

/// Conic orthomorphic (conformal), equations (135) to (140). The pole away from the apex is undefined.
#[derive(Clone, Debug)]
pub(crate) struct Coo {
    cone: Cone,
    psi: f64,
}

impl Coo {
    pub(super) fn new(theta_a: f64, eta: f64) -> Option<Coo> {
        let (theta1, theta2) = (theta_a - eta, theta_a + eta);
        let tau = |theta: f64| tan((90.0 - theta) / 2.0);
        let constant = if theta1 == theta2 {
            sin(theta1)
        } else {
            (cos(theta2) / cos(theta1)).ln() / (tau(theta2) / tau(theta1)).ln()
        };
        let psi = DEGREES * cos(theta1) / constant / tau(theta1).powf(constant);
        let y0 = psi * tau(theta_a).powf(constant);
        let cone = Cone { constant, y0, southern: theta_a < 0.0 };
        (constant != 0.0 && constant.is_finite() && psi != 0.0 && psi.is_finite() && y0.is_finite())
            .then_some(Coo { cone, psi })
    }
}

impl Project for Coo {
    fn project(&self, v: Vector) -> Plane {
        let [x, y, z] = v;
        let c = (x * x + y * y).sqrt();
        let phi = y.atan2(x) * DEGREES;
        if c == 0.0 && z < 0.0 {
            return if self.cone.constant < 0.0 { self.cone.place(phi, 0.0) } else { UNDEFINED_PLANE };
        }
        // tan((90° - θ) / 2), the better conditioned of its two forms.
        let tau = if z > 0.0 { c / (1.0 + z) } else { (1.0 - z) / c };
        self.cone.place(phi, self.psi * tau.powf(self.cone.constant))
    }

    fn deproject(&self, p: Plane) -> Vector {
        let (phi, radius) = self.cone.unroll(p);
        if radius == 0.0 {
            return if self.cone.constant < 0.0 { native(phi, -90.0, 1e-13) } else { UNDEFINED_VECTOR };
        }
        let tau = (radius / self.psi).powf(1.0 / self.cone.constant);
        native(phi, 90.0 - 2.0 * tau.atan() * DEGREES, 1e-13)
    }
}

/// Bonne's equal area, equations (145) to (149), for θ_1 = PVi_1 ≠ 0 on the latitude axis.
#[derive(Clone, Debug)]
pub(crate) struct Bon {
    y0: f64,
    southern: bool,
}

impl Bon {
    pub(super) fn new(theta1: f64) -> Option<Bon> {
        let y0 = DEGREES / tan(theta1) + theta1;
        y0.is_finite().then_some(Bon { y0, southern: theta1 < 0.0 })
    }
}

impl Project for Bon {
    fn project(&self, v: Vector) -> Plane {
        let (phi, theta) = longitude_latitude(v);
        let radius = self.y0 - theta;
        let c = (v[0] * v[0] + v[1] * v[1]).sqrt();
        let (sin, cos) = (c * phi / radius).sin_cos();
        if radius == 0.0 {
            // Werner's projection: the pole is the apex.
            return [0.0, self.y0];
        }
        [radius * sin, self.y0 - radius * cos]
    }

    fn deproject(&self, p: Plane) -> Vector {
        let cone = Cone { constant: 1.0, y0: self.y0, southern: self.southern };
        let (alpha, radius) = cone.unroll(p);
        let theta = self.y0 - radius;
        let c = cos(theta);
        native(if c == 0.0 { 0.0 } else { alpha * radius * RADIANS / c }, theta, 1e-11)
    }
}
