//! Counts and times that are gathered while a plan is carried out.

use std::{
    ops::AddAssign,
    time::{Duration, Instant},
};

/// The accuracy of a [`CoordGrid`](crate::CoordGrid), and how its coordinates were computed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GridReport {
    /// The largest distance from the exact map at the check points of the approximated cells, in input pixels.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
    pub max_error: f64,
    /// Pixels of the window whose coordinates come from the exact map.
    pub exact_pixels: u64,
    /// Pixels of the window whose coordinates come from polynomials.
    pub approximated_pixels: u64,
    /// Pixels of the window that are known to lie outside of the input and were not evaluated.
    pub outside_pixels: u64,
}

impl GridReport {
    /// Adds the report of another window.
    pub fn merge(&mut self, other: &GridReport) {
        self.max_error = self.max_error.max(other.max_error);
        self.exact_pixels += other.exact_pixels;
        self.approximated_pixels += other.approximated_pixels;
        self.outside_pixels += other.outside_pixels;
    }
}
/// The time that each stage of the work took, added up over the threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Stages {
    /// Reading input pixels: decoding, conversion to native numbers, scaling, with their weights, variances and flags.
    pub patch: Duration,
    /// Computing coordinate grids: evaluating the exact map at their nodes, fitting and checking.
    pub coordinates: Duration,
    /// Resampling, including the evaluation of the coordinate grids at each pixel.
    pub resampling: Duration,
    /// Combining samples and writing pixels.
    pub combining: Duration,
}

impl AddAssign for Stages {
    fn add_assign(&mut self, other: Stages) {
        self.patch += other.patch;
        self.coordinates += other.coordinates;
        self.resampling += other.resampling;
        self.combining += other.combining;
    }
}

/// A stopwatch for stages.
pub(crate) struct Watch(Instant);

impl Watch {
    pub(crate) fn start() -> Watch {
        Watch(Instant::now())
    }

    /// The time since the start or the last lap.
    pub(crate) fn lap(&mut self) -> Duration {
        let last = std::mem::replace(&mut self.0, Instant::now());
        self.0.duration_since(last)
    }
}

/// Counts of one input.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) resampled: u64,
    pub(crate) grid: GridReport,
    pub(crate) stages: Stages,
}

impl Tally {
    pub(crate) fn merge(&mut self, other: &Tally) {
        self.resampled += other.resampled;
        self.grid.merge(&other.grid);
        self.stages += other.stages;
    }
}
