//! Progress of a run and its cancellation.

use std::{
    fmt,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::Error;

/// How far a run has come, as told to [`Options::progress`](crate::Options::progress).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Output pixels of this phase that are done (of sub-grids while resampling into intermediates).
    pub done: u64,
    /// Output pixels of this phase.
    pub total: u64,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Resampling the inputs into intermediate storage.
    Resampling,
    /// Measuring the differences between inputs where they overlap; without intermediate storage this includes their resampling.
    Matching,
    /// Combining samples into the output; without intermediate storage this includes the resampling.
    Combining,
}

/// A progress callback that can be cloned and shared between threads.
#[derive(Clone)]
pub struct ProgressCallback(pub(crate) Arc<dyn Fn(Progress) -> ControlFlow<()> + Send + Sync>);

impl fmt::Debug for ProgressCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressCallback(..)")
    }
}

/// Counts done work from many threads and passes it on.
pub(crate) struct Meter<'a> {
    callback: Option<&'a ProgressCallback>,
    phase: Phase,
    done: AtomicU64,
    total: u64,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(callback: Option<&'a ProgressCallback>, phase: Phase, total: u64) -> Self {
        Meter { callback, phase, done: AtomicU64::new(0), total }
    }

    pub(crate) fn advance(&self, pixels: u64) -> Result<(), Error> {
        let Some(callback) = self.callback else { return Ok(()) };
        let done = self.done.fetch_add(pixels, Ordering::Relaxed) + pixels;
        match (callback.0)(Progress { phase: self.phase, done, total: self.total }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Cancelled),
        }
    }
}
