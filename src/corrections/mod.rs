//! Background corrections: what is subtracted from each input, and the differences between inputs that it follows from.

mod bytes;

/// What is subtracted from the samples of each input to match the backgrounds, for each plane of the output (one for an image).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Backgrounds {
    /// One entry per plane, leading dimensions taken together, slowest first.
    pub planes: Vec<PlaneBackgrounds>,
}

/// The matched backgrounds of one plane.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PlaneBackgrounds {
    /// One per input, in their order; zero for an input that overlaps no other.
    pub corrections: Vec<Correction>,
    /// The inputs that overlaps connect, directly or through others: each group in order, by its first input. One input that
    /// overlaps no other is a group of its own. Nothing is known of the difference between the backgrounds of two groups.
    pub groups: Vec<Vec<usize>>,
    /// The differences that were found, in order of the inputs.
    pub pairs: Vec<Pair>,
}

/// A plane over the output: a constant has slope 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Correction {
    /// Value at `centre`, in the unit of the samples.
    pub offset: f64,
    /// Change per output pixel in x and y.
    pub slope: [f64; 2],
    /// x and y of the output pixel at which `offset` is the value: the centre of the target, or of an overlap.
    pub centre: [f64; 2],
}

impl Correction {
    /// The value at output pixel (x, y).
    #[inline]
    pub fn at(&self, x: f64, y: f64) -> f64 {
        self.offset + self.slope[0] * (x - self.centre[0]) + self.slope[1] * (y - self.centre[1])
    }
}

/// The difference between two inputs where they overlap.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Pair {
    /// Positions of the two, the smaller one first.
    pub inputs: [usize; 2],
    /// Output pixels in which both have a sample.
    pub pixels: u64,
    /// First minus second input, centred on the overlap.
    pub difference: Correction,
    /// What is left of the difference at that centre after the corrections.
    pub residual: f64,
}
