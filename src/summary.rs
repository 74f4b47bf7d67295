//! What a run did.

use std::sync::Arc;

use crate::{corrections::Backgrounds, options::CoordinateError, stats::Stages, window::Window};

/// What [`reproject_and_coadd`](crate::reproject_and_coadd) did, input by input and as a whole.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// One entry per input, in their order.
    pub inputs: Vec<InputSummary>,
    /// Output pixels that have a footprint above 0, over all planes.
    pub covered_pixels: u64,
    /// Output pixels computed, over all planes.
    pub output_pixels: u64,
    /// Samples taken: output pixels × inputs that cover them, over all planes.
    pub resampled_pixels: u64,
    /// The bound on the coordinates that was asked for.
    pub coordinate_error: CoordinateError,
    /// Largest difference found between the cheap and the exact coordinates, in input pixels; 0 if all were exact.
    pub max_coordinate_error: f64,
    /// Fraction of the coordinates that were computed exactly.
    pub exact_fraction: f64,
    /// What was subtracted to match the backgrounds, and the groups in which they are matched; `None` if that was not asked for.
    pub backgrounds: Option<Arc<Backgrounds>>,
    /// That of the inputs, weighted by their samples: the square root of the mean of the squares. See [`InputSummary::noise_correlation`].
    pub noise_correlation: Option<f64>,
    /// Most bytes that the engine held at once: workspaces, decoded inputs, intermediates in memory.
    pub peak_bytes: u64,
    /// Where the time went.
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
#[non_exhaustive]
pub struct InputSummary {
    /// File and HDU, or "array".
    pub name: String,
    /// Whether it has a part in the mosaic.
    pub status: Status,
    /// The sub-grids of the output that hold all pixels that it covers (conservative).
    pub bounds: Vec<Window>,
    /// Output pixels that got a sample of it, over all planes.
    pub resampled_pixels: u64,
    /// Largest difference found between its cheap and exact coordinates, in input pixels.
    pub max_coordinate_error: f64,
    /// How much larger the noise of a sum over many output pixels is than [`Planes::variance`](crate::Planes::variance) says pixel by pixel:
    /// √(Σ covariances of a sample with all samples / its variance), for noise that is independent from one input pixel to the next; R of
    /// Fruchter & Hook (2002, PASP 114, 144, eq. 9). From the kernel's weights, over 16 × 16 output pixels in the middle of the input. Measured if a
    /// variance is asked for; `None` otherwise, and where the middle has no samples.
    pub noise_correlation: Option<f64>,
}

/// Whether an input has a part in the mosaic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// At least one output pixel got a sample of it.
    Used,
    /// It lies outside of the output, or all of it that lies inside is missing.
    NoOverlap,
}
