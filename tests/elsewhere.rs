//! What a caller needs that has windows computed elsewhere: which inputs they need, backgrounds that were measured before, maps instead of a WCS, and
//! weights that spoil nothing.

mod common;

use std::sync::Arc;

use common::field::tan;
use ndarray::{Array2, ArrayD, IxDyn};
use skymosaic::{
    Backgrounds, CoordinateError, Error, Header, Input, MatchBackground, Matching, Options, PixelMap, Plan, Resample,
    Wcs, WcsMap, Window,
};

const TARGET: [usize; 2] = [900, 1100];

fn target() -> Wcs {
    tan(43.0, 23.0, TARGET, 0.001, 0.0)
}

fn images() -> Vec<(Array2<f64>, Wcs)> {
    let places =
        [([43.2, 23.1], 10.0), ([43.0, 22.9], 200.0), ([42.8, 23.2], -35.0), ([47.0, 20.0], 0.0), ([43.1, 23.0], 80.0)];
    let image =
        |k: usize| Array2::from_shape_fn((300, 260), |(y, x)| ((x * 7 + y * 3 + k * 11) % 17) as f64 + k as f64);
    places
        .iter()
        .enumerate()
        .map(|(k, (crval, angle))| (image(k), tan(crval[0], crval[1], [300, 260], 0.001, *angle)))
        .collect()
}

fn run(plan: &Plan<'_>, window: Window) -> [Vec<u64>; 2] {
    let mut both = [0, 1].map(|_| ArrayD::<f64>::zeros(IxDyn(&[window.ny, window.nx])));
    let [output, footprint] = &mut both;
    plan.run_window(window, output.view_mut(), footprint.view_mut()).unwrap();
    both.map(|array| array.iter().map(|v| v.to_bits()).collect())
}

fn windows() -> impl Iterator<Item = Window> {
    (0..TARGET[0]).step_by(300).flat_map(|y| (0..TARGET[1]).step_by(275).map(move |x| Window::new(x, y, 275, 300)))
}

/// A window of a plan over the inputs that it needs alone is that of the plan over all.
#[test]
fn inputs_in_are_all_that_a_window_needs() {
    let images = images();
    let inputs: Vec<Input<'_>> =
        images.iter().map(|(array, wcs)| Input::from_array(array.view(), wcs.clone())).collect();
    for resample in [Resample::Bilinear, Resample::Bicubic, Resample::Exact] {
        let options = Options::default().resample(resample).tile(128);
        let plan = Plan::new(&inputs, &target(), &TARGET, &options).unwrap();
        assert!(plan.inputs_in(Window::new(5000, 0, 10, 10)).is_empty());
        let mut fewer = 0;
        for window in windows() {
            let needed = plan.inputs_in(window);
            assert!(!needed.contains(&3), "an input far away is needed");
            fewer += usize::from(needed.len() < 4);
            let some: Vec<Input<'_>> = needed.iter().map(|index| inputs[*index].clone()).collect();
            let all = run(&plan, window);
            if some.is_empty() {
                assert!(all[1].iter().all(|bits| *bits == 0));
            } else {
                assert!(all == run(&Plan::new(&some, &target(), &TARGET, &options).unwrap(), window));
            }
        }
        assert!(fewer > 4, "only {fewer} windows need fewer inputs");
    }
}

/// Nothing but the points themselves.
struct Opaque(WcsMap);

impl PixelMap for Opaque {
    fn to_input(&self, x: &mut [f64], y: &mut [f64]) {
        self.0.to_input(x, y);
    }
}

/// Inputs that only a map relates to the output are found where they lie, with the same bytes.
#[test]
fn maps_reach_the_tiles_that_their_input_covers() {
    let images = images();
    let by_wcs: Vec<Input<'_>> =
        images.iter().map(|(array, wcs)| Input::from_array(array.view(), wcs.clone())).collect();
    let map = |wcs: &Wcs| Arc::new(Opaque(WcsMap::new(&target(), wcs).unwrap()));
    let by_map: Vec<Input<'_>> =
        images.iter().map(|(array, wcs)| Input::from_array_with_map(array.view(), map(wcs))).collect();
    for resample in [Resample::Nearest, Resample::Lanczos3] {
        for error in [CoordinateError::default(), CoordinateError::Exact] {
            let options = Options::default().resample(resample).coordinate_error(error).tile(100);
            let [a, b] = [&by_wcs, &by_map].map(|inputs| Plan::new(inputs, &target(), &TARGET, &options).unwrap());
            assert!(run(&a, a.whole()) == run(&b, b.whole()));
            assert_eq!(b.inputs_in(b.whole()), [0, 1, 2, 4]);
            let counts = |plan: &Plan<'_>| windows().map(|window| plan.inputs_in(window).len()).sum::<usize>();
            println!("{resample:?}: windows × inputs by WCS {}, by map {}", counts(&a), counts(&b));
            // The caps of a WCS are round, a map is followed: it is not to touch more.
            assert!(counts(&b) <= counts(&a));
        }
    }
}

/// Backgrounds that one plan has measured, as bytes, give another the same mosaic.
#[test]
fn backgrounds_travel() {
    let images = images();
    let inputs: Vec<Input<'_>> =
        images.iter().map(|(array, wcs)| Input::from_array(array.view(), wcs.clone())).collect();
    for matching in [MatchBackground::Constant(Matching::default()), MatchBackground::Plane(Matching::default())] {
        let options = Options::default().match_background(matching);
        let new = || Plan::new(&inputs, &target(), &TARGET, &options).unwrap();
        let here = new();
        let expected = run(&here, here.whole());
        let bytes = here.match_backgrounds::<f64>().unwrap().to_bytes();
        let there = new();
        there.use_backgrounds::<f64>(Backgrounds::from_bytes(&bytes).unwrap()).unwrap();
        assert_eq!(*there.match_backgrounds::<f64>().unwrap(), *here.match_backgrounds::<f64>().unwrap());
        assert!(run(&there, there.whole()) == expected);
        let fewer = Plan::new(&inputs[..2], &target(), &TARGET, &options).unwrap();
        let refused = fewer.use_backgrounds::<f64>(Backgrounds::from_bytes(&bytes).unwrap());
        assert!(matches!(refused, Err(Error::Shape { .. })), "{refused:?}");
    }
    let without = Plan::new(&inputs, &target(), &TARGET, &Options::default()).unwrap();
    let refused = without.use_backgrounds::<f64>(Backgrounds::from_bytes(&bytes_of_none()).unwrap());
    assert!(matches!(refused, Err(Error::Option { .. })), "{refused:?}");
}

fn bytes_of_none() -> Vec<u8> {
    [&b"SKYBGND1"[..], &[0; 8]].concat()
}

/// Pixels without weight are there: a sample between one of weight 0 and one of weight 1 has both values, and weight 1/2.
#[test]
fn weightless_pixels_are_kept() {
    let image = Array2::from_shape_fn((4, 4), |(_, x)| x as f64);
    let weights = Array2::from_shape_fn((4, 4), |(_, x)| if x < 2 { 0.0 } else { 1.0 });
    let input_wcs = tan(10.0, 0.0, [4, 4], 0.01, 0.0);
    // Half a pixel to the right.
    let text = input_wcs.to_header().to_string();
    let mut header = Header::parse(&text).unwrap();
    header.set("CRPIX1", 2.0, "");
    let target = Wcs::from_header(&header).unwrap();
    let weighted = Input::from_array(image.view(), input_wcs).with_weights(weights.view());
    let sample = |input: Input<'_>| {
        let options = Options::default().coordinate_error(CoordinateError::Exact).blank(-1.0);
        let inputs = [input];
        let plan = Plan::new(&inputs, &target, &[4, 3], &options).unwrap();
        let [output, footprint] = run(&plan, plan.whole());
        [output, footprint].map(|bits| f64::from_bits(bits[4]))
    };
    let [value, weight] = sample(weighted.clone().keep_weightless(true));
    assert!((value - 1.5).abs() < 1e-9 && (weight - 0.5).abs() < 1e-9, "{value} {weight}");
    assert_eq!(sample(weighted), [-1.0, 0.0]);
}
