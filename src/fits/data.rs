//! The bytes of an image: positioned reads that say what is wrong.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
    sync::Arc,
};

use super::{file::OpenFiles, image::FitsImage};
use crate::{Error, memory::MemoryTracker};

/// What loading a block takes from the run.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "gzip"), allow(dead_code))]
pub(crate) struct Loading<'r> {
    pub(crate) files: &'r OpenFiles,
    pub(crate) memory: &'r Arc<MemoryTracker>,
    /// Where bytes go for which memory does not suffice; `None` is the system's folder.
    pub(crate) temp_dir: Option<&'r Path>,
    /// Fails if the run has been cancelled.
    pub(crate) check: &'r dyn Fn() -> Result<(), Error>,
}

/// The data of an HDU.
#[cfg_attr(not(all(feature = "gzip", feature = "tile-compression")), allow(dead_code))]
pub(super) enum Data<'d> {
    /// In a file, as it is.
    File(&'d File),
    /// In memory, after it was unzipped.
    Memory(&'d [u8]),
}

impl FitsImage {
    /// The file, if it is still the one whose header was read.
    pub(super) fn file(&self, files: &OpenFiles) -> Result<Arc<File>, Error> {
        let file = files.open(&self.path, self.state)?;
        file.ok_or_else(|| self.wrong("the file has changed since its header was read"))
    }

    /// Fills `bytes` from a position of the data.
    #[cfg_attr(not(feature = "tile-compression"), allow(dead_code))]
    pub(super) fn read_data(&self, data: &Data<'_>, bytes: &mut [u8], at: u64) -> Result<(), Error> {
        match data {
            Data::File(file) => self.read_at(file, bytes, self.offset.saturating_add(at)),
            Data::Memory(data) => {
                let from = usize::try_from(at).ok().and_then(|at| data.get(at..)?.get(..bytes.len()));
                bytes.copy_from_slice(from.ok_or_else(|| self.wrong("the data is truncated"))?);
                Ok(())
            }
        }
    }

    /// Fills `bytes` from a position of the file.
    pub(super) fn read_at(&self, file: &File, bytes: &mut [u8], at: u64) -> Result<(), Error> {
        match file.read_exact_at(bytes, at) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let found = file.metadata().map_or(0, |metadata| metadata.size());
                let expected = at.saturating_add(bytes.len() as u64);
                Err(self.wrong(format!("the file is truncated ({expected} bytes expected, {found} found)")))
            }
            Err(error) => Err(Error::io(&self.path, "read", error)),
        }
    }
}
