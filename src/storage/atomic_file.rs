//! Files that appear under their name only when they are whole.

use std::{
    fs::{File, Permissions},
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags},
    io::Errno,
};

use super::disk;
use crate::Error;

/// A file that is written without a name, and gets its name when it is whole: until then what was there stays as it is, and whatever happens, also to
/// the process, nothing half-written is left.
///
/// The file is created in the folder of its final name with `O_TMPFILE`. File systems that do not support this get a hidden file with a temporary name instead,
/// which is removed if the file is not published, unless the process is killed. If the path is a symbolic link, the file that it leads to is replaced and
/// the link stays.
///
/// ```
/// use std::io::Write;
/// use skymosaic::AtomicFile;
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("report.txt");
/// let new = AtomicFile::create(&path, false)?;
/// new.file().write_all(b"all is well")?;
/// assert!(!path.exists());
/// new.publish()?;
/// assert_eq!(std::fs::read(&path)?, b"all is well");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    file: File,
    /// The temporary name, if it has one.
    name: Option<tempfile::TempPath>,
    /// With symbolic links followed.
    target: PathBuf,
    overwrite: bool,
}

impl AtomicFile {
    /// Creates the file. Its permissions are those of the file that it is going to replace, or what the umask leaves of read and write for all.
    ///
    /// # Errors
    /// [`Error::Output`] if the path is a folder, or exists and `overwrite` is false; [`Error::Io`] if it cannot be created.
    pub fn create(path: impl AsRef<Path>, overwrite: bool) -> Result<AtomicFile, Error> {
        Self::create_with(path.as_ref(), overwrite, true)
    }

    /// `unnamed`: whether a file without a name is tried.
    fn create_with(path: &Path, overwrite: bool, unnamed: bool) -> Result<AtomicFile, Error> {
        let target = follow_links(path)?;
        if target.file_name().is_none() {
            return Err(Error::Output { path: path.to_owned(), problem: "is not the name of a file".to_owned() });
        }
        let mode = match target.metadata() {
            Ok(metadata) if metadata.is_dir() => {
                return Err(Error::Output { path: path.to_owned(), problem: "is a folder".to_owned() });
            }
            Ok(_) if !overwrite => return Err(exists(path)),
            Ok(metadata) => metadata.permissions().mode() & 0o777 | 0o600,
            // The system takes the umask off.
            Err(_) => 0o666,
        };
        if unnamed {
            let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
            match rustix::fs::openat(CWD, folder_of(&target), flags, Mode::from_bits_truncate(mode)) {
                Ok(file) => return Ok(AtomicFile { file: file.into(), name: None, target, overwrite }),
                // Not every file system can; old kernels take the flag for an attempt to write to a folder.
                Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOSYS) => {}
                Err(error) => return Err(Error::io(path, "create", error.into())),
            }
        }
        let (file, name) = hidden()
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder_of(&target))
            .map_err(|error| Error::io(path, "create", error))?
            .into_parts();
        Ok(AtomicFile { file, name: Some(name), target, overwrite })
    }

    /// The file, to be written.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where the file is going to be, symbolic links followed.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Checks that so many bytes of disk are free. `what` says in an error what they are for.
    pub(crate) fn check_space(&self, bytes: u64, what: &str) -> Result<(), Error> {
        disk::check(folder_of(&self.target), bytes, what)
    }

    /// Sets the length and reserves the disk space, so that no write to a map of the file can fail.
    pub(crate) fn reserve(&self, bytes: u64, what: &str) -> Result<(), Error> {
        disk::reserve(&self.file, &self.target, folder_of(&self.target), bytes, what)
    }

    /// Waits until the file has reached the disk, gives it its name, and returns it.
    ///
    /// # Errors
    /// [`Error::Io`] if it could not be written or named; [`Error::Output`] if a file of that name has appeared meanwhile and must not be
    /// overwritten. Nothing is left then.
    pub fn publish(mut self) -> Result<File, Error> {
        self.file.sync_all().map_err(|error| Error::io(&self.target, "write to disk", error))?;
        let name = self.name.take();
        let target = &self.target;
        let named = match name {
            None => self.link(),
            Some(name) if self.overwrite => name.persist(target).map_err(|failed| failed.error),
            Some(name) => name.persist_noclobber(target).map_err(|failed| failed.error),
        };
        match named {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(exists(target)),
            Err(error) => return Err(Error::io(target, "name the finished file", error)),
        }
        // The name reaches the disk too. Not every file system can be asked for that.
        if let Ok(folder) = File::open(folder_of(target)) {
            let _ = folder.sync_all();
        }
        Ok(self.file)
    }

    /// Gives a file without a name the final one.
    fn link(&self) -> std::io::Result<()> {
        match self.link_as(&self.target) {
            Err(Errno::EXIST) if self.overwrite => {}
            done => return Ok(done?),
        }
        // A link replaces nothing, a rename does.
        let linked =
            hidden().make_in(folder_of(&self.target), |name| self.link_as(name).map_err(std::io::Error::from))?;
        linked.into_temp_path().persist(&self.target).map_err(|failed| failed.error)
    }

    fn link_as(&self, name: &Path) -> Result<(), Errno> {
        let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        match rustix::fs::linkat(CWD, own, CWD, name, AtFlags::SYMLINK_FOLLOW) {
            // Without /proc, the privileged can do it directly.
            Err(Errno::NOENT) => rustix::fs::linkat(&self.file, "", CWD, name, AtFlags::EMPTY_PATH),
            done => done,
        }
    }
}

/// Names of hidden files.
fn hidden() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".skymosaic-").suffix(".part");
    builder
}

fn exists(path: &Path) -> Error {
    Error::Output { path: path.to_owned(), problem: "exists already; ask to overwrite it to replace it".to_owned() }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Where a path leads, also through links to files that do not exist yet.
fn follow_links(path: &Path) -> Result<PathBuf, Error> {
    let mut path = path.to_owned();
    // As many as the system follows.
    for _ in 0..40 {
        match std::fs::read_link(&path) {
            Ok(link) => path = folder_of(&path).join(link),
            Err(_) => return Ok(path),
        }
    }
    Err(Error::Output { path, problem: "too many symbolic links".to_owned() })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names(folder: &Path) -> Vec<std::ffi::OsString> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    /// Without a name, and with a temporary one.
    #[test]
    fn nothing_is_seen_until_it_is_whole() {
        for unnamed in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a");
            let new = AtomicFile::create_with(&path, false, unnamed).unwrap();
            new.file().write_all(b"one").unwrap();
            assert_eq!(names(dir.path()).len(), usize::from(!unnamed));
            drop(new);
            assert!(names(dir.path()).is_empty());

            let new = AtomicFile::create_with(&path, false, unnamed).unwrap();
            new.file().write_all(b"two").unwrap();
            new.publish().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"two");
            assert!(matches!(AtomicFile::create_with(&path, false, unnamed), Err(Error::Output { .. })));

            std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
            let new = AtomicFile::create_with(&path, true, unnamed).unwrap();
            new.file().write_all(b"three").unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"two");
            new.publish().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"three");
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
            assert_eq!(names(dir.path()), ["a"]);
        }
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_kept() {
        for unnamed in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a");
            let new = AtomicFile::create_with(&path, false, unnamed).unwrap();
            std::fs::write(&path, b"another's").unwrap();
            assert!(matches!(new.publish(), Err(Error::Output { .. })));
            assert_eq!(std::fs::read(&path).unwrap(), b"another's");
            assert_eq!(names(dir.path()), ["a"]);
        }
    }

    #[test]
    fn a_link_stays_a_link() {
        for unnamed in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let link = dir.path().join("link");
            std::os::unix::fs::symlink("there", &link).unwrap();
            AtomicFile::create_with(&link, false, unnamed).unwrap().publish().unwrap();
            assert!(link.symlink_metadata().unwrap().is_symlink());
            assert!(dir.path().join("there").is_file());
        }
    }

    #[test]
    fn what_cannot_be_a_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(AtomicFile::create(dir.path(), true), Err(Error::Output { .. })));
        assert!(matches!(AtomicFile::create("/nonexistent/folder/file", true), Err(Error::Io { .. })));
        assert!(matches!(AtomicFile::create("/", true), Err(Error::Output { .. })));
    }
}
