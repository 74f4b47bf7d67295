//! Cost of every kernel per output pixel, serial, f32 in and out, coordinates and combination included.

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use ndarray::Array2;
use skymosaic::{Drizzle, DrizzleKernel, Flux, Header, Input, Options, Parallel, Plan, Resample, Wcs};

const SIDE: usize = 1024;

/// A TAN image of 0.2″ pixels times `scale`, turned by `rotation` degrees.
fn tan(side: usize, scale: f64, rotation: f64) -> Wcs {
    let scale = scale * 0.2 / 3600.0;
    let (sin, cos) = rotation.to_radians().sin_cos();
    let half = side as f64 / 2.0 + 0.5;
    let cards = format!(
        "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = 150.1\nCRVAL2 = 2.2\nCRPIX1 = {half}\nCRPIX2 = {half}\n\
         CD1_1 = {:e}\nCD1_2 = {:e}\nCD2_1 = {:e}\nCD2_2 = {:e}\n",
        -scale * cos,
        scale * sin,
        scale * sin,
        scale * cos,
    );
    Header::parse(&cards).and_then(|header| Wcs::from_header(&header)).expect("a plain TAN header")
}

fn kernels(criterion: &mut Criterion) {
    let side = SIDE * 3 / 2;
    let pixels = Array2::from_shape_fn((side, side), |(y, x)| ((y * 31 + x * 17) % 257) as f32);
    let inputs = [Input::from_array(pixels.view(), tan(side, 1.0, 7.0))];
    let (mut output, mut footprint) = (Array2::<f32>::zeros((SIDE, SIDE)), Array2::<f32>::zeros((SIDE, SIDE)));
    let mut group = criterion.benchmark_group("kernels");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements((SIDE * SIDE) as u64));
    let mut bench = |name: &str, scale: f64, options: Options| {
        let options = options.parallel(Parallel::Serial);
        let plan = Plan::new(&inputs, &tan(SIDE, scale, 0.0), &[SIDE, SIDE], &options).expect("a plan");
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| plan.run(output.view_mut(), footprint.view_mut()).expect("a mosaic"));
        });
    };
    let with = |resample| Options::default().resample(resample);
    for kernel in [
        Resample::Nearest,
        Resample::Bilinear,
        Resample::Biquadratic,
        Resample::Bicubic,
        Resample::Cubic,
        Resample::Lanczos2,
        Resample::Lanczos3,
        Resample::Lanczos4,
        Resample::Lanczos5,
    ] {
        bench(&format!("{kernel:?}"), 1.0, with(kernel));
    }
    bench("Exact", 1.0, with(Resample::Exact));
    bench("Exact, 3 times coarser", 3.0, with(Resample::Exact));
    for kernel in [DrizzleKernel::Square, DrizzleKernel::Point, DrizzleKernel::Turbo, DrizzleKernel::Gaussian] {
        bench(&format!("Drizzle, {kernel:?}"), 1.0, with(Resample::Drizzle(Drizzle::default().kernel(kernel))));
    }
    bench("Drizzle, Square, pixfrac 0.6", 1.0, with(Resample::Drizzle(Drizzle::default().pixfrac(0.6))));
    bench("Bilinear, flux", 1.0, with(Resample::Bilinear).flux(Flux::Conserve));
    bench("Bilinear, widened 1.25 times", 1.25, with(Resample::Bilinear).antialias(true));
    bench("Lanczos3, widened 1.25 times", 1.25, with(Resample::Lanczos3).antialias(true));
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    kernels(&mut criterion);
    criterion.final_summary();
}
