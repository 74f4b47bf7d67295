//! Where results go: nothing that is there already, or that is read, may be lost.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use skymosaic::{AtomicFile, free_disk_space, same_file};

use crate::{Failure, failure::MORE_SPACE};

/// Checks every file to be written, by the option that names it, against each other and against those that are read.
pub(crate) fn check(outputs: &[(&str, &Path)], sources: &[&Path], overwrite: bool) -> Result<(), Failure> {
    let mut targets = Vec::with_capacity(outputs.len());
    for &(option, path) in outputs {
        let target = AtomicFile::resolve(path).map_err(|error| Failure::from(error).about(option))?;
        let refuse = |problem: String| Failure::new(format!("{option} {}: {problem}", path.display()));
        if let Some(source) = sources.iter().find(|source| same_file(&target, source)) {
            return Err(refuse(format!("is also read, as {}", source.display())).help("choose another name"));
        }
        let is_same = |(_, other): &&(&str, _)| *other == target || same_file(other, &target);
        if let Some((other, _)) = targets.iter().find(is_same) {
            return Err(refuse(format!("is also the file of {other}")).help("choose another name"));
        }
        match fs::metadata(&target) {
            Ok(found) if found.is_dir() => return Err(refuse("is a folder".to_owned()).help("name a file")),
            Ok(found) if !found.is_file() => return Err(refuse("is not a regular file".to_owned())),
            Ok(_) if !overwrite => {
                return Err(refuse("exists already".to_owned()).help("--overwrite replaces it"));
            }
            _ => targets.push((option, target)),
        }
    }
    Ok(())
}

/// Checks that each disk has the space that the files on it need together.
pub(crate) fn check_space(files: &[(&Path, u64)]) -> Result<(), Failure> {
    let mut disks: BTreeMap<u64, (PathBuf, u64)> = BTreeMap::new();
    for (path, bytes) in files {
        let mut folder = AtomicFile::resolve(path)?;
        folder.pop();
        let Ok(found) = fs::metadata(&folder) else { continue };
        disks.entry(found.dev()).or_insert((folder, 0)).1 += bytes;
    }
    for (dir, needed) in disks.into_values() {
        let free = free_disk_space(&dir)?;
        if needed > free {
            let counts = format!("{needed} bytes of disk are needed for all outputs but {free} are free");
            return Err(Failure::new(format!("{}: {counts}", dir.display())).help(MORE_SPACE));
        }
    }
    Ok(())
}
