//! Options from a dictionary, which `skymosaic._options` fills.

use std::num::NonZeroUsize;

use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};
use skymosaic::{
    Adaptive, AdaptiveKernel, Boundary, Clip, Combine, CoordinateError, Drizzle, DrizzleKernel, Flux, Intermediate,
    MatchBackground, Matching, Missing, Options, PairWeight, Parallel, Resample, SpectralInterpolation,
};

/// Entries taken out of a dictionary one by one, so that what nobody wants is noticed.
struct Entries<'py>(Bound<'py, PyDict>);

impl<'py> Entries<'py> {
    fn get<T: for<'a> FromPyObject<'a, 'py, Error = PyErr>>(&self, name: &str) -> PyResult<Option<T>> {
        let Some(value) = self.0.get_item(name)? else { return Ok(None) };
        self.0.del_item(name)?;
        if value.is_none() { Ok(None) } else { value.extract().map(Some) }
    }

    fn text(&self, name: &str) -> PyResult<Option<String>> {
        self.get(name)
    }

    fn number(&self, name: &str, default: f64) -> PyResult<f64> {
        Ok(self.get(name)?.unwrap_or(default))
    }

    fn flag(&self, name: &str) -> PyResult<bool> {
        Ok(self.get(name)?.unwrap_or(false))
    }
}

fn refuse<T>(name: &str, got: &str, expected: &str) -> PyResult<T> {
    Err(PyValueError::new_err(format!("{name} = {got:?}: expected one of {expected}")))
}

pub(crate) fn options(dictionary: &Bound<'_, PyDict>) -> PyResult<Options> {
    let entries = Entries(dictionary.copy()?);
    let mut options = Options::default()
        .resample(resample(&entries)?)
        .combine(combine(&entries)?)
        .match_background(match_background(&entries)?)
        .antialias(entries.flag("antialias")?)
        .blank(entries.number("blank", f64::NAN)?)
        .flux(if entries.flag("conserve_flux")? { Flux::Conserve } else { Flux::SurfaceBrightness });
    if let Some(min_weight) = entries.get("min_weight")? {
        options.missing = Missing::Renormalize { min_weight };
    }
    options.intermediate = match entries.text("intermediate")?.as_deref() {
        None | Some("none") => Intermediate::None,
        Some("memory") => Intermediate::Memory,
        Some("mapped") => Intermediate::Mapped { dir: None },
        Some(other) => return refuse("intermediate", other, "'none', 'memory', 'mapped'"),
    };
    options.parallel = parallel(entries.get("threads")?)?;
    options.memory_limit = entries.get("memory_limit")?;
    if entries.flag("nearest_planes")? {
        options.spectral_interpolation = SpectralInterpolation::Nearest;
    }
    options.exclude_bits = entries.get("exclude_bits")?.unwrap_or(0);
    if let Some(error) = entries.get::<f64>("coordinate_error")? {
        // 0 pixels off is exact.
        options.coordinate_error = if error == 0.0 { CoordinateError::Exact } else { CoordinateError::Pixels(error) };
    }
    match entries.0.keys().iter().next() {
        Some(unknown) => Err(PyValueError::new_err(format!("unknown option {unknown}"))),
        None => Ok(options),
    }
}

/// One thread, so many, or all there are.
pub(crate) fn parallel(threads: Option<usize>) -> PyResult<Parallel> {
    Ok(match threads.map(NonZeroUsize::new) {
        None => Parallel::Current,
        Some(Some(NonZeroUsize::MIN)) => Parallel::Serial,
        Some(Some(threads)) => Parallel::Threads(threads),
        Some(None) => return Err(PyValueError::new_err("parallel = 0: expected a bool or at least one thread")),
    })
}

fn resample(entries: &Entries<'_>) -> PyResult<Resample> {
    let name = entries.text("resample")?;
    Ok(match name.as_deref().unwrap_or("bilinear") {
        "nearest" => Resample::Nearest,
        "bilinear" => Resample::Bilinear,
        "biquadratic" => Resample::Biquadratic,
        "bicubic" => Resample::Bicubic,
        "cubic" => Resample::Cubic,
        "lanczos2" => Resample::Lanczos2,
        "lanczos3" => Resample::Lanczos3,
        "lanczos4" => Resample::Lanczos4,
        "lanczos5" => Resample::Lanczos5,
        "exact" => Resample::Exact,
        "adaptive" => Resample::Adaptive(adaptive(entries)?),
        "drizzle" => Resample::Drizzle(drizzle(entries)?),
        other => {
            let known = "'nearest', 'bilinear', 'biquadratic', 'bicubic', 'cubic', 'lanczos2' to 'lanczos5', 'exact', 'adaptive', 'drizzle'";
            return refuse("resample", other, known);
        }
    })
}

fn drizzle(entries: &Entries<'_>) -> PyResult<Drizzle> {
    let kernel = match entries.text("kernel")?.as_deref() {
        None | Some("square") => DrizzleKernel::Square,
        Some("point") => DrizzleKernel::Point,
        Some("turbo") => DrizzleKernel::Turbo,
        Some("gaussian") => DrizzleKernel::Gaussian,
        Some(other) => return refuse("kernel", other, "'square', 'point', 'turbo', 'gaussian'"),
    };
    Ok(Drizzle::default().kernel(kernel).pixfrac(entries.number("pixfrac", 1.0)?))
}

fn adaptive(entries: &Entries<'_>) -> PyResult<Adaptive> {
    let kernel = match entries.text("kernel")?.as_deref() {
        None | Some("gaussian") => AdaptiveKernel::Gaussian,
        Some("hann") => AdaptiveKernel::Hann,
        Some(other) => return refuse("kernel", other, "'gaussian', 'hann'"),
    };
    let value = entries.number("boundary_fill_value", 0.0)?;
    let threshold = entries.number("boundary_ignore_threshold", 0.5)?;
    let boundary = match entries.text("boundary_mode")?.as_deref() {
        None | Some("strict") => Boundary::Strict,
        Some("constant") => Boundary::Constant { value },
        Some("grid-constant") => Boundary::GridConstant { value },
        Some("ignore") => Boundary::Ignore,
        Some("ignore_threshold") => Boundary::IgnoreThreshold { threshold },
        Some("nearest") => Boundary::Nearest,
        Some(other) => {
            let known = "'strict', 'constant', 'grid-constant', 'ignore', 'ignore_threshold', 'nearest'";
            return refuse("boundary_mode", other, known);
        }
    };
    let defaults = Adaptive::default();
    Ok(defaults
        .kernel(kernel)
        .kernel_width(entries.number("kernel_width", defaults.kernel_width)?)
        .sample_region_width(entries.number("sample_region_width", defaults.sample_region_width)?)
        .center_jacobian(entries.flag("center_jacobian")?)
        .despike_jacobian(entries.flag("despike_jacobian")?)
        .boundary(boundary)
        .x_cyclic(entries.flag("x_cyclic")?)
        .y_cyclic(entries.flag("y_cyclic")?)
        .bad_fill(entries.get("bad_fill")?))
}

fn combine(entries: &Entries<'_>) -> PyResult<Combine> {
    Ok(match entries.text("combine")?.as_deref() {
        None | Some("mean") => Combine::Mean,
        Some("sum") => Combine::Sum,
        Some("first") => Combine::First,
        Some("last") => Combine::Last,
        Some("min") => Combine::Min,
        Some("max") => Combine::Max,
        Some("median") => Combine::Median,
        Some("weighted_median") => Combine::WeightedMedian,
        Some("inverse_variance") => Combine::InverseVariance,
        Some("clipped") => {
            let clip = Clip::default();
            let clip =
                clip.low(entries.number("sigma_lower", clip.low)?).high(entries.number("sigma_upper", clip.high)?);
            Combine::Clipped(clip.iterations(entries.get("maxiters")?.unwrap_or(clip.iterations)))
        }
        Some(other) => {
            let known = "'mean', 'sum', 'first', 'last', 'min', 'max', 'median', 'weighted_median', 'clipped', 'inverse_variance'";
            return refuse("combine", other, known);
        }
    })
}

fn match_background(entries: &Entries<'_>) -> PyResult<MatchBackground> {
    let mut matching = Matching::default();
    matching.reference = entries.get("background_reference")?;
    matching.weight = match entries.text("pair_weight")?.as_deref() {
        None | Some("pixels") => PairWeight::Pixels,
        Some("equal") => PairWeight::Equal,
        Some(other) => return refuse("pair_weight", other, "'pixels', 'equal'"),
    };
    Ok(match entries.text("match_background")?.as_deref() {
        None => MatchBackground::None,
        Some("constant") => MatchBackground::Constant(matching),
        Some("plane") => MatchBackground::Plane(matching),
        Some(other) => return refuse("match_background", other, "'constant', 'plane'"),
    })
}
