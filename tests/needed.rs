//! What a plan says that it takes, against what a run takes.

mod common;

use common::field::{tan, wcs};
use ndarray::{Array2, ArrayD};
use skymosaic::{Error, Input, Intermediate, Options, Parallel, Pixel, Plan, PlaneSet, Planes, Summary, Wcs};

const SHAPE: [usize; 2] = [700, 800];

fn run<T: Pixel>(plan: &Plan<'_>, variance: bool, mask: bool) -> Result<Summary, Error> {
    let [mut output, mut footprint, mut variances] = [(); 3].map(|()| ArrayD::<T>::from_elem(&SHAPE[..], T::NAN));
    let mut flags = ArrayD::<i32>::zeros(&SHAPE[..]);
    let mut planes = Planes::default();
    planes.variance = variance.then(|| variances.view_mut());
    planes.mask = mask.then(|| flags.view_mut());
    plan.run_with(output.view_mut(), Some(footprint.view_mut()), planes)
}

/// The limit that just does not do says what is needed, exactly; memory held is that and workspaces.
fn check<T: Pixel>(inputs: &[Input<'_>], target: &Wcs, variance: bool, mask: bool) {
    let plan = |options: Options| Plan::new(inputs, target, &SHAPE, &options.parallel(Parallel::Serial)).unwrap();
    let mut planes = PlaneSet::FOOTPRINT;
    planes.set(PlaneSet::VARIANCE, variance);
    planes.set(PlaneSet::MASK, mask);
    let none = plan(Options::default());
    assert_eq!(none.intermediate_bytes::<T>(planes), 0);
    let memory = || Options::default().intermediate(Intermediate::Memory);
    let bytes = plan(memory()).intermediate_bytes::<T>(planes);
    assert_eq!(
        plan(Options::default().intermediate(Intermediate::Mapped { dir: None })).intermediate_bytes::<T>(planes),
        bytes
    );
    match run::<T>(&plan(memory().memory_limit(2 * bytes - 2)), variance, mask) {
        Err(Error::Memory { needed, .. }) => assert_eq!(needed, 2 * bytes),
        other => panic!("{bytes} bytes: {other:?}"),
    }
    run::<T>(&plan(memory().memory_limit(2 * bytes)), variance, mask).unwrap();
    let held = run::<T>(&plan(memory()), variance, mask).unwrap().peak_bytes;
    println!("{bytes} bytes of intermediates, {held} held");
    assert!(bytes < held && held < bytes + (100 << 20), "{bytes} {held}");
}

fn check_all(centres: &[[f64; 2]], scale: f64, target: &Wcs) {
    let pixels = Array2::<f32>::from_shape_fn([330, 310], |(y, x)| (y * 7 + x * 3) as f32 % 11.0);
    let variances = pixels.mapv(|v| v + 1.0);
    let masks = Array2::<i32>::from_elem([330, 310], 2);
    let input = |k: usize| {
        let wcs = tan(centres[k][0], centres[k][1], [330, 310], scale, 17.0 * k as f64);
        Input::from_array(pixels.view(), wcs).with_variance(variances.view()).with_mask(masks.view())
    };
    let inputs: Vec<Input<'_>> = (0..centres.len()).map(input).collect();
    for (variance, mask) in [(false, false), (true, false), (false, true), (true, true)] {
        check::<f32>(&inputs, target, variance, mask);
        check::<f64>(&inputs, target, variance, mask);
    }
}

#[test]
fn intermediates_take_what_the_plan_says() {
    let centres: Vec<[f64; 2]> = (0..8).map(|k| [10.0 + 0.02 * k as f64, 20.0 + 0.03 * (k % 3) as f64]).collect();
    check_all(&centres, 2e-4, &tan(10.06, 20.02, SHAPE, 2e-4, 0.0));
}

/// Images at the pole and across the seam of a map of the whole sky, in several rectangles.
#[test]
fn intermediates_at_a_seam_take_what_the_plan_says() {
    let sky = wcs(
        "CTYPE1 = 'RA---CAR'\nCTYPE2 = 'DEC--CAR'\nCRVAL1 = 0\nCRVAL2 = 0\nCRPIX1 = 400.5\nCRPIX2 = 350.5\nCDELT1 = -0.45\nCDELT2 = 0.25",
    );
    check_all(&[[180.0, 20.0], [33.0, 89.0], [179.0, -60.0], [0.0, 0.0], [200.0, 10.0], [90.0, -88.0]], 0.15, &sky);
}
