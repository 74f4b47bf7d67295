//! Memory maps of files.

use std::{fs::File, path::Path};

use memmap2::{Mmap, MmapMut};

use crate::Error;

/// Maps a whole file for reading.
///
/// # Safety
/// While the map exists nothing writes to the file or shortens it.
pub(super) unsafe fn map_file(file: &File, path: &Path) -> Result<Mmap, Error> {
    // SAFETY: the caller's.
    unsafe { Mmap::map(file) }.map_err(|error| Error::io(path, "map", error))
}

/// Maps a whole file for reading and writing.
///
/// # Safety
/// While the map exists it is the only way by which the file is read in this process, and by which it is written at all.
pub(super) unsafe fn map_file_mut(file: &File, path: &Path) -> Result<MmapMut, Error> {
    // SAFETY: the caller's.
    unsafe { MmapMut::map_mut(file) }.map_err(|error| Error::io(path, "map for writing", error))
}
