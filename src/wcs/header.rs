//! What a header says about the celestial axes, in degrees and in the standard's own terms.
//!
//! The rules are those of Greisen & Calabretta (2002), Calabretta & Greisen (2002) and, where headers break them, of
//! wcslib as astropy calls it; what neither can settle is refused with the keyword and value.

use super::linear::LinearTransform;
use super::projection::{PARAMETERS, Projection, Refusal};
use super::refusal::{finite, refuse};
use super::rotation::{Impossible, Reference};
use super::trig;
use crate::direction::Matrix;
use crate::error::Error;
use crate::header::{Header, Value};

/// Most axes that a description may have; a three-digit axis number does not fit the keywords.
const MAX_AXES: usize = 99;

/// Reader of the keywords of one description.
pub(super) struct Keywords<'h> {
    pub(super) header: &'h Header,
    pub(super) suffix: String,
}

impl<'h> Keywords<'h> {
    pub(super) fn new(header: &'h Header, alternative: Option<char>) -> Keywords<'h> {
        Keywords { header, suffix: alternative.map(String::from).unwrap_or_default() }
    }

    pub(super) fn name(&self, stem: &str) -> String {
        format!("{stem}{}", self.suffix)
    }

    /// A finite number, or nothing.
    pub(super) fn number(&self, stem: &str) -> Result<Option<f64>, Error> {
        finite(self.header, &self.name(stem))
    }

    pub(super) fn text(&self, stem: &str) -> Result<Option<String>, Error> {
        Ok(self.header.text(&self.name(stem))?.map(|text| text.trim().to_ascii_uppercase()))
    }

    /// Largest number i of any keyword `stem`i of this description.
    pub(super) fn last(&self, stem: &str) -> usize {
        let number = |keyword: &str| -> Option<usize> {
            let digits = keyword.strip_prefix(stem)?.strip_suffix(self.suffix.as_str())?;
            digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))
        };
        self.header.cards().filter_map(|(keyword, _, _)| number(keyword)).max().unwrap_or(0).min(MAX_AXES)
    }

    /// Element i, j of a matrix under its modern name or that of the drafts (PC001002).
    pub(super) fn element(&self, stem: &str, i: usize, j: usize) -> Result<Option<f64>, Error> {
        match self.number(&format!("{stem}{i}_{j}"))? {
            None if self.suffix.is_empty() => self.number(&format!("{stem}{i:03}{j:03}")),
            value => Ok(value),
        }
    }
}

/// Axis type and projection code of one celestial axis.
#[derive(Clone, Debug, PartialEq)]
struct CelestialType {
    /// The four letters of the axis type without padding: "RA", "GLAT", "HPLN".
    axis: String,
    latitude: bool,
    code: String,
    /// Distortion code of the 4-3-3 form that is left when those that are known have been taken out.
    distortion: Option<String>,
}

/// Whether an axis type is a celestial longitude (`Some(false)`) or latitude (`Some(true)`).
fn celestial_kind(axis: &str) -> Option<bool> {
    match axis.as_bytes() {
        b"RA" => Some(false),
        b"DEC" => Some(true),
        [_, b'L', b'O', b'N'] | [_, _, b'L', b'N'] => Some(false),
        [_, b'L', b'A', b'T'] | [_, _, b'L', b'T'] => Some(true),
        _ => None,
    }
}

/// The counterpart that an axis type must be paired with.
fn counterpart(axis: &str) -> String {
    match axis {
        "RA" => "DEC".to_owned(),
        "DEC" => "RA".to_owned(),
        _ => match axis.split_at_checked(2) {
            Some((body, "LN")) => format!("{body}LT"),
            Some((body, "LT")) => format!("{body}LN"),
            _ => match axis.split_at_checked(1) {
                Some((body, "LON")) => format!("{body}LAT"),
                _ => format!("{}LON", axis.get(..1).unwrap_or_default()),
            },
        },
    }
}

impl CelestialType {
    /// Reads an upper-case CTYPE; `None` if it is not celestial in 4-3 form.
    fn parse(ctype: &str) -> Option<CelestialType> {
        let (base, distortion) = match ctype.split_at_checked(8) {
            Some((base, rest)) if rest.len() == 4 && rest.starts_with('-') => (base, rest.get(1..).map(str::to_owned)),
            _ => (ctype, None),
        };
        let (axis, code) = base.split_at_checked(4)?;
        let code = code.strip_prefix('-').filter(|code| code.len() == 3)?;
        let axis = axis.trim_end_matches('-');
        let latitude = celestial_kind(axis)?;
        Some(CelestialType { axis: axis.to_owned(), latitude, code: code.to_owned(), distortion })
    }
}

/// One description of the celestial axes of an image.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    /// Letter of an alternative description.
    pub(crate) alternative: Option<char>,
    /// FITS axes, counted from 0, of longitude and latitude.
    pub(crate) axes: [usize; 2],
    /// Axis types without padding ("RA", "DEC").
    pub(crate) types: [String; 2],
    /// Projection code with aliases resolved (GLS is SFL).
    pub(crate) code: String,
    pub(crate) reference: Reference,
    /// Whether the plane's origin lies at the fiducial point instead of the projection's own origin (PVi_0 ≠ 0).
    pub(crate) offset: bool,
    pub(crate) pv: [Option<f64>; PARAMETERS],
    pub(crate) linear: LinearTransform,
    /// Columns and rows of the image along the two celestial axes, in the order of the pixel axes.
    pub(crate) shape: Option<[usize; 2]>,
}

impl Description {
    pub(crate) fn read(header: &Header, alternative: Option<char>) -> Result<Description, Error> {
        let alternative = alternative.filter(|letter| *letter != ' ').map(|letter| letter.to_ascii_uppercase());
        if let Some(letter) = alternative.filter(|letter| !letter.is_ascii_uppercase()) {
            return Err(refuse("alternative", letter, "expected a letter from A to Z"));
        }
        let keywords = Keywords::new(header, alternative);
        let (axes, [lon, lat]) = keywords.celestial_pair()?;
        let mut description = Description {
            alternative,
            axes,
            types: [lon.axis.clone(), lat.axis.clone()],
            code: lon.code.clone(),
            reference: Reference { crval: [0.0; 2], native: [0.0, 90.0], lonpole: None, latpole: 90.0 },
            offset: false,
            pv: [None; PARAMETERS],
            linear: keywords.linear(axes)?,
            shape: keywords.shape(axes)?,
        };
        for (value, (axis, scale)) in
            description.reference.crval.iter_mut().zip(axes.into_iter().zip(keywords.units(axes)?))
        {
            *value = keywords.number(&format!("CRVAL{}", axis + 1))?.unwrap_or(0.0) * scale;
        }
        description.read_parameters(&keywords)?;
        Ok(description)
    }

    /// PVi_m, LONPOLE and LATPOLE, and what the aliases NCP and GLS stand for.
    fn read_parameters(&mut self, keywords: &Keywords<'_>) -> Result<(), Error> {
        let [lon, lat] = self.axes.map(|axis| axis + 1);
        let mut native = [None; 5];
        // Most headers have none of them, and asking for each takes longer than all else.
        let have = |stem: &str| keywords.header.cards().any(|(keyword, _, _)| keyword.starts_with(stem));
        let (has_pv, has_projp) = (have("PV"), keywords.suffix.is_empty() && have("PROJP"));
        for (m, slot) in self.pv.iter_mut().enumerate() {
            if has_pv {
                *slot = keywords.number(&format!("PV{lat}_{m}"))?;
            }
            if has_projp && slot.is_none() {
                *slot = keywords.number(&format!("PROJP{m}"))?;
            }
        }
        for (m, slot) in native.iter_mut().enumerate().filter(|_| has_pv) {
            *slot = keywords.number(&format!("PV{lon}_{m}"))?;
        }
        let [offset, phi0, theta0, lonpole, latpole] = native;
        let crval = self.reference.crval;
        let mut native = [phi0, theta0];
        self.offset = offset.is_some_and(|value| value != 0.0);
        match self.code.as_str() {
            "GLS" => {
                // AIPS shifts the whole map to the reference latitude instead of tilting the graticule.
                "SFL".clone_into(&mut self.code);
                (self.offset, native) = (true, [Some(0.0), Some(crval[1])]);
            }
            "NCP" => {
                let (sin, cos) = trig::sin_cos(crval[1]);
                if sin == 0.0 {
                    let keyword = keywords.name(&format!("CRVAL{lat}"));
                    return Err(refuse(keyword, crval[1], "the NCP projection does not exist on the equator"));
                }
                "SIN".clone_into(&mut self.code);
                (self.pv[1], self.pv[2]) = (Some(0.0), Some(cos / sin));
            }
            _ => {}
        }
        let lonpole = match lonpole {
            None => keywords.number("LONPOLE")?,
            given => given,
        };
        let latpole = match latpole {
            None => keywords.number("LATPOLE")?,
            given => given,
        };
        let theta0 = native[1].unwrap_or_else(|| Projection::theta0(&self.code, &self.pv));
        self.reference = Reference {
            crval,
            native: [native[0].unwrap_or(0.0), theta0],
            // 999 is the FITS way to say "default".
            lonpole: lonpole.filter(|value| *value != 999.0),
            latpole: latpole.filter(|value| *value != 999.0).unwrap_or(90.0),
        };
        Ok(())
    }

    /// The projection, and the plane position of the fiducial point.
    pub(crate) fn projection(&self) -> Result<(Projection, [f64; 2]), Error> {
        let suffix = self.alternative.map(String::from).unwrap_or_default();
        let [lon, lat] = self.axes.map(|axis| axis + 1);
        let projection = Projection::new(&self.code, &self.pv).map_err(|refusal| match refusal {
            Refusal::Unknown => {
                let keyword = format!("CTYPE{lon}{suffix}");
                refuse(
                    keyword,
                    format!("{}-{}", self.types[0], self.code),
                    "the projection code is not one of the FITS standard",
                )
            }
            Refusal::Parameter(m, problem) => {
                let value = self.pv.get(m).copied().flatten().map_or("(missing)".to_owned(), |v| v.to_string());
                refuse(format!("PV{lat}_{m}{suffix}"), value, format!("{}: {problem}", self.code))
            }
        })?;
        if !self.offset {
            return Ok((projection, [0.0; 2]));
        }
        let [phi0, theta0] = self.reference.native;
        let origin = projection.project(trig::unit_vector(phi0, theta0));
        if !origin.iter().all(|v| v.is_finite()) {
            let problem = "the fiducial point that PVi_1 and PVi_2 give has no place in the plane of this projection";
            return Err(refuse(format!("PV{lon}_2{suffix}"), theta0, problem));
        }
        Ok((projection, origin))
    }

    /// The rotation from native to celestial coordinates.
    pub(crate) fn rotation(&self) -> Result<Matrix, Error> {
        let suffix = self.alternative.map(String::from).unwrap_or_default();
        let [lon, lat] = self.axes.map(|axis| axis + 1);
        let crval = |problem: String| refuse(format!("CRVAL{lat}{suffix}"), self.reference.crval[1], problem);
        self.reference.native_to_celestial().map_err(|impossible| match impossible {
            Impossible::Latitude(limit) => {
                crval(format!("with this LONPOLE the reference latitude must lie within ±{limit}"))
            }
            Impossible::LatitudeNotZero => crval("with LONPOLE at ±90 it must be 0".to_owned()),
            Impossible::Pole => refuse(
                format!("LONPOLE{suffix}"),
                self.reference.phi_p(),
                "no celestial pole fits this together with CRVALi",
            ),
            Impossible::Theta0 => {
                refuse(format!("PV{lon}_2{suffix}"), self.reference.native[1], "expected a latitude within ±90")
            }
        })
    }
}

impl Keywords<'_> {
    /// FITS axes (from 0) and types of longitude and latitude.
    fn celestial_pair(&self) -> Result<([usize; 2], [CelestialType; 2]), Error> {
        let mut pair: [Option<(usize, CelestialType)>; 2] = [None, None];
        let mut linear = None;
        for i in 0..self.last("CTYPE") {
            let keyword = format!("CTYPE{}", i + 1);
            let Some(text) = self.text(&keyword)? else { continue };
            let Some(found) = CelestialType::parse(&text) else {
                if celestial_kind(text.trim_end_matches('-')).is_some() {
                    linear = Some((keyword, text));
                }
                continue;
            };
            let [lon, lat] = &mut pair;
            let slot = if found.latitude { lat } else { lon };
            if slot.is_some() {
                return Err(refuse(self.name(&keyword), text, "a second celestial axis of the same kind"));
            }
            if found.distortion.is_some() {
                return Err(refuse(self.name(&keyword), text, "the only distortion code that is supported is -SIP"));
            }
            *slot = Some((i, found));
        }
        match pair {
            [Some((i, lon)), Some((j, lat))] => {
                if lon.code == lat.code && lat.axis == counterpart(&lon.axis) {
                    return Ok(([i, j], [lon, lat]));
                }
                let value = format!("{}-{}", lat.axis, lat.code);
                let problem = format!(
                    "expected {}-{} to go with CTYPE{} = {}-{}",
                    counterpart(&lon.axis),
                    lon.code,
                    i + 1,
                    lon.axis,
                    lon.code
                );
                Err(refuse(self.name(&format!("CTYPE{}", j + 1)), value, problem))
            }
            [Some((i, found)), None] | [None, Some((i, found))] => {
                let value = format!("{}-{}", found.axis, found.code);
                let problem = format!("there is no {} axis with it", counterpart(&found.axis));
                Err(refuse(self.name(&format!("CTYPE{}", i + 1)), value, problem))
            }
            [None, None] => match linear {
                Some((keyword, text)) => Err(refuse(
                    self.name(&keyword),
                    text,
                    "a celestial axis needs a projection, as in RA---TAN; linear coordinates are not a map of the sky",
                )),
                None => {
                    let keyword = self.name("CTYPE1");
                    let value = self.header.get(&keyword).map_or("(missing)".to_owned(), Value::to_string);
                    Err(refuse(keyword, value, "no pair of celestial axes, such as RA---TAN and DEC--TAN"))
                }
            },
        }
    }

    /// Degrees in a unit of the longitude and latitude axes.
    fn units(&self, axes: [usize; 2]) -> Result<[f64; 2], Error> {
        let mut scales = [1.0; 2];
        for (scale, axis) in scales.iter_mut().zip(axes) {
            let keyword = self.name(&format!("CUNIT{}", axis + 1));
            let Some(text) = self.header.text(&keyword)? else { continue };
            *scale = degrees_in(text.trim())
                .ok_or_else(|| refuse(keyword, text, "expected an angular unit: deg, arcmin, arcsec, mas, rad"))?;
        }
        Ok(scales)
    }

    /// The affine map from the two pixel axes to the plane in degrees.
    fn linear(&self, axes: [usize; 2]) -> Result<LinearTransform, Error> {
        let (matrix, name) = self.matrix(axes)?;
        // The pixel axes of the plane keep their order whichever of the two coordinates comes first.
        let [first, second] = if axes[0] < axes[1] { axes } else { [axes[1], axes[0]] };
        let mut origin = [0.0; 2];
        for (value, axis) in origin.iter_mut().zip([first, second]) {
            *value = self.number(&format!("CRPIX{}", axis + 1))?.unwrap_or(0.0) - 1.0;
        }
        LinearTransform::new(origin, matrix).ok_or_else(|| {
            let [[a, b], [c, d]] = matrix;
            let value = if name == "CDELT" { format!("{a}, {d}") } else { format!("[[{a}, {b}], [{c}, {d}]]") };
            refuse(self.name(&format!("{name}i")), value, "the transformation from pixels to the sky is singular")
        })
    }

    /// The matrix in degrees a pixel (rows longitude, latitude; columns the pixel axes in their order) and the
    /// keyword it stands in.
    fn matrix(&self, axes: [usize; 2]) -> Result<([[f64; 2]; 2], &'static str), Error> {
        let [lon, lat] = axes.map(|axis| axis + 1);
        let columns = [lon.min(lat), lon.max(lat)];
        let (pc, cd) = (self.elements("PC", [lon, lat], columns)?, self.elements("CD", [lon, lat], columns)?);
        let units = self.units(axes)?;
        let mut cdelt = units;
        for (value, i) in cdelt.iter_mut().zip([lon, lat]) {
            *value *= self.number(&format!("CDELT{i}"))?.unwrap_or(1.0);
        }
        let diagonal = |i: usize, j: usize| if [lon, lat][i] == columns[j] { 1.0 } else { 0.0 };
        let scaled = |e: [[Option<f64>; 2]; 2]| {
            [0, 1].map(|i: usize| [0, 1].map(|j: usize| cdelt[i] * e[i][j].unwrap_or(diagonal(i, j))))
        };
        let in_degrees =
            |e: [[Option<f64>; 2]; 2]| [0, 1].map(|i: usize| e[i].map(|element| units[i] * element.unwrap_or(0.0)));
        match (pc, cd) {
            (Some(pc), None) => Ok((scaled(pc), "PC")),
            (None, Some(cd)) => Ok((in_degrees(cd), "CD")),
            (Some(pc), Some(cd)) => {
                let (pc, cd) = (scaled(pc), in_degrees(cd));
                let size = cd.iter().flatten().fold(0.0, |size: f64, e| size.max(e.abs()));
                let differ = pc.iter().flatten().zip(cd.iter().flatten()).any(|(p, c)| !((p - c).abs() <= 1e-9 * size));
                if differ {
                    let value = format!("{cd:?}");
                    return Err(refuse(
                        self.name("CDi_j"),
                        value,
                        format!("contradicts PCi_j and CDELTi, which give {pc:?}"),
                    ));
                }
                Ok((cd, "CD"))
            }
            (None, None) => {
                let rho = if self.suffix.is_empty() { self.number(&format!("CROTA{lat}"))? } else { None };
                let (sin, cos) = trig::sin_cos(rho.unwrap_or(0.0));
                // Greisen & Calabretta (2002), equation (189): the rotation comes before the scaling, unlike in PC.
                let along = [[cdelt[0] * cos, -cdelt[1] * sin], [cdelt[0] * sin, cdelt[1] * cos]];
                let matrix = if lon < lat { along } else { along.map(|[a, b]| [b, a]) };
                Ok((matrix, "CDELT"))
            }
        }
    }

    /// The four elements that join the celestial axes, `None` if the header has no such matrix at all. An element that
    /// joins a celestial axis and another one is refused.
    fn elements(
        &self,
        stem: &'static str,
        rows: [usize; 2],
        columns: [usize; 2],
    ) -> Result<Option<[[Option<f64>; 2]; 2]>, Error> {
        let mut any = false;
        for (keyword, value, _) in self.header.cards() {
            let Some((i, j)) = self.indices(stem, keyword) else { continue };
            any = true;
            if rows.contains(&i) != columns.contains(&j)
                && !matches!(value, Value::Integer(0))
                && *value != Value::Float(0.0)
            {
                let problem = "couples a celestial axis with another one; the plane cannot be separated";
                return Err(refuse(keyword, value, problem));
            }
        }
        if !any {
            return Ok(None);
        }
        let mut elements = [[None; 2]; 2];
        for (row, i) in elements.iter_mut().zip(rows) {
            for (element, j) in row.iter_mut().zip(columns) {
                *element = self.element(stem, i, j)?;
            }
        }
        Ok(Some(elements))
    }

    /// i and j of a matrix keyword of this description.
    pub(super) fn indices(&self, stem: &str, keyword: &str) -> Option<(usize, usize)> {
        let rest = keyword.strip_prefix(stem)?;
        let number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
        if let Some((i, j)) = rest.strip_suffix(self.suffix.as_str()).and_then(|rest| rest.split_once('_')) {
            return Some((number(i)?, number(j)?));
        }
        let (i, j) = rest.split_at_checked(3).filter(|_| rest.len() == 6 && self.suffix.is_empty())?;
        Some((number(i)?, number(j)?))
    }

    /// (ny, nx) along the celestial axes; of the image inside, if the header is that of a compressed one.
    fn shape(&self, axes: [usize; 2]) -> Result<Option<[usize; 2]>, Error> {
        let stem = if self.header.get("ZNAXIS").is_some() { "ZNAXIS" } else { "NAXIS" };
        let length = |axis: usize| -> Result<Option<usize>, Error> {
            Ok(self.header.i64(&format!("{stem}{}", axis + 1))?.and_then(|n| usize::try_from(n).ok()))
        };
        let (x, y) = (length(axes[0].min(axes[1]))?, length(axes[0].max(axes[1]))?);
        Ok(y.zip(x).map(|(y, x)| [y, x]))
    }
}

/// Degrees in an angular unit: the spellings of the standard and those that wcslib translates.
fn degrees_in(unit: &str) -> Option<f64> {
    const ARCSEC: f64 = 1.0 / 3600.0;
    let base = |name: &str| {
        Some(match name {
            "deg" | "degree" | "degrees" => 1.0,
            "rad" | "radian" | "radians" => trig::DEGREES,
            "arcmin" | "arcmins" | "arcminute" | "arcminutes" => 1.0 / 60.0,
            "arcsec" | "arcsecs" | "arcsecond" | "arcseconds" | "as" => ARCSEC,
            "turn" => 360.0,
            _ => return None,
        })
    };
    let lower = unit.to_ascii_lowercase();
    if lower.is_empty() {
        return Some(1.0);
    }
    base(&lower).or_else(|| {
        // Multiples keep their case in the standard: mas, uas, mrad, urad.
        let (factor, rest) = match unit.split_at_checked(1)? {
            ("m", rest) => (1e-3, rest),
            ("u", rest) => (1e-6, rest),
            ("n", rest) => (1e-9, rest),
            _ => return None,
        };
        matches!(rest, "as" | "arcsec" | "rad" | "deg").then(|| base(rest)).flatten().map(|scale| factor * scale)
    })
}
