//! The feature `serde`: what is written as JSON reads back to the same, NaN and infinities included.

use std::{fmt::Debug, num::NonZeroUsize};

use ndarray::Array2;
use serde::{Serialize, de::DeserializeOwned};
use skymosaic::{
    Adaptive, AdaptiveKernel, Backgrounds, Boundary, Clip, Combine, CoordinateError, Drizzle, DrizzleKernel, Flux,
    GridReport, Header, Input, Intermediate, MatchBackground, Matching, Missing, Options, PairWeight, Parallel,
    Resample, Status, Summary, Wcs, Window, reproject_and_coadd,
};

/// Through JSON and back. The texts of `Debug` show floats to the last bit.
fn same<T: Serialize + DeserializeOwned + Debug>(value: &T) -> String {
    let json = serde_json::to_string(value).unwrap();
    let back: T = serde_json::from_str(&json).unwrap();
    assert_eq!(format!("{back:?}"), format!("{value:?}"), "{json}");
    json
}

fn options() -> Options {
    let adaptive = Adaptive::default()
        .kernel(AdaptiveKernel::Hann)
        .kernel_width(0.1 + 0.2)
        .boundary(Boundary::GridConstant { value: f64::NEG_INFINITY })
        .x_cyclic(true)
        .bad_fill(Some(f64::NAN));
    Options::default()
        .resample(Resample::Adaptive(adaptive))
        .flux(Flux::Conserve)
        .combine(Combine::Clipped(Clip::default().low(f64::INFINITY).iterations(7)))
        .missing(Missing::Renormalize { min_weight: f64::MIN_POSITIVE })
        .match_background(MatchBackground::Plane(Matching::default().reference(3).weight(PairWeight::Equal)))
        .intermediate(Intermediate::Mapped { dir: Some("/tmp/x".into()) })
        .parallel(Parallel::Threads(NonZeroUsize::MIN))
        .memory_limit(u64::MAX)
        .coordinate_error(CoordinateError::Exact)
}

#[test]
fn options_round_trip() {
    let json = same(&Options::default());
    assert!(json.contains(r#""blank":"NaN""#) && json.contains(r#""resample":"bilinear""#), "{json}");
    let json = same(&options());
    assert!(json.contains(r#""low":"inf""#) && json.contains(r#""value":"-inf""#), "{json}");
    for kernel in [DrizzleKernel::Square, DrizzleKernel::Point, DrizzleKernel::Turbo, DrizzleKernel::Gaussian] {
        same(&Resample::Drizzle(Drizzle::default().kernel(kernel).pixfrac(1.0 / 3.0)));
    }
    for error in [CoordinateError::Pixels(1e-300), CoordinateError::Pixels(f64::NAN), CoordinateError::Exact] {
        same(&error);
    }
    same(&Window::new(usize::MAX, 0, 3, 4));
}

#[test]
fn progress_is_skipped_and_absent_options_have_their_defaults() {
    let options = Options::default().progress(|_| std::ops::ControlFlow::Continue(()));
    let back: Options = serde_json::from_str(&serde_json::to_string(&options).unwrap()).unwrap();
    assert!(back.progress.is_none());
    let some: Options =
        serde_json::from_str(r#"{"combine": "median", "blank": 0, "resample": {"drizzle": {"pixfrac": 0.5}}}"#)
            .unwrap();
    let expected = Options::default()
        .combine(Combine::Median)
        .blank(0.0)
        .resample(Resample::Drizzle(Drizzle::default().pixfrac(0.5)));
    assert_eq!(format!("{some:?}"), format!("{expected:?}"));
    assert!(serde_json::from_str::<Options>(r#"{"combin": "median"}"#).is_err());
    assert!(serde_json::from_str::<Options>(r#"{"blank": "nought"}"#).is_err());
}

#[test]
fn summaries_and_corrections_round_trip() {
    let wcs = |crpix: f64| {
        let text = format!(
            "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = 10\nCRVAL2 = 20\nCRPIX1 = {crpix}\nCRPIX2 = 20\n\
             CDELT1 = -0.001\nCDELT2 = 0.001"
        );
        Wcs::from_header(&Header::parse(&text).unwrap()).unwrap()
    };
    let image = |level: f64| Array2::from_shape_fn((40, 40), |(y, x)| level + 0.1 * x as f64 - 0.3 * y as f64);
    let (first, second) = (image(0.0), image(5.0));
    let inputs = [
        Input::from_array(first.view(), wcs(20.0)),
        Input::from_array(second.view(), wcs(10.3)),
        Input::from_array(second.view(), wcs(9000.0)),
    ];
    let mut mosaic = Array2::<f64>::zeros((40, 60));
    let mut footprint = mosaic.clone();
    let options = Options::default().match_background(MatchBackground::Plane(Matching::default()));
    let summary: Summary =
        reproject_and_coadd(&inputs, &wcs(20.0), mosaic.view_mut(), footprint.view_mut(), &options).unwrap();
    assert_eq!(summary.inputs[2].status, Status::NoOverlap);
    same(&summary);
    let mut backgrounds: Backgrounds = (**summary.backgrounds.as_ref().unwrap()).clone();
    assert_eq!(backgrounds.planes[0].pairs.len(), 1);
    same(&summary.stages);
    let correction = &mut backgrounds.planes[0].corrections[0];
    (correction.offset, correction.slope) = (f64::NAN, [f64::INFINITY, -0.0]);
    same(&backgrounds);
    let mut report = GridReport::default();
    (report.max_error, report.exact_pixels) = (f64::INFINITY, u64::MAX);
    same(&report);
}
