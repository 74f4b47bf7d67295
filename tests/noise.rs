//! What variances and noise correlations promise, against the scatter of many realisations of noise and a published formula.

mod common;

use common::field::{Random, tan};
use ndarray::{Array2, Array3, Axis};
use skymosaic::{Adaptive, Clip, Combine, Drizzle, Input, Options, Plan, Planes, Resample};

/// Normal deviates of deviation 1.
fn normal(random: &mut Random) -> f64 {
    (-2.0 * (1.0 - random.uniform()).ln()).sqrt() * (std::f64::consts::TAU * random.uniform()).cos()
}

/// 600 realisations of the noise of images, as the planes of cubes, go through the engine: their scatter is what the variance plane says,
/// and that of sums over many pixels is what the correlation says.
#[test]
fn noise_is_what_the_variance_says() {
    const REALISATIONS: usize = 600;
    let shape = [24, 24];
    let target = tan(10.0, 40.0, shape, 0.0003, 0.0);
    let mut random = Random(20_261_122);
    let images: Vec<_> = (0..5)
        .map(|k| {
            let wcs = tan(10.0 + 1e-4 * f64::from(k), 40.0, [44, 44], 0.00027, 14.0 * f64::from(k) + 3.0);
            let variance = Array2::from_shape_fn((44, 44), |(y, _)| 1.0 + f64::from(k) + 0.05 * y as f64);
            let cube = Array3::from_shape_fn((REALISATIONS, 44, 44), |(_, y, x)| {
                (normal(&mut random) * variance[[y, x]].sqrt()) as f32
            });
            (cube, variance, wcs)
        })
        .collect();
    let inputs: Vec<_> = images
        .iter()
        .map(|(cube, variance, wcs)| Input::from_array(cube.view(), wcs.clone()).with_variance(variance.view()))
        .collect();
    let full = [REALISATIONS, shape[0], shape[1]];
    for (resample, how) in [
        (Resample::Nearest, Combine::Mean),
        (Resample::Bilinear, Combine::Mean),
        (Resample::Bilinear, Combine::Sum),
        (Resample::Bilinear, Combine::InverseVariance),
        (Resample::Bicubic, Combine::Mean),
        (Resample::Lanczos3, Combine::Mean),
        (Resample::Adaptive(Adaptive::default()), Combine::Mean),
        (Resample::Exact, Combine::Mean),
        (Resample::Drizzle(Drizzle::default().pixfrac(0.8)), Combine::Mean),
        (Resample::Bilinear, Combine::Median),
        (Resample::Bilinear, Combine::WeightedMedian),
        (Resample::Bilinear, Combine::Clipped(Clip::default())),
    ] {
        let options = Options::default().resample(resample).combine(how);
        let [mut output, mut footprint, mut variance] = [(); 3].map(|()| Array3::<f64>::zeros(full));
        let plan = Plan::new(&inputs, &target, &full, &options).unwrap();
        let planes = Planes::default().variance(variance.view_mut());
        let summary = plan.run_with(output.view_mut(), Some(footprint.view_mut()), planes).unwrap();
        assert!(footprint.iter().all(|f| *f > 0.0));
        let measured = output.mapv(|v| v * v).mean_axis(Axis(0)).unwrap();
        let ratios = &measured / &variance.index_axis(Axis(0), 0);
        let (at, worst) =
            ratios.indexed_iter().map(|(at, r)| (at, (r - 1.0).abs())).max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        let ratio = ratios.mean().unwrap();
        // The sum over the inner 16 × 16 pixels, and the noise that its pixels alone would give it.
        let inner = ndarray::s![.., 4..20, 4..20];
        let sums = output.slice(inner).sum_axis(Axis(2)).sum_axis(Axis(1));
        let alone = variance.slice(inner).index_axis(Axis(0), 0).sum();
        let r = (sums.mapv(|v| v * v).mean().unwrap() / alone).sqrt();
        let told = summary.noise_correlation.unwrap();
        println!(
            "{resample:?} {how:?}: scatter² / variance = {ratio:.4}, worst off by {worst:.3} at {at:?}; R = {told:.3}, of a sum over 16 × 16 pixels {r:.3}"
        );
        // 600 × 576 correlated pixels scatter by about 0.5 %; the formula for medians is good to 2 % for inputs of equal noise.
        let allowed = if matches!(how, Combine::Median | Combine::WeightedMedian) { 0.06 } else { 0.015 };
        assert!((ratio - 1.0).abs() < allowed, "{resample:?} {how:?}: {ratio}");
        // The scatter of one pixel's 600 is uncertain by √(2/600); of 576 pixels one in a hundred runs is 4.3 times as far off.
        let each = 4.3 * (2.0 / REALISATIONS as f64).sqrt() + allowed;
        assert!(worst < each, "{resample:?} {how:?}: pixel {at:?} off by {worst}");
        if how == Combine::Mean {
            // The square's rim has fewer neighbours, so its R is a little lower; 600 sums scatter by 3 %.
            assert!((r / told - 1.0).abs() < 0.12, "{resample:?}: R = {told} told, {r} measured");
        }
    }
}

/// Fruchter & Hook 2002, eq. 9: R = r / (1 - 1 / 3r) for r = pixfrac / scale >= 1. With drops as large as pixels one image does what
/// they have many for: every output pixel is covered alike.
#[test]
fn correlation_is_that_of_drizzle() {
    let shape = [300, 300];
    let image = Array2::from_elem(shape, 1.0_f32);
    let variance = Array2::from_elem(shape, 1.0_f32);
    let wcs = tan(10.0, 40.0, shape, 0.0003, 0.0);
    for scale in [0.9375, 0.62, 0.37] {
        let r: f64 = 1.0 / scale;
        let wanted = r / (1.0 - 1.0 / (3.0 * r));
        let target = tan(10.00003, 40.00002, [400, 400], 0.0003 * scale, 0.0);
        let input = Input::from_array(image.view(), wcs.clone()).with_variance(variance.view());
        let options = Options::default().resample(Resample::Drizzle(Drizzle::default()));
        let [mut output, mut footprint, mut propagated] = [(); 3].map(|()| Array2::<f32>::zeros((400, 400)));
        let inputs = [input];
        let plan = Plan::new(&inputs, &target, &[400, 400], &options).unwrap();
        let planes = Planes::default().variance(propagated.view_mut());
        let summary = plan.run_with(output.view_mut(), Some(footprint.view_mut()), planes).unwrap();
        let told = summary.noise_correlation.unwrap();
        println!("scale {scale}: R = {told:.4}, Fruchter & Hook {wanted:.4}");
        // 16 output pixels meet all phases, though not exactly alike.
        assert!((told / wanted - 1.0).abs() < 0.05, "scale {scale}: R = {told}, Fruchter & Hook {wanted}");
    }
}
