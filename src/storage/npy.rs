//! Arrays in memory-mapped `.npy` files.

use std::{
    fs::{File, TryLockError},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use memmap2::{Mmap, MmapMut};
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use ndarray_npy::{ViewElement, ViewMutElement, ViewMutNpyExt, ViewNpyExt, WritableElement, write_zeroed_npy};

use super::{
    AtomicFile,
    map::{map_file, map_file_mut},
};
use crate::{Error, pixel::InputPixel};

/// A number that an array in a file is made of: `u8`, `i16`, `i32`, `i64`, `f32`, `f64`.
pub trait MappedElement: InputPixel + ViewElement + ViewMutElement + WritableElement {}

macro_rules! mapped_element {
    ($($number:ty),*) => { $(impl MappedElement for $number {})* };
}
mapped_element!(u8, i16, i32, i64, f32, f64);

/// An array in a memory-mapped `.npy` file of native byte order: it may be larger than memory, and numpy can map it at the same time
/// (`numpy.load(path, mmap_mode="r")`).
///
/// The file is locked while it is mapped (`flock`): one `MappedArray` can write to it, or several can read it, in all processes that use this crate. Other programs need
/// not respect the lock. If one changes the file, values change under the views of this array; if one shortens it, the system ends this process
/// with `SIGBUS`.
///
/// ```
/// use skymosaic::MappedArray;
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("mosaic.npy");
/// let mut mosaic = MappedArray::<f32>::create(&path, &[100, 200], false)?;
/// mosaic.view_mut()?[[99, 199]] = 1.5;
/// mosaic.flush()?;
/// drop(mosaic);
/// assert_eq!(MappedArray::<f32>::open(&path)?.view()[[99, 199]], 1.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MappedArray<T> {
    path: PathBuf,
    map: Map,
    shape: Vec<usize>,
    /// Keeps the lock.
    _file: File,
    element: PhantomData<T>,
}

#[derive(Debug)]
enum Map {
    Read(Mmap),
    Write(MmapMut),
}

impl Map {
    fn bytes(&self) -> &[u8] {
        match self {
            Map::Read(map) => map,
            Map::Write(map) => map,
        }
    }
}

impl<T: MappedElement> MappedArray<T> {
    /// Creates the file with an array of zeros of this shape, slowest axis first. The disk space is reserved. An existing file is replaced only if
    /// `overwrite` is true; an array that has it mapped keeps the old one. A symbolic link is followed.
    ///
    /// # Errors
    /// [`Error::Output`] if the file exists, [`Error::Shape`] if the array is too large for a file, [`Error::DiskFull`] and [`Error::Io`].
    pub fn create(path: impl AsRef<Path>, shape: &[usize], overwrite: bool) -> Result<MappedArray<T>, Error> {
        let path = path.as_ref();
        let bytes = shape.iter().try_fold(size_of::<T>(), |bytes, &length| bytes.checked_mul(length));
        if bytes.is_none_or(|bytes| bytes > isize::MAX as usize) {
            let expected = "fewer elements".to_owned();
            return Err(Error::Shape { what: path.display().to_string(), got: shape.to_vec(), expected });
        }
        let new = AtomicFile::create(path, overwrite)?;
        new.check_space(bytes.unwrap_or(0) as u64, "the array")?;
        let io = |error| Error::io(path, "write", error);
        write_zeroed_npy::<T, _>(new.file(), IxDyn(shape)).map_err(|error| npy(path, &error))?;
        new.reserve(new.file().metadata().map_err(io)?.len(), "the array")?;
        let file = new.publish()?;
        lock(&file, path, true)?;
        let map = Map::Write(map_file_mut(&file, path)?);
        Ok(MappedArray { path: path.to_owned(), map, shape: shape.to_vec(), _file: file, element: PhantomData })
    }

    /// Opens an existing file for reading.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read; [`Error::Npy`] with what is wrong: not a `.npy` file, another type or byte order, truncated, or locked
    /// by a [`MappedArray`] that can write to it.
    pub fn open(path: impl AsRef<Path>) -> Result<MappedArray<T>, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
        Self::opened(path, file, false)
    }

    /// Opens an existing file for reading and writing in place.
    ///
    /// # Errors
    /// As [`open`](MappedArray::open); it must not be open in any other [`MappedArray`].
    pub fn open_mut(path: impl AsRef<Path>) -> Result<MappedArray<T>, Error> {
        let path = path.as_ref();
        let open = File::options().read(true).write(true).open(path);
        Self::opened(path, open.map_err(|error| Error::io(path, "open for writing", error))?, true)
    }

    fn opened(path: &Path, file: File, write: bool) -> Result<MappedArray<T>, Error> {
        let metadata = file.metadata().map_err(|error| Error::io(path, "read", error))?;
        if !metadata.is_file() {
            return Err(npy(path, &"not a regular file"));
        }
        lock(&file, path, write)?;
        let map = if write { Map::Write(map_file_mut(&file, path)?) } else { Map::Read(map_file(&file, path)?) };
        check_header(map.bytes()).map_err(|problem| npy(path, &problem))?;
        let view = ArrayViewD::<T>::view_npy(map.bytes()).map_err(|error| {
            npy(path, &format!("is no whole .npy file of {} numbers: {error}", std::any::type_name::<T>()))
        })?;
        let shape = view.shape().to_vec();
        Ok(MappedArray { path: path.to_owned(), map, shape, _file: file, element: PhantomData })
    }

    /// The shape, slowest axis first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The array.
    #[must_use]
    pub fn view(&self) -> ArrayViewD<'_, T> {
        // The file was found to be whole when it was opened.
        ArrayViewD::view_npy(self.map.bytes()).unwrap_or_else(|_| ndarray::aview1(&[]).into_dyn())
    }

    /// The array, for writing.
    ///
    /// # Errors
    /// [`Error::Npy`] if the file was opened with [`open`](MappedArray::open).
    pub fn view_mut(&mut self) -> Result<ArrayViewMutD<'_, T>, Error> {
        match &mut self.map {
            Map::Read(_) => Err(npy(&self.path, &"the array was opened for reading; use MappedArray::open_mut")),
            Map::Write(map) => ArrayViewMutD::view_mut_npy(map).map_err(|error| npy(&self.path, &error)),
        }
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

fn npy(path: &Path, problem: &dyn std::fmt::Display) -> Error {
    Error::Npy { path: path.to_owned(), problem: problem.to_string() }
}

fn lock(file: &File, path: &Path, write: bool) -> Result<(), Error> {
    let locked = if write { file.try_lock() } else { file.try_lock_shared() };
    match locked {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let others = if write { "another MappedArray" } else { "a MappedArray that can write to it" };
            Err(npy(path, &format!("is in use by {others}, in this or another process; drop that one first")))
        }
        Err(TryLockError::Error(error)) => Err(Error::io(path, "lock", error)),
    }
}

/// The header is read by a recursive parser, which must not be led too deep.
fn check_header(bytes: &[u8]) -> Result<(), &'static str> {
    const LONGEST: usize = 1 << 16;
    let header = bytes.get(..bytes.len().min(LONGEST)).unwrap_or_default();
    let header = header.get(8..).unwrap_or_default().split(|byte| *byte == b'\n').next().unwrap_or_default();
    let open = header.iter().filter(|byte| matches!(byte, b'(' | b'[' | b'{')).count();
    if open > 16 { Err("the header is not that of an array of numbers") } else { Ok(()) }
}
