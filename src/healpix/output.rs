//! Mosaics as HEALPix maps.

use std::sync::{Mutex, PoisonError};

use super::{
    grid::HealpixGrid,
    map::{Cover, HealpixMap, Values},
    plane::Plane,
};
use crate::{Error, FinishedTile, Input, Options, Plan, PlaneSet, SinkLayout, Summary, TileSink, wcs::Frame};

/// Values and footprint of a whole sky, filled by tiles of the plane.
struct HealpixSink {
    grid: HealpixGrid,
    plane: Plane,
    pixels: Mutex<[Vec<f64>; 2]>,
}

impl TileSink<f64> for HealpixSink {
    fn planes(&self) -> PlaneSet {
        PlaneSet::FOOTPRINT
    }

    fn start(&mut self, _layout: &SinkLayout<'_>) -> Result<u64, Error> {
        Ok(16 * self.grid.pixels())
    }

    fn write(&self, tile: &FinishedTile<'_, f64>) -> Result<(), Error> {
        let Some(footprint) = tile.footprint else { return Ok(()) };
        let mut pixels = self.pixels.lock().unwrap_or_else(PoisonError::into_inner);
        let [values, covers] = &mut *pixels;
        for (((y, x), value), cover) in tile.mosaic.indexed_iter().zip(&footprint) {
            let Some([face, column, row]) = self.plane.own(tile.window.x0 + x, tile.window.y0 + y) else { continue };
            let index = self.grid.of_cell(face, column, row) as usize;
            if let (Some(to), Some(covered)) = (values.get_mut(index), covers.get_mut(index)) {
                (*to, *covered) = (*value, *cover);
            }
        }
        Ok(())
    }
}

/// Reprojects images onto the pixels of a HEALPix map of the whole sky and co-adds them: [`reproject_and_coadd`](crate::reproject_and_coadd) with a map
/// in place of an image, with all its kernels, combinations, weights and background matching. Returns the map and its footprint.
///
/// Of one image, with [`CoordinateError::Exact`](crate::CoordinateError::Exact), this is what reproject_to_healpix gives. The two maps take 16 bytes for each pixel
/// of the sky, which count against the memory limit.
///
/// # Errors
/// As [`Plan::new`] and [`Plan::run_to`]; [`Error::Shape`] for cubes; [`Error::OutOfMemory`] if the maps do not fit in memory.
pub fn reproject_to_healpix(
    inputs: &[Input<'_>],
    grid: HealpixGrid,
    frame: &Frame,
    options: &Options,
) -> Result<(HealpixMap, HealpixMap, Summary), Error> {
    let plane = Plane::new(grid.nside(), 0);
    let plan = Plan::new(inputs, &plane.wcs(frame)?, &[plane.side(); 2], options)?;
    let filled = |value: f64| {
        let mut pixels = Vec::new();
        let count = usize::try_from(grid.pixels()).unwrap_or(usize::MAX);
        pixels.try_reserve_exact(count).map_err(|_| Error::OutOfMemory {
            what: format!("a HEALPix map of NSIDE = {}", grid.nside()),
            needed: grid.pixels().saturating_mul(8),
            remedy: "choose a smaller NSIDE".to_owned(),
        })?;
        pixels.resize(count, value);
        Ok::<_, Error>(pixels)
    };
    let pixels = Mutex::new([filled(options.blank)?, filled(0.0)?]);
    let mut sink = HealpixSink { grid, plane, pixels };
    let summary = plan.run_to(&mut sink)?;
    let [values, covers] = sink.pixels.into_inner().unwrap_or_else(PoisonError::into_inner);
    let map = |values: Vec<f64>| HealpixMap::of(Values::F64(values), Cover::Whole, grid, frame.clone());
    Ok((map(values)?, map(covers)?, summary))
}
