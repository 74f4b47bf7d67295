//! Progress of a run and its cancellation.

use std::{
    fmt,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use crate::Error;

/// The progress of a run, as passed to [`Options::progress`](crate::Options::progress).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The current phase.
    pub phase: Phase,
    /// Output pixels of this phase that are done; pixels of sub-grids in [`Phase::Resampling`], inputs in [`Phase::Planning`].
    pub done: u64,
    /// All output pixels of this phase, or inputs.
    pub total: u64,
}

/// The phases of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Finding out which inputs touch which part of the target.
    Planning,
    /// Resampling the inputs into intermediate storage.
    Resampling,
    /// Measuring the differences between inputs where they overlap; without intermediate storage this includes their resampling.
    Matching,
    /// Combining samples into the output; without intermediate storage this includes the resampling.
    Combining,
    /// Making the pictures of the tiles of a HiPS. Tiles are counted.
    Encoding,
}

/// A progress callback that can be cloned and shared between threads.
#[derive(Clone)]
pub struct ProgressCallback(pub(crate) Arc<dyn Fn(Progress) -> ControlFlow<()> + Send + Sync>);

impl fmt::Debug for ProgressCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressCallback(..)")
    }
}

/// Counts the work done by many threads, passes it on to the caller, and knows whether the caller has asked to stop.
pub(crate) struct Meter<'a> {
    callback: Option<&'a ProgressCallback>,
    phase: Phase,
    done: AtomicU64,
    total: u64,
    started: Instant,
    /// Milliseconds after the start at which the callback was last called.
    called: AtomicU64,
    cancelled: AtomicBool,
}

/// Milliseconds between calls of the callback that only ask whether to go on.
const INTERVAL: u64 = 40;

impl<'a> Meter<'a> {
    pub(crate) fn new(callback: Option<&'a ProgressCallback>, phase: Phase, total: u64) -> Self {
        Meter {
            callback,
            phase,
            done: AtomicU64::new(0),
            total,
            started: Instant::now(),
            called: AtomicU64::new(0),
            cancelled: AtomicBool::new(false),
        }
    }

    /// One that nobody listens to.
    pub(crate) fn silent() -> Self {
        Meter::new(None, Phase::Combining, 0)
    }

    /// Counts pixels as done and calls the callback.
    pub(crate) fn advance(&self, pixels: u64) -> Result<(), Error> {
        let done = self.done.fetch_add(pixels, Ordering::Relaxed) + pixels;
        self.called.store(self.milliseconds(), Ordering::Relaxed);
        self.call(done)
    }

    /// Counts work as done, and calls the callback if that was not done for a while.
    pub(crate) fn count(&self, done: u64) -> Result<(), Error> {
        self.done.fetch_add(done, Ordering::Relaxed);
        self.check()
    }

    /// Asks whether to go on, and calls the callback if that was not done for a while. Cheap enough for every few thousand pixels.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        if self.callback.is_none() {
            return Ok(());
        }
        let (now, last) = (self.milliseconds(), self.called.load(Ordering::Relaxed));
        let due = now.saturating_sub(last) >= INTERVAL;
        if due && self.called.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            return self.call(self.done.load(Ordering::Relaxed));
        }
        Ok(())
    }

    fn call(&self, done: u64) -> Result<(), Error> {
        let go_on = self.callback.map_or(ControlFlow::Continue(()), |callback| {
            (callback.0)(Progress { phase: self.phase, done, total: self.total })
        });
        if go_on.is_break() {
            self.cancelled.store(true, Ordering::Relaxed);
        }
        if self.cancelled.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
