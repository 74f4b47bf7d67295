//! Auxiliary planes: variance, mask, count and context; and all that a run writes, cut into tiles.

use ndarray::{ArrayViewMut, ArrayViewMut2, ArrayViewMutD, Axis, Dimension, Ix2, SliceInfo, SliceInfoElem};

use crate::{Error, Pixel, window::Window};

/// Auxiliary planes that a run fills in addition to the mosaic and its footprint, in the same pass and with the same coordinates and kernel weights. The
/// arrays belong to the caller, have any strides and may lie in memory maps.
///
/// They describe the samples that contribute to the value of a pixel: all valid samples for a mean, a sum or a median; those that are not
/// rejected for a clipped mean; the one that is kept for first, last, min and max. Integers have 32 bits; bit 31 is the sign.
///
/// ```
/// use ndarray::Array2;
/// use skymosaic::Planes;
/// let (mut variance, mut count) = (Array2::<f32>::zeros((100, 200)), Array2::<i32>::zeros((100, 200)));
/// let planes = Planes::default().variance(variance.view_mut()).count(count.view_mut());
/// assert!(planes.mask.is_none());
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Planes<'o, T> {
    /// Variance of the value, of the output's shape; NaN where the footprint is 0. Every input must have a variance.
    ///
    /// The noise of input pixels is assumed to be independent, within an input and between inputs; the correlation that resampling introduces is measured by
    /// [`InputSummary::noise_correlation`](crate::InputSummary::noise_correlation). The kernel weights of a spline are those of its prefilter and its basis together,
    /// including the values that replace missing pixels, exact to 1e-6 of the variance. Constants that replace pixels ([`Boundary`](crate::Boundary),
    /// `bad_fill`) have no noise. A photometric scale multiplies variances by its square; matching of backgrounds does not change them.
    ///
    /// A mean or clipped mean has Σw²σ²/(Σw)², a sum Σw²σ², an inverse-variance mean 1/Σ(1/σ²), first, last, min and max that of
    /// the sample, a median (π/2) n/(Σ1/σ)², a weighted median (π/2) Σw²/(Σw/σ)², both with π/2 replaced by what holds for few normal
    /// samples (1 for one and two).
    /// Default: none.
    pub variance: Option<ArrayViewMutD<'o, T>>,
    /// Flags, of the output's shape: the bitwise or of the mask bits of all input pixels that contribute to the value with a non-zero kernel weight (for a spline,
    /// the 3 × 3 or 4 × 4 pixels under its basis). Inputs without a mask have no flags. Default: none.
    pub mask: Option<ArrayViewMutD<'o, i32>>,
    /// The number of samples that contribute to the value, of the output's shape. Default: none.
    pub count: Option<ArrayViewMutD<'o, i32>>,
    /// The inputs that contribute to the value, as in drizzle: bit b of plane k stands for input 32 k + b. The shape is (⌈inputs / 32⌉, ..., ny, nx).
    /// Default: none.
    pub context: Option<ArrayViewMutD<'o, i32>>,
}

impl<T> Default for Planes<'_, T> {
    fn default() -> Self {
        Planes { variance: None, mask: None, count: None, context: None }
    }
}

impl<'o, T> Planes<'o, T> {
    /// Sets [`variance`](Self#structfield.variance).
    #[must_use]
    pub fn variance<D: Dimension>(mut self, view: ArrayViewMut<'o, T, D>) -> Self {
        self.variance = Some(view.into_dyn());
        self
    }

    /// Sets [`mask`](Self#structfield.mask).
    #[must_use]
    pub fn mask<D: Dimension>(mut self, view: ArrayViewMut<'o, i32, D>) -> Self {
        self.mask = Some(view.into_dyn());
        self
    }

    /// Sets [`count`](Self#structfield.count).
    #[must_use]
    pub fn count<D: Dimension>(mut self, view: ArrayViewMut<'o, i32, D>) -> Self {
        self.count = Some(view.into_dyn());
        self
    }

    /// Sets [`context`](Self#structfield.context).
    #[must_use]
    pub fn context<D: Dimension>(mut self, view: ArrayViewMut<'o, i32, D>) -> Self {
        self.context = Some(view.into_dyn());
        self
    }

    /// The same planes, for no longer than something else lasts.
    pub(crate) fn shortened<'s>(self) -> Planes<'s, T>
    where
        'o: 's,
    {
        Planes {
            variance: self.variance.map(ArrayViewMut::reborrow),
            mask: self.mask.map(ArrayViewMut::reborrow),
            count: self.count.map(ArrayViewMut::reborrow),
            context: self.context.map(ArrayViewMut::reborrow),
        }
    }

    /// Which planes there are.
    pub(crate) fn set(&self) -> PlaneSet {
        let mut set = PlaneSet::NONE;
        set.set(PlaneSet::VARIANCE, self.variance.is_some());
        set.set(PlaneSet::MASK, self.mask.is_some());
        set.set(PlaneSet::COUNT, self.count.is_some());
        set.set(PlaneSet::CONTEXT, self.context.is_some());
        set
    }

    /// Checks the shapes, that of the output being given.
    pub(crate) fn validate(&self, shape: &[usize], inputs: usize) -> Result<(), Error> {
        let words: Vec<usize> = std::iter::once(inputs.div_ceil(32)).chain(shape.iter().copied()).collect();
        let given = [
            ("the variance", self.variance.as_ref().map(|view| view.shape()), shape),
            ("the mask", self.mask.as_ref().map(|view| view.shape()), shape),
            ("the count", self.count.as_ref().map(|view| view.shape()), shape),
            ("the context", self.context.as_ref().map(|view| view.shape()), &words),
        ];
        for (what, got, expected) in given {
            if let Some(got) = got.filter(|got| *got != expected) {
                let expected = format!("{expected:?} as planned");
                return Err(Error::Shape { what: what.to_owned(), got: got.to_vec(), expected });
            }
        }
        Ok(())
    }
}

bitflags::bitflags! {
    /// Planes that a run can fill beside the mosaic itself. [`Planes`] tells what is in them.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct PlaneSet: u8 {
        /// Sum over the inputs of coverage × weight, of the type of the mosaic.
        const FOOTPRINT = 1;
        /// [`Planes::variance`], of the type of the mosaic.
        const VARIANCE = 1 << 1;
        /// [`Planes::mask`], of `i32`.
        const MASK = 1 << 2;
        /// [`Planes::count`], of `i32`.
        const COUNT = 1 << 3;
        /// [`Planes::context`], of `i32`.
        const CONTEXT = 1 << 4;
    }
}

/// A plane of a run that has the type of the mosaic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ValuePlane {
    /// The mosaic itself.
    #[default]
    Mosaic,
    /// [`PlaneSet::FOOTPRINT`].
    Footprint,
    /// [`PlaneSet::VARIANCE`].
    Variance,
}

/// A plane of a run that is of `i32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IntegerPlane {
    /// [`PlaneSet::MASK`].
    Mask,
    /// [`PlaneSet::COUNT`].
    Count,
    /// [`PlaneSet::CONTEXT`].
    Context,
}

impl PlaneSet {
    /// No plane.
    pub const NONE: PlaneSet = PlaneSet::empty();
    /// The planes that need more of a sample than its value and weight.
    pub(crate) const OF_SAMPLES: PlaneSet = PlaneSet::VARIANCE.union(PlaneSet::MASK);

    /// Planes of integers, where the context of so many inputs is wanted.
    pub(crate) fn word_planes(self, inputs: usize) -> usize {
        let context = if self.contains(PlaneSet::CONTEXT) { inputs.div_ceil(32) } else { 0 };
        usize::from(self.contains(PlaneSet::MASK)) + usize::from(self.contains(PlaneSet::COUNT)) + context
    }

    /// Bytes of an output pixel: the mosaic, whose numbers are `T`, and these planes.
    pub(crate) fn bytes_per_pixel<T>(self, inputs: usize) -> usize {
        let values = [PlaneSet::FOOTPRINT, PlaneSet::VARIANCE].iter().filter(|plane| self.contains(**plane)).count();
        (1 + values) * size_of::<T>() + self.word_planes(inputs) * size_of::<i32>()
    }

    /// What is stored of so many samples: numbers (value, weight, variance), and words of bits.
    pub(crate) fn stored(self, samples: usize) -> (usize, usize) {
        let (variance, mask) = (self.contains(PlaneSet::VARIANCE), self.contains(PlaneSet::MASK));
        (samples * (2 + usize::from(variance)), samples * usize::from(mask))
    }

    /// The bytes of that, where a number is a `T`.
    pub(crate) fn stored_bytes<T>(self, samples: usize) -> u64 {
        let (numbers, words) = self.stored(samples);
        (numbers * size_of::<T>() + words * size_of::<u32>()) as u64
    }
}

/// All that is written of one plane of a tile.
pub(crate) struct Views<'o, T> {
    pub(crate) output: ArrayViewMut2<'o, T>,
    pub(crate) footprint: Option<ArrayViewMut2<'o, T>>,
    pub(crate) variance: Option<ArrayViewMut2<'o, T>>,
    /// Mask, count and the planes of context, as far as they are there.
    pub(crate) words: Vec<ArrayViewMut2<'o, i32>>,
}

impl<T> Views<'_, T> {
    /// The same views, for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Views<'_, T> {
        Views {
            output: self.output.view_mut(),
            footprint: self.footprint.as_mut().map(|view| view.view_mut()),
            variance: self.variance.as_mut().map(|view| view.view_mut()),
            words: self.words.iter_mut().map(|view| view.view_mut()).collect(),
        }
    }
}

impl<T: Pixel> Views<'_, T> {
    /// Writes a part of the tile of which no input has a sample.
    pub(crate) fn clear(&mut self, part: SliceInfo<[SliceInfoElem; 2], Ix2, Ix2>, blank: T) {
        self.output.slice_mut(part).fill(blank);
        self.footprint.iter_mut().for_each(|view| view.slice_mut(part).fill(T::from_f64(0.0)));
        self.variance.iter_mut().for_each(|view| view.slice_mut(part).fill(T::NAN));
        self.words.iter_mut().for_each(|view| view.slice_mut(part).fill(0));
    }
}

/// Splits everything that a run writes into disjoint views: plane by plane, tile by tile.
pub(crate) fn split<'o, T>(
    tiles: &[Window],
    output: ArrayViewMutD<'o, T>,
    footprint: Option<ArrayViewMutD<'o, T>>,
    auxiliary: Planes<'o, T>,
) -> Vec<Vec<Views<'o, T>>> {
    let cut_all = |array| planes_of(array).into_iter().map(|plane| cut(tiles, plane)).collect::<Vec<_>>();
    let mut planes: Vec<Vec<Views<'o, T>>> = Vec::new();
    for output in cut_all(output) {
        let views =
            output.into_iter().map(|output| Views { output, footprint: None, variance: None, words: Vec::new() });
        planes.push(views.collect());
    }
    if let Some(footprint) = footprint {
        let flat = planes.iter_mut().flatten().zip(cut_all(footprint).into_iter().flatten());
        flat.for_each(|(views, footprint)| views.footprint = Some(footprint));
    }
    if let Some(variance) = auxiliary.variance {
        let flat = planes.iter_mut().flatten().zip(cut_all(variance).into_iter().flatten());
        flat.for_each(|(views, variance)| views.variance = Some(variance));
    }
    let context = auxiliary.context.into_iter().flat_map(|context| along_first(context));
    for words in auxiliary.mask.into_iter().chain(auxiliary.count).chain(context) {
        let cut = planes_of(words).into_iter().flat_map(|plane| cut(tiles, plane));
        planes.iter_mut().flatten().zip(cut).for_each(|(views, words)| views.words.push(words));
    }
    planes
}

/// The two-dimensional planes of an array, all leading dimensions taken together, slowest first.
fn planes_of<T>(array: ArrayViewMutD<'_, T>) -> Vec<ArrayViewMut2<'_, T>> {
    if array.ndim() <= 2 {
        return array.into_dimensionality().into_iter().collect();
    }
    along_first(array).into_iter().flat_map(planes_of).collect()
}

/// The parts of an array along its first axis.
fn along_first<T>(array: ArrayViewMutD<'_, T>) -> Vec<ArrayViewMutD<'_, T>> {
    let mut parts = Vec::new();
    let mut rest = array;
    while rest.len_of(Axis(0)) > 0 {
        let (first, after) = rest.split_at(Axis(0), 1);
        parts.push(first.index_axis_move(Axis(0), 0));
        rest = after;
    }
    parts
}

/// One view per tile, in the tiles' order (row by row from the left).
fn cut<'o, T>(tiles: &[Window], plane: ArrayViewMut2<'o, T>) -> Vec<ArrayViewMut2<'o, T>> {
    let mut views = Vec::with_capacity(tiles.len());
    let mut below = plane;
    for row in tiles.chunk_by(|a, b| a.y0 == b.y0) {
        let height = row.first().map_or(0, |tile| tile.ny);
        let (mut right, rest) = below.split_at(Axis(0), height);
        below = rest;
        for tile in row {
            let (view, rest) = right.split_at(Axis(1), tile.nx);
            views.push(view);
            right = rest;
        }
    }
    views
}

/// Samples of one input for a run of output pixels, and what is known of them: variances and bits are empty unless needed.
#[derive(Clone, Copy)]
pub(crate) struct Samples<'s, T> {
    pub(crate) values: &'s [T],
    /// Where the weight is 0 the sample is not there.
    pub(crate) weights: &'s [T],
    pub(crate) variances: &'s [T],
    pub(crate) bits: &'s [u32],
}

impl<T> Samples<'_, T> {
    /// Row by row of `nx` pixels.
    pub(crate) fn rows(&self, nx: usize) -> impl Iterator<Item = Samples<'_, T>> {
        (0..self.values.len()).step_by(nx).map(move |from| {
            let to = from + nx;
            Samples {
                values: self.values.get(from..to).unwrap_or_default(),
                weights: self.weights.get(from..to).unwrap_or_default(),
                variances: self.variances.get(from..to).unwrap_or_default(),
                bits: self.bits.get(from..to).unwrap_or_default(),
            }
        })
    }
}
