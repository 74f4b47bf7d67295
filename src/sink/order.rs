//! Tiles brought into sweep order for sinks that want them so.

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use ndarray::Array2;

use super::tile_sink::{FinishedTile, SinkLayout, StopUnlessDone, TileSink, TileSums};
use crate::{Error, Pixel, PlaneSet, Window};

/// Hands tiles to a sink one after the other. A tile that is finished before its turn waits in memory, and where too many wait, so does the thread: the
/// thread that has the next tile never does.
pub(crate) struct InOrder<'s, T: Pixel> {
    sink: &'s mut dyn TileSink<T>,
    /// Planes of the output.
    planes: usize,
    /// How far a tile may be ahead of its turn, counted in tiles of one plane.
    most: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// The next tile of a plane: its number times the number of planes, plus its plane.
    next: usize,
    waiting: BTreeMap<usize, Waiting<T>>,
    /// Whether a thread is handing tiles over.
    busy: bool,
    /// Whether the run has failed: no tile is handed over any longer.
    failed: bool,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        State { next: 0, waiting: BTreeMap::new(), busy: false, failed: false }
    }
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
    pub(crate) fn new(sink: &'s mut dyn TileSink<T>) -> Self {
        InOrder { sink, planes: 1, most: 0, state: Mutex::default(), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Pixel> TileSink<T> for InOrder<'_, T> {
    fn planes(&self) -> PlaneSet {
        self.sink.planes()
    }

    fn start(&mut self, layout: &SinkLayout<'_>) -> Result<u64, Error> {
        let largest = layout.tiles.iter().map(Window::area).max().unwrap_or(0);
        let bytes = (largest * self.planes().bytes_per_pixel::<T>(layout.inputs)).max(1) as u64;
        // Beside those that wait there is the one that is handed over. None need wait: a thread can.
        let wanted = (2 * layout.threads * layout.planes_at_once) as u64;
        let most = wanted.min(layout.available / 2 / bytes);
        (self.planes, self.most, self.state) = (layout.planes, most as usize, Mutex::default());
        let own = (most + 1) * bytes;
        let available = layout.available.saturating_sub(own);
        Ok(own.saturating_add(self.sink.start(&SinkLayout { available, ..*layout })?))
    }

    fn write(&self, tile: &FinishedTile<'_, T>) -> Result<(), Error> {
        let turn = tile.number * self.planes + tile.plane;
        let mut state = self.state();
        while turn > state.next + self.most && !state.failed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.failed {
            // Whoever made it fail has the error.
            return Ok(());
        }
        if state.next != turn || state.busy {
            state.waiting.insert(turn, Waiting::new(tile));
            return Ok(());
        }
        state.busy = true;
        drop(state);
        // Unless everything is handed over, nobody must wait for it, also after a panic.
        let stop = StopUnlessDone::<T>::new(Some(self));
        self.sink.write(tile)?;
        loop {
            let mut state = self.state();
            state.next += 1;
            let next = state.next;
            let waiting = state.waiting.remove(&next);
            state.busy = waiting.is_some();
            drop(state);
            self.changed.notify_all();
            match waiting {
                Some(waiting) => waiting.hand_to(self.sink)?,
                None => break,
            }
        }
        stop.done();
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.sink.finish()
    }

    fn sums(&self) -> Option<&dyn TileSums> {
        self.sink.sums()
    }

    fn stop(&self) {
        self.state().failed = true;
        self.changed.notify_all();
        self.sink.stop();
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
