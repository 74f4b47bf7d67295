//! How backgrounds are matched.

/// Whether and how the backgrounds of the inputs are brought to a common level, as by the parameter `match_background` of
/// reproject_and_coadd and by Montage's mDiffExec, mFitExec and mBgModel.
///
/// The differences between two inputs are measured in the output pixels in which both have a sample. From all differences the correction of each input is computed by least
/// squares, and subtracted from its samples before they are combined. Weights are not used. Each plane of a cube has corrections of its own. They are returned in
/// [`Summary::backgrounds`](crate::Summary::backgrounds).
///
/// The parts of an exposure ([`Input::of_exposure`](crate::Input::of_exposure)) count as one input here: they are corrected by the same constant or plane.
///
/// Overlaps determine differences only. Inputs that are connected by overlaps, directly or through others, form a group; the corrections of a group have mean zero (for
/// planes: each of the three coefficients), or are zero for the reference input. An input that overlaps no other is not corrected.
///
/// For each pair of inputs at most 65 536 differences are kept, and fewer where many pairs are measured at once; they are chosen by a hash of the output
/// pixel. An input is compared with at most 32 of the inputs after it, also chosen by a hash, which is enough for deep stacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum MatchBackground {
    /// Backgrounds are not matched.
    #[default]
    None,
    /// A constant is subtracted from each input. The difference of a pair is the median over its overlap.
    Constant(Matching),
    /// A plane in the output's pixels is subtracted from each input. The difference of a pair is a robust plane: least squares with
    /// Tukey's biweight, starting from the plane of least median residual (an MM-estimate, Yohai 1987, Annals of Statistics 15, 642), which tolerates up to
    /// nearly half of outliers. Slopes that an overlap does not determine, for instance because it is a single row, are ignored.
    Plane(Matching),
}

impl MatchBackground {
    pub(crate) fn reference(&self) -> Option<usize> {
        match self {
            MatchBackground::None => None,
            MatchBackground::Constant(matching) | MatchBackground::Plane(matching) => matching.reference,
        }
    }
}

/// How backgrounds are matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Matching {
    /// Position, from 0, of the input that is not corrected; with `None` the corrections of each group have mean zero. Default: `None`.
    pub reference: Option<usize>,
    /// The weight of each pair in the least squares. Default: [`PairWeight::Pixels`].
    pub weight: PairWeight,
}

impl Matching {
    /// Sets [`reference`](Self::reference).
    #[must_use]
    pub fn reference(mut self, input: usize) -> Self {
        self.reference = Some(input);
        self
    }

    /// Sets [`weight`](Self::weight).
    #[must_use]
    pub fn weight(mut self, weight: PairWeight) -> Self {
        self.weight = weight;
        self
    }
}

/// The weight of a pair of inputs in the least squares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum PairWeight {
    /// The number of pixels in the overlap, which is proportional to the inverse variance of the difference.
    #[default]
    Pixels,
    /// 1 for every pair, as in reproject.
    Equal,
}
