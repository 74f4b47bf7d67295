//! The options of a mosaic, and their values.

/// Chainable setters of public fields.
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

#[cfg(feature = "hips")]
pub(crate) use setters;

mod background;
mod combine;
mod resample;

pub use background::{MatchBackground, Matching, PairWeight};
pub use combine::{Clip, Combine};
pub use resample::{Adaptive, AdaptiveKernel, Boundary, Drizzle, DrizzleKernel, Flux, Resample};

use std::{num::NonZeroUsize, ops::ControlFlow, path::PathBuf, sync::Arc};

use crate::{Error, Progress, progress::ProgressCallback};

/// How inputs are resampled, combined and scheduled.
///
/// ```
/// use skymosaic::{Combine, Options, Parallel, Resample};
/// let options = Options::default().resample(Resample::Nearest).combine(Combine::Median).parallel(Parallel::Serial);
/// assert_eq!(options.combine, Combine::Median);
/// ```
///
/// Only `resample`, `flux`, `antialias`, `combine`, `spectral_interpolation`, `missing`, `exclude_bits`, `blank`, `match_background` and `coordinate_error` change the mosaic. The
/// other options change time and memory, and never a bit of the result.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Options {
    /// The resampling kernel. Default: [`Resample::Bilinear`].
    pub resample: Resample,
    /// Whether interpolating kernels conserve surface brightness or flux where input and output pixels differ in size. Default: [`Flux::SurfaceBrightness`].
    pub flux: Flux,
    /// Whether interpolating kernels are widened where output pixels are larger than input pixels, so that every input pixel contributes. The kernel is
    /// stretched along each axis of the input by the ratio of the lengths of the pixels, as GDAL's warper does; splines are averaged over a box of that size. The
    /// cost grows with the square of the ratio. Default: `false`: samples are interpolated at a point, as by reproject_interp and by SWarp without oversampling.
    pub antialias: bool,
    /// How the samples of an output pixel are combined into its value. Default: [`Combine::Mean`].
    pub combine: Combine,
    /// How planes of a cube are interpolated where the spectral axis, or another leading axis, of an input differs from the target's.
    /// Default: [`SpectralInterpolation::Linear`].
    pub spectral_interpolation: SpectralInterpolation,
    /// What happens to samples near missing input pixels. Default: [`Missing::Propagate`].
    pub missing: Missing,
    /// Bits of the inputs' masks ([`Input::with_mask`](crate::Input::with_mask)) that make a pixel missing: any of them does. Default: 0, no bits.
    pub exclude_bits: u32,
    /// The value of output pixels that no input covers, whose footprint is 0. Default: NaN.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
    pub blank: f64,
    /// Whether and how the backgrounds of the inputs are brought to a common level before they are combined. Default: [`MatchBackground::None`].
    pub match_background: MatchBackground,
    /// Where each input's resampled sub-grid is kept between resampling and combining. Default: [`Intermediate::None`].
    pub intermediate: Intermediate,
    /// The threads that compute the mosaic. Default: [`Parallel::Current`].
    pub parallel: Parallel,
    /// The most bytes that a run may hold at once: workspaces, decoded pixels, intermediates in memory, buffers of sinks. Arrays of the caller and pages of
    /// mapped files do not count. With `None`, each thread uses at most 96 MiB for its workspace, and decoded pixels that can be read again take at most
    /// 256 MiB. Default: `None`.
    pub memory_limit: Option<u64>,
    /// How far the coordinates that are used may differ from the exact ones. Default: 1e-4 input pixel.
    pub coordinate_error: CoordinateError,
    /// Edge in pixels of the square tiles that the output is cut into, from 16 to 4096. Default: 256.
    pub tile: usize,
    /// A callback that is called as the work proceeds, several times a second at least, and can cancel it. Default: none.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub progress: Option<ProgressCallback>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            resample: Resample::default(),
            flux: Flux::default(),
            antialias: false,
            combine: Combine::default(),
            spectral_interpolation: SpectralInterpolation::default(),
            missing: Missing::default(),
            exclude_bits: 0,
            blank: f64::NAN,
            match_background: MatchBackground::default(),
            intermediate: Intermediate::default(),
            parallel: Parallel::default(),
            memory_limit: None,
            coordinate_error: CoordinateError::default(),
            tile: 256,
            progress: None,
        }
    }
}

impl Options {
    setters! {
        resample: Resample,
        flux: Flux,
        antialias: bool,
        combine: Combine,
        spectral_interpolation: SpectralInterpolation,
        missing: Missing,
        exclude_bits: u32,
        blank: f64,
        match_background: MatchBackground,
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

    /// Checks that all numbers are in their ranges, as [`Plan::new`](crate::Plan::new) does too.
    ///
    /// # Errors
    /// [`Error::Option`], naming the option and what it can be.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse =
            |option, got: String, expected: &str| Err(Error::Option { option, got, expected: expected.to_owned() });
        if !(16..=4096).contains(&self.tile) {
            return refuse("tile", self.tile.to_string(), "16 to 4096 pixels");
        }
        self.combine.validate()?;
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
        if let Resample::Drizzle(Drizzle { pixfrac, kernel }) = self.resample
            && kernel != DrizzleKernel::Point
            && !(pixfrac > 0.0 && pixfrac <= 1.0)
        {
            return refuse(
                "resample",
                format!("Drizzle {{ pixfrac: {pixfrac} }}"),
                "0 < pixfrac <= 1; points are DrizzleKernel::Point",
            );
        }
        if let Resample::Adaptive(adaptive) = self.resample {
            let Adaptive { kernel, kernel_width, sample_region_width, boundary, .. } = adaptive;
            let size = |width: f64| width > 0.0 && width.is_finite();
            if kernel == AdaptiveKernel::Gaussian && !(size(kernel_width) && size(sample_region_width)) {
                let got =
                    format!("Adaptive {{ kernel_width: {kernel_width}, sample_region_width: {sample_region_width} }}");
                return refuse("resample", got, "positive numbers of output pixels");
            }
            if let Boundary::IgnoreThreshold { threshold } = boundary
                && !(0.0..=1.0).contains(&threshold)
            {
                let got = format!("Adaptive {{ boundary: IgnoreThreshold {{ threshold: {threshold} }} }}");
                return refuse("resample", got, "0 <= threshold <= 1");
            }
        }
        Ok(())
    }
}

/// How far the coordinates used may be from the exact ones.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum CoordinateError {
    /// At most so many input pixels. A bound that is not above zero makes every pixel exact.
    Pixels(#[cfg_attr(feature = "serde", serde(with = "crate::floats"))] f64),
    /// Every position goes through the exact map.
    Exact,
}

impl Default for CoordinateError {
    /// `Pixels(1e-4)`.
    fn default() -> Self {
        CoordinateError::Pixels(1e-4)
    }
}

/// What happens to a sample whose kernel gives a non-zero weight to a missing input pixel (NaN, BLANK or weight 0).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Missing {
    /// The sample is missing too.
    #[default]
    Propagate,
    /// The sample is computed from the valid pixels, with their kernel weights scaled to sum to 1, if the weights summed to at least
    /// `min_weight` before (the whole kernel sums to 1). Otherwise the sample is missing. Negative weights of a kernel's lobes are added with their sign.
    Renormalize {
        /// The smallest part of the kernel that valid pixels must hold: above 0, at most 1.
        #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
        min_weight: f64,
    },
}

/// How a plane of the output is made of those of a cube whose leading axes (spectral, time, …) have other pixels than the target's.
///
/// A plane of the output lies at a position along the axis of the input. Positions in the outer half pixels have the value of the first or last plane, as in
/// reproject_interp; planes beyond have no samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SpectralInterpolation {
    /// Pixel by pixel linearly between the two nearest planes, whatever the kernel in the plane. A pixel that is missing in either of them is missing.
    #[default]
    Linear,
    /// The nearest plane.
    Nearest,
}

/// Where the resampled sub-grid of each input (samples and weights) is kept between resampling and combining. The choice changes no byte of the
/// mosaic.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Intermediate {
    /// Nowhere: each tile is resampled and combined in one step.
    #[default]
    None,
    /// In memory.
    Memory,
    /// In memory-mapped temporary files. They are unlinked when they are created, so that nothing is left behind whatever happens.
    Mapped {
        /// The folder of the files; `None` is the system's folder for temporary files (`TMPDIR`).
        dir: Option<PathBuf>,
    },
}

/// The threads that compute a mosaic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Parallel {
    /// The calling thread.
    Serial,
    /// A thread pool of this size, started for the call.
    Threads(NonZeroUsize),
    /// The rayon thread pool of the calling thread: the one that it belongs to, or rayon's global pool.
    #[default]
    Current,
}
