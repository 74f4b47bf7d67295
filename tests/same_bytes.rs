//! The same inputs and options give the same bytes, whoever computes them and wherever the intermediates lie.

mod common;

use std::num::NonZeroUsize;

use common::field::{bits, noise, tan, wcs};
use ndarray::{Array2, Array3, ArrayD, Axis, s};
use skymosaic::{
    Adaptive, AdaptiveKernel, Boundary, Clip, Combine, Drizzle, DrizzleKernel, Flux, Input, Intermediate,
    MatchBackground, Matching, Missing, Options, Parallel, Plan, Planes, Resample, Wcs, Window, reproject_and_coadd,
};

const TARGET: [usize; 2] = [310, 330];

type Image = (Array2<f64>, Array2<f32>, Array2<i16>, Wcs, Option<Array2<f64>>);

/// Output, footprint, variance, mask, count and context.
type Planar = Vec<ArrayD<f64>>;

struct Field {
    target: Wcs,
    images: Vec<Image>,
}

/// Eleven overlapping, rotated images with missing pixels; some with weights.
fn field() -> Field {
    let images = (0..11u64).map(|k| {
        let shape = [90 + 7 * k as usize, 120 - 5 * k as usize];
        let (dx, dy) = ((k % 4) as f64 - 1.5, (k / 4) as f64 - 1.0);
        let wcs = tan(10.0 + dx * 0.022, 40.0 + dy * 0.02, shape, 0.0003, 17.0 * k as f64);
        let image = noise(shape, k + 1, 0.01);
        let weights = (k % 3 == 0).then(|| noise(shape, 100 + k, 0.01).mapv(|w| if w < 3.0 { 0.0 } else { w }));
        (image.clone(), image.mapv(|v| v as f32), image.mapv(|v| v as i16), wcs, weights)
    });
    Field { target: tan(10.0, 40.0, TARGET, 0.0003, 5.0), images: images.collect() }
}

fn inputs(field: &Field) -> Vec<Input<'_>> {
    field.images.iter().enumerate().map(|(k, image)| input(k, image)).collect()
}

/// The element types take turns.
fn input(k: usize, (double, single, integer, wcs, weights): &Image) -> Input<'_> {
    let input = match k % 3 {
        0 => Input::from_array(double.view(), wcs.clone()),
        1 => Input::from_array(single.view(), wcs.clone()),
        _ => Input::from_array(integer.view(), wcs.clone()),
    };
    // Any positive numbers make variances, any integers flags.
    let input = input.with_variance(double.view()).with_mask(integer.view());
    match weights {
        Some(weights) => input.with_weights(weights.view()),
        None => input,
    }
}

fn run(field: &Field, options: &Options) -> Planar {
    let inputs = inputs(field);
    run_windows(&Plan::new(&inputs, &field.target, &TARGET, options).unwrap(), TARGET)
}

/// All planes, made window by window.
fn run_windows(plan: &Plan<'_>, [ny, nx]: [usize; 2]) -> Planar {
    // Filled with rubbish: what the buffers held must not matter.
    let [mut output, mut footprint, mut variance] =
        [7.0, f64::NAN, -1.0].map(|rubbish| Array2::from_elem(TARGET, rubbish));
    let [mut mask, mut count] = [5, -3].map(|rubbish| Array2::from_elem(TARGET, rubbish));
    let mut context = Array3::from_elem((1, TARGET[0], TARGET[1]), 99);
    for y0 in (0..TARGET[0]).step_by(ny) {
        for x0 in (0..TARGET[1]).step_by(nx) {
            let window = Window::new(x0, y0, nx.min(TARGET[1] - x0), ny.min(TARGET[0] - y0));
            let part = s![y0..y0 + window.ny, x0..x0 + window.nx];
            let planes = Planes::default()
                .variance(variance.slice_mut(part))
                .mask(mask.slice_mut(part))
                .count(count.slice_mut(part))
                .context(context.slice_mut(s![.., y0..y0 + window.ny, x0..x0 + window.nx]));
            plan.run_window_with(window, output.slice_mut(part), Some(footprint.slice_mut(part)), planes).unwrap();
        }
    }
    let there = footprint.iter().filter(|weight| **weight > 0.0).count() as f64 / footprint.len() as f64;
    assert!(there > 0.1, "the field must be worth comparing: {there}");
    let integers = [mask.into_dyn(), count.into_dyn(), context.into_dyn()].map(|plane| plane.mapv(f64::from));
    [output, footprint, variance].map(Array2::into_dyn).into_iter().chain(integers).collect()
}

fn assert_same(what: &str, got: &[ArrayD<f64>], expected: &[ArrayD<f64>]) {
    assert_eq!(got.len(), expected.len());
    let names = ["output", "footprint", "variance", "mask", "count", "context"];
    for (name, (got, expected)) in names.into_iter().zip(got.iter().zip(expected)) {
        let (got_bits, bits) = (bits(got), bits(expected));
        let different = got_bits.iter().zip(&bits).position(|(a, b)| a != b);
        assert_eq!(different, None, "{what}: {name} differs at flat index {different:?}");
    }
}

fn combinations() -> Vec<Combine> {
    use Combine::*;
    let clipped = Clipped(Clip::default().low(1.5).high(1.5));
    vec![Mean, Sum, First, Last, Min, Max, Median, WeightedMedian, InverseVariance, clipped]
}

fn serial() -> Options {
    Options::default().parallel(Parallel::Serial)
}

/// Every kernel, and what else changes how it samples.
fn kernels() -> Vec<Options> {
    use Resample::*;
    let kernels = [Nearest, Bilinear, Biquadratic, Bicubic, Cubic, Lanczos2, Lanczos3, Lanczos4, Lanczos5];
    let plain = kernels.map(|kernel| serial().resample(kernel));
    let renormalize = Missing::Renormalize { min_weight: 0.4 };
    let widened = [Nearest, Bilinear, Biquadratic, Lanczos3]
        .map(|kernel| serial().resample(kernel).antialias(true).flux(Flux::Conserve).missing(renormalize));
    plain.into_iter().chain(widened).collect()
}

/// All of them for every combination; for the other kernels, which share the engine, one of each.
#[test]
fn any_number_of_threads_tile_and_storage() {
    let field = field();
    let folder = tempfile::tempdir().unwrap();
    for options in kernels() {
        let plain = options.resample == Resample::Bilinear && !options.antialias;
        for combine in if plain { combinations() } else { vec![Combine::Mean] } {
            let options = options.clone().combine(combine);
            let combine = format!("{:?} {combine:?}", options.resample);
            let expected = run(&field, &options);
            for threads in if plain { vec![1, 2, 3, 8] } else { vec![3] } {
                let threads = Parallel::Threads(NonZeroUsize::new(threads).unwrap());
                assert_same(
                    &format!("{combine} {threads:?}"),
                    &run(&field, &options.clone().parallel(threads)),
                    &expected,
                );
            }
            for tile in if plain { vec![16, 100, 4096] } else { vec![100] } {
                assert_same(&format!("{combine} tile {tile}"), &run(&field, &options.clone().tile(tile)), &expected);
            }
            let mapped = Intermediate::Mapped { dir: Some(folder.path().to_owned()) };
            for storage in if plain {
                vec![Intermediate::Memory, mapped, Intermediate::Mapped { dir: None }]
            } else {
                vec![mapped]
            } {
                let name = format!("{combine} {storage:?}");
                let options = options.clone().intermediate(storage).parallel(Parallel::Current).tile(64);
                assert_same(&name, &run(&field, &options), &expected);
            }
            assert_same("memory limit", &run(&field, &options.clone().memory_limit(4 << 20)), &expected);
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "temporary files are unlinked");
}

/// All of the sky with its seam, and two images beside a pole, on pixels of a degree: areas on the sphere.
fn wide_field() -> Field {
    let map = |code: &str, [lon, lat]: [f64; 2], [ny, nx]: [usize; 2], scale: f64| {
        wcs(&format!(
            "NAXIS = 2\nNAXIS1 = {nx}\nNAXIS2 = {ny}\nCTYPE1 = 'RA---{code}'\nCTYPE2 = 'DEC--{code}'\nCRVAL1 = {lon}\nCRVAL2 = {lat}\n\
             CRPIX1 = {}\nCRPIX2 = {}\nCDELT1 = -{scale}\nCDELT2 = {scale}\n",
            nx as f64 / 2.0 + 0.5,
            ny as f64 / 2.0 + 0.5
        ))
    };
    let images = [
        ("CAR", [0.0, 0.0], [90, 180], 2.0),
        ("TAN", [30.0, 80.0], [120, 100], 0.3),
        ("ZEA", [200.0, 85.0], [100, 110], 0.2),
    ];
    let image = |(k, (code, at, shape, scale)): (usize, (&str, [f64; 2], [usize; 2], f64))| {
        let image = noise(shape, k as u64 + 1, 0.01);
        let weights = (k == 1).then(|| noise(shape, 100, 0.01));
        (image.clone(), image.mapv(|v| v as f32), image.mapv(|v| v as i16), map(code, at, shape, scale), weights)
    };
    Field { target: map("ARC", [50.0, 75.0], TARGET, 0.4), images: images.into_iter().enumerate().map(image).collect() }
}

fn area_kernels() -> Vec<Resample> {
    let drizzles = [DrizzleKernel::Square, DrizzleKernel::Point, DrizzleKernel::Turbo, DrizzleKernel::Gaussian];
    let drizzles = drizzles.map(|kernel| Resample::Drizzle(Drizzle::default().kernel(kernel).pixfrac(0.8)));
    [Resample::Exact].into_iter().chain(drizzles).collect()
}

#[test]
fn kernels_that_share_areas() {
    for (name, field) in [("narrow", field()), ("wide", wide_field())] {
        for resample in area_kernels() {
            let options = serial().resample(resample);
            let expected = run(&field, &options);
            let threads = Parallel::Threads(NonZeroUsize::new(3).unwrap());
            for (how, other) in [
                ("3 threads", options.clone().parallel(threads)),
                ("tile 16", options.clone().tile(16)),
                ("tile 100", options.clone().tile(100)),
                ("tile 4096", options.clone().tile(4096)),
                ("memory", options.clone().intermediate(Intermediate::Memory).tile(64)),
                ("memory limit", options.clone().memory_limit(4 << 20)),
            ] {
                assert_same(&format!("{name} {resample:?} {how}"), &run(&field, &other), &expected);
            }
        }
    }
}

/// The kernel's size depends on the map, and pixels outside of the image may count.
#[test]
fn adaptive_kernels() {
    let hann = Adaptive::default().kernel(AdaptiveKernel::Hann);
    let wide = Adaptive::default().sample_region_width(5.5).kernel_width(1.7);
    let (narrow, wide_map) = (field(), wide_field());
    for (field, adaptive) in [
        (&narrow, Adaptive::default()),
        (&wide_map, Adaptive::default()),
        (&narrow, Adaptive::default().boundary(Boundary::Ignore).center_jacobian(true)),
        (&wide_map, Adaptive::default().boundary(Boundary::Ignore)),
        (&narrow, wide.boundary(Boundary::GridConstant { value: 3.0 })),
        (&narrow, wide.boundary(Boundary::Constant { value: 3.0 }).bad_fill(Some(7.0))),
        (&narrow, hann.boundary(Boundary::Nearest).despike_jacobian(true)),
        (&wide_map, hann.despike_jacobian(true)),
        (&narrow, hann.boundary(Boundary::IgnoreThreshold { threshold: 0.4 })),
        (&narrow, Adaptive::default().boundary(Boundary::Ignore).x_cyclic(true)),
        (&wide_map, hann.y_cyclic(true).x_cyclic(true)),
    ] {
        let options = serial().resample(Resample::Adaptive(adaptive)).flux(Flux::Conserve);
        let options = options.missing(Missing::Renormalize { min_weight: 0.2 });
        let expected = run(field, &options);
        for tile in [16, 100, 4096] {
            assert_same(&format!("{adaptive:?} tile {tile}"), &run(field, &options.clone().tile(tile)), &expected);
        }
        let threads = options.clone().parallel(Parallel::Threads(NonZeroUsize::MIN.saturating_add(2)));
        assert_same(&format!("{adaptive:?} threads"), &run(field, &threads), &expected);
        let little = options.clone().memory_limit(4 << 20);
        assert_same(&format!("{adaptive:?} memory limit"), &run(field, &little), &expected);
        let inputs = inputs(field);
        let plan = Plan::new(&inputs, &field.target, &TARGET, &options).unwrap();
        assert_same(&format!("{adaptive:?} windows"), &run_windows(&plan, [77, 131]), &expected);
    }
}

#[test]
fn matched_backgrounds() {
    let field = field();
    let matching = Matching::default();
    for matching in [MatchBackground::Constant(matching), MatchBackground::Plane(matching.reference(0))] {
        for combine in [Combine::Mean, Combine::First, Combine::Median] {
            let options = serial().combine(combine).match_background(matching);
            let expected = run(&field, &options);
            let plain = run(&field, &serial().combine(combine));
            assert_ne!(bits(&plain[0]), bits(&expected[0]), "the correction must be worth comparing");
            for (threads, tile, storage) in [
                (1, 100, Intermediate::Memory),
                (2, 256, Intermediate::Mapped { dir: None }),
                (3, 16, Intermediate::None),
                (8, 4096, Intermediate::None),
                (8, 64, Intermediate::Memory),
            ] {
                let name = format!("{matching:?} {combine:?} {threads} threads, tile {tile}, {storage:?}");
                let threads = Parallel::Threads(NonZeroUsize::new(threads).unwrap());
                let options = options.clone().parallel(threads).tile(tile).intermediate(storage);
                assert_same(&name, &run(&field, &options), &expected);
            }
            assert_same("memory limit", &run(&field, &options.clone().memory_limit(8 << 20)), &expected);
        }
    }
}

#[test]
fn windows_make_the_whole() {
    let field = field();
    let inputs = inputs(&field);
    let renormalize = Missing::Renormalize { min_weight: 0.5 };
    let mut cases: Vec<_> = [
        Combine::Mean,
        Combine::Median,
        Combine::WeightedMedian,
        Combine::InverseVariance,
        Combine::Clipped(Clip::default()),
    ]
    .map(|combine| serial().combine(combine).missing(renormalize))
    .into();
    cases.extend(kernels());
    cases.extend(area_kernels().into_iter().map(|resample| serial().resample(resample).missing(renormalize)));
    cases.push(serial().match_background(MatchBackground::Constant(Matching::default())));
    cases.push(serial().combine(Combine::Median).match_background(MatchBackground::Plane(Matching::default())));
    for options in cases {
        let expected = run(&field, &options);
        let plan = Plan::new(&inputs, &field.target, &TARGET, &options).unwrap();
        assert_same(&format!("{options:?} in windows"), &run_windows(&plan, [157, 121]), &expected);
    }
}

/// Splines see less far than in double precision; and a footprint that nobody wants changes nothing.
#[test]
fn single_precision_and_no_footprint() {
    let field = field();
    let inputs = inputs(&field);
    for options in kernels() {
        let run = |options: &Options, wanted: bool| {
            let plan = Plan::new(&inputs, &field.target, &TARGET, options).unwrap();
            let [mut output, mut footprint] = [7.0, -5.0].map(|rubbish| Array2::<f32>::from_elem(TARGET, rubbish));
            plan.run_with(output.view_mut(), wanted.then(|| footprint.view_mut()), Planes::default()).unwrap();
            [output, footprint].map(|plane| plane.mapv(f64::from).into_dyn())
        };
        let expected = run(&options, true);
        for tile in [16, 100] {
            let name = format!("{options:?} tile {tile}");
            assert_same(&name, &run(&options.clone().tile(tile), true), &expected);
        }
        let without = run(&options, false);
        assert_same(&format!("{options:?} alone"), &without[..1], &expected[..1]);
        assert!(without[1].iter().all(|footprint| *footprint == -5.0));
    }
}

#[test]
fn any_strides() {
    let field = field();
    let expected = run(&field, &serial());
    // Fortran order, and every second element of a larger buffer, upside down.
    let mut fortran = Array2::<f64>::zeros([TARGET[1], TARGET[0]]).reversed_axes();
    let mut sparse = Array2::<f64>::zeros([2 * TARGET[0], 3 * TARGET[1]]);
    let mut view = sparse.slice_mut(s![..;2, ..;3]);
    view.invert_axis(Axis(0));
    reproject_and_coadd(&inputs(&field), &field.target, fortran.view_mut(), view, &serial()).unwrap();
    let mut footprint = sparse.slice(s![..;2, ..;3]).to_owned();
    footprint.invert_axis(Axis(0));
    assert_same("strides", &[fortran.into_dyn(), footprint.as_standard_layout().to_owned().into_dyn()], &expected[..2]);
}

#[test]
fn planes_of_a_cube_are_images() {
    let field = field();
    let planes = 19; // More than are worked on at once.
    let cubes: Vec<Array3<f64>> = field
        .images
        .iter()
        .map(|(image, ..)| {
            Array3::from_shape_fn((planes, image.nrows(), image.ncols()), |(p, y, x)| image[[y, x]] * (p as f64 - 3.0))
        })
        .collect();
    let inputs: Vec<_> = cubes
        .iter()
        .zip(&field.images)
        .map(|(cube, (.., wcs, _))| Input::from_array(cube.view(), wcs.clone()))
        .collect();
    for storage in [Intermediate::None, Intermediate::Memory] {
        let options = Options::default().intermediate(storage);
        let shape = (planes, TARGET[0], TARGET[1]);
        let (mut output, mut footprint) = (Array3::<f64>::zeros(shape), Array3::<f64>::zeros(shape));
        reproject_and_coadd(&inputs, &field.target, output.view_mut(), footprint.view_mut(), &options).unwrap();
        for plane in [0, 7, 8, 18] {
            let images: Vec<_> = cubes
                .iter()
                .zip(&field.images)
                .map(|(cube, (.., wcs, _))| Input::from_array(cube.index_axis(Axis(0), plane), wcs.clone()))
                .collect();
            let (mut one, mut foot) = (Array2::<f64>::zeros(TARGET), Array2::<f64>::zeros(TARGET));
            reproject_and_coadd(&images, &field.target, one.view_mut(), foot.view_mut(), &serial()).unwrap();
            let got = [
                output.index_axis(Axis(0), plane).to_owned().into_dyn(),
                footprint.index_axis(Axis(0), plane).to_owned().into_dyn(),
            ];
            assert_same(&format!("plane {plane}"), &got, &[one.into_dyn(), foot.into_dyn()]);
        }
    }
}

#[test]
fn poles_and_seams() {
    let header = |projection: &str, [ny, nx]: [usize; 2], scale: f64, dec: f64| {
        wcs(&format!(
            "NAXIS = 2\nNAXIS1 = {nx}\nNAXIS2 = {ny}\nCTYPE1 = 'RA---{projection}'\nCTYPE2 = 'DEC--{projection}'\nCRVAL1 = 30.0\n\
             CRVAL2 = {dec}\nCRPIX1 = {}\nCRPIX2 = {}\nCDELT1 = {}\nCDELT2 = {scale}\n",
            nx as f64 / 2.0 + 0.5,
            ny as f64 / 2.0 + 0.5,
            -scale
        ))
    };
    let sky = noise([180, 360], 23, 0.01);
    let inputs = [Input::from_array(sky.view(), header("CAR", [180, 360], 1.0, 0.0))];
    for (target, shape) in
        [(header("TAN", [150, 140], 0.9, 80.0), [150, 140]), (header("AIT", [130, 250], 2.0, 20.0), [130, 250])]
    {
        for options in kernels() {
            let run = |options: Options| {
                let (mut output, mut footprint) = (Array2::<f64>::zeros(shape), Array2::<f64>::zeros(shape));
                reproject_and_coadd(&inputs, &target, output.view_mut(), footprint.view_mut(), &options).unwrap();
                vec![output.into_dyn(), footprint.into_dyn()]
            };
            let expected = run(options.clone());
            for tile in [16, 33, 4096] {
                assert_same(&format!("{options:?} tile {tile}"), &run(options.clone().tile(tile)), &expected);
            }
        }
    }
}
