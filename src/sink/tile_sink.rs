//! The trait of sinks, and what they are handed.

use std::borrow::Cow;

use ndarray::ArrayView2;

use crate::{Error, Pixel, PlaneSet, Window};

/// A sink of finished pixels: [`Plan::run_to`](crate::Plan::run_to) hands each tile of the mosaic to it, once, with all the planes that it asks for.
///
/// Implement it for outputs that are neither arrays nor FITS files. Tiles come from the threads that finished them, several at a time unless
/// [`order`](Self::order) says otherwise; together they cover the window of the run in every plane of the output. The bytes handed over do not depend on
/// the number of threads.
pub trait TileSink<T: Pixel>: Send + Sync {
    /// The planes wanted beside the mosaic itself. Default: none.
    fn planes(&self) -> PlaneSet {
        PlaneSet::NONE
    }

    /// The order in which tiles are to come. Default: [`TileOrder::Any`].
    fn order(&self) -> TileOrder {
        TileOrder::Any
    }

    /// Is called once, before the first tile. Returns the bytes that the sink holds at most, beside the tiles handed to it; they count against the memory
    /// limit, and should not be more than [`SinkLayout::available`].
    ///
    /// # Errors
    /// If the sink cannot take what is coming; nothing is computed then.
    fn start(&mut self, layout: &SinkLayout<'_>) -> Result<u64, Error> {
        let _ = layout;
        Ok(0)
    }

    /// Takes a finished tile. The views end with the call.
    ///
    /// # Errors
    /// If it cannot be written; the run stops.
    fn write(&self, tile: &FinishedTile<'_, T>) -> Result<(), Error>;

    /// Is called once, after the last tile; not after an error. When it returns, everything has been written.
    ///
    /// # Errors
    /// If something could not be written.
    fn finish(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Where the sums of pixels outlive the run, so that more inputs can be added to a mosaic later. Default: nowhere.
    ///
    /// A sink that has such a place can be run to with [`Combine::Mean`](crate::Combine::Mean), `Sum`, `First`, `Last`, `Min` and `Max`, without matched
    /// backgrounds, and with no other plane than the footprint.
    fn sums(&self) -> Option<&dyn TileSums> {
        None
    }

    /// Is called when the run has failed, while other threads may still be in [`write`](Self::write): whatever waits there for another tile must wait no
    /// longer. May be called more than once. Default: does nothing.
    fn stop(&self) {}
}

impl<T: Pixel, S: TileSink<T> + ?Sized> TileSink<T> for &mut S {
    fn planes(&self) -> PlaneSet {
        (**self).planes()
    }

    fn order(&self) -> TileOrder {
        (**self).order()
    }

    fn start(&mut self, layout: &SinkLayout<'_>) -> Result<u64, Error> {
        (**self).start(layout)
    }

    fn write(&self, tile: &FinishedTile<'_, T>) -> Result<(), Error> {
        (**self).write(tile)
    }

    fn finish(&mut self) -> Result<(), Error> {
        (**self).finish()
    }

    fn sums(&self) -> Option<&dyn TileSums> {
        (**self).sums()
    }

    fn stop(&self) {
        (**self).stop();
    }
}

/// A place for sums that outlive a run: what was saved of some inputs, and is loaded by a run with others, gives the bytes that one run with all of them
/// gives, in this order.
pub trait TileSums: Sync {
    /// Fills in what was saved for a window of a plane, row by row; zeros come in, and stay where nothing was saved.
    ///
    /// # Errors
    /// If it cannot be read; the run stops.
    fn load(&self, window: Window, plane: usize, values: &mut [f64], weights: &mut [f64]) -> Result<(), Error>;

    /// Keeps the sums of a window of a plane, row by row: in `values` Σwv, or with `First`, `Last`, `Min` and `Max` the value, and Σw in `weights`. Windows
    /// are tiles or parts of them.
    ///
    /// # Errors
    /// If it cannot be kept; the run stops.
    fn save(&self, window: Window, plane: usize, values: &[f64], weights: &[f64]) -> Result<(), Error>;
}

/// Tells a sink that the run has failed, when it is dropped and not [`done`](Self::done): after an error, or while a panic goes on.
pub(crate) struct StopUnlessDone<'s, T: Pixel> {
    sink: Option<&'s dyn TileSink<T>>,
}

impl<'s, T: Pixel> StopUnlessDone<'s, T> {
    pub(crate) fn new(sink: Option<&'s dyn TileSink<T>>) -> Self {
        StopUnlessDone { sink }
    }

    pub(crate) fn done(mut self) {
        self.sink = None;
    }
}

impl<T: Pixel> Drop for StopUnlessDone<'_, T> {
    fn drop(&mut self) {
        if let Some(sink) = self.sink {
            sink.stop();
        }
    }
}

/// The order in which a sink gets its tiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TileOrder {
    /// As they are finished, several at a time.
    #[default]
    Any,
    /// One after the other in sweep order: row by row of tiles from the first row of pixels on, each row from the left, each tile plane by plane. A few
    /// tiles that were finished early wait in memory.
    Sweep,
}

/// What a sink is about to get.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SinkLayout<'l> {
    /// Shape of the output, (..., ny, nx), of which the run computes a window.
    pub shape: &'l [usize],
    /// The window that the run computes.
    pub window: Window,
    /// Planes of the output, all leading dimensions taken together.
    pub planes: usize,
    /// Number of inputs, which the context plane tells apart.
    pub inputs: usize,
    /// The tiles in sweep order: [`FinishedTile::number`] counts them.
    pub tiles: &'l [Window],
    /// Threads that hand over tiles.
    pub threads: usize,
    /// Planes of a tile that are finished together.
    pub planes_at_once: usize,
    /// Bytes that the memory limit leaves to the sink.
    pub available: u64,
}

/// A tile of one plane of the output, finished.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FinishedTile<'t, T> {
    /// Number of the tile in sweep order.
    pub number: usize,
    /// Where the tile lies in the target.
    pub window: Window,
    /// The plane of the output, all leading dimensions taken together, slowest first.
    pub plane: usize,
    /// The mosaic, of shape (window.ny, window.nx), as all other views.
    pub mosaic: ArrayView2<'t, T>,
    /// The footprint, if [`PlaneSet::FOOTPRINT`] was asked for.
    pub footprint: Option<ArrayView2<'t, T>>,
    /// The variance, if [`PlaneSet::VARIANCE`] was asked for.
    pub variance: Option<ArrayView2<'t, T>>,
    /// The flags, if [`PlaneSet::MASK`] was asked for.
    pub mask: Option<ArrayView2<'t, i32>>,
    /// The number of samples, if [`PlaneSet::COUNT`] was asked for.
    pub count: Option<ArrayView2<'t, i32>>,
    /// Which inputs contribute, if [`PlaneSet::CONTEXT`] was asked for: a view for every 32 inputs.
    pub context: &'t [ArrayView2<'t, i32>],
}

impl<'t, T> FinishedTile<'t, T> {
    /// The tile with these planes only, as far as it has them.
    pub(super) fn only(&self, planes: PlaneSet) -> FinishedTile<'t, T> {
        FinishedTile {
            number: self.number,
            window: self.window,
            plane: self.plane,
            mosaic: self.mosaic,
            footprint: self.footprint.filter(|_| planes.contains(PlaneSet::FOOTPRINT)),
            variance: self.variance.filter(|_| planes.contains(PlaneSet::VARIANCE)),
            mask: self.mask.filter(|_| planes.contains(PlaneSet::MASK)),
            count: self.count.filter(|_| planes.contains(PlaneSet::COUNT)),
            context: if planes.contains(PlaneSet::CONTEXT) { self.context } else { &[] },
        }
    }
}

/// The rows of a view as slices.
pub(crate) fn rows<'v, E: Clone>(view: &'v ArrayView2<'v, E>) -> impl Iterator<Item = Cow<'v, [E]>> {
    view.rows().into_iter().map(|row| match row.to_slice() {
        Some(row) => Cow::Borrowed(row),
        None => Cow::Owned(row.to_vec()),
    })
}
