//! The summary of a run.

use std::sync::Arc;

use crate::{corrections::Backgrounds, options::CoordinateError, stats::Stages, window::Window};

/// What a run computed, for each input and in total.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Summary {
    /// One entry per input, in their order.
    pub inputs: Vec<InputSummary>,
    /// Output pixels that have a footprint above 0, over all planes.
    pub covered_pixels: u64,
    /// Output pixels computed, over all planes.
    pub output_pixels: u64,
    /// Number of samples, over all inputs and planes.
    pub resampled_pixels: u64,
    /// The bound on the coordinates that was asked for.
    pub coordinate_error: CoordinateError,
    /// Largest difference found between the approximate and the exact coordinates, in input pixels; 0 if all were exact.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
    pub max_coordinate_error: f64,
    /// Fraction of the coordinates that were computed exactly.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
    pub exact_fraction: f64,
    /// The corrections that were subtracted to match the backgrounds, and the groups of matched inputs; `None` if backgrounds were not matched.
    pub backgrounds: Option<Arc<Backgrounds>>,
    /// Root mean square of the [noise correlations](InputSummary::noise_correlation) of the inputs, weighted by their numbers of samples.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats::optional"))]
    pub noise_correlation: Option<f64>,
    /// The most bytes that the run held at once, of all that [`Options::memory_limit`](crate::Options::memory_limit) limits: workspaces, decoded
    /// pixels, intermediates in memory, buffers of sinks.
    pub peak_bytes: u64,
    /// The time spent in each stage, added up over the threads.
    pub stages: Stages,
}

impl Summary {
    /// The correlation of the whole from that of the inputs.
    pub(crate) fn correlation(inputs: &[InputSummary]) -> Option<f64> {
        let measured =
            inputs.iter().filter_map(|input| Some((input.resampled_pixels as f64, input.noise_correlation?)));
        let (samples, squares) =
            measured.fold((0.0, 0.0), |(n, sum), (samples, r)| (n + samples, sum + samples * r * r));
        (samples > 0.0).then(|| (squares / samples).sqrt())
    }

    /// Fraction of the output pixels that have a footprint above 0.
    pub fn coverage(&self) -> f64 {
        self.covered_pixels as f64 / (self.output_pixels as f64).max(1.0)
    }
}

/// What happened to one input.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct InputSummary {
    /// File and HDU, or "array".
    pub name: String,
    /// Whether the input contributes to the mosaic.
    pub status: Status,
    /// The sub-grids of the output that together contain all pixels that the input covers; they may be a few pixels larger than necessary.
    pub bounds: Vec<Window>,
    /// Number of output pixels with a sample of this input, over all planes.
    pub resampled_pixels: u64,
    /// Largest difference found between its approximate and exact coordinates, in input pixels.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
    pub max_coordinate_error: f64,
    /// The factor by which the noise of a sum over many output pixels exceeds that of independent pixels with the variances
    /// [`Planes::variance`](crate::Planes::variance): √(Σ covariances of a sample with all samples / its variance), for independent noise in the
    /// input pixels; R of Fruchter & Hook (2002, PASP 114, 144, eq. 9). It is computed from the kernel weights of 16 × 16 output pixels in the
    /// middle of the input, if the variance is computed; `None` otherwise, and if there are no samples in the middle.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats::optional"))]
    pub noise_correlation: Option<f64>,
}

/// Whether an input contributes to the mosaic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Status {
    /// At least one output pixel has a sample of the input.
    Used,
    /// The input lies outside of the output, or all of its pixels inside are missing.
    NoOverlap,
}
