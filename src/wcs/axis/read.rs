//! What a header says about the axes beyond the celestial ones.

use super::leading_axis::{LeadingAxes, LeadingAxis, Refused, Sampled, Scale, split};
use super::spectral::{C, Sampling, Spectral, Variable};
use super::unit::{self, Unit};
use crate::error::Error;
use crate::header::{Header, Value};
use crate::wcs::header::Keywords;
use crate::wcs::refusal::refuse;

/// Keywords that spectral values refer to and that are copied with the axes.
const SHARED: [&str; 10] =
    ["RESTFRQ", "RESTFREQ", "RESTWAV", "SPECSYS", "SSYSOBS", "SSYSSRC", "VELOSYS", "VELREF", "ZSOURCE", "VELANGL"];
/// Keywords in which axes that are compared have to agree: of spectral ones and of time.
const SPECTRAL_REFERENCES: [&str; 2] = ["SPECSYS", "SSYSOBS"];
const TIME_REFERENCES: [&str; 6] = ["TIMESYS", "MJDREF", "MJDREFI", "MJDREFF", "JDREF", "DATEREF"];
/// Types of time axes (Rots et al. 2015).
const TIMES: [&str; 12] = ["TIME", "TAI", "TT", "TDT", "ET", "IAT", "UT1", "UTC", "GMT", "TCG", "TCB", "TDB"];
/// Standards of rest that VELREF counts, from 1 (AIPS).
const STANDARDS_OF_REST: [&str; 7] = ["LSRK", "BARYCENT", "TOPOCENT", "LSRD", "GEOCENTR", "SOURCE", "GALACTOC"];

impl LeadingAxes {
    /// The axes of a description other than the two celestial ones, counted from 0. Whatever is wrong with an axis is an error only for who needs it.
    pub(in crate::wcs) fn read(header: &Header, alternative: Option<char>, celestial: [usize; 2]) -> LeadingAxes {
        let keywords = Keywords::new(header, alternative);
        let stem = if header.get("ZNAXIS").is_some() { "ZNAXIS" } else { "NAXIS" };
        let dimensions = header.i64(stem).ok().flatten().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let last = keywords.last("CTYPE").max(dimensions.min(99));
        let numbers = (1..=last).filter(|number| !celestial.contains(&(number - 1)));
        let mut axes: Vec<LeadingAxis> = numbers.map(|number| LeadingAxis::read(&keywords, stem, number)).collect();
        axes.reverse();
        let mut shared = Header::new();
        let spectral = axes.iter().any(|axis| Variable::named(axis.kind()).is_some());
        for stem in SHARED.into_iter().filter(|_| spectral) {
            if let Some(value) = header.get(&keywords.name(stem)) {
                shared.set(stem, value.clone(), "");
            }
        }
        LeadingAxes { axes, shared }
    }
}

impl LeadingAxis {
    fn read(keywords: &Keywords<'_>, naxis: &str, number: usize) -> LeadingAxis {
        let header = keywords.header;
        let text = |stem: &str| keywords.text(stem).ok().flatten().unwrap_or_default();
        let (ctype, standard_of_rest) = translated(keywords, &text(&format!("CTYPE{number}")));
        let unit = header.text(&keywords.name(&format!("CUNIT{number}"))).ok().flatten().unwrap_or_default();
        let sampling = Reader { keywords, number, ctype: &ctype, unit: unit.trim(), rest: rest(keywords) };
        let sampled = sampling.sampled().map_err(|error| match error.of_wcs() {
            Error::Wcs { keyword, value, problem } => Refused { keyword, value, problem },
            error => Refused { keyword: sampling.keyword(), value: ctype.clone(), problem: error.to_string() },
        });
        LeadingAxis {
            number: keywords.name(&number.to_string()),
            length: header.i64(&format!("{naxis}{number}")).ok().flatten().and_then(|n| usize::try_from(n).ok()),
            unit: sampling.unit.to_owned(),
            rest: sampling.rest,
            references: references(keywords, split(&ctype).0, standard_of_rest),
            cards: sampling.cards(),
            sampled,
            ctype,
        }
    }
}

/// The keywords that the values of a kind of axis refer to, as far as the header has them.
fn references(keywords: &Keywords<'_>, kind: &str, standard_of_rest: Option<&str>) -> Vec<(&'static str, String)> {
    let names: &[&'static str] = match kind {
        kind if Variable::named(kind).is_some() => &SPECTRAL_REFERENCES,
        kind if TIMES.contains(&kind) => &TIME_REFERENCES,
        _ => &[],
    };
    let value = |name: &&'static str| {
        let value =
            keywords.header.get(&keywords.name(name)).map(|value| value.to_string().trim().to_ascii_uppercase());
        let value = value.or_else(|| standard_of_rest.filter(|_| *name == "SPECSYS").map(str::to_owned))?;
        (!value.is_empty()).then_some((*name, value))
    };
    names.iter().filter_map(value).collect()
}

/// Reader of how the pixels of an axis become values.
struct Reader<'r> {
    keywords: &'r Keywords<'r>,
    number: usize,
    ctype: &'r str,
    unit: &'r str,
    rest: Option<f64>,
}

impl Reader<'_> {
    fn keyword(&self) -> String {
        self.keywords.name(&format!("CTYPE{}", self.number))
    }

    fn number(&self, stem: &str) -> Result<Option<f64>, Error> {
        self.keywords.number(&format!("{stem}{}", self.number))
    }

    fn refuse(&self, stem: &str, value: impl ToString, problem: impl Into<String>) -> Error {
        refuse(self.keywords.name(&format!("{stem}{}", self.number)), value, problem)
    }

    fn sampled(&self) -> Result<Sampled, Error> {
        let (kind, code) = split(self.ctype);
        if code == "TAB" {
            let problem = "coordinates from tables are not supported: planes can only be mapped one to one";
            return Err(self.refuse("CTYPE", self.ctype, problem));
        }
        let variable = Variable::named(kind);
        let unit = match variable {
            None => Unit::ONE,
            Some(variable) if self.unit.is_empty() => Unit { size: 1.0, dimensions: variable.dimensions() },
            Some(variable) => {
                let unit = unit::parse(self.unit).filter(|unit| unit.dimensions == variable.dimensions());
                unit.ok_or_else(|| {
                    let expected = format!("expected a multiple of {:?} for {kind}, or no unit", variable.unit());
                    self.refuse("CUNIT", self.unit, expected)
                })?
            }
        };
        let origin = self.number("CRPIX")?.unwrap_or(0.0) - 1.0;
        let reference = self.number("CRVAL")?.unwrap_or(0.0) * unit.size;
        let step = self.step()? * unit.size;
        if step == 0.0 {
            return Err(self.refuse("CDELT", step, "the pixels of the axis have no length"));
        }
        let about = |problem: &str| self.refuse("CRVAL", reference, format!("{}: {problem}", self.ctype));
        let scale = match (variable, code) {
            (_, "LOG") if reference <= 0.0 => {
                return Err(about("the reference value of a logarithmic axis has to be above 0"));
            }
            (_, "LOG") => Scale::Logarithmic(reference, variable),
            (None, _) => Scale::Linear(reference),
            (Some(variable), code) => {
                let sampling = Sampling::of_code(code, variable).ok_or_else(|| {
                    let problem = "the algorithm code is not one of the FITS standard for this type of axis";
                    self.refuse("CTYPE", self.ctype, problem)
                })?;
                if sampling.needs_line(variable) && self.rest.is_none() {
                    let keyword = self.keywords.name("RESTFRQ");
                    return Err(refuse(keyword, "(missing)", format!("{} is relative to a line", self.ctype)));
                }
                let mut parameters = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
                for (m, parameter) in parameters.iter_mut().enumerate() {
                    *parameter = self.keywords.number(&format!("PV{}_{m}", self.number))?.unwrap_or(*parameter);
                }
                let spectral = Spectral::new(variable, sampling, reference, self.rest.unwrap_or(C), parameters);
                Scale::Spectral(spectral.ok_or_else(|| about("the reference value has no place on this axis"))?)
            }
        };
        Ok(Sampled { origin, step, scale })
    }

    /// Length of a pixel in the unit of the header: CDi_i, or CDELTi and PCi_i.
    fn step(&self) -> Result<f64, Error> {
        let Reader { keywords, number, .. } = *self;
        let mut in_cd = false;
        for (keyword, value, _) in keywords.header.cards() {
            for stem in ["CD", "PC"] {
                let Some((i, j)) = keywords.indices(stem, keyword).filter(|(i, j)| [i, j].contains(&&number)) else {
                    continue;
                };
                if i != j && keywords.header.f64(keyword)? != Some(0.0) {
                    return Err(refuse(keyword, value, "couples the axis with another one: they cannot be separated"));
                }
                in_cd |= stem == "CD" && i == j;
            }
        }
        if in_cd {
            return Ok(keywords.element("CD", number, number)?.unwrap_or(0.0));
        }
        let scale = keywords.element("PC", number, number)?.unwrap_or(1.0);
        Ok(scale * self.number("CDELT")?.unwrap_or(1.0))
    }

    /// The cards of the axis by their stems, with one length of a pixel.
    fn cards(&self) -> Vec<(String, Value)> {
        let stems = ["CTYPE", "CUNIT", "CRPIX", "CRVAL", "CNAME"].map(|stem| (stem.to_owned(), String::new()));
        let parameters = (0..7).map(|m| ("PV", m)).chain((0..2).map(|m| ("PS", m)));
        let stems = stems.into_iter().chain(parameters.map(|(stem, m)| (stem.to_owned(), format!("_{m}"))));
        let card = |(stem, suffix): (String, String)| {
            let keyword = self.keywords.name(&format!("{stem}{}{suffix}", self.number));
            Some((stem + &suffix, self.keywords.header.get(&keyword)?.clone()))
        };
        let mut cards: Vec<(String, Value)> = stems.filter_map(card).collect();
        if !cards.is_empty()
            && let Ok(step) = self.step()
        {
            cards.push(("CDELT".to_owned(), step.into()));
        }
        cards
    }
}

/// The frequency of the line, from RESTFRQ or RESTWAV.
fn rest(keywords: &Keywords<'_>) -> Option<f64> {
    let positive = |stem: &str| keywords.number(stem).ok().flatten().filter(|value| *value > 0.0);
    let frequency = positive("RESTFRQ").or_else(|| positive("RESTFREQ"));
    frequency.or_else(|| positive("RESTWAV").map(|wavelength| C / wavelength))
}

/// A type without padding, types of the AIPS convention translated, and the standard of rest that they or VELREF tell, as wcslib's spcaips does.
fn translated(keywords: &Keywords<'_>, ctype: &str) -> (String, Option<&'static str>) {
    let unchanged = (ctype.to_owned(), None);
    let Some((kind @ ("FREQ" | "VELO" | "FELO"), suffix)) = ctype.split_at_checked(4) else { return unchanged };
    if !keywords.suffix.is_empty() {
        return unchanged;
    }
    let velref = keywords.header.i64("VELREF").ok().flatten().unwrap_or(0);
    let by_suffix = match suffix {
        "" => None,
        "-LSR" => Some("LSRK"),
        "-HEL" => Some("BARYCENT"),
        "-OBS" => Some("TOPOCENT"),
        _ => return unchanged,
    };
    let by_velref = usize::try_from(velref % 256 - 1).ok().and_then(|k| STANDARDS_OF_REST.get(k).copied());
    let standard = by_velref.or(by_suffix);
    let kind = match (kind, standard, velref / 256) {
        ("FELO", ..) => "VOPT-F2W",
        ("VELO", Some(_), 0) => "VOPT",
        ("VELO", Some(_), 1) => "VRAD",
        (kind, ..) => kind,
    };
    (kind.to_owned(), standard)
}
