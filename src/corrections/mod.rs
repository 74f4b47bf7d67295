//! Background corrections: what is subtracted from each input, and the differences between inputs that it follows from.

mod bytes;

/// The corrections that are subtracted from the samples of each input to match the backgrounds, for each plane of the output (one for an image).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Backgrounds {
    /// One entry per plane, leading dimensions taken together, slowest first.
    pub planes: Vec<PlaneBackgrounds>,
}

/// The matched backgrounds of one plane.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PlaneBackgrounds {
    /// One per input, in their order; zero for an input that overlaps no other.
    pub corrections: Vec<Correction>,
    /// The groups of inputs that overlaps connect, directly or through others, sorted by their first input. An input that
    /// overlaps no other is a group of its own, unless it is part of an exposure. The difference between the backgrounds of two groups is unknown.
    pub groups: Vec<Vec<usize>>,
    /// The measured differences, in the order of the inputs.
    pub pairs: Vec<Pair>,
}

/// A plane over the pixels of the output; a constant has slope 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Correction {
    /// Value at `centre`, in the unit of the samples.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
    pub offset: f64,
    /// Change per output pixel in x and y.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats::pair"))]
    pub slope: [f64; 2],
    /// x and y of the output position at which the value is `offset`: the centre of the target, or of an overlap.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats::pair"))]
    pub centre: [f64; 2],
}

impl Correction {
    /// The plane with the value `offset` at the output position `centre`, and the change `slope` per output pixel in x and y.
    #[must_use]
    pub const fn new(offset: f64, slope: [f64; 2], centre: [f64; 2]) -> Correction {
        Correction { offset, slope, centre }
    }

    /// The value at output pixel (x, y).
    #[inline]
    pub fn at(&self, x: f64, y: f64) -> f64 {
        self.offset + self.slope[0] * (x - self.centre[0]) + self.slope[1] * (y - self.centre[1])
    }
}

/// The difference between two inputs where they overlap.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Pair {
    /// Positions of the two, the smaller one first.
    pub inputs: [usize; 2],
    /// Output pixels in which both have a sample.
    pub pixels: u64,
    /// First minus second input, centred on the overlap.
    pub difference: Correction,
    /// The remaining difference at that centre after the corrections.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
    pub residual: f64,
}
