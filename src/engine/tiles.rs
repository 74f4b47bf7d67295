//! The jobs of a run, and where the pixels of a tile are written.

use ndarray::{ArrayView2, ArrayViewMut2, ArrayViewMutD};

use crate::{
    Error, Pixel, Planes,
    exec::PLANES_AT_ONCE,
    planes::{PlaneSet, Views},
    sink::{FinishedTile, TileSink},
    window::{Window, blocks},
};

/// One tile of the run, for a few planes.
pub(super) struct TileJob<'o, T> {
    /// Number of the tile in sweep order.
    pub(super) number: usize,
    pub(super) window: Window,
    pub(super) first_plane: usize,
    pub(super) planes: usize,
    /// Of each plane, where the caller's arrays take the tile; empty if a sink takes it.
    pub(super) views: Vec<Views<'o, T>>,
}

/// Where the pixels of a run go.
pub(super) enum Target<'o, T: Pixel> {
    Arrays(Box<CallerArrays<'o, T>>),
    Sink(&'o mut dyn TileSink<T>),
}

/// CallerArrays of the caller.
pub(super) struct CallerArrays<'o, T: Pixel> {
    pub(super) mosaic: ArrayViewMutD<'o, T>,
    pub(super) footprint: Option<ArrayViewMutD<'o, T>>,
    pub(super) planes: Planes<'o, T>,
}

/// A job per tile and a few planes, tile by tile. `views`, if any, are plane by plane.
pub(super) fn jobs<'o, T>(tiles: &[Window], planes: usize, views: Vec<Vec<Views<'o, T>>>) -> Vec<TileJob<'o, T>> {
    let chunks = planes.div_ceil(PLANES_AT_ONCE);
    let mut jobs: Vec<TileJob<'o, T>> = Vec::with_capacity(tiles.len() * chunks);
    for (number, window) in tiles.iter().enumerate() {
        for first_plane in (0..planes).step_by(PLANES_AT_ONCE) {
            let planes = PLANES_AT_ONCE.min(planes - first_plane);
            jobs.push(TileJob { number, window: *window, first_plane, planes, views: Vec::new() });
        }
    }
    for (plane, tiles) in views.into_iter().enumerate() {
        for (tile, views) in tiles.into_iter().enumerate() {
            jobs[tile * chunks + plane / PLANES_AT_ONCE].views.push(views);
        }
    }
    jobs
}

/// The tiles cut so small that a tile of so many planes, with what is wanted of it, takes at most `bytes` bytes. All tiles of a row are cut in the same
/// way, and what they are cut into is again row by row.
pub(super) fn cut_to(tiles: &[Window], planes: usize, per_pixel: usize, bytes: usize) -> Vec<Window> {
    let area = (bytes / (planes.min(PLANES_AT_ONCE) * per_pixel).max(1)).max(1);
    let mut cut = Vec::with_capacity(tiles.len());
    for row in tiles.chunk_by(|a, b| a.y0 == b.y0) {
        let widest = row.iter().copied().max_by_key(|tile| tile.nx).unwrap_or_default();
        let Some(block) = blocks(widest, area).first().copied() else { continue };
        for y in (0..widest.ny).step_by(block.ny) {
            for tile in row {
                cut.extend((0..tile.nx).step_by(block.nx).map(|x| Window {
                    x0: tile.x0 + x,
                    y0: tile.y0 + y,
                    nx: block.nx.min(tile.nx - x),
                    ny: block.ny.min(tile.ny - y),
                }));
            }
        }
    }
    cut
}

/// The pixels of a tile that a sink gets; reused from tile to tile.
pub(super) struct TileBuffer<T> {
    wanted: PlaneSet,
    words_per_pixel: usize,
    mosaic: Vec<T>,
    footprint: Vec<T>,
    variance: Vec<T>,
    /// Plane by plane of the output: mask, count and the planes of context, as far as they are wanted.
    words: Vec<i32>,
}

impl<T: Pixel> TileBuffer<T> {
    pub(super) fn new(wanted: PlaneSet, inputs: usize) -> Self {
        TileBuffer {
            wanted,
            words_per_pixel: wanted.word_planes(inputs),
            mosaic: Vec::new(),
            footprint: Vec::new(),
            variance: Vec::new(),
            words: Vec::new(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let values = self.mosaic.capacity() + self.footprint.capacity() + self.variance.capacity();
        values * size_of::<T>() + self.words.capacity() * size_of::<i32>()
    }

    /// Makes room for a tile and returns views of it, plane by plane.
    pub(super) fn views(&mut self, window: Window, planes: usize) -> Vec<Views<'_, T>> {
        let (area, shape) = (window.area().max(1), (window.ny, window.nx));
        let size = |wanted: bool| if wanted { planes * window.area() } else { 0 };
        self.mosaic.resize(size(true), T::NAN);
        self.footprint.resize(size(self.wanted.contains(PlaneSet::FOOTPRINT)), T::NAN);
        self.variance.resize(size(self.wanted.contains(PlaneSet::VARIANCE)), T::NAN);
        self.words.resize(size(true) * self.words_per_pixel, 0);
        let mut footprints = self.footprint.chunks_exact_mut(area);
        let mut variances = self.variance.chunks_exact_mut(area);
        let mut words = self.words.chunks_exact_mut(area);
        let mosaics = self.mosaic.chunks_exact_mut(area);
        let view = |pixels| ArrayViewMut2::from_shape(shape, pixels).ok();
        let view_words = |pixels| ArrayViewMut2::from_shape(shape, pixels).ok();
        mosaics
            .filter_map(|pixels| {
                Some(Views {
                    output: view(pixels)?,
                    footprint: footprints.next().and_then(view),
                    variance: variances.next().and_then(view),
                    words: words.by_ref().take(self.words_per_pixel).filter_map(view_words).collect(),
                })
            })
            .collect()
    }

    /// Hands the tile to a sink, plane by plane.
    pub(super) fn hand_over(&self, job: &TileJob<'_, T>, sink: &dyn TileSink<T>) -> Result<(), Error> {
        let (area, shape) = (job.window.area().max(1), (job.window.ny, job.window.nx));
        fn of<T>(pixels: &[T], plane: usize, area: usize, shape: (usize, usize)) -> Option<ArrayView2<'_, T>> {
            ArrayView2::from_shape(shape, pixels.chunks_exact(area).nth(plane)?).ok()
        }
        let words: Vec<ArrayView2<'_, i32>> =
            self.words.chunks_exact(area).filter_map(|words| ArrayView2::from_shape(shape, words).ok()).collect();
        for plane in 0..job.planes {
            let own = words.get(plane * self.words_per_pixel..(plane + 1) * self.words_per_pixel);
            let mut own = own.unwrap_or_default().iter();
            let mut next = |wanted: PlaneSet| if self.wanted.contains(wanted) { own.next().copied() } else { None };
            let (mask, count) = (next(PlaneSet::MASK), next(PlaneSet::COUNT));
            let Some(mosaic) = of(&self.mosaic, plane, area, shape) else { continue };
            sink.write(&FinishedTile {
                number: job.number,
                window: job.window,
                plane: job.first_plane + plane,
                mosaic,
                footprint: of(&self.footprint, plane, area, shape),
                variance: of(&self.variance, plane, area, shape),
                mask,
                count,
                context: own.as_slice(),
            })?;
        }
        Ok(())
    }
}
