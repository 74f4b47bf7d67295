//! Arrays in memory-mapped `.npy` files.

use std::{
    fs::{File, TryLockError},
    marker::PhantomData,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use memmap2::{Mmap, MmapMut};
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn, ShapeBuilder, StrideShape};

use super::{
    atomic_file::AtomicFile,
    map::{map_file, map_file_mut},
    npy_header::{self, Layout, MOST_AXES, MappedElement, data_bytes},
};
use crate::Error;

/// An array in a memory-mapped `.npy` file of native byte order. It may be larger than memory, and numpy can map the file at the
/// same time (`numpy.load(path, mmap_mode="r")`).
///
/// # Locks
///
/// The file is locked while it is mapped: either one `MappedArray` has it open for writing or any number of them have it open
/// for reading, whatever paths lead to it, in this process and in all others that use this crate. Opening it otherwise is the
/// error [`Error::InUse`]. A file that [`create`](MappedArray::create) replaces is another file, whose lock does not matter.
///
/// The lock is advisory (`flock`), so it cannot stop whoever does not ask for it: numpy, or code that writes to the file by way
/// of [`std::fs`]. **A file must not be changed in such ways while a `MappedArray` has it open**: values would change under
/// references to them, which the compiler takes for impossible, so that anything may be computed from them; and if the file
/// becomes shorter, the system ends the process (`SIGBUS`). Reading it in such ways does no harm, and replacing it by a rename
/// neither.
///
/// ```
/// use skymosaic::MappedArray;
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("mosaic.npy");
/// let mut mosaic = MappedArray::<f32>::create(&path, &[100, 200], false)?;
/// mosaic.view_mut()?[[99, 199]] = 1.5;
/// mosaic.flush()?;
/// drop(mosaic); // and with it the lock
/// assert_eq!(MappedArray::<f32>::open(&path)?.view()[[99, 199]], 1.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MappedArray<T> {
    path: PathBuf,
    map: Map,
    layout: Layout,
    /// Has the lock. Dropped after the map.
    _file: File,
    element: PhantomData<T>,
}

#[derive(Debug)]
enum Map {
    Read(Mmap),
    Write(MmapMut),
}

impl<T: MappedElement> MappedArray<T> {
    /// Creates the file with an array of zeros of this shape, slowest axis first. The disk space is reserved. An existing file
    /// is replaced only if `overwrite` is true; a `MappedArray` that has it open keeps it. A symbolic link is followed.
    ///
    /// # Errors
    /// [`Error::Output`] if the file exists and `overwrite` is false, or is no regular file; [`Error::Shape`] if no file can be
    /// so large, or numpy has no arrays of so many axes; [`Error::DiskFull`]; [`Error::Io`], also if the file system has no locks.
    pub fn create(path: impl AsRef<Path>, shape: &[usize], overwrite: bool) -> Result<MappedArray<T>, Error> {
        let path = path.as_ref();
        let refusal =
            |expected: String| Error::Shape { what: path.display().to_string(), got: shape.to_vec(), expected };
        if shape.len() > MOST_AXES {
            return Err(refusal(format!("at most {MOST_AXES} axes")));
        }
        let bytes = data_bytes::<T>(shape).ok_or_else(|| refusal("fewer elements".to_owned()))?;
        let header = npy_header::write::<T>(shape);
        let data = header.len()..header.len() + bytes;
        let new = AtomicFile::create(path, overwrite)?;
        new.reserve(data.end as u64, "the array")?;
        new.file().write_all_at(&header, 0).map_err(|error| Error::io(path, "write", error))?;
        let map = Map::new(new.file(), path, true)?;
        let layout = Layout { shape: shape.to_vec(), columns_first: false, data };
        Ok(MappedArray { path: path.to_owned(), map, layout, _file: new.publish()?, element: PhantomData })
    }

    /// Opens an existing file for reading.
    ///
    /// # Errors
    /// [`Error::Npy`] with what is wrong: not a `.npy` file, another type or byte order, truncated; [`Error::InUse`] if a
    /// `MappedArray` has it open for writing; [`Error::Io`], also if the file system has no locks.
    pub fn open(path: impl AsRef<Path>) -> Result<MappedArray<T>, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
        MappedArray::map(path, file, false)
    }

    /// Opens an existing file for reading and writing in place.
    ///
    /// # Errors
    /// As [`open`](MappedArray::open), and [`Error::InUse`] if any other `MappedArray` has it open.
    pub fn open_mut(path: impl AsRef<Path>) -> Result<MappedArray<T>, Error> {
        let path = path.as_ref();
        let file = File::options().read(true).write(true).open(path);
        MappedArray::map(path, file.map_err(|error| Error::io(path, "open for writing", error))?, true)
    }

    fn map(path: &Path, file: File, write: bool) -> Result<MappedArray<T>, Error> {
        let wrong = |problem| Error::Npy { path: path.to_owned(), problem };
        let metadata = file.metadata().map_err(|error| Error::io(path, "read", error))?;
        if !metadata.is_file() {
            return Err(wrong("not a regular file".to_owned()));
        }
        let map = Map::new(&file, path, write)?;
        let layout = npy_header::read::<T>(map.bytes()).map_err(wrong)?;
        Ok(MappedArray { path: path.to_owned(), map, layout, _file: file, element: PhantomData })
    }

    /// The shape, as numpy has it.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.layout.shape
    }

    /// The array.
    #[must_use]
    pub fn view(&self) -> ArrayViewD<'_, T> {
        let data = self.map.bytes().get(self.layout.data.clone());
        let numbers = data.and_then(|data| bytemuck::try_cast_slice(data).ok());
        // There are as many numbers as the shape says, and they are aligned, since the layout was made.
        let view = numbers.and_then(|numbers| ArrayViewD::from_shape(self.layout.strides(), numbers).ok());
        view.unwrap_or_else(|| ndarray::aview1(&[]).into_dyn())
    }

    /// The array, for writing.
    ///
    /// # Errors
    /// [`Error::Npy`] if the file was opened with [`open`](MappedArray::open).
    pub fn view_mut(&mut self) -> Result<ArrayViewMutD<'_, T>, Error> {
        let data = match &mut self.map {
            Map::Read(_) => None,
            Map::Write(map) => map.get_mut(self.layout.data.clone()),
        };
        let numbers = data.and_then(|data| bytemuck::try_cast_slice_mut(data).ok());
        let view = numbers.and_then(|numbers| ArrayViewMutD::from_shape(self.layout.strides(), numbers).ok());
        view.ok_or_else(|| Error::Npy {
            path: self.path.clone(),
            problem: "the array was opened for reading; use MappedArray::open_mut".to_owned(),
        })
    }

    /// Waits until everything written has reached the disk. Without it the system writes in its own time; other programs see the
    /// values at once either way.
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

impl Map {
    /// Maps a file that is locked for that as long as it is open.
    fn new(file: &File, path: &Path, write: bool) -> Result<Map, Error> {
        lock(file, path, write)?;
        Ok(if write {
            // SAFETY: nobody else has the lock, without which this crate neither maps such a file nor writes to it. That others
            // do not either is asked of the user, in the documentation of `MappedArray`.
            Map::Write(unsafe { map_file_mut(file, path) }?)
        } else {
            // SAFETY: whoever else has the lock only reads. For others, as above.
            Map::Read(unsafe { map_file(file, path) }?)
        })
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Map::Read(map) => map,
            Map::Write(map) => map,
        }
    }
}

impl Layout {
    fn strides(&self) -> StrideShape<IxDyn> {
        IxDyn(&self.shape).set_f(self.columns_first).into()
    }
}

/// Takes the lock of a file, alone for writing, with others for reading. It lasts until the file is closed.
fn lock(file: &File, path: &Path, write: bool) -> Result<(), Error> {
    let locked = if write { file.try_lock() } else { file.try_lock_shared() };
    locked.map_err(|error| match error {
        TryLockError::WouldBlock => {
            let how = if write { "" } else { " for writing" };
            let problem =
                format!("another MappedArray, of this or another process, has it open{how}; drop that one first");
            Error::InUse { path: path.to_owned(), problem }
        }
        TryLockError::Error(error) => Error::io(path, "lock it, without which it must not be mapped", error),
    })
}
