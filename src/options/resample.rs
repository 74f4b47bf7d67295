//! The resampling kernels and their parameters.

/// The resampling kernels.
///
/// All kernels that interpolate treat the edges of an image in the same way: a position in the outer half pixel gets the value at the nearest
/// position between the centres of the edge pixels, and pixels beyond the edge are mirrored (d c b | a b c d | c b a). Their samples have coverage 1. Input
/// weights are interpolated linearly (by the nearest pixel for [`Nearest`](Self::Nearest)), because negative lobes of a kernel would give negative weights.
///
#[doc = include_str!("../../docs/accuracy.md")]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Resample {
    /// The value of the pixel whose centre is nearest; of two at the same distance, that with the larger index. Support 0.5 pixel.
    Nearest,
    /// Linear interpolation in x and y between the four nearest pixels. Support 1 pixel.
    #[default]
    Bilinear,
    /// The B-spline of degree 2 that passes through the pixels (reproject's `biquadratic`, scipy's order 2). Its support is 1.5 pixels on coefficients
    /// that depend on the surrounding pixels with weights of 0.17^distance. To compute the coefficients, missing and infinite pixels are replaced by the mean,
    /// weighted by 1/distance, of the nearest valid pixels to the left, right, below and above. A sample is missing, or renormalised, if one of the
    /// 3 × 3 pixels around it is missing. For samples in `f32`, pixels more than 15 pixels from a coefficient are ignored, which changes
    /// samples by at most 3e-9 of the pixels' values, a twentieth of their rounding.
    Biquadratic,
    /// The B-spline of degree 3 that passes through the pixels (reproject's `bicubic`, scipy's order 3). Its support is 2 pixels on coefficients that
    /// depend on the surrounding pixels with weights of 0.27^distance. Missing pixels and samples in `f32` are treated as for
    /// [`Biquadratic`](Self::Biquadratic), with 4 × 4 pixels around a sample.
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
    /// The mean of the input pixels, weighted by the areas in which they overlap the output pixel, as computed by reproject_exact and Montage's mProject. The
    /// coverage is the fraction of the output pixel's area that valid input pixels overlap.
    ///
    /// Pixels are spherical polygons whose corners are joined by great circles. Where areas in the plane of the input's pixels agree with these within the
    /// bound on the coordinates, they are used instead. For an input whose [`PixelMap`](crate::PixelMap) does not lead to the sky, all areas are taken in
    /// the plane of its pixels, and output pixels that a seam of the map crosses get no sample.
    Exact,
    /// Drizzle (Fruchter & Hook 2002, PASP 114, 144), as in the Python package drizzle.
    Drizzle(Drizzle),
    /// A filter that is fitted to the shape of each output pixel (DeForest 2004, Solar Physics 219, 3), as in reproject_adaptive.
    Adaptive(Adaptive),
}

/// Parameters of drizzle. Each input pixel is shrunk to a drop of side `pixfrac`, whose value is distributed over the output pixels that
/// it overlaps. The value of an output pixel is Σ a w d / Σ a w over the drops and its coverage is Σ a w, where a is the fraction of a drop that falls on
/// the pixel, w the weight of the input pixel (1 without weights) and d its value. Inputs that are combined by [`Combine::Mean`](crate::Combine::Mean)
/// are drizzled into one image, with the footprint as its weight image.
///
/// Missing pixels make no drops, whatever [`Options::missing`](crate::Options::missing) says. Weights must have the pixel grid of their image.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Drizzle {
    /// Side of a drop in input pixels: above 0, at most 1; [`DrizzleKernel::Point`] does not use it. Default: 1.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
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

/// The shapes of the drops of [`Drizzle`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum DrizzleKernel {
    /// The input pixel, shrunk about its centre: a quadrilateral whose corners are mapped to the output and joined by straight lines.
    #[default]
    Square,
    /// A point: the whole drop falls on the output pixel that contains the centre of the input pixel.
    Point,
    /// A square with the area of the drop, whose sides are parallel to the axes of the output.
    Turbo,
    /// A Gaussian whose full width at half maximum is `pixfrac`, evaluated at the centres of the output pixels up to 2.5 σ, and at least 1.2 input pixels,
    /// from its centre along each axis.
    Gaussian,
}

/// Parameters of adaptive resampling (DeForest 2004, Solar Physics 219, 3). A sample is the mean of the input pixels around its position, weighted by a
/// kernel that has the shape of the output pixel in the input, but is in no direction smaller than an input pixel. It interpolates smoothly where the output is
/// finer than the input, and averages without aliasing where it is coarser.
///
/// The shape follows from the Jacobian of the map, J = U diag(s0, s1) Vᵀ, whose singular values are raised to at least 1. Samples have coverage 1.
/// [`Options::missing`](crate::Options::missing) is applied to all pixels in the region of the kernel; reproject's `bad_value_mode='ignore'` is
/// [`Missing::Renormalize`](crate::Missing::Renormalize) with the smallest positive `min_weight`, with which infinite pixels are missing too. Input weights are averaged by the same
/// kernel. [`Flux::Conserve`] multiplies samples by |det J|.
///
/// Results are equal to those of reproject_adaptive, with one exception: for mirrored maps, reproject takes a negative singular value for a small
/// one. Next to a seam of the map or to undefined positions, the Jacobian is computed on the side of the pixel, unless the image is declared periodic along that axis.
/// Towards the horizon of a projection kernels grow without bound; positions outside of an image with a WCS are therefore used only where output pixels are at most 4 times
/// as long as at the reference pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Adaptive {
    /// The kernel. Default: [`AdaptiveKernel::Gaussian`].
    pub kernel: AdaptiveKernel,
    /// Width of the Gaussian, exp(-2 d² / width²), in output pixels, above 0; the Hann kernel does not use it. Default: 1.3.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
    pub kernel_width: f64,
    /// Side of the region around the position whose pixels count, in (padded) output pixels, above 0; the Hann kernel ends by itself. Default: 4.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
    pub sample_region_width: f64,
    /// Whether the Jacobian is computed from differences between the edges of the output pixel, rather than between the centres of its neighbours. This is more
    /// accurate for maps that change from pixel to pixel, and slower. Default: `false`.
    pub center_jacobian: bool,
    /// Whether a Jacobian whose square is above 10 times the lower quartile of the 3 × 3 output pixels around is replaced by the mean of
    /// those that are not: for maps with singular points. Default: `false`.
    pub despike_jacobian: bool,
    /// How samples are computed whose region reaches beyond the image. Default: [`Boundary::Strict`].
    pub boundary: Boundary,
    /// Whether the image is periodic along x: its first column follows its last, as on maps of the whole sky. Positions are then taken modulo the width of
    /// the image, [`boundary`](Self::boundary) does not apply to this axis, and Jacobians are continuous across the seam. Weights with a WCS of their own are
    /// periodic in the same way. Output pixels must be shorter than half of the image. Default: `false`.
    pub x_cyclic: bool,
    /// Whether the image is periodic along y, as for [`x_cyclic`](Self::x_cyclic). Default: `false`.
    pub y_cyclic: bool,
    /// A value that replaces missing and infinite pixels (reproject's `bad_value_mode='constant'`); input weights of 0 stay 0. Default: none, so that
    /// [`Options::missing`](crate::Options::missing) applies.
    #[cfg_attr(feature = "serde", serde(with = "crate::floats::optional"))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum AdaptiveKernel {
    /// Better photometry and less aliasing, at the price of some blur.
    #[default]
    Gaussian,
    /// (1 + cos πu)(1 + cos πv) up to one output pixel from the centre along each axis.
    Hann,
}

/// How [`Adaptive`] computes samples whose region reaches beyond the image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Boundary {
    /// They are missing.
    #[default]
    Strict,
    /// Pixels outside of the image have a constant value. The sample is missing if the whole region is outside. The input weight of a sample is the mean
    /// over the pixels inside.
    Constant {
        /// The value outside.
        #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
        value: f64,
    },
    /// Pixels outside of the image have a constant value, which is also the sample if the whole region is outside: there is a sample wherever the map is
    /// defined. The input weight of a sample is the mean over the pixels inside.
    GridConstant {
        /// The value outside.
        #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
        value: f64,
    },
    /// The kernel is normalised over the pixels inside the image. The sample is missing if the whole region is outside.
    Ignore,
    /// As [`Ignore`](Self::Ignore), but the sample is also missing if more than `threshold` of the kernel's weight lies outside.
    IgnoreThreshold {
        /// The largest part of the weight that may lie outside, 0 to 1. reproject's default is 0.5.
        #[cfg_attr(feature = "serde", serde(with = "crate::floats"))]
        threshold: f64,
    },
    /// Each pixel outside of the image has the value of the nearest pixel inside, also if the whole region is outside: there is a sample wherever the map
    /// is defined.
    Nearest,
}

/// The quantity that interpolating kernels conserve where input and output pixels differ in size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Flux {
    /// Surface brightness: a sample is the value of the input at a point.
    #[default]
    SurfaceBrightness,
    /// Flux: pixels are counts, and their sum over a source is conserved. A sample is multiplied by the area of the output pixel in input pixels,
    /// |∂(x, y)/∂(u, v)|, computed from central differences between the edges of the output pixel. Where the area is undefined the sample is missing.
    ///
    /// [`Resample::Exact`] distributes the counts of each input pixel by area, which conserves them to rounding. [`Resample::Drizzle`] divides the value of each
    /// input pixel by its area in output pixels.
    Conserve,
}
