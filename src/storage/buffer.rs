//! Scratch arrays in memory or in unnamed mapped files.

use std::path::PathBuf;

use memmap2::MmapMut;

use super::{disk::reserve, map::map_file_mut};
use crate::Error;

/// A number that scratch arrays are made of.
pub(crate) trait Scratch: bytemuck::Pod + Default + Send + Sync {}

impl<T: bytemuck::Pod + Default + Send + Sync> Scratch for T {}

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

impl<T: Scratch> Buffer<T> {
    /// `what` says in an error what the buffer is for.
    pub(crate) fn new(len: usize, storage: &Storage, what: &str) -> Result<Buffer<T>, Error> {
        let too_large = || Error::OutOfMemory {
            what: what.to_owned(),
            needed: (len as u64).saturating_mul(size_of::<T>() as u64),
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
            Bytes::Mapped(map) => bytemuck::try_cast_slice(map).unwrap_or_default(),
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match &mut self.bytes {
            Bytes::Memory(numbers) => numbers,
            Bytes::Mapped(map) => bytemuck::try_cast_slice_mut(map).unwrap_or_default(),
        }
    }
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
            assert!(matches!(Buffer::<f64>::new(usize::MAX, &storage, "x"), Err(Error::OutOfMemory { .. })));
        }
        let nowhere = Storage::Mapped { dir: Some("/nonexistent/folder".into()) };
        assert!(matches!(Buffer::<f64>::new(1, &nowhere, "x"), Err(Error::Io { .. })));
    }
}
