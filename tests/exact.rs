//! The exact kernel against the naive overlap of spherical polygons, and what it promises: flux and constants are kept.

mod common;
mod naive;

use common::field::{noise, wcs};
use naive::{Image, area};
use ndarray::Array2;
use skymosaic::{CoordinateError, Input, Missing, Options, Resample, Wcs, reproject_and_coadd};

/// A header of a projection: CRVAL, shape (ny, nx), degrees a pixel, rotation; the reference in the middle.
fn header(code: &str, [lon, lat]: [f64; 2], [ny, nx]: [usize; 2], scale: f64, rotation: f64) -> Wcs {
    let (sin, cos) = rotation.to_radians().sin_cos();
    wcs(&format!(
        "NAXIS = 2\nNAXIS1 = {nx}\nNAXIS2 = {ny}\nCTYPE1 = 'RA---{code}'\nCTYPE2 = 'DEC--{code}'\nCRVAL1 = {lon:.12}\nCRVAL2 = {lat:.12}\n\
         RADESYS = 'ICRS'\nCRPIX1 = {}\nCRPIX2 = {}\nCD1_1 = {:e}\nCD1_2 = {:e}\nCD2_1 = {:e}\nCD2_2 = {:e}\n",
        nx as f64 / 2.0 + 0.5,
        ny as f64 / 2.0 + 0.5,
        -scale * cos,
        scale * sin,
        scale * sin,
        scale * cos,
    ))
}

fn run(image: &Array2<f64>, input: &Wcs, target: &Wcs, shape: [usize; 2], options: &Options) -> [Array2<f64>; 2] {
    let (mut output, mut footprint) = (Array2::zeros(shape), Array2::zeros(shape));
    let inputs = [Input::from_array(image.view(), input.clone())];
    reproject_and_coadd(&inputs, target, output.view_mut(), footprint.view_mut(), options).unwrap();
    [output, footprint]
}

fn options(error: CoordinateError) -> Options {
    Options::default().resample(Resample::Exact).coordinate_error(error)
}

/// The largest differences from the naive samples: values relative to the spread of the pixels (100), and coverage.
fn compare(name: &str, got: &[Array2<f64>; 2], wanted: &[Option<(f64, f64)>]) -> [f64; 2] {
    let mut worst = [(0.0, 0); 2];
    let mut there = 0;
    for (k, ((value, cover), wanted)) in got[0].iter().zip(&got[1]).zip(wanted).enumerate() {
        let (v, c) = wanted.unwrap_or((f64::NAN, 0.0));
        there += usize::from(wanted.is_some());
        let off = [(value - v).abs() / 100.0, (cover - c).abs()];
        for (worst, off) in worst.iter_mut().zip(off) {
            // A sliver of a pixel may be there for one only: its coverage tells.
            if off > worst.0 && !(off.is_nan()) {
                *worst = (off, k);
            }
        }
        assert!(
            value.is_nan() == v.is_nan() || cover.max(c) < 1e-7,
            "{name}: pixel {k}: {value} {cover} instead of {v} {c}"
        );
    }
    let nx = got[0].ncols();
    let at = |k: usize| (k / nx, k % nx);
    println!(
        "{name}: {there} pixels, value off by {:.1e} at {:?}, coverage by {:.1e} at {:?}",
        worst[0].0,
        at(worst[0].1),
        worst[1].0,
        at(worst[1].1)
    );
    assert!(there > 12, "{name}: {there} pixels");
    worst.map(|(off, _)| off)
}

struct Case {
    name: &'static str,
    input: Wcs,
    shape: [usize; 2],
    target: Wcs,
    out: [usize; 2],
}

fn cases() -> Vec<Case> {
    let case = |name, (input, shape): (Wcs, _), (target, out): (Wcs, _)| Case { name, input, shape, target, out };
    let map = |code, at, shape, scale, rotation| (header(code, at, shape, scale, rotation), shape);
    let second = 1.0 / 3600.0;
    vec![
        case(
            "0.05 arcsec TAN",
            map("TAN", [40.0, 35.0], [14, 13], 0.05 * second, 0.0),
            map("TAN", [40.0, 35.0], [12, 13], 0.065 * second, 27.0),
        ),
        case(
            "1 arcsec TAN",
            map("TAN", [40.0, 35.0], [14, 13], second, 0.0),
            map("TAN", [40.0001, 35.0], [12, 13], 0.7 * second, -63.0),
        ),
        case(
            "1 arcsec CAR to SIN",
            map("CAR", [40.0, 35.0], [14, 13], second, 0.0),
            map("SIN", [40.0001, 35.0], [12, 13], 1.1 * second, 133.0),
        ),
        case(
            "1 arcmin TAN",
            map("TAN", [40.0, -60.0], [14, 13], 1.0 / 60.0, 0.0),
            map("TAN", [40.1, -60.0], [12, 13], 1.3 / 60.0, 27.0),
        ),
        case(
            "1 arcmin AIT to ZEA",
            map("AIT", [40.0, 0.0], [14, 13], 1.0 / 60.0, 10.0),
            map("ZEA", [40.0, 0.02], [12, 13], 0.6 / 60.0, 27.0),
        ),
        case(
            "half a degree TAN",
            map("TAN", [40.0, 35.0], [14, 13], 0.5, 0.0),
            map("TAN", [41.0, 35.0], [12, 13], 0.65, 27.0),
        ),
        case(
            "half a degree, the pole",
            map("TAN", [40.0, 89.0], [14, 13], 0.5, 0.0),
            map("TAN", [11.0, 88.0], [12, 13], 0.65, 27.0),
        ),
        case(
            "half a degree CAR, the pole",
            map("CAR", [180.0, 0.0], [180, 360], 1.0, 0.0),
            map("TAN", [11.0, 88.0], [12, 13], 0.65, 27.0),
        ),
        case(
            "2 degrees TAN",
            map("TAN", [40.0, 35.0], [14, 13], 2.0, 0.0),
            map("TAN", [40.0, 35.0], [12, 13], 2.6, 27.0),
        ),
        case(
            "5 degrees CAR to AIT, the seam",
            map("CAR", [180.0, 0.0], [36, 72], 5.0, 0.0),
            map("AIT", [10.0, 0.0], [25, 50], 7.0, 0.0),
        ),
        case(
            "large onto small pixels",
            map("TAN", [40.0, 35.0], [14, 13], 0.5, 0.0),
            map("ZEA", [41.0, 35.0], [20, 20], 0.06, 27.0),
        ),
        case(
            "small onto large pixels",
            map("SIN", [40.0, 35.0], [40, 40], 30.0 * second, 0.0),
            map("STG", [40.0, 35.0], [10, 11], 200.0 * second, 27.0),
        ),
        case(
            "AIT with its edge to CAR",
            map("AIT", [0.0, 0.0], [45, 90], 4.0, 0.0),
            map("CAR", [170.0, 0.0], [29, 40], 5.0, 11.0),
        ),
    ]
}

#[test]
fn equals_polygons_on_the_sphere() {
    for (seed, case) in cases().into_iter().enumerate() {
        let image = noise(case.shape, seed as u64 + 1, 0.02);
        let pixels = Image::new(image.iter().copied().collect(), case.shape[0], case.shape[1]);
        for (missing, naive) in [
            (Missing::Spoil, naive::Missing::Spoil),
            (Missing::Renormalize { min_weight: 0.3 }, naive::Missing::Renormalize { min_weight: 0.3 }),
        ] {
            let wanted = area::exact(&pixels, &case.input, &case.target, case.out, naive);
            let exact =
                run(&image, &case.input, &case.target, case.out, &options(CoordinateError::Exact).missing(missing));
            let worst = compare(&format!("{} {missing:?}", case.name), &exact, &wanted);
            assert!(worst.iter().all(|off| *off < 1e-7), "{}: {worst:?}", case.name);
            let default =
                run(&image, &case.input, &case.target, case.out, &options(CoordinateError::default()).missing(missing));
            let worst = compare(&format!("{} at 1e-4", case.name), &default, &wanted);
            assert!(worst.iter().all(|off| *off < 4e-4), "{}: {worst:?}", case.name);
        }
    }
}
