//! HEALPix maps: their values, sampled at directions and at the pixels of an image.

use std::sync::Arc;

use ndarray::{ArrayViewMut2, Axis};

use super::grid::{HealpixGrid, MAX_ORDER};
use crate::{
    Error, Parallel, Pixel, Wcs,
    direction::{Vector, rotate},
    pixel::{Family, Which},
    threads::ThreadPool,
    wcs::{Frame, FrameMap},
};

/// Rows of an image that are sampled together.
const ROWS: usize = 16;

/// How a HEALPix map is sampled between the centres of its pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HealpixInterpolation {
    /// The pixel that holds the direction.
    Nearest,
    /// Between the two pixels that are next on each of the two rings around the direction, bilinear in longitude and latitude, as healpy and
    /// reproject do.
    #[default]
    Bilinear,
}

/// Numbers of either type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Vectors of numbers of either type.
struct Numbers;

impl Family for Numbers {
    type Of<T: Pixel> = Vec<T>;
}

impl Values {
    pub(super) fn from_numbers<T: Pixel>(numbers: Vec<T>) -> Values {
        match T::which::<Numbers>(numbers) {
            Which::F32(numbers) => Values::F32(numbers),
            Which::F64(numbers) => Values::F64(numbers),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Values::F32(values) => values.len(),
            Values::F64(values) => values.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<f64> {
        match self {
            Values::F32(values) => values.get(index).map(|value| f64::from(*value)),
            Values::F64(values) => values.get(index).copied(),
        }
    }
}

/// Where the value of a pixel is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cover {
    /// At its number.
    Whole,
    /// At the place of the range [start, end) of pixels that it is in; sorted, disjoint.
    Ranges(Vec<[u64; 2]>),
}

/// A HEALPix map: one value for each pixel of the sky, or of a part of it. A clone is cheap: it shares the values.
///
/// Angles are degrees. NaN is a missing pixel, and so is `UNSEEN` (-1.6375e30) in files.
#[derive(Clone, Debug)]
pub struct HealpixMap {
    grid: HealpixGrid,
    frame: Frame,
    pub(super) values: Arc<Values>,
    pub(super) cover: Arc<Cover>,
}

impl HealpixMap {
    /// A map of the whole sky from its values, in the order of `grid`.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are 12 `nside`² values.
    pub fn new(values: Vec<f64>, grid: HealpixGrid, frame: Frame) -> Result<HealpixMap, Error> {
        Self::of(Values::F64(values), Cover::Whole, grid, frame)
    }

    /// A map of some pixels; all others are missing.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are as many values as pixels; [`Error::Keyword`] if a pixel is not one of the grid, or is there twice.
    pub fn partial(pixels: Vec<u64>, values: Vec<f64>, grid: HealpixGrid, frame: Frame) -> Result<HealpixMap, Error> {
        let ranges = pixels.into_iter().map(|pixel| [pixel, pixel.saturating_add(1)]).collect();
        Self::of_ranges(ranges, Values::F64(values), grid, frame)
    }

    /// A map of ranges of pixels, in any order, each with one value.
    pub(super) fn of_ranges(
        ranges: Vec<[u64; 2]>,
        values: Values,
        grid: HealpixGrid,
        frame: Frame,
    ) -> Result<HealpixMap, Error> {
        check_count(&values, ranges.len() as u64)?;
        let mut places: Vec<usize> = (0..ranges.len()).collect();
        places.sort_by_key(|place| ranges.get(*place).copied());
        let sorted: Vec<[u64; 2]> = places.iter().filter_map(|place| ranges.get(*place).copied()).collect();
        let wrong = |pixel: u64, problem: &str| Error::Keyword {
            keyword: "PIXEL".to_owned(),
            value: pixel.to_string(),
            problem: problem.to_owned(),
        };
        if let Some(twice) = sorted.windows(2).find(|pair| pair[1][0] < pair[0][1]) {
            return Err(wrong(twice[1][0], "expected each pixel at most once"));
        }
        if let Some([_, end]) = sorted.last().filter(|[_, end]| *end > grid.pixels()) {
            return Err(wrong(end - 1, &format!("expected pixels below 12 NSIDE^2 = {}", grid.pixels())));
        }
        let values = match values {
            Values::F32(values) => Values::F32(places.iter().filter_map(|place| values.get(*place).copied()).collect()),
            Values::F64(values) => Values::F64(places.iter().filter_map(|place| values.get(*place).copied()).collect()),
        };
        Self::of(values, Cover::Ranges(sorted), grid, frame)
    }

    pub(super) fn of(values: Values, cover: Cover, grid: HealpixGrid, frame: Frame) -> Result<HealpixMap, Error> {
        match &cover {
            Cover::Whole => check_count(&values, grid.pixels())?,
            Cover::Ranges(ranges) => check_count(&values, ranges.len() as u64)?,
        }
        Ok(HealpixMap { grid, frame, values: Arc::new(values), cover: Arc::new(cover) })
    }

    /// The pixels; those of a multi-order map are the smallest ones.
    #[must_use]
    pub fn grid(&self) -> HealpixGrid {
        self.grid
    }

    /// The frame of the map's longitudes and latitudes.
    #[must_use]
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The value of a pixel; NaN if it is missing.
    #[must_use]
    pub fn value(&self, pixel: u64) -> f64 {
        let place = match &*self.cover {
            Cover::Whole => usize::try_from(pixel).ok(),
            Cover::Ranges(ranges) => {
                let after = ranges.partition_point(|[start, _]| *start <= pixel);
                after.checked_sub(1).filter(|place| ranges.get(*place).is_some_and(|[_, end]| pixel < *end))
            }
        };
        place.and_then(|place| self.values.get(place)).unwrap_or(f64::NAN)
    }

    /// The pixels that have a place in the map, in order, with their values; NaN are missing. A map of the whole sky has all pixels, a partial one those that
    /// it was made of.
    pub fn pixels(&self) -> impl Iterator<Item = (u64, f64)> {
        let whole = matches!(*self.cover, Cover::Whole).then(|| (0..self.grid.pixels()).zip(0..));
        let ranges = match &*self.cover {
            Cover::Whole => &[][..],
            Cover::Ranges(ranges) => ranges,
        };
        let listed =
            ranges.iter().zip(0..).flat_map(|([start, end], place)| (*start..*end).map(move |pixel| (pixel, place)));
        let placed = whole.into_iter().flatten().chain(listed);
        placed.map(|(pixel, place)| (pixel, self.values.get(place).unwrap_or(f64::NAN)))
    }

    /// The values of the whole sky in the order of [`grid`](Self::grid), NaN where they are missing. Nothing is copied if this is a map of the whole sky of `f64`
    /// that no clone shares.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if they do not fit in memory.
    pub fn into_values(self) -> Result<Vec<f64>, Error> {
        let shared = match (&*self.cover, Arc::try_unwrap(self.values)) {
            (Cover::Whole, Ok(Values::F64(values))) => return Ok(values),
            (_, Ok(values)) => Arc::new(values),
            (_, Err(shared)) => shared,
        };
        let map = HealpixMap { grid: self.grid, frame: self.frame, values: shared, cover: self.cover };
        let count = map.grid.pixels();
        let mut values = Vec::new();
        let reserved = usize::try_from(count).map(|count| values.try_reserve_exact(count));
        match reserved {
            Ok(Ok(())) => values.extend((0..count).map(|pixel| map.value(pixel))),
            _ => return Err(no_room(&format!("the values of a HEALPix map of NSIDE = {}", map.grid.nside()), count)),
        }
        Ok(values)
    }

    /// The map's values at directions, longitudes and latitudes in degrees of [`frame`](Self::frame), into `values`; NaN where a pixel with a weight
    /// other than 0 is missing, or the direction is not finite. The slices are used up to the length of the shortest.
    pub fn sample(&self, lon: &[f64], lat: &[f64], interpolation: HealpixInterpolation, values: &mut [f64]) {
        for ((lon, lat), value) in lon.iter().zip(lat).zip(values) {
            *value = self.at(lon.to_radians(), lat.to_radians(), interpolation);
        }
    }

    fn at(&self, lon: f64, lat: f64, interpolation: HealpixInterpolation) -> f64 {
        match interpolation {
            HealpixInterpolation::Nearest => self.grid.at(lon, lat).map_or(f64::NAN, |pixel| self.value(pixel)),
            HealpixInterpolation::Bilinear => self.grid.around(lon, lat).map_or(f64::NAN, |around| {
                let weighted = around.iter().filter(|(_, weight)| *weight != 0.0);
                weighted.map(|(pixel, weight)| weight * self.value(*pixel)).sum()
            }),
        }
    }

    /// Samples the map at the pixels of an image, as reproject_from_healpix does: `output` and, where there is a value, `footprint` 1 and elsewhere NaN
    /// and 0. Both have the shape (ny, nx), any strides, and are overwritten. Positions are exact. The bytes do not depend on the number of threads.
    ///
    /// # Errors
    /// [`Error::Shape`] if the two shapes differ; [`Error::Wcs`] if the frames cannot be related; [`Error::Threads`].
    pub fn reproject<T: Pixel>(
        &self,
        target: &Wcs,
        interpolation: HealpixInterpolation,
        parallel: Parallel,
        mut output: ArrayViewMut2<'_, T>,
        mut footprint: ArrayViewMut2<'_, T>,
    ) -> Result<(), Error> {
        if output.shape() != footprint.shape() {
            return Err(Error::Shape {
                what: "the footprint".to_owned(),
                got: footprint.shape().to_vec(),
                expected: format!("{:?} as the output", output.shape()),
            });
        }
        let frames = target.frame().to(&self.frame)?;
        let jobs: Vec<_> = output
            .axis_chunks_iter_mut(Axis(0), ROWS)
            .zip(footprint.axis_chunks_iter_mut(Axis(0), ROWS))
            .enumerate()
            .collect();
        ThreadPool::new(parallel)?.for_each(jobs, Default::default, |(chunk, (output, footprint)), row| {
            self.rows((target, &frames), interpolation, chunk * ROWS, [output, footprint], row);
            Ok(())
        })
    }

    /// Fills some rows, of which the first is `y0`.
    fn rows<T: Pixel>(
        &self,
        (target, frames): (&Wcs, &FrameMap),
        interpolation: HealpixInterpolation,
        y0: usize,
        [mut output, mut footprint]: [ArrayViewMut2<'_, T>; 2],
        [x, y, z]: &mut [Vec<f64>; 3],
    ) {
        let nx = output.ncols();
        for (row, (mut output, mut footprint)) in output.rows_mut().into_iter().zip(footprint.rows_mut()).enumerate() {
            x.clear();
            x.extend((0..nx).map(|x| x as f64));
            y.clear();
            y.resize(nx, (y0 + row) as f64);
            z.resize(nx, 0.0);
            target.pixels_to_native(x, y, z);
            let directions = x.iter().zip(&*y).zip(&*z).map(|((x, y), z)| [*x, *y, *z]);
            for ((direction, value), covered) in directions.zip(&mut output).zip(&mut footprint) {
                let [x, y, z]: Vector = frames.apply(rotate(target.native_to_celestial(), direction));
                let sample = self.at(y.atan2(x), z.atan2(x.hypot(y)), interpolation);
                *value = T::from_f64(sample);
                *covered = T::from_f64(if sample.is_nan() { 0.0 } else { 1.0 });
            }
        }
    }

    /// The map of the pixels that have a value.
    #[must_use]
    pub fn covered(&self) -> HealpixMap {
        let ranges: Vec<[u64; 2]> = match &*self.cover {
            Cover::Whole => (0..self.grid.pixels()).map(|pixel| [pixel, pixel + 1]).collect(),
            Cover::Ranges(ranges) => ranges.clone(),
        };
        fn kept<T: Pixel>(ranges: Vec<[u64; 2]>, values: &[T]) -> (Vec<[u64; 2]>, Vec<T>) {
            ranges.into_iter().zip(values).filter(|(_, value)| !value.to_f64().is_nan()).unzip()
        }
        let (ranges, values) = match &*self.values {
            Values::F32(values) => {
                let (ranges, values) = kept(ranges, values);
                (ranges, Values::F32(values))
            }
            Values::F64(values) => {
                let (ranges, values) = kept(ranges, values);
                (ranges, Values::F64(values))
            }
        };
        HealpixMap { values: Arc::new(values), cover: Arc::new(Cover::Ranges(ranges)), ..self.clone() }
    }
}

/// Order and pixels [start, end) at the finest order of a number that holds both, 4^(order + 1) + pixel.
pub(super) fn from_uniq(uniq: u64) -> Option<(u32, u64)> {
    let order = uniq.checked_ilog2()?.checked_sub(2)? / 2;
    let pixel = uniq - (4 << (2 * order));
    (order <= MAX_ORDER && pixel < 12 << (2 * order)).then_some((order, pixel))
}

/// So many numbers are too many.
pub(super) fn no_room(what: &str, count: u64) -> Error {
    let (what, needed) = (what.to_owned(), count.saturating_mul(8));
    Error::OutOfMemory { what, needed, remedy: "choose a smaller NSIDE".to_owned() }
}

fn check_count(values: &Values, expected: u64) -> Result<(), Error> {
    if values.len() as u64 == expected {
        return Ok(());
    }
    let (what, got) = ("the values of the HEALPix map".to_owned(), vec![values.len()]);
    Err(Error::Shape { what, got, expected: format!("{expected}, one for each pixel") })
}
