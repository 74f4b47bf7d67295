//! 2,000 images of 256² pixels on one field, by combination: time per sample and most memory held beside the caller's arrays. Not a
//! statistic: one run each, the mean first and last.

#[path = "../tests/common/mod.rs"]
mod common;

use common::field::tan;
use ndarray::Array2;
use skymosaic::{Clip, Combine, Input, Options, Plan};

const SIDE: usize = 256;
/// Degrees.
const PIXEL: f64 = 0.2 / 3600.0;
const DEPTH: usize = 2000;

/// Processor time of all threads so far, seconds: what others do on the machine counts less than in wall-clock time.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Anonymous memory resident now, bytes.
fn anonymous() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn main() {
    let mut state = 1_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32
    };
    // Near enough to normal, and one pixel in a hundred far out.
    let mut noise = move || {
        let sum: f32 = (0..6).map(|_| random()).sum();
        if random() < 0.01 { 500.0 * random() } else { sum }
    };
    let images: Vec<_> = (0..DEPTH)
        .map(|k| {
            (
                Array2::from_shape_simple_fn((SIDE, SIDE), &mut noise),
                tan(150.1 + (k % 7) as f64 * PIXEL, 2.2, [SIDE, SIDE], PIXEL, k as f64 * 0.18),
            )
        })
        .collect();
    let inputs: Vec<_> = images.iter().map(|(pixels, wcs)| Input::from_array(pixels.view(), wcs.clone())).collect();
    let variances = Array2::from_elem((SIDE, SIDE), 0.5_f32);
    let known: Vec<_> = inputs.iter().map(|input| input.clone().with_variance(variances.view())).collect();
    let (mut output, mut footprint) = (Array2::<f32>::zeros((SIDE, SIDE)), Array2::<f32>::zeros((SIDE, SIDE)));
    let clipped = Combine::Clipped(Clip::default());
    for (combine, inputs) in [
        (Combine::Mean, &inputs),
        (Combine::Median, &inputs),
        (Combine::WeightedMedian, &inputs),
        (clipped, &inputs),
        (Combine::InverseVariance, &known),
        (Combine::Mean, &inputs),
    ] {
        let options = Options::default().combine(combine);
        let plan =
            Plan::new(inputs, &tan(150.1, 2.2, [SIDE, SIDE], PIXEL, 0.0), &[SIDE, SIDE], &options).expect("a plan");
        let before = anonymous();
        let started = processor();
        let (mut most, done) = (0, std::sync::atomic::AtomicBool::new(false));
        let summary = std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut most = 0;
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    most = most.max(anonymous());
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                most
            });
            let summary = plan.run(output.view_mut(), footprint.view_mut()).expect("a mosaic");
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            most = watch.join().unwrap_or(0);
            summary
        });
        let seconds = processor() - started;
        println!(
            "{combine:?}: {seconds:.2} s of processor time, {:.1} ns a sample, {:.0} MB held by its own count, {:.0} MB anonymous memory more than before",
            seconds * 1e9 / summary.resampled_pixels as f64,
            summary.peak_bytes as f64 / 1e6,
            most.saturating_sub(before) as f64 / 1e6,
        );
    }
}
