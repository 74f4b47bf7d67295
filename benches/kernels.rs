//! Cost of every kernel per output pixel, serial, f32 in and out, coordinates and combination included.

#[path = "../tests/common/mod.rs"]
mod common;

use common::{INTERPOLATING, field::tan};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use ndarray::Array2;
use skymosaic::{Adaptive, AdaptiveKernel, Drizzle, DrizzleKernel, Flux, Input, Options, Parallel, Plan, Resample};

const SIDE: usize = 1024;
/// Degrees.
const PIXEL: f64 = 0.2 / 3600.0;

fn kernels(criterion: &mut Criterion) {
    let side = SIDE * 3 / 2;
    let pixels = Array2::from_shape_fn((side, side), |(y, x)| ((y * 31 + x * 17) % 257) as f32);
    let inputs = [Input::from_array(pixels.view(), tan(150.1, 2.2, [side, side], PIXEL, 7.0))];
    let (mut output, mut footprint) = (Array2::<f32>::zeros((SIDE, SIDE)), Array2::<f32>::zeros((SIDE, SIDE)));
    let mut group = criterion.benchmark_group("kernels");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements((SIDE * SIDE) as u64));
    let mut bench = |name: &str, scale: f64, options: Options| {
        let options = options.parallel(Parallel::Serial);
        let plan = Plan::new(&inputs, &tan(150.1, 2.2, [SIDE, SIDE], scale * PIXEL, 0.0), &[SIDE, SIDE], &options)
            .expect("a plan");
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| plan.run(output.view_mut(), footprint.view_mut()).expect("a mosaic"));
        });
    };
    let with = |resample| Options::default().resample(resample);
    for kernel in INTERPOLATING {
        bench(&format!("{kernel:?}"), 1.0, with(kernel));
    }
    bench("Exact", 1.0, with(Resample::Exact));
    bench("Exact, 3 times coarser", 3.0, with(Resample::Exact));
    for kernel in [DrizzleKernel::Square, DrizzleKernel::Point, DrizzleKernel::Turbo, DrizzleKernel::Gaussian] {
        bench(&format!("Drizzle, {kernel:?}"), 1.0, with(Resample::Drizzle(Drizzle::default().kernel(kernel))));
    }
    bench("Drizzle, Square, pixfrac 0.6", 1.0, with(Resample::Drizzle(Drizzle::default().pixfrac(0.6))));
    let adaptive = |adaptive| with(Resample::Adaptive(adaptive));
    bench("Adaptive", 1.0, adaptive(Adaptive::default()));
    bench("Adaptive, Hann", 1.0, adaptive(Adaptive::default().kernel(AdaptiveKernel::Hann)));
    bench("Adaptive, pixels 1.25 times as long", 1.25, adaptive(Adaptive::default()));
    bench("Bilinear, flux", 1.0, with(Resample::Bilinear).flux(Flux::Conserve));
    bench("Bilinear, widened 1.25 times", 1.25, with(Resample::Bilinear).antialias(true));
    bench("Lanczos3, widened 1.25 times", 1.25, with(Resample::Lanczos3).antialias(true));
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    kernels(&mut criterion);
    criterion.final_summary();
}
