//! The projections that come from the `wcs` crate: CAR and CEA.
//!
//! The crate is used for the spherical projection alone: reference at the native origin, where its rotation is the
//! identity, and unit scale. Its AIT, ARC, ZEA, MER and MOL lose digits at the central meridian, the horizon, the antipode or the
//! poles by cancellation, which is why those are ours.

use super::project::{Plane, Project, UNDEFINED_PLANE, UNDEFINED_VECTOR};
use crate::direction::Vector;
use crate::wcs::trig::DEGREES;
use std::fmt;
use std::sync::Arc;
use wcs::{ImgXY, WCSParams, WCSProj};

/// Tolerance of wcslib on native coordinates, in degrees.
const TOLERANCE: f64 = 1e-13;

/// A cylindrical projection of the `wcs` crate between native unit vectors and the plane in degrees.
#[derive(Clone)]
pub(crate) struct Library {
    inner: Arc<WCSProj>,
    /// Largest |Y| of the outline and its tolerance, in degrees.
    top: f64,
    tolerance: f64,
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").field("top", &self.top).finish_non_exhaustive()
    }
}

impl Library {
    /// Plate carrée, equations (85), (86).
    pub(super) fn car() -> Option<Library> {
        Some(Library { inner: projection("CAR", None)?, top: 90.0, tolerance: TOLERANCE })
    }

    /// Cylindrical equal area, equations (87), (88), with 0 < λ = PVi_1 <= 1.
    pub(super) fn cea(lambda: f64) -> Option<Library> {
        if !(lambda > 0.0 && lambda <= 1.0) {
            return None;
        }
        let top = DEGREES / lambda;
        Some(Library { inner: projection("CEA", Some(lambda))?, top, tolerance: TOLERANCE * top })
    }
}

/// The crate's projection with everything but the projection made neutral. It reads its parameters through serde, the
/// only way to leave out its other hundred and fifty keywords.
fn projection(code: &str, lambda: Option<f64>) -> Option<Arc<WCSProj>> {
    let parameters = serde_json::json!({
        "CTYPE1": format!("RA---{code}"), "CTYPE2": format!("DEC--{code}"), "RADESYS": "ICRS",
        "NAXIS": 2, "NAXIS1": 1, "NAXIS2": 1, "CRPIX1": 0.0, "CRPIX2": 0.0, "CRVAL1": 0.0, "CRVAL2": 0.0,
        "CDELT1": 1.0, "CDELT2": 1.0, "PV2_1": lambda,
    });
    let parameters: WCSParams = serde_json::from_value(parameters).ok()?;
    WCSProj::new(1, 1, &parameters).ok().map(Arc::new)
}

impl Project for Library {
    #[inline]
    fn project(&self, [x, y, z]: Vector) -> Plane {
        // The crate takes only exact unit vectors.
        let n = 1.0 / (x * x + y * y + z * z).sqrt();
        if !n.is_finite() {
            return UNDEFINED_PLANE;
        }
        self.inner.proj_xyz(&(x * n, y * n, z * n)).map_or(UNDEFINED_PLANE, |p| [p.x(), p.y()])
    }

    #[inline]
    fn deproject(&self, [x, y]: Plane) -> Vector {
        if !(x.abs() <= 180.0 + TOLERANCE && y.abs() <= self.top + self.tolerance) {
            return UNDEFINED_VECTOR;
        }
        let p = ImgXY::new(x.clamp(-180.0, 180.0), y.clamp(-self.top, self.top));
        self.inner.unproj_xyz(&p).map_or(UNDEFINED_VECTOR, |v| [v.x(), v.y(), v.z()])
    }
}
