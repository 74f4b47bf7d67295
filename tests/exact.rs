//! The exact kernel against the naive overlap of spherical polygons, and what it promises: flux and constants are kept.

mod common;
mod naive;

use common::field::{noise, wcs};
use std::sync::Arc;

use naive::{Image, area};
use ndarray::{Array2, s};
use skymosaic::{CoordinateError, Flux, Input, Missing, Options, PixelMap, Resample, Wcs, WcsMap, reproject_and_coadd};

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
            (Missing::Propagate, naive::Missing::Propagate),
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

#[test]
fn flux_is_kept() {
    for (scale, ratio, lat) in
        [(0.05 / 3600.0, 1.3, 30.0), (1.0 / 3600.0, 0.4, -50.0), (0.1, 1.2, 30.0), (0.1, 2.7, 30.0), (1.0, 0.7, 85.0)]
    {
        let (shape, out) = ([40, 44], [90, 100]);
        let (input, target) =
            (header("TAN", [40.0, lat], shape, scale, 33.0), header("TAN", [40.0, lat], out, scale * ratio, 0.0));
        let image = Array2::from_shape_fn(shape, |(y, x)| {
            let (dx, dy) = (x as f64 - 21.3, y as f64 - 19.2);
            500.0 * (-(dx * dx + dy * dy) / (2.0 * 1.4 * 1.4)).exp()
        });
        let [output, _] =
            run(&image, &input, &target, out, &Options::default().resample(Resample::Exact).flux(Flux::Conserve));
        let off = output.iter().filter(|v| v.is_finite()).sum::<f64>() / image.sum() - 1.0;
        println!("{scale:.1e} degrees a pixel onto {ratio} times that: flux off by {off:.1e}");
        assert!(off.abs() < 1e-9, "{off}");
    }
}

#[test]
fn constants_stay() {
    for (scale, ratio) in [(0.2 / 3600.0, 1.0), (0.2 / 3600.0, 3.1), (0.2, 1.1), (3.0, 0.9)] {
        let shape = [150, 140];
        let (input, target) =
            (header("TAN", [40.0, 30.0], shape, scale, 33.0), header("TAN", [40.0, 30.0], shape, scale * ratio, 0.0));
        for (constant, bound) in [(1.0, 4.0), (0.1, 8.0)] {
            let [output, footprint] =
                run(&Array2::from_elem(shape, constant), &input, &target, shape, &options(CoordinateError::default()));
            let there = output.iter().filter(|v| v.is_finite());
            let worst = there.map(|v| (v / constant - 1.0).abs()).fold(0.0, f64::max) / f64::EPSILON;
            let whole = footprint.iter().filter(|f| **f == 1.0).count();
            println!("{constant} at {scale:.1e} times {ratio}: off by {worst:.1} epsilon, {whole} covered as a whole");
            assert!(worst < bound && whole > 500, "{worst} {whole}");
        }
    }
}

/// Pixels onto themselves, shifted by whole pixels and turned by quarters.
#[test]
fn whole_pixels_are_whole() {
    let shape = [70, 80];
    let image = noise(shape, 5, 0.02);
    let input = header("TAN", [40.0, 30.0], shape, 1.0 / 3600.0, 0.0);
    let missing = Missing::Propagate;
    for error in [CoordinateError::default(), CoordinateError::Exact] {
        let [output, footprint] = run(&image, &input, &input, shape, &options(error).missing(missing));
        let turned = header("TAN", [40.0, 30.0], [80, 70], 1.0 / 3600.0, 90.0);
        let [turned, _] = run(&image, &input, &turned, [80, 70], &options(error).missing(missing));
        let mut worst = 0.0_f64;
        for ((y, x), pixel) in image.indexed_iter() {
            let off = (output[[y, x]] - pixel)
                .abs()
                .max((turned[[x, 69 - y]] - pixel).abs().min((turned[[79 - x, y]] - pixel).abs()));
            assert!(
                output[[y, x]].is_nan() == pixel.is_nan()
                    && (footprint[[y, x]] - f64::from(u8::from(!pixel.is_nan()))).abs() < 1e-8
            );
            worst = if off.is_nan() { worst } else { worst.max(off / 100.0) };
        }
        println!("{error:?}: {worst:.1e}");
        assert!(worst < 1e-7, "{worst}");
    }
}

#[test]
fn weights_are_averaged() {
    let (shape, out) = ([40, 44], [30, 31]);
    let (input, target) =
        (header("TAN", [40.0, 30.0], shape, 1e-3, 33.0), header("TAN", [40.0, 30.0], out, 1.3e-3, 0.0));
    let (image, weights) = (noise(shape, 1, 0.01), noise(shape, 2, 0.0).mapv(|w| w + 1.0));
    let options = options(CoordinateError::Exact);
    let [output, plain] = run(&image, &input, &target, out, &options);
    let masked = Array2::from_shape_fn(shape, |at| if image[at].is_nan() { f64::NAN } else { weights[at] });
    let [mean, _] = run(&masked, &input, &target, out, &options);
    let (mut weighted, mut footprint) = (Array2::<f64>::zeros(out), Array2::<f64>::zeros(out));
    let inputs = [Input::from_array(image.view(), input.clone()).with_weights(masked.view())];
    reproject_and_coadd(&inputs, &target, weighted.view_mut(), footprint.view_mut(), &options).unwrap();
    let mut there = 0;
    for (at, value) in output.indexed_iter() {
        let wanted = if mean[at].is_nan() { 0.0 } else { plain[at] * mean[at] };
        assert!((footprint[at] - wanted).abs() <= 1e-12 * wanted, "{at:?}: {} {wanted}", footprint[at]);
        assert!(value.is_nan() && weighted[at].is_nan() || (weighted[at] / value - 1.0).abs() < 1e-12, "{at:?}");
        there += usize::from(wanted > 0.0);
    }
    assert!(there > 500);
}

/// A map through the sky that does not tell.
struct Hidden(WcsMap);

impl PixelMap for Hidden {
    fn to_input(&self, x: &mut [f64], y: &mut [f64]) {
        self.0.to_input(x, y);
    }
}

#[test]
fn without_a_sky_the_plane_will_do() {
    let (shape, out) = ([60, 120], [50, 100]);
    let (input, target) = (header("CAR", [180.0, 0.0], shape, 3.0, 0.0), header("CAR", [0.0, 0.0], out, 3.6, 0.0));
    let image = noise(shape, 5, 0.0);
    let (mut output, mut footprint) = (Array2::<f64>::zeros(out), Array2::<f64>::zeros(out));
    let map = Arc::new(Hidden(WcsMap::new(&target, &input).unwrap()));
    let inputs = [Input::from_array_with_map(image.view(), map)];
    reproject_and_coadd(&inputs, &target, output.view_mut(), footprint.view_mut(), &options(CoordinateError::Exact))
        .unwrap();
    // Both are plain longitude and latitude: one axis at a time. Column 50 of the output begins where the image has its seam.
    let overlap = |low: f64, size: f64, n: usize| -> Vec<(usize, f64)> {
        let parts = (0..n).map(|k| (k, ((k as f64 + 1.0).min(low + size) - (k as f64).max(low)).max(0.0)));
        parts.filter(|(_, part)| *part > 0.0).collect()
    };
    let mut worst = 0.0_f64;
    for ((y, x), value) in output.indexed_iter() {
        let (columns, rows) = (overlap((x as f64 * 1.2 + 60.0) % 120.0, 1.2, 120), overlap(y as f64 * 1.2, 1.2, 60));
        let pixels = &image;
        let taps = rows.iter().flat_map(|(j, v)| columns.iter().map(move |(i, u)| (u * v, pixels[[*j, *i]])));
        let (sum, area) = taps.fold((0.0, 0.0), |(sum, area), (a, p)| (sum + a * p, area + a));
        let off = (value - sum / area).abs() / 100.0;
        worst = if off.is_nan() { worst } else { worst.max(off) };
        // A pixel with a corner on the seam may be left out, but is never wrong.
        let whole = (footprint[[y, x]] - 1.0).abs() < 1e-9;
        assert!(
            whole || (x == 49 || x == 50) && value.is_nan() && footprint[[y, x]] == 0.0,
            "{y} {x} {}",
            footprint[[y, x]]
        );
    }
    println!("worst {worst:.1e}");
    assert!(worst < 1e-9);
}

#[test]
fn infinite_pixels_stay_where_they_are() {
    let shape = [30, 30];
    let (input, target) =
        (header("TAN", [40.0, 30.0], shape, 1e-3, 0.0), header("TAN", [40.0, 30.0], shape, 1e-3, 30.0));
    let mut image = Array2::from_elem(shape, 1.0);
    image[[15, 14]] = f64::INFINITY;
    let [output, _] = run(&image, &input, &target, shape, &options(CoordinateError::default()));
    let infinite = output.iter().filter(|v| v.is_infinite()).count();
    assert!((4..=9).contains(&infinite), "{infinite}");
    let inner = output.slice(s![8..22, 8..22]);
    assert!(inner.iter().all(|v| *v == f64::INFINITY || (v - 1.0).abs() < 1e-13));
}
