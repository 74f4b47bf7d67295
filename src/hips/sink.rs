//! The finest order as the sink of a run.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::{
    builder::Builder,
    grid::{HipsGrid, HipsTile},
    pyramid::Content,
    sums::Sums,
};
use crate::{Error, FinishedTile, Pixel, SinkLayout, TileSink, TileSums, sink::rows};

/// Hands the tiles of a run on the plane of the finest order to the builder.
pub(super) struct HipsSink<'b> {
    pub(super) builder: &'b Builder,
    pub(super) grid: &'b HipsGrid,
    /// Where sums are kept, if they are.
    pub(super) sums: Option<&'b Sums>,
    /// Tiles that the run computes in parts, which have not all come, and how many of their pixels have.
    pub(super) parts: Mutex<HashMap<HipsTile, (Vec<f64>, usize)>>,
}

impl HipsSink<'_> {
    /// Puts a part into its tile, and takes the tile out if it is complete.
    fn put<T: Pixel>(&self, leaf: HipsTile, tile: &FinishedTile<'_, T>) -> Option<Vec<f64>> {
        let (width, window) = (self.grid.width(), tile.window);
        if window.area() == width * width {
            let mut all = Vec::with_capacity(window.area());
            rows(&tile.mosaic).for_each(|row| all.extend(row.iter().map(|value| value.to_f64())));
            return Some(all);
        }
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, come) = parts.entry(leaf).or_insert_with(|| (vec![f64::NAN; width * width], 0));
        let (x0, y0) = (window.x0 % width, window.y0 % width);
        for (to, row) in all.chunks_exact_mut(width).skip(y0).zip(rows(&tile.mosaic)) {
            to.iter_mut().skip(x0).zip(row.iter()).for_each(|(to, value)| *to = value.to_f64());
        }
        *come += window.area();
        if *come < width * width { None } else { parts.remove(&leaf).map(|(all, _)| all) }
    }
}

impl<T: Pixel> TileSink<T> for HipsSink<'_> {
    fn start(&mut self, layout: &SinkLayout<'_>) -> Result<u64, Error> {
        Ok(self.builder.bytes(layout.threads) + self.sums.map_or(0, |sums| sums.bytes(layout.threads)))
    }

    fn sums(&self) -> Option<&dyn TileSums> {
        self.sums.map(|sums| sums as _)
    }

    fn write(&self, tile: &FinishedTile<'_, T>) -> Result<(), Error> {
        let Some(leaf) = self.grid.tile_at(tile.window.x0, tile.window.y0) else { return Ok(()) };
        let Some(values) = self.put(leaf, tile) else { return Ok(()) };
        let covered = values.iter().any(|value| !value.is_nan());
        self.builder.take_computed(leaf, covered.then_some(Content { values, coverage: Vec::new() }))
    }
}
