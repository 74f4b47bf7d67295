//! Scratch arrays in memory or in mapped temporary files.

use std::path::PathBuf;

use bytemuck::Pod;
use memmap2::MmapMut;

use super::{disk, map::map_file_mut};
use crate::Error;

/// Where scratch arrays are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// In memory.
    Memory,
    /// In temporary files without a name, in this folder; `None` is the system's (`TMPDIR`).
    Mapped { dir: Option<PathBuf> },
}

/// A scratch array of fixed length, zeros at first, in memory or in a mapped temporary file. The file has no name: its disk
/// space is free again once the buffer is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct Buffer<T> {
    contents: Contents<T>,
}

#[derive(Debug)]
enum Contents<T> {
    Memory(Box<[T]>),
    // Page-aligned, of a whole number of T.
    Mapped(MmapMut),
}

impl<T: Pod> Buffer<T> {
    /// `what` says in an error what the buffer is for.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; [`Error::DiskFull`] and [`Error::Io`] for mapped files.
    pub(crate) fn new(len: usize, storage: &Storage, what: &str) -> Result<Buffer<T>, Error> {
        // Where this saturates, no disk has the space.
        let needed = (len as u64).saturating_mul(size_of::<T>() as u64);
        let contents = match storage {
            // Nothing can be mapped of an empty file.
            Storage::Mapped { dir } if needed > 0 => {
                let dir = dir.clone().unwrap_or_else(std::env::temp_dir);
                let file = tempfile::tempfile_in(&dir)
                    .map_err(|error| Error::io(&dir, format!("create a temporary file for {what}"), error))?;
                disk::reserve(&file, &dir, needed, what)?;
                // SAFETY: the file has no name, and this handle of it is closed here: nobody else can find it.
                Contents::Mapped(unsafe { map_file_mut(&file, &dir) }?)
            }
            _ => Contents::Memory(bytemuck::allocation::try_zeroed_slice_box(len).map_err(|()| {
                let (what, remedy) = (what.to_owned(), "keep it in mapped files".to_owned());
                Error::OutOfMemory { what, needed, remedy }
            })?),
        };
        Ok(Buffer { contents })
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        match &self.contents {
            Contents::Memory(numbers) => numbers,
            Contents::Mapped(map) => bytemuck::try_cast_slice(map).unwrap_or_default(),
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match &mut self.contents {
            Contents::Memory(numbers) => numbers,
            Contents::Mapped(map) => bytemuck::try_cast_slice_mut(map).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_a_buffer(storage: &Storage) {
        let mut buffer = Buffer::<f64>::new(1000, storage, "a test").unwrap();
        assert!(buffer.as_slice().iter().all(|&value| value == 0.0));
        buffer.as_mut_slice()[999] = 2.5;
        assert_eq!(buffer.as_slice().len(), 1000);
        assert_eq!(buffer.as_slice()[999], 2.5);
        assert_eq!(Buffer::<u8>::new(0, storage, "nothing").unwrap().as_slice(), &[] as &[u8]);
    }

    #[test]
    fn a_buffer_in_memory() {
        is_a_buffer(&Storage::Memory);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not map files")]
    fn a_buffer_in_a_mapped_file() {
        is_a_buffer(&Storage::Mapped { dir: None });
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not map files")]
    fn a_mapped_buffer_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::Mapped { dir: Some(dir.path().to_owned()) };
        let _buffer = Buffer::<f32>::new(100, &storage, "a test").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn more_than_the_memory_is_refused() {
        for len in [1 << 60, usize::MAX] {
            let error = Buffer::<f64>::new(len, &Storage::Memory, "the intermediates").unwrap_err();
            assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not know disks")]
    fn more_than_the_disk_is_refused() {
        let mapped = Storage::Mapped { dir: None };
        for len in [1 << 56, usize::MAX] {
            let error = Buffer::<f64>::new(len, &mapped, "the intermediates").unwrap_err();
            assert!(matches!(error, Error::DiskFull { .. }), "{error}");
        }
        let nowhere = Storage::Mapped { dir: Some("/nonexistent/folder".into()) };
        assert!(matches!(Buffer::<f64>::new(1, &nowhere, "x"), Err(Error::Io { .. })));
    }
}
