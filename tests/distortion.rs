//! Distorted WCS against wcslib and astropy, both ways: the table of tests/golden/make_distortion.py.

mod common;

use common::Golden;
use ndarray::Array2;
use serde_json::Value;
use skymosaic::{Error, Hdu, Header, Input, LookupTables, Wcs, WcsOptions};

struct Tables(Vec<(String, i64, Header, Array2<f64>)>);

impl LookupTables for Tables {
    fn table(&self, extname: &str, extver: i64) -> Result<(Header, Array2<f64>), Error> {
        let found = self.0.iter().find(|(name, ver, ..)| name == extname && *ver == extver);
        found.map(|(.., header, data)| (header.clone(), data.clone())).ok_or(Error::NoInputs)
    }
}

fn tables(case: &Value) -> Tables {
    let table = |table: &Value| {
        let rows: Vec<Vec<f64>> = serde_json::from_value(table["data"].clone()).unwrap();
        let data = Array2::from_shape_fn((rows.len(), rows[0].len()), |(y, x)| rows[y][x]);
        let header = Header::parse(table["header"].as_str().unwrap()).unwrap();
        (table["extname"].as_str().unwrap().to_owned(), table["extver"].as_i64().unwrap(), header, data)
    };
    Tables(case["tables"].as_array().unwrap().iter().map(table).collect())
}

#[test]
fn sky_and_pixels_agree_with_wcslib() {
    let golden: Value = serde_json::from_str(include_str!("golden/distortion.json")).unwrap();
    let mut worst = [0.0_f64; 2];
    for case in golden["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let header = Header::parse(case["header"].as_str().unwrap()).unwrap();
        let tables = tables(case);
        let mut options = WcsOptions::default().tables(&tables);
        let alternative = name.starts_with("alternative A");
        if alternative {
            options = options.alternative('A');
        }
        let wcs = Wcs::from_header_with(&header, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        let swapped = header.text("CTYPE1").unwrap().is_some_and(|ctype| ctype.starts_with("DEC"));
        let columns = |key: &str, swapped: bool| -> [Vec<f64>; 2] {
            let column = |n: usize| case[key].as_array().unwrap().iter().map(|p| p[n].as_f64().unwrap()).collect();
            if swapped { [column(1), column(0)] } else { [column(0), column(1)] }
        };
        let [x, y] = columns("pixel", false);
        let [want_lon, want_lat] = columns("sky", swapped);
        let (mut lon, mut lat) = (x.clone(), y.clone());
        wcs.pixel_to_celestial(&mut lon, &mut lat);
        let (mut back_x, mut back_y) = (want_lon.clone(), want_lat.clone());
        wcs.celestial_to_pixel(&mut back_x, &mut back_y);
        let (mut sky, mut pixel) = (0.0_f64, 0.0_f64);
        for i in 0..x.len() {
            let across = ((lon[i] - want_lon[i] + 540.0).rem_euclid(360.0) - 180.0) * want_lat[i].to_radians().cos();
            let errors = [across.abs(), (lat[i] - want_lat[i]).abs()];
            assert!(errors.iter().all(|e| e.is_finite()), "{name}: {errors:?}");
            sky = sky.max(errors[0]).max(errors[1]);
            let errors = [(back_x[i] - x[i]).abs(), (back_y[i] - y[i]).abs()];
            assert!(errors.iter().all(|e| e.is_finite()), "{name}: {errors:?}");
            pixel = pixel.max(errors[0]).max(errors[1]);
        }
        println!("{name}: sky {sky:.1e}°, pixels {pixel:.1e}");
        assert!(sky < 1e-9 && pixel < 1e-6, "{name}");
        worst = [worst[0].max(sky), worst[1].max(pixel)];
    }
    println!("worst: sky {:.1e}°, pixels {:.1e}", worst[0], worst[1]);
}

#[test]
fn what_distortion_does_not_reach_is_nan() {
    let header = Header::parse(
        "CTYPE1 = 'RA---TAN-SIP'\nCTYPE2 = 'DEC--TAN-SIP'\nCRPIX1 = 500.0\nCRPIX2 = 500.0\nCRVAL1 = 10.0\nCRVAL2 = 20.0\n\
         CDELT1 = -0.001\nCDELT2 = 0.001\nA_ORDER = 3\nB_ORDER = 2\nA_2_0 = -0.0005",
    )
    .unwrap();
    let wcs = Wcs::from_header(&header).unwrap();
    // x' = x - 0.0005 x² reaches no further than 500 pixels: half a degree.
    let (mut x, mut y) = ([9.4, 9.8, 190.0, f64::NAN], [20.0, 20.0, -20.0, 20.0]);
    wcs.celestial_to_pixel(&mut x, &mut y);
    assert!(x[0].is_nan() && y[0].is_nan(), "{x:?}");
    assert!(x[1].is_finite() && x[2].is_nan() && x[3].is_nan(), "{x:?}");
}

/// Tables in HDUs of the file, as astropy reads them (golden/make_distortion_file.py).
#[test]
fn tables_are_read_from_their_own_hdus() {
    let golden = Golden::open("distortion");
    for case in golden.cases() {
        let path = golden.path(&case["file"]);
        let number = case["hdu"].as_u64().unwrap() as usize;
        let input = Input::from_fits(&path, &Hdu::Number(number)).unwrap();
        let wcs = input.wcs().unwrap();
        let (mut sky, mut pixel) = (0.0_f64, 0.0_f64);
        let points = case["pixel"].as_array().unwrap().iter().zip(case["sky"].as_array().unwrap());
        let points = points.map(|(pixel, sky)| [pixel, sky].map(|p| [0, 1].map(|n| p[n].as_f64().unwrap())));
        for [wanted_pixel @ [x, y], wanted_sky @ [lon, lat]] in points {
            let (mut got_lon, mut got_lat) = ([x], [y]);
            wcs.pixel_to_celestial(&mut got_lon, &mut got_lat);
            let errors = [(got_lon[0] - lon) * lat.to_radians().cos(), got_lat[0] - lat].map(f64::abs);
            assert!(errors.iter().all(|e| *e < 1e-9), "{wanted_pixel:?} {errors:?} degrees off {wanted_sky:?}");
            sky = errors.into_iter().fold(sky, f64::max);
            let (mut back_x, mut back_y) = ([lon], [lat]);
            wcs.celestial_to_pixel(&mut back_x, &mut back_y);
            let errors = [back_x[0] - x, back_y[0] - y].map(f64::abs);
            assert!(errors.iter().all(|e| *e < 1e-6), "{wanted_sky:?} {errors:?} pixels off {wanted_pixel:?}");
            pixel = errors.into_iter().fold(pixel, f64::max);
        }
        println!("{} HDU {number}: sky {sky:.1e}°, pixels {pixel:.1e}", path.display());
    }
}

/// Without its tables an image has no coordinates, and says which table it lacks.
#[test]
fn missing_tables_are_named() {
    let golden = Golden::open("distortion");
    let whole = std::fs::read(golden.folder.join("tables.fits")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.fits");
    // Header and data of the first image end where the next extension begins.
    let starts: Vec<usize> =
        (0..whole.len()).step_by(2880).filter(|at| whole[*at..].starts_with(b"XTENSION")).collect();
    std::fs::write(&path, &whole[..starts[1]]).unwrap();
    let message = Input::from_fits(&path, &Hdu::First).unwrap_err();
    let chain = std::iter::successors(Some(&message as &dyn std::error::Error), |e| e.source());
    let text: Vec<String> = chain.map(ToString::to_string).collect();
    assert!(text.iter().any(|line| line.contains("D2IMARR,1")), "{text:?}");
}
