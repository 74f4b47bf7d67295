//! Names on the command line → files: lists, folders, patterns, standard input.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Read,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{Entry, table};
use crate::{Failure, maps};

/// What an input, or a file that belongs to one, can be given as.
pub(crate) const FORMS: &str = "a file, a folder (its FITS files by name, or a HiPS, also hips:DIR), a pattern in quotes ('*.fits'), @list.txt (a file name a line; # begins a comment), - (such a list on standard input)";

/// The entries that names on the command line stand for, in their order.
pub(super) fn entries(names: &[PathBuf]) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::with_capacity(names.len());
    for name in names {
        match list(name).filter(|list| table::is_table(list)) {
            Some(list) => entries.extend(table::read(list).map_err(|failure| failure.about(name.display()))?),
            None => entries.extend(files(name)?.into_iter().map(Entry::of)),
        }
    }
    Ok(entries)
}

/// The files that names on the command line stand for, in their order.
pub(super) fn all_files(names: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    names.iter().try_fold(Vec::with_capacity(names.len()), |mut all, name| {
        all.extend(files(name)?);
        Ok(all)
    })
}

/// What follows an @.
pub(super) fn list(name: &Path) -> Option<&Path> {
    name.as_os_str().as_bytes().strip_prefix(b"@").map(|rest| Path::new(OsStr::from_bytes(rest)))
}

fn files(name: &Path) -> Result<Vec<PathBuf>, Failure> {
    let about = |failure: Failure| failure.about(name.display());
    if name.as_os_str() == "-" {
        return listed(&mut std::io::stdin().lock()).map_err(|failure| failure.about("standard input"));
    }
    if let Some(list) = list(name) {
        let opened = File::open(list).map_err(|error| Failure::new(format!("cannot open: {error}")));
        return opened.and_then(|mut file| listed(&mut file)).map_err(about);
    }
    match fs::metadata(name) {
        Ok(found) if found.is_dir() && !maps::is_hips(name) => in_folder(name).map_err(about),
        Ok(_) => Ok(vec![name.to_owned()]),
        // A name that is no file may be a pattern; if it is none either, opening it says what is wrong.
        Err(_) => match name.to_str().filter(|text| text.contains(['*', '?', '['])) {
            Some(pattern) => matching(pattern).map_err(about),
            None => Ok(vec![name.to_owned()]),
        },
    }
}

/// The names in a list: one a line.
fn listed(list: &mut dyn Read) -> Result<Vec<PathBuf>, Failure> {
    let mut bytes = Vec::new();
    list.read_to_end(&mut bytes).map_err(|error| Failure::new(format!("cannot read: {error}")))?;
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let names = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    let names: Vec<PathBuf> = names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect();
    if names.is_empty() { Err(Failure::new("the list names no file")) } else { Ok(names) }
}

/// Endings of the names of FITS files; `.gz` and `.fz` may follow.
const FITS: [&str; 3] = ["fits", "fit", "fts"];

fn is_fits(path: &Path) -> bool {
    let ends = |path: &Path, endings: &[&str]| {
        let ending = path.extension().and_then(OsStr::to_str);
        ending.is_some_and(|ending| endings.iter().any(|known| ending.eq_ignore_ascii_case(known)))
    };
    let compressed = ends(path, &["gz", "fz"]).then(|| path.with_extension(""));
    ends(compressed.as_deref().unwrap_or(path), &FITS)
}

/// The FITS files in a folder, in the order of their names; not those in folders in it.
fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let io = |error| Failure::new(format!("cannot list the folder: {error}"));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"."));
        if is_fits(&path) && !hidden && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::new("the folder holds no FITS file (.fits, .fit, .fts, also with .gz or .fz)"));
    }
    Ok(files)
}

/// The files whose paths match a pattern, in the order of their names.
fn matching(pattern: &str) -> Result<Vec<PathBuf>, Failure> {
    let found = glob::glob(pattern).map_err(|error| Failure::new(format!("no such file, and no pattern: {error}")))?;
    let files: Result<Vec<PathBuf>, _> = found.collect();
    let files = files.map_err(|error| Failure::new(format!("cannot list: {error}")))?;
    let files: Vec<PathBuf> = files.into_iter().filter(|path| !path.is_dir()).collect();
    if files.is_empty() { Err(Failure::new("no such file, and no file matches it as a pattern")) } else { Ok(files) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_files_are_known_by_their_names() {
        for name in ["a.fits", "a.FIT", "b.c.fts", "a.fits.gz", "a.fits.fz", "a.fit.GZ"] {
            assert!(is_fits(Path::new(name)), "{name}");
        }
        for name in ["a", "a.gz", "a.fz", "fits", ".fits", "a.txt.gz", "a.fits.bz2", "a.fits~"] {
            assert!(!is_fits(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn lists_have_a_name_a_line() {
        let names = listed(&mut &b"# night 1\r\n  a b.fits\r\n\n\xff.fits\n#c.fits\nd#.fits"[..]).unwrap();
        let expected: [&[u8]; 3] = [b"a b.fits", b"\xff.fits", b"d#.fits"];
        assert_eq!(names, expected.map(|name| PathBuf::from(OsStr::from_bytes(name))));
        assert!(listed(&mut &b"\n# nothing\n"[..]).is_err());
    }
}
