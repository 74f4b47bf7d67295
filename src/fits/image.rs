//! An image in a FITS file, as its header describes it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{file::FileState, grid::BlockGrid, tiling::Tiling};
use crate::{Error, PixelType, header::Header};

/// How stored numbers become values: stored × scale + zero, with `blank` missing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scaling {
    /// `BSCALE`.
    pub(super) scale: f64,
    /// `BZERO`.
    pub(super) zero: f64,
    /// `BLANK`, of integers only.
    pub(super) blank: Option<i64>,
}

/// An image in a FITS file: its header, shape and type. The file is closed; pixels are read when they are needed.
///
/// Files may be compressed as a whole with gzip, HDUs with the tile compression of `fpack`; the header is that of
/// the uncompressed image.
#[derive(Debug)]
pub struct FitsImage {
    pub(super) path: PathBuf,
    pub(super) state: FileState,
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) version: i64,
    pub(super) header: Header,
    pub(super) shape: Vec<usize>,
    pub(super) pixel_type: PixelType,
    pub(super) scaling: Scaling,
    pub(super) gzip: bool,
    /// How the image is cut into tiles, if it is tile-compressed.
    pub(super) tiling: Option<Box<Tiling>>,
    pub(super) grid: BlockGrid,
    /// Where the data begins in the (unzipped) file. If it is not tiled, it holds the whole image: checked against
    /// the size of the file when it was opened, unless the file is gzipped.
    pub(super) offset: u64,
}

impl FitsImage {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of the HDU; 0 is the primary.
    #[must_use]
    pub fn number(&self) -> usize {
        self.number
    }

    /// `EXTNAME`, or an empty string.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `EXTVER`, 1 if there is none.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The header, as that of an uncompressed image.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Length of the axes, slowest first: (ny, nx) or (…, ny, nx); none is 0.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Type of the stored numbers.
    #[must_use]
    pub fn pixel_type(&self) -> PixelType {
        self.pixel_type
    }

    /// Whether the pixels must be decoded (gzip or tile compression) before they can be used.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.gzip || self.tiling.is_some()
    }

    /// Whether `f32` holds every pixel without loss.
    pub(crate) fn is_exact_in_f32(&self) -> bool {
        let Scaling { scale, zero, .. } = self.scaling;
        // f32 holds the whole numbers up to 2^24.
        let small = scale == 1.0 && zero.fract() == 0.0 && zero.abs() <= (1 << 23) as f64;
        match self.pixel_type {
            PixelType::F32 => scale == 1.0 && zero == 0.0,
            PixelType::U8 | PixelType::I16 => small,
            _ => false,
        }
    }

    pub(super) fn wrong(&self, problem: impl fmt::Display) -> Error {
        Error::Fits { path: self.path.clone(), problem: format!("HDU {}: {problem}", self.number) }
    }

    /// How the image is cut into blocks.
    pub(crate) fn grid(&self) -> &BlockGrid {
        &self.grid
    }

    /// Bytes of the image once it is uncompressed.
    #[must_use]
    pub fn data_bytes(&self) -> u64 {
        // Checked when the header was read.
        self.shape.iter().map(|&length| length as u64).product::<u64>().saturating_mul(self.pixel_type.size() as u64)
    }
}
