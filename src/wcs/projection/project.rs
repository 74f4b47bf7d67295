//! What all projections share: their interface, their undefined values, and the functions that they are made of.

use crate::direction::Vector;
use crate::wcs::trig::RADIANS;

/// A position in the projection plane, degrees.
pub(crate) type Plane = [f64; 2];

pub(super) const UNDEFINED_VECTOR: Vector = [f64::NAN; 3];
pub(super) const UNDEFINED_PLANE: Plane = [f64::NAN; 2];

/// One spherical projection. Undefined is NaN; NaN gives NaN.
pub(super) trait Project {
    /// Native direction to plane position.
    fn project(&self, v: Vector) -> Plane;
    /// Plane position to native direction.
    fn deproject(&self, p: Plane) -> Vector;
}

/// Native direction from longitude and latitude in degrees, undefined if they leave ±180° and ±90° by more than
/// `tolerance` (the tolerances are wcslib's) or are NaN.
pub(super) fn native(phi: f64, theta: f64, tolerance: f64) -> Vector {
    if !(phi.abs() <= 180.0 + tolerance && theta.abs() <= 90.0 + tolerance) {
        return UNDEFINED_VECTOR;
    }
    let (sin_phi, cos_phi) = (phi.clamp(-180.0, 180.0) * RADIANS).sin_cos();
    let (sin_theta, cos_theta) = (theta.clamp(-90.0, 90.0) * RADIANS).sin_cos();
    [cos_theta * cos_phi, cos_theta * sin_phi, sin_theta]
}

/// Root of a continuous function between two bounds by Chandrupatla's method (1997, Adv. Eng. Softw. 28, 145):
/// bisection that switches to inverse quadratic interpolation where that is safe. If the signs at the bounds agree,
/// the bound with the smaller value.
pub(super) fn solve(low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut x1, mut x2) = (low, high);
    let (mut f1, mut f2) = (f(x1), f(x2));
    let mut t = 0.5;
    if (f1 > 0.0) == (f2 > 0.0) {
        return if f1.abs() < f2.abs() { x1 } else { x2 };
    }
    for _ in 0..200 {
        let x = x1 + t * (x2 - x1);
        let fx = f(x);
        let (x3, f3);
        if (fx > 0.0) == (f1 > 0.0) {
            (x3, f3) = (x1, f1);
        } else {
            (x3, f3) = (x2, f2);
            (x2, f2) = (x1, f1);
        }
        (x1, f1) = (x, fx);
        let (best, value) = if f1.abs() < f2.abs() { (x1, f1) } else { (x2, f2) };
        let resolution = (f64::EPSILON * best.abs() + f64::MIN_POSITIVE) / (x2 - x1).abs();
        if value == 0.0 || !(resolution < 0.5) {
            return best;
        }
        let (xi, phi) = ((x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2));
        t = if phi * phi < xi && (1.0 - phi) * (1.0 - phi) < 1.0 - xi {
            f1 / (f2 - f1) * f3 / (f2 - f3) + (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
        } else {
            0.5
        };
        t = t.clamp(resolution, 1.0 - resolution);
    }
    x1
}

pub(super) fn project_slice(projection: &impl Project, x: &mut [f64], y: &mut [f64], z: &[f64]) {
    for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z) {
        [*x, *y] = projection.project([*x, *y, *z]);
    }
}

pub(super) fn deproject_slice(projection: &impl Project, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
    for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter_mut()) {
        [*x, *y, *z] = projection.deproject([*x, *y]);
    }
}
