//! What a HiPS keeps so that images can be added to it: in the folder `Sums`, the sums of the pixels of finest tiles, and how much of the pixels of the
//! tiles above is covered.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::{
    grid::{HipsGrid, HipsTile},
    tile::{HipsPixels, image_file, read_image},
    tree::Tree,
};
use crate::{Error, Header, TileSums, Window};

/// The folder of sums.
pub(super) const FOLDER: &str = "Sums";

/// The sums of finest tiles, in files of 2 · width rows: Σwv, then Σw.
pub(super) struct Sums {
    grid: HipsGrid,
    /// The HiPS that images are added to.
    from: Option<Tree>,
    to: Tree,
    /// Tiles that the run computes in parts, which have not all come, and how many of their pixels have.
    parts: Mutex<HashMap<HipsTile, (Vec<f64>, usize)>>,
}

fn path(tile: HipsTile) -> PathBuf {
    Path::new(FOLDER).join(tile.path("fits"))
}

impl Sums {
    pub(super) fn new(grid: &HipsGrid, from: Option<Tree>, to: Tree) -> Sums {
        Sums { grid: grid.clone(), from, to, parts: Mutex::default() }
    }

    /// Bytes that are held at most by so many threads.
    pub(super) fn bytes(&self, threads: usize) -> u64 {
        (2 * threads * 2 * self.grid.width() * self.grid.width() * size_of::<f64>()) as u64
    }

    /// The rows of a window in both halves of a tile of sums, with those of the window.
    fn rows(&self, window: Window) -> impl Iterator<Item = (std::ops::Range<usize>, std::ops::Range<usize>)> + use<> {
        let width = self.grid.width();
        let (x, y) = (window.x0 % width, window.y0 % width);
        (0..window.ny).map(move |row| {
            let at = (y + row) * width + x;
            (at..at + window.nx, row * window.nx..(row + 1) * window.nx)
        })
    }
}

impl TileSums for Sums {
    fn load(&self, window: Window, _plane: usize, values: &mut [f64], weights: &mut [f64]) -> Result<(), Error> {
        let (Some(from), Some(tile)) = (&self.from, self.grid.tile_at(window.x0, window.y0)) else { return Ok(()) };
        let (file, width) = (from.root().join(path(tile)), self.grid.width());
        if !file.exists() {
            return Ok(());
        }
        let sums = read_image(&file, [2 * width, width])?;
        let (known_values, known_weights) = sums.split_at(width * width);
        for (known, all) in [(known_values, values), (known_weights, weights)] {
            for (at, row) in self.rows(window) {
                if let (Some(known), Some(to)) = (known.get(at), all.get_mut(row)) {
                    to.copy_from_slice(known);
                }
            }
        }
        Ok(())
    }

    fn save(&self, window: Window, _plane: usize, values: &[f64], weights: &[f64]) -> Result<(), Error> {
        let Some(tile) = self.grid.tile_at(window.x0, window.y0) else { return Ok(()) };
        let area = self.grid.width() * self.grid.width();
        let whole = {
            let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
            let (all, come) = parts.entry(tile).or_insert_with(|| (vec![0.0; 2 * area], 0));
            let (all_values, all_weights) = all.split_at_mut(area);
            for (all, sums) in [(all_values, values), (all_weights, weights)] {
                for (at, row) in self.rows(window) {
                    if let (Some(to), Some(sums)) = (all.get_mut(at), sums.get(row)) {
                        to.copy_from_slice(sums);
                    }
                }
            }
            *come += window.area();
            if *come < area { None } else { parts.remove(&tile) }
        };
        match whole {
            Some((mut sums, _)) if sums.iter().skip(area).any(|weight| *weight != 0.0) => {
                let shape = [2 * self.grid.width(), self.grid.width()];
                self.to.write(path(tile), &image_file(shape, HipsPixels::F64, &Header::new(), &mut sums))
            }
            _ => Ok(()),
        }
    }
}

/// Keeps how much of each pixel of a tile above the finest is covered.
pub(super) fn write_coverage(tree: &Tree, tile: HipsTile, coverage: &[f32], width: usize) -> Result<(), Error> {
    let mut values: Vec<f64> = coverage.iter().map(|part| f64::from(*part)).collect();
    tree.write(path(tile), &image_file([width; 2], HipsPixels::F32, &Header::new(), &mut values))
}

/// How much of each pixel of a tile above the finest is covered.
pub(super) fn read_coverage(tree: &Tree, tile: HipsTile, width: usize) -> Result<Vec<f32>, Error> {
    Ok(read_image(&tree.root().join(path(tile)), [width; 2])?.into_iter().map(|part| part as f32).collect())
}
