//! What the user can choose.

use std::{fmt, num::NonZeroUsize, ops::ControlFlow, path::PathBuf, sync::Arc};

use crate::{Error, Progress, map::CoordinateError};

/// How inputs are resampled, combined and scheduled.
///
/// ```
/// use skymosaic::{Combine, Options, Parallel, Resample};
/// let options = Options::default().resample(Resample::Nearest).combine(Combine::Median).parallel(Parallel::Serial);
/// assert_eq!(options.combine, Combine::Median);
/// ```
///
/// The result depends on `resample`, `combine`, `missing`, `blank` and `coordinate_error` only: the other options change
/// time and memory, never a bit of the mosaic.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The resampling kernel. Default: [`Resample::Bilinear`].
    pub resample: Resample,
    /// How the samples of one output pixel become its value. Default: [`Combine::Mean`].
    pub combine: Combine,
    /// What a missing input pixel does to the samples near it. Default: [`Missing::Spoil`].
    pub missing: Missing,
    /// Value of output pixels that no input covers (footprint 0). Default: NaN.
    pub blank: f64,
    /// Where each input's resampled sub-grid is kept between resampling and combining. Default: [`Intermediate::None`].
    pub intermediate: Intermediate,
    /// Who does the work. Default: [`Parallel::Current`].
    pub parallel: Parallel,
    /// Bytes that the engine may hold at once: workspaces, decoded compressed inputs, intermediates in memory. Buffers and arrays
    /// of the caller and pages of mapped files do not count. `None` bounds the workspaces only. Default: `None`.
    pub memory_limit: Option<u64>,
    /// How far the coordinates may be off. Default: 1e-4 input pixel.
    pub coordinate_error: CoordinateError,
    /// Edge in pixels of the square tiles that the output is cut into, from 16 to 4096. Default: 256.
    pub tile: usize,
    /// Called now and then while the work goes on; can stop it. Default: none.
    pub progress: Option<ProgressCallback>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            resample: Resample::default(),
            combine: Combine::default(),
            missing: Missing::default(),
            blank: f64::NAN,
            intermediate: Intermediate::default(),
            parallel: Parallel::default(),
            memory_limit: None,
            coordinate_error: CoordinateError::default(),
            tile: 256,
            progress: None,
        }
    }
}

macro_rules! setters {
    ($($field:ident: $type:ty),+ $(,)?) => {$(
        #[doc = concat!("Sets [`", stringify!($field), "`](Self#structfield.", stringify!($field), ").")]
        #[must_use]
        pub fn $field(mut self, $field: $type) -> Self {
            self.$field = $field;
            self
        }
    )+};
}

impl Options {
    setters! {
        resample: Resample,
        combine: Combine,
        missing: Missing,
        blank: f64,
        intermediate: Intermediate,
        parallel: Parallel,
        coordinate_error: CoordinateError,
        tile: usize,
    }

    /// Sets [`memory_limit`](Self#structfield.memory_limit) in bytes.
    #[must_use]
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// Sets [`progress`](Self#structfield.progress): called from whichever thread has just finished a piece of work.
    /// `ControlFlow::Break` stops the work, which then returns [`Error::Cancelled`].
    #[must_use]
    pub fn progress(mut self, callback: impl Fn(Progress) -> ControlFlow<()> + Send + Sync + 'static) -> Self {
        self.progress = Some(ProgressCallback(Arc::new(callback)));
        self
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        let refuse =
            |option, got: String, expected: &str| Err(Error::Option { option, got, expected: expected.to_owned() });
        if !(16..=4096).contains(&self.tile) {
            return refuse("tile", self.tile.to_string(), "16 to 4096 pixels");
        }
        if let CoordinateError::Pixels(bound) = self.coordinate_error
            && !(bound > 0.0 && bound.is_finite())
        {
            return refuse("coordinate_error", bound.to_string(), "a positive number of input pixels, or Exact");
        }
        if let Missing::Renormalize { min_weight } = self.missing
            && !(min_weight > 0.0 && min_weight <= 1.0)
        {
            return refuse("missing", format!("Renormalize {{ min_weight: {min_weight} }}"), "0 < min_weight <= 1");
        }
        Ok(())
    }
}

/// A progress callback that can be cloned and shared between threads.
#[derive(Clone)]
pub struct ProgressCallback(pub(crate) Arc<dyn Fn(Progress) -> ControlFlow<()> + Send + Sync>);

impl fmt::Debug for ProgressCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressCallback(..)")
    }
}

/// The resampling kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Resample {
    /// The pixel whose centre is nearest; a tie goes to the larger index. Support 0.5 pixel.
    Nearest,
    /// Linear in x and y between the four pixels around. Support 1 pixel.
    #[default]
    Bilinear,
}

/// How the samples of one output pixel become its value. w is the sample's weight: geometric coverage × input weight; samples
/// of weight 0 are not there. The footprint is Σw over the inputs, whatever the combination.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Combine {
    /// Σwv/Σw.
    #[default]
    Mean,
    /// Σwv.
    Sum,
    /// The first input, in the order given, that has a sample.
    First,
    /// The last input, in the order given, that has a sample.
    Last,
    /// The smallest sample.
    Min,
    /// The largest sample.
    Max,
    /// The middle sample, or the mean of the two middle ones; w only tells which samples are there.
    Median,
}

/// What a missing input pixel (NaN, BLANK or weight 0) does to a sample that gives it a non-zero kernel weight.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Missing {
    /// The sample is missing too.
    #[default]
    Spoil,
    /// The sample is made of the pixels that are there, their kernel weights scaled to sum to 1, if they
    /// summed to `min_weight` or more (of 1); missing otherwise.
    Renormalize {
        /// Smallest part of the kernel that must be there: above 0, at most 1.
        min_weight: f64,
    },
}

/// Where each input's resampled sub-grid (samples and weights) is kept between resampling and combining.
/// The mosaic has the same bytes whichever is chosen.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Intermediate {
    /// Nowhere: each tile is resampled and combined at once.
    #[default]
    None,
    /// In memory.
    Memory,
    /// In memory-mapped temporary files, unlinked at creation, so that nothing is left behind whatever happens.
    Mapped {
        /// The folder; `None` is the system's (`TMPDIR`).
        dir: Option<PathBuf>,
    },
}

/// Who does the work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parallel {
    /// The calling thread.
    Serial,
    /// A pool of this many threads, started for the call.
    Threads(NonZeroUsize),
    /// The rayon pool that the caller is in; rayon's global pool outside of any.
    #[default]
    Current,
}
