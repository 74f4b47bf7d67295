//! Kernels and their parameters.

use clap::{Args, ValueEnum};
use skymosaic::{Adaptive, AdaptiveKernel, Boundary, Drizzle, DrizzleKernel, Flux, Missing, Options, Resample};

use crate::{Failure, args::RESAMPLE};

/// What `--missing renormalize` asks for if it does not say how much.
const MIN_WEIGHT: f64 = 0.5;

/// Arguments of `mosaic` about resampling.
#[derive(Args, Debug)]
pub(crate) struct Kernel {
    /// Resampling kernel
    #[arg(long, value_name = "KERNEL", default_value = "bilinear", value_parser = RESAMPLE)]
    resample: Resample,
    /// What is kept where pixels differ in size: surface brightness, or flux where pixels are counts
    #[arg(long, value_name = "WHAT", default_value = "surface-brightness")]
    flux: FluxName,
    /// Widen kernels that interpolate where output pixels are larger than those of the input
    #[arg(long)]
    antialias: bool,
    /// What a missing pixel does to a sample that needs it: make it missing too, or let the valid pixels stand in if they hold that much of the kernel
    /// (0 to 1; without a number 0.5). Default: propagate. Not with drizzle, where missing pixels give nothing
    #[arg(long, value_name = "propagate|renormalize[=MIN]", value_parser = missing)]
    missing: Option<Missing>,
    /// With drizzle: side of the drops in input pixels. Default: 1
    #[arg(long, value_name = "FRACTION", allow_negative_numbers = true)]
    pixfrac: Option<f64>,
    /// With drizzle: shape of the drops. Default: square
    #[arg(long, value_name = "SHAPE")]
    drizzle_kernel: Option<Drop>,
    /// With adaptive: the filter. Default: gaussian
    #[arg(long, value_name = "FILTER")]
    adaptive_kernel: Option<Filter>,
    /// With adaptive's Gaussian: its width in output pixels. Default: 1.3
    #[arg(long, value_name = "PX", allow_negative_numbers = true)]
    kernel_width: Option<f64>,
    /// With adaptive's Gaussian: side of the region that counts, in output pixels. Default: 4
    #[arg(long, value_name = "PX", allow_negative_numbers = true)]
    sample_region_width: Option<f64>,
    /// With adaptive: Jacobians between the edges of output pixels, not between the centres of their neighbours
    #[arg(long)]
    center_jacobian: bool,
    /// With adaptive: replace Jacobians that stand out
    #[arg(long)]
    despike_jacobian: bool,
    /// With adaptive: at the edges of an image, strict, ignore, ignore-threshold=PART, nearest, constant=VALUE or grid-constant=VALUE.
    /// Default: strict
    #[arg(long, value_name = "RULE", value_parser = boundary)]
    boundary: Option<Boundary>,
    /// With adaptive: the images go around along x, as maps of the whole sky
    #[arg(long)]
    x_cyclic: bool,
    /// With adaptive: the images go around along y
    #[arg(long)]
    y_cyclic: bool,
    /// With adaptive: a value to stand in for missing pixels
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    bad_fill: Option<f64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FluxName {
    /// A sample is the value at a place
    SurfaceBrightness,
    /// A sample is multiplied by the area of the output pixel in input pixels
    Conserve,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Drop {
    /// The pixel, shrunk
    Square,
    /// All in one output pixel
    Point,
    /// A square along the output's axes
    Turbo,
    /// A bell
    Gaussian,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Filter {
    /// Less aliasing
    Gaussian,
    /// Less blur
    Hann,
}

impl Kernel {
    /// The options with what was asked for; an option that the kernel does not use is refused.
    pub(crate) fn options(&self, options: Options) -> Result<Options, Failure> {
        let adaptive = matches!(self.resample, Resample::Adaptive(_));
        let drizzle = matches!(self.resample, Resample::Drizzle(_));
        let area = adaptive || drizzle || self.resample == Resample::Exact;
        let gaussian = adaptive && self.adaptive_kernel != Some(Filter::Hann);
        let filled = self.bad_fill.is_some();
        let points = self.drizzle_kernel == Some(Drop::Point);
        let given = [
            ("--antialias", self.antialias, !area, "kernels that interpolate: exact, adaptive and drizzle never alias"),
            (
                "--missing",
                self.missing.is_some(),
                !drizzle,
                "kernels other than drizzle, where missing pixels give nothing",
            ),
            ("--missing", self.missing.is_some(), !filled, "pixels that nothing stands in for, so not with --bad-fill"),
            ("--pixfrac", self.pixfrac.is_some(), drizzle, "--resample drizzle"),
            ("--pixfrac", self.pixfrac.is_some(), !points, "drops that have a size, not with --drizzle-kernel point"),
            ("--drizzle-kernel", self.drizzle_kernel.is_some(), drizzle, "--resample drizzle"),
            ("--adaptive-kernel", self.adaptive_kernel.is_some(), adaptive, "--resample adaptive"),
            ("--kernel-width", self.kernel_width.is_some(), gaussian, "the Gaussian of --resample adaptive"),
            (
                "--sample-region-width",
                self.sample_region_width.is_some(),
                gaussian,
                "the Gaussian of --resample adaptive",
            ),
            ("--center-jacobian", self.center_jacobian, adaptive, "--resample adaptive"),
            ("--despike-jacobian", self.despike_jacobian, adaptive, "--resample adaptive"),
            ("--boundary", self.boundary.is_some(), adaptive, "--resample adaptive"),
            ("--x-cyclic", self.x_cyclic, adaptive, "--resample adaptive"),
            ("--y-cyclic", self.y_cyclic, adaptive, "--resample adaptive"),
            ("--bad-fill", filled, adaptive, "--resample adaptive"),
        ];
        if let Some((option, _, _, what)) = given.iter().find(|(_, given, used, _)| *given && !used) {
            return Err(Failure::usage(format!("{option} goes with {what}")));
        }
        let flux = match self.flux {
            FluxName::SurfaceBrightness => Flux::SurfaceBrightness,
            FluxName::Conserve => Flux::Conserve,
        };
        let options = options.resample(self.resample()).flux(flux).antialias(self.antialias);
        let options = options.missing(self.missing.unwrap_or_default());
        options.validate().map_err(|error| Failure::usage(error.to_string()))?;
        Ok(options)
    }

    fn resample(&self) -> Resample {
        match self.resample {
            Resample::Drizzle(drizzle) => Resample::Drizzle(self.drizzle(drizzle)),
            Resample::Adaptive(adaptive) => Resample::Adaptive(self.adaptive(adaptive)),
            other => other,
        }
    }

    fn drizzle(&self, drizzle: Drizzle) -> Drizzle {
        let kernel = match self.drizzle_kernel {
            None => drizzle.kernel,
            Some(Drop::Square) => DrizzleKernel::Square,
            Some(Drop::Point) => DrizzleKernel::Point,
            Some(Drop::Turbo) => DrizzleKernel::Turbo,
            Some(Drop::Gaussian) => DrizzleKernel::Gaussian,
        };
        drizzle.pixfrac(self.pixfrac.unwrap_or(drizzle.pixfrac)).kernel(kernel)
    }

    fn adaptive(&self, adaptive: Adaptive) -> Adaptive {
        let kernel = match self.adaptive_kernel {
            None => adaptive.kernel,
            Some(Filter::Gaussian) => AdaptiveKernel::Gaussian,
            Some(Filter::Hann) => AdaptiveKernel::Hann,
        };
        adaptive
            .kernel(kernel)
            .kernel_width(self.kernel_width.unwrap_or(adaptive.kernel_width))
            .sample_region_width(self.sample_region_width.unwrap_or(adaptive.sample_region_width))
            .center_jacobian(self.center_jacobian)
            .despike_jacobian(self.despike_jacobian)
            .boundary(self.boundary.unwrap_or(adaptive.boundary))
            .x_cyclic(self.x_cyclic)
            .y_cyclic(self.y_cyclic)
            .bad_fill(self.bad_fill)
    }
}

/// A name, and what follows it after an equals sign.
fn named(text: &str) -> (&str, Option<&str>) {
    text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)))
}

fn missing(text: &str) -> Result<Missing, String> {
    let part = |text: &str| text.parse().ok().filter(|part| *part > 0.0 && *part <= 1.0);
    let wrong = || "expected propagate, renormalize, or renormalize=MIN with MIN above 0, at most 1".to_owned();
    match named(text) {
        ("propagate", None) => Ok(Missing::Propagate),
        ("renormalize", None) => Ok(Missing::Renormalize { min_weight: MIN_WEIGHT }),
        ("renormalize", Some(min)) => Ok(Missing::Renormalize { min_weight: part(min).ok_or_else(wrong)? }),
        _ => Err(wrong()),
    }
}

fn boundary(text: &str) -> Result<Boundary, String> {
    let wrong = || {
        "expected strict, ignore, ignore-threshold=PART (0 to 1), nearest, constant=VALUE or grid-constant=VALUE"
            .to_owned()
    };
    let (name, value) = named(text);
    let number = value.map(|value| value.parse().map_err(|_| wrong())).transpose()?;
    match (name, number) {
        ("strict", None) => Ok(Boundary::Strict),
        ("ignore", None) => Ok(Boundary::Ignore),
        ("nearest", None) => Ok(Boundary::Nearest),
        ("ignore-threshold", Some(threshold)) => Ok(Boundary::IgnoreThreshold { threshold }),
        ("constant", Some(value)) => Ok(Boundary::Constant { value }),
        ("grid-constant", Some(value)) => Ok(Boundary::GridConstant { value }),
        _ => Err(wrong()),
    }
}
