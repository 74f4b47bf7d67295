//! Disk space: what is free, and reserving it.

use std::{fs::File, os::unix::fs::FileExt, path::Path};

use crate::Error;

/// Bytes of disk that are free to this user in the file system of a folder.
///
/// # Errors
/// [`Error::Io`] if the system cannot tell.
pub(crate) fn available_disk(dir: &Path) -> Result<u64, Error> {
    let system = rustix::fs::statvfs(dir).map_err(|error| Error::io(dir, "ask for free disk space", error.into()))?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

/// Checks that so many bytes are free in the file system of a folder.
pub(super) fn check(dir: &Path, bytes: u64, what: &str) -> Result<(), Error> {
    let free = available_disk(dir)?;
    if bytes > free {
        return Err(Error::DiskFull { dir: dir.to_owned(), what: what.to_owned(), needed: bytes, free });
    }
    Ok(())
}

/// Gives a file its length and reserves the disk space, so that no later write to a map of it can fail.
pub(super) fn reserve(file: &File, path: &Path, dir: &Path, bytes: u64, what: &str) -> Result<(), Error> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    let full = |free| Error::DiskFull { dir: dir.to_owned(), what: what.to_owned(), needed: bytes, free };
    check(dir, bytes, what)?;
    let free = available_disk(dir)?;
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
