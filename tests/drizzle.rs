//! Drizzling against the naive version, what it promises, and what it refuses.

mod common;
mod naive;

use std::sync::Arc;

use common::field::{noise, tan};
use naive::{Image, drizzle::Kernel};
use ndarray::{Array2, s};
use skymosaic::{
    CoordinateError, Drizzle, DrizzleKernel, Error, Flux, Input, Missing, Options, Parallel, PixelMap, Resample, Wcs,
    reproject_and_coadd,
};

const KERNELS: [(DrizzleKernel, Kernel); 4] = [
    (DrizzleKernel::Square, Kernel::Square),
    (DrizzleKernel::Point, Kernel::Point),
    (DrizzleKernel::Turbo, Kernel::Turbo),
    (DrizzleKernel::Gaussian, Kernel::Gaussian),
];

fn options(kernel: DrizzleKernel, pixfrac: f64) -> Options {
    Options::default()
        .resample(Resample::Drizzle(Drizzle::default().kernel(kernel).pixfrac(pixfrac)))
        .parallel(Parallel::Serial)
}

fn run(inputs: &[Input<'_>], target: &Wcs, shape: [usize; 2], options: &Options) -> Result<[Array2<f64>; 2], Error> {
    let (mut output, mut footprint) = (Array2::zeros(shape), Array2::zeros(shape));
    reproject_and_coadd(inputs, target, output.view_mut(), footprint.view_mut(), options)?;
    Ok([output, footprint])
}

/// Position in the pixels of `to` of a position in those of `from`.
fn through(from: &Wcs, to: &Wcs, x: f64, y: f64) -> (f64, f64) {
    let (mut x, mut y) = ([x], [y]);
    from.pixel_to_celestial(&mut x, &mut y);
    to.celestial_to_pixel(&mut x, &mut y);
    (x[0], y[0])
}

#[test]
fn equals_the_naive_version() {
    let (shape, out) = ([37, 41], [45, 50]);
    for (seed, (scale, rotation, pixfrac)) in
        [(0.7, 25.0, 1.0), (1.0, -100.0, 0.7), (2.3, 10.0, 1.0), (0.3, 200.0, 0.5)].into_iter().enumerate()
    {
        let input = tan(150.0, 2.0, shape, 2.0 / 3600.0, rotation);
        let target = tan(150.001, 2.001, out, scale * 2.0 / 3600.0, 0.0);
        let image = noise(shape, seed as u64 + 1, 0.02);
        let weights = noise(shape, seed as u64 + 50, 0.02).mapv(|w| if w < 10.0 { 0.0 } else { w });
        let pixels = Image::new(image.iter().copied().collect(), shape[0], shape[1]);
        let given = weights.as_slice().unwrap();
        let inputs = [
            [Input::from_array(image.view(), input.clone())],
            [Input::from_array(image.view(), input.clone()).with_weights(weights.view())],
        ];
        for (kernel, naive) in KERNELS {
            for (inputs, given) in inputs.iter().zip([None, Some(given)]) {
                let map = |x: f64, y: f64| through(&input, &target, x, y);
                let wanted = naive::drizzle::drizzle(&pixels, given, &map, out, naive, pixfrac);
                for (error, limit) in [(CoordinateError::Exact, 1e-7), (CoordinateError::default(), 2e-3)] {
                    if kernel == DrizzleKernel::Point && error != CoordinateError::Exact {
                        // A point near the line between two pixels may fall on either.
                        continue;
                    }
                    let options = options(kernel, pixfrac).coordinate_error(error).tile(16);
                    let [output, footprint] = run(inputs, &target, out, &options).unwrap();
                    let (mut worst, mut worst_weight, mut there) = (0.0_f64, 0.0_f64, 0);
                    for ((value, weight), wanted) in output.iter().zip(&footprint).zip(&wanted) {
                        let (v, w) = wanted.unwrap_or((f64::NAN, 0.0));
                        // A pixel that next to nothing falls on has no value to speak of.
                        if w.max(*weight) > 1e-3 {
                            there += 1;
                            worst = worst.max((value - v).abs() / 100.0);
                        }
                        assert!(value.is_nan() == v.is_nan() || w.max(*weight) < 1e-3, "{kernel:?}: {value} {v} {w}");
                        worst_weight = worst_weight.max((weight - w).abs() / if given.is_some() { 100.0 } else { 1.0 });
                    }
                    println!(
                        "{kernel:?} {pixfrac} scale {scale} {error:?}: {there} pixels, value off by {worst:.1e}, weight by {worst_weight:.1e}"
                    );
                    assert!(there > 100, "{there}");
                    assert!(worst < limit && worst_weight < limit);
                }
            }
        }
    }
}

#[test]
fn flux_is_kept() {
    let (shape, out) = ([40, 44], [60, 70]);
    let input = tan(150.0, 2.0, shape, 2.0 / 3600.0, 33.0);
    let image = Array2::from_shape_fn(shape, |(y, x)| {
        let (dx, dy) = (x as f64 - 21.3, y as f64 - 19.2);
        500.0 * (-(dx * dx + dy * dy) / (2.0 * 1.4 * 1.4)).exp()
    });
    for scale in [0.8, 1.7] {
        let target = tan(150.0, 2.0, out, scale * 2.0 / 3600.0, 0.0);
        let inputs = [Input::from_array(image.view(), input.clone())];
        let options = options(DrizzleKernel::Square, 1.0).flux(Flux::Conserve);
        let [output, _] = run(&inputs, &target, out, &options).unwrap();
        let kept = output.iter().filter(|v| v.is_finite()).sum::<f64>() / image.sum() - 1.0;
        println!("scale {scale}: flux off by {kept:.1e}");
        assert!(kept.abs() < 1e-6, "{kept}");
    }
}

#[test]
fn constants_stay() {
    let shape = [50, 50];
    let input = tan(150.0, 2.0, shape, 2.0 / 3600.0, 33.0);
    let target = tan(150.0, 2.0, shape, 1.7 / 3600.0, 0.0);
    let mut image = Array2::from_elem(shape, 0.1);
    image.slice_mut(s![20..22, 30..31]).fill(f64::NAN);
    for (kernel, _) in KERNELS {
        let inputs = [Input::from_array(image.view(), input.clone())];
        let options = options(kernel, 0.9).missing(Missing::Propagate);
        let [output, _] = run(&inputs, &target, shape, &options).unwrap();
        let there: Vec<f64> = output.iter().copied().filter(|v| v.is_finite()).collect();
        let worst = there.iter().map(|v| (v / 0.1 - 1.0).abs()).fold(0.0, f64::max);
        println!("{kernel:?}: {worst:.1e}");
        assert!(there.len() > 1000 && worst < 4.0 * f64::EPSILON);
    }
}

/// A shift, with or without an inverse.
struct Shift {
    known: bool,
}

impl PixelMap for Shift {
    fn to_input(&self, x: &mut [f64], _: &mut [f64]) {
        x.iter_mut().for_each(|x| *x += 3.25);
    }

    fn to_output(&self, x: &mut [f64], _: &mut [f64]) -> bool {
        if self.known {
            x.iter_mut().for_each(|x| *x -= 3.25);
        }
        self.known
    }
}

#[test]
fn maps_of_the_user() {
    let target = tan(150.0, 2.0, [8, 20], 2.0 / 3600.0, 0.0);
    let image = Array2::from_shape_fn([8, 24], |(_, x)| x as f64);
    let with = |known: bool| Input::from_array_with_map(image.view(), Arc::new(Shift { known }));
    let [output, footprint] = run(&[with(true)], &target, [8, 20], &options(DrizzleKernel::Square, 1.0)).unwrap();
    for ((y, x), value) in output.indexed_iter() {
        let wanted = x as f64 + 3.25;
        assert!((value - wanted).abs() < 1e-9 && (footprint[[y, x]] - 1.0).abs() < 1e-9, "{value} instead of {wanted}");
    }
    let refused = run(&[with(false)], &target, [8, 20], &options(DrizzleKernel::Square, 1.0)).unwrap_err().to_string();
    assert!(refused.contains("to_output") && refused.contains("Exact"), "{refused}");
}

#[test]
fn options_that_make_no_sense() {
    let target = tan(150.0, 2.0, [8, 8], 2.0 / 3600.0, 0.0);
    let image = Array2::<f64>::zeros([8, 8]);
    let inputs = [Input::from_array(image.view(), target.clone())];
    for pixfrac in [0.0, -1.0, 1.5, f64::NAN] {
        let refused = run(&inputs, &target, [8, 8], &options(DrizzleKernel::Turbo, pixfrac)).unwrap_err();
        assert!(matches!(refused, Error::Option { option: "resample", .. }), "{refused}");
        assert!(run(&inputs, &target, [8, 8], &options(DrizzleKernel::Point, pixfrac)).is_ok());
    }
    let weighted = [inputs[0].clone().with_weights_on(image.view(), target.clone())];
    let refused = run(&weighted, &target, [8, 8], &options(DrizzleKernel::Square, 1.0)).unwrap_err().to_string();
    assert!(refused.contains("pixel on pixel"), "{refused}");
}

/// All of the sky onto all of the sky, the seams of the two apart: drops that a seam cuts fall on both sides.
#[test]
fn across_the_seam() {
    let map = |lon: f64| {
        common::field::wcs(&format!(
            "NAXIS = 2\nNAXIS1 = 72\nNAXIS2 = 36\nCTYPE1 = 'RA---CAR'\nCTYPE2 = 'DEC--CAR'\nCRVAL1 = {lon}\nCRVAL2 = 0.0\n\
             CRPIX1 = 36.5\nCRPIX2 = 18.5\nCDELT1 = -5.0\nCDELT2 = 5.0\n"
        ))
    };
    for shift in [77.0, 75.0, 180.0] {
        let image = Array2::from_shape_fn([36, 72], |(y, x)| 10.0 + (y * 72 + x) as f64);
        let inputs = [Input::from_array(image.view(), map(0.0))];
        for kernel in [DrizzleKernel::Square, DrizzleKernel::Turbo] {
            let options = options(kernel, 1.0).coordinate_error(CoordinateError::Exact);
            let [output, footprint] = run(&inputs, &map(shift), [36, 72], &options).unwrap();
            let (whole, part) = ((shift / 5.0).floor(), (shift / 5.0).fract());
            for ((y, x), value) in output.indexed_iter() {
                // East is left: output column x lies shift / 5 columns to the left in the input.
                let at = |d: f64| image[[y, (x as f64 - whole - d).rem_euclid(72.0) as usize]];
                let wanted = (1.0 - part) * at(0.0) + part * at(1.0);
                let off = (value / wanted - 1.0).abs().max((footprint[[y, x]] - 1.0).abs());
                assert!(
                    off < 1e-9,
                    "{kernel:?} {shift} ({x}, {y}): {value} instead of {wanted}, {}",
                    footprint[[y, x]]
                );
            }
        }
    }
}
