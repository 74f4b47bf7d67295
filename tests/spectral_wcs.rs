//! Spectral and other axes beyond the celestial ones against wcslib: values of pixels, and the same axis described by another type.
//!
//! The data come from `golden/make_spectral.py`.

use std::path::Path;

use serde_json::Value;
use skymosaic::{Header, Wcs};

/// Relative agreement of values, and agreement of pixels: what wcslib's own inversion of an air wavelength leaves.
const RELATIVE: f64 = 1e-12;
const PIXEL: f64 = 1e-6;

fn cases() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/spectral.json");
    let index: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    index["cases"].as_array().unwrap().clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn header(case: &Value) -> Header {
    Header::parse(case["header"].as_str().unwrap()).unwrap()
}

#[test]
fn values_agree_with_wcslib() {
    let mut worst = [(0.0, String::new()), (0.0, String::new())];
    for case in cases() {
        let wcs = Wcs::from_header(&header(&case)).unwrap();
        let [axis] = wcs.leading_axes() else { panic!("{}", case["header"]) };
        assert_eq!(axis.length(), Some(101));
        let (pixels, wanted) = (numbers(&case["pixel"]), numbers(&case["world"]));
        let mut got = pixels.clone();
        axis.pixel_to_world(&mut got).unwrap_or_else(|error| panic!("{error}: {}", case["header"]));
        // A velocity near 0 is the difference of large numbers.
        let scale = wanted.iter().fold(0.0, |scale: f64, value| scale.max(value.abs()));
        for (got, wanted) in got.iter().zip(&wanted) {
            let off = (got - wanted).abs() / scale;
            if off.is_nan() || off > worst[0].0 {
                worst[0] = (off, format!("{}: {got:?} instead of {wanted:?}", axis.ctype()));
            }
            assert!(off <= RELATIVE, "{}\n{}", worst[0].1, case["header"].as_str().unwrap());
        }
        let mut back = wanted.clone();
        axis.world_to_pixel(&mut back).unwrap();
        for (got, wanted) in back.iter().zip(&pixels) {
            let off = (got - wanted).abs();
            if off.is_nan() || off > worst[1].0 {
                worst[1] = (off, format!("{}: pixel {got:?} instead of {wanted:?}", axis.ctype()));
            }
            assert!(off <= PIXEL, "{}\n{}", worst[1].1, case["header"].as_str().unwrap());
        }
    }
    println!("worst value: {:.1e}, {}\nworst pixel: {:.1e}, {}", worst[0].0, worst[0].1, worst[1].0, worst[1].1);
}

#[test]
fn headers_are_written_as_they_are_read() {
    for case in cases() {
        let wcs = Wcs::from_header(&header(&case)).unwrap();
        let again = Wcs::from_header(&wcs.to_header()).unwrap();
        let [first, second] = [&wcs, &again].map(|wcs| {
            let mut values = numbers(&case["pixel"]);
            wcs.leading_axes()[0].pixel_to_world(&mut values).unwrap();
            (values, wcs.leading_axes()[0].ctype().to_owned(), wcs.leading_axes()[0].length(), wcs.shape())
        });
        assert_eq!(first, second, "{}\n{}", case["header"].as_str().unwrap(), wcs.to_header());
    }
}
