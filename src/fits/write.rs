//! Writing FITS images: beside the final name, in place through a map, renamed when whole.

use std::io::{Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use memmap2::MmapMut;
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};

use super::table::{self, Column};
use crate::Error;
use crate::header::{BLOCK, Header, header_records};
use crate::pixel::InputPixel;
use crate::storage::{self, AtomicFile};

/// Whether two paths lead to one file, through symbolic and hard links: whether an output is among the inputs.
/// `false` if either does not exist.
#[must_use]
pub fn same_file(a: impl AsRef<Path>, b: impl AsRef<Path>) -> bool {
    match (a.as_ref().metadata(), b.as_ref().metadata()) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// A number that a FITS output is made of: `f32`, `f64` or `i32`.
pub trait FitsElement: InputPixel {
    /// The `BITPIX` of the image.
    const BITPIX: i64;
    /// The bytes of one number.
    type Bytes: AsRef<[u8]>;
    /// The number in FITS byte order.
    #[must_use]
    fn to_fits(self) -> Self::Bytes;
    /// Brings native numbers, given as bytes, into FITS byte order in place.
    fn all_to_fits(bytes: &mut [u8]);
}

macro_rules! fits_element {
    ($($float:ty, $bits:ty, $bitpix:literal);*) => {
        $(impl FitsElement for $float {
            const BITPIX: i64 = $bitpix;
            type Bytes = [u8; size_of::<$float>()];
            fn to_fits(self) -> Self::Bytes {
                self.to_be_bytes()
            }
            fn all_to_fits(bytes: &mut [u8]) {
                for number in bytes.as_chunks_mut().0 {
                    *number = <$bits>::from_ne_bytes(*number).to_be_bytes();
                }
            }
        })*
    };
}

fits_element!(f32, u32, -32; f64, u64, -64; i32, u32, 32);

/// A FITS file being written: an image in the primary HDU, filled in place through a memory map (it may be larger
/// than memory), and image extensions after it.
///
/// The file is written beside its final name and renamed by [`finish`](FitsOutput::finish); dropped before, it
/// leaves nothing behind. Disk space is reserved at creation. If the path is a symbolic link, the file that it leads
/// to is replaced and the link stays.
///
/// ```
/// use skymosaic::{FitsImage, FitsOutput, Hdu, Header};
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("mosaic.fits");
/// let mut header = Header::new();
/// header.set("BUNIT", "Jy/beam", "unit of the pixels");
/// let mut output = FitsOutput::<f32>::create(&path, &header, &[100, 200], false)?;
/// output.view_mut().fill(1.5);
/// output.finish()?;
/// assert_eq!(FitsImage::open(&path, &Hdu::First)?.shape(), [100, 200]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FitsOutput<P> {
    path: PathBuf,
    new: AtomicFile,
    map: MmapMut,
    // The pixels are native numbers at map[offset..offset + bytes] until `finish`.
    offset: usize,
    bytes: usize,
    shape: Vec<usize>,
    element: PhantomData<P>,
}

impl<P: FitsElement> FitsOutput<P> {
    /// Creates the file with an image of zeros of this shape, slowest axis first: (ny, nx) or (…, ny, nx). The
    /// cards that describe the structure (`SIMPLE`, `BITPIX`, `NAXISn`, `BSCALE`, …) are written as they must be;
    /// those in `header` are left out.
    ///
    /// # Errors
    /// [`Error::Output`] if the file exists and `overwrite` is false, or is a folder; [`Error::Shape`] for a shape
    /// without pixels or with too many; [`Error::DiskFull`]; [`Error::Io`].
    pub fn create(
        path: impl AsRef<Path>,
        header: &Header,
        shape: &[usize],
        overwrite: bool,
    ) -> Result<FitsOutput<P>, Error> {
        let path = path.as_ref();
        let mut cards = Header::new();
        cards.set("SIMPLE", true, "conforms to FITS standard");
        push_structure::<P>(&mut cards, shape);
        cards.set("EXTEND", true, "there may be extensions");
        let head = header_records(cards, header);
        let too_large = || Error::Shape {
            what: path.display().to_string(),
            got: shape.to_vec(),
            expected: "1 to 999 axes, none of length 0, and fewer than 2^63 bytes".to_owned(),
        };
        let bytes = image_bytes::<P>(shape).ok_or_else(too_large)?;
        let length = bytes.checked_next_multiple_of(BLOCK).and_then(|data| data.checked_add(head.len()));
        let length = length.filter(|&length| length <= isize::MAX as usize).ok_or_else(too_large)?;
        let new = AtomicFile::create(path, overwrite)?;
        new.reserve(length as u64, "the output")?;
        new.file().write_all(&head).map_err(|error| Error::io(path, "write the header", error))?;
        let map = storage::map_file_mut(new.file(), path)?;
        let offset = head.len();
        Ok(FitsOutput { path: path.to_owned(), new, map, offset, bytes, shape: shape.to_vec(), element: PhantomData })
    }

    /// The image, in native numbers, to be written in any order.
    pub fn view_mut(&mut self) -> ArrayViewMutD<'_, P> {
        let data = self.map.get_mut(self.offset..).and_then(|data| data.get_mut(..self.bytes));
        // The map is page-aligned and 2880 a multiple of 8, so the data is aligned.
        let pixels = data.and_then(|data| bytemuck::try_cast_slice_mut(data).ok()).unwrap_or_default();
        // The shape has as many pixels as the data since `create`.
        ArrayViewMutD::from_shape(IxDyn(&self.shape), pixels)
            .unwrap_or_else(|_| ndarray::aview_mut1(&mut []).into_dyn())
    }

    /// Adds an image extension after what is there: a footprint, a mask. `name` is its `EXTNAME`.
    ///
    /// # Errors
    /// [`Error::Shape`] for an image without pixels; [`Error::Io`] if it cannot be written.
    pub fn append_image<Q: FitsElement>(
        &mut self,
        name: &str,
        header: &Header,
        image: ArrayViewD<'_, Q>,
    ) -> Result<(), Error> {
        let bytes = image_bytes::<Q>(image.shape()).ok_or_else(|| Error::Shape {
            what: format!("extension {name}"),
            got: image.shape().to_vec(),
            expected: "1 to 999 axes, none of length 0".to_owned(),
        })?;
        let mut cards = Header::new();
        cards.set("XTENSION", "IMAGE", "image extension");
        push_structure::<Q>(&mut cards, image.shape());
        cards.set("PCOUNT", 0, "number of parameters");
        cards.set("GCOUNT", 1, "number of groups");
        cards.set("EXTNAME", name, "name of this extension");
        let head = header_records(cards, header);
        let io = |error| Error::io(&self.path, format!("write extension {name}"), error);
        let mut file = self.new.file();
        file.seek(SeekFrom::End(0)).map_err(io)?;
        let mut writer = std::io::BufWriter::with_capacity(1 << 18, file);
        writer.write_all(&head).map_err(io)?;
        for pixel in image {
            writer.write_all(pixel.to_fits().as_ref()).map_err(io)?;
        }
        let padding = bytes.next_multiple_of(BLOCK) - bytes;
        writer.write_all(&vec![0; padding]).map_err(io)?;
        writer.flush().map_err(io)
    }

    /// Adds a binary-table extension after what is there. `name` is its `EXTNAME`; `header` may hold more cards.
    ///
    /// # Errors
    /// [`Error::Shape`] if the columns differ in rows; [`Error::Io`] if it cannot be written.
    pub fn append_table(&mut self, name: &str, header: &Header, columns: &[Column]) -> Result<(), Error> {
        let (head, data) = table::records(name, header, columns)?;
        let io = |error| Error::io(&self.path, format!("write extension {name}"), error);
        let mut file = self.new.file();
        file.seek(SeekFrom::End(0)).map_err(io)?;
        file.write_all(&head).and_then(|()| file.write_all(&data)).map_err(io)
    }

    /// Brings the pixels into FITS byte order and gives the file its final name.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be renamed; [`Error::Output`] if a file of that name has appeared meanwhile and
    /// was not to be overwritten.
    pub fn finish(mut self) -> Result<(), Error> {
        P::all_to_fits(self.map.get_mut(self.offset..).and_then(|data| data.get_mut(..self.bytes)).unwrap_or_default());
        // Unmapped before the rename, so that nobody can see it change.
        drop(self.map);
        self.new.publish().map(drop)
    }
}

fn push_structure<P: FitsElement>(cards: &mut Header, shape: &[usize]) {
    cards.set("BITPIX", P::BITPIX, "bits per pixel, negative: floating point");
    cards.set("NAXIS", shape.len() as i64, "number of axes");
    for (index, &length) in shape.iter().rev().enumerate() {
        cards.set(&format!("NAXIS{}", index + 1), length as i64, "");
    }
}

/// Bytes of the data, if there are any and not too many.
fn image_bytes<P>(shape: &[usize]) -> Option<usize> {
    let bytes = shape.iter().try_fold(size_of::<P>(), |bytes, &length| bytes.checked_mul(length))?;
    ((1..=999).contains(&shape.len()) && bytes > 0 && bytes <= isize::MAX as usize).then_some(bytes)
}
