//! The folder of a HiPS: its files, written whole.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{format::HipsFormat, grid::HipsTile};
use crate::Error;

/// Ending of the names of files that are being written.
const UNFINISHED: &str = "part";

/// A folder with the tree of tiles.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    root: PathBuf,
}

impl Tree {
    pub(super) fn new(root: impl Into<PathBuf>) -> Tree {
        Tree { root: root.into() }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn path(&self, tile: HipsTile, format: HipsFormat) -> PathBuf {
        self.root.join(tile.path(format.extension()))
    }

    pub(super) fn has(&self, tile: HipsTile, format: HipsFormat) -> bool {
        self.path(tile, format).exists()
    }

    /// Whether a tile has a file that is not the one, or a link to it, of another tree.
    pub(super) fn has_own(&self, tile: HipsTile, format: HipsFormat, other: &Tree) -> bool {
        let file = |tree: &Tree| tree.path(tile, format).metadata().ok().map(|found| (found.dev(), found.ino()));
        let own = file(self);
        own.is_some() && own != file(other)
    }

    /// Removes the pictures of a tile.
    pub(super) fn remove_pictures(&self, tile: HipsTile) -> Result<(), Error> {
        for format in [HipsFormat::Png, HipsFormat::Jpeg, HipsFormat::Webp] {
            let path = self.path(tile, format);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io(&path, "remove", error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes a file of the folder, which has its name when it is whole. Its way to the disk is not waited for.
    pub(super) fn write(&self, name: impl AsRef<Path>, bytes: &[u8]) -> Result<(), Error> {
        let path = self.root.join(name);
        let mut unfinished = path.clone().into_os_string();
        unfinished.push(format!(".{UNFINISHED}"));
        let unfinished = PathBuf::from(unfinished);
        let written = match fs::write(&unfinished, bytes) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = path.parent().unwrap_or(&self.root);
                fs::create_dir_all(folder).and_then(|()| fs::write(&unfinished, bytes))
            }
            written => written,
        };
        written.and_then(|()| fs::rename(&unfinished, &path)).map_err(|error| Error::io(&path, "write", error))
    }

    pub(super) fn write_tile(&self, tile: HipsTile, format: HipsFormat, bytes: &[u8]) -> Result<(), Error> {
        self.write(tile.path(format.extension()), bytes)
    }

    /// All tiles of an order that have a file of this format, in order. Files with other names are passed over.
    pub(super) fn tiles(&self, order: u8, format: HipsFormat) -> Result<Vec<HipsTile>, Error> {
        let files = self.files(order, format)?;
        let mut found: Vec<HipsTile> = files.iter().filter_map(|file| self.tile_of(file, order, format)).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// The files of an order with the ending of a format that are not those of a tile.
    pub(super) fn misplaced(&self, order: u8, format: HipsFormat) -> Result<Vec<PathBuf>, Error> {
        let mut files = self.files(order, format)?;
        files.retain(|file| self.tile_of(file, order, format).is_none());
        Ok(files)
    }

    /// The files with the ending of a format in the folders of an order.
    fn files(&self, order: u8, format: HipsFormat) -> Result<Vec<PathBuf>, Error> {
        let mut found = Vec::new();
        for dir in entries(&self.root.join(format!("Norder{order}")))? {
            if dir.is_dir() {
                found.extend(entries(&dir)?);
            }
        }
        found.retain(|file| file.extension().is_some_and(|extension| extension == format.extension()));
        Ok(found)
    }

    /// The tile that a file is the one of.
    fn tile_of(&self, file: &Path, order: u8, format: HipsFormat) -> Option<HipsTile> {
        let number = file.file_stem()?.to_str()?.strip_prefix("Npix")?.parse().ok()?;
        HipsTile::new(order, number).filter(|tile| file == self.path(*tile, format))
    }

    /// All tiles up to an order that have a file of this format, by order.
    pub(super) fn all_tiles(&self, order: u8, format: HipsFormat) -> Result<Vec<HipsTile>, Error> {
        let orders: Vec<Vec<HipsTile>> =
            (0..=order).map(|order| self.tiles(order, format)).collect::<Result<_, _>>()?;
        Ok(orders.concat())
    }

    /// Removes all tiles of a format.
    pub(super) fn remove_all(&self, order: u8, format: HipsFormat) -> Result<(), Error> {
        for tile in self.all_tiles(order, format)? {
            let path = self.path(tile, format);
            fs::remove_file(&path).map_err(|error| Error::io(&path, "remove", error))?;
        }
        Ok(())
    }

    /// Kilobytes that files of tiles take.
    pub(super) fn kilobytes(&self, tiles: &[HipsTile], formats: &[HipsFormat]) -> u64 {
        let files = tiles.iter().flat_map(|tile| formats.iter().map(|format| self.path(*tile, *format)));
        files.filter_map(|path| Some(path.metadata().ok()?.len())).sum::<u64>() / 1024
    }
}

/// What is in a folder; nothing if there is none.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |error| Error::io(folder, "list", error);
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(failed)?.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect(),
    }
}
