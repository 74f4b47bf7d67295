//! Cost of a mosaic per resampled pixel, serial, f32 in and out. One element is one sample (output pixel × input).
//!
//! The group `stages` splits the bilinear mean of FITS files into its parts, as [`Stages`](skymosaic::Stages) tells them; the bench
//! `coordinates` tells what part of `resampling` evaluating the grid is (its "rows only").

#[path = "../tests/common/mod.rs"]
mod common;

use common::field::tan;
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use ndarray::Array2;
use skymosaic::{Combine, CoordinateError, FitsOutput, Hdu, Input, Options, Parallel, Plan, Resample, Stages, Wcs};
use std::time::Duration;

const SIDE: usize = 1024;
/// Degrees.
const PIXEL: f64 = 0.2 / 3600.0;

/// A square image with its middle so many pixels from the field's.
fn at(side: usize, [x, y]: [f64; 2], rotation: f64) -> Wcs {
    tan(150.1 + x * PIXEL, 2.2 + y * PIXEL, [side, side], PIXEL, rotation)
}

fn mosaic(criterion: &mut Criterion) {
    let images: Vec<_> = (0..4u32)
        .map(|k| {
            let pixels = Array2::from_shape_fn((SIDE, SIDE), |(y, x)| ((y * 31 + x * 17) % 257) as f32);
            let offset = [f64::from(k % 2) - 0.5, f64::from(k / 2) - 0.5].map(|v| v * 0.8 * SIDE as f64);
            (pixels, at(SIDE, offset, f64::from(k) * 2.0 - 3.0))
        })
        .collect();
    let inputs: Vec<_> = images.iter().map(|(pixels, wcs)| Input::from_array(pixels.view(), wcs.clone())).collect();
    let side = 2 * SIDE;
    let target = at(side, [0.0; 2], 0.0);
    let (mut output, mut footprint) = (Array2::<f32>::zeros((side, side)), Array2::<f32>::zeros((side, side)));
    let serial = Options::default().parallel(Parallel::Serial);
    let mut group = criterion.benchmark_group("mosaic");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let mut bench = |name: &str, options: Options| {
        let plan = Plan::new(&inputs, &target, &[side, side], &options).expect("a plan");
        let summary = plan.run(output.view_mut(), footprint.view_mut()).expect("a mosaic");
        group.throughput(Throughput::Elements(summary.resampled_pixels));
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| plan.run(output.view_mut(), footprint.view_mut()).expect("a mosaic"));
        });
    };
    bench("nearest, mean", serial.clone().resample(Resample::Nearest));
    bench("bilinear, mean", serial.clone());
    bench("bilinear, mean, exact coordinates", serial.clone().coordinate_error(CoordinateError::Exact));
    for combine in [Combine::First, Combine::Max, Combine::Median] {
        bench(&format!("bilinear, {combine:?}").to_lowercase(), serial.clone().combine(combine));
    }
}

fn stages(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a folder");
    let wcs = at(SIDE, [0.0; 2], 3.0);
    let path = dir.path().join("image.fits");
    let mut file = FitsOutput::<f32>::create(&path, &wcs.to_header(), &[SIDE, SIDE], false).expect("a FITS file");
    let pixels = Array2::from_shape_fn((SIDE, SIDE), |(y, x)| ((y * 31 + x * 17) % 257) as f32);
    file.write_array(pixels.view()).expect("a FITS file");
    file.publish().expect("a FITS file");
    let inputs = [Input::from_fits(&path, &Hdu::First).expect("a FITS image")];
    let target = at(SIDE, [0.0; 2], 0.0);
    let plan =
        Plan::new(&inputs, &target, &[SIDE, SIDE], &Options::default().parallel(Parallel::Serial)).expect("a plan");
    let (mut output, mut footprint) = (Array2::<f32>::zeros((SIDE, SIDE)), Array2::<f32>::zeros((SIDE, SIDE)));
    let mut run = || plan.run(output.view_mut(), footprint.view_mut()).expect("a mosaic");
    let mut group = criterion.benchmark_group("stages");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(run().resampled_pixels));
    let parts: [(&str, fn(&Stages) -> Duration); 4] = [
        ("patch", |stages| stages.patch),
        ("coordinates", |stages| stages.coordinates),
        ("resampling", |stages| stages.resampling),
        ("combining", |stages| stages.combining),
    ];
    for (name, part) in parts {
        group.bench_function(name, |b| b.iter_custom(|times| (0..times).map(|_| part(&run().stages)).sum()));
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    mosaic(&mut criterion);
    stages(&mut criterion);
    criterion.final_summary();
}
