//! The calling thread watches while others work: it is the only one that Python's signals reach, and that calls Python back.

use std::{
    ops::ControlFlow,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use pyo3::{exceptions::PyRuntimeError, prelude::*};
use skymosaic::{Phase, Progress};

/// How often signals are looked for: what a keystroke may take to be heard.
const PERIOD: Duration = Duration::from_millis(50);

/// What a plan's runs report, and are told.
#[derive(Default)]
pub(crate) struct Watch {
    stop: AtomicBool,
    runs: AtomicUsize,
    last: Mutex<Option<Progress>>,
}

impl Watch {
    /// Called by the engine after each piece of work.
    pub(crate) fn note(&self, progress: Progress) -> ControlFlow<()> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
        if self.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn progress(&self) -> Option<(&'static str, f64)> {
        let progress = (*self.last.lock().unwrap_or_else(PoisonError::into_inner))?;
        let phase = match progress.phase {
            Phase::Planning => "planning",
            Phase::Resampling => "resampling",
            Phase::Matching => "matching",
            _ => "combining",
        };
        Some((phase, progress.done as f64 / progress.total.max(1) as f64))
    }

    /// Does the work on another thread, without the GIL, while this one answers signals and calls `report(phase, fraction)`. If either raises, the work is
    /// stopped at its next piece and the exception returned.
    pub(crate) fn over<R: Send>(
        &self,
        py: Python<'_>,
        report: Option<Py<PyAny>>,
        work: impl FnOnce() -> R + Send,
    ) -> PyResult<R> {
        if self.runs.fetch_add(1, Ordering::AcqRel) == 0 {
            self.stop.store(false, Ordering::Relaxed);
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        let result = py.detach(|| self.wait(report.as_ref(), work));
        self.runs.fetch_sub(1, Ordering::AcqRel);
        result
    }

    fn wait<R: Send>(&self, report: Option<&Py<PyAny>>, work: impl FnOnce() -> R + Send) -> PyResult<R> {
        let mut raised = None;
        let result = thread::scope(|scope| {
            let (send, receive) = mpsc::channel();
            scope.spawn(move || {
                // Somebody is there to receive it: the loop below ends with it.
                let _ = send.send(work());
            });
            loop {
                match receive.recv_timeout(PERIOD) {
                    Ok(result) => return Some(result),
                    Err(mpsc::RecvTimeoutError::Disconnected) => return None,
                    Err(mpsc::RecvTimeoutError::Timeout) if raised.is_none() => {
                        let looked = Python::attach(|py| -> PyResult<()> {
                            py.check_signals()?;
                            if let (Some(report), Some(progress)) = (report, self.progress()) {
                                report.call1(py, progress)?;
                            }
                            Ok(())
                        });
                        if let Err(error) = looked {
                            self.stop.store(true, Ordering::Relaxed);
                            raised = Some(error);
                        }
                    }
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                }
            }
        });
        match (raised, result) {
            (Some(error), _) => Err(error),
            (None, Some(result)) => Ok(result),
            (None, None) => Err(PyRuntimeError::new_err("the work ended without a result: please report this")),
        }
    }
}
