//! Statistics of a mosaic, gathered while it is made.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ndarray::ArrayView2;

use super::{
    sum::Sum,
    tile_sink::{FinishedTile, SinkLayout, TileSink, rows},
};
use crate::{Error, Pixel, PlaneSet, simd::dispatch};

/// Statistics of the values of a mosaic, plane by plane, gathered in the pass that makes it. The result does not depend on the number of threads.
///
/// ```
/// # use skymosaic::{Header, Input, Options, Plan, Statistics, Wcs};
/// # let wcs = Wcs::from_header(&Header::parse(
/// #     "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 5.5\nCRPIX2 = 5.5\nCDELT1 = -0.001\nCDELT2 = 0.001",
/// # )?)?;
/// let image = ndarray::Array2::<f32>::from_shape_fn((10, 10), |(y, _)| y as f32);
/// let plan = Plan::new(&[Input::from_array(image.view(), wcs.clone())], &wcs, &[10, 20], &Options::default())?;
/// let mut statistics = Statistics::default();
/// plan.run_to::<f32>(&mut statistics)?;
/// let first = statistics.get(0).unwrap();
/// assert_eq!((first.valid, first.missing), (100, 100));
/// assert_eq!((first.min, first.max, first.mean), (0.0, 9.0, 4.5));
/// # Ok::<(), skymosaic::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Statistics {
    planes: usize,
    state: Mutex<State>,
}

/// Statistics of one plane of a mosaic.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct PlaneStatistics {
    /// Pixels with a footprint above 0 and a finite value. All that follows is about them.
    pub valid: u64,
    /// All other pixels.
    pub missing: u64,
    /// The smallest value; NaN if no pixel is valid.
    pub min: f64,
    /// The largest value; NaN if no pixel is valid.
    pub max: f64,
    /// The mean of the values; NaN if no pixel is valid.
    pub mean: f64,
    /// The square root of the mean squared deviation from the mean; NaN if no pixel is valid.
    pub standard_deviation: f64,
}

#[derive(Debug, Default)]
struct State {
    planes: Vec<Moments>,
    /// The next tile of a plane to be added: its number times the number of planes, plus its plane.
    next: usize,
    waiting: BTreeMap<usize, Moments>,
}

/// What is known of some pixels.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    pixels: u64,
    valid: u64,
    min: f64,
    max: f64,
    sum: Sum,
    /// Sum of the squared deviations from the mean.
    squares: f64,
}

impl Statistics {
    /// The statistics of a plane of the output, all leading dimensions taken together, slowest first; `None` if there is no such plane, and before a run.
    #[must_use]
    pub fn get(&self, plane: usize) -> Option<PlaneStatistics> {
        let moments = *self.state().planes.get(plane)?;
        let Moments { pixels, valid, min, max, .. } = moments;
        let known = |value: f64| if valid > 0 { value } else { f64::NAN };
        Some(PlaneStatistics {
            valid,
            missing: pixels - valid,
            min: known(min),
            max: known(max),
            mean: moments.mean(),
            standard_deviation: (moments.squares / valid as f64).sqrt(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Pixel> TileSink<T> for Statistics {
    fn planes(&self) -> PlaneSet {
        PlaneSet::FOOTPRINT
    }

    fn start(&mut self, layout: &SinkLayout<'_>) -> Result<u64, Error> {
        self.planes = layout.planes;
        *self.state() = State { planes: vec![Moments::default(); layout.planes], ..State::default() };
        Ok((layout.planes * size_of::<Moments>()) as u64)
    }

    fn write(&self, tile: &FinishedTile<'_, T>) -> Result<(), Error> {
        let moments = Moments::of(tile);
        let mut state = self.state();
        state.waiting.insert(tile.number * self.planes + tile.plane, moments);
        loop {
            let next = state.next;
            let Some(moments) = state.waiting.remove(&next) else { return Ok(()) };
            if let Some(plane) = state.planes.get_mut(next % self.planes) {
                plane.merge(&moments);
            }
            state.next += 1;
        }
    }
}

/// Sums that are kept side by side, so that they can be computed with vectors.
const LANES: usize = 8;

#[derive(Clone, Copy)]
struct Lanes {
    valid: [u64; LANES],
    min: [f64; LANES],
    max: [f64; LANES],
    sum: [Sum; LANES],
}

impl Moments {
    fn of<T: Pixel>(tile: &FinishedTile<'_, T>) -> Moments {
        let Some(footprint) = &tile.footprint else { return Moments::default() };
        let mut lanes = Lanes {
            valid: [0; LANES],
            min: [f64::INFINITY; LANES],
            max: [f64::NEG_INFINITY; LANES],
            sum: [Sum::default(); LANES],
        };
        for_each_pixel(&tile.mosaic, footprint, |lane, valid, value| {
            lanes.valid[lane] += u64::from(valid);
            lanes.min[lane] = if valid & (value < lanes.min[lane]) { value } else { lanes.min[lane] };
            lanes.max[lane] = if valid & (value > lanes.max[lane]) { value } else { lanes.max[lane] };
            lanes.sum[lane].add(if valid { value } else { 0.0 });
        });
        let mut moments = Moments {
            pixels: tile.mosaic.len() as u64,
            valid: lanes.valid.iter().sum(),
            min: lanes.min.into_iter().fold(f64::INFINITY, f64::min),
            max: lanes.max.into_iter().fold(f64::NEG_INFINITY, f64::max),
            ..Moments::default()
        };
        lanes.sum.into_iter().for_each(|sum| moments.sum.merge(sum));
        if moments.valid > 0 {
            let mean = moments.mean();
            let mut squares = [0.0; LANES];
            for_each_pixel(&tile.mosaic, footprint, |lane, valid, value| {
                squares[lane] += if valid { (value - mean) * (value - mean) } else { 0.0 };
            });
            moments.squares = squares.iter().sum();
        }
        moments
    }

    fn mean(&self) -> f64 {
        self.sum.value() / self.valid as f64
    }

    /// Chan, Golub & LeVeque (1983, The American Statistician 37, 242).
    fn merge(&mut self, other: &Moments) {
        if other.valid > 0 {
            if self.valid == 0 {
                *self = Moments { pixels: self.pixels, ..*other };
            } else {
                let apart = other.mean() - self.mean();
                let (a, b) = (self.valid as f64, other.valid as f64);
                self.squares += other.squares + apart * apart * (a * b / (a + b));
                self.sum.merge(other.sum);
                self.min = self.min.min(other.min);
                self.max = self.max.max(other.max);
                self.valid += other.valid;
            }
        }
        self.pixels += other.pixels;
    }
}

/// Hands over each pixel: its lane, whether it is valid, its value.
fn for_each_pixel<T: Pixel>(
    mosaic: &ArrayView2<'_, T>,
    footprint: &ArrayView2<'_, T>,
    mut each: impl FnMut(usize, bool, f64),
) {
    dispatch(
        #[inline(always)]
        || {
            for (values, footprint) in rows(mosaic).zip(rows(footprint)) {
                let (values, last_values) = values.as_chunks::<LANES>();
                let (weights, last_weights) = footprint.as_chunks::<LANES>();
                let mut pixel = |lane: usize, value: &T, weight: &T| {
                    let value = value.to_f64();
                    each(lane, (weight.to_f64() > 0.0) & value.is_finite(), value);
                };
                for (values, weights) in values.iter().zip(weights) {
                    for lane in 0..LANES {
                        pixel(lane, &values[lane], &weights[lane]);
                    }
                }
                let last = last_values.iter().zip(last_weights).enumerate();
                last.for_each(|(lane, (value, weight))| pixel(lane, value, weight));
            }
        },
    )
}
