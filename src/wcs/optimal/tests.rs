//! Optimal targets against reproject (tests/golden/make_optimal.py), and what reproject does not hold.

use super::{OptimalOptions, find_optimal_celestial_wcs};
use crate::error::Error;
use crate::header::Header;
use crate::wcs::{Frame, Wcs};
use serde_json::Value;

fn options(value: &Value) -> OptimalOptions {
    let mut options = OptimalOptions::default();
    for (name, value) in value.as_object().unwrap() {
        options = match name.as_str() {
            "auto_rotate" => options.auto_rotate(value.as_bool().unwrap()),
            "negative_lon_cdelt" => options.negative_lon_cdelt(value.as_bool().unwrap()),
            "resolution" => options.resolution(value.as_f64().unwrap()),
            "reference" => options.reference(value[0].as_f64().unwrap(), value[1].as_f64().unwrap()),
            "frame" => options.frame(match value.as_str().unwrap() {
                "icrs" => Frame::Icrs,
                "galactic" => Frame::Galactic,
                "fk5" => Frame::Fk5 { equinox: 1975.0 },
                _ => Frame::fk4(1950.0),
            }),
            name => panic!("{name}"),
        };
    }
    options
}

#[test]
fn ordinary_cases_agree_with_reproject() {
    let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/optimal.json")).unwrap();
    let mut worst = [0.0_f64; 3];
    for case in golden["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let inputs: Vec<(Wcs, [usize; 2])> = case["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|input| {
                let header = Header::parse(input[0].as_str().unwrap()).unwrap();
                (Wcs::from_header(&header).unwrap(), serde_json::from_value(input[1].clone()).unwrap())
            })
            .collect();
        let (wcs, shape) = find_optimal_celestial_wcs(&inputs, &options(&case["options"])).unwrap();
        let want = |keyword: &str| case["header"][keyword].as_f64().unwrap();
        assert_eq!(shape.to_vec(), serde_json::from_value::<Vec<usize>>(case["shape"].clone()).unwrap(), "{name}");
        assert_eq!(wcs.shape(), Some(shape));
        let mut header = Header::new();
        for (keyword, value) in [("RADESYS", &case["radesys"]), ("EQUINOX", &case["equinox"])] {
            match value {
                Value::String(text) => header.set(keyword, text.as_str(), ""),
                Value::Number(number) => header.set(keyword, number.as_f64().unwrap(), ""),
                _ => {}
            }
        }
        let kind = &case["ctype"][0].as_str().unwrap()[..4];
        let frame = Frame::from_header(&header, kind, &case["ctype"][1].as_str().unwrap()[..4], None).unwrap();
        assert_eq!(wcs.frame(), &frame, "{name}");

        let crpix = [0, 1].map(|i| (wcs.linear.origin[i] + 1.0 - want(&format!("CRPIX{}", i + 1))).abs());
        let ([x, y], mut lon, mut lat) = (wcs.linear.origin, [0.0], [0.0]);
        (lon[0], lat[0]) = (x, y);
        wcs.pixel_to_celestial(&mut lon, &mut lat);
        let crval = [lon[0] - want("CRVAL1"), lat[0] - want("CRVAL2")].map(f64::abs);
        let matrix = [0, 1].map(|i: usize| {
            let cdelt = want(&format!("CDELT{}", i + 1));
            [0, 1].map(|j: usize| wcs.linear.matrix[i][j] / cdelt - want(&format!("PC{}_{}", i + 1, j + 1)))
        });
        let largest = |values: &[f64]| values.iter().fold(0.0, |a: f64, b| a.max(b.abs()));
        let errors = [largest(&crpix), largest(&crval), largest(matrix.as_flattened())];
        println!("{name}: CRPIX {:.1e} px, CRVAL {:.1e}°, PC {:.1e}", errors[0], errors[1], errors[2]);
        assert!(errors[0] < 1e-7 && errors[1] < 1e-9 && errors[2] < 1e-9, "{name}");
        worst = [0, 1, 2].map(|i| worst[i].max(errors[i]));
    }
    println!("worst: CRPIX {:.1e} px, CRVAL {:.1e}°, PC {:.1e}", worst[0], worst[1], worst[2]);
}

fn wcs(text: &str) -> Wcs {
    Wcs::from_header(&Header::parse(text).unwrap()).unwrap()
}

fn tangent(lon: f64, lat: f64, scale: f64, [ny, nx]: [usize; 2], code: &str) -> (Wcs, [usize; 2]) {
    let (x, y) = (nx as f64 / 2.0, ny as f64 / 2.0);
    let text = format!(
        "CTYPE1 = 'RA---{code}'\nCTYPE2 = 'DEC--{code}'\nCRVAL1 = {lon:?}\nCRVAL2 = {lat:?}\nCRPIX1 = {x:?}\nCRPIX2 = {y:?}\n\
         CDELT1 = {:?}\nCDELT2 = {scale:?}",
        -scale
    );
    (wcs(&text), [ny, nx])
}

/// Every point of a fine grid over the input lies in the target, to a thousandth of a pixel.
fn holds(target: &Wcs, [ny, nx]: [usize; 2], (input, [my, mx]): &(Wcs, [usize; 2])) {
    let map = input.frame().to(target.frame()).unwrap();
    let n = 331;
    for (i, j) in (0..=n).flat_map(|i| (0..=n).map(move |j| (i, j))) {
        let at = |k: i32, length: usize| f64::from(k) / f64::from(n) * length as f64 - 0.5;
        let Some(vector) = input.pixel_to_vector(at(i, *mx), at(j, *my)) else { continue };
        let [x, y] = target.vector_to_pixel(map.apply(vector)).unwrap();
        let slack = 0.5 + 1e-3;
        assert!(
            x > -0.5 - slack && y > -0.5 - slack && x < nx as f64 - 0.5 + slack && y < ny as f64 - 0.5 + slack,
            "({x}, {y}) of ({i}, {j}) is outside {nx} × {ny}"
        );
    }
}

#[test]
fn curved_edges_poles_and_seams_are_held() {
    let car = |lon: f64, lat: f64| OptimalOptions::default().projection("CAR").reference(lon, lat);
    let project = |code: &str| OptimalOptions::default().projection(code);
    let cases = [
        ("wide TAN onto CAR", tangent(30.0, 50.0, 0.05, [800, 800], "TAN"), car(30.0, 0.0)),
        ("pole onto CAR", tangent(30.0, 88.0, 0.02, [500, 700], "TAN"), car(30.0, 0.0)),
        ("pole near the edge onto CAR", tangent(30.0, 84.0, 0.02, [600, 400], "TAN"), car(30.0, 0.0)),
        ("both poles onto AIT", tangent(30.0, 0.0, 0.5, [360, 720], "CAR"), project("AIT").reference(90.0, 0.0)),
        ("seam of CAR", tangent(0.0, 10.0, 0.01, [300, 300], "TAN"), car(180.0, 0.0)),
        ("seam of MOL", tangent(0.0, 40.0, 0.02, [300, 300], "SIN"), project("MOL").reference(180.0, 0.0)),
        ("seam and pole of HPX", tangent(0.0, 80.0, 0.1, [300, 300], "ZEA"), project("HPX").reference(180.0, 0.0)),
        ("all sky AIT onto CAR", tangent(0.0, 0.0, 0.5, [400, 760], "AIT"), car(40.0, 0.0)),
        ("all sky AIT onto ZEA", tangent(0.0, 0.0, 0.5, [400, 760], "AIT"), project("ZEA").reference(10.0, 60.0)),
        ("half the sky SIN onto ARC", tangent(0.0, 20.0, 0.5, [260, 260], "SIN"), project("ARC")),
        ("galactic", tangent(200.0, 60.0, 0.05, [500, 500], "ARC"), project("SIN").frame(Frame::Galactic)),
        (
            "turned",
            tangent(200.0, 60.0, 0.05, [500, 300], "ARC"),
            project("STG").frame(Frame::Galactic).auto_rotate(true),
        ),
    ];
    for (name, input, options) in cases {
        let (target, shape) = find_optimal_celestial_wcs(std::slice::from_ref(&input), &options).unwrap();
        println!("{name}: {shape:?}");
        holds(&target, shape, &input);
    }
}

#[test]
fn distorted_edges_are_held() {
    let header = "CTYPE1 = 'RA---TAN-SIP'\nCTYPE2 = 'DEC--TAN-SIP'\nCRVAL1 = 10.0\nCRVAL2 = 20.0\nCRPIX1 = 500.0\nCRPIX2 = 500.0\n\
                  CDELT1 = -0.001\nCDELT2 = 0.001\nA_ORDER = 3\nB_ORDER = 3\nA_1_2 = -2e-7\nB_2_1 = -2e-7\nA_0_2 = 3e-5";
    let input = (wcs(header), [1000, 1000]);
    let (target, shape) = find_optimal_celestial_wcs(std::slice::from_ref(&input), &OptimalOptions::default()).unwrap();
    // The edges bulge: between the corners alone there are 950 pixels.
    assert_eq!(shape, [1000, 1000]);
    holds(&target, shape, &input);
}

#[test]
fn the_input_that_makes_it_absurd_is_named() {
    let good = |i: i32| tangent(30.0 + 0.1 * f64::from(i), 10.0, 1e-4, [1000, 1000], "TAN");
    for (lon, lat) in [(210.0, -10.0), (120.0, -40.0), (75.0, 30.0)] {
        let mut inputs: Vec<_> = (0..6).map(good).collect();
        inputs.insert(4, tangent(lon, lat, 1e-4, [1000, 1000], "TAN"));
        let error = find_optimal_celestial_wcs(&inputs, &OptimalOptions::default()).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
        println!("{error}");
        assert!(error.to_string().contains("input 4 "), "{error}");
    }
}

#[test]
fn nonsense_is_refused_with_a_reason() {
    let image = || tangent(30.0, 10.0, 1e-4, [100, 100], "TAN");
    let run = |inputs: &[(Wcs, [usize; 2])], options: OptimalOptions| {
        find_optimal_celestial_wcs(inputs, &options).unwrap_err().to_string()
    };
    let default = OptimalOptions::default;
    assert!(matches!(find_optimal_celestial_wcs(&[], &default()), Err(Error::NoInputs)));
    assert!(run(&[(image().0, [0, 3])], default()).contains("input 0"));
    for bad in [0.0, -1.0, f64::NAN, 1e9] {
        assert!(run(&[image()], default().resolution(bad)).starts_with("option resolution"));
    }
    assert!(run(&[image()], default().reference(f64::NAN, 0.0)).starts_with("option reference"));
    assert!(run(&[image()], default().reference(0.0, 91.0)).starts_with("option reference"));
    assert!(run(&[image()], default().projection("XYZ")).starts_with("CTYPE"));
    let opposite = tangent(210.0, -10.0, 1e-4, [100, 100], "TAN");
    assert!(run(&[image(), opposite], default()).starts_with("option reference"));
    let solar = Frame::Unknown { lon: "HPLN".to_owned(), lat: "HPLT".to_owned() };
    assert!(run(&[image()], default().frame(solar)).contains("input 0"));
}

#[test]
fn latitude_on_the_first_axis_makes_no_difference() {
    let straight = "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = 80.0\nCRVAL2 = 20.0\nCRPIX1 = 10.0\nCRPIX2 = 90.0\n\
                    CD1_1 = 1e-4\nCD1_2 = 2e-4\nCD2_1 = -2e-4\nCD2_2 = 1.1e-4";
    let swapped = "CTYPE1 = 'DEC--TAN'\nCTYPE2 = 'RA---TAN'\nCRVAL1 = 20.0\nCRVAL2 = 80.0\nCRPIX1 = 10.0\nCRPIX2 = 90.0\n\
                   CD2_1 = 1e-4\nCD2_2 = 2e-4\nCD1_1 = -2e-4\nCD1_2 = 1.1e-4";
    let run = |text: &str| find_optimal_celestial_wcs(&[(wcs(text), [70, 90])], &OptimalOptions::default()).unwrap();
    let ((a, a_shape), (b, b_shape)) = (run(straight), run(swapped));
    assert_eq!(a_shape, b_shape);
    assert!((0..2).all(|i| (a.linear.origin[i] - b.linear.origin[i]).abs() < 1e-9));
}

#[test]
#[ignore = "measures"]
fn cost_of_many_inputs() {
    let inputs: Vec<_> = (0..100_000)
        .map(|i| {
            tangent(30.0 + 1e-5 * f64::from(i % 1000), 10.0 + 1e-4 * f64::from(i / 1000), 1e-4, [1000, 1000], "TAN")
        })
        .collect();
    for auto_rotate in [false, true] {
        let start = std::time::Instant::now();
        let (_, shape) =
            find_optimal_celestial_wcs(&inputs, &OptimalOptions::default().auto_rotate(auto_rotate)).unwrap();
        println!("100000 inputs, auto_rotate {auto_rotate}: {shape:?} in {:?}", start.elapsed());
    }
}
