//! The samples of one input over one block of the output: patch → resample → weight.

use std::{ops::Range, sync::Arc};

use crate::{
    Error, Pixel,
    input::{Input, Pixels},
    map::{CoordGrid, CoordinateError, PixelMap},
    plan::Window,
    resample::{Kernel, Patch, Row},
    summary::Tally,
};

/// Rows of a block that are resampled and handed on together: few enough to stay in the L1 cache.
const BAND_ROWS: usize = 8;

/// An input made ready for one target.
#[derive(Clone)]
pub(crate) struct Sampler<'p, 'a> {
    pub(crate) input: &'p Input<'a>,
    pub(crate) map: Arc<dyn PixelMap>,
    pub(crate) weights_map: Option<Arc<dyn PixelMap>>,
    pub(crate) kernel: Kernel,
    pub(crate) coordinate_error: CoordinateError,
}

/// What a worker needs to sample; reused from block to block.
pub(crate) struct Workspace<T> {
    /// Input pixels that a patch may have. A block is halved until it needs no more, so that a strong reduction in scale, or
    /// a block across a seam, does not ask for the whole image at once.
    max_patch: usize,
    single: Vec<f32>,
    double: Vec<f64>,
    weight_pixels: Vec<f64>,
    row: Row,
    values: Vec<T>,
    coverage: Vec<T>,
    weights: Vec<f64>,
    weights_coverage: Vec<f64>,
}

impl<T> Workspace<T> {
    pub(crate) fn new(max_patch: usize) -> Self {
        Workspace {
            max_patch,
            single: Vec::new(),
            double: Vec::new(),
            weight_pixels: Vec::new(),
            row: Row::default(),
            values: Vec::new(),
            coverage: Vec::new(),
            weights: Vec::new(),
            weights_coverage: Vec::new(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let doubles = self.double.capacity() + self.weight_pixels.capacity();
        self.single.capacity() * 4 + doubles * 8 + self.row.bytes() + self.values.capacity() * (2 * size_of::<T>() + 16)
    }
}

/// A patch's place in the image and on the coordinates.
struct Need<'g> {
    grid: CoordGrid<'g>,
    /// Input pixels that any sample of the block can need.
    window: Window,
}

impl<'p> Sampler<'p, '_> {
    /// Hands the samples and weights of the output pixels of `block` in `planes` to `sink(plane, window, samples, weights)`, in pieces
    /// that are rows of `window`; pixels that are not handed over have none.
    pub(crate) fn sample<T: Pixel>(
        &self,
        block: Window,
        planes: Range<usize>,
        workspace: &mut Workspace<T>,
        sink: &mut impl FnMut(usize, Window, &[T], &[T]),
    ) -> Result<Tally, Error> {
        let mut tally = Tally::default();
        let grid = CoordGrid::new(&*self.map, block, 0, self.coordinate_error, self.input.image.plane());
        tally.grid = grid.report();
        let Some(need) = self.need(grid, &self.input.image) else { return Ok(tally) };
        let weights_need = match &self.weights_map {
            None => None,
            Some(map) => {
                let shape = self.input.weights.as_ref().map_or([0, 0], |w| w.image.plane());
                let grid = CoordGrid::new(&**map, block, 0, self.coordinate_error, shape);
                let pixels = self.input.weights.as_ref().map(|w| &w.image);
                match pixels.and_then(|pixels| self.need(grid, pixels)) {
                    Some(need) => Some(need),
                    // The image's weights are unknown, which is as good as 0, in the whole block.
                    None => return Ok(tally),
                }
            }
        };
        let largest = need.window.area().max(weights_need.as_ref().map_or(0, |need| need.window.area()));
        if largest > workspace.max_patch && block.area() > 1 {
            for half in halves(block) {
                tally.merge(&self.sample(half, planes.clone(), workspace, sink)?);
            }
            return Ok(tally);
        }
        for plane in planes {
            let mut counted = |window: Window, samples: &[T], weights: &[T]| {
                tally.resampled += weights.iter().filter(|w| w.to_f64() > 0.0).count() as u64;
                sink(plane, window, samples, weights);
            };
            if self.input.image.fits_f32() {
                let mut pixels = std::mem::take(&mut workspace.single);
                self.plane(plane, block, &need, weights_need.as_ref(), &mut pixels, workspace, &mut counted)?;
                workspace.single = pixels;
            } else {
                let mut pixels = std::mem::take(&mut workspace.double);
                self.plane(plane, block, &need, weights_need.as_ref(), &mut pixels, workspace, &mut counted)?;
                workspace.double = pixels;
            }
        }
        Ok(tally)
    }

    /// The pixels of an image that samples of the grid's window can need, if any.
    fn need<'g>(&self, grid: CoordGrid<'g>, pixels: &Pixels<'_>) -> Option<Need<'g>> {
        let [ny, nx] = pixels.plane();
        let [x_min, x_max, y_min, y_max] = grid.bounds()?;
        let support = self.kernel.support() as f64;
        let axis = |low: f64, high: f64, n: usize| {
            // Saturating casts; positions in the outer half pixel need the edge pixel.
            let first = ((low - support).floor().max(0.0) as usize).min(n - 1);
            let last = ((high + support).ceil().max(0.0) as usize).min(n - 1);
            (first, last - first + 1)
        };
        let ((x0, nx), (y0, ny)) = (axis(x_min, x_max, nx), axis(y_min, y_max, ny));
        Some(Need { grid, window: Window::new(x0, y0, nx, ny) })
    }

    #[allow(clippy::too_many_arguments)]
    fn plane<P: Pixel, T: Pixel>(
        &self,
        plane: usize,
        block: Window,
        need: &Need<'_>,
        weights_need: Option<&Need<'_>>,
        pixels: &mut Vec<P>,
        workspace: &mut Workspace<T>,
        sink: &mut impl FnMut(Window, &[T], &[T]),
    ) -> Result<(), Error> {
        let Workspace { weight_pixels, row, values, coverage, weights, weights_coverage, .. } = workspace;
        self.input.image.gather(plane, need.window, pixels)?;
        let weight_patch = match &self.input.weights {
            None => None,
            Some(given) => {
                let need = weights_need.unwrap_or(need);
                let plane = if given.image.planes() == 1 { 0 } else { plane };
                given.image.gather(plane, need.window, weight_pixels)?;
                weight_pixels.iter_mut().filter(|w| !(**w > 0.0)).for_each(|w| *w = f64::NAN);
                if weights_need.is_none() {
                    let missing = pixels.iter_mut().zip(&*weight_pixels).filter(|(_, w)| w.is_nan());
                    missing.for_each(|(pixel, _)| *pixel = P::NAN);
                }
                Some((&need.grid, Patch { pixels: &**weight_pixels, window: need.window, image: given.image.plane() }))
            }
        };
        let patch = Patch { pixels: &**pixels, window: need.window, image: self.input.image.plane() };
        for y0 in (0..block.ny).step_by(BAND_ROWS) {
            let band = Window { y0: block.y0 + y0, ny: BAND_ROWS.min(block.ny - y0), ..block };
            values.resize(band.area(), T::default());
            coverage.resize(band.area(), T::default());
            self.kernel.sample(&need.grid, band, &patch, row, values, coverage);
            if let Some((grid, patch)) = &weight_patch {
                weights.resize(band.area(), 0.0);
                weights_coverage.resize(band.area(), 0.0);
                self.kernel.sample(grid, band, patch, row, weights, weights_coverage);
                for ((coverage, weight), known) in coverage.iter_mut().zip(&*weights).zip(&*weights_coverage) {
                    *coverage = T::from_f64(coverage.to_f64() * weight * known);
                }
            }
            sink(band, values, coverage);
        }
        Ok(())
    }
}

/// The block in two, across its longer side.
fn halves(block: Window) -> [Window; 2] {
    if block.nx >= block.ny {
        let left = block.nx / 2;
        [Window { nx: left, ..block }, Window { x0: block.x0 + left, nx: block.nx - left, ..block }]
    } else {
        let top = block.ny / 2;
        [Window { ny: top, ..block }, Window { y0: block.y0 + top, ny: block.ny - top, ..block }]
    }
}
