//! What the user can choose.

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
/// The result depends on `resample`, `flux`, `antialias`, `combine`, `missing`, `exclude_bits`, `blank`, `match_background` and `coordinate_error` only: the other options change
/// time and memory, never a bit of the mosaic.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The resampling kernel. Default: [`Resample::Bilinear`].
    pub resample: Resample,
    /// What interpolating kernels keep where pixel sizes change. Default: [`Flux::SurfaceBrightness`].
    pub flux: Flux,
    /// Whether interpolating kernels are widened where output pixels are larger than input pixels, so that nothing is skipped: by the
    /// ratio of their lengths along each axis of the input (GDAL's warper does so); splines are averaged over a box instead. Costs the
    /// square of the ratio. Default: `false`, which takes a point, as reproject_interp and SWarp without oversampling.
    pub antialias: bool,
    /// How the samples of one output pixel become its value. Default: [`Combine::Mean`].
    pub combine: Combine,
    /// What a missing input pixel does to the samples near it. Default: [`Missing::Spoil`].
    pub missing: Missing,
    /// Flags of the inputs' masks ([`Input::with_mask`](crate::Input::with_mask)): a pixel with any of these bits is missing. Default: 0, none.
    pub exclude_bits: u32,
    /// Value of output pixels that no input covers (footprint 0). Default: NaN.
    pub blank: f64,
    /// Whether the backgrounds of the inputs are brought to a common level before they are combined. Default: [`MatchBackground::None`].
    pub match_background: MatchBackground,
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
            flux: Flux::default(),
            antialias: false,
            combine: Combine::default(),
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
        flux: Flux,
        antialias: bool,
        combine: Combine,
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
pub enum CoordinateError {
    /// At most so many input pixels. A bound that is not above zero makes every pixel exact.
    Pixels(f64),
    /// Every position goes through the exact map.
    Exact,
}

impl Default for CoordinateError {
    /// `Pixels(1e-4)`.
    fn default() -> Self {
        CoordinateError::Pixels(1e-4)
    }
}

/// The resampling kernels.
///
/// All that interpolate treat the edges of an image alike: positions in the outer half pixel take the value on the line of the edge
/// pixels' centres, and pixels beyond the edge are mirrored (d c b | a b c d | c b a). Their samples have coverage 1. Input
/// weights are interpolated linearly (by the nearest pixel for [`Nearest`](Self::Nearest)): negative lobes would make negative weights.
///
#[doc = include_str!("../docs/accuracy.md")]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Resample {
    /// The pixel whose centre is nearest; a tie goes to the larger index. Support 0.5 pixel.
    Nearest,
    /// Linear in x and y between the four pixels around. Support 1 pixel.
    #[default]
    Bilinear,
    /// B-spline of degree 2 through the pixels (reproject's `biquadratic`, scipy's order 2), support 1.5 pixels on coefficients that
    /// depend on the pixels around with weight 0.17^distance. Missing pixels (infinite ones too) are filled for the coefficients, with the mean, by
    /// 1/distance, of the nearest pixels left, right, below and above; a sample is missing, or renormalised, if one of its 3 × 3
    /// pixels is missing. Samples in `f32` leave out pixels more than 15 away from a coefficient, which changes them by at most 3e-9 of the pixels' values, a
    /// twentieth of their rounding.
    Biquadratic,
    /// B-spline of degree 3 through the pixels (reproject's `bicubic`, scipy's order 3), support 2 pixels on coefficients that
    /// depend on the pixels around with weight 0.27^distance. Missing pixels and `f32` as for [`Biquadratic`](Self::Biquadratic), 4 × 4 pixels.
    Bicubic,
    /// Cubic convolution with a = -1/2 (Keys 1981). Support 2 pixels.
    Cubic,
    /// sinc(d) sinc(d/2), normalised to sum 1 on each axis as in SWarp. Support 2 pixels.
    Lanczos2,
    /// sinc(d) sinc(d/3), normalised. Support 3 pixels.
    Lanczos3,
    /// sinc(d) sinc(d/4), normalised. Support 4 pixels.
    Lanczos4,
    /// sinc(d) sinc(d/5), normalised. Support 5 pixels.
    Lanczos5,
    /// The mean over the overlapping areas of input and output pixel, as reproject_exact and Montage's mProject. Coverage is the part of
    /// the output pixel's area that pixels which are there overlap.
    ///
    /// Areas are those of spherical polygons, corners joined by great circles, wherever these differ from areas in the plane of the
    /// input's pixels by more than the bound on the coordinates. An input whose [`PixelMap`](crate::PixelMap) knows no sky is
    /// measured in its own plane, without the pixels that a seam of the map runs through.
    Exact,
    /// Drizzle (Fruchter & Hook 2002), as the package drizzle.
    Drizzle(Drizzle),
    /// A filter fitted to each output pixel (DeForest 2004), as reproject_adaptive.
    Adaptive(Adaptive),
}

/// How input pixels rain onto output pixels: each is shrunk to a drop of side `pixfrac` whose value is shared among the output
/// pixels under it. The value of an output pixel is Σ a w d / Σ a w over the drops, and its coverage Σ a w: a is the part of a drop that falls on the
/// pixel, w the input pixel's weight (1 without weights), d its value. Several inputs combined by [`Combine::Mean`] are
/// drizzled into one image, with the footprint as its weight image.
///
/// Missing pixels give no drops, whatever [`Options::missing`] says. Weights lie pixel on pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Drizzle {
    /// Side of a drop in input pixels: above 0, at most 1; [`DrizzleKernel::Point`] does not use it. Default: 1.
    pub pixfrac: f64,
    /// Shape of a drop. Default: [`DrizzleKernel::Square`].
    pub kernel: DrizzleKernel,
}

impl Default for Drizzle {
    fn default() -> Self {
        Drizzle { pixfrac: 1.0, kernel: DrizzleKernel::default() }
    }
}

impl Drizzle {
    /// Sets [`pixfrac`](Self::pixfrac).
    #[must_use]
    pub fn pixfrac(mut self, pixfrac: f64) -> Self {
        self.pixfrac = pixfrac;
        self
    }

    /// Sets [`kernel`](Self::kernel).
    #[must_use]
    pub fn kernel(mut self, kernel: DrizzleKernel) -> Self {
        self.kernel = kernel;
        self
    }
}

/// The shapes of drops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DrizzleKernel {
    /// The input pixel, shrunk about its centre, with its corners where they lie in the output and straight sides between them.
    #[default]
    Square,
    /// A point: all of the drop falls on the output pixel that holds the centre.
    Point,
    /// A square along the axes of the output, of the drop's area.
    Turbo,
    /// A Gaussian of full width `pixfrac` at half maximum, at the centres of the output pixels up to 2.5 σ, and 1.2 input pixels at least,
    /// from the centre along each axis.
    Gaussian,
}

/// DeForest's (2004) adaptive resampling: a sample is the mean of the input pixels around its position, weighted by a kernel that has the
/// shape of the output pixel in the input, but never smaller than an input pixel in any direction. Where the output is finer it
/// interpolates, smoothly; where it is coarser it averages, without aliasing.
///
/// The shape is that of the map's Jacobian: J = U diag(s0, s1) Vᵀ with both singular values raised to 1 at least. Samples have coverage 1.
/// [`Options::missing`] counts over all pixels of the kernel's region; reproject's `bad_value_mode='ignore'` is
/// [`Missing::Renormalize`] with the smallest positive `min_weight`, and infinite pixels are then missing too. Input weights are averaged by the same kernel.
/// [`Flux::Conserve`] multiplies by |det J|.
///
/// Equal to reproject_adaptive but where that is wrong: for mirrored maps it takes a negative singular value for a small one. Across
/// a seam of the map, or beside undefined positions, the Jacobian is that of the side on which the pixel lies (where the image is not said to go around). Positions outside of
/// an image with a WCS count only where output pixels are at most 4 times as long as at the reference pixels: towards a horizon of the
/// projection kernels grow without end.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Adaptive {
    /// The kernel. Default: [`AdaptiveKernel::Gaussian`].
    pub kernel: AdaptiveKernel,
    /// Width of the Gaussian, exp(-2 d² / width²), in output pixels, above 0; the Hann kernel does not use it. Default: 1.3.
    pub kernel_width: f64,
    /// Side of the region around the position whose pixels count, in (padded) output pixels, above 0; the Hann kernel ends by itself. Default: 4.
    pub sample_region_width: f64,
    /// Whether the Jacobian is taken between the edges of the output pixel, not between the centres of its neighbours: better
    /// for maps that change from pixel to pixel, and slower. Default: `false`.
    pub center_jacobian: bool,
    /// Whether a Jacobian whose square is above 10 times the lower quartile of the 3 × 3 output pixels around is replaced by the mean of
    /// those that are not: for maps with singular points. Default: `false`.
    pub despike_jacobian: bool,
    /// What becomes of a sample whose region is not inside of the image. Default: [`Boundary::Strict`].
    pub boundary: Boundary,
    /// Whether the image goes around along x: beyond its last column lies its first, and before the first the last, as on maps of the whole sky. For
    /// that axis [`boundary`](Self::boundary) means nothing then, positions count however far outside they lie, and Jacobians do not see the seam.
    /// Weights with a WCS of their own are taken to go around alike. An output pixel has to be shorter than half of the image. Default: `false`.
    pub x_cyclic: bool,
    /// The same along y. Default: `false`.
    pub y_cyclic: bool,
    /// A value to stand in for missing and infinite pixels (reproject's `bad_value_mode='constant'`; their weights, if weights are given, stay 0).
    /// Default: none, so that [`Options::missing`] says what they do.
    pub bad_fill: Option<f64>,
}

impl Default for Adaptive {
    fn default() -> Self {
        Adaptive {
            kernel: AdaptiveKernel::default(),
            kernel_width: 1.3,
            sample_region_width: 4.0,
            center_jacobian: false,
            despike_jacobian: false,
            boundary: Boundary::default(),
            x_cyclic: false,
            y_cyclic: false,
            bad_fill: None,
        }
    }
}

impl Adaptive {
    setters! {
        kernel: AdaptiveKernel,
        kernel_width: f64,
        sample_region_width: f64,
        center_jacobian: bool,
        despike_jacobian: bool,
        boundary: Boundary,
        x_cyclic: bool,
        y_cyclic: bool,
        bad_fill: Option<f64>,
    }
}

/// The kernels of [`Adaptive`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AdaptiveKernel {
    /// Better photometry and less aliasing, at the price of some blur.
    #[default]
    Gaussian,
    /// (1 + cos πu)(1 + cos πv) up to one output pixel from the centre along each axis.
    Hann,
}

/// What [`Adaptive`] does with a sample whose region is not inside of the image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Boundary {
    /// There is no sample.
    #[default]
    Strict,
    /// Outside of the image lies a constant; no sample if the whole region is outside. Of input weights, those of the image count.
    Constant {
        /// The value outside.
        value: f64,
    },
    /// Outside of the image lies a constant, which is the sample if the whole region is outside: wherever the map is
    /// defined there is a sample. Of input weights, those of the image count.
    GridConstant {
        /// The value outside.
        value: f64,
    },
    /// The pixels of the image count; no sample if the whole region is outside.
    Ignore,
    /// As [`Ignore`](Self::Ignore), but no sample if more than a part of the weight lies outside.
    IgnoreThreshold {
        /// That part, 0 to 1. reproject's default is 0.5.
        threshold: f64,
    },
    /// Outside of the image each pixel is the nearest one of the image, also if the whole region is outside: wherever the map is
    /// defined there is a sample.
    Nearest,
}

/// What interpolating kernels keep where input and output pixels differ in size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flux {
    /// A sample is the input's value at a point: pixels are samples of surface brightness.
    #[default]
    SurfaceBrightness,
    /// A sample is multiplied by the area of the output pixel in input pixels, |∂(x, y)/∂(u, v)| by central differences between the output
    /// pixel's edges: pixels are counts, and their sum over a source is kept. Where the area is not defined there is no sample.
    ///
    /// [`Resample::Exact`] shares the counts of each input pixel by area, so that they are kept to rounding; [`Resample::Drizzle`] divides each by the
    /// input pixel's area in output pixels.
    Conserve,
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
    /// The sample v where the weights of those up to v reach half of Σw; the mean of it and the next one where they reach exactly half,
    /// so that equal weights give [`Median`](Self::Median).
    WeightedMedian,
    /// Σwv/Σw over the samples that are left when outliers have been clipped.
    Clipped(Clip),
    /// Σ(v/σ²)/Σ(1/σ²) over the samples' variances σ² ([`Input::with_variance`](crate::Input::with_variance), which every input must have); w only
    /// tells which samples are there. A sample of variance 0, whose weight is undefined, is left out.
    InverseVariance,
}

impl Combine {
    /// Whether samples are weighed by their variance.
    pub(crate) fn needs_variance(self) -> bool {
        self == Combine::InverseVariance
    }

    fn validate(self) -> Result<(), Error> {
        match self {
            // False for NaN.
            Combine::Clipped(Clip { low, high, .. }) if !(low > 0.0 && high > 0.0) => Err(Error::Option {
                option: "combine",
                got: format!("Clipped with low {low}, high {high}"),
                expected: "numbers of standard deviations above 0; infinity clips nothing on that side".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

/// How outliers among the samples of a pixel are found, as astropy.stats.sigma_clip does: as often as `iterations` says, or until nothing
/// changes, samples below c - `low` s or above c + `high` s are left out, c being the median and s the standard deviation (of the
/// population, divided by n) of what is left; the last bounds decide over all samples. Weights have no part in it. Infinite samples are always left out.
///
/// A pixel all of whose samples are clipped (two samples and less than 1 s) gets [`Options::blank`] and footprint 0.
///
/// ```
/// use skymosaic::{Clip, Combine, Options};
/// let options = Options::default().combine(Combine::Clipped(Clip::default().high(2.5).iterations(10)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Clip {
    /// Standard deviations below the median that are kept: above 0. Default: 3.
    pub low: f64,
    /// Standard deviations above the median that are kept: above 0. Default: 3.
    pub high: f64,
    /// How often samples are clipped at most; 0 clips none but infinite ones. Default: 5.
    pub iterations: usize,
}

impl Default for Clip {
    fn default() -> Self {
        Clip { low: 3.0, high: 3.0, iterations: 5 }
    }
}

impl Clip {
    setters! { low: f64, high: f64, iterations: usize }
}

/// What a missing input pixel (NaN, BLANK or weight 0) does to a sample that gives it a non-zero kernel weight.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Missing {
    /// The sample is missing too.
    #[default]
    Spoil,
    /// The sample is made of the pixels that are there, their kernel weights scaled to sum to 1, if they
    /// summed to `min_weight` or more (of 1); missing otherwise. Weights of negative lobes count as they are, negative.
    Renormalize {
        /// Smallest part of the kernel that must be there: above 0, at most 1.
        min_weight: f64,
    },
}

/// Whether the backgrounds of the inputs are brought to a common level, as the parameter `match_background` of
/// reproject_and_coadd does and Montage's mDiffExec, mFitExec and mBgModel do.
///
/// The differences between inputs are measured where they overlap, in the output's pixels where both have a sample, and from them the
/// corrections follow by least squares. They are subtracted from the samples, whatever the kernel and the combination; weights play no part beyond
/// saying where there are samples. Each plane of a cube has its own. [`Summary::backgrounds`](crate::Summary::backgrounds) tells them.
///
/// Overlaps measure differences only: the corrections of each group of inputs that overlaps connect have mean zero (planes: each of the three
/// coefficients), or are zero for the reference in its group. An input that overlaps no other is left as it is.
///
/// A pair keeps the differences of 65 536 output pixels at most, and fewer where many pairs are in work at once; beyond, a
/// hash of the pixel picks them. An input is compared with 32 later ones at most, which a hash picks too: deep stacks need no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MatchBackground {
    /// No: inputs are taken as they are.
    #[default]
    None,
    /// A constant is subtracted from each input. The difference of a pair is the median over its overlap.
    Constant(Matching),
    /// A plane in the output's pixels is subtracted from each input. The difference of a pair is a robust plane: least squares with
    /// Tukey's biweight from the plane of least median residual (an MM-estimate, Yohai 1987), which outliers spoil only if they are nearly half. Slopes that an overlap does not determine, being one row, say, do not count.
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
#[non_exhaustive]
pub struct Matching {
    /// The input, by its position from 0, that stays as it is; `None` for mean zero. Default: `None`.
    pub reference: Option<usize>,
    /// How much each pair counts. Default: [`PairWeight::Pixels`].
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

/// How much the difference of a pair counts in the least squares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PairWeight {
    /// As many times as the overlap has pixels: the inverse of its variance.
    #[default]
    Pixels,
    /// Once, as in reproject.
    Equal,
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
