//! Where results go: nothing that is there already, or that is read, may be lost, and nothing half-written left.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use skymosaic::same_file;

use crate::Failure;

/// Checks every file to be written, by the option that names it, against each other and against those that are read.
pub(crate) fn check(outputs: &[(&str, &Path)], sources: &[&Path], overwrite: bool) -> Result<(), Failure> {
    for (number, (option, path)) in outputs.iter().enumerate() {
        let refuse = |problem: String| Failure::new(format!("{option} {}: {problem}", path.display()));
        let place = resolve(path).map_err(refuse)?;
        if let Some(source) = sources.iter().find(|source| same_file(&place, source)) {
            return Err(refuse(format!("is also read, as {}", source.display())).help("choose another name"));
        }
        for (other, path) in outputs.iter().take(number) {
            if resolve(path).is_ok_and(|other| other == place || same_file(&place, &other)) {
                return Err(refuse(format!("is also the file of {other}")).help("choose another name"));
            }
        }
        match fs::metadata(&place) {
            Ok(found) if found.is_dir() => return Err(refuse("is a folder".to_owned()).help("name a file")),
            Ok(found) if !found.is_file() => return Err(refuse("is not a regular file".to_owned())),
            Ok(_) if !overwrite => {
                return Err(refuse("exists already".to_owned()).help("--overwrite replaces it"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks that each disk has the space that the files on it need together.
pub(crate) fn check_space(files: &[(&Path, u64)]) -> Result<(), Failure> {
    let mut disks: BTreeMap<u64, (PathBuf, u64)> = BTreeMap::new();
    for (path, bytes) in files {
        let place = resolve(path).map_err(|problem| Failure::new(format!("{}: {problem}", path.display())))?;
        let folder = folder_of(&place).to_owned();
        let Ok(found) = fs::metadata(&folder) else { continue };
        disks.entry(found.dev()).or_insert((folder, 0)).1 += bytes;
    }
    for (dir, needed) in disks.into_values() {
        let Ok(disk) = rustix::fs::statvfs(&dir) else { continue };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if needed > free {
            return Err(Failure::new(format!(
                "{}: {needed} bytes of disk are needed for all outputs but {free} are free",
                dir.display()
            )));
        }
    }
    Ok(())
}

/// Where a path leads, also through links to files that do not exist yet; the folder must exist.
fn resolve(path: &Path) -> Result<PathBuf, String> {
    let mut path = path.to_owned();
    // As many as the system follows.
    for _ in 0..40 {
        let Ok(link) = fs::read_link(&path) else { break };
        path = folder_of(&path).join(link);
    }
    let name = path.file_name().ok_or("is not the name of a file")?;
    let folder = folder_of(&path);
    let folder = folder.canonicalize().map_err(|error| format!("no folder {}: {error}", folder.display()))?;
    Ok(folder.join(name))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
