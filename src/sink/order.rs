//! Tiles brought into sweep order for sinks that want them so.

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ndarray::Array2;

use super::{FinishedTile, TileSink};
use crate::{Error, Pixel, Window, progress::Meter};

/// How often a waiting thread looks whether the run has been cancelled.
const PATIENCE: Duration = Duration::from_millis(20);

/// Hands tiles to a sink one after the other. A tile that is finished before its turn waits in memory, and where too many wait, so does the thread: the thread
/// that has the next tile never does.
pub(crate) struct InOrder<'s, T: Pixel> {
    sink: &'s dyn TileSink<T>,
    meter: &'s Meter<'s>,
    /// Tiles that may wait in memory.
    most: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// Number of the next tile, in the order of hand-over.
    next: usize,
    waiting: BTreeMap<usize, Vec<Waiting<T>>>,
    /// Whether a thread is handing tiles over.
    busy: bool,
    /// Whether a thread failed: no tile is handed over any longer.
    failed: bool,
}

/// A tile of one plane that waits for its turn.
struct Waiting<T> {
    number: usize,
    window: Window,
    plane: usize,
    mosaic: Array2<T>,
    footprint: Option<Array2<T>>,
    variance: Option<Array2<T>>,
    mask: Option<Array2<i32>>,
    count: Option<Array2<i32>>,
    context: Vec<Array2<i32>>,
}

impl<'s, T: Pixel> InOrder<'s, T> {
    pub(crate) fn new(sink: &'s dyn TileSink<T>, meter: &'s Meter<'s>, most: usize) -> Self {
        let state = State { next: 0, waiting: BTreeMap::new(), busy: false, failed: false };
        InOrder { sink, meter, most, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the planes of the job number `job` in the order of hand-over; every job comes once.
    pub(crate) fn write(&self, job: usize, tiles: &[FinishedTile<'_, T>]) -> Result<(), Error> {
        let mut state = self.state();
        while state.next != job && job - state.next > self.most && !state.failed {
            (state, _) = self.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            self.meter.check()?;
        }
        if state.failed {
            return Err(Error::Cancelled);
        }
        if state.next != job || state.busy {
            state.waiting.insert(job, tiles.iter().map(Waiting::new).collect());
            return Ok(());
        }
        state.busy = true;
        drop(state);
        // Unless everything is handed over, others must not wait for it, also after a panic.
        let turn = Turn { order: self, done: false };
        for tile in tiles {
            self.sink.write(tile)?;
        }
        loop {
            let mut state = self.state();
            state.next += 1;
            let next = state.next;
            let Some(waiting) = state.waiting.remove(&next) else {
                state.busy = false;
                break;
            };
            drop(state);
            self.changed.notify_all();
            for tile in &waiting {
                tile.hand_to(self.sink)?;
            }
        }
        turn.finish();
        Ok(())
    }
}

/// The right to hand tiles over.
struct Turn<'o, 's, T: Pixel> {
    order: &'o InOrder<'s, T>,
    done: bool,
}

impl<T: Pixel> Turn<'_, '_, T> {
    fn finish(mut self) {
        self.done = true;
    }
}

impl<T: Pixel> Drop for Turn<'_, '_, T> {
    fn drop(&mut self) {
        if !self.done {
            self.order.state().failed = true;
        }
        self.order.changed.notify_all();
    }
}

impl<T: Pixel> Waiting<T> {
    fn new(tile: &FinishedTile<'_, T>) -> Self {
        Waiting {
            number: tile.number,
            window: tile.window,
            plane: tile.plane,
            mosaic: tile.mosaic.to_owned(),
            footprint: tile.footprint.map(|view| view.to_owned()),
            variance: tile.variance.map(|view| view.to_owned()),
            mask: tile.mask.map(|view| view.to_owned()),
            count: tile.count.map(|view| view.to_owned()),
            context: tile.context.iter().map(|view| view.to_owned()).collect(),
        }
    }

    fn hand_to(&self, sink: &dyn TileSink<T>) -> Result<(), Error> {
        let context: Vec<_> = self.context.iter().map(|array| array.view()).collect();
        sink.write(&FinishedTile {
            number: self.number,
            window: self.window,
            plane: self.plane,
            mosaic: self.mosaic.view(),
            footprint: self.footprint.as_ref().map(|array| array.view()),
            variance: self.variance.as_ref().map(|array| array.view()),
            mask: self.mask.as_ref().map(|array| array.view()),
            count: self.count.as_ref().map(|array| array.view()),
            context: &context,
        })
    }
}
