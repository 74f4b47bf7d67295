//! The zenithal projections whose inverse has no closed form: ZPN and AIR (Calabretta & Greisen 2002, sections 5.1.7, 5.1.9).

use super::project::{Plane, Project, UNDEFINED_PLANE, UNDEFINED_VECTOR, solve};
use super::zenithal::{direction, place};
use crate::direction::Vector;
use crate::wcs::trig::{DEGREES, RADIANS, sin_cos};
use std::f64::consts::PI;

/// Highest PVi_m of ZPN, and one more.
pub(super) const COEFFICIENTS: usize = 30;

fn colatitude(v: Vector) -> f64 {
    (v[0] * v[0] + v[1] * v[1]).sqrt().atan2(v[2])
}

/// Zenithal polynomial, equations (72) to (74): R_θ = Σ P_m (90° - θ)^m, with P_m = PVi_m on the latitude axis, m = 0 to 29.
#[derive(Clone, Debug)]
pub(crate) struct Zpn {
    coefficients: Vec<f64>,
    /// Co-latitude of the first inflection, where the radius stops growing, in radians; π if there is none.
    limit: f64,
    radius_at_limit: f64,
}

impl Zpn {
    /// `None` if no coefficient above P_0 differs from zero, or if the radius does not grow from the pole outwards.
    pub(super) fn new(coefficients: &[f64; COEFFICIENTS]) -> Option<Zpn> {
        let degree = coefficients.iter().rposition(|&c| c != 0.0).filter(|&k| k > 0)?;
        let mut zpn = Zpn { coefficients: coefficients[..=degree].to_vec(), limit: PI, radius_at_limit: 0.0 };
        if degree >= 2 {
            if !(coefficients[1] > 0.0) {
                return None;
            }
            // The first whole degree with a negative slope brackets the inflection, as in wcslib: a narrower dip is ignored.
            let first = (1..180).map(|d| f64::from(d) * RADIANS).find(|&d| zpn.radius_and_slope(d).1 <= 0.0);
            if let Some(high) = first {
                zpn.limit = solve(high - RADIANS, high, |d| -zpn.radius_and_slope(d).1);
            }
        }
        zpn.radius_at_limit = zpn.radius_and_slope(zpn.limit).0;
        Some(zpn)
    }

    /// sin θ above which the radius grows outwards.
    pub(crate) fn limit(&self) -> f64 {
        self.limit.cos()
    }

    /// Whether the native pole is a point of the plane and not a circle.
    pub(crate) fn has_pole(&self) -> bool {
        self.coefficients.first() == Some(&0.0)
    }

    fn radius_and_slope(&self, d: f64) -> (f64, f64) {
        self.coefficients.iter().rev().fold((0.0, 0.0), |(r, slope), &c| (r * d + c, slope * d + r))
    }

    fn colatitude_of(&self, r: f64) -> Option<f64> {
        const TOLERANCE: f64 = 1e-13;
        let within = |d: f64| (-TOLERANCE..=PI + TOLERANCE).contains(&d).then(|| d.clamp(0.0, PI));
        match self.coefficients[..] {
            [c, b] => within((r - c) / b),
            [c, b, a] => {
                let root = (b * b - 4.0 * a * (c - r)).sqrt();
                // The solution nearest the pole of the two, written without cancellation since b > 0.
                let near = 2.0 * (r - c) / (b + root);
                let far = -(b + root) / (2.0 * a);
                within(if near >= -TOLERANCE { near } else { near.max(far) })
            }
            [c, ..] => {
                if !(r >= c - TOLERANCE && r <= self.radius_at_limit + TOLERANCE) {
                    return None;
                }
                Some(solve(0.0, self.limit, |d| self.radius_and_slope(d).0 - r))
            }
            [] => None,
        }
    }
}

impl Project for Zpn {
    fn project(&self, v: Vector) -> Plane {
        let d = colatitude(v);
        if d > self.limit {
            return UNDEFINED_PLANE;
        }
        place(v, self.radius_and_slope(d).0 * DEGREES)
    }

    fn deproject(&self, p: Plane) -> Vector {
        let r = (p[0] * p[0] + p[1] * p[1]).sqrt() * RADIANS;
        self.colatitude_of(r).map_or(UNDEFINED_VECTOR, |d| direction(p, d))
    }
}

/// Airy's minimum-error projection, equations (75) to (78). Parameter PVi_1 = θ_b on the latitude axis, default 90°.
#[derive(Clone, Debug)]
pub(crate) struct Air {
    /// ln(cos ξ_b) / tan² ξ_b with ξ_b = (90° - θ_b) / 2; -1/2 for θ_b = 90°.
    weight: f64,
}

impl Air {
    pub(super) fn new(theta_b: f64) -> Option<Air> {
        if theta_b == 90.0 {
            return Some(Air { weight: -0.5 });
        }
        if !(theta_b > -90.0) {
            return None;
        }
        let (sin, cos) = sin_cos((90.0 - theta_b) / 2.0);
        let weight = cos.abs().ln() * cos * cos / (sin * sin);
        weight.is_finite().then_some(Air { weight })
    }

    /// R_θ / 2 in radians for sin ξ and cos ξ, ξ = (90° - θ) / 2.
    fn half_radius(&self, sin: f64, cos: f64) -> f64 {
        if sin == 0.0 {
            return 0.0;
        }
        // ln cos ξ = ½ ln(1 - sin² ξ) keeps its precision at the pole.
        let ln = if sin < 0.5 { 0.5 * (-sin * sin).ln_1p() } else { cos.ln() };
        -(ln * cos / sin + self.weight * sin / cos)
    }
}

impl Project for Air {
    fn project(&self, v: Vector) -> Plane {
        let (sin, cos) = (0.5 * colatitude(v)).sin_cos();
        if v[0] == 0.0 && v[1] == 0.0 && v[2] < 0.0 {
            return UNDEFINED_PLANE;
        }
        place(v, 2.0 * DEGREES * self.half_radius(sin, cos))
    }

    fn deproject(&self, p: Plane) -> Vector {
        let r = 0.5 * RADIANS * (p[0] * p[0] + p[1] * p[1]).sqrt();
        // The radius need not grow all the way for an odd θ_b: the first halving of cos ξ that passes r brackets the
        // solution nearest the pole. 2⁻³⁰ is as near the antipode as wcslib goes.
        let (mut inner, mut cos) = (0.0, 1.0f64);
        for _ in 0..30 {
            cos *= 0.5;
            let outer = cos.acos();
            if self.half_radius((1.0 - cos * cos).sqrt(), cos) >= r {
                let xi = solve(inner, outer, |xi| {
                    let (sin, cos) = xi.sin_cos();
                    self.half_radius(sin, cos) - r
                });
                return direction(p, 2.0 * xi);
            }
            inner = outer;
        }
        UNDEFINED_VECTOR
    }
}
