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

fn rounding(ctype: &str) -> f64 {
    match ctype.get(..4) {
        Some("VRAD" | "VOPT" | "VELO") => 2.0 * f64::EPSILON * 299_792_458.0,
        Some("ZOPT" | "BETA") => 2.0 * f64::EPSILON,
        _ => 0.0,
    }
}

fn header(case: &Value) -> Header {
    Header::parse(case["header"].as_str().unwrap()).unwrap()
}

#[test]
fn values_agree_with_wcslib() {
    let mut worst = [(0.0, String::new()), (0.0, String::new())];
    let mut failures = Vec::new();
    for case in cases() {
        let wcs = Wcs::from_header(&header(&case)).unwrap();
        let [axis] = wcs.leading_axes() else { panic!("{}", case["header"]) };
        assert_eq!(axis.length(), Some(101));
        let (pixels, wanted) = (numbers(&case["pixel"]), numbers(&case["world"]));
        let mut got = pixels.clone();
        axis.pixel_to_world(&mut got).unwrap_or_else(|error| panic!("{error}: {}", case["header"]));
        // Where a velocity is the difference of two frequencies, it has the rounding of the velocity of light.
        let scale = wanted.iter().fold(rounding(axis.ctype()) / RELATIVE, |scale: f64, value| scale.max(value.abs()));
        for (got, wanted) in got.iter().zip(&wanted) {
            let off = (got - wanted).abs() / scale;
            if off.is_nan() || off > worst[0].0 {
                worst[0] = (off, format!("{}: {got:?} instead of {wanted:?}", axis.ctype()));
            }
            if !(off <= RELATIVE) {
                failures.push(format!("off by {off:e}: {got:?} instead of {wanted:?}: {}", case["header"]));
                break;
            }
        }
        let mut back = wanted.clone();
        axis.world_to_pixel(&mut back).unwrap();
        for (got, wanted) in back.iter().zip(&pixels) {
            let off = (got - wanted).abs();
            if off.is_nan() || off > worst[1].0 {
                worst[1] = (off, format!("{}: pixel {got:?} instead of {wanted:?}", axis.ctype()));
            }
            if !(off <= PIXEL) {
                failures.push(format!("pixel {got:?} instead of {wanted:?}: {}", case["header"]));
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
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

/// A WCS with distortions is written with the cards that it was read from; its leading axes can be others.
#[test]
fn leading_axes_go_with_distortions() {
    let text = "NAXIS = 3\nNAXIS1 = 8\nNAXIS2 = 8\nNAXIS3 = 5\nCTYPE1 = 'RA---TAN-SIP'\nCTYPE2 = 'DEC--TAN-SIP'\nCTYPE3 = 'FREQ'\n\
         CRVAL1 = 10.0\nCRVAL2 = 20.0\nCRVAL3 = 1.4e9\nCRPIX1 = 4.0\nCRPIX2 = 4.0\nCRPIX3 = 1.0\n\
         CD1_1 = -1e-3\nCD2_2 = 1e-3\nCD3_3 = 1e6\nA_ORDER = 2\nB_ORDER = 2\nA_2_0 = 1e-4\nB_0_2 = 1e-4\n";
    let distorted = Wcs::from_header(&Header::parse(text).unwrap()).unwrap();
    let case = cases().into_iter().find(|case| case["header"].as_str().unwrap().contains("VOPT-F2W")).unwrap();
    let other = Wcs::from_header(&header(&case)).unwrap();
    for (wcs, ctype, length) in [
        (distorted.clone(), Some("FREQ"), Some(vec![5])),
        (distorted.clone().with_leading_axes_of(&other), Some("VOPT-F2W"), Some(vec![101])),
        (distorted.celestial(), None, Some(vec![])),
    ] {
        let written = wcs.to_header();
        let again = Wcs::from_header(&written).unwrap();
        assert_eq!(again.leading_axes().first().map(skymosaic::LeadingAxis::ctype), ctype, "{written}");
        assert_eq!((again.leading_shape(), again.shape()), (length, Some([8, 8])), "{written}");
        if let Some(axis) = wcs.leading_axes().first() {
            let value = |axis: &skymosaic::LeadingAxis| {
                let mut value = [3.25];
                axis.pixel_to_world(&mut value).unwrap();
                value
            };
            assert_eq!(value(&again.leading_axes()[0]), value(axis), "{written}");
        }
        let sky = |wcs: &Wcs| {
            let (mut x, mut y) = ([1.5], [6.25]);
            wcs.pixel_to_celestial(&mut x, &mut y);
            [x, y]
        };
        assert_eq!(sky(&again), sky(&wcs), "{written}");
    }
}

/// Types of axes that describe the same pixels, as wcslib translates one into the other.
#[test]
fn types_are_converted_as_wcslib_does() {
    let mut worst = (0.0, String::new());
    let mut pairs = 0;
    for case in cases() {
        let first = Wcs::from_header(&header(&case)).unwrap();
        for other in case["same"].as_array().unwrap() {
            let mut header = header(&case);
            header.remove("CUNIT3");
            header.set("CTYPE3", other[0].as_str().unwrap(), "");
            for (stem, value) in [("CRVAL3", &other[1]), ("CDELT3", &other[2])] {
                header.set(stem, value.as_f64().unwrap(), "");
            }
            let second = Wcs::from_header(&header).unwrap();
            let axes = [&first.leading_axes()[0], &second.leading_axes()[0]];
            for (a, b) in [(axes[0], axes[1]), (axes[1], axes[0])] {
                let positions = a.positions(b, 101).unwrap_or_else(|error| panic!("{error}: {header}"));
                for (k, position) in positions.into_iter().enumerate() {
                    let off = (position - k as f64).abs();
                    if off.is_nan() || off > worst.0 {
                        worst = (off, format!("pixel {k} of {} at {position:?} of {}", b.ctype(), a.ctype()));
                    }
                    assert!(off <= PIXEL, "{}\n{}\n{header}", worst.1, case["header"].as_str().unwrap());
                }
            }
            pairs += 2;
        }
    }
    println!("{pairs} pairs, worst position: {:.1e}, {}", worst.0, worst.1);
    assert!(pairs > 1000, "{pairs}");
}
