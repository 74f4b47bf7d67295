//! Mosaics as HEALPix maps.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    grid::HealpixGrid,
    map::{Cover, HealpixMap, Values, no_room},
    plane::Plane,
};
use crate::{
    Error, FinishedTile, Input, Options, Pixel, Plan, PlaneSet, SinkLayout, Sinks, Summary, TileSink, ValuePlane,
    wcs::Frame,
};

/// Most pixels along the side of a block.
const BLOCK: u64 = 256;

/// A part of a base cell, row by row of the plane; NaN where there is no value.
type Block<T> = Arc<Mutex<Vec<T>>>;

/// A HEALPix map as the output of a plan whose target is the plane of the map's pixels ([`HealpixGrid::plane`]).
///
/// What is held while the plan runs grows with the part of the sky that is covered, in blocks of 256² pixels; under a memory limit that the whole sky would
/// exceed it may take half of what the limit leaves. Reading out takes as much again as the map that is made.
///
/// ```
/// # use skymosaic::{Frame, Header, HealpixGrid, HealpixOrder, HealpixOutput, Input, Options, Plan, Wcs};
/// # let wcs = Wcs::from_header(&Header::parse(
/// #     "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 5.5\nCRPIX2 = 5.5\nCDELT1 = -1.0\nCDELT2 = 1.0",
/// # )?)?;
/// # let image = ndarray::Array2::<f32>::ones((10, 10));
/// # let inputs = [Input::from_array(image.view(), wcs)];
/// let grid = HealpixGrid::new(64, HealpixOrder::Nested)?;
/// let plane = grid.plane(&Frame::Galactic)?;
/// let plan = Plan::new(&inputs, &plane, &plane.shape().unwrap_or_default(), &Options::default())?;
/// let mut output = HealpixOutput::<f32>::new(grid, Frame::Galactic);
/// let summary = plan.run_to(&mut output)?;
/// let values = output.into_partial_map()?.into_values()?;
/// assert_eq!(values.iter().filter(|value| !value.is_nan()).count() as u64, summary.covered_pixels);
/// # Ok::<(), skymosaic::Error>(())
/// ```
#[derive(Debug)]
pub struct HealpixOutput<T> {
    grid: HealpixGrid,
    frame: Frame,
    plane: Plane,
    takes: ValuePlane,
    /// Pixels along the side of a block.
    side: u64,
    /// The blocks with covered pixels, by base cell, row and column.
    blocks: Mutex<BTreeMap<[u64; 3], Block<T>>>,
    held: AtomicU64,
    /// Bytes that blocks may take.
    room: u64,
}

impl<T: Pixel> HealpixOutput<T> {
    /// A map without any value, for the mosaic itself.
    #[must_use]
    pub fn new(grid: HealpixGrid, frame: Frame) -> Self {
        HealpixOutput {
            grid,
            frame,
            plane: Plane::new(grid.nside(), 0),
            takes: ValuePlane::Mosaic,
            side: BLOCK.min(grid.nside()),
            blocks: Mutex::default(),
            held: AtomicU64::new(0),
            room: u64::MAX,
        }
    }

    /// Says which plane of a run the map takes. Default: the mosaic.
    #[must_use]
    pub fn plane(mut self, plane: ValuePlane) -> Self {
        self.takes = plane;
        self
    }

    /// The map of the whole sky, with `blank` in the pixels that no input covers.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the map does not fit in memory.
    pub fn into_map(self, blank: f64) -> Result<HealpixMap, Error> {
        let grid = self.grid;
        let too_large = || no_room(&format!("a HEALPix map of NSIDE = {}", grid.nside()), grid.pixels());
        let count = usize::try_from(grid.pixels()).map_err(|_| too_large())?;
        let mut values = Vec::new();
        values.try_reserve_exact(count).map_err(|_| too_large())?;
        values.resize(count, T::from_f64(blank));
        let frame = self.frame.clone();
        self.for_each(|pixel, value| {
            if let Some(to) = values.get_mut(pixel as usize) {
                *to = value;
            }
        });
        HealpixMap::of(Values::from_numbers(values), Cover::Whole, grid, frame)
    }

    /// The map of the pixels that have a value.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if the map does not fit in memory.
    pub fn into_partial_map(self) -> Result<HealpixMap, Error> {
        let (grid, frame) = (self.grid, self.frame.clone());
        let count = self.held.load(Ordering::Relaxed) / size_of::<T>() as u64;
        let too_large = |_| no_room(&format!("a HEALPix map of NSIDE = {}", grid.nside()), count);
        let (mut ranges, mut values) = (Vec::new(), Vec::new());
        let room = usize::try_from(count).unwrap_or(usize::MAX);
        ranges.try_reserve(room).and_then(|()| values.try_reserve(room)).map_err(too_large)?;
        self.for_each(|pixel, value| {
            ranges.push([pixel, pixel + 1]);
            values.push(value);
        });
        HealpixMap::of_ranges(ranges, Values::from_numbers(values), grid, frame)
    }

    /// Hands over all pixels that have a value; blocks are given back to the system on the way.
    fn for_each(self, mut take: impl FnMut(u64, T)) {
        let (grid, nside, side) = (self.grid, self.grid.nside(), self.side);
        let blocks = self.blocks.into_inner().unwrap_or_else(PoisonError::into_inner);
        for ([face, row, column], block) in blocks {
            let block = block.lock().unwrap_or_else(PoisonError::into_inner);
            for (at, value) in block.iter().enumerate().filter(|(_, value)| !value.to_f64().is_nan()) {
                let [column, row] = [column * side + at as u64 % side, row * side + at as u64 / side];
                take(grid.of_cell(face, nside - 1 - row, column), *value);
            }
        }
    }

    fn block(&self, key: [u64; 3]) -> Result<Block<T>, Error> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = blocks.get(&key) {
            return Ok(Arc::clone(block));
        }
        let bytes = self.side * self.side * size_of::<T>() as u64;
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if held > self.room {
            return Err(Error::Memory {
                what: format!("the part of a HEALPix map of NSIDE = {} that is covered", self.grid.nside()),
                needed: held,
                limit: self.room,
                remedy: "choose a smaller NSIDE".to_owned(),
            });
        }
        let block = Arc::new(Mutex::new(vec![T::NAN; (self.side * self.side) as usize]));
        blocks.insert(key, Arc::clone(&block));
        Ok(block)
    }
}

/// The plan must be onto the plane of the map's pixels. Windows add to what is there.
impl<T: Pixel> TileSink<T> for HealpixOutput<T> {
    fn planes(&self) -> PlaneSet {
        match self.takes {
            ValuePlane::Variance => PlaneSet::VARIANCE | PlaneSet::FOOTPRINT,
            _ => PlaneSet::FOOTPRINT,
        }
    }

    fn start(&mut self, layout: &SinkLayout<'_>) -> Result<u64, Error> {
        let side = self.plane.side();
        if !matches!(layout.shape, [.., ny, nx] if *ny == side && *nx == side) || layout.planes != 1 {
            return Err(Error::Shape {
                what: format!("the target of a HEALPix map of NSIDE = {}", self.grid.nside()),
                got: layout.shape.to_vec(),
                expected: format!("[{side}, {side}], the plane of its pixels"),
            });
        }
        let whole_cells = self.grid.nside().next_multiple_of(self.side).pow(2).saturating_mul(12);
        let whole = whole_cells.saturating_mul(size_of::<T>() as u64);
        self.room = if whole <= layout.available { whole } else { layout.available / 2 };
        Ok(self.room)
    }

    fn write(&self, tile: &FinishedTile<'_, T>) -> Result<(), Error> {
        let Some(footprint) = tile.footprint else { return Ok(()) };
        let values = match self.takes {
            ValuePlane::Mosaic => Some(tile.mosaic),
            ValuePlane::Footprint => tile.footprint,
            ValuePlane::Variance => tile.variance,
        };
        let Some(values) = values else { return Ok(()) };
        for piece in self.plane.pieces(tile.window, self.side) {
            let Some(key) = piece.block else { continue };
            let is_covered = |x, y| {
                let covered = footprint.get([y - tile.window.y0, x - tile.window.x0]);
                covered.is_some_and(|covered| covered.to_f64() != 0.0)
            };
            let covered =
                piece.pixels().filter(|&([x, y], cell)| is_covered(x, y) && self.plane.owns(piece.square, cell));
            let mut covered = covered.peekable();
            if covered.peek().is_none() {
                continue;
            }
            let block = self.block(key)?;
            let mut block = block.lock().unwrap_or_else(PoisonError::into_inner);
            for ([x, y], [column, row]) in covered {
                let at = (row % self.side) * self.side + column % self.side;
                let value = values.get([y - tile.window.y0, x - tile.window.x0]);
                if let (Some(to), Some(value)) = (block.get_mut(at as usize), value) {
                    *to = *value;
                }
            }
        }
        Ok(())
    }
}

/// Reprojects images onto the pixels of a HEALPix map of the whole sky and co-adds them: [`reproject_and_coadd`](crate::reproject_and_coadd) with a map
/// in place of an image, with all its kernels, combinations, weights and background matching. Returns the map and its footprint.
///
/// Of one image, with [`CoordinateError::Exact`](crate::CoordinateError::Exact), this is what reproject_to_healpix gives. For maps of `f32`, of a part of
/// the sky, or with other planes, run a plan into [`HealpixOutput`].
///
/// # Errors
/// As [`Plan::new`] and [`Plan::run_to`]; [`Error::Shape`] for cubes; [`Error::OutOfMemory`] if the maps do not fit in memory.
pub fn reproject_to_healpix(
    inputs: &[Input<'_>],
    grid: HealpixGrid,
    frame: &Frame,
    options: &Options,
) -> Result<(HealpixMap, HealpixMap, Summary), Error> {
    let plane = grid.plane(frame)?;
    let plan = Plan::new(inputs, &plane, &plane.shape().unwrap_or_default(), options)?;
    let mut mosaic = HealpixOutput::<f64>::new(grid, frame.clone());
    let mut footprint = HealpixOutput::new(grid, frame.clone()).plane(ValuePlane::Footprint);
    let tiles = plan.occupied_tiles(plan.whole());
    let summary = plan.run_tiles_to(&tiles, &mut Sinks::new().with(&mut mosaic).with(&mut footprint))?;
    Ok((mosaic.into_map(options.blank)?, footprint.into_map(0.0)?, summary))
}
