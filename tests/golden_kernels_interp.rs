//! Splines against reproject and Lanczos against SWarp: cases of tests/golden/kernels (see make_kernels.py there), pixel by pixel.

mod common;

use common::{Golden, Worst, worst};
use ndarray::ArrayD;
use serde_json::Value;
use skymosaic::{CoordinateError, Hdu, Header, Input, Options, Pixel, Resample, Wcs, reproject_and_coadd};

fn kernel(case: &Value) -> Option<Resample> {
    match (case["kernel"].as_str()?, case["options"]["order"].as_str(), case["options"]["RESAMPLING_TYPE"].as_str()) {
        ("spline", Some("biquadratic"), _) => Some(Resample::Biquadratic),
        ("spline", Some("bicubic"), _) => Some(Resample::Bicubic),
        ("swarp", _, Some("NEAREST")) => Some(Resample::Nearest),
        ("swarp", _, Some("BILINEAR")) => Some(Resample::Bilinear),
        ("swarp", _, Some("LANCZOS2")) => Some(Resample::Lanczos2),
        ("swarp", _, Some("LANCZOS3")) => Some(Resample::Lanczos3),
        ("swarp", _, Some("LANCZOS4")) => Some(Resample::Lanczos4),
        ("swarp" | "spline", ..) => panic!("{case}"),
        _ => None,
    }
}

fn run<T: Pixel>(golden: &Golden, case: &Value, resample: Resample) -> ArrayD<f64> {
    let target = std::fs::read_to_string(golden.path(&case["target"])).unwrap();
    let target = Wcs::from_header(&Header::parse(&target).unwrap()).unwrap();
    let shape: Vec<usize> = case["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
    let input = Input::from_fits(golden.path(&case["inputs"][0]["file"]), &Hdu::default()).unwrap();
    let options = Options::default().resample(resample).coordinate_error(CoordinateError::Exact);
    let mut output = ArrayD::<T>::from_elem(shape, T::NAN);
    let mut footprint = output.clone();
    reproject_and_coadd(&[input], &target, output.view_mut(), footprint.view_mut(), &options).unwrap();
    assert!(output.iter().zip(&footprint).all(|(v, f)| f.to_f64() == f64::from(u8::from(!v.to_f64().is_nan()))));
    output.mapv(|v| v.to_f64())
}

fn check(peer: &str, limit: f64, compare: impl Fn(&Golden, &Value, Resample) -> (Worst, usize)) {
    let golden = Golden::open("kernels");
    let mut failures = Vec::new();
    for case in golden.cases().iter().filter(|case| case["kernel"] == peer) {
        let Some(resample) = kernel(case) else { continue };
        let (worst, compared) = compare(&golden, case, resample);
        println!("{}: {worst}; {compared} pixels", case["name"]);
        if worst.relative > limit || compared < 50 {
            failures.push(format!("{}: {worst}; {compared} pixels", case["name"]));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn splines_equal_reproject() {
    check("spline", 1e-8, |golden, case, resample| {
        let wanted = golden.array(&case["output"]);
        let compared = wanted.iter().filter(|v| !v.is_nan()).count();
        (worst(run::<f64>(golden, case, resample).view(), wanted.view(), |_| false), compared)
    });
}

/// SWarp has no samples near edges, where its weight is 0; it writes f32.
#[test]
fn lanczos_equals_swarp() {
    check("swarp", 4e-7, |golden, case, resample| {
        let weight = golden.array(&case["weight"]);
        let output = run::<f64>(golden, case, resample);
        let nowhere = |at: &[usize]| {
            // Its nearest neighbour also fills pixels more than half a pixel outside of the image.
            weight[at] == 0.0 || resample == Resample::Nearest && output[at].is_nan()
        };
        let compared = weight.iter().filter(|w| **w > 0.0).count();
        (worst(output.view(), golden.array(&case["output"]).view(), nowhere), compared)
    });
}
