//! `memory_limit` is one number that holds: what a run reports, and what the system says that it took.

mod common;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use common::field::{noise, tan};
use ndarray::Array2;
use skymosaic::{
    Combine, FitsOutput, Hdu, Input, Intermediate, MatchBackground, Matching, Options, Parallel, Plan, Planes,
    Resample, Summary, Wcs,
};

const MIB: u64 = 1 << 20;
const SIDE: usize = 1024;
const INPUTS: usize = 24;

/// Bytes of anonymous memory of this process.
fn anonymous() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// The most anonymous memory during `work`, beyond what there was before.
fn growth<R>(work: impl FnOnce() -> R) -> (u64, R) {
    let (done, most) = (AtomicBool::new(false), AtomicU64::new(0));
    let before = anonymous();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                most.fetch_max(anonymous(), Relaxed);
                std::thread::sleep(Duration::from_micros(500));
            }
        });
        let result = work();
        done.store(true, Relaxed);
        (most.load(Relaxed).saturating_sub(before), result)
    })
}

fn place(k: usize) -> Wcs {
    let k = k as f64;
    tan(150.0 + 0.01 * (k * 0.7).sin(), 2.0 + 0.01 * (k * 1.3).cos(), [600, 600], 1e-4, 7.0 * k)
}

fn run(inputs: &[Input<'_>], options: &Options, variance: bool) -> (u64, Summary) {
    let target = tan(150.0, 2.0, [SIDE, SIDE], 1e-4, 0.0);
    let [mut output, mut footprint, mut variances] = [(); 3].map(|()| Array2::<f32>::ones((SIDE, SIDE)));
    let plan = Plan::new(inputs, &target, &[SIDE, SIDE], options).unwrap();
    growth(|| {
        let planes = if variance { Planes::default().variance(variances.view_mut()) } else { Planes::default() };
        plan.run_with(output.view_mut(), Some(footprint.view_mut()), planes).unwrap()
    })
}

/// Compressed and plain files of the images.
fn files(dir: &std::path::Path, images: &[Array2<f32>]) -> Vec<PathBuf> {
    let write = |(k, image): (usize, &Array2<f32>)| {
        let path = dir.join(format!("{k}.fits"));
        let mut file = FitsOutput::<f32>::create(&path, &place(k).to_header(), image.shape(), false).unwrap();
        file.write_array(image.view()).unwrap();
        file.publish().unwrap();
        if k % 2 == 0 {
            return path;
        }
        let packed = dir.join(format!("{k}.fits.gz"));
        let mut to =
            flate2::write::GzEncoder::new(std::fs::File::create(&packed).unwrap(), flate2::Compression::fast());
        std::io::copy(&mut std::fs::File::open(&path).unwrap(), &mut to).unwrap();
        to.finish().unwrap();
        packed
    };
    images.iter().enumerate().map(write).collect()
}

#[test]
fn what_is_reported_and_what_the_system_says_keep_to_the_limit() {
    let images: Vec<Array2<f32>> =
        (0..INPUTS).map(|k| noise([600, 600], k as u64 + 1, 0.001).mapv(|v| v as f32)).collect();
    let dir = tempfile::tempdir().unwrap();
    let paths = files(dir.path(), &images);
    let arrays: Vec<Input<'_>> = images
        .iter()
        .enumerate()
        .map(|(k, image)| Input::from_array(image.view(), place(k)).with_variance(image.view()))
        .collect();
    let from_files: Vec<Input<'_>> = paths.iter().map(|path| Input::from_fits(path, &Hdu::First).unwrap()).collect();
    let matching = MatchBackground::Constant(Matching::default());
    // Warm up: thread stacks and what the allocator keeps.
    run(&arrays, &Options::default().memory_limit(64 * MIB), false);
    for (name, limit, inputs, variance, options) in [
        ("bilinear", 8, &arrays, false, Options::default()),
        ("median", 8, &arrays, false, Options::default().combine(Combine::Median)),
        ("median with variance", 16, &arrays, true, Options::default().combine(Combine::Median)),
        ("bicubic", 16, &arrays, false, Options::default().resample(Resample::Bicubic)),
        ("exact", 16, &arrays, false, Options::default().resample(Resample::Exact)),
        ("intermediates", 256, &arrays, false, Options::default().intermediate(Intermediate::Memory)),
        ("matched", 32, &arrays, false, Options::default().match_background(matching)),
        ("files", 8, &from_files, false, Options::default()),
        ("files, median", 12, &from_files, false, Options::default().combine(Combine::Median)),
    ] {
        let options = options.memory_limit(limit * MIB).parallel(Parallel::Threads(2.try_into().unwrap()));
        let (grown, summary) = run(inputs, &options, variance);
        println!(
            "{name}: limit {limit} MiB, reported {:.1} MiB, grown by {:.1} MiB",
            summary.peak_bytes as f64 / MIB as f64,
            grown as f64 / MIB as f64
        );
        assert!(summary.peak_bytes <= limit * MIB, "{name}: {} bytes reported", summary.peak_bytes);
        assert!(grown <= limit * MIB, "{name}: {grown} bytes");
        // What is reported is not far from the truth either.
        assert!(grown <= 2 * summary.peak_bytes + 4 * MIB, "{name}: {grown} against {}", summary.peak_bytes);
    }
}
