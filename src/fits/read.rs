//! Reading the structure of FITS files: which HDUs there are, and what an image is like. No pixels.
//!
//! The headers are read here and not by cfitsio: a path is a path, whatever characters it has, nothing but the
//! headers is touched, and every number in them is checked before it is believed.

use std::{fmt, path::Path, str::FromStr};

use ndarray::{ArrayD, IxDyn};

use super::{
    data::Loading,
    file::OpenFiles,
    image::FitsImage,
    scan::{A_TABLE, Kind, ONE_AXIS, Scan},
};
use crate::{Error, Pixel, memory::MemoryTracker};

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
                Kind::Table if wanted && refused.is_none() => refused = Some(A_TABLE.to_owned()),
                Kind::Row(_) | Kind::Other(_) | Kind::Table => {}
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
}
