//! Memory maps of files.

use std::{fs::File, path::Path};

use memmap2::{Mmap, MmapMut};

use crate::Error;

/// Maps a whole file for reading. The caller has seen to it that this crate does not map it for writing meanwhile: the file is
/// locked, or is never written once it has a name.
pub(crate) fn map_file(file: &File, path: &Path) -> Result<Mmap, Error> {
    // SAFETY: the bytes are only viewed as types for which all bits are valid (`Pod`), and nothing of this crate changes them
    // while they are mapped (above). What no program can rule out is that another one changes the file: views then have other
    // values, and if it is shortened the system ends the process (`SIGBUS`). Whoever asks for a map is told so.
    unsafe { Mmap::map(file) }.map_err(|error| Error::io(path, "map", error))
}

/// Maps a whole file for reading and writing. The caller has seen to it that this crate has no other map of it: the file is
/// locked, or nobody else knows it; and that it has its disk space.
pub(crate) fn map_file_mut(file: &File, path: &Path) -> Result<MmapMut, Error> {
    // SAFETY: as above; being the only map, it is the only way by which this crate reads or writes the bytes.
    unsafe { MmapMut::map_mut(file) }.map_err(|error| Error::io(path, "map for writing", error))
}
