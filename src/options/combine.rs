//! The combinations of samples and their parameters.

use crate::Error;

/// How the samples of an output pixel are combined into its value. v are the samples and w their weights, geometric coverage × input weight; a sample of
/// weight 0 is missing. The footprint is Σw over the inputs for every combination.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Combine {
    /// Σwv/Σw.
    #[default]
    Mean,
    /// Σwv.
    Sum,
    /// The first input, in the order given, that has a sample.
    First,
    /// The last input, in the order given, that has a sample.
    Last,
    /// The smallest sample.
    Min,
    /// The largest sample.
    Max,
    /// The middle sample, or the mean of the two middle ones. Weights are not used.
    Median,
    /// The smallest sample such that the weights of all samples up to it sum to at least half of Σw; if they sum to exactly half, the mean of it and the next
    /// sample, so that equal weights give [`Median`](Self::Median).
    WeightedMedian,
    /// Σwv/Σw over the samples that remain after outliers have been clipped.
    Clipped(Clip),
    /// Σ(v/σ²)/Σ(1/σ²) with the variances σ² of the samples, which every input must have ([`Input::with_variance`](crate::Input::with_variance)). Weights
    /// are not used. A sample of variance 0 is ignored, as its inverse variance is undefined.
    InverseVariance,
}

impl Combine {
    /// Whether samples are weighed by their variance.
    pub(crate) fn needs_variance(self) -> bool {
        self == Combine::InverseVariance
    }

    pub(super) fn validate(self) -> Result<(), Error> {
        match self {
            // False for NaN.
            Combine::Clipped(Clip { low, high, .. }) if !(low > 0.0 && high > 0.0) => Err(Error::Option {
                option: "combine",
                got: format!("Clipped with low {low}, high {high}"),
                expected: "numbers of standard deviations above 0; infinity clips nothing on that side".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

/// Parameters of sigma clipping, which works as astropy.stats.sigma_clip: samples below c - `low` s or above c + `high` s are rejected, where c is the median
/// and s the standard deviation (of the population, divided by n) of the remaining samples. This is repeated `iterations` times, or until nothing
/// changes; the last bounds are applied to all samples. Weights are not used. Infinite samples are always rejected.
///
/// A pixel whose samples are all rejected, which happens with two samples and bounds of less than 1 s, gets [`Options::blank`](crate::Options::blank) and footprint 0.
///
/// ```
/// use skymosaic::{Clip, Combine, Options};
/// let options = Options::default().combine(Combine::Clipped(Clip::default().high(2.5).iterations(10)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Clip {
    /// Standard deviations below the median that are kept: above 0. Default: 3.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
    pub low: f64,
    /// Standard deviations above the median that are kept: above 0. Default: 3.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
    pub high: f64,
    /// The largest number of iterations; 0 rejects only infinite samples. Default: 5.
    pub iterations: usize,
}

impl Default for Clip {
    fn default() -> Self {
        Clip { low: 3.0, high: 3.0, iterations: 5 }
    }
}

impl Clip {
    setters! { low: f64, high: f64, iterations: usize }
}
