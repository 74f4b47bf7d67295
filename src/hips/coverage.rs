//! What of the sky a HiPS covers, as a multi-order coverage map (MOC 2.0, IVOA Recommendation, 27 July 2022).

use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

use cdshealpix::nested::{center, hash, zordercurve::get_zoc};
use moc::{
    moc::{RangeMOCIntoIterator, RangeMOCIterator, range::RangeMOC},
    qty::Hpx,
};

use super::grid::HipsTile;
use crate::{Error, wcs::Frame};

/// Orders by which the cells of the map are finer than tiles.
const FINER: u8 = 3;
/// Cells along the side of a tile.
const CELLS: usize = 1 << FINER;
/// The order in which a MOC counts.
const COUNTED: u8 = 29;

/// The cells that have a value in any of their pixels: 64 in each tile of the finest order.
pub(super) struct Coverage {
    order: u8,
    /// Of cells; of a tile that is full, one.
    ranges: Mutex<Vec<Range<u64>>>,
}

impl Coverage {
    pub(super) fn new(order: u8) -> Coverage {
        Coverage { order: (order + FINER).min(COUNTED), ranges: Mutex::default() }
    }

    /// Adds a tile of the finest order: its values row by row of `width`.
    pub(super) fn add(&self, tile: HipsTile, values: &[f64], width: usize) {
        let (curve, block) = (get_zoc(FINER), width / CELLS);
        let mut covered = [false; CELLS * CELLS];
        for (y, row) in values.chunks_exact(width).enumerate() {
            for (x, values) in row.chunks_exact(block).enumerate() {
                // As with tiles: HEALPix's y is the column and its x the row from the top.
                let cell = curve.ij2h((CELLS - 1 - y / block) as u32, x as u32);
                if let Some(covered) = covered.get_mut(cell as usize).filter(|covered| !**covered) {
                    *covered = values.iter().any(|value| !value.is_nan());
                }
            }
        }
        let first = tile.number() << (2 * FINER);
        let mut cell = first;
        let runs = covered.chunk_by(|a, b| a == b).filter_map(|run| {
            let start = cell;
            cell += run.len() as u64;
            run.first().is_some_and(|covered| *covered).then_some(start..cell)
        });
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner).extend(runs);
    }

    /// The map in ICRS, from cells of a grid in this frame.
    fn map(&self, frame: &Frame) -> Result<RangeMOC<u64, Hpx<u64>>, Error> {
        let mut ranges = self.ranges.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ranges.sort_unstable_by_key(|range| range.start);
        if *frame == Frame::Icrs {
            let counted = 2 * (COUNTED - self.order);
            let ranges = ranges.into_iter().map(|range| range.start << counted..range.end << counted);
            return Ok(RangeMOC::from_maxdepth_ranges(self.order, ranges, None));
        }
        // The cells in which the centres of smaller ones lie.
        let frames = frame.to(&Frame::Icrs)?;
        let finer = (self.order + 2).min(COUNTED);
        let parts = ranges
            .into_iter()
            .flat_map(|range| range.start << (2 * (finer - self.order))..range.end << (2 * (finer - self.order)));
        let cells = parts.map(|part| {
            let (lon, lat) = center(finer, part);
            let [x, y, z] = frames.apply([lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]);
            hash(self.order, y.atan2(x).rem_euclid(std::f64::consts::TAU), z.clamp(-1.0, 1.0).asin())
        });
        Ok(RangeMOC::from_fixed_depth_cells(self.order, cells, None))
    }

    /// The file `Moc.fits`, and the part of the sky that is covered.
    pub(super) fn to_fits(&self, frame: &Frame) -> Result<(Vec<u8>, f64), Error> {
        let map = self.map(frame)?;
        let fraction = map.coverage_percentage();
        let mut bytes = Vec::new();
        let written = map.into_range_moc_iter().to_fits_ivoa(None, None, &mut bytes);
        written.map_err(|error| Error::external("Moc.fits", error.to_string()))?;
        Ok((bytes, fraction))
    }
}
