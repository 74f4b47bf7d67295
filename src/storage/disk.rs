//! Disk space: how much is free, and reserving it.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::Path,
};

use rustix::{
    fs::{FallocateFlags, fallocate},
    io::{Errno, retry_on_intr},
};

use crate::Error;

/// Bytes of disk that are free to this user in the file system of a folder.
///
/// # Errors
/// [`Error::Io`] if there is no such folder, or the system cannot tell.
pub fn free_disk_space(folder: impl AsRef<Path>) -> Result<u64, Error> {
    let dir = folder.as_ref();
    let system = rustix::fs::statvfs(dir).map_err(|error| Error::io(dir, "ask for free disk space", error.into()))?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

/// Gives a file in a folder its length and reserves the disk space, so that no later write to a map of it fails for want of
/// space. `what` says in an error what the space is for.
///
/// # Errors
/// [`Error::DiskFull`]; [`Error::Io`] for other limits, such as quotas.
pub(super) fn reserve(file: &File, dir: &Path, bytes: u64, what: &str) -> Result<(), Error> {
    let free = free_disk_space(dir)?;
    let full = || Error::DiskFull { dir: dir.to_owned(), what: what.to_owned(), needed: bytes, free };
    if bytes > free {
        return Err(full());
    }
    if bytes == 0 {
        return Ok(());
    }
    let reserved = match retry_on_intr(|| fallocate(file, FallocateFlags::empty(), 0, bytes)) {
        // Not every file system can reserve.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => write_zeros(file, bytes),
        done => done.map_err(io::Error::from),
    };
    reserved.map_err(|error| match error.kind() {
        ErrorKind::StorageFull => full(),
        _ => Error::io(dir, format!("reserve {bytes} bytes of disk space for {what}"), error),
    })
}

fn write_zeros(file: &File, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; 1 << 20];
    for at in (0..bytes).step_by(zeros.len()) {
        let count = (bytes - at).min(zeros.len() as u64) as usize;
        file.write_all_at(zeros.get(..count).unwrap_or(&zeros), at)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not know disks")]
    fn a_reserved_file_has_its_length_and_zeros() {
        for bytes in [0, 1, (1 << 20) + 1] {
            let expected = vec![0; bytes as usize];
            for reserve in [reserve_here, write_zeros] {
                let file = tempfile::NamedTempFile::new().unwrap();
                reserve(file.as_file(), bytes).unwrap();
                assert_eq!(std::fs::read(file.path()).unwrap(), expected);
            }
        }
    }

    fn reserve_here(file: &File, bytes: u64) -> io::Result<()> {
        reserve(file, &std::env::temp_dir(), bytes, "a test").map_err(io::Error::other)
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri does not know disks")]
    fn what_does_not_fit_is_refused() {
        let dir = std::env::temp_dir();
        let file = tempfile::tempfile().unwrap();
        let error = reserve(&file, &dir, u64::MAX, "a test").unwrap_err();
        assert!(matches!(error, Error::DiskFull { needed: u64::MAX, .. }), "{error}");
        assert_eq!(file.metadata().unwrap().len(), 0);
    }
}
