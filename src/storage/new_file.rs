//! Files that appear under their name only when they are whole.

use std::{
    fs::File,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::Error;

/// A file written under a temporary name in the folder of its final one. Dropped unpublished, it leaves nothing.
#[derive(Debug)]
pub(crate) struct NewFile {
    temporary: tempfile::NamedTempFile,
    // With symbolic links followed: a link stays a link, what it leads to is replaced.
    target: PathBuf,
    overwrite: bool,
}

impl NewFile {
    pub(crate) fn create(path: &Path, overwrite: bool) -> Result<NewFile, Error> {
        let target = follow_links(path)?;
        let name = target
            .file_name()
            .ok_or_else(|| Error::Output { path: path.to_owned(), problem: "is not the name of a file".to_owned() })?;
        let mode = match target.metadata() {
            Ok(metadata) if metadata.is_dir() => {
                return Err(Error::Output { path: path.to_owned(), problem: "is a folder".to_owned() });
            }
            Ok(_) if !overwrite => return Err(exists(path)),
            Ok(metadata) => metadata.permissions().mode() & 0o777,
            // The system takes the umask off.
            Err(_) => 0o666,
        };
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(name);
        let temporary = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".part")
            .permissions(std::fs::Permissions::from_mode(mode | 0o600))
            .tempfile_in(folder_of(&target))
            .map_err(|error| Error::io(path, "create", error))?;
        Ok(NewFile { temporary, target, overwrite })
    }

    pub(crate) fn file(&self) -> &File {
        self.temporary.as_file()
    }

    /// Sets the length and reserves the disk space.
    pub(crate) fn reserve(&self, bytes: u64, what: &str) -> Result<(), Error> {
        super::reserve(self.file(), &self.target, folder_of(&self.target), bytes, what)
    }

    /// Gives the file its final name.
    pub(crate) fn publish(self) -> Result<(), Error> {
        let result = if self.overwrite {
            self.temporary.persist(&self.target)
        } else {
            self.temporary.persist_noclobber(&self.target)
        };
        match result {
            Ok(_) => Ok(()),
            Err(failed) if failed.error.kind() == std::io::ErrorKind::AlreadyExists => Err(exists(&self.target)),
            Err(failed) => Err(Error::io(&self.target, "rename the finished file", failed.error)),
        }
    }
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
