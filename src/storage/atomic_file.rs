//! Files that get their name when they are whole.

use std::{
    fs::{File, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::disk;
use crate::Error;

/// A file that appears under its name only when it is whole and has reached the disk.
///
/// Until [`publish`](AtomicFile::publish) the path stays as it is: free, or the file that is going to be replaced. A file that
/// is dropped unpublished leaves nothing behind. On Linux neither does a process that is killed, because the unfinished file
/// has no name (`O_TMPFILE`); where the file system has no such files, it is a hidden one in the same folder, named
/// `.skymosaic-….part`, and a process that is killed leaves it there.
///
/// If the path is a symbolic link, the file that it leads to is made or replaced, and the link stays. A file that replaces
/// another has its permissions; a new one has what the umask leaves of reading and writing for all.
///
/// ```
/// use std::io::Write;
/// use skymosaic::AtomicFile;
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("report.txt");
/// let report = AtomicFile::create(&path, false)?;
/// report.file().write_all(b"12 images, 3 rejected")?;
/// assert!(!path.exists());
/// report.publish()?;
/// assert_eq!(std::fs::read(&path)?, b"12 images, 3 rejected");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    file: File,
    /// The name of the unfinished file, if it has one.
    temporary: Option<tempfile::TempPath>,
    /// As the caller wrote it, for messages.
    path: PathBuf,
    /// As [`AtomicFile::resolve`] found it, so that a change of the current folder does not matter.
    target: PathBuf,
    overwrite: bool,
}

impl AtomicFile {
    /// Creates the unfinished file, empty and open for reading and writing. An existing file is going to be replaced only if
    /// `overwrite` is true.
    ///
    /// # Errors
    /// [`Error::Output`] if the path exists and `overwrite` is false, or is no regular file; [`Error::Io`] if no file can be
    /// created in its folder.
    pub fn create(path: impl AsRef<Path>, overwrite: bool) -> Result<AtomicFile, Error> {
        AtomicFile::create_with(path.as_ref(), overwrite, unnamed)
    }

    /// `unnamed` makes a file without a name in a folder, with a mode, if it can.
    fn create_with(path: &Path, overwrite: bool, unnamed: fn(&Path, u32) -> Option<File>) -> Result<AtomicFile, Error> {
        let target = AtomicFile::resolve(path)?;
        let replaced = match target.metadata() {
            Ok(found) if found.is_dir() => return Err(refusal(path, "is a folder")),
            Ok(_) if !overwrite => return Err(exists(path)),
            Ok(found) if !found.is_file() => return Err(refusal(path, "is not a regular file")),
            Ok(found) => Some(found.permissions().mode() & 0o777),
            Err(_) => None,
        };
        let io = |error| Error::io(path, "create", error);
        // The system takes the umask off.
        let mode = if replaced.is_some() { 0o600 } else { 0o666 };
        let (file, temporary) = match unnamed(folder_of(&target), mode) {
            Some(file) => (file, None),
            None => {
                let mut builder = hidden();
                let named = builder.permissions(Permissions::from_mode(mode)).tempfile_in(folder_of(&target));
                let (file, temporary) = named.map_err(io)?.into_parts();
                (file, Some(temporary))
            }
        };
        if let Some(mode) = replaced {
            let permissions = file.metadata().map_err(io)?.permissions();
            // A file system without permissions gives all files the same, and refuses to change them.
            if permissions.mode() & 0o777 != mode {
                file.set_permissions(Permissions::from_mode(mode)).map_err(io)?;
            }
        }
        Ok(AtomicFile { file, temporary, path: path.to_owned(), target, overwrite })
    }

    /// The absolute path of the file that [`create`](AtomicFile::create) would make or replace for this path: symbolic links
    /// are followed, also those that lead to no file yet. The file need not exist, its folder must.
    ///
    /// # Errors
    /// [`Error::Output`] if the path does not end in a name or has too many symbolic links; [`Error::Io`] if the folder cannot
    /// be found.
    pub fn resolve(path: impl AsRef<Path>) -> Result<PathBuf, Error> {
        let path = path.as_ref();
        let mut target = path.to_owned();
        let mut links = 0;
        while let Ok(link) = std::fs::read_link(&target) {
            links += 1;
            // As many as the system follows.
            if links > 40 {
                return Err(refusal(path, "leads through too many symbolic links"));
            }
            target = folder_of(&target).join(link);
        }
        let name = target.file_name().ok_or_else(|| refusal(path, "is not the name of a file"))?;
        let folder = folder_of(&target);
        let found = folder.canonicalize();
        let found = found.map_err(|error| Error::io(path, format!("find the folder {}", folder.display()), error))?;
        Ok(found.join(name))
    }

    /// The unfinished file. What is written to it, also through a memory map, is part of what is published.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The absolute path that the file is going to have, symbolic links followed.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Sets the length and reserves the disk space, so that no write to a map of the file can fail for want of space.
    pub(crate) fn reserve(&self, bytes: u64, what: &str) -> Result<(), Error> {
        disk::reserve(&self.file, self.folder(), bytes, what)
    }

    /// The folder that the file is in.
    pub(crate) fn folder(&self) -> &Path {
        folder_of(&self.target)
    }

    /// Waits until the contents have reached the disk, gives the file its name, and waits until the name has reached the disk.
    /// Returns the file, still open.
    ///
    /// # Errors
    /// [`Error::Io`] if the contents could not be written or the file not be named; [`Error::Output`] if a file of that name
    /// has appeared meanwhile and `overwrite` was false. Nothing is left then; only if the last wait fails the file is there,
    /// and may be gone after a power cut.
    pub fn publish(self) -> Result<File, Error> {
        let AtomicFile { file, temporary, path, target, overwrite } = self;
        let io = |action: &str| {
            let action = action.to_owned();
            |error| Error::io(&path, action, error)
        };
        file.sync_all().map_err(io("write it to the disk"))?;
        let named = match temporary {
            None => link(&file, &target, overwrite),
            Some(temporary) if overwrite => temporary.persist(&target).map_err(|failed| failed.error),
            Some(temporary) => temporary.persist_noclobber(&target).map_err(|failed| failed.error),
        };
        match named {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(exists(&path)),
            named => named.map_err(io("name the finished file"))?,
        }
        sync_folder(folder_of(&target)).map_err(io("write its name to the disk"))?;
        Ok(file)
    }
}

/// Makes a file without a name. `None` if the system or the file system has no such files, or if it could not get a name
/// later; whatever else is wrong is found again when a file with a name is made.
#[cfg(target_os = "linux")]
fn unnamed(folder: &Path, mode: u32) -> Option<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(folder, flags, Mode::from_raw_mode(mode)).ok()?);
    // Not every container has /proc.
    proc_path(&file).exists().then_some(file)
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_folder: &Path, _mode: u32) -> Option<File> {
    None
}

/// An open file as a path.
fn proc_path(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Gives a file without a name the name of the target.
fn link(file: &File, target: &Path, overwrite: bool) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    let link = |name: &Path| linkat(CWD, proc_path(file), CWD, name, AtFlags::SYMLINK_FOLLOW).map_err(io::Error::from);
    match link(target) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && overwrite => {}
        done => return done,
    }
    // A link replaces nothing, a rename does.
    let linked = hidden().make_in(folder_of(target), link)?;
    linked.into_temp_path().persist(target).map_err(|failed| failed.error)
}

/// Waits until the names in a folder have reached the disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Not every file system can do it, and a folder that may be written but not read cannot be opened for it.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::PermissionDenied
            ) =>
        {
            Ok(())
        }
        done => done,
    }
}

/// Names of unfinished files.
fn hidden() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".skymosaic-").suffix(".part");
    builder
}

fn refusal(path: &Path, problem: &str) -> Error {
    Error::Output { path: path.to_owned(), problem: problem.to_owned() }
}

fn exists(path: &Path) -> Error {
    refusal(path, "exists already; ask to overwrite it to replace it")
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests;
