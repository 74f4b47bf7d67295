//! Finest tiles to files of all orders.

use super::{
    coverage::Coverage,
    format::HipsFormat,
    grid::{HipsGrid, HipsTile},
    options::HipsOptions,
    picture::{Histogram, Tones, encode},
    pyramid::{Content, Pyramid},
    sums::{read_coverage, write_coverage},
    tile::{HipsPixels, from_fits, to_fits},
    tree::Tree,
};
use crate::{
    Error, Options,
    progress::{Meter, Phase},
    threads::ThreadPool,
};

/// Takes the finest tiles and makes all others.
pub(super) struct Builder {
    pub(super) pyramid: Pyramid,
    pub(super) histogram: Histogram,
    pub(super) coverage: Coverage,
    pub(super) pixels: HipsPixels,
    /// By order.
    pub(super) grids: Vec<HipsGrid>,
    pub(super) tree: Tree,
    /// Whether images can be added later.
    pub(super) keeps_sums: bool,
    /// Whether there are tiles of earlier images.
    pub(super) is_added_to: bool,
}

impl Builder {
    pub(super) fn bytes(&self, threads: usize) -> u64 {
        self.pyramid.bytes(threads) + Histogram::bytes()
    }

    /// Takes a tile of the finest order that the run has computed; `None` if nothing is in it.
    pub(super) fn take_computed(&self, leaf: HipsTile, mut content: Option<Content>) -> Result<(), Error> {
        if let Some(content) = &mut content {
            self.write(leaf, content)?;
        }
        self.take(leaf, content.as_ref())
    }

    /// Takes a tile of the finest order that has its file already.
    pub(super) fn take_known(&self, leaf: HipsTile) -> Result<(), Error> {
        let values = from_fits(&self.tree.path(leaf, HipsFormat::Fits), self.width())?;
        self.take(leaf, Some(&Content { values, coverage: Vec::new() }))
    }

    /// Takes part of a tile of the finest order that stays as it is: what is told of all of them.
    pub(super) fn count(&self, leaf: HipsTile) -> Result<(), Error> {
        let values = from_fits(&self.tree.path(leaf, HipsFormat::Fits), self.width())?;
        self.histogram.add(&values, self.width());
        self.coverage.add(leaf, &values, self.width());
        Ok(())
    }

    /// A tile that stays as it is; `None` if there is none.
    fn known(&self, tile: HipsTile) -> Result<Option<Content>, Error> {
        if !self.is_added_to || !self.tree.has(tile, HipsFormat::Fits) {
            return Ok(None);
        }
        let values = from_fits(&self.tree.path(tile, HipsFormat::Fits), self.width())?;
        let is_finest = usize::from(tile.order()) + 1 == self.grids.len();
        let coverage = if is_finest { Vec::new() } else { read_coverage(&self.tree, tile, self.width())? };
        Ok(Some(Content { values, coverage }))
    }

    fn take(&self, leaf: HipsTile, content: Option<&Content>) -> Result<(), Error> {
        if let Some(content) = content {
            self.histogram.add(&content.values, self.width());
            self.coverage.add(leaf, &content.values, self.width());
        }
        self.pyramid.add(leaf, content, |tile| self.known(tile), |tile, content| self.write(tile, content))
    }

    fn write(&self, tile: HipsTile, content: &mut Content) -> Result<(), Error> {
        let Some(grid) = self.grids.get(usize::from(tile.order())) else { return Ok(()) };
        if self.is_added_to {
            self.tree.remove_pictures(tile)?;
        }
        if self.keeps_sums && !content.coverage.is_empty() {
            write_coverage(&self.tree, tile, &content.coverage, self.width())?;
        }
        self.tree.write_tile(tile, HipsFormat::Fits, &to_fits(grid, tile, self.pixels, &mut content.values))
    }

    /// Makes the pictures of all tiles that have none.
    pub(super) fn pictures(
        &self,
        tiles: &[HipsTile],
        hips: &HipsOptions,
        tones: &Tones,
        pool: &ThreadPool,
        options: &Options,
    ) -> Result<(), Error> {
        let missing = |tile: HipsTile| hips.pictures().filter(move |format| !self.tree.has(tile, *format));
        let left: Vec<HipsTile> = tiles.iter().copied().filter(|tile| missing(*tile).next().is_some()).collect();
        let meter = Meter::new(options.progress.as_ref(), Phase::Encoding, left.len() as u64);
        let width = self.width();
        pool.map(left.len(), |k| {
            let Some(tile) = left.get(k).copied() else { return Ok(()) };
            let grey = tones.grey(&from_fits(&self.tree.path(tile, HipsFormat::Fits), width)?, width);
            for format in missing(tile) {
                if let Some(bytes) = encode(format, &grey, width)? {
                    self.tree.write_tile(tile, format, &bytes)?;
                }
            }
            meter.advance(1)
        })?;
        Ok(())
    }

    fn width(&self) -> usize {
        self.grids.first().map_or(0, HipsGrid::width)
    }
}
