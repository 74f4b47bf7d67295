//! Variances and masks against the weights that kernels show when they are given impulses; combinations against their definitions.

mod common;
mod naive;

use std::sync::Arc;

use common::{
    INTERPOLATING,
    field::{Random, noise, tan},
};
use naive::robust::{Sample, Told, combine};
use ndarray::{Array2, Array3, ArrayView2};
use skymosaic::{
    Adaptive, AdaptiveKernel, Boundary, Clip, Combine, CoordinateError, Drizzle, DrizzleKernel, Error, Flux, Input,
    MatchBackground, Matching, Missing, Options, Parallel, PixelMap, Plan, Planes, Resample, Summary, Wcs,
};

const IMAGE: [usize; 2] = [11, 13];
const TARGET: [usize; 2] = [14, 15];

/// Turned and scaled about a point.
#[derive(Clone, Copy)]
struct Affine {
    sin: f64,
    cos: f64,
    x: f64,
    y: f64,
}

impl Affine {
    fn new(degrees: f64, scale: f64, x: f64, y: f64) -> Affine {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Affine { sin: scale * sin, cos: scale * cos, x, y }
    }
}

impl PixelMap for Affine {
    fn to_input(&self, x: &mut [f64], y: &mut [f64]) {
        for (x, y) in x.iter_mut().zip(y) {
            (*x, *y) = (self.x + self.cos * *x - self.sin * *y, self.y + self.sin * *x + self.cos * *y);
        }
    }

    fn to_output(&self, x: &mut [f64], y: &mut [f64]) -> bool {
        let square = self.sin * self.sin + self.cos * self.cos;
        for (x, y) in x.iter_mut().zip(y) {
            let (dx, dy) = (*x - self.x, *y - self.y);
            (*x, *y) = ((self.cos * dx + self.sin * dy) / square, (self.cos * dy - self.sin * dx) / square);
        }
        true
    }
}

fn kernels() -> Vec<Resample> {
    let drizzle = |kernel, pixfrac| Resample::Drizzle(Drizzle::default().kernel(kernel).pixfrac(pixfrac));
    let others = [
        Resample::Exact,
        drizzle(DrizzleKernel::Square, 0.8),
        drizzle(DrizzleKernel::Point, 1.0),
        drizzle(DrizzleKernel::Turbo, 0.7),
        drizzle(DrizzleKernel::Gaussian, 1.0),
    ];
    INTERPOLATING.into_iter().chain(others).collect()
}

fn is_spline(resample: Resample) -> bool {
    matches!(resample, Resample::Biquadratic | Resample::Bicubic)
}

/// All planes of a run.
struct Run {
    output: Array2<f64>,
    footprint: Array2<f64>,
    variance: Array2<f64>,
    mask: Array2<i32>,
    count: Array2<i32>,
    context: Array3<i32>,
    summary: Summary,
}

fn run(inputs: &[Input<'_>], target: &Wcs, shape: [usize; 2], options: &Options) -> Run {
    let [mut output, mut footprint, mut variance] = [(); 3].map(|()| Array2::from_elem(shape, 7.0));
    let [mut mask, mut count] = [(); 2].map(|()| Array2::from_elem(shape, -1));
    let mut context = Array3::from_elem((inputs.len().div_ceil(32), shape[0], shape[1]), -1);
    let planes = Planes::default()
        .variance(variance.view_mut())
        .mask(mask.view_mut())
        .count(count.view_mut())
        .context(context.view_mut());
    let plan = Plan::new(inputs, target, &shape, options).unwrap();
    let summary = plan.run_with(output.view_mut(), Some(footprint.view_mut()), planes).unwrap();
    Run { output, footprint, variance, mask, count, context, summary }
}

fn target() -> Wcs {
    tan(10.0, 20.0, TARGET, 0.0003, 0.0)
}

/// The weight of every pixel of the image (first axis) in every sample: the mosaics of images with one pixel 1 and the others 0.
fn impulses(
    missing: &Array2<bool>,
    weights: Option<ArrayView2<'_, f64>>,
    map: Affine,
    options: &Options,
) -> (Array3<f64>, Array3<f64>) {
    let pixels = IMAGE[0] * IMAGE[1];
    let cube = Array3::from_shape_fn((pixels, IMAGE[0], IMAGE[1]), |(k, y, x)| {
        if missing[[y, x]] { f64::NAN } else { f64::from(u8::from(k == y * IMAGE[1] + x)) }
    });
    let mut input = Input::from_array_with_map(cube.view(), Arc::new(map));
    if let Some(weights) = weights {
        input = input.with_weights(weights);
    }
    let shape = [pixels, TARGET[0], TARGET[1]];
    let (mut output, mut footprint) = (Array3::zeros(shape), Array3::zeros(shape));
    let plan = Plan::new(std::slice::from_ref(&input), &target(), &shape, options).unwrap();
    plan.run(output.view_mut(), footprint.view_mut()).unwrap();
    (output, footprint)
}

fn check(resample: Resample, options: &Options, holes: bool, weighted: bool) {
    let what =
        format!("{resample:?} {:?} antialias {} holes {holes} weights {weighted}", options.flux, options.antialias);
    let scale = if options.antialias { 1.6 } else { 0.85 };
    let map = Affine::new(23.0, scale, 1.3, -1.7);
    let mut random = Random(4711);
    let missing = Array2::from_shape_fn(IMAGE, |_| holes && random.uniform() < 0.06);
    let variances = Array2::from_shape_fn(IMAGE, |_| random.between(0.5, 4.0));
    let weights = Array2::from_shape_fn(IMAGE, |_| random.between(0.5, 2.0));
    let bits =
        Array2::from_shape_fn(
            IMAGE,
            |_| if random.uniform() < 0.3 { 1 << (random.uniform() * 32.0) as u32 } else { 0 },
        );
    let weights = weighted.then(|| weights.view());
    let (kernel, footprint) = impulses(&missing, weights, map, options);
    let image = noise(IMAGE, 5, 0.0);
    let image = Array2::from_shape_fn(IMAGE, |at| if missing[at] { f64::NAN } else { image[at] });
    let mut input =
        Input::from_array_with_map(image.view(), Arc::new(map)).with_variance(variances.view()).with_mask(bits.view());
    if let Some(weights) = weights {
        input = input.with_weights(weights);
    }
    let got = run(&[input], &target(), TARGET, options);
    let (mut worst, mut samples) = ((0.0_f64, [0, 0]), 0);
    // A spline's weights reach farther than the pixels whose flags it takes; differences of integrals leave rounding on pixels that an
    // area does not meet.
    let sure = match resample {
        Resample::Biquadratic | Resample::Bicubic => Some(if holes { f64::INFINITY } else { 0.1 }),
        Resample::Exact => Some(1e-9),
        _ => None,
    };
    let (loose, sure) = (sure.is_some(), sure.unwrap_or(0.0));
    for ((y, x), variance) in got.variance.indexed_iter() {
        assert_eq!(got.footprint[[y, x]].to_bits(), footprint[[0, y, x]].to_bits(), "{what}: footprint at {y}, {x}");
        if got.footprint[[y, x]] == 0.0 {
            assert!(variance.is_nan() && got.mask[[y, x]] == 0 && got.count[[y, x]] == 0, "{what} at {y}, {x}");
            continue;
        }
        samples += 1;
        let (mut wanted, mut all, mut most) = (0.0, 0, 0);
        for ((j, i), own) in variances.indexed_iter() {
            let k = kernel[[j * IMAGE[1] + i, y, x]];
            wanted += k * k * own;
            all |= if k != 0.0 { bits[[j, i]] } else { 0 };
            most |= if k.abs() > sure { bits[[j, i]] } else { 0 };
        }
        let off = (variance / wanted - 1.0).abs();
        if off > worst.0 {
            worst = (off, [y, x]);
        }
        let mask = got.mask[[y, x]];
        let right = if loose { mask & !all == 0 && most & !mask == 0 } else { mask == all };
        assert!(right, "{what}: mask {mask:b} instead of {all:b} at {y}, {x}");
        assert_eq!((got.count[[y, x]], got.context[[0, y, x]]), (1, 1));
    }
    println!("{what}: {samples} samples, variance off by {:.1e} at {:?}", worst.0, worst.1);
    // What a spline's variance leaves out: see spline::RESPONSE.
    let allowed = if is_spline(resample) { 1e-6 } else { 1e-12 };
    assert!(samples > 15, "{what}: {samples} samples");
    assert!(worst.0 < allowed, "{what}: variance off by {:.1e}", worst.0);
}

#[test]
fn variance_and_mask_follow_the_kernel_weights() {
    let exact = Options::default().parallel(Parallel::Serial).coordinate_error(CoordinateError::Exact).tile(16);
    for resample in kernels() {
        let options = exact.clone().resample(resample);
        for weighted in [false, true] {
            check(resample, &options, false, weighted);
            check(resample, &options, true, weighted);
            check(resample, &options.clone().missing(Missing::Renormalize { min_weight: 0.3 }), true, weighted);
        }
        check(resample, &options.clone().flux(Flux::Conserve), false, false);
        check(resample, &options.clone().flux(Flux::Conserve), true, false);
        let wide = options.clone().antialias(true);
        check(resample, &wide, false, false);
        check(resample, &wide.missing(Missing::Renormalize { min_weight: 0.3 }), true, false);
    }
}

#[test]
fn variance_and_mask_follow_the_weights_of_the_adaptive_kernel() {
    let exact = Options::default().parallel(Parallel::Serial).coordinate_error(CoordinateError::Exact).tile(16);
    for kernel in [AdaptiveKernel::Gaussian, AdaptiveKernel::Hann] {
        for boundary in [
            Boundary::Strict,
            Boundary::Ignore,
            Boundary::IgnoreThreshold { threshold: 0.4 },
            // Impulses show the weights only if what stands for pixels outside is 0.
            Boundary::Constant { value: 0.0 },
            Boundary::GridConstant { value: 0.0 },
            Boundary::Nearest,
        ] {
            let adaptive = Adaptive::default().kernel(kernel).boundary(boundary);
            let options = exact.clone().resample(Resample::Adaptive(adaptive));
            check(options.resample, &options, false, false);
            check(options.resample, &options.clone().flux(Flux::Conserve), false, false);
            let renormalize = options.missing(Missing::Renormalize { min_weight: 0.3 });
            check(renormalize.resample, &renormalize, true, false);
            check(renormalize.resample, &renormalize, true, true);
        }
        let adaptive = Adaptive::default().kernel(kernel).bad_fill(Some(0.0));
        let options = exact.clone().resample(Resample::Adaptive(adaptive));
        check(options.resample, &options, true, false);
        let around = Adaptive::default().kernel(kernel).x_cyclic(true).y_cyclic(true);
        let options = exact.clone().resample(Resample::Adaptive(around));
        check(options.resample, &options, false, false);
        let magnified = Adaptive::default().kernel(kernel).sample_region_width(6.0).center_jacobian(true);
        let options = exact.clone().resample(Resample::Adaptive(magnified)).flux(Flux::Conserve);
        check(options.resample, &options, false, true);
    }
}

type Image = (Array2<f64>, Array2<f64>, Array2<i32>, Option<Array2<f64>>, Wcs);

/// More images than one plane of context holds.
fn field() -> Vec<Image> {
    let image = |k: u64| {
        let shape = [30 + k as usize % 7, 34 - k as usize % 5];
        let (dx, dy) = ((k % 5) as f64 - 2.0, (k / 5 % 5) as f64 - 2.0);
        let wcs = tan(10.0 + dx * 0.002, 40.0 + dy * 0.0016, shape, 0.0003, 11.0 * k as f64);
        let mut pixels = noise(shape, k + 1, 0.02);
        pixels[[5, 5]] = if k.is_multiple_of(4) { 1e4 } else { -300.0 };
        let mut random = Random(k + 77);
        let mut variance = Array2::from_shape_fn(shape, |_| random.between(1.0, 9.0));
        for (at, bad) in [([3, 3], -1.0), ([8, 8], f64::NAN), ([9, 4], f64::INFINITY), ([12, 12], 0.0)] {
            variance[at] = bad;
        }
        let bits = Array2::from_shape_fn(shape, |_| {
            if random.uniform() < 0.1 { 1 << (random.uniform() * 32.0) as u32 } else { 0 }
        });
        let weights = k.is_multiple_of(3).then(|| noise(shape, 100 + k, 0.01).mapv(|w| if w < 3.0 { 0.0 } else { w }));
        (pixels, variance, bits, weights, wcs)
    };
    (0..37).map(image).collect()
}

fn input((pixels, variance, bits, weights, wcs): &Image) -> Input<'_> {
    let input = Input::from_array(pixels.view(), wcs.clone()).with_variance(variance.view()).with_mask(bits.view());
    weights.iter().fold(input, |input, weights| input.with_weights(weights.view()))
}

fn all_combinations() -> Vec<Combine> {
    vec![
        Combine::Mean,
        Combine::Sum,
        Combine::First,
        Combine::Last,
        Combine::Min,
        Combine::Max,
        Combine::Median,
        Combine::WeightedMedian,
        Combine::Clipped(Clip::default()),
        Combine::Clipped(Clip::default().low(1.2).high(0.9).iterations(3)),
        Combine::InverseVariance,
    ]
}

#[test]
fn every_combination_tells_of_its_samples() {
    let field = field();
    let shape = [50, 56];
    let target = tan(10.0, 40.0, shape, 0.0003, 5.0);
    let inputs: Vec<_> = field.iter().map(input).collect();
    for resample in [
        Resample::Bilinear,
        Resample::Exact,
        Resample::Adaptive(Adaptive::default()),
        Resample::Drizzle(Drizzle::default().pixfrac(0.9)),
    ] {
        let options = Options::default().resample(resample).parallel(Parallel::Serial).tile(16);
        let alone: Vec<Run> =
            inputs.iter().map(|input| run(std::slice::from_ref(input), &target, shape, &options)).collect();
        for how in all_combinations() {
            let got = run(&inputs, &target, shape, &options.clone().combine(how));
            let mut deepest = 0;
            let mut worst = [0.0_f64; 3];
            for ((y, x), value) in got.output.indexed_iter() {
                let at = [y, x];
                let there = alone.iter().enumerate().filter(|(_, run)| run.footprint[at] > 0.0);
                let samples: Vec<Sample> = there
                    .map(|(input, run)| Sample {
                        input,
                        value: run.output[at],
                        weight: run.footprint[at],
                        variance: run.variance[at],
                        bits: run.mask[at],
                    })
                    .collect();
                deepest = deepest.max(samples.len());
                let Told { value: wanted, footprint, variance, mask, inputs } = combine(how, &samples);
                let pairs = [(*value, wanted), (got.footprint[at], footprint), (got.variance[at], variance)];
                for (worst, (got, wanted)) in worst.iter_mut().zip(pairs) {
                    let same = got == wanted || got.is_nan() && wanted.is_nan();
                    let off = if same { 0.0 } else { (got - wanted).abs() / wanted.abs() };
                    assert!(off < 1e-12, "{resample:?} {how:?} at {at:?}: {got} instead of {wanted} of {samples:?}");
                    *worst = worst.max(off);
                }
                let context: Vec<usize> =
                    (0..field.len()).filter(|input| got.context[[input / 32, y, x]] >> (input % 32) & 1 == 1).collect();
                assert_eq!(
                    (got.mask[at], got.count[at], context),
                    (mask, inputs.len() as i32, inputs),
                    "{how:?} at {at:?}"
                );
            }
            println!(
                "{resample:?} {how:?}: up to {deepest} samples; value, footprint, variance off by {:.1e}, {:.1e}, {:.1e}",
                worst[0], worst[1], worst[2]
            );
            assert!(deepest > 12, "{deepest}");
        }
    }
}

#[test]
fn what_is_told_changes_nothing() {
    let field = field();
    let shape = [50, 56];
    let target = tan(10.0, 40.0, shape, 0.0003, 5.0);
    let inputs: Vec<_> = field.iter().map(input).collect();
    for how in all_combinations() {
        let options = Options::default().combine(how).parallel(Parallel::Serial);
        let with = run(&inputs, &target, shape, &options);
        let (mut output, mut footprint) = (Array2::<f64>::zeros(shape), Array2::<f64>::zeros(shape));
        Plan::new(&inputs, &target, &shape, &options).unwrap().run(output.view_mut(), footprint.view_mut()).unwrap();
        for (with, without) in [(&with.output, &output), (&with.footprint, &footprint)] {
            assert!(with.iter().zip(without).all(|(a, b)| a.to_bits() == b.to_bits()), "{how:?}");
        }
    }
}

#[test]
fn bad_variances_and_excluded_flags_are_missing_pixels() {
    let field = field();
    let shape = [50, 56];
    let target = tan(10.0, 40.0, shape, 0.0003, 5.0);
    let exclude = 0x8000_0101_u32;
    let holes: Vec<Array2<f64>> = field
        .iter()
        .map(|(pixels, variance, bits, ..)| {
            Array2::from_shape_fn(pixels.dim(), |at| {
                let bad = !(variance[at] >= 0.0 && variance[at].is_finite()) || bits[at].cast_unsigned() & exclude != 0;
                if bad { f64::NAN } else { pixels[at] }
            })
        })
        .collect();
    let plain: Vec<_> = field
        .iter()
        .zip(&holes)
        .map(|((.., weights, wcs), holes)| {
            let input = Input::from_array(holes.view(), wcs.clone());
            weights.iter().fold(input, |input, weights| input.with_weights(weights.view()))
        })
        .collect();
    let inputs: Vec<_> = field.iter().map(input).collect();
    let options = Options::default().parallel(Parallel::Serial);
    let mosaic = |inputs: &[Input<'_>], options: &Options| {
        let (mut output, mut footprint) = (Array2::<f64>::zeros(shape), Array2::<f64>::zeros(shape));
        Plan::new(inputs, &target, &shape, options).unwrap().run(output.view_mut(), footprint.view_mut()).unwrap();
        [output, footprint].map(|array| array.mapv(f64::to_bits))
    };
    assert!(mosaic(&inputs, &options.clone().exclude_bits(exclude)) == mosaic(&plain, &options));
    assert!(mosaic(&inputs, &options) != mosaic(&plain, &options));
}

/// A photometric scale is a factor of the samples, its square one of their variances, which weigh by them; a background is taken off samples
/// and leaves variances alone.
#[test]
fn variances_are_scaled_and_keep_their_backgrounds() {
    let field = field();
    let shape = [50, 56];
    let target = tan(10.0, 40.0, shape, 0.0003, 5.0);
    let factor = |k: usize| [0.5, 4.0, -2.0][k % 3];
    let multiplied: Vec<Image> = field
        .iter()
        .enumerate()
        .map(|(k, (pixels, variance, bits, weights, wcs))| {
            // Powers of 2: the same digits, whenever they are multiplied.
            let variance = variance.mapv(|v| v * (factor(k) * factor(k)));
            (pixels * factor(k), variance, bits.clone(), weights.clone(), wcs.clone())
        })
        .collect();
    let scaled: Vec<_> = field.iter().enumerate().map(|(k, image)| input(image).scaled(factor(k))).collect();
    let multiplied: Vec<_> = multiplied.iter().map(input).collect();
    let same = |a: &Array2<f64>, b: &Array2<f64>| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
    for resample in [Resample::Bilinear, Resample::Exact, Resample::Adaptive(Adaptive::default())] {
        for how in all_combinations() {
            let options = Options::default().resample(resample).combine(how);
            let [got, wanted] = [&scaled, &multiplied].map(|inputs| run(inputs, &target, shape, &options));
            assert!(same(&got.output, &wanted.output), "{resample:?} {how:?}: values");
            assert!(same(&got.variance, &wanted.variance), "{resample:?} {how:?}: variances");
            if matches!(how, Combine::Mean | Combine::Sum | Combine::InverseVariance) {
                let matching = MatchBackground::Constant(Matching::default());
                let matched = run(&scaled, &target, shape, &options.match_background(matching));
                assert!(same(&got.variance, &matched.variance), "{resample:?} {how:?}: variances with backgrounds");
                assert!(!same(&got.output, &matched.output), "{resample:?} {how:?}: backgrounds must do something");
            }
        }
    }
}

#[test]
fn where_all_is_clipped_or_excluded_nothing_is_told() {
    let shape = [4, 5];
    let wcs = tan(10.0, 20.0, shape, 0.0003, 0.0);
    // Two samples lie one deviation from their median, so that half a deviation leaves nothing.
    let [low, high] = [1.0, 5.0].map(|v| Array2::from_elem(shape, v));
    let (variance, flags) = (Array2::from_elem(shape, 2.0), Array2::from_elem(shape, 4_u8));
    let inputs = [&low, &high].map(|pixels| {
        Input::from_array(pixels.view(), wcs.clone()).with_variance(variance.view()).with_mask(flags.view())
    });
    let options = Options::default().resample(Resample::Nearest);
    let clipped = options.clone().combine(Combine::Clipped(Clip::default().low(0.5).high(0.5))).blank(-7.0);
    let excluded = options.exclude_bits(6).blank(-7.0);
    for options in [clipped, excluded] {
        let got = run(&inputs, &wcs, shape, &options);
        assert!(got.output.iter().all(|v| *v == -7.0) && got.footprint.iter().all(|f| *f == 0.0));
        assert!(got.variance.iter().all(|v| v.is_nan()));
        assert!([&got.mask, &got.count].iter().all(|plane| plane.iter().all(|n| *n == 0)));
        assert!(got.context.iter().all(|n| *n == 0));
        assert_eq!(got.summary.covered_pixels, 0);
    }
}

#[test]
fn flags_of_all_integer_types() {
    let shape = [4, 5];
    let wcs = tan(10.0, 20.0, shape, 0.0003, 0.0);
    let pixels = Array2::from_elem(shape, 1.0_f32);
    let options = Options::default().resample(Resample::Nearest);
    let mask_of = |input: Input<'_>| -> Result<i32, Error> {
        let (mut output, mut footprint) = (Array2::<f32>::zeros(shape), Array2::<f32>::zeros(shape));
        let mut mask = Array2::zeros(shape);
        let inputs = [input];
        let planes = Planes::default().mask(mask.view_mut());
        Plan::new(&inputs, &wcs, &shape, &options)?.run_with(output.view_mut(), Some(footprint.view_mut()), planes)?;
        Ok(mask[[2, 3]])
    };
    fn input<'a>(pixels: &'a Array2<f32>, wcs: &Wcs) -> Input<'a> {
        Input::from_array(pixels.view(), wcs.clone())
    }
    fn full<P: Clone>(value: P) -> Array2<P> {
        Array2::from_elem([4, 5], value)
    }
    assert_eq!(mask_of(input(&pixels, &wcs)).unwrap(), 0);
    let mask = full(0xA5_u8);
    assert_eq!(mask_of(input(&pixels, &wcs).with_mask(mask.view())).unwrap(), 0xA5);
    let mask = full(i16::MIN | 3);
    assert_eq!(mask_of(input(&pixels, &wcs).with_mask(mask.view())).unwrap(), 0x8003);
    let mask = full(i32::MIN | 5);
    assert_eq!(mask_of(input(&pixels, &wcs).with_mask(mask.view())).unwrap(), i32::MIN | 5);
    let mask = full(0xFFFF_FFFF_i64);
    assert_eq!(mask_of(input(&pixels, &wcs).with_mask(mask.view())).unwrap(), -1);
    for bad in [1_i64 << 32, -1] {
        let mask = full(bad);
        let error = mask_of(input(&pixels, &wcs).with_mask(mask.view())).unwrap_err();
        assert!(error.to_string().contains("expected flags in bits 0 to 31"), "{error}");
    }
    let mask = full(1.0_f32);
    let error = mask_of(input(&pixels, &wcs).with_mask(mask.view())).unwrap_err();
    assert!(
        error.to_string().contains("input 0 (array): option mask = pixels of type f32: expected flags in integers"),
        "{error}"
    );
    let plane = Array2::from_elem([5, 4], 1_u8);
    let error = mask_of(input(&pixels, &wcs).with_mask(plane.view())).unwrap_err();
    assert!(error.to_string().contains("the mask has shape [5, 4]"), "{error}");
    let plane = Array2::from_elem([4, 6], 1.0);
    let error = mask_of(input(&pixels, &wcs).with_variance(plane.view())).unwrap_err();
    assert!(error.to_string().contains("the variance has shape [4, 6]"), "{error}");
}

#[test]
fn planes_of_another_shape_are_refused() {
    let field = field();
    let shape = [20, 21];
    let target = tan(10.0, 40.0, shape, 0.0003, 5.0);
    let inputs: Vec<_> = field.iter().map(input).collect();
    let plan = Plan::new(&inputs, &target, &shape, &Options::default()).unwrap();
    let (mut output, mut footprint) = (Array2::<f64>::zeros(shape), Array2::<f64>::zeros(shape));
    let refused = |planes: Planes<'_, f64>| {
        let (mut output, mut footprint) = (Array2::<f64>::zeros(shape), Array2::<f64>::zeros(shape));
        let error = plan.run_with(output.view_mut(), Some(footprint.view_mut()), planes).unwrap_err();
        assert!(matches!(error, Error::Shape { .. }), "{error}");
    };
    refused(Planes::default().variance(Array2::zeros([21, 20]).view_mut()));
    refused(Planes::default().mask(Array2::zeros([20, 20]).view_mut()));
    refused(Planes::default().count(Array3::zeros([1, 20, 21]).view_mut()));
    refused(Planes::default().context(Array3::zeros([1, 20, 21]).view_mut()));
    refused(Planes::default().context(ndarray::Array0::zeros(()).view_mut()));
    let bare: Vec<_> = field.iter().map(|(pixels, .., wcs)| Input::from_array(pixels.view(), wcs.clone())).collect();
    let plan = Plan::new(&bare, &target, &shape, &Options::default()).unwrap();
    let mut variance = Array2::zeros(shape);
    let planes = Planes::default().variance(variance.view_mut());
    let error = plan.run_with(output.view_mut(), Some(footprint.view_mut()), planes).unwrap_err();
    assert!(
        error.to_string().contains("option variance = asked for: expected inputs that all have a variance"),
        "{error}"
    );
}
