//! Arrays in memory or in mapped files: private scratch ([`Buffer`]) and `.npy` files ([`MappedArray`]).
//!
//! Disk space is reserved when a file is created, so that a full disk is an error there and then, never a `SIGBUS`
//! when a mapped page is written. What cannot be caught is a mapped file that another program shortens: touching
//! the missing pages kills the process with `SIGBUS`. A file must not be truncated while it is in use; replacing it
//! (writing another and renaming it, as this crate does) is harmless.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use memmap2::{Mmap, MmapMut};
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};

use crate::Error;

mod new_file;

pub(crate) use new_file::NewFile;

mod sealed {
    /// Numbers whose every bit pattern, all zeros among them, is a value, and which have no padding.
    ///
    /// # Safety
    /// The implementor must be such a type.
    pub unsafe trait Plain: Copy + Send + Sync + Default + 'static {}
}

pub(crate) use sealed::Plain;

/// A number that an array in a file is made of: `u8`, `i16`, `i32`, `i64`, `f32`, `f64`.
pub trait MappedElement: Plain {
    /// The type as numpy writes it, without the byte order: `f4` for `f32`.
    const NUMPY: &'static str;
}

macro_rules! mapped_element {
    ($($number:ty: $numpy:literal),*) => {
        $(
            // SAFETY: a primitive number: every bit pattern is a value, there is no padding.
            unsafe impl Plain for $number {}
            impl MappedElement for $number {
                const NUMPY: &'static str = $numpy;
            }
        )*
    };
}

mapped_element!(u8: "u1", i16: "i2", i32: "i4", i64: "i8", f32: "f4", f64: "f8");

// SAFETY: as for the others.
unsafe impl Plain for u32 {}

/// Views bytes as numbers. `None` unless they are aligned and of a whole number of elements.
fn cast<T: Plain>(bytes: &[u8]) -> Option<&[T]> {
    // SAFETY: every bit pattern is a T (Plain); align_to itself sees to alignment and length.
    let (before, numbers, after) = unsafe { bytes.align_to::<T>() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

/// As [`cast`], for writing.
pub(crate) fn cast_mut<T: Plain>(bytes: &mut [u8]) -> Option<&mut [T]> {
    // SAFETY: every bit pattern is a T, and every T, having no padding, is initialised bytes (Plain); align_to
    // itself sees to alignment and length.
    let (before, numbers, after) = unsafe { bytes.align_to_mut::<T>() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

/// Maps a whole file for reading. The caller has checked that it is as long as it must be.
pub(crate) fn map_file(file: &File, path: &Path) -> Result<Mmap, Error> {
    // SAFETY: the map is read as plain bytes, for which any content is valid. A file that changes while it is
    // mapped gives other values, one that is shortened SIGBUS: see the module's documentation.
    unsafe { Mmap::map(file) }.map_err(|error| Error::io(path, "map", error))
}

/// Maps a whole file for reading and writing.
pub(crate) fn map_file_mut(file: &File, path: &Path) -> Result<MmapMut, Error> {
    // SAFETY: as in `map_file`; the space of a new file is reserved before it is mapped.
    unsafe { MmapMut::map_mut(file) }.map_err(|error| Error::io(path, "map for writing", error))
}

/// Bytes of disk that are free to this user in the file system of a folder.
///
/// # Errors
/// [`Error::Io`] if the system cannot tell.
pub(crate) fn available_disk(dir: &Path) -> Result<u64, Error> {
    let system = rustix::fs::statvfs(dir).map_err(|error| Error::io(dir, "ask for free disk space", error.into()))?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

/// Gives a file its length and reserves the disk space, so that no later write to a map of it can fail.
pub(crate) fn reserve(file: &File, path: &Path, dir: &Path, bytes: u64, what: &str) -> Result<(), Error> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    let full = |free| Error::DiskFull { dir: dir.to_owned(), what: what.to_owned(), needed: bytes, free };
    let free = available_disk(dir)?;
    if bytes > free {
        return Err(full(free));
    }
    if bytes == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        // Not every file system can reserve: there the zeros are written.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            let zeros = vec![0; 1 << 20];
            let mut at = 0;
            while at < bytes {
                let count = (bytes - at).min(zeros.len() as u64) as usize;
                match file.write_all_at(zeros.get(..count).unwrap_or(&zeros), at) {
                    Ok(()) => at += count as u64,
                    Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Err(full(free)),
                    Err(error) => return Err(Error::io(path, "reserve disk space", error)),
                }
            }
            Ok(())
        }
        Err(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => Err(full(free)),
        Err(error) => Err(Error::io(path, format!("reserve {bytes} bytes of disk space"), error.into())),
    }
}

/// Where scratch arrays are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// In RAM.
    Memory,
    /// In temporary files without a name, in this folder; `None` is the system's (`TMPDIR`).
    Mapped { dir: Option<PathBuf> },
}

/// A scratch array of fixed length, zeros at first, in memory or in a mapped temporary file. The file is unlinked
/// when it is created: its disk space is free again once the buffer is dropped, or the process dies.
#[derive(Debug)]
pub(crate) struct Buffer<T> {
    bytes: Bytes<T>,
}

#[derive(Debug)]
enum Bytes<T> {
    Memory(Vec<T>),
    // Page-aligned, of a whole number of T.
    Mapped(MmapMut),
}

impl<T: Plain> Buffer<T> {
    /// `what` says in an error what the buffer is for.
    pub(crate) fn new(len: usize, storage: &Storage, what: &str) -> Result<Buffer<T>, Error> {
        let too_large = || Error::Memory {
            what: what.to_owned(),
            needed: (len as u64).saturating_mul(size_of::<T>() as u64),
            limit: usize::MAX as u64,
            remedy: "keep it in mapped files".to_owned(),
        };
        let bytes = len.checked_mul(size_of::<T>()).ok_or_else(too_large)?;
        let bytes = match storage {
            Storage::Mapped { dir } if bytes > 0 => {
                let dir = dir.clone().unwrap_or_else(std::env::temp_dir);
                let file = tempfile::tempfile_in(&dir)
                    .map_err(|error| Error::io(&dir, format!("create a temporary file for {what}"), error))?;
                reserve(&file, &dir, &dir, bytes as u64, what)?;
                Bytes::Mapped(map_file_mut(&file, &dir)?)
            }
            _ => {
                let mut numbers = Vec::new();
                numbers.try_reserve_exact(len).map_err(|_| too_large())?;
                numbers.resize(len, T::default());
                Bytes::Memory(numbers)
            }
        };
        Ok(Buffer { bytes })
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        match &self.bytes {
            Bytes::Memory(numbers) => numbers,
            Bytes::Mapped(map) => cast(map).unwrap_or_default(),
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match &mut self.bytes {
            Bytes::Memory(numbers) => numbers,
            Bytes::Mapped(map) => cast_mut(map).unwrap_or_default(),
        }
    }
}

/// An array in a memory-mapped `.npy` file, in C order and native byte order: larger than memory if need be, and
/// open to numpy (`numpy.load(path, mmap_mode="r")`) at the same time.
///
/// ```
/// use skymosaic::MappedArray;
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("mosaic.npy");
/// let mut mosaic = MappedArray::<f32>::create(&path, &[100, 200], false)?;
/// mosaic.view_mut()?[[99, 199]] = 1.5;
/// mosaic.flush()?;
/// assert_eq!(MappedArray::<f32>::open(&path)?.view()[[99, 199]], 1.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MappedArray<T> {
    path: PathBuf,
    map: Map,
    // The data begins here and fills the map to its end or beyond `shape`; checked when the file was opened.
    offset: usize,
    shape: Vec<usize>,
    element: PhantomData<T>,
}

#[derive(Debug)]
enum Map {
    Read(Mmap),
    Write(MmapMut),
}

impl<T: MappedElement> MappedArray<T> {
    /// Creates the file with an array of zeros of this shape, slowest axis first. The disk space is reserved. An
    /// existing file is replaced only if `overwrite`; whoever has it mapped keeps the old one. A symbolic link is
    /// followed.
    ///
    /// # Errors
    /// [`Error::Output`] if the file exists, [`Error::DiskFull`], [`Error::TooLarge`] and [`Error::Io`].
    pub fn create(path: impl AsRef<Path>, shape: &[usize], overwrite: bool) -> Result<MappedArray<T>, Error> {
        let path = path.as_ref();
        let header = npy_header::<T>(shape);
        let bytes =
            data_bytes::<T>(shape).and_then(|bytes| bytes.checked_add(header.len())).ok_or_else(|| Error::Shape {
                what: path.display().to_string(),
                got: shape.to_vec(),
                expected: "fewer elements".to_owned(),
            })?;
        let new = NewFile::create(path, overwrite)?;
        new.reserve(bytes as u64, "the array")?;
        new.file().write_all(&header).map_err(|error| Error::io(path, "write", error))?;
        let map = map_file_mut(new.file(), path)?;
        new.publish()?;
        Ok(MappedArray {
            path: path.to_owned(),
            map: Map::Write(map),
            offset: header.len(),
            shape: shape.to_vec(),
            element: PhantomData,
        })
    }

    /// Opens an existing file for reading.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Output`] with what is wrong: not `.npy`, another type or byte order, Fortran
    /// order, truncated.
    pub fn open(path: impl AsRef<Path>) -> Result<MappedArray<T>, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
        let (offset, shape) = npy_layout::<T>(&file, path)?;
        let map = Map::Read(map_file(&file, path)?);
        Ok(MappedArray { path: path.to_owned(), map, offset, shape, element: PhantomData })
    }

    /// Opens an existing file for reading and writing in place.
    ///
    /// # Errors
    /// As [`open`](MappedArray::open).
    pub fn open_mut(path: impl AsRef<Path>) -> Result<MappedArray<T>, Error> {
        let path = path.as_ref();
        let file = File::options()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|error| Error::io(path, "open for writing", error))?;
        let (offset, shape) = npy_layout::<T>(&file, path)?;
        let map = Map::Write(map_file_mut(&file, path)?);
        Ok(MappedArray { path: path.to_owned(), map, offset, shape, element: PhantomData })
    }

    /// The shape, slowest axis first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The array.
    #[must_use]
    pub fn view(&self) -> ArrayViewD<'_, T> {
        let bytes: &[u8] = match &self.map {
            Map::Read(map) => map,
            Map::Write(map) => map,
        };
        let len = data_bytes::<T>(&self.shape).unwrap_or(0);
        let numbers = bytes.get(self.offset..).and_then(|data| data.get(..len)).and_then(cast::<T>).unwrap_or_default();
        ArrayViewD::from_shape(IxDyn(&self.shape), numbers).unwrap_or_else(|_| ndarray::aview1(&[]).into_dyn())
    }

    /// The array, for writing.
    ///
    /// # Errors
    /// [`Error::Output`] if the file was opened with [`open`](MappedArray::open).
    pub fn view_mut(&mut self) -> Result<ArrayViewMutD<'_, T>, Error> {
        let len = data_bytes::<T>(&self.shape).unwrap_or(0);
        let numbers = match &mut self.map {
            Map::Read(_) => None,
            Map::Write(map) => map.get_mut(self.offset..).and_then(|data| data.get_mut(..len)).and_then(cast_mut::<T>),
        };
        numbers.and_then(|numbers| ArrayViewMutD::from_shape(IxDyn(&self.shape), numbers).ok()).ok_or_else(|| {
            Error::Output {
                path: self.path.clone(),
                problem: "the array was opened for reading; use MappedArray::open_mut".to_owned(),
            }
        })
    }

    /// Waits until everything written has reached the disk. Without it the system writes in its own time; other
    /// programs see the values at once either way.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk fails.
    pub fn flush(&self) -> Result<(), Error> {
        match &self.map {
            Map::Read(_) => Ok(()),
            Map::Write(map) => map.flush().map_err(|error| Error::io(&self.path, "write", error)),
        }
    }
}

fn data_bytes<T>(shape: &[usize]) -> Option<usize> {
    let bytes = shape.iter().try_fold(size_of::<T>(), |bytes, &length| bytes.checked_mul(length))?;
    (bytes <= isize::MAX as usize).then_some(bytes)
}

const MAGIC: &[u8] = b"\x93NUMPY";
const BYTE_ORDER: char = if cfg!(target_endian = "little") { '<' } else { '>' };

/// Header of the `.npy` format 1.0 (2.0 where it is longer than that allows), padded to 64 bytes.
fn npy_header<T: MappedElement>(shape: &[usize]) -> Vec<u8> {
    let order = if size_of::<T>() == 1 { '|' } else { BYTE_ORDER };
    let axes: String = shape.iter().map(|length| format!("{length}, ")).collect();
    let axes = if shape.len() == 1 { axes.trim_end().to_owned() } else { axes.trim_end_matches(", ").to_owned() };
    let mut text = format!("{{'descr': '{order}{}', 'fortran_order': False, 'shape': ({axes}), }}", T::NUMPY);
    let version_2 = text.len() + 64 > usize::from(u16::MAX);
    let prefix = MAGIC.len() + if version_2 { 6 } else { 4 };
    let padding = (prefix + text.len() + 1).next_multiple_of(64) - (prefix + text.len() + 1);
    text.extend(std::iter::repeat_n(' ', padding));
    text.push('\n');
    let mut header = MAGIC.to_vec();
    if version_2 {
        header.extend([2, 0]);
        header.extend((text.len() as u32).to_le_bytes());
    } else {
        header.extend([1, 0]);
        header.extend((text.len() as u16).to_le_bytes());
    }
    header.extend(text.into_bytes());
    header
}

/// Offset of the data and shape, once the file is known to hold an array of T that can be mapped.
fn npy_layout<T: MappedElement>(mut file: &File, path: &Path) -> Result<(usize, Vec<usize>), Error> {
    let wrong = |problem: String| Error::Output { path: path.to_owned(), problem };
    let io = |error| Error::io(path, "read", error);
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(wrong("not a regular file".to_owned()));
    }
    let mut start = [0; 12];
    let mut count = 0;
    while let Some(rest) = start.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match file.read(rest).map_err(io)? {
            0 => break,
            more => count += more,
        }
    }
    let [.., major, _, a, b, c, d] = start;
    if !start.starts_with(MAGIC) {
        return Err(wrong("not a .npy file".to_owned()));
    }
    let (prefix, length) = match major {
        1 => (10, u32::from(u16::from_le_bytes([a, b]))),
        2 | 3 => (12, u32::from_le_bytes([a, b, c, d])),
        _ => return Err(wrong(format!("version {major} of the .npy format is not known"))),
    };
    let offset = prefix + u64::from(length);
    if offset > metadata.len() || length > 1 << 20 {
        return Err(wrong("the .npy header is truncated".to_owned()));
    }
    let mut text = vec![0; length as usize];
    file.seek(SeekFrom::Start(prefix)).map_err(io)?;
    file.read_exact(&mut text).map_err(io)?;
    let text = String::from_utf8_lossy(&text);

    let descr = npy_entry(&text, "descr").and_then(|rest| rest.strip_prefix('\'')?.split('\'').next());
    let expected = format!("{BYTE_ORDER}{}", T::NUMPY);
    let fits = |descr: &str| match descr.split_at_checked(1) {
        Some((order, number)) => {
            number == T::NUMPY
                && (order == "=" || order.starts_with(BYTE_ORDER) || (size_of::<T>() == 1 && order == "|"))
        }
        None => false,
    };
    match descr {
        Some(descr) if fits(descr) => {}
        Some(descr) => return Err(wrong(format!("holds {descr:?}, expected {expected:?}"))),
        None => return Err(wrong(format!("holds structured or unknown data, expected {expected:?}"))),
    }
    match npy_entry(&text, "fortran_order") {
        Some(rest) if rest.starts_with("False") => {}
        _ => return Err(wrong("is in Fortran order; save numpy.ascontiguousarray(...) of it".to_owned())),
    }
    let axes = npy_entry(&text, "shape").and_then(|rest| rest.strip_prefix('(')?.split(')').next());
    let lengths = axes.map(|axes| axes.split(',').map(str::trim).filter(|length| !length.is_empty()).map(str::parse));
    let shape: Option<Vec<usize>> = lengths.and_then(|lengths| lengths.collect::<Result<_, _>>().ok());
    let shape = shape.ok_or_else(|| wrong("the .npy header has no shape".to_owned()))?;
    let needed = data_bytes::<T>(&shape).and_then(|bytes| (bytes as u64).checked_add(offset));
    match needed {
        Some(needed) if needed <= metadata.len() => {}
        _ => {
            let problem = format!("is truncated: {} bytes are too few for an array of shape {shape:?}", metadata.len());
            return Err(wrong(problem));
        }
    }
    if !offset.is_multiple_of(size_of::<T>() as u64) {
        return Err(wrong("the data is not aligned; save it again with numpy.save".to_owned()));
    }
    Ok((offset as usize, shape))
}

/// What follows `'key': ` in the header's dictionary.
fn npy_entry<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("'{key}'"))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_the_same_in_memory_and_mapped() {
        for storage in [Storage::Memory, Storage::Mapped { dir: None }] {
            let mut buffer = Buffer::<f64>::new(1000, &storage, "a test").unwrap();
            assert!(buffer.as_slice().iter().all(|&value| value == 0.0));
            buffer.as_mut_slice()[999] = 2.5;
            assert_eq!(buffer.as_slice().len(), 1000);
            assert_eq!(buffer.as_slice()[999], 2.5);
            assert_eq!(Buffer::<u8>::new(0, &storage, "nothing").unwrap().as_slice(), &[] as &[u8]);
        }
    }

    #[test]
    fn a_mapped_buffer_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::Mapped { dir: Some(dir.path().to_owned()) };
        let _buffer = Buffer::<f32>::new(100, &storage, "a test").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn too_large_a_buffer_is_refused() {
        let mapped = Storage::Mapped { dir: None };
        let error = Buffer::<f64>::new(1 << 56, &mapped, "the intermediates").unwrap_err();
        assert!(matches!(error, Error::DiskFull { .. }), "{error}");
        for storage in [Storage::Memory, mapped] {
            assert!(matches!(Buffer::<f64>::new(usize::MAX, &storage, "x"), Err(Error::Memory { .. })));
        }
        let nowhere = Storage::Mapped { dir: Some("/nonexistent/folder".into()) };
        assert!(matches!(Buffer::<f64>::new(1, &nowhere, "x"), Err(Error::Io { .. })));
    }
}
