//! The adaptive kernel against reproject_adaptive: cases of tests/golden/kernels (see make_kernels.py there), pixel by pixel.

mod common;
mod naive;

use common::{Golden, Worst, worst};
use naive::{
    Image,
    adaptive::{self, Kernel},
};
use ndarray::ArrayD;
use serde_json::Value;
use skymosaic::{
    Adaptive, AdaptiveKernel, Boundary, CoordinateError, FitsImage, Flux, Hdu, Header, Input, Missing, Options, Pixel,
    Resample, Wcs, WcsMap, reproject_and_coadd,
};

/// The options of a case under our names.
fn options(given: &Value) -> Options {
    let number = |key: &str| given[key].as_f64();
    let (value, threshold) = (number("boundary_fill_value").unwrap_or(0.0), number("boundary_ignore_threshold"));
    let adaptive = Adaptive::default()
        .kernel(match given["kernel"].as_str() {
            Some("hann") => AdaptiveKernel::Hann,
            Some("gaussian") | None => AdaptiveKernel::Gaussian,
            other => panic!("{other:?}"),
        })
        .kernel_width(number("kernel_width").unwrap_or(1.3))
        .sample_region_width(number("sample_region_width").unwrap_or(4.0))
        .center_jacobian(given["center_jacobian"].as_bool().unwrap_or(false))
        .despike_jacobian(given["despike_jacobian"].as_bool().unwrap_or(false))
        .x_cyclic(given["x_cyclic"].as_bool().unwrap_or(false))
        .y_cyclic(given["y_cyclic"].as_bool().unwrap_or(false))
        .boundary(match given["boundary_mode"].as_str() {
            Some("strict") | None => Boundary::Strict,
            Some("constant") => Boundary::Constant { value },
            Some("grid-constant") => Boundary::GridConstant { value },
            Some("ignore") => Boundary::Ignore,
            Some("ignore_threshold") => Boundary::IgnoreThreshold { threshold: threshold.unwrap_or(0.5) },
            Some("nearest") => Boundary::Nearest,
            other => panic!("{other:?}"),
        });
    let (bad_fill, missing) = match given["bad_value_mode"].as_str() {
        Some("strict") | None => (None, Missing::Propagate),
        Some("ignore") => (None, Missing::Renormalize { min_weight: f64::MIN_POSITIVE }),
        Some("constant") => (number("bad_fill_value"), Missing::Propagate),
        other => panic!("{other:?}"),
    };
    let flux = if given["conserve_flux"] == true { Flux::Conserve } else { Flux::SurfaceBrightness };
    Options::default()
        .resample(Resample::Adaptive(adaptive.bad_fill(bad_fill)))
        .missing(missing)
        .flux(flux)
        .coordinate_error(CoordinateError::Exact)
}

fn target(golden: &Golden, case: &Value) -> Wcs {
    let text = std::fs::read_to_string(golden.path(&case["target"])).unwrap();
    Wcs::from_header(&Header::parse(&text).unwrap()).unwrap()
}

fn shape(case: &Value) -> Vec<usize> {
    case["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

fn run<T: Pixel>(golden: &Golden, case: &Value, options: &Options) -> ArrayD<f64> {
    let input = Input::from_fits(golden.path(&case["inputs"][0]["file"]), &Hdu::default()).unwrap();
    let mut output = ArrayD::<T>::from_elem(shape(case), T::NAN);
    let mut footprint = output.clone();
    reproject_and_coadd(&[input], &target(golden, case), output.view_mut(), footprint.view_mut(), options).unwrap();
    assert!(output.iter().zip(&footprint).all(|(v, f)| f.to_f64() == f64::from(u8::from(!v.to_f64().is_nan()))));
    output.mapv(|v| v.to_f64())
}

/// The naive version of the same.
fn naive_run(golden: &Golden, case: &Value, options: &Options) -> ArrayD<f64> {
    let path = golden.path(&case["inputs"][0]["file"]);
    let fits = FitsImage::open(&path, &Hdu::default()).unwrap();
    let [ny, nx] = [fits.shape()[0], fits.shape()[1]];
    let image = Image::new(fits.read::<f64>().unwrap().into_iter().collect(), ny, nx);
    let input = Wcs::from_header(fits.header()).unwrap();
    let map = WcsMap::new(&target(golden, case), &input).unwrap();
    let shape = shape(case);
    let kernel = Kernel::new(options);
    ArrayD::from_shape_vec(shape.clone(), adaptive::image(&image, &map, [shape[0], shape[1]], &kernel)).unwrap()
}

#[test]
fn equals_reproject() {
    let golden = Golden::open("kernels");
    let mut failures = Vec::new();
    let mut check = |what: String, worst: &Worst, limit: f64| {
        println!("{what}: {worst}");
        if worst.relative > limit {
            failures.push(format!("{what}: {worst}"));
        }
    };
    let cases: Vec<_> = golden.cases().iter().filter(|case| case["kernel"] == "adaptive").collect();
    assert_eq!(cases.len(), 44);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let options = options(&case["options"]);
        let wanted = golden.array(&case["output"]);
        assert!(wanted.iter().filter(|v| !v.is_nan()).count() > 50, "{name}");
        let got = run::<f64>(&golden, case, &options);
        let naive = naive_run(&golden, case, &options);
        check(format!("{name}, naive version"), &worst(got.view(), naive.view(), |_| false), 1e-12);
        if name.ends_with("_mirrored_reproject_wrong") {
            let off = worst(got.view(), wanted.view(), |_| false);
            assert!(off.relative > 0.01, "{name}: reproject has become right: {off}");
        } else {
            check(format!("{name}, reproject"), &worst(got.view(), wanted.view(), |_| false), 1e-10);
        }
        let single = run::<f32>(&golden, case, &options);
        assert!(single.iter().zip(&got).all(|(s, d)| s.to_bits() == f64::from(*d as f32).to_bits()), "{name}");
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
