//! The naive reference itself against reproject's sampler (scipy's map_coordinates with reproject's edge rule), position by position.

mod common;
mod naive;

use common::Golden;
use naive::{Image, Missing, combine::Combine, interpolate, sample};

#[test]
fn samples_as_reproject_does() {
    let golden = Golden::open("coadd");
    let case = golden.cases().iter().find(|case| case["name"] == "points").unwrap();
    let pixels = golden.array(&case["image"]);
    let (ny, nx) = (pixels.shape()[0], pixels.shape()[1]);
    let image = Image::new(pixels.iter().copied().collect(), ny, nx);
    let (xs, ys) = (golden.array(&case["x"]), golden.array(&case["y"]));
    let mut zero_weight = 0;
    for (kernel, name) in
        [(interpolate::nearest as fn(_, _, _, _) -> _, "nearest"), (interpolate::bilinear, "bilinear")]
    {
        for ((x, y), wanted) in xs.iter().zip(&ys).zip(&golden.array(&case[name])) {
            let taps = kernel(*x, *y, ny, nx);
            let got = sample(&image, &taps, Missing::Propagate).unwrap_or(f64::NAN);
            // The one difference: reproject multiplies missing pixels of weight 0 too.
            let (i, j) = (x.clamp(0.0, nx as f64 - 1.0), y.clamp(0.0, ny as f64 - 1.0));
            if name == "bilinear" && wanted.is_nan() && !got.is_nan() && (i.fract() == 0.0 || j.fract() == 0.0) {
                zero_weight += 1;
                continue;
            }
            let same = got.is_nan() && wanted.is_nan() || (got - wanted).abs() <= 4.0 * f64::EPSILON * wanted.abs();
            assert!(same, "{name} at ({x:?}, {y:?}): {got} instead of {wanted}");
        }
    }
    println!("{} positions, {zero_weight} left out where a missing pixel has weight 0", 2 * xs.len());
    assert!(zero_weight < xs.len() / 8, "{zero_weight}");
}

#[test]
fn renormalizes() {
    let image = Image::new(vec![1.0, f64::NAN, 3.0, 5.0], 2, 2);
    let taps = interpolate::bilinear(0.25, 0.5, 2, 2);
    assert_eq!(sample(&image, &taps, Missing::Propagate), None);
    let wanted = (0.375 * 1.0 + 0.375 * 3.0 + 0.125 * 5.0) / 0.875;
    assert_eq!(sample(&image, &taps, Missing::Renormalize { min_weight: 0.875 }), Some(wanted));
    assert_eq!(sample(&image, &taps, Missing::Renormalize { min_weight: 0.876 }), None);
}

#[test]
fn combines() {
    let samples = [(3.0, 2.0), (1.0, 1.0), (7.0, 0.5), (2.0, 0.5)];
    for (how, value) in naive::combine::ALL.into_iter().zip([11.5 / 4.0, 11.5, 3.0, 2.0, 1.0, 7.0, 2.5]) {
        assert_eq!(naive::combine::combine(how, &samples, -1.0), (value, 4.0), "{how:?}");
    }
    assert_eq!(naive::combine::combine(Combine::Median, &samples[..3], -1.0).0, 3.0);
    assert_eq!(naive::combine::combine(Combine::Mean, &[], -1.0), (-1.0, 0.0));
}
