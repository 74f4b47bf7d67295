//! Writing FITS files: each gets its name when it is whole.

use std::{
    io::{self, ErrorKind},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use ndarray::{ArrayView, ArrayViewD, Dimension};

use super::{
    element::FitsElement,
    strips::{Complete, PER_WRITE, Piece, Strips},
    table::{self, Column},
};
use crate::{
    Error, PlaneSet, Window,
    header::{BLOCK, Header, header_records},
    storage::{AtomicFile, free_disk_space},
};

/// Whether two paths lead to one file, through symbolic and hard links: whether an output is among the inputs.
/// `false` if either does not exist.
#[must_use]
pub fn same_file(a: impl AsRef<Path>, b: impl AsRef<Path>) -> bool {
    match (a.as_ref().metadata(), b.as_ref().metadata()) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// A FITS file being written: an image in the primary HDU, and extensions after it.
///
/// The image may be larger than memory. A run fills it ([`Plan::run_to`](crate::Plan::run_to)): the file is a [`TileSink`](crate::TileSink), whose tiles are
/// brought into FITS byte order and written by the threads that computed them. Which plane of the run it takes is said by `plane`; the default is the mosaic.
/// A whole array is written with [`write_array`](FitsOutput::write_array). What is not written is zero and takes no disk space.
///
/// The file gets its name when it is whole, by [`publish`](FitsOutput::publish); dropped before, it leaves nothing behind. If the path is a symbolic link,
/// the file that it leads to is replaced and the link stays.
///
/// ```
/// use skymosaic::{FitsImage, FitsOutput, Hdu, Header};
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("mosaic.fits");
/// let mut header = Header::new();
/// header.set("BUNIT", "Jy/beam", "unit of the pixels");
/// let mut output = FitsOutput::<f32>::create(&path, &header, &[100, 200], false)?;
/// output.write_array(ndarray::Array2::from_elem((100, 200), 1.5).view())?;
/// output.publish()?;
/// assert_eq!(FitsImage::open(&path, &Hdu::First)?.shape(), [100, 200]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FitsOutput<P> {
    path: PathBuf,
    new: AtomicFile,
    /// The image in the primary HDU.
    image: Placement,
    /// Where the last HDU ends.
    end: u64,
    shape: Vec<usize>,
    /// The plane of a run that the image takes beside the mosaic; none: the mosaic.
    pub(super) plane: PlaneSet,
    /// Whether anything but zeros may be in the image.
    pub(super) filled: bool,
    pub(super) strips: Option<Strips<P>>,
    /// The pixel of the output that is the first of the image: column, row.
    pub(super) origin: [usize; 2],
}

/// Where the pixels of an image are in the file.
#[derive(Clone, Copy, Debug)]
struct Placement {
    offset: u64,
    nx: usize,
    ny: usize,
}

impl<P: FitsElement> FitsOutput<P> {
    /// Creates the file with an image of zeros of this shape, slowest axis first: (ny, nx) or (…, ny, nx). The
    /// cards that describe the structure (`SIMPLE`, `BITPIX`, `NAXISn`, `BSCALE`, …) are written as they must be;
    /// those in `header` are left out.
    ///
    /// # Errors
    /// [`Error::Output`] if the file exists and `overwrite` is false, or is a folder; [`Error::Shape`] for a shape
    /// without pixels or with too many; [`Error::DiskFull`] if less disk space is free than the image takes; [`Error::Io`].
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
        let length = length.filter(|&length| length <= isize::MAX as usize).ok_or_else(too_large)? as u64;
        let new = AtomicFile::create(path, overwrite)?;
        let [ny, nx] = match *shape {
            [.., ny, nx] => [ny, nx],
            [nx] => [1, nx],
            [] => return Err(too_large()),
        };
        let output = FitsOutput {
            path: path.to_owned(),
            new,
            image: Placement { offset: head.len() as u64, nx, ny },
            end: length,
            shape: shape.to_vec(),
            plane: PlaneSet::NONE,
            filled: false,
            strips: None,
            origin: [0; 2],
        };
        let free = free_disk_space(output.new.folder())?;
        if length > free {
            return Err(output.full(free));
        }
        // All zeros, and on most file systems without any space yet.
        output.new.file().set_len(length).map_err(|error| output.failed("set the length", error))?;
        output.write_at(&head, 0, "write the header")?;
        Ok(output)
    }

    /// The shape of the image in the primary HDU, slowest axis first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The path that the file will have.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the whole image of the primary HDU.
    ///
    /// # Errors
    /// [`Error::Shape`] if the array has another shape; [`Error::DiskFull`] and [`Error::Io`] if it cannot be written.
    pub fn write_array<D: Dimension>(&mut self, image: ArrayView<'_, P, D>) -> Result<(), Error> {
        if image.shape() != self.shape {
            return Err(Error::Shape {
                what: format!("the image for {}", self.path.display()),
                got: image.shape().to_vec(),
                expected: format!("{:?} as the file was created", self.shape),
            });
        }
        self.filled = true;
        self.write_pixels(self.image.offset, image.into_dyn(), "write the pixels")
    }

    /// Adds an image extension after what is there: a footprint, a mask. `name` is its `EXTNAME`.
    ///
    /// # Errors
    /// [`Error::Shape`] for an image without pixels; [`Error::DiskFull`] and [`Error::Io`] if it cannot be written.
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
        let action = format!("write extension {name}");
        let data = self.end + head.len() as u64;
        let end = data + bytes.next_multiple_of(BLOCK) as u64;
        self.new.file().set_len(end).map_err(|error| self.failed(&action, error))?;
        self.write_at(&head, self.end, &action)?;
        self.write_pixels(data, image, &action)?;
        self.end = end;
        Ok(())
    }

    /// Adds a binary-table extension after what is there. `name` is its `EXTNAME`; `header` may hold more cards.
    ///
    /// # Errors
    /// [`Error::Shape`] if the columns differ in rows; [`Error::DiskFull`] and [`Error::Io`] if it cannot be written.
    pub fn append_table(&mut self, name: &str, header: &Header, columns: &[Column]) -> Result<(), Error> {
        let (mut records, data) = table::records(name, header, columns)?;
        records.extend(data);
        self.write_at(&records, self.end, &format!("write extension {name}"))?;
        self.end += records.len() as u64;
        Ok(())
    }

    /// Gives the file its name, once all of it is written.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written or renamed; [`Error::Output`] if a file of that name has appeared meanwhile and
    /// was not to be overwritten.
    pub fn publish(self) -> Result<(), Error> {
        self.new.publish().map(drop)
    }

    /// Writes all pixels of an image from a place in the file on.
    fn write_pixels<Q: FitsElement>(&self, offset: u64, image: ArrayViewD<'_, Q>, action: &str) -> Result<(), Error> {
        let row_bytes = image.shape().last().map_or(0, |nx| nx * size_of::<Q>()).max(1);
        let rows = image.len() * size_of::<Q>() / row_bytes;
        let together = (PER_WRITE / row_bytes).clamp(1, rows.max(1));
        let mut buffer = vec![0; together * row_bytes];
        let mut at = offset;
        let mut rows = image.rows().into_iter().peekable();
        while rows.peek().is_some() {
            let mut filled = 0;
            for (bytes, row) in buffer.chunks_exact_mut(row_bytes).zip(&mut rows) {
                match row.to_slice() {
                    Some(row) => Q::to_fits(row, bytes),
                    None => Q::to_fits(&row.to_vec(), bytes),
                }
                filled += row_bytes;
            }
            let bytes = buffer.get(..filled).unwrap_or_default();
            self.write_at(bytes, at, action)?;
            at += filled as u64;
        }
        Ok(())
    }

    /// Writes a strip of a plane of the primary image, without its zeros where there are zeros.
    pub(super) fn write_strip(&self, strip: &Complete<P>, strips: &Strips<P>) -> Result<(), Error> {
        let mut x = strip.window.x0 - self.origin[0];
        let y = strip.window.y0 - self.origin[1];
        let is_hole = |piece: &&Piece<P>| strips.onto_zeros && piece.is_zero();
        for run in strip.pieces.chunk_by(|a, b| is_hole(&a) == is_hole(&b)) {
            let nx = run.iter().map(|piece| piece.nx).sum();
            if !run.first().is_some_and(|piece| is_hole(&piece)) {
                let window = Window { x0: x, y0: y, nx, ny: strip.window.ny };
                self.write_pieces(strip.plane, window, run, strips.per_write)?;
            }
            x += nx;
        }
        Ok(())
    }

    fn write_pieces(&self, plane: usize, window: Window, pieces: &[Piece<P>], per_write: usize) -> Result<(), Error> {
        let size = size_of::<P>();
        let Placement { offset, nx, ny } = self.image;
        let row_bytes = window.nx * size;
        // Rows as wide as the image follow each other in the file.
        let together = if window.nx == nx { (per_write / row_bytes).clamp(1, window.ny) } else { 1 };
        let mut buffer = vec![0; together * row_bytes];
        let first = (plane * ny + window.y0) * nx + window.x0;
        for y in (0..window.ny).step_by(together) {
            let rows = together.min(window.ny - y);
            for (row, bytes) in buffer.chunks_exact_mut(row_bytes).enumerate().take(rows) {
                let mut rest = bytes;
                for piece in pieces {
                    let (own, after) = rest.split_at_mut(piece.nx * size);
                    // What is the same in every row stays from the first time.
                    if y == 0 || !piece.is_constant() {
                        piece.to_fits(y + row, own);
                    }
                    rest = after;
                }
            }
            let at = offset + ((first + y * nx) * size) as u64;
            self.write_at(buffer.get(..rows * row_bytes).unwrap_or_default(), at, "write the pixels")?;
        }
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], at: u64, action: &str) -> Result<(), Error> {
        self.new.file().write_all_at(bytes, at).map_err(|error| self.failed(action, error))
    }

    /// The error of an action that the system refused.
    fn failed(&self, action: &str, error: io::Error) -> Error {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                // The system says that the disk is full for this user; the number is only for the message.
                self.full(free_disk_space(self.new.folder()).unwrap_or(0))
            }
            _ => Error::io(&self.path, action, error),
        }
    }

    fn full(&self, free: u64) -> Error {
        let dir = self.new.folder().to_owned();
        Error::DiskFull { dir, what: self.path.display().to_string(), needed: self.end, free }
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
