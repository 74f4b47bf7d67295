//! Zenithal (azimuthal) projections, Calabretta & Greisen (2002), section 5.1: the native pole is the centre of the plane.
//!
//! With the native unit vector (x, y, z) = (cos θ cos φ, cos θ sin φ, sin θ), equations (12) and (13), X = R_θ sin φ and
//! Y = -R_θ cos φ, become X = g y and Y = -g x with g = R_θ / cos θ, which needs no trigonometry for most of them.

use super::project::{Plane, Project, UNDEFINED_PLANE, UNDEFINED_VECTOR};
use crate::direction::Vector;
use crate::wcs::trig::{DEGREES, RADIANS};

/// Distance of a native direction from the polar axis, cos θ, free of cancellation.
fn from_axis(v: Vector) -> f64 {
    (v[0] * v[0] + v[1] * v[1]).sqrt()
}

/// Plane position of a direction with the given R_θ in degrees. The pole itself has no direction: φ = 0 is taken.
pub(super) fn place(v: Vector, radius: f64) -> Plane {
    let c = from_axis(v);
    if c > 0.0 { [radius * v[1] / c, -radius * v[0] / c] } else { [0.0, -radius] }
}

/// Native direction of a plane position whose native co-latitude, in radians, is known.
pub(super) fn direction([x, y]: Plane, colatitude: f64) -> Vector {
    let r = (x * x + y * y).sqrt();
    let (sin, cos) = colatitude.sin_cos();
    if r > 0.0 { [-y * (sin / r), x * (sin / r), cos] } else { [sin, 0.0, cos] }
}

/// Gnomonic, equations (54), (55): R_θ = cot θ. Undefined on the horizon and behind it.
#[derive(Clone, Debug)]
pub(crate) struct Tan;

impl Project for Tan {
    #[inline(always)]
    fn project(&self, [x, y, z]: Vector) -> Plane {
        let g = if z > 0.0 { DEGREES / z } else { f64::NAN };
        [g * y, -g * x]
    }

    #[inline(always)]
    fn deproject(&self, [x, y]: Plane) -> Vector {
        let (x, y) = (x * RADIANS, y * RADIANS);
        let z = 1.0 / (1.0 + x * x + y * y).sqrt();
        [-y * z, x * z, z]
    }
}

/// Stereographic, equations (56), (57): R_θ = 2 tan((90° - θ) / 2). Undefined at the antipode only.
#[derive(Clone, Debug)]
pub(crate) struct Stg;

impl Project for Stg {
    #[inline(always)]
    fn project(&self, [x, y, z]: Vector) -> Plane {
        // 1 + sin θ without cancellation in the southern half.
        let w = if z > 0.0 { 1.0 + z } else { (x * x + y * y) / (1.0 - z) };
        let g = if w > 0.0 { 2.0 * DEGREES / w } else { f64::NAN };
        [g * y, -g * x]
    }

    #[inline(always)]
    fn deproject(&self, [x, y]: Plane) -> Vector {
        let (x, y) = (0.5 * RADIANS * x, 0.5 * RADIANS * y);
        let q = x * x + y * y;
        let s = 2.0 / (1.0 + q);
        [-y * s, x * s, 0.5 * (1.0 - q) * s]
    }
}

/// Orthographic, equations (58), (59) without slant: R_θ = cos θ. Undefined behind the horizon and outside the unit circle.
#[derive(Clone, Debug)]
pub(crate) struct Sin;

impl Project for Sin {
    #[inline(always)]
    fn project(&self, [x, y, z]: Vector) -> Plane {
        let g = if z >= 0.0 { DEGREES } else { f64::NAN };
        [g * y, -g * x]
    }

    #[inline(always)]
    fn deproject(&self, [x, y]: Plane) -> Vector {
        let (x, y) = (x * RADIANS, y * RADIANS);
        let r2 = x * x + y * y;
        if r2 <= 1.0 { [-y, x, (1.0 - r2).sqrt()] } else { UNDEFINED_VECTOR }
    }
}

/// Zenithal equidistant, equations (67), (68): R_θ = 90° - θ.
#[derive(Clone, Debug)]
pub(crate) struct Arc;

impl Project for Arc {
    #[inline]
    fn project(&self, v: Vector) -> Plane {
        place(v, from_axis(v).atan2(v[2]) * DEGREES)
    }

    #[inline]
    fn deproject(&self, p: Plane) -> Vector {
        let r = (p[0] * p[0] + p[1] * p[1]).sqrt();
        // Written so that NaN is refused too.
        if !(r <= 180.0 + 1e-13) {
            return UNDEFINED_VECTOR;
        }
        direction(p, r.min(180.0) * RADIANS)
    }
}

/// Zenithal equal area, equations (69) to (71): R_θ = 2 sin((90° - θ) / 2).
#[derive(Clone, Debug)]
pub(crate) struct Zea;

impl Project for Zea {
    #[inline(always)]
    fn project(&self, v: Vector) -> Plane {
        let [x, y, z] = v;
        if z >= 0.0 {
            let g = DEGREES * (2.0 / (1.0 + z)).sqrt();
            [g * y, -g * x]
        } else {
            // sqrt(2 (1 - sin θ)) is the radius itself, free of cancellation around the antipode.
            place(v, DEGREES * (2.0 * (1.0 - z)).sqrt())
        }
    }

    #[inline(always)]
    fn deproject(&self, [x, y]: Plane) -> Vector {
        let (x, y) = (0.5 * RADIANS * x, 0.5 * RADIANS * y);
        let s2 = x * x + y * y;
        if !(s2 <= 1.0 + 2e-14) {
            return UNDEFINED_VECTOR;
        }
        let g = 2.0 * (1.0 - s2).max(0.0).sqrt();
        [-y * g, x * g, 1.0 - 2.0 * s2]
    }
}

/// The half-angle formula of the two perspective projections: the native latitude at which the denominator
/// vanishes or the line of sight grazes the sphere, the larger of the two solutions, from s (degrees) and asin t (degrees).
fn upper_latitude(s: f64, t: f64) -> f64 {
    let fold = |a: f64| if a > 90.0 { a - 360.0 } else { a };
    fold(s - t).max(fold(s + t + 180.0))
}

/// Zenithal perspective, equations (20) to (30): seen from distance μ, tilted by γ. Parameters PVi_1 = μ, PVi_2 = γ on
/// the latitude axis.
#[derive(Clone, Debug)]
pub(crate) struct Azp {
    mu: f64,
    sin_gamma: f64,
    cos_gamma: f64,
    scale: f64,
    /// sin θ below which the far side of the sphere overlaps the near one; -∞ if it does not.
    overlap: f64,
}

impl Azp {
    pub(super) fn new(mu: f64, gamma: f64) -> Option<Azp> {
        let (sin_gamma, cos_gamma) = crate::wcs::trig::sin_cos(gamma);
        let overlap = if mu.abs() > 1.0 { -1.0 / mu } else { f64::NEG_INFINITY };
        let azp = Azp { mu, sin_gamma, cos_gamma, scale: DEGREES * (mu + 1.0), overlap };
        (azp.scale != 0.0 && cos_gamma != 0.0).then_some(azp)
    }

    /// sin θ above which the projection is defined and does not diverge at any longitude.
    pub(crate) fn limit(&self) -> f64 {
        // The denominator μ + sin θ + tan γ cos θ cos φ vanishes furthest north on one of the meridians 0 and 180°.
        let slant = (self.sin_gamma / self.cos_gamma).abs();
        let t = self.mu / (1.0 + slant * slant).sqrt();
        let divergence = if t.abs() < 1.0 { slant.atan() - t.asin() } else { -std::f64::consts::FRAC_PI_2 };
        self.overlap.max(divergence.min(std::f64::consts::FRAC_PI_2).sin())
    }
}

impl Project for Azp {
    fn project(&self, v: Vector) -> Plane {
        let [x, y, z] = v;
        let tangent = self.sin_gamma / self.cos_gamma;
        let w = self.mu + z + tangent * x;
        if w == 0.0 || z < self.overlap {
            return UNDEFINED_PLANE;
        }
        if (self.mu * self.cos_gamma).abs() < 1.0 {
            let c = from_axis(v);
            let s = tangent * if c > 0.0 { x / c } else { 1.0 };
            let t = self.mu / (1.0 + s * s).sqrt();
            let latitude = z.atan2(c) * DEGREES;
            if t.abs() <= 1.0 && latitude < upper_latitude((-s).atan() * DEGREES, t.asin() * DEGREES) {
                return UNDEFINED_PLANE;
            }
        }
        [self.scale * y / w, -self.scale * x / (w * self.cos_gamma)]
    }

    fn deproject(&self, [x, y]: Plane) -> Vector {
        let squeezed = [x, y * self.cos_gamma];
        let r = (x * x + squeezed[1] * squeezed[1]).sqrt();
        if r == 0.0 {
            return [0.0, 0.0, 1.0];
        }
        // Equations (22) to (29), ρ = r / q.
        let rho = r / (self.scale + y * self.sin_gamma);
        let t = rho * self.mu / (rho * rho + 1.0).sqrt();
        if !(t.abs() <= 1.0 + 1e-13) {
            return UNDEFINED_VECTOR;
        }
        let latitude = upper_latitude(1f64.atan2(rho) * DEGREES, t.clamp(-1.0, 1.0).asin() * DEGREES);
        if !(latitude.abs() <= 90.0 + 1e-13) {
            return UNDEFINED_VECTOR;
        }
        direction(squeezed, (90.0 - latitude) * RADIANS)
    }
}

/// Root z = 1 - sin θ nearest the pole of the quadratic that the two slant projections share: the ray through the
/// plane point (x, y) runs along (x - z x1, y - z y1). Solved for 1 - sin θ, because sin θ itself cancels at the pole.
fn slant_direction(x: f64, y: f64, x1: f64, y1: f64) -> Vector {
    let r2 = x * x + y * y;
    let a = 1.0 + x1 * x1 + y1 * y1;
    let b = 1.0 + x * x1 + y * y1;
    let d = b * b - a * r2;
    let z = r2 / (b + d.sqrt());
    // A negative discriminant makes z NaN; b < 0 puts both roots above the pole.
    if !(0.0..=2.0 + 1e-13).contains(&z) {
        return UNDEFINED_VECTOR;
    }
    [z * y1 - y, x - z * x1, 1.0 - z]
}

/// 1 - sin θ without cancellation at the pole.
fn below_pole([x, y, z]: Vector) -> f64 {
    if z > 0.0 { (x * x + y * y) / (1.0 + z) } else { 1.0 - z }
}

/// Slant zenithal perspective, equations (33) to (53). Parameters PVi_1 = μ, PVi_2 = φ_c, PVi_3 = θ_c on the latitude axis.
#[derive(Clone, Debug)]
pub(crate) struct Szp {
    mu: f64,
    xp: f64,
    yp: f64,
    zp: f64,
    /// sin θ below which the projection diverges; -∞ if it does not.
    divergence: f64,
}

impl Szp {
    pub(super) fn new(mu: f64, phi_c: f64, theta_c: f64) -> Option<Szp> {
        let (sin_theta, cos_theta) = crate::wcs::trig::sin_cos(theta_c);
        let (sin_phi, cos_phi) = crate::wcs::trig::sin_cos(phi_c);
        let zp = mu * sin_theta + 1.0;
        let divergence = if (zp - 1.0).abs() < 1.0 { 1.0 - zp } else { f64::NEG_INFINITY };
        let szp = Szp { mu, xp: -mu * cos_theta * sin_phi, yp: mu * cos_theta * cos_phi, zp, divergence };
        (zp != 0.0).then_some(szp)
    }

    /// sin θ above which the projection is defined and does not diverge at any longitude.
    pub(crate) fn limit(&self) -> f64 {
        let reach = self.xp.hypot(self.yp);
        let w = 1.0 / ((self.zp - 1.0) * self.zp - 1.0 + reach * reach).sqrt();
        // The two ends of the range of `u` in `project`, where the overlap reaches furthest north.
        let north = [reach, -reach]
            .map(|u| upper_latitude(u.atan2(self.zp - 1.0) * DEGREES, w.asin() * DEGREES).clamp(-90.0, 90.0));
        let overlap =
            if self.mu.abs() > 1.0 && w.abs() <= 1.0 { (north[0].max(north[1]) * RADIANS).sin() } else { -1.0 };
        overlap.max(1.0 - self.zp)
    }
}

impl Project for Szp {
    fn project(&self, v: Vector) -> Plane {
        let [x, y, z] = v;
        let s = below_pole(v);
        let t = self.zp - s;
        if t == 0.0 || z < self.divergence {
            return UNDEFINED_PLANE;
        }
        if self.mu.abs() > 1.0 {
            let c = from_axis(v);
            let (sin_phi, cos_phi) = if c > 0.0 { (y / c, x / c) } else { (0.0, 1.0) };
            let u = self.xp * sin_phi - self.yp * cos_phi;
            // Equation (51) has (zp - 1)² here. wcslib (8.4) computes (zp - 1) zp - 1 and decides with it what is
            // overlapped, and undefined is what wcslib says is undefined.
            let w = 1.0 / ((self.zp - 1.0) * self.zp - 1.0 + u * u).sqrt();
            let latitude = z.atan2(c) * DEGREES;
            if w.abs() <= 1.0 && latitude < upper_latitude(u.atan2(self.zp - 1.0) * DEGREES, w.asin() * DEGREES) {
                return UNDEFINED_PLANE;
            }
        }
        let g = DEGREES / t;
        [g * (self.zp * y - self.xp * s), -g * (self.zp * x + self.yp * s)]
    }

    fn deproject(&self, [x, y]: Plane) -> Vector {
        let (x, y) = (x * RADIANS, y * RADIANS);
        slant_direction(x, y, (x - self.xp) / self.zp, (y - self.yp) / self.zp)
    }
}

/// Slant orthographic ("synthesis"), equations (58) to (66). Parameters PVi_1 = ξ, PVi_2 = η on the latitude axis. The
/// NCP projection of old is this with (0, cot δ0).
#[derive(Clone, Debug)]
pub(crate) struct SlantSin {
    pub(crate) xi: f64,
    pub(crate) eta: f64,
}

impl Project for SlantSin {
    fn project(&self, v: Vector) -> Plane {
        let [x, y, z] = v;
        // Equation (63): behind the plane through the centre that the line of sight is normal to.
        if z + self.xi * y - self.eta * x < 0.0 {
            return UNDEFINED_PLANE;
        }
        let s = below_pole(v);
        [DEGREES * (y + self.xi * s), DEGREES * (self.eta * s - x)]
    }

    fn deproject(&self, [x, y]: Plane) -> Vector {
        slant_direction(x * RADIANS, y * RADIANS, self.xi, self.eta)
    }
}
