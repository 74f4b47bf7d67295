//! Ctrl-C: output files that are not whole are removed before the program ends.

use std::{
    process,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::Failure;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// There are temporary files with names, which have to be removed in order.
static WRITING: AtomicBool = AtomicBool::new(false);

/// From now on a wish to end (SIGINT, SIGTERM, SIGHUP) ends the program at once, or, after [`hold`], as soon as
/// somebody has [`check`]ed.
pub(crate) fn listen() -> Result<(), Failure> {
    let handler = || {
        INTERRUPTED.store(true, Ordering::SeqCst);
        if !WRITING.load(Ordering::SeqCst) {
            process::exit(130);
        }
    };
    ctrlc::set_handler(handler).map_err(|error| Failure::new(format!("cannot listen for Ctrl-C: {error}")))
}

/// Called before the first output file is created.
pub(crate) fn hold() {
    WRITING.store(true, Ordering::SeqCst);
}

pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Fails if the program is to end.
pub(crate) fn check() -> Result<(), Failure> {
    if interrupted() { Err(Failure::interrupted()) } else { Ok(()) }
}
