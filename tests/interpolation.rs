//! Every interpolating kernel against its definition, pixel by pixel, and what must hold for all of them.

mod common;
mod naive;

use std::sync::Arc;

use common::{
    INTERPOLATING,
    field::{noise, tan},
};
use naive::{
    Image, Missing as Rule, Tap,
    convolution::{clamped, keys, lanczos, linear, taps},
    sample,
    spline::{averaged, basis, coefficients},
};
use ndarray::{Array2, ArrayView2};
use skymosaic::{
    CoordinateError, Flux, Input, Missing, Options, Parallel, Pixel, PixelMap, Resample, reproject_and_coadd,
};

/// x = m0 + m1 u + m2 v, y = m3 + m4 u + m5 v.
#[derive(Clone, Copy)]
struct Affine([f64; 6]);

impl Affine {
    fn at(&self, u: f64, v: f64) -> [f64; 2] {
        let m = self.0;
        [m[0] + m[1] * u + m[2] * v, m[3] + m[4] * u + m[5] * v]
    }

    fn turned(degrees: f64, scale: f64, x: f64, y: f64) -> Affine {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Affine([x, scale * cos, -scale * sin, y, scale * sin, scale * cos])
    }
}

impl PixelMap for Affine {
    fn to_input(&self, x: &mut [f64], y: &mut [f64]) {
        for (x, y) in x.iter_mut().zip(y) {
            [*x, *y] = self.at(*x, *y);
        }
    }
}

/// Mosaic and footprint of one image.
fn run<T: Pixel>(
    image: ArrayView2<'_, f64>,
    weights: Option<ArrayView2<'_, f64>>,
    map: impl PixelMap + 'static,
    shape: [usize; 2],
    options: &Options,
) -> [Array2<f64>; 2] {
    let mut input = Input::from_array_with_map(image, Arc::new(map));
    if let Some(weights) = weights {
        input = input.with_weights(weights);
    }
    let (mut output, mut footprint) = (Array2::from_elem(shape, T::NAN), Array2::from_elem(shape, T::NAN));
    let target = tan(10.0, 20.0, shape, 0.0003, 0.0);
    reproject_and_coadd(&[input], &target, output.view_mut(), footprint.view_mut(), options).unwrap();
    [output, footprint].map(|array| array.mapv(|v| v.to_f64()))
}

fn exact(resample: Resample) -> Options {
    let options = Options::default().parallel(Parallel::Serial).coordinate_error(CoordinateError::Exact);
    options.resample(resample).tile(32)
}

fn image_of(array: &Array2<f64>) -> Image {
    Image::new(array.iter().copied().collect(), array.nrows(), array.ncols())
}

/// A kernel's naive version: image (or coefficients) and the taps at a position where output pixels are `s` times as long as input pixels.
struct Naive {
    kernel: Resample,
    pixels: Image,
    basis: Image,
}

impl Naive {
    fn new(kernel: Resample, image: &Array2<f64>) -> Naive {
        let pixels = image_of(image);
        let basis = match kernel {
            Resample::Biquadratic => coefficients(&pixels, 2),
            Resample::Bicubic => coefficients(&pixels, 3),
            _ => pixels.clone(),
        };
        Naive { kernel, pixels, basis }
    }

    fn taps(&self, at: [f64; 2], s: [f64; 2]) -> Vec<Tap> {
        let shape = [self.pixels.ny, self.pixels.nx];
        let stretched = |radius: f64, kernel: &dyn Fn(f64) -> f64| {
            let [x, y] = s.map(|s| move |d: f64| kernel(d / s));
            taps(at, shape, s.map(|s| radius * s), [&x, &y])
        };
        let spline = |degree: usize| {
            let width = s.map(|s| (s * s - 1.0).sqrt());
            let [x, y] = width.map(|w| move |d: f64| if w > 0.0 { averaged(degree, d, w) } else { basis(degree, d) });
            taps(at, shape, width.map(|w| 0.5 * (degree as f64 + 1.0 + w)), [&x, &y])
        };
        let lanczos = |n: f64| stretched(n, &move |d| lanczos(n, d));
        match self.kernel {
            Resample::Nearest if s == [1.0, 1.0] => naive::interpolate::nearest(at[0], at[1], shape[0], shape[1]),
            Resample::Nearest => stretched(0.5, &|_| 1.0),
            Resample::Bilinear => stretched(1.0, &linear),
            Resample::Cubic => stretched(2.0, &keys),
            Resample::Biquadratic => spline(2),
            Resample::Bicubic => spline(3),
            Resample::Lanczos2 => lanczos(2.0),
            Resample::Lanczos3 => lanczos(3.0),
            Resample::Lanczos4 => lanczos(4.0),
            Resample::Lanczos5 => lanczos(5.0),
            other => panic!("{other:?}"),
        }
    }

    fn sample(&self, at: [f64; 2], s: [f64; 2], rule: Rule) -> f64 {
        let spline = matches!(self.kernel, Resample::Biquadratic | Resample::Bicubic);
        if let (true, [1.0, 1.0], Some(x), Some(y)) =
            (spline, s, clamped(at[0], self.pixels.nx), clamped(at[1], self.pixels.ny))
            && x.fract() == 0.0
            && y.fract() == 0.0
            && !self.pixels.at(y as isize, x as isize).is_nan()
        {
            return self.pixels.at(y as isize, x as isize);
        }
        sample(&self.basis, &self.taps(at, s), rule).unwrap_or(f64::NAN)
    }
}

/// Largest difference, relative to 100, which the images' values are about; a sample that only one has is infinitely wrong.
fn worst(what: &str, got: &Array2<f64>, wanted: impl Fn(usize, usize) -> f64) -> f64 {
    let (mut worst, mut there) = ((0.0, (0, 0)), 0);
    for ((y, x), got) in got.indexed_iter() {
        let wanted = wanted(y, x);
        there += usize::from(!wanted.is_nan());
        let difference = match (got.is_nan(), wanted.is_nan()) {
            (true, true) => 0.0,
            (false, false) => (got - wanted).abs() / 100.0,
            _ => f64::INFINITY,
        };
        if difference > worst.0 {
            worst = (difference, (y, x));
        }
    }
    println!("{what}: worst {:.1e} at {:?}; {there} of {} samples", worst.0, worst.1, got.len());
    worst.0
}

/// The polynomials of the Lanczos weights are good to 7e-10; the rest is rounding.
fn limit(kernel: Resample) -> f64 {
    match kernel {
        Resample::Lanczos2 | Resample::Lanczos3 | Resample::Lanczos4 | Resample::Lanczos5 => 3e-9,
        _ => 1e-13,
    }
}

const RULES: [(Missing, Rule); 3] = [
    (Missing::Propagate, Rule::Propagate),
    (Missing::Renormalize { min_weight: 0.5 }, Rule::Renormalize { min_weight: 0.5 }),
    (Missing::Renormalize { min_weight: 0.01 }, Rule::Renormalize { min_weight: 0.01 }),
];

#[test]
fn equal_to_their_definitions() {
    let mut failures = Vec::new();
    for shape in [[90, 101], [7, 8], [1, 1], [1, 6], [5, 2]] {
        for missing in [0.0, 0.01, 0.3] {
            let mut image = noise(shape, 3, missing);
            if missing == 0.01 && shape[0] > 50 {
                // Holes deeper than anything fills, on an edge and inside.
                image.slice_mut(ndarray::s![20..80, 0..30]).fill(f64::NAN);
                image.slice_mut(ndarray::s![5..70, 40..97]).fill(f64::NAN);
            }
            let map = Affine::turned(31.0, 0.83, shape[1] as f64 * 0.3, -0.37 * shape[0] as f64);
            for kernel in INTERPOLATING {
                let naive = Naive::new(kernel, &image);
                for (rule, naive_rule) in RULES {
                    let options = exact(kernel).missing(rule);
                    let [got, footprint] = run::<f64>(image.view(), None, map, [130, 140], &options);
                    let what = format!("{kernel:?} {shape:?} {missing} {rule:?}");
                    let wanted = |y, x| naive.sample(map.at(x as f64, y as f64), [1.0; 2], naive_rule);
                    // What little weight is left is divided by.
                    let limit = limit(kernel) * if naive_rule_is_loose(naive_rule) { 1e3 } else { 1.0 };
                    if worst(&what, &got, wanted) > limit {
                        failures.push(what);
                    }
                    assert!(got.iter().zip(&footprint).all(|(v, f)| *f == f64::from(u8::from(!v.is_nan()))));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

fn naive_rule_is_loose(rule: Rule) -> bool {
    matches!(rule, Rule::Renormalize { min_weight } if min_weight < 0.1)
}

/// Splines see less far in single precision, by what changes a sample by a twentieth of its rounding; all else is rounded.
#[test]
fn single_precision_is_rounded_double() {
    let noise = noise([60, 70], 5, 0.01);
    // What a cut filter is worst at: signs that change from pixel to pixel.
    let alternating = Array2::from_shape_fn([60, 70], |(y, x)| if (y + x) % 2 == 0 { 100.0 } else { -100.0 });
    for kernel in INTERPOLATING {
        for (what, image) in [("noise", &noise), ("alternating", &alternating)] {
            let map = Affine::turned(-12.0, 1.1, 5.0, 3.0);
            let [single, _] = run::<f32>(image.view(), None, map, [60, 60], &exact(kernel));
            let [double, _] = run::<f64>(image.view(), None, map, [60, 60], &exact(kernel));
            if matches!(kernel, Resample::Biquadratic | Resample::Bicubic) {
                let beside = |s: f64, d: f64| (s - d).abs() - 0.5 * f64::from(f32::EPSILON) * d.abs();
                let pairs = single.iter().zip(&double);
                assert!(pairs.clone().all(|(s, d)| s.is_nan() == d.is_nan()), "{kernel:?}");
                let most = pairs.filter(|(s, _)| !s.is_nan()).map(|(s, d)| beside(*s, *d)).fold(0.0, f64::max);
                println!("{kernel:?} {what}: at most {:.1e} of a pixel beside rounding", most / 100.0);
                assert!(most <= 3e-9 * 100.0, "{kernel:?} {what}");
            } else {
                let equal = |(s, d): (&f64, &f64)| s.to_bits() == f64::from(*d as f32).to_bits();
                assert!(single.iter().zip(&double).all(equal), "{kernel:?} {what}");
            }
        }
    }
}

#[test]
fn weights_are_linear_and_missing_where_not_positive() {
    let shape = [50, 60];
    let image = noise(shape, 7, 0.005);
    let weights = noise(shape, 8, 0.01).mapv(|w| if w < 2.0 { -w } else { w });
    let map = Affine::turned(20.0, 0.9, 4.0, -3.0);
    let known = weights.mapv(|w| if w > 0.0 { w } else { f64::NAN });
    let seen = Array2::from_shape_fn(shape, |at| if known[at].is_nan() { f64::NAN } else { image[at] });
    for kernel in INTERPOLATING {
        for (rule, naive_rule) in RULES {
            let [got, footprint] =
                run::<f64>(image.view(), Some(weights.view()), map, [60, 60], &exact(kernel).missing(rule));
            let weight = Naive::new(if kernel == Resample::Nearest { kernel } else { Resample::Bilinear }, &known);
            let value = Naive::new(kernel, &seen);
            let both = |y: usize, x: usize| {
                let at = map.at(x as f64, y as f64);
                (value.sample(at, [1.0; 2], naive_rule), weight.sample(at, [1.0; 2], naive_rule))
            };
            let limit = limit(kernel) * if naive_rule_is_loose(naive_rule) { 1e3 } else { 1.0 };
            let there = |(v, w): (f64, f64)| !v.is_nan() && !w.is_nan();
            let values = worst(&format!("{kernel:?} {rule:?} weighted"), &got, |y, x| {
                let (v, w) = both(y, x);
                if there((v, w)) { v } else { f64::NAN }
            });
            let weights = worst("its weights", &footprint, |y, x| {
                let (v, w) = both(y, x);
                if there((v, w)) { w } else { 0.0 }
            });
            assert!(values <= limit && weights <= 1e-12, "{kernel:?} {rule:?}");
        }
    }
}

#[test]
fn whole_shifts_and_quarter_turns_are_exact() {
    let image = noise([41, 57], 11, 0.01);
    let (ny, nx) = (41.0, 57.0);
    let maps = [
        Affine([3.0, 1.0, 0.0, -5.0, 0.0, 1.0]),
        Affine([nx - 1.0, 0.0, -1.0, 0.0, 1.0, 0.0]),
        Affine([nx - 1.0, -1.0, 0.0, ny - 1.0, 0.0, -1.0]),
        Affine([0.0, 0.0, 1.0, ny - 1.0, -1.0, 0.0]),
    ];
    for kernel in INTERPOLATING {
        for map in maps {
            for options in [exact(kernel), exact(kernel).antialias(true).flux(Flux::Conserve)] {
                let [got, _] = run::<f64>(image.view(), None, map, [60, 60], &options);
                for ((y, x), got) in got.indexed_iter() {
                    let [i, j] = map.at(x as f64, y as f64).map(|c| c as isize);
                    let wanted = image_of(&image).at(j, i);
                    assert!(got.to_bits() == wanted.to_bits() || got.is_nan() && wanted.is_nan(), "{kernel:?} {y} {x}");
                }
            }
        }
    }
}

#[test]
fn a_constant_stays_constant() {
    for holes in [0.0, 0.02] {
        let mut image = noise([120, 130], 13, holes).mapv(|v| if v.is_nan() { v } else { 7.3 });
        if holes > 0.0 {
            image.slice_mut(ndarray::s![10..90, 20..100]).fill(f64::NAN);
        }
        for kernel in INTERPOLATING {
            for antialias in [false, true] {
                for (rule, scale) in [(Missing::Propagate, 0.7), (Missing::Renormalize { min_weight: 0.5 }, 1.9)] {
                    let map = Affine::turned(40.0, scale, 60.0, 0.0);
                    let options = exact(kernel).missing(rule).antialias(antialias);
                    let [got, _] = run::<f64>(image.view(), None, map, [90, 80], &options);
                    let what = format!("{kernel:?}, antialias {antialias}, {rule:?}");
                    let wanted = |y: usize, x: usize| if got[[y, x]].is_nan() { f64::NAN } else { 7.3 };
                    let error = worst(&what, &got, wanted) * 100.0 / 7.3;
                    // Dividing by what is left of the weights, negative ones included, magnifies rounding Σ|w|/Σw times.
                    let ulps = if rule == Missing::Propagate { 8.0 } else { 32.0 };
                    assert!(error <= ulps * f64::EPSILON, "{what}: {error:e}");
                }
            }
        }
    }
}

#[test]
fn widened_kernels_are_equal_to_their_definitions() {
    for missing in [0.0, 0.003] {
        let image = noise([150, 160], 17, missing);
        for (scale, aspect) in [(1.37, 1.0), (3.1, 1.0), (1.5, 0.4)] {
            let mut map = Affine::turned(25.0, scale, 40.0, -30.0);
            map.0[2] *= aspect;
            map.0[5] *= aspect;
            let m = map.0;
            let s = [m[1].hypot(m[2]).max(1.0), m[4].hypot(m[5]).max(1.0)];
            for kernel in INTERPOLATING {
                let naive = Naive::new(kernel, &image);
                for (rule, naive_rule) in &RULES[..2] {
                    let options = exact(kernel).missing(*rule).antialias(true);
                    let [got, _] = run::<f64>(image.view(), None, map, [70, 80], &options);
                    let what = format!("{kernel:?} {missing} × {scale} × {aspect} {rule:?}");
                    let error = worst(&what, &got, |y, x| naive.sample(map.at(x as f64, y as f64), s, *naive_rule));
                    assert!(error <= 1e-11, "{what}: {error:e}");
                }
            }
        }
    }
}

/// A map whose pixels differ in size, with a jump.
struct Lens;

impl PixelMap for Lens {
    fn to_input(&self, x: &mut [f64], y: &mut [f64]) {
        for (x, y) in x.iter_mut().zip(y) {
            let (u, v) = (*x, *y);
            *x = 0.9 * u + 0.2 * v + 0.004 * u * u + if u < 30.25 { 0.0 } else { 40.0 };
            *y = 1.1 * v - 0.1 * u + 0.002 * u * v;
        }
    }
}

#[test]
fn flux_is_the_value_times_the_area() {
    let image = noise([120, 140], 19, 0.01);
    for kernel in INTERPOLATING {
        let [point, _] = run::<f64>(image.view(), None, Lens, [60, 70], &exact(kernel));
        let [flux, footprint] = run::<f64>(image.view(), None, Lens, [60, 70], &exact(kernel).flux(Flux::Conserve));
        let error = worst(&format!("{kernel:?} flux"), &flux, |v, u| {
            // A central difference of a quadratic is its derivative, but beside the jump, where it is that of the half on this side.
            let (u, v, mut middle) = (u as f64, v as f64, u as f64);
            if u == 30.0 {
                middle -= 0.25;
            }
            let area = (0.9 + 0.008 * middle) * (1.1 + 0.002 * u) - 0.2 * (-0.1 + 0.002 * v);
            point[[v as usize, u as usize]] * area.abs()
        });
        assert!(error < 1e-12, "{kernel:?}: {error:e}");
        assert!(footprint.iter().all(|f| *f == 0.0 || *f == 1.0));
    }
}
