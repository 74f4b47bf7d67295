//! What is known about one of the axes beyond the celestial ones, and its transformation.

use super::spectral::{C, Spectral, Variable};
use crate::error::Error;
use crate::header::{Header, Value};

/// An axis beyond the celestial ones: the spectral axis of a cube, or one of Stokes parameters, time, ….
///
/// Spectral axes are those of FITS WCS paper III (Greisen et al. 2006): FREQ, AFRQ, ENER, WAVN, VRAD, WAVE, VOPT, ZOPT, AWAV, VELO and BETA, linear or with the
/// algorithm codes F2W, W2F, …, LOG, GRI and GRA; types of the AIPS convention (VELO-LSR, FELO-HEL, with VELREF) are translated as wcslib does. Other axes are linear
/// or logarithmic. Values agree with wcslib's to 1e-12 of them.
#[derive(Clone, Debug)]
pub struct LeadingAxis {
    /// Number of the axis in its header, from 1, and the letter of the description, for messages.
    pub(super) number: String,
    /// CTYPE in capitals, with the types of AIPS translated.
    pub(super) ctype: String,
    /// CUNIT as it stands.
    pub(super) unit: String,
    pub(super) length: Option<usize>,
    /// The frequency of the line, Hz.
    pub(super) rest: Option<f64>,
    /// Keywords that say what the values refer to, such as SPECSYS, as far as the header has them.
    pub(super) references: Vec<(&'static str, String)>,
    pub(super) sampled: Result<Sampled, Refused>,
    /// The cards of the axis by their stems (CTYPE, CRPIX, PV_m for its parameters, …), CDi_i and PCi_i made CDELT.
    pub(super) cards: Vec<(String, Value)>,
}

/// What cannot be understood about an axis: an error when somebody needs it.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) keyword: String,
    pub(super) value: String,
    pub(super) problem: String,
}

impl From<&Refused> for Error {
    fn from(refused: &Refused) -> Error {
        let Refused { keyword, value, problem } = refused.clone();
        Error::Wcs { keyword, value, problem }
    }
}

/// How pixels along an axis become values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampled {
    /// The reference pixel, counted from 0.
    pub(super) origin: f64,
    /// Intermediate coordinate of a pixel's length, in SI for spectral axes and else in the unit of the header.
    pub(super) step: f64,
    pub(super) scale: Scale,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Scale {
    Spectral(Spectral),
    /// A value of the variable grows with the exponential of the pixel: reference value; `None` unless the axis is spectral.
    Logarithmic(f64, Option<Variable>),
    /// Reference value.
    Linear(f64),
}

impl Sampled {
    pub(super) fn value(&self, pixel: f64) -> f64 {
        let x = self.step * (pixel - self.origin);
        match &self.scale {
            Scale::Spectral(spectral) => spectral.value(x),
            Scale::Logarithmic(reference, _) => reference * (x / reference).exp(),
            Scale::Linear(reference) => reference + x,
        }
    }

    pub(super) fn pixel(&self, value: f64) -> f64 {
        let x = match &self.scale {
            Scale::Spectral(spectral) => spectral.intermediate(value),
            Scale::Logarithmic(reference, _) => reference * (value / reference).ln(),
            Scale::Linear(reference) => value - reference,
        };
        x / self.step + self.origin
    }

    pub(super) fn variable(&self) -> Option<Variable> {
        match &self.scale {
            Scale::Spectral(spectral) => Some(spectral.variable),
            Scale::Logarithmic(_, variable) => *variable,
            Scale::Linear(_) => None,
        }
    }
}

impl LeadingAxis {
    /// `CTYPEi`, as it is named in messages.
    pub(super) fn keyword(&self) -> String {
        format!("CTYPE{}", self.number)
    }

    /// The type without its algorithm code.
    pub(super) fn kind(&self) -> &str {
        split(&self.ctype).0
    }

    /// The frequency of the line, or any (of a wavelength of 1 m) where none is known and none matters.
    pub(super) fn line(&self) -> f64 {
        self.rest.unwrap_or(C)
    }

    /// The type of the axis, `CTYPEi`, such as `FREQ`, `VOPT-F2W` or `STOKES`: in capitals, with the types of the AIPS convention translated.
    #[must_use]
    pub fn ctype(&self) -> &str {
        &self.ctype
    }

    /// The unit of the axis in the header, `CUNITi`; values of spectral axes are in SI all the same.
    #[must_use]
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// Pixels along the axis, `NAXISi`; `None` if the header does not tell.
    #[must_use]
    pub fn length(&self) -> Option<usize> {
        self.length
    }

    /// Transforms pixel coordinates along the axis, from 0 at the centre of the first pixel, in place to values: those of a spectral axis in SI (Hz, m, m/s, J, /m),
    /// others in the unit of the header. What is undefined becomes NaN.
    ///
    /// # Errors
    /// [`Error::Wcs`] if the axis is described in a way that is malformed or not supported.
    pub fn pixel_to_world(&self, pixels: &mut [f64]) -> Result<(), Error> {
        let sampled = self.sampled.as_ref()?;
        pixels.iter_mut().for_each(|pixel| *pixel = sampled.value(*pixel));
        Ok(())
    }

    /// Transforms values in place to pixel coordinates along the axis: the inverse of [`pixel_to_world`](Self::pixel_to_world).
    ///
    /// # Errors
    /// As [`pixel_to_world`](Self::pixel_to_world).
    pub fn world_to_pixel(&self, values: &mut [f64]) -> Result<(), Error> {
        let sampled = self.sampled.as_ref()?;
        values.iter_mut().for_each(|value| *value = sampled.pixel(*value));
        Ok(())
    }
}

/// Type and algorithm code of a CTYPE.
pub(super) fn split(ctype: &str) -> (&str, &str) {
    match ctype.split_at_checked(4) {
        Some((kind, code)) if code.len() == 4 && code.starts_with('-') => {
            (kind.trim_end_matches('-'), code.get(1..).unwrap_or_default())
        }
        _ => (ctype, ""),
    }
}

/// The leading axes of a cube, and the keywords that they share.
#[derive(Clone, Debug, Default)]
pub(in crate::wcs) struct LeadingAxes {
    /// As the leading dimensions of an array, slowest first: the last axis of the header is the first.
    pub(in crate::wcs) axes: Vec<LeadingAxis>,
    /// What spectral values refer to: RESTFRQ, SPECSYS, ….
    pub(super) shared: Header,
}
