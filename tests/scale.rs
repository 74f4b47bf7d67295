//! Many inputs and large outputs in little memory, with few files open.

mod common;

use std::{
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use common::field::{noise, tan};
use skymosaic::{Combine, FitsOutput, Hdu, Input, Intermediate, MappedArray, Options, Plan};

/// Writes `count` images of 64² pixels, scattered over the target.
fn write_images(folder: &Path, count: usize, side: usize) -> Vec<std::path::PathBuf> {
    let pixels = noise([64, 64], 5, 0.001).mapv(|v| v as f32);
    let across = (count as f64).sqrt().ceil();
    let write = |k: usize| {
        let place = |i: f64| (i / (across - 1.0) - 0.5) * (side as f64 - 90.0) * 1e-4;
        let (dx, dy) = (place((k as f64 % across).floor()), place((k as f64 / across).floor()));
        let wcs = tan(40.0 + dx / 10.0_f64.to_radians().cos(), 10.0 + dy, [64, 64], 1e-4, 7.0 * k as f64);
        let path = folder.join(format!("{k:05}.fits"));
        let mut file = FitsOutput::<f32>::create(&path, &wcs.to_header(), &[64, 64], false).unwrap();
        file.write_array(pixels.view()).unwrap();
        file.publish().unwrap();
        path
    };
    (0..count).map(write).collect()
}

/// Anonymous memory of this process in bytes, and its open files and mapped files.
fn held() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kilobytes: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mapped = maps.lines().filter(|line| line.ends_with(".fits")).count();
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
    (kilobytes * 1024, (mapped + open) as u64)
}

/// Mosaics `count` images onto a mapped square and returns the most anonymous memory and files seen, and the coverage.
fn mosaic(count: usize, side: usize, combine: Combine, intermediate: Intermediate) -> (u64, u64, f64) {
    let folder = tempfile::tempdir().unwrap();
    let paths = write_images(folder.path(), count, side);
    let inputs: Vec<_> = paths.iter().map(|path| Input::from_fits(path, &Hdu::First).unwrap()).collect();
    let target = tan(40.0, 10.0, [side, side], 1e-4, 0.0);
    let mut output = MappedArray::<f32>::create(folder.path().join("mosaic.npy"), &[side, side], false).unwrap();
    let mut footprint = MappedArray::<f32>::create(folder.path().join("footprint.npy"), &[side, side], false).unwrap();
    let most = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let watch = Arc::clone(&most);
    let options =
        Options::default().combine(combine).intermediate(intermediate).memory_limit(200 << 20).progress(move |_| {
            let (memory, files) = held();
            watch[0].fetch_max(memory, Ordering::Relaxed);
            watch[1].fetch_max(files, Ordering::Relaxed);
            ControlFlow::Continue(())
        });
    let plan = Plan::new(&inputs, &target, &[side, side], &options).unwrap();
    let summary = plan.run(output.view_mut().unwrap(), footprint.view_mut().unwrap()).unwrap();
    assert!(summary.inputs.iter().all(|input| input.resampled_pixels > 0), "every image has its place");
    let [memory, files] = [0, 1].map(|k: usize| most[k].load(Ordering::Relaxed));
    println!(
        "{count} images onto {side}²: {:.0} MB anonymous, {files} files open or mapped, engine held {:.0} MB",
        memory as f64 / 1e6,
        summary.peak_bytes as f64 / 1e6
    );
    (memory, files, summary.coverage())
}

#[test]
fn ten_thousand_inputs() {
    let (memory, files, coverage) = mosaic(10_000, 4096, Combine::Mean, Intermediate::None);
    assert!(memory < 250 << 20, "{memory} bytes");
    assert!(files <= 64, "{files} files");
    assert!(coverage > 0.9);
}

#[test]
fn deep_median_in_mapped_intermediates() {
    let (memory, files, _) = mosaic(1_000, 512, Combine::Median, Intermediate::Mapped { dir: None });
    assert!(memory < 250 << 20, "{memory} bytes");
    assert!(files <= 64, "{files} files");
}

/// The size that the documentation quotes; 2 GB of disk: `cargo test --release --test scale -- --ignored --nocapture`.
#[test]
#[ignore = "needs 2 GB of disk"]
fn ten_thousand_inputs_onto_a_large_output() {
    let (memory, files, _) = mosaic(10_000, 16_384, Combine::Mean, Intermediate::None);
    assert!(memory < 400 << 20, "{memory} bytes");
    assert!(files <= 64, "{files} files");
}
