//! The adaptive kernel against its definition for maps that the golden data does not have: strong reduction, shear, mirrors, missing pixels, all edges.

mod common;
mod naive;

use std::sync::Arc;

use common::{
    field::{noise, tan},
    worst,
};
use naive::{Image, adaptive};
use ndarray::Array2;
use skymosaic::{
    Adaptive, AdaptiveKernel, Boundary, CoordinateError, Error, Flux, Input, Missing, Options, PixelMap, Resample,
    reproject_and_coadd,
};

/// x = m0 + m1 u + m2 v, y = m3 + m4 u + m5 v.
#[derive(Clone, Copy)]
struct Affine([f64; 6]);

impl PixelMap for Affine {
    fn to_input(&self, x: &mut [f64], y: &mut [f64]) {
        let m = self.0;
        for (x, y) in x.iter_mut().zip(y) {
            (*x, *y) = (m[0] + m[1] * *x + m[2] * *y, m[3] + m[4] * *x + m[5] * *y);
        }
    }
}

fn run(image: &Array2<f64>, map: Affine, shape: [usize; 2], options: &Options) -> Result<Array2<f64>, Error> {
    let input = Input::from_array_with_map(image.view(), Arc::new(map));
    let (mut output, mut footprint) = (Array2::zeros(shape), Array2::zeros(shape));
    let target = tan(10.0, 20.0, shape, 0.0003, 0.0);
    reproject_and_coadd(&[input], &target, output.view_mut(), footprint.view_mut(), options)?;
    assert!(output.iter().zip(&footprint).all(|(v, f): (&f64, &f64)| *f == f64::from(u8::from(!v.is_nan()))));
    Ok(output)
}

#[test]
fn equals_its_definition() {
    let shape = [41, 37];
    // Digits without meaning: where a box ends on a pixel to the last bit, rounding decides whether it counts.
    let maps = [
        ("shift", [0.3, 1.0, 0.0, -4.6, 0.0, 1.0]),
        ("whole shift", [-3.0, 1.0, 0.0, 2.0, 0.0, 1.0]),
        ("fine", [10.2, 0.21, 0.07, 8.1, -0.05, 0.33]),
        ("turned", [20.3137, 1.1013, 0.9071, 60.2291, 0.8039, -1.2057]),
        ("mirrored, coarse", [100.3137, -2.9071, 0.4013, -4.6291, 0.3039, 3.1057]),
        ("12 times coarser", [-60.3, 11.0, 4.0, -150.6, -5.0, 12.0]),
        ("long and thin", [40.3, 0.3, 2.2, -14.6, 0.1, 9.0]),
        ("very long and thin", [40.3, 0.02, 11.2, 3.6, 0.04, 25.0]),
        ("singular", [40.3, 1.0, 2.0, 3.6, 1.0, 2.0]),
        ("a point", [40.3, 0.0, 0.0, 3.6, 0.0, 0.0]),
    ];
    let boundaries = [
        Boundary::Strict,
        Boundary::Constant { value: 31.0 },
        Boundary::GridConstant { value: 31.0 },
        Boundary::Ignore,
        Boundary::IgnoreThreshold { threshold: 0.35 },
        Boundary::Nearest,
    ];
    let mut failures = Vec::new();
    for missing in [0.0, 0.02] {
        let image = noise([120, 130], 5, missing);
        let naive_image = Image::new(image.iter().copied().collect(), 120, 130);
        for (name, map) in maps {
            for (k, boundary) in boundaries.into_iter().enumerate() {
                for kernel in [AdaptiveKernel::Gaussian, AdaptiveKernel::Hann] {
                    let fill = (k % 3 == 1).then_some(17.0);
                    let adaptive = Adaptive::default().kernel(kernel).boundary(boundary).bad_fill(fill);
                    let flux = if k % 2 == 0 { Flux::SurfaceBrightness } else { Flux::Conserve };
                    let rule = if k < 2 { Missing::Propagate } else { Missing::Renormalize { min_weight: 0.3 } };
                    let options = Options::default().resample(Resample::Adaptive(adaptive)).flux(flux).missing(rule);
                    let options = options.coordinate_error(CoordinateError::Exact).tile(16);
                    let got = run(&image, Affine(map), shape, &options).unwrap();
                    let wanted = adaptive::image(&naive_image, &Affine(map), shape, &adaptive::Kernel::new(&options));
                    let wanted = Array2::from_shape_vec(shape, wanted).unwrap();
                    let there = wanted.iter().filter(|v| !v.is_nan()).count();
                    let off = worst(got.view().into_dyn(), wanted.view().into_dyn(), |_| false);
                    println!("{name}, {kernel:?}, {boundary:?}, {missing}: {off}; {there} samples");
                    if off.relative > 1e-11 {
                        failures.push(format!("{name}, {kernel:?}, {boundary:?}, {missing}: {off}"));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} {failures:#?}", failures.len());
}

/// Images that go around along one axis or both: far outside, with boxes that are longer than the image, with holes.
#[test]
fn around_an_image() {
    let shape = [41, 37];
    let maps = [
        ("shift", [0.3, 1.0, 0.0, -4.6, 0.0, 1.0]),
        ("turned, many turns away", [-820.3137, 1.1013, 0.9071, 960.2291, 0.8039, -1.2057]),
        ("fine", [-3.2, 0.21, 0.07, 28.1, -0.05, 0.33]),
        ("longer than the image", [-60.3137, 7.1291, 3.0173, -150.6291, -4.0371, 8.1093]),
    ];
    let mut failures = Vec::new();
    for missing in [0.0, 0.05] {
        let image = noise([23, 31], 5, missing);
        let naive_image = Image::new(image.iter().copied().collect(), 23, 31);
        for (name, map) in maps {
            for (k, boundary) in
                [Boundary::Strict, Boundary::Constant { value: 31.0 }, Boundary::Ignore, Boundary::Nearest]
                    .into_iter()
                    .enumerate()
            {
                for (x, y) in [(true, false), (false, true), (true, true)] {
                    let kernel = if k % 2 == 0 { AdaptiveKernel::Gaussian } else { AdaptiveKernel::Hann };
                    let adaptive = Adaptive::default().kernel(kernel).boundary(boundary).x_cyclic(x).y_cyclic(y);
                    let rule = if k < 2 { Missing::Propagate } else { Missing::Renormalize { min_weight: 0.3 } };
                    let options = Options::default().resample(Resample::Adaptive(adaptive)).missing(rule);
                    let options = options.coordinate_error(CoordinateError::Exact).tile(16);
                    let got = run(&image, Affine(map), shape, &options).unwrap();
                    let wanted = adaptive::image(&naive_image, &Affine(map), shape, &adaptive::Kernel::new(&options));
                    let wanted = Array2::from_shape_vec(shape, wanted).unwrap();
                    let off = worst(got.view().into_dyn(), wanted.view().into_dyn(), |_| false);
                    println!("{name}, {boundary:?}, x {x}, y {y}, {missing}: {off}");
                    if off.relative > 1e-11 {
                        failures.push(format!("{name}, {boundary:?}, x {x}, y {y}, {missing}: {off}"));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} {failures:#?}", failures.len());
}

#[test]
fn options_that_make_no_sense() {
    let image = noise([9, 9], 1, 0.0);
    for adaptive in [
        Adaptive::default().kernel_width(0.0),
        Adaptive::default().sample_region_width(f64::NAN),
        Adaptive::default().boundary(Boundary::IgnoreThreshold { threshold: 1.5 }),
    ] {
        let options = Options::default().resample(Resample::Adaptive(adaptive));
        let result = run(&image, Affine([0.0, 1.0, 0.0, 0.0, 0.0, 1.0]), [9, 9], &options);
        assert!(matches!(result, Err(Error::Option { option: "resample", .. })), "{adaptive:?}");
    }
}
