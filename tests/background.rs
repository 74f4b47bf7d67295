//! Matching of backgrounds: against reproject, against a naive program, against what was put in, and what cannot be done.

mod common;

use common::{
    Golden,
    backgrounds::field,
    field::{Random, bits, tan},
    worst,
};
use ndarray::{Array2, Array3, ArrayD, Axis, IxDyn};
use skymosaic::{
    Combine, CoordinateError, Correction, Error, Header, Input, Intermediate, MatchBackground, Matching, Options,
    PairWeight, Parallel, Plan, Resample, Summary, Wcs, reproject_and_coadd,
};

fn constant() -> Options {
    Options::default().match_background(MatchBackground::Constant(Matching::default()))
}

fn planes() -> Options {
    Options::default().match_background(MatchBackground::Plane(Matching::default()))
}

fn run(inputs: &[Input<'_>], target: &Wcs, shape: &[usize], options: &Options) -> (ArrayD<f64>, ArrayD<f64>, Summary) {
    let (mut output, mut footprint) = (ArrayD::<f64>::zeros(IxDyn(shape)), ArrayD::<f64>::zeros(IxDyn(shape)));
    let summary = reproject_and_coadd(inputs, target, output.view_mut(), footprint.view_mut(), options).unwrap();
    (output, footprint, summary)
}

fn corrections(summary: &Summary, plane: usize) -> Vec<Correction> {
    summary.backgrounds.as_ref().unwrap().planes[plane].corrections.clone()
}

/// reproject_and_coadd(match_background=True) on its own test cases, and on real images that contradict each other.
#[test]
fn equal_to_reproject() {
    let golden = Golden::open("background");
    for case in golden.cases() {
        let header =
            |name: &serde_json::Value| Header::parse(&std::fs::read_to_string(golden.path(name)).unwrap()).unwrap();
        let numbers = |field: &str| -> Vec<f64> {
            case[field].as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
        };
        let shape: Vec<usize> = numbers("shape").into_iter().map(|n| n as usize).collect();
        let target = Wcs::from_header(&header(&case["target"])).unwrap();
        let arrays: Vec<(ArrayD<f64>, Wcs)> = case["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|input| (golden.array(&input["array"]), Wcs::from_header(&header(&input["wcs"])).unwrap()))
            .collect();
        let inputs: Vec<Input<'_>> =
            arrays.iter().map(|(array, wcs)| Input::from_array(array.view(), wcs.clone())).collect();
        let matching = Matching::default().weight(PairWeight::Equal);
        let options = Options::default()
            .match_background(MatchBackground::Constant(matching))
            .coordinate_error(CoordinateError::Exact);
        let (output, _, summary) = run(&inputs, &target, &shape, &options);
        let got = corrections(&summary, 0);
        let offsets = numbers("offsets");
        let scale = offsets.iter().fold(1e-300_f64, |scale, offset| scale.max(offset.abs()));
        let far = |wanted: &[f64]| {
            got.iter().zip(wanted).map(|(got, wanted)| (got.offset - wanted).abs()).fold(0.0, f64::max) / scale
        };
        let (from_reproject, from_exact) = (far(&numbers("corrections")), far(&numbers("least_squares")));
        let wanted = golden.array(&case["output"]);
        let image = worst(output.view(), wanted.view(), |_| false);
        println!(
            "{}: {from_reproject:.1e} of the offsets from reproject, {from_exact:.1e} from least squares (reproject {:.1e}); image {image}",
            case["name"],
            case["unconverged"].as_f64().unwrap() / scale
        );
        assert!(from_reproject < 1e-6 && from_exact < 1e-12, "{}", case["name"]);
        // Next to missing pixels the last bit of a position decides whether a sample is spoilt.
        let decided = |at: usize| case["name"] != "with_nan" || ![16, 17, 40, 41, 65, 66, 88, 89].contains(&at);
        // Values near zero are differences of larger ones.
        let far = output.indexed_iter().zip(&wanted).filter(|((at, _), _)| decided(at[1]));
        let far = far.map(|((_, a), b)| if a.is_nan() && b.is_nan() { 0.0 } else { (a - b).abs() });
        assert!(far.fold(0.0, f64::max) < 1e-8 * scale.max(1.0));
    }
}

/// The naive program: every sample of every input, every difference, the normal equations in full.
#[test]
fn equal_to_the_naive_program() {
    let field = field(3, 60, 20.0, 0.0, 3);
    let mut images = field.images.clone();
    let mut random = Random(5);
    for (image, _) in &mut images {
        image.iter_mut().filter(|_| random.uniform() < 0.05).for_each(|pixel| *pixel = f32::NAN);
    }
    let inputs: Vec<Input<'_>> = images.iter().map(|(i, wcs)| Input::from_array(i.view(), wcs.clone())).collect();
    for combine in
        [Combine::Mean, Combine::Sum, Combine::First, Combine::Last, Combine::Min, Combine::Max, Combine::Median]
    {
        let options = constant().combine(combine).resample(Resample::Cubic);
        let (output, footprint, summary) = run(&inputs, &field.target, &field.shape, &options);
        let alone = options.clone().match_background(MatchBackground::None);
        let samples: Vec<ArrayD<f64>> = inputs
            .iter()
            .map(|input| run(std::slice::from_ref(input), &field.target, &field.shape, &alone).0)
            .collect();
        let n = inputs.len();
        let mut system = vec![vec![0.0; n + 1]; n];
        for a in 0..n {
            for b in 0..a {
                let mut found: Vec<f64> =
                    samples[a].iter().zip(&samples[b]).map(|(a, b)| a - b).filter(|d| !d.is_nan()).collect();
                found.sort_by(f64::total_cmp);
                let Some(last) = found.len().checked_sub(1) else { continue };
                let median = (found[last / 2] + found[last.div_ceil(2)]) / 2.0;
                let weight = found.len() as f64;
                for (i, j, sign) in [(a, b, 1.0), (b, a, -1.0)] {
                    system[i][i] += weight;
                    system[i][j] -= weight;
                    system[i][n] += sign * weight * median;
                }
            }
        }
        // Mean zero instead of the last equation, which follows from the others.
        system[n - 1] = (0..=n).map(|k| f64::from(u8::from(k < n))).collect();
        let naive = eliminate(system);
        let far = corrections(&summary, 0).iter().zip(&naive).map(|(a, b)| (a.offset - b).abs()).fold(0.0, f64::max);
        println!("{combine:?}: worst correction {far:.1e} from {naive:.2?}");
        assert!(far < 1e-11);
        // The mosaic of samples corrected before they are combined.
        let corrected: Vec<Array2<f64>> = samples
            .iter()
            .zip(corrections(&summary, 0))
            .map(|(samples, c)| samples.mapv(|v| v - c.offset).into_dimensionality().unwrap())
            .collect();
        let corrected: Vec<Input<'_>> =
            corrected.iter().map(|samples| Input::from_array(samples.view(), field.target.clone())).collect();
        let nearest = alone.resample(Resample::Nearest);
        let (wanted, wanted_footprint, _) = run(&corrected, &field.target, &field.shape, &nearest);
        assert_eq!(bits(&output), bits(&wanted), "{combine:?}");
        assert_eq!(bits(&footprint), bits(&wanted_footprint));
    }
}

/// Gauss's elimination with pivots of the augmented system.
fn eliminate(mut system: Vec<Vec<f64>>) -> Vec<f64> {
    let n = system.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|a, b| system[*a][column].abs().total_cmp(&system[*b][column].abs())).unwrap();
        system.swap(column, pivot);
        for row in 0..n {
            if row != column {
                let factor = system[row][column] / system[column][column];
                #[allow(clippy::needless_range_loop, reason = "two rows of the system are indexed")]
                for k in column..=n {
                    system[row][k] -= factor * system[column][k];
                }
            }
        }
    }
    (0..n).map(|k| system[k][n] / system[k][k]).collect()
}

#[test]
fn planes_of_a_cube_are_matched_each() {
    let field = field(2, 70, 20.0, 0.0, 4);
    let cubes: Vec<Array3<f32>> = field
        .images
        .iter()
        .enumerate()
        .map(|(k, (image, _))| {
            Array3::from_shape_fn((11, 70, 70), |(p, y, x)| {
                // In plane 3 the third image is missing, and with it nothing but its own part.
                if p == 3 && k == 2 { f32::NAN } else { image[[y, x]] + (p * (k + 1)) as f32 }
            })
        })
        .collect();
    let inputs: Vec<Input<'_>> =
        cubes.iter().zip(&field.images).map(|(cube, (_, wcs))| Input::from_array(cube.view(), wcs.clone())).collect();
    let shape = [11, field.shape[0], field.shape[1]];
    for storage in [Intermediate::None, Intermediate::Memory] {
        for options in [constant(), planes()] {
            let options = options.intermediate(storage.clone());
            let (output, _, summary) = run(&inputs, &field.target, &shape, &options);
            for plane in [0, 3, 7, 8, 10] {
                let images: Vec<_> = cubes
                    .iter()
                    .zip(&field.images)
                    .map(|(cube, (_, wcs))| Input::from_array(cube.index_axis(Axis(0), plane), wcs.clone()))
                    .collect();
                let (one, _, single) = run(&images, &field.target, &field.shape, &options);
                assert_eq!(bits(&output.index_axis(Axis(0), plane).to_owned().into_dyn()), bits(&one));
                assert_eq!(corrections(&summary, plane), corrections(&single, 0));
                let groups = &summary.backgrounds.as_ref().unwrap().planes[plane].groups;
                let wanted = if plane == 3 { vec![vec![0, 1, 3], vec![2]] } else { vec![vec![0, 1, 2, 3]] };
                assert_eq!(groups, &wanted);
            }
        }
    }
}

#[test]
fn a_reference_stays_as_it_is() {
    let field = field(3, 60, 20.0, 0.02, 5);
    for reference in [0, 4] {
        let matching = Matching::default().reference(reference);
        for matching in [MatchBackground::Constant(matching), MatchBackground::Plane(matching)] {
            let options = Options::default().match_background(matching);
            let (_, _, summary) = run(&field.inputs(), &field.target, &field.shape, &options);
            let tied = corrections(&summary, 0);
            assert_eq!((tied[reference].offset, tied[reference].slope), (0.0, [0.0; 2]));
            assert!(tied.iter().filter(|one| one.offset.abs() > 0.1).count() >= 7);
        }
    }
}

#[test]
fn a_reference_that_is_no_input_is_refused() {
    let field = field(2, 60, 20.0, 0.0, 6);
    for matching in [MatchBackground::Constant, MatchBackground::Plane] {
        let options = Options::default().match_background(matching(Matching::default().reference(4)));
        let inputs = field.inputs();
        let refused = Plan::new(&inputs, &field.target, &field.shape, &options);
        let message = refused.map(|_| ()).unwrap_err();
        assert!(matches!(&message, Error::Option { option: "match_background", .. }), "{message}");
        assert_eq!(
            message.to_string(),
            "option match_background = reference 4: expected the position of an input, 0 to 3"
        );
    }
}

/// Two groups, an image that meets no other, one that is all missing, one outside of the target.
#[test]
fn groups_without_overlap_are_centred_each() {
    let shape = [60, 400];
    let target = tan(10.0, 0.0, shape, 1e-3, 0.0);
    let at = |pixel: f64| tan(10.0 + (200.0 - pixel) * 1e-3, 0.0, [50, 50], 1e-3, 0.0);
    let level = |value: f32| Array2::from_elem((50, 50), value);
    let images = [
        (level(5.0), at(30.0)),
        (level(1.0), at(300.0)),
        (level(9.0), at(60.0)),
        (level(f32::NAN), at(190.0)),
        (level(7.0), at(190.0)),
        (level(2.0), at(320.0)),
        (level(3.0), at(5000.0)),
    ];
    let inputs: Vec<Input<'_>> = images.iter().map(|(i, wcs)| Input::from_array(i.view(), wcs.clone())).collect();
    let (output, _, summary) = run(&inputs, &target, &shape, &constant());
    let matched = &summary.backgrounds.as_ref().unwrap().planes[0];
    assert_eq!(matched.groups, [vec![0, 2], vec![1, 5], vec![3], vec![4], vec![6]]);
    let offsets: Vec<f64> = matched.corrections.iter().map(|one| one.offset).collect();
    assert_eq!(offsets, [-2.0, -0.5, 2.0, 0.0, 0.0, 0.5, 0.0]);
    assert_eq!((output[[30, 30]], output[[30, 70]], output[[30, 300]], output[[30, 190]]), (7.0, 7.0, 1.5, 7.0));
    assert_eq!(matched.pairs.len(), 2);
    assert_eq!(matched.pairs[0].residual, 0.0);
}

#[test]
fn nothing_to_match() {
    let shape = [60, 60];
    let target = tan(10.0, 0.0, shape, 1e-3, 0.0);
    let (missing, alone) = (Array2::from_elem((50, 50), f32::NAN), Array2::from_elem((50, 50), 4.0_f32));
    for options in [constant(), planes()] {
        let inputs =
            [Input::from_array(missing.view(), target.clone()), Input::from_array(missing.view(), target.clone())];
        let (output, _, summary) = run(&inputs, &target, &shape, &options);
        assert!(output.iter().all(|value| value.is_nan()));
        assert_eq!(summary.backgrounds.as_ref().unwrap().planes[0].groups, [[0], [1]]);
        let (one, ..) = run(&[Input::from_array(alone.view(), target.clone())], &target, &shape, &options);
        let plain = Options::default();
        let (wanted, ..) = run(&[Input::from_array(alone.view(), target.clone())], &target, &shape, &plain);
        assert_eq!(bits(&one), bits(&wanted));
    }
}

/// More differences than a pair may keep, and more partners than an input may have: the same whoever works, and still right.
#[test]
fn deep_and_large() {
    let shape = [300, 300];
    let target = tan(10.0, 0.0, shape, 1e-3, 0.0);
    let mut random = Random(11);
    let offsets: Vec<f64> = (0..90).map(|_| random.between(-5.0, 5.0)).collect();
    let images: Vec<Array2<f32>> = offsets
        .iter()
        .map(|offset| Array2::from_shape_simple_fn(shape, || (offset + random.between(-1.0, 1.0)) as f32))
        .collect();
    let inputs: Vec<Input<'_>> = images.iter().map(|i| Input::from_array(i.view(), target.clone())).collect();
    let options = constant().parallel(Parallel::Serial).tile(100);
    let (output, _, summary) = run(&inputs, &target, &shape, &options);
    let again = run(&inputs, &target, &shape, &constant().intermediate(Intermediate::Memory));
    assert_eq!(bits(&output), bits(&again.0));
    assert_eq!(summary.backgrounds, again.2.backgrounds);
    let mean = offsets.iter().sum::<f64>() / offsets.len() as f64;
    let wrong =
        corrections(&summary, 0).iter().zip(&offsets).map(|(c, o)| (c.offset - (o - mean)).abs()).fold(0.0, f64::max);
    let pairs = summary.backgrounds.as_ref().unwrap().planes[0].pairs.len();
    println!("{pairs} pairs, worst {wrong:.4}");
    assert!(wrong < 0.02 && pairs < 90 * 32);
}

/// Little memory takes several passes over the overlaps, and gives the same bytes.
#[test]
fn memory_stays_within_the_limit() {
    const LIMIT: u64 = 4 << 20;
    let field = field(5, 120, 20.0, 0.02, 7);
    for options in [constant(), planes()] {
        let options = options.parallel(Parallel::Serial);
        let (output, _, free) = run(&field.inputs(), &field.target, &field.shape, &options);
        let (tight_output, _, tight) =
            run(&field.inputs(), &field.target, &field.shape, &options.clone().memory_limit(LIMIT));
        println!("{} bytes held, {} with the limit", free.peak_bytes, tight.peak_bytes);
        assert_eq!(bits(&output), bits(&tight_output));
        assert_eq!(free.backgrounds, tight.backgrounds);
        assert!(tight.peak_bytes <= LIMIT && free.peak_bytes > tight.peak_bytes);
    }
    // One pair has more differences than that.
    let shape = [300, 300];
    let target = tan(10.0, 0.0, shape, 1e-3, 0.0);
    let image = Array2::from_elem(shape, 1.0_f32);
    let inputs = [0, 1].map(|_| Input::from_array(image.view(), target.clone()));
    let plan = Plan::new(&inputs, &target, &shape, &constant().parallel(Parallel::Serial).memory_limit(LIMIT)).unwrap();
    let error = plan.match_backgrounds::<f64>().unwrap_err();
    assert!(matches!(error, Error::Memory { limit: LIMIT, .. }), "{error}");
    assert!(error.to_string().contains("the matching of backgrounds on 1 threads needs"), "{error}");
}

/// Two exposures of two detectors each: every pair of detectors that overlaps says something else, and both detectors of an exposure are corrected alike,
/// by the least squares over all pairs of the two exposures; also a detector that overlaps nothing.
#[test]
fn parts_of_an_exposure_are_corrected_alike() {
    let wcs = |column: f64| tan(150.0 - column / 3600.0 / 2.2_f64.to_radians().cos(), 2.2, [20, 20], 1.0 / 3600.0, 0.0);
    let target = tan(150.0 - 50.0 / 3600.0 / 2.2_f64.to_radians().cos(), 2.2, [20, 140], 1.0 / 3600.0, 0.0);
    // The exposure, the column of the centre, the level.
    let parts = [("a", 0.0, 10.0), ("b", 10.0, 7.0), ("a", 40.0, 10.0), ("b", 45.0, 5.0), ("b", 90.0, 1.0)];
    let arrays: Vec<Array2<f64>> = parts.iter().map(|(.., level)| Array2::from_elem((20, 20), *level)).collect();
    let inputs: Vec<Input<'_>> = arrays
        .iter()
        .zip(&parts)
        .map(|(array, (name, column, _))| Input::from_array(array.view(), wcs(*column)).of_exposure(*name))
        .collect();
    let options = constant().resample(Resample::Nearest);
    let (_, _, summary) = run(&inputs, &target, &[20, 140], &options);
    let plane = &summary.backgrounds.as_ref().unwrap().planes[0];
    let pixels: Vec<f64> = plane.pairs.iter().map(|pair| pair.pixels as f64).collect();
    assert_eq!(plane.pairs.iter().map(|pair| pair.inputs).collect::<Vec<_>>(), [[0, 1], [2, 3]]);
    // a - b by the weighted mean of 3 and 5; the mean of the two exposures is zero.
    let difference = (3.0 * pixels[0] + 5.0 * pixels[1]) / (pixels[0] + pixels[1]);
    let far = plane.corrections.iter().zip(&parts).map(|(correction, (name, ..))| {
        let wanted = if *name == "a" { 0.5 * difference } else { -0.5 * difference };
        (correction.offset - wanted).abs()
    });
    let far = far.fold(0.0, f64::max);
    println!("worst correction off by {far:.1e}; overlaps of {pixels:?} pixels");
    assert!(far < 1e-12 && pixels[0] != pixels[1]);
    assert_eq!(plane.groups, [vec![0, 1, 2, 3, 4]]);
    // The reference is any part of an exposure.
    let matching = MatchBackground::Constant(Matching::default().reference(2));
    let (_, _, tied) = run(&inputs, &target, &[20, 140], &options.match_background(matching));
    let offsets: Vec<f64> = corrections(&tied, 0).iter().map(|correction| correction.offset).collect();
    assert!([0, 2].iter().all(|part| offsets[*part] == 0.0) && (offsets[4] + difference).abs() < 1e-12, "{offsets:?}");
}
