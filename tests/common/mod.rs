//! What the integration tests share: golden data, and comparison pixel by pixel.

// Every integration test that says `mod common` uses a part of it.
#![allow(dead_code)]

pub(crate) mod backgrounds;
pub(crate) mod field;
pub(crate) mod sinks;

use std::path::{Path, PathBuf};

use ndarray::{ArrayD, ArrayViewD, Dimension, IxDyn};
use serde_json::Value;
use skymosaic::Resample;

/// The kernels that interpolate.
pub(crate) const INTERPOLATING: [Resample; 9] = [
    Resample::Nearest,
    Resample::Bilinear,
    Resample::Biquadratic,
    Resample::Bicubic,
    Resample::Cubic,
    Resample::Lanczos2,
    Resample::Lanczos3,
    Resample::Lanczos4,
    Resample::Lanczos5,
];

/// A folder of golden data, tests/golden/NAME, and its index.
pub(crate) struct Golden {
    pub(crate) folder: PathBuf,
    pub(crate) index: Value,
}

impl Golden {
    pub(crate) fn open(name: &str) -> Golden {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        let text =
            std::fs::read_to_string(folder.join("index.json")).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        Golden { folder, index: serde_json::from_str(&text).unwrap() }
    }

    pub(crate) fn cases(&self) -> &[Value] {
        self.index["cases"].as_array().unwrap()
    }

    /// The path of the file that a field of a case names.
    pub(crate) fn path(&self, field: &Value) -> PathBuf {
        self.folder.join(field.as_str().unwrap_or_else(|| panic!("not a file name: {field}")))
    }

    /// The array that a field of a case names.
    pub(crate) fn array(&self, field: &Value) -> ArrayD<f64> {
        read_npy(&self.path(field))
    }
}

/// Reads a C-ordered little-endian .npy of f8, f4, i4, i2 or u1 as f64.
pub(crate) fn read_npy(path: &Path) -> ArrayD<f64> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00", "{}", path.display());
    let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..end]).unwrap();
    assert!(header.contains("'fortran_order': False"), "{header}");
    let between = |from: &str, to: &str| header.split_once(from).unwrap().1.split_once(to).unwrap().0;
    let shape: Vec<usize> = between("'shape': (", ")").split(',').filter_map(|n| n.trim().parse().ok()).collect();
    let data = &bytes[end..];
    let values: Vec<f64> = match between("'descr': '", "'") {
        "<f8" => data.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
        "<f4" => data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).into()).collect(),
        "<i4" => data.chunks_exact(4).map(|b| i32::from_le_bytes(b.try_into().unwrap()).into()).collect(),
        "<i2" => data.chunks_exact(2).map(|b| i16::from_le_bytes(b.try_into().unwrap()).into()).collect(),
        "|u1" => data.iter().map(|b| f64::from(*b)).collect(),
        other => panic!("{}: type {other}", path.display()),
    };
    ArrayD::from_shape_vec(IxDyn(&shape), values).unwrap()
}

/// The pixel that differs most between two images.
#[derive(Clone, Debug)]
pub(crate) struct Worst {
    /// |got - wanted| / |wanted|; infinite where only one of them is missing.
    pub(crate) relative: f64,
    pub(crate) at: Vec<usize>,
    pub(crate) got: f64,
    pub(crate) wanted: f64,
}

impl std::fmt::Display for Worst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "worst {:.2e} at {:?}: got {:?}, wanted {:?}", self.relative, self.at, self.got, self.wanted)
    }
}

/// Compares pixel by pixel, relative to the pixel wanted; NaN equals NaN only. Pixels for which `leave_out` holds do not count.
pub(crate) fn worst(
    got: ArrayViewD<'_, f64>,
    wanted: ArrayViewD<'_, f64>,
    leave_out: impl Fn(&[usize]) -> bool,
) -> Worst {
    assert_eq!(got.shape(), wanted.shape());
    let mut worst = Worst { relative: 0.0, at: vec![], got: 0.0, wanted: 0.0 };
    for ((at, got), wanted) in got.indexed_iter().zip(&wanted) {
        let at = at.as_array_view().to_vec();
        let same = got == wanted || got.is_nan() && wanted.is_nan();
        if same || leave_out(&at) {
            continue;
        }
        let relative = ((got - wanted) / wanted).abs();
        let relative = if relative.is_nan() { f64::INFINITY } else { relative };
        if relative > worst.relative {
            worst = Worst { relative, at, got: *got, wanted: *wanted };
        }
    }
    worst
}
