//! Celestial reference frames: what a header says they are, and the rotation from one to another.
//!
//! The defaults of RADESYS and EQUINOX are those of Calabretta & Greisen 2002 (paper II), section 3.1. The transformations
//! are those of astropy.coordinates, step for step, so that a mosaic lies where `SkyCoord.transform_to` says.

use super::frame_matrix::{
    b1950_to_j2000, besselian_to_julian, e_terms, fk4_precession, fk5_precession, galactic_from_fk4, galactic_from_fk5,
    icrs_to_ecliptic, icrs_to_fk5, identity, julian_to_besselian, supergalactic, times,
};
use super::refusal::refuse;
use crate::direction::{Matrix, Vector, dot, multiply, rotate, transpose, unit};
use crate::error::Error;
use crate::header::Header;

/// A celestial reference frame.
///
/// Two frames are equal if their parameters are equal. Coordinates are barycentric directions of sources without proper motion and parallax.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Frame {
    /// The International Celestial Reference System.
    Icrs,
    /// FK5: mean equator and equinox, with the precession of IAU 2006.
    Fk5 {
        /// The equinox as a Julian epoch, for example 2000.
        equinox: f64,
    },
    /// FK4: mean equator and equinox, with the precession of Newcomb. [`Frame::fk4`] creates it from an equinox.
    Fk4 {
        /// The equinox as a Besselian epoch, for example 1950.
        equinox: f64,
        /// The Julian epoch of observation, for which the rotation of FK4 with respect to FK5 is computed (Murray 1989). For a frame read from a
        /// header it is the time of the equinox and not MJD-OBS, as in astropy's `wcs_to_celestial_frame`.
        obstime: f64,
        /// Whether the E-terms of aberration have been removed from the positions (FK4-NO-E).
        no_e: bool,
    },
    /// Galactic longitude and latitude, IAU 1958.
    Galactic,
    /// De Vaucouleurs' supergalactic longitude and latitude.
    Supergalactic,
    /// Mean ecliptic and equinox of date by IAU 2006 (astropy's `BarycentricMeanEcliptic`).
    Ecliptic {
        /// Equinox in Julian years.
        equinox: f64,
    },
    /// Axes of another kind, such as solar, planetary or terrestrial ones. They can be transformed only to axes of the same types.
    Unknown {
        /// The type of the longitude axis as in CTYPE, at most four letters, for example "HPLN".
        lon: String,
        /// The type of the latitude axis, for example "HPLT".
        lat: String,
    },
}

/// Years beyond which the precession polynomials mean nothing: such an EQUINOX is a mistake (EPOCH = 0 is the usual one).
const EQUINOX_RANGE: [f64; 2] = [1500.0, 2500.0];

impl Frame {
    /// FK5 with equinox J2000.
    pub const FK5_J2000: Frame = Frame::Fk5 { equinox: 2000.0 };

    /// Creates FK4, with E-terms, of a Besselian equinox; the epoch of observation is that of the equinox.
    #[must_use]
    pub fn fk4(equinox: f64) -> Frame {
        Frame::Fk4 { equinox, obstime: besselian_to_julian(equinox), no_e: false }
    }

    /// The frame of the axis types `lon` and `lat` (the part of CTYPE before the projection, "RA--" and "RA" alike) of the
    /// description `alternative`.
    ///
    /// RADESYS and EQUINOX speak of equatorial and ecliptic axes only. RADECSYS and EPOCH stand in for them in the
    /// primary description. Without RADESYS the frame is ICRS, or with an equinox FK4 before 1984.0 and else FK5.
    pub(crate) fn from_header(
        header: &Header,
        lon: &str,
        lat: &str,
        alternative: Option<char>,
    ) -> Result<Frame, Error> {
        let lon = lon.trim().trim_end_matches('-').to_ascii_uppercase();
        let lat = lat.trim().trim_end_matches('-').to_ascii_uppercase();
        let ecliptic = match (lon.as_str(), lat.as_str()) {
            ("RA", "DEC") => false,
            ("ELON", "ELAT") => true,
            ("GLON", "GLAT") => return Ok(Frame::Galactic),
            ("SLON", "SLAT") => return Ok(Frame::Supergalactic),
            _ => return Ok(Frame::Unknown { lon, lat }),
        };
        let suffix = alternative.map(String::from).unwrap_or_default();
        let primary = alternative.is_none();
        let mut system_key = format!("RADESYS{suffix}");
        let mut system = header.text(&system_key)?.map(str::trim).filter(|text| !text.is_empty());
        if system.is_none() && primary {
            system_key = "RADECSYS".to_owned();
            system = header.text(&system_key)?.map(str::trim).filter(|text| !text.is_empty());
        }
        let mut equinox_key = format!("EQUINOX{suffix}");
        let mut equinox = header.f64(&equinox_key)?;
        if equinox.is_none() && primary {
            equinox_key = "EPOCH".to_owned();
            equinox = header.f64(&equinox_key)?;
        }
        let system = match system {
            Some(text) => text.to_ascii_uppercase(),
            None => match equinox {
                None => "ICRS".to_owned(),
                Some(year) if year < 1984.0 => "FK4".to_owned(),
                Some(_) => "FK5".to_owned(),
            },
        };
        let default = match system.as_str() {
            "ICRS" | "FK5" => 2000.0,
            "FK4" | "FK4-NO-E" => 1950.0,
            _ => {
                let problem = match system.as_str() {
                    "GAPPT" => "geocentric apparent positions depend on the time and cannot be mosaicked",
                    _ => "expected ICRS, FK5, FK4 or FK4-NO-E",
                };
                return Err(refuse(system_key, system, problem));
            }
        };
        let year = equinox.unwrap_or(default);
        // ICRS has no equinox; only an ecliptic of date needs one with it.
        let needs_equinox = ecliptic || system != "ICRS";
        if needs_equinox && !(EQUINOX_RANGE[0]..=EQUINOX_RANGE[1]).contains(&year) {
            let problem = format!("expected a year from {} to {}", EQUINOX_RANGE[0], EQUINOX_RANGE[1]);
            return Err(refuse(equinox_key, year, problem));
        }
        let besselian = system.starts_with("FK4");
        Ok(match (ecliptic, system.as_str()) {
            (true, _) => Frame::Ecliptic { equinox: if besselian { besselian_to_julian(year) } else { year } },
            (false, "ICRS") => Frame::Icrs,
            (false, "FK5") => Frame::Fk5 { equinox: year },
            (false, system) => {
                Frame::Fk4 { equinox: year, obstime: besselian_to_julian(year), no_e: system == "FK4-NO-E" }
            }
        })
    }

    /// The axis types as in CTYPE, without padding: ("RA", "DEC"), ("GLON", "GLAT"), ….
    pub(crate) fn axis_types(&self) -> (&str, &str) {
        match self {
            Frame::Icrs | Frame::Fk5 { .. } | Frame::Fk4 { .. } => ("RA", "DEC"),
            Frame::Galactic => ("GLON", "GLAT"),
            Frame::Supergalactic => ("SLON", "SLAT"),
            Frame::Ecliptic { .. } => ("ELON", "ELAT"),
            Frame::Unknown { lon, lat } => (lon, lat),
        }
    }

    /// Sets RADESYS and EQUINOX, where the frame has them, so that [`Frame::from_header`] reads the frame back.
    pub(crate) fn write(&self, header: &mut Header) {
        let (system, equinox) = match self {
            Frame::Icrs => ("ICRS", None),
            Frame::Fk5 { equinox } => ("FK5", Some(*equinox)),
            Frame::Fk4 { equinox, no_e: false, .. } => ("FK4", Some(*equinox)),
            Frame::Fk4 { equinox, no_e: true, .. } => ("FK4-NO-E", Some(*equinox)),
            Frame::Ecliptic { equinox } => ("FK5", Some(*equinox)),
            Frame::Galactic | Frame::Supergalactic | Frame::Unknown { .. } => return,
        };
        header.set("RADESYS", system, "reference frame");
        if let Some(year) = equinox {
            header.set("EQUINOX", year, "mean equator and equinox");
        }
    }

    /// The map of directions from this frame into `other`.
    pub(crate) fn to(&self, other: &Frame) -> Result<FrameMap, Error> {
        if self == other {
            return Ok(FrameMap::Rotation(identity()));
        }
        let unrelated = || {
            let ((lon, lat), (other_lon, other_lat)) = (self.axis_types(), other.axis_types());
            let problem = format!("has no known relation to {other_lon}/{other_lat}: both must be of the same kind");
            refuse("CTYPE", format!("{lon}/{lat}"), problem)
        };
        let matrix = match (self, other) {
            (Frame::Unknown { .. }, _) | (_, Frame::Unknown { .. }) => return Err(unrelated()),
            (Frame::Fk4 { equinox: from, .. }, Frame::Fk4 { equinox: to, .. }) => fk4_precession(*from, *to),
            (Frame::Fk4 { equinox, obstime, no_e }, _) => {
                // astropy gives the intermediate FK4-NO-E frame the equinox of the target, if that has one.
                let detour = match other {
                    Frame::Fk5 { equinox } | Frame::Ecliptic { equinox } if !no_e => {
                        Some(julian_to_besselian(*equinox))
                    }
                    _ => None,
                };
                let to_b1950 = match detour {
                    Some(via) => multiply(&fk4_precession(via, 1950.0), &fk4_precession(*equinox, via)),
                    None => fk4_precession(*equinox, 1950.0),
                };
                match other.galactic_rotation() {
                    Some(last) => times(&[&last, &galactic_from_fk4(), &to_b1950]),
                    None => {
                        let last = transpose(&other.to_icrs().ok_or_else(unrelated)?);
                        times(&[&last, &transpose(&icrs_to_fk5()), &b1950_to_j2000(*obstime), &to_b1950])
                    }
                }
            }
            (_, Frame::Fk4 { equinox, obstime, .. }) => match self.galactic_rotation() {
                Some(first) => transpose(&times(&[&first, &galactic_from_fk4(), &fk4_precession(*equinox, 1950.0)])),
                None => {
                    let first = self.to_icrs().ok_or_else(unrelated)?;
                    // astropy uses the transpose here although the matrix is not quite orthogonal.
                    let back = transpose(&b1950_to_j2000(*obstime));
                    times(&[&fk4_precession(1950.0, *equinox), &back, &icrs_to_fk5(), &first])
                }
            },
            _ => {
                let (first, last) = (self.to_icrs().ok_or_else(unrelated)?, other.to_icrs().ok_or_else(unrelated)?);
                multiply(&transpose(&last), &first)
            }
        };
        let (remove, add) = (self.e_terms(), other.e_terms());
        let is_galactic = |frame: &Frame| frame.galactic_rotation().is_some();
        let crosses_fk5 = match (self, other) {
            (Frame::Fk4 { .. }, Frame::Fk4 { .. }) => false,
            (Frame::Fk4 { .. }, frame) | (frame, Frame::Fk4 { .. }) => !is_galactic(frame),
            _ => false,
        };
        if remove.is_none() && add.is_none() && !crosses_fk5 {
            return Ok(FrameMap::Rotation(matrix));
        }
        Ok(FrameMap::General { remove, matrix, add })
    }

    fn e_terms(&self) -> Option<Vector> {
        match self {
            Frame::Fk4 { equinox, no_e: false, .. } => Some(e_terms(*equinox)),
            _ => None,
        }
    }

    /// The rotation from Galactic for the two frames that are defined by it.
    fn galactic_rotation(&self) -> Option<Matrix> {
        match self {
            Frame::Galactic => Some(identity()),
            Frame::Supergalactic => Some(supergalactic()),
            _ => None,
        }
    }

    /// The rotation into ICRS; `None` for FK4, whose relation is not one, and for unknown frames.
    fn to_icrs(&self) -> Option<Matrix> {
        let from_fk5 = transpose(&icrs_to_fk5());
        match self {
            Frame::Icrs => Some(identity()),
            Frame::Fk5 { equinox } => Some(multiply(&from_fk5, &fk5_precession(*equinox, 2000.0))),
            Frame::Ecliptic { equinox } => Some(transpose(&icrs_to_ecliptic(*equinox))),
            Frame::Galactic | Frame::Supergalactic => {
                let from_galactic = self.galactic_rotation()?;
                Some(multiply(&from_fk5, &transpose(&multiply(&from_galactic, &galactic_from_fk5()))))
            }
            Frame::Fk4 { .. } | Frame::Unknown { .. } => None,
        }
    }
}

/// The map of unit vectors from one frame into another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FrameMap {
    /// A rotation.
    Rotation(Matrix),
    /// To or from FK4: the E-terms of the first frame are taken off, the matrix (orthogonal to 1e-8) is applied, the E-terms of
    /// the second are put on.
    General {
        /// E-terms of aberration that the input has.
        remove: Option<Vector>,
        /// The matrix between the frames without E-terms.
        matrix: Matrix,
        /// E-terms of aberration that the output shall have.
        add: Option<Vector>,
    },
}

impl FrameMap {
    /// Maps a unit vector; the result is a unit vector.
    pub(crate) fn apply(&self, vector: Vector) -> Vector {
        match self {
            FrameMap::Rotation(matrix) => rotate(matrix, vector),
            FrameMap::General { remove, matrix, add } => {
                let mut v = vector;
                if let Some(e) = remove {
                    let along = dot(*e, v);
                    v = unit([0, 1, 2].map(|i| v[i] - e[i] + along * v[i]));
                }
                v = unit(rotate(matrix, v));
                if let Some(e) = add {
                    // Each turn gains a factor |e| = 1.7e-6: three reach the last bit.
                    let mut with = v;
                    for _ in 0..4 {
                        let scale = 1.0 / (1.0 + dot(*e, with));
                        with = [0, 1, 2].map(|i| (e[i] + v[i]) * scale);
                    }
                    v = unit(with);
                }
                v
            }
        }
    }

    /// The matrix, if the map is a rotation and nothing else.
    pub(crate) fn rotation(&self) -> Option<&Matrix> {
        match self {
            FrameMap::Rotation(matrix) => Some(matrix),
            FrameMap::General { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
