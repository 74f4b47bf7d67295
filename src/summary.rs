//! What a run did.

use std::sync::Arc;

use crate::{
    background::Backgrounds,
    map::{CoordinateError, GridReport},
    plan::Window,
};

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
    /// Most bytes that the engine held at once: workspaces, decoded inputs, intermediates in memory.
    pub peak_bytes: u64,
}

impl Summary {
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

/// What is counted while the work goes on, for one input.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) resampled: u64,
    pub(crate) grid: GridReport,
}

impl Tally {
    pub(crate) fn merge(&mut self, other: &Tally) {
        self.resampled += other.resampled;
        self.grid.merge(&other.grid);
    }
}
