//! Cubes on the command line: channels of the target, of the first cube, and what cannot be compared.

use ndarray::{ArrayD, Axis};
use skymosaic::{FitsImage, Hdu, Header};

use super::{Folder, wcs};

/// A spectral axis from a first value in m/s, LSRK.
fn cube(first: f64, step: f64, channels: usize) -> Header {
    let mut header = wcs(150.0);
    header.set("NAXIS", 3i64, "");
    for (keyword, length) in [("NAXIS1", 40), ("NAXIS2", 30), ("NAXIS3", channels)] {
        header.set(keyword, length as i64, "");
    }
    for (keyword, value) in [("CRVAL3", first), ("CRPIX3", 1.0), ("CDELT3", step), ("RESTFRQ", 1.42e9)] {
        header.set(keyword, value, "");
    }
    for (keyword, value) in [("CTYPE3", "VRAD"), ("CUNIT3", "m/s"), ("SPECSYS", "LSRK")] {
        header.set(keyword, value, "");
    }
    header
}

/// Pixels that are the velocity of their channel, in km/s.
fn velocities(first: f64, step: f64, channels: usize) -> ArrayD<f32> {
    ArrayD::from_shape_fn(vec![channels, 30, 40], |at| ((first + step * at[0] as f64) / 1000.0) as f32)
}

fn planes(folder: &Folder, name: &str) -> Vec<f64> {
    let plane = |plane: ndarray::ArrayViewD<'_, f64>| {
        let first = plane[[0, 0]];
        assert!(plane.iter().all(|value| value.to_bits() == first.to_bits()), "{name}");
        first
    };
    folder.pixels(name).axis_iter(Axis(0)).map(plane).collect()
}

#[test]
fn cubes_come_onto_the_channels_of_the_target() {
    let folder = Folder::new();
    folder.write("a.fits", &cube(0.0, 1000.0, 4), &velocities(0.0, 1000.0, 4));
    folder.write("b.fits", &cube(6250.0, -500.0, 8), &velocities(6250.0, -500.0, 8));
    let target = cube(-1000.0, 500.0, 18);
    std::fs::write(folder.path("cube.hdr"), target.to_string()).unwrap();

    folder
        .make("mosaic --target cube.hdr -o out.fits --footprint foot.fits --report out.json --dtype f64 a.fits b.fits");
    let (found, weight) = (planes(&folder, "out.fits"), planes(&folder, "foot.fits"));
    // From -0.5 km/s to 3.5 km/s and from 2.5 km/s to 6.5 km/s, the edges' values in the outer halves of channels.
    let wanted = |k: usize| {
        let v = -1.0 + 0.5 * k as f64;
        let of = |low: f64, high: f64, half: f64| (v >= low - half && v < high + half).then(|| v.clamp(low, high));
        // The first channel of b is the highest: its outer edge is the lower end of the half-open interval.
        let b = (v > 2.75 - 0.25 && v <= 6.25 + 0.25).then(|| v.clamp(2.75, 6.25));
        [of(0.0, 3.0, 0.5), b].into_iter().flatten().collect::<Vec<f64>>()
    };
    for k in 0..18 {
        let wanted = wanted(k);
        assert_eq!(weight[k], wanted.len() as f64, "channel {k}");
        if wanted.is_empty() {
            assert!(found[k].is_nan(), "channel {k}");
        } else {
            let mean = wanted.iter().sum::<f64>() / wanted.len() as f64;
            assert!((found[k] - mean).abs() < 1e-6, "channel {k}: {} instead of {mean}", found[k]);
        }
    }
    let out = FitsImage::open(folder.path("out.fits"), &Hdu::First).unwrap();
    for keyword in ["CTYPE3", "CUNIT3", "CRVAL3", "CRPIX3", "CDELT3", "RESTFRQ", "SPECSYS"] {
        assert_eq!(out.header().get(keyword), target.get(keyword), "{keyword}");
    }
    assert_eq!(out.header().i64("WCSAXES").unwrap(), Some(3));
    let report = std::fs::read_to_string(folder.path("out.json")).unwrap();
    assert!(report.contains("\"spectral_interpolation\": \"linear\""), "{report}");

    folder.make("mosaic --target cube.hdr -o near.fits --spectral-interpolation nearest --dtype f64 a.fits");
    let near = planes(&folder, "near.fits");
    for (k, value) in near.iter().enumerate() {
        let v = (-1.0 + 0.5 * k as f64 + 0.5).floor();
        assert!(if (0.0..=3.0).contains(&v) { *value == v } else { value.is_nan() }, "channel {k}: {value}");
    }
}

#[test]
fn without_a_target_the_first_cube_has_the_channels() {
    let folder = Folder::new();
    folder.write("a.fits", &cube(0.0, 1000.0, 4), &velocities(0.0, 1000.0, 4));
    folder.write("b.fits", &cube(500.0, 250.0, 8), &velocities(500.0, 250.0, 8));
    let done = folder.make("mosaic -o out.fits --combine last a.fits b.fits");
    assert!(!done.stderr.contains("warning"), "{}", done.stderr);
    let out = FitsImage::open(folder.path("out.fits"), &Hdu::First).unwrap();
    assert_eq!((out.shape()[0], out.header().f64("CDELT3").unwrap()), (4, Some(1000.0)));
    let header = folder.make("header a.fits b.fits").stdout;
    assert!(header.contains("NAXIS3") && header.contains("VRAD"), "{header}");
    // And it serves as a target.
    std::fs::write(folder.path("cube.hdr"), header).unwrap();
    folder.make("mosaic --target cube.hdr -o again.fits --combine last a.fits b.fits");
    assert!(
        folder.pixels("again.fits") == folder.pixels("out.fits")
            || folder.pixels("out.fits").iter().any(|v| v.is_nan())
    );
    let done = folder.make("mosaic -o fine.fits b.fits a.fits");
    assert!(done.stderr.contains("2 of 4 VRAD planes of a.fits"), "{}", done.stderr);
    // Images make an image, whatever the target is.
    folder.image("flat.fits", 150.0);
    folder.make("mosaic --target a.fits -o flat-out.fits flat.fits");
    let flat = FitsImage::open(folder.path("flat-out.fits"), &Hdu::First).unwrap();
    assert_eq!((flat.shape().len(), flat.header().get("CTYPE3")), (2, None));
}

#[test]
fn cubes_that_cannot_be_compared_are_refused() {
    let folder = Folder::new();
    folder.write("a.fits", &cube(0.0, 1000.0, 4), &velocities(0.0, 1000.0, 4));
    let mut other = cube(500.0, 1000.0, 4);
    other.set("SPECSYS", "TOPOCENT", "");
    folder.write("b.fits", &other, &velocities(500.0, 1000.0, 4));
    folder.refuse("mosaic -o x.fits a.fits b.fits", 1, &["b.fits", "SPECSYS", "TOPOCENT", "LSRK"]);
    folder.write("c.fits", &cube(1e6, 1000.0, 4), &velocities(1e6, 1000.0, 4));
    folder.refuse("mosaic -o x.fits --target a.fits c.fits", 1, &["no input overlaps", "channels"]);
    folder.refuse("mosaic -o x.fits --spectral-interpolation cubic a.fits", 2, &["linear", "nearest"]);
}
