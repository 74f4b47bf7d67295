//! Mapping of files: with the handles of cfitsio, the only `unsafe` of the crate.

use std::{fs::File, path::Path};

use memmap2::{Mmap, MmapMut};

use crate::Error;

/// Maps a whole file for reading. The caller has a lock on it, or is the only one that knows it.
pub(crate) fn map_file(file: &File, path: &Path) -> Result<Mmap, Error> {
    // SAFETY: nobody of this crate writes to the file meanwhile: it is locked, and whoever maps it for writing takes the lock alone.
    // The bytes are only ever viewed as numbers, for which all bits are valid. What other programs do to the file is their users' part, as
    // the documentation of `MappedArray` says.
    unsafe { Mmap::map(file) }.map_err(|error| Error::io(path, "map", error))
}

/// Maps a whole file for reading and writing. The caller has the only lock on it, or is the only one that knows it, and has reserved its disk space.
pub(crate) fn map_file_mut(file: &File, path: &Path) -> Result<MmapMut, Error> {
    // SAFETY: nobody else of this crate maps the file meanwhile, as above, so that the mutable view is the only one.
    unsafe { MmapMut::map_mut(file) }.map_err(|error| Error::io(path, "map for writing", error))
}
