//! Bytes as a FITS file.
#![no_main]

#[path = "../harness.rs"]
#[allow(dead_code)]
mod harness;

thread_local! {
    static DIR: tempfile::TempDir = tempfile::tempdir().expect("a temporary folder");
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| DIR.with(|dir| harness::fits(data, dir.path())));
