//! Where the pixels of one axis lie on another.

use super::leading_axis::{LeadingAxis, Refused, Sampled, Scale};
use super::spectral::Variable;
use crate::error::Error;
use crate::wcs::refusal::refuse;

/// Pixels by which positions may depend on whether two lines are meant to be the same.
const SAME_LINE: f64 = 0.01;

impl LeadingAxis {
    /// Whether both have the same pixels by their descriptions, understood or not.
    pub(crate) fn equals(&self, other: &LeadingAxis) -> bool {
        self.ctype == other.ctype
            && self.unit == other.unit
            && self.rest == other.rest
            && self.references == other.references
            && self.cards == other.cards
    }

    /// Whether the axis has a description at all.
    pub(crate) fn is_known(&self) -> bool {
        !self.ctype.is_empty()
    }

    /// Whether both are of the same kind: spectral, or of the same type.
    pub(crate) fn is_like(&self, other: &LeadingAxis) -> bool {
        let spectral = |axis: &LeadingAxis| Variable::named(axis.kind()).is_some();
        self.kind() == other.kind() || spectral(self) && spectral(other)
    }

    /// The positions along this axis, in pixels, of the first `count` pixels of another axis: where their values are the same, spectral values of one type being converted
    /// to the other. NaN where there is none.
    ///
    /// # Errors
    /// [`Error::Wcs`], about this axis, if one of the two is not understood, or they cannot be compared: axes of different kinds or units, spectral axes of
    /// different SPECSYS or SSYSOBS, of velocities relative to different lines, or of a velocity and a frequency without a line.
    pub fn positions(&self, target: &LeadingAxis, count: usize) -> Result<Vec<f64>, Error> {
        let pixels: Vec<f64> = (0..count).map(|k| k as f64).collect();
        let differs = |keyword: String, value: &str, problem: String| Err(refuse(keyword, value, problem));
        for (keyword, value) in &self.references {
            let other = target.references.iter().find(|(other, _)| other == keyword);
            if let Some((_, other)) = other.filter(|(_, other)| other != value) {
                let problem =
                    format!("the axis of the target refers to {other}: bring the cubes to the same {keyword} first");
                return differs((*keyword).to_owned(), value, problem);
            }
        }
        if self.equals(target) {
            return Ok(pixels);
        }
        let about_target = |refused: &Refused| {
            let Refused { keyword, value, problem } = refused;
            refuse(format!("{keyword} of the target"), value, problem)
        };
        let from = target.sampled.as_ref().map_err(about_target)?;
        let to = self.sampled.as_ref()?;
        let (Some(variable), Some(wanted)) = (to.variable(), from.variable()) else {
            if self.kind() != target.kind() {
                return differs(self.keyword(), &self.ctype, format!("the axis of the target is {:?}", target.ctype));
            }
            if self.unit != target.unit {
                let problem = format!("the unit of the target's {} axis is {:?}", target.ctype, target.unit);
                return differs(format!("CUNIT{}", self.number), &self.unit, problem);
            }
            return Ok(pixels.into_iter().map(|pixel| direct(from, to, pixel)).collect());
        };
        let both_of_lines = variable.is_of_line() && wanted.is_of_line();
        if variable.is_of_line() != wanted.is_of_line() && self.rest.or(target.rest).is_none() {
            let problem = format!(
                "{} and {} of the target can be compared only with the frequency of a line",
                self.ctype, target.ctype
            );
            return differs("RESTFRQ".to_owned(), "(missing)", problem);
        }
        // A cube that does not know its line is taken to be of the other's.
        let line = |axis: &LeadingAxis, other: &LeadingAxis| axis.rest.unwrap_or(other.line());
        let (own, others) = (line(self, target), line(target, self));
        let through =
            |pixel: f64, own: f64| to.pixel(variable.of_frequency(wanted.frequency(from.value(pixel), others), own));
        if both_of_lines && own != others {
            // Equal velocities or equal frequencies? No matter, if both come to the same.
            let apart = pixels.iter().map(|pixel| (through(*pixel, own) - through(*pixel, others)).abs());
            if apart.fold(0.0, f64::max) > SAME_LINE {
                let problem = format!("the velocities of the target are relative to {others} Hz, another line");
                return differs("RESTFRQ".to_owned(), &own.to_string(), problem);
            }
        }
        let map = |pixel| if variable == wanted { direct(from, to, pixel) } else { through(pixel, own) };
        Ok(pixels.into_iter().map(map).collect())
    }
}

/// The position of a pixel on another axis of the same values.
fn direct(from: &Sampled, to: &Sampled, pixel: f64) -> f64 {
    match (&from.scale, &to.scale) {
        // Without the rounding of large values.
        (Scale::Linear(start), Scale::Linear(reference)) => {
            ((start - reference) + from.step * (pixel - from.origin)) / to.step + to.origin
        }
        _ => to.pixel(from.value(pixel)),
    }
}
