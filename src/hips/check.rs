//! Whether a folder is a HiPS: what HiPS 1.0 asks for, and whether its tiles are whole.

use std::{
    collections::BTreeSet,
    fmt, fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use super::{
    format::HipsFormat,
    grid::{HipsGrid, HipsTile},
    properties::HipsProperties,
    tile::from_fits,
    tree::Tree,
};
use crate::{Error, Parallel, threads::ThreadPool};

/// What [`check_hips`] found wrong with a HiPS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct HipsProblem {
    /// The file or folder, in the folder of the HiPS.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for HipsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

/// Keywords without which a HiPS is none (HiPS 1.0, section 4.4.1).
const MANDATORY: [&str; 9] = [
    "creator_did",
    "obs_title",
    "dataproduct_type",
    "hips_version",
    "hips_release_date",
    "hips_status",
    "hips_tile_format",
    "hips_order",
    "hips_frame",
];

/// Checks a HiPS of images, whoever made it: its properties, that its tiles are where they belong and have a tile above them in the order above, that each has a file
/// of every format, and that all files can be read and have `hips_tile_width`² pixels. Of JPEG and WebP tiles it is checked that they begin and, JPEG, end as such.
///
/// Returns what is wrong, by path; nothing if all is well.
///
/// # Errors
/// [`Error::Io`] if the folder or its properties cannot be read.
pub fn check_hips(dir: impl AsRef<Path>, parallel: Parallel) -> Result<Vec<HipsProblem>, Error> {
    let properties = HipsProperties::read(&dir)?;
    let problem = |path: &Path, problem: String| HipsProblem { path: path.to_owned(), problem };
    let about_properties = |text: String| problem(Path::new("properties"), text);
    let mut problems = Vec::new();
    let missing = MANDATORY.iter().filter(|keyword| properties.get(keyword).is_none_or(str::is_empty));
    problems.extend(missing.map(|keyword| about_properties(format!("{keyword} is missing"))));
    let mut known =
        |result: Result<(), Error>| problems.extend(result.err().map(|error| about_properties(error.to_string())));
    let (order, width, frame) = (properties.order(), properties.tile_width(), properties.frame());
    if let (Ok(order), Ok(width), Ok(frame)) = (&order, &width, &frame) {
        known(HipsGrid::new(*order, *width, frame).map(drop));
    }
    known(frame.map(drop));
    let (Ok(order), Ok(width)) = (&order, &width) else {
        known(order.map(drop));
        known(width.map(drop));
        return Ok(problems);
    };
    let mut formats = Vec::new();
    for word in properties.formats() {
        match [HipsFormat::Fits, HipsFormat::Png, HipsFormat::Jpeg, HipsFormat::Webp]
            .into_iter()
            .find(|format| format.extension() == word)
        {
            Some(format) => formats.push(format),
            None => {
                problems.push(about_properties(format!("hips_tile_format: {word} is not a format of tiles of images")))
            }
        }
    }
    let tree = Tree::new(dir.as_ref());
    let pool = ThreadPool::new(parallel)?;
    let mut above: Option<BTreeSet<HipsTile>> = None;
    for order in 0..=*order {
        let by_format: Vec<(HipsFormat, BTreeSet<HipsTile>)> = formats
            .iter()
            .map(|format| Ok((*format, tree.tiles(order, *format)?.into_iter().collect())))
            .collect::<Result<_, Error>>()?;
        let tiles: BTreeSet<HipsTile> = by_format.iter().flat_map(|(_, tiles)| tiles.iter().copied()).collect();
        for (format, with) in &by_format {
            let without = tiles.difference(with).map(|tile| tile.path(format.extension()));
            problems.extend(
                without.map(|path| problem(&path, "is missing; the tile has files of other formats".to_owned())),
            );
        }
        if let Some(above) = &above {
            let orphans = tiles.iter().filter(|tile| tile.parent().is_some_and(|parent| !above.contains(&parent)));
            problems.extend(orphans.map(|tile| {
                let path = tile.path(formats.first().map_or("", |format| format.extension()));
                problem(&path, "has no tile above it, in the order before".to_owned())
            }));
        }
        let files: Vec<(HipsTile, HipsFormat)> =
            by_format.iter().flat_map(|(format, tiles)| tiles.iter().map(|tile| (*tile, *format))).collect();
        let found = pool.map(files.len(), |k| {
            let Some((tile, format)) = files.get(k) else { return Ok(None) };
            let wrong = wrong_with(&tree.path(*tile, *format), *format, *width);
            Ok(wrong.map(|text| problem(&tile.path(format.extension()), text)))
        })?;
        problems.extend(found.into_iter().flatten());
        problems.extend(strangers(&tree, order, &formats)?);
        // A HiPS may begin with an order below 0.
        above = (!tiles.is_empty() || above.is_some()).then_some(tiles);
    }
    if above.is_none_or(|finest| finest.is_empty()) {
        problems.push(problem(
            Path::new(&format!("Norder{order}")),
            "has no tiles, although it is the finest order".to_owned(),
        ));
    }
    problems.sort();
    Ok(problems)
}

/// What is wrong with the file of a tile.
fn wrong_with(path: &Path, format: HipsFormat, width: usize) -> Option<String> {
    if format == HipsFormat::Fits {
        return from_fits(path, width).err().map(|error| error.to_string());
    }
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return Some(format!("cannot be read: {error}")),
    };
    match format {
        HipsFormat::Png => png_problem(&bytes, width),
        HipsFormat::Jpeg => {
            let whole = bytes.starts_with(&[0xff, 0xd8]) && bytes.ends_with(&[0xff, 0xd9]);
            (!whole).then(|| "is not a whole JPEG file".to_owned())
        }
        _ => {
            let length = bytes.get(4..8).and_then(|length| Some(u32::from_le_bytes(length.try_into().ok()?)));
            let whole = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
            let whole = whole && length.is_some_and(|length| u64::from(length) + 8 <= bytes.len() as u64);
            (!whole).then(|| "is not a whole WebP file".to_owned())
        }
    }
}

fn png_problem(bytes: &[u8], width: usize) -> Option<String> {
    let decoded = png::Decoder::new(Cursor::new(bytes)).read_info().and_then(|mut reader| {
        let info = reader.info();
        let size = [info.width as usize, info.height as usize];
        if size == [width, width] {
            let mut pixels = vec![0; reader.output_buffer_size().unwrap_or(0)];
            reader.next_frame(&mut pixels)?;
        }
        Ok(size)
    });
    match decoded {
        Ok([nx, ny]) if [nx, ny] != [width, width] => {
            Some(format!("has {nx} × {ny} pixels, hips_tile_width is {width}"))
        }
        Ok(_) => None,
        Err(error) => Some(format!("is not a whole PNG file: {error}")),
    }
}

/// Files with the ending of a tile that are none, or not in the folder where it would be looked for.
fn strangers(tree: &Tree, order: u8, formats: &[HipsFormat]) -> Result<Vec<HipsProblem>, Error> {
    let mut found = Vec::new();
    for format in formats {
        for path in tree.misplaced(order, *format)? {
            let path = path.strip_prefix(tree.root()).map_or(path.clone(), Path::to_owned);
            found.push(HipsProblem { path, problem: "is not a tile of this order and folder".to_owned() });
        }
    }
    Ok(found)
}
