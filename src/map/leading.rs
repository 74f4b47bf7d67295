//! Which planes of a cube make up each plane of the output.

use crate::{
    error::Error,
    options::SpectralInterpolation,
    wcs::{LeadingAxis, Wcs},
};

/// Pixels along an axis within which a position counts as the centre of a plane: the rounding of headers' values.
const ON_PLANE: f64 = 1e-6;

/// For each plane of the output, the planes of a cube that it is interpolated from. Planes are counted over all leading dimensions, the last one fastest.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LeadingMap {
    /// Leading dimensions of the output.
    output: Vec<usize>,
    /// Leading dimensions of the cube.
    input: Vec<usize>,
    /// Of each leading dimension of the cube, for each index along `dimension` of the output: one or two indices with weights that sum to 1, or none.
    along: Vec<Along>,
}

#[derive(Clone, Debug, PartialEq)]
struct Along {
    /// The leading dimension of the output that it goes with; `None` if the cube has but one plane along it, which is that of all planes of the output.
    dimension: Option<usize>,
    taps: Vec<Vec<Tap>>,
}

/// A plane, or an index along one dimension, and its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tap {
    pub(crate) plane: usize,
    pub(crate) weight: f64,
}

/// The pixels around a position along an axis of `length` pixels. As along the other axes, the outer half pixels are valid and have the value of the pixel at
/// the edge; beyond there is none.
fn taps(position: f64, length: usize, interpolation: SpectralInterpolation) -> Vec<Tap> {
    let last = length as f64 - 1.0;
    let nearest = (position + 0.5).floor();
    if !(nearest >= 0.0 && nearest <= last) {
        return Vec::new();
    }
    let position = position.clamp(0.0, last);
    let one = |plane: f64| vec![Tap { plane: plane as usize, weight: 1.0 }];
    if interpolation == SpectralInterpolation::Nearest || (position - nearest).abs() <= ON_PLANE {
        return one(nearest);
    }
    let lower = position.floor();
    let weight = position - lower;
    let [mut low, mut high] = [one(lower), one(lower + 1.0)];
    low.iter_mut().for_each(|tap| tap.weight = 1.0 - weight);
    high.iter_mut().for_each(|tap| tap.weight = weight);
    low.append(&mut high);
    low
}

/// A leading dimension: its length, and the axis of the WCS that describes it, if any.
type Dimension<'w> = (usize, Option<&'w LeadingAxis>);

/// The leading dimensions of an array with the axes of its WCS: the last dimension goes with the axis next to the celestial ones.
fn dimensions<'w>(shape: &[usize], wcs: &'w Wcs) -> Vec<Dimension<'w>> {
    let axes = wcs.leading_axes().iter().rev().map(Some).chain(std::iter::repeat(None));
    let mut dimensions: Vec<Dimension<'w>> = shape.iter().rev().copied().zip(axes).collect();
    dimensions.iter_mut().for_each(|(_, axis)| *axis = axis.filter(|axis| axis.is_known()));
    dimensions.reverse();
    dimensions
}

/// The numbers of the dimensions that have a counterpart: all but those of one pixel that the other array has none of the kind of.
fn paired(own: &[Dimension<'_>], other: &[Dimension<'_>]) -> Vec<usize> {
    let alike = |axis: Option<&LeadingAxis>| {
        axis.is_some_and(|axis| other.iter().any(|(_, other)| other.is_some_and(|other| other.is_like(axis))))
    };
    (0..own.len()).filter(|&k| own.get(k).is_some_and(|(length, axis)| *length != 1 || alike(*axis))).collect()
}

impl LeadingMap {
    /// The map for an output of leading dimensions `output` on the pixels of `target`, from a cube of leading dimensions `input`. `None` if planes go with planes
    /// one to one: where the axes are the same, or one side does not know them.
    ///
    /// # Errors
    /// [`Error::Wcs`] if axes cannot be compared. Dimensions that do not fit are left for who checks shapes.
    pub(crate) fn new(
        target: &Wcs,
        output: &[usize],
        wcs: &Wcs,
        input: &[usize],
        interpolation: SpectralInterpolation,
    ) -> Result<Option<LeadingMap>, Error> {
        let (theirs, own) = (dimensions(output, target), dimensions(input, wcs));
        let (mut to, mut from) = (paired(&theirs, &own), paired(&own, &theirs));
        if theirs.len() == own.len() {
            (to, from) = ((0..theirs.len()).collect(), (0..own.len()).collect());
        }
        if to.len() != from.len() {
            return Ok(None);
        }
        let mut along: Vec<Along> =
            own.iter().map(|_| Along { dimension: None, taps: vec![taps(0.0, 1, interpolation)] }).collect();
        for (to, from) in to.into_iter().zip(from) {
            let (Some((count, target)), Some((length, axis)), Some(along)) =
                (theirs.get(to), own.get(from), along.get_mut(from))
            else {
                continue;
            };
            let positions = match (target, axis) {
                (Some(target), Some(axis)) => axis.positions(target, *count)?,
                _ if count == length => (0..*count).map(|k| k as f64).collect(),
                _ => return Ok(None),
            };
            let taps = positions.iter().map(|position| taps(*position, *length, interpolation));
            *along = Along { dimension: Some(to), taps: taps.collect() };
        }
        Ok(LeadingMap { output: output.to_vec(), input: input.to_vec(), along }.unless_identical())
    }

    /// The map with given positions: of each leading dimension of the cube, for each index along the same dimension of the output, the position in pixels.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are not as many positions as the output has planes along each dimension.
    pub(crate) fn at(
        positions: &[Vec<f64>],
        output: &[usize],
        input: &[usize],
        interpolation: SpectralInterpolation,
    ) -> Result<Option<LeadingMap>, Error> {
        let lengths: Vec<usize> = positions.iter().map(Vec::len).collect();
        if lengths != output || lengths.len() != input.len() {
            return Err(Error::Shape {
                what: "the positions of planes".to_owned(),
                got: lengths,
                expected: format!(
                    "the leading dimensions of the output, {output:?}, and as many as the image has, {}",
                    input.len()
                ),
            });
        }
        let along = positions.iter().zip(input).enumerate().map(|(k, (positions, length))| Along {
            dimension: Some(k),
            taps: positions.iter().map(|position| taps(*position, *length, interpolation)).collect(),
        });
        let along = along.collect();
        Ok(LeadingMap { output: output.to_vec(), input: input.to_vec(), along }.unless_identical())
    }

    /// Whether any plane of the output is made of several.
    pub(crate) fn interpolates(&self) -> bool {
        self.along.iter().any(|along| along.taps.iter().any(|taps| taps.len() > 1))
    }

    fn unless_identical(self) -> Option<LeadingMap> {
        let identical = self.output == self.input
            && (0..self.planes()).all(|plane| self.taps(plane) == [Tap { plane, weight: 1.0 }]);
        (!identical).then_some(self)
    }

    /// Leading dimensions of the output.
    pub(crate) fn output(&self) -> &[usize] {
        &self.output
    }

    /// Leading dimensions of the cube.
    pub(crate) fn input(&self) -> &[usize] {
        &self.input
    }

    fn planes(&self) -> usize {
        self.output.iter().product()
    }

    /// The planes of the cube that a plane of the output is interpolated from, in order; none if it lies beyond the cube.
    pub(crate) fn taps(&self, plane: usize) -> Vec<Tap> {
        let mut index = vec![0; self.output.len()];
        let mut rest = plane;
        for (index, length) in index.iter_mut().zip(&self.output).rev() {
            (*index, rest) = (rest % length.max(&1), rest / length.max(&1));
        }
        let mut found = vec![Tap { plane: 0, weight: 1.0 }];
        for (along, length) in self.along.iter().zip(&self.input) {
            let at = along.dimension.and_then(|dimension| index.get(dimension)).copied().unwrap_or(0);
            let next = along.taps.get(at).map(Vec::as_slice).unwrap_or_default();
            let both = |before: &Tap| {
                let before = *before;
                next.iter().map(move |tap| Tap {
                    plane: before.plane * length + tap.plane,
                    weight: before.weight * tap.weight,
                })
            };
            found = found.iter().flat_map(both).collect();
        }
        found
    }

    /// Whether a plane of the output has any of the cube's.
    pub(crate) fn covers(&self, plane: usize) -> bool {
        !self.taps(plane).is_empty()
    }

    /// Whether any plane of the output has any of the cube's.
    pub(crate) fn covers_any(&self) -> bool {
        self.along.iter().all(|along| along.taps.iter().any(|taps| !taps.is_empty()))
    }
}
