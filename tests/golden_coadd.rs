//! Every case of tests/golden/coadd (see make_coadd.py there) through the public interface, in f64 and f32, pixel by pixel.
//!
//! The positions are exact: the approximated ones have a test of their own.

mod common;

use common::{Golden, Worst, worst};
use ndarray::{ArrayD, Dimension, IxDyn};
use serde_json::Value;
use skymosaic::{Combine, CoordinateError, Hdu, Header, Input, Options, Pixel, Resample, Wcs, reproject_and_coadd};

fn resample(case: &Value) -> Resample {
    match case["resample"].as_str() {
        Some("nearest") => Resample::Nearest,
        Some("bilinear") => Resample::Bilinear,
        other => panic!("resample {other:?}"),
    }
}

fn combine(case: &Value) -> Combine {
    match case["combine"].as_str() {
        Some("mean") => Combine::Mean,
        Some("sum") => Combine::Sum,
        Some("first") => Combine::First,
        Some("last") => Combine::Last,
        Some("min") => Combine::Min,
        Some("max") => Combine::Max,
        Some("median") => Combine::Median,
        other => panic!("combine {other:?}"),
    }
}

/// The mosaic and footprint that a case asks for; the buffers hold rubbish before.
fn run<T: Pixel + From<f32> + Into<f64>>(golden: &Golden, case: &Value) -> (ArrayD<f64>, ArrayD<f64>) {
    let target = std::fs::read_to_string(golden.path(&case["target"])).unwrap();
    let target = Wcs::from_header(&Header::parse(&target).unwrap()).unwrap();
    let shape: Vec<usize> = case["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
    let given = case["inputs"].as_array().unwrap();
    let weights: Vec<Option<ArrayD<f64>>> = given
        .iter()
        .map(|input| {
            input["weights"]
                .as_str()
                .is_some_and(|file| file.ends_with(".npy"))
                .then(|| golden.array(&input["weights"]))
        })
        .collect();
    let inputs: Vec<Input<'_>> = given
        .iter()
        .zip(&weights)
        .map(|(input, weights)| {
            let image = Input::from_fits(golden.path(&input["file"]), &Hdu::default()).unwrap();
            match weights {
                Some(weights) => image.with_weights(weights.view()),
                None if input["weights"].is_null() => image,
                None => image.with_weights_fits(golden.path(&input["weights"]), &Hdu::default()).unwrap(),
            }
        })
        .collect();
    let options =
        Options::default().resample(resample(case)).combine(combine(case)).coordinate_error(CoordinateError::Exact);
    let mut output = ArrayD::<T>::from_elem(IxDyn(&shape), T::from(-7.0));
    let mut footprint = output.clone();
    reproject_and_coadd(&inputs, &target, output.view_mut(), footprint.view_mut(), &options).unwrap();
    (output.mapv(Into::into), footprint.mapv(Into::into))
}

/// Runs all cases and says what went wrong in each, with the worst pixel, before failing.
fn check<T: Pixel + From<f32> + Into<f64>>(round: impl Fn(f64) -> f64, bilinear: f64, nearest: f64) {
    let golden = Golden::open("coadd");
    let mut failures = Vec::new();
    let mut all = Worst { relative: 0.0, at: vec![], got: 0.0, wanted: 0.0 };
    for case in golden.cases().iter().filter(|case| case["name"] != "points") {
        let name = case["name"].as_str().unwrap();
        let is_nearest = case["resample"] == "nearest";
        let listed = |key: &str, at: &[usize]| {
            let [y, x] = at[at.len() - 2..] else { return false };
            case[key].as_array().unwrap().iter().any(|pixel| pixel[0] == y && pixel[1] == x)
        };
        let undecided =
            |at: &[usize]| listed("edges", at) || listed("zero_weight_nan", at) || is_nearest && listed("ties", at);
        let (output, footprint) = run::<T>(&golden, case);
        let wanted = golden.array(&case["output"]).mapv(&round);
        let wanted_footprint = match &case["footprint"] {
            Value::Null => wanted.mapv(|value| f64::from(u8::from(!value.is_nan()))),
            file => golden.array(file).mapv(&round),
        };
        // Where reproject lets a missing pixel of weight 0 spoil the sample, ours is there.
        for (at, value) in output.indexed_iter() {
            let at = at.as_array_view().to_vec();
            assert!(!(listed("zero_weight_nan", &at) && value.is_nan()), "{name}: missing at {at:?}");
        }
        // A mean or weighted sum of exact samples is not exact in itself.
        let combined =
            matches!(case["combine"].as_str(), Some("mean" | "sum" | "median")) && !case["footprint"].is_null();
        let limit = match (is_nearest, combined) {
            (true, false) => 0.0,
            (true, true) => nearest,
            (false, _) => bilinear,
        };
        let pixel = worst(output.view(), wanted.view(), undecided);
        let cover = worst(footprint.view(), wanted_footprint.view(), undecided);
        let count = |key: &str| case[key].as_array().unwrap().len();
        println!(
            "{name}: {pixel}; footprint {:.1e}; left out: {} ties, {} at edges, {} with a missing pixel of weight 0",
            cover.relative,
            if is_nearest { count("ties") } else { 0 },
            count("edges"),
            count("zero_weight_nan")
        );
        if pixel.relative > limit {
            failures.push(format!("{name}: {pixel}, limit {limit:.0e}"));
        }
        if cover.relative > bilinear {
            failures.push(format!("{name}: footprint: {cover}"));
        }
        if pixel.relative > all.relative {
            all = pixel;
        }
    }
    println!("of all: {all}");
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn f64_equals_reproject() {
    check::<f64>(|value| value, 1e-9, 4.0 * f64::EPSILON);
}

#[test]
fn f32_equals_reproject() {
    check::<f32>(|value| f64::from(value as f32), 1e-5, 1e-6);
}
