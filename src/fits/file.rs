//! Files that are open for reading: which file it is, and a few open at a time.

use std::{
    collections::HashMap,
    fs::{File, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::Error;

/// Files that are open at a time. More are open only while more threads than this read.
const MOST_OPEN: usize = 32;

/// What tells one state of one file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileState {
    device: u64,
    inode: u64,
    pub(super) size: u64,
    modified: (i64, i64),
}

impl FileState {
    pub(super) fn new(metadata: &Metadata) -> FileState {
        FileState {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// Opens a file for reading. Anything but a regular file is refused: opening a pipe might wait for ever.
pub(super) fn open_file(path: &Path) -> Result<(File, Metadata), Error> {
    let metadata = path.metadata().map_err(|error| Error::io(path, "open", error))?;
    if !metadata.is_file() {
        let problem = if metadata.is_dir() { "is a folder, not a file" } else { "is not a regular file" };
        return Err(Error::Fits { path: path.to_owned(), problem: problem.to_owned() });
    }
    let file = File::open(path).map_err(|error| Error::io(path, "open", error))?;
    let metadata = file.metadata().map_err(|error| Error::io(path, "open", error))?;
    Ok((file, metadata))
}

/// The files that a run has open, at most [`MOST_OPEN`] of them.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles {
    files: Mutex<Files>,
}

#[derive(Debug, Default)]
struct Files {
    /// With the time of the last use.
    open: HashMap<FileState, (u64, Arc<File>)>,
    time: u64,
}

impl OpenFiles {
    /// What is protected is whole whenever the lock is free, also after a panic.
    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file at a path; `None` if it is no longer in this state. No lock is held while it is opened or read.
    pub(super) fn open(&self, path: &Path, state: FileState) -> Result<Option<Arc<File>>, Error> {
        {
            let mut files = self.files();
            files.time += 1;
            let now = files.time;
            if let Some((used, file)) = files.open.get_mut(&state) {
                *used = now;
                return Ok(Some(Arc::clone(file)));
            }
        }
        let (file, metadata) = open_file(path)?;
        if FileState::new(&metadata) != state {
            return Ok(None);
        }
        let file = Arc::new(file);
        let mut files = self.files();
        let now = files.time;
        let longest_unused = files.open.iter().min_by_key(|(_, (used, _))| *used).map(|(state, _)| *state);
        let closed = match longest_unused {
            Some(state) if files.open.len() >= MOST_OPEN => files.open.remove(&state),
            _ => None,
        };
        files.open.insert(state, (now, Arc::clone(&file)));
        drop(files);
        // Closed without the lock: a file system may take its time over it.
        drop(closed);
        Ok(Some(file))
    }
}
