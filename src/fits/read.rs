//! Reading the structure of FITS files: which HDUs there are, and what an image is like. No pixels.
//!
//! The headers are read here and not by cfitsio: a path is a path, whatever characters it has, nothing but the
//! headers is touched, and every number in them is checked before it is believed.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use ndarray::{ArrayD, IxDyn};

use super::{
    blocks::{BlockGrid, Loading},
    file::{FileState, OpenFiles},
    scan::{Kind, ONE_AXIS, Scan},
    tiles::Tiling,
};
use crate::{Error, Pixel, PixelType, header::Header, memory::MemoryTracker};

/// Which HDU of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hdu {
    /// The first one that holds an image (of at least two axes).
    #[default]
    First,
    /// By its number; 0 is the primary HDU.
    Number(usize),
    /// By its `EXTNAME`, without regard to case, or `EXTNAME,EXTVER`; `PRIMARY` is the primary HDU.
    Name(String),
}

impl FromStr for Hdu {
    type Err = Error;

    /// A number, a name, or name and version separated by a comma.
    fn from_str(text: &str) -> Result<Hdu, Error> {
        let text = text.trim();
        if text.is_empty() {
            let expected = "the number of an HDU (0 is the primary), its EXTNAME, or EXTNAME,EXTVER".to_owned();
            return Err(Error::Option { option: "hdu", got: "\"\"".to_owned(), expected });
        }
        Ok(text.parse().map_or_else(|_| Hdu::Name(text.to_owned()), Hdu::Number))
    }
}

impl fmt::Display for Hdu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hdu::First => f.write_str("(first image)"),
            Hdu::Number(number) => write!(f, "{number}"),
            Hdu::Name(name) => f.write_str(name),
        }
    }
}

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
    /// Finds an image and reads its header. No character of the path has a special meaning.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::Fits`] if it is not FITS, truncated or contradicts itself;
    /// [`Error::Hdu`] if the HDU does not exist or holds no image, with those that do.
    pub fn open(path: impl AsRef<Path>, hdu: &Hdu) -> Result<FitsImage, Error> {
        let mut scan = Scan::open(path.as_ref())?;
        let mut images = Vec::new();
        let mut refused = None;
        loop {
            let found = match scan.next_hdu() {
                Ok(Some(found)) => found,
                Err(error) if refused.is_none() => return Err(error),
                _ => break,
            };
            let wanted = match hdu {
                Hdu::First => matches!(found.kind, Kind::Image(_)),
                Hdu::Number(number) => found.number == *number,
                Hdu::Name(name) => found.is_called(name),
            };
            match &found.kind {
                Kind::Image(_) if wanted => return scan.image(found),
                Kind::Image(layout) => images.push(format!("{} ({})", found.label(), layout.size())),
                Kind::Other(what) if wanted && refused.is_none() => refused = Some(what.clone()),
                Kind::Row(_) if wanted && refused.is_none() => refused = Some(ONE_AXIS.to_owned()),
                Kind::Row(_) | Kind::Other(_) => {}
            }
        }
        let what = refused.unwrap_or_else(|| match hdu {
            Hdu::First => "the file has no image".to_owned(),
            _ => "there is no such HDU".to_owned(),
        });
        let instead = match hdu {
            Hdu::First => String::new(),
            _ if images.is_empty() => "; no HDU of the file holds an image".to_owned(),
            _ => format!("; the images of the file are in HDU {}", images.join(", ")),
        };
        Err(Error::Hdu { path: scan.path, hdu: hdu.to_string(), problem: what + &instead })
    }

    /// The image of two axes, or of one as a row, that has this name and version.
    pub(super) fn table(path: &Path, name: &str, version: i64) -> Result<Option<FitsImage>, Error> {
        let mut scan = Scan::open(path)?;
        while let Some(found) = scan.next_hdu()? {
            let called = found.name().eq_ignore_ascii_case(name) && found.version() == version;
            if called && matches!(found.kind, Kind::Image(_) | Kind::Row(_)) {
                return scan.image(found).map(Some);
            }
        }
        Ok(None)
    }

    /// All images of a file, in order. Only headers are read. Tables and empty HDUs are passed over.
    ///
    /// # Errors
    /// As [`open`](FitsImage::open).
    pub fn open_all(path: impl AsRef<Path>) -> Result<Vec<FitsImage>, Error> {
        let mut scan = Scan::open(path.as_ref())?;
        let mut images = Vec::new();
        while let Some(found) = scan.next_hdu()? {
            if matches!(found.kind, Kind::Image(_)) {
                images.push(scan.image(found)?);
            }
        }
        if images.is_empty() {
            let problem = "the file has no image".to_owned();
            return Err(Error::Hdu { path: scan.path, hdu: "all".to_owned(), problem });
        }
        Ok(images)
    }

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

    /// All pixels, of shape (…, ny, nx): stored × `BSCALE` + `BZERO`, computed in f64, with NaN for what is `BLANK`
    /// or NaN.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if they do not fit in memory; [`Error::Fits`] if the file has changed since it was opened,
    /// or compressed data is corrupt; [`Error::Io`].
    pub fn read<P: Pixel>(&self) -> Result<ArrayD<P>, Error> {
        // As many pixels as the data has room for, which was checked.
        let count = self.shape.iter().product();
        let mut values = Vec::new();
        values.try_reserve_exact(count).map_err(|_| Error::OutOfMemory {
            what: format!("HDU {} of {}", self.number, self.path.display()),
            needed: (count as u64).saturating_mul(size_of::<P>() as u64),
            remedy: "read it in parts".to_owned(),
        })?;
        values.resize(count, P::default());
        let (files, memory) = (OpenFiles::default(), MemoryTracker::unlimited());
        let loading = Loading { files: &files, memory: &memory, temp_dir: None, check: &|| Ok(()) };
        self.read_block(&loading, &self.grid.all(), &mut values)?;
        ArrayD::from_shape_vec(IxDyn(&self.shape), values).map_err(|error| self.wrong(error))
    }

    /// Bytes of the image once it is uncompressed.
    #[must_use]
    pub fn data_bytes(&self) -> u64 {
        // Checked when the header was read.
        self.shape.iter().map(|&length| length as u64).product::<u64>().saturating_mul(self.pixel_type.size() as u64)
    }
}
