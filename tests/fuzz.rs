//! The fuzz targets of fuzz/ on their corpus and on damage to it, without libFuzzer: what has ever made trouble lies in the corpus.
//!
//! `FUZZ_SECONDS=600 cargo test --release --test fuzz` goes on for longer; `fuzz/run` is guided by coverage.

mod common;
#[path = "../fuzz/harness.rs"]
mod harness;

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use common::field::Random;

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Values that numbers are replaced by.
const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "90",
    "-90",
    "180",
    "360",
    "1e308",
    "-1e-308",
    "1D5",
    "nan",
    "2147483648",
    "-9223372036854775808",
    "''",
    "1e30",
];

/// A few bytes, numbers or lines of an input changed, swapped, doubled or taken from another.
fn damaged(random: &mut Random, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + (random.uniform() * 4.0) as usize {
        let mut below = |n: usize| (random.uniform() * n as f64) as usize;
        let at = below(bytes.len().max(1));
        let line = |bytes: &[u8], at: usize| {
            if bytes.starts_with(b"SIMPLE") {
                return at / 80 * 80..(at / 80 * 80 + 80).min(bytes.len());
            }
            let start = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
            start..bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n + 1)
        };
        match below(6) {
            _ if bytes.is_empty() => bytes.extend(other),
            0 => bytes[at] = below(256) as u8,
            1 => bytes[at] ^= 1 << below(8),
            2 => bytes.truncate(at),
            3 => {
                let span = line(&bytes, at);
                if let Some(equals) = bytes[span.clone()].iter().position(|b| *b == b'=') {
                    let number = NUMBERS[below(NUMBERS.len())];
                    let end = span.end - usize::from(bytes[span.end - 1] == b'\n');
                    let value = (span.start + equals + 1).min(end)..end;
                    // A card keeps its length.
                    let width = if span.len() == 80 { value.len() } else { number.len() + 1 };
                    bytes.splice(value, format!("{:<width$.width$}", format!(" {number}")).into_bytes());
                }
            }
            4 => {
                let span = line(&bytes, at);
                let copy = bytes[span].to_vec();
                let to = below(bytes.len());
                bytes.splice(to..to, copy);
            }
            _ => {
                let span = line(other, below(other.len()));
                let to = line(&bytes, at).start;
                bytes.splice(to..to, other[span].to_vec());
            }
        }
    }
    bytes
}

fn fuzz(name: &str, runs: usize, target: impl Fn(&[u8])) {
    let corpus = corpus(name);
    for (path, bytes) in &corpus {
        let start = Instant::now();
        target(bytes);
        assert!(start.elapsed() < Duration::from_secs(20), "{}: {:?}", path.display(), start.elapsed());
    }
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).map(Duration::from_secs_f64);
    let seed =
        if seconds.is_some() { std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1 } else { 20_261_122 };
    let mut random = Random(seed);
    let (start, mut count, mut slowest) = (Instant::now(), 0, (Duration::ZERO, vec![]));
    while count < runs || seconds.is_some_and(|seconds| start.elapsed() < seconds) {
        let mut pick = || &corpus[(random.uniform() * corpus.len() as f64) as usize].1;
        let (bytes, other) = (pick(), pick());
        let bytes = damaged(&mut random, bytes, other);
        let one = Instant::now();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(&bytes))) {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
            std::fs::write(&kept, &bytes).unwrap();
            println!("{} panics: once that is repaired, it belongs in the corpus", kept.display());
            resume_unwind(panic);
        }
        if one.elapsed() > slowest.0 {
            slowest = (one.elapsed(), bytes);
        }
        count += 1;
    }
    println!("{name}: {} in the corpus, {count} more in {:?}", corpus.len(), start.elapsed());
    println!("slowest {:?}: {}", slowest.0, String::from_utf8_lossy(&slowest.1[..slowest.1.len().min(2000)]));
}

#[test]
fn no_header_panics() {
    fuzz("wcs", 300, harness::wcs);
}

#[test]
fn no_file_panics() {
    let dir = tempfile::tempdir().unwrap();
    fuzz("fits", 300, |bytes| harness::fits(bytes, dir.path()));
}
