//! Rotation between native and celestial coordinates, Calabretta & Greisen (2002), section 2.4.

use super::trig::{cos, sin, sin_cos};
use crate::direction::{Matrix, multiply};
use std::f64::consts::PI;

/// What fixes the rotation, in degrees.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    /// Celestial longitude and latitude of the fiducial point, CRVALi.
    pub(crate) crval: [f64; 2],
    /// Native coordinates of the fiducial point, (φ_0, θ_0).
    pub(crate) native: [f64; 2],
    /// Native longitude of the celestial pole, LONPOLE; `None` is the default of section 2.4.
    pub(crate) lonpole: Option<f64>,
    /// LATPOLE: which of two solutions, or the latitude itself where the rest leaves it open.
    pub(crate) latpole: f64,
}

/// Why a reference admits no rotation.
#[derive(Debug)]
pub(crate) enum Impossible {
    /// |CRVAL| of the latitude axis may be at most this.
    Latitude(f64),
    /// CRVAL of the latitude axis must be 0 for a pole 90° from the fiducial point on the native equator.
    LatitudeNotZero,
    /// No latitude of the pole exists for the given LONPOLE.
    Pole,
    /// |θ_0| exceeds 90°.
    Theta0,
}

const TOLERANCE: f64 = 1e-10;

/// Radians to degrees in the order of wcslib: of two solutions for the pole at the same distance from LATPOLE the last
/// bit chooses.
fn degrees(radians: f64) -> f64 {
    radians * 180.0 / PI
}

impl Reference {
    /// LONPOLE, with its default: φ_0, plus 180° if the fiducial point is north of the native one.
    pub(crate) fn phi_p(&self) -> f64 {
        self.lonpole.unwrap_or_else(|| {
            let phi_p = self.native[0] + if self.crval[1] < self.native[1] { 180.0 } else { 0.0 };
            if phi_p > 180.0 {
                phi_p - 360.0
            } else if phi_p < -180.0 {
                phi_p + 360.0
            } else {
                phi_p
            }
        })
    }

    /// The matrix that turns native into celestial unit vectors.
    pub(crate) fn native_to_celestial(&self) -> Result<Matrix, Impossible> {
        let phi_p = self.phi_p();
        let (alpha_p, delta_p) = self.native_pole(phi_p)?;
        // Equations (2) as a product: turn by -φ_p, tip the pole, turn by α_p; the middle one maps native (0, pole, north).
        let (sin_a, cos_a) = sin_cos(alpha_p);
        let (sin_d, cos_d) = sin_cos(delta_p);
        let (sin_p, cos_p) = sin_cos(phi_p);
        let about_pole = |sin: f64, cos: f64| [[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]];
        let tip = [[-sin_d, 0.0, cos_d], [0.0, -1.0, 0.0], [cos_d, 0.0, sin_d]];
        Ok(multiply(&about_pole(sin_a, cos_a), &multiply(&tip, &about_pole(-sin_p, cos_p))))
    }

    /// Celestial coordinates of the native pole, (α_p, δ_p), in degrees: equations (8) to (10) and the special cases after them.
    fn native_pole(&self, phi_p: f64) -> Result<(f64, f64), Impossible> {
        let ([lng0, lat0], [phi0, theta0]) = (self.crval, self.native);
        if !(theta0.abs() <= 90.0 + TOLERANCE) {
            return Err(Impossible::Theta0);
        }
        let theta0 = theta0.clamp(-90.0, 90.0);
        if theta0 == 90.0 {
            return if lat0.abs() <= 90.0 + TOLERANCE { Ok((lng0, lat0)) } else { Err(Impossible::Latitude(90.0)) };
        }
        let (sin_lat0, cos_lat0) = sin_cos(lat0);
        let (sin_the0, cos_the0) = sin_cos(theta0);
        let (sin_p, cos_p) = if phi_p == phi0 { (0.0, 1.0) } else { sin_cos(phi_p - phi0) };

        let delta_p = if phi_p == phi0 {
            self.nearest_pole(theta0, 90.0 - lat0)
        } else {
            let horizontal = cos_the0 * cos_p;
            let length = (horizontal * horizontal + sin_the0 * sin_the0).sqrt();
            if length == 0.0 {
                if sin_lat0 != 0.0 {
                    return Err(Impossible::LatitudeNotZero);
                }
                // The standard gives LATPOLE itself here. astropy's build of wcslib, whose cosine of 90° is 6e-17, takes
                // the celestial pole nearer to it, and headers mean what they give there.
                if self.latpole > 0.0 { 90.0 } else { -90.0 }
            } else {
                let ratio = sin_lat0 / length;
                if !(ratio.abs() < 1.0 + TOLERANCE) {
                    return Err(Impossible::Latitude(degrees(length.min(1.0).asin())));
                }
                self.nearest_pole(degrees(sin_the0.atan2(horizontal)), degrees(ratio.clamp(-1.0, 1.0).acos()))
            }
        };
        if !(delta_p.abs() <= 90.0 + TOLERANCE) {
            return Err(Impossible::Pole);
        }
        let delta_p = delta_p.clamp(-90.0, 90.0);

        let both = cos(delta_p) * cos_lat0;
        let alpha_p = if both.abs() < TOLERANCE {
            if cos_lat0.abs() < TOLERANCE {
                lng0
            } else if delta_p > 0.0 {
                lng0 + phi_p - phi0 - 180.0
            } else {
                lng0 - phi_p + phi0
            }
        } else {
            let x = (sin_the0 - sin(delta_p) * sin_lat0) / both;
            let y = sin_p * cos_the0 / cos_lat0;
            if x == 0.0 && y == 0.0 {
                return Err(Impossible::Pole);
            }
            lng0 - degrees(y.atan2(x))
        };
        Ok((alpha_p, delta_p))
    }

    /// Of the two solutions u ± v of equation (8) the valid one, or of two valid ones the one nearer to LATPOLE.
    fn nearest_pole(&self, u: f64, v: f64) -> f64 {
        let fold = |a: f64| {
            if a > 180.0 {
                a - 360.0
            } else if a < -180.0 {
                a + 360.0
            } else {
                a
            }
        };
        let (plus, minus) = (fold(u + v), fold(u - v));
        let valid = |a: f64| a.abs() < 90.0 + TOLERANCE;
        if (self.latpole - plus).abs() < (self.latpole - minus).abs() {
            if valid(plus) { plus } else { minus }
        } else if valid(minus) {
            minus
        } else {
            plus
        }
    }
}
