//! HiPS as inputs of a mosaic: FITS tiles, read when they are needed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{grid::HipsTile, properties::HipsProperties};
use crate::{
    BlockRequest, Error, FitsImage, Hdu, HealpixGrid, HealpixOrder, Input, Pixel, PixelSource, PixelType, PixelsMut,
    ReadContext, Wcs, Window,
    healpix::{Plane, SOURCE_MARGIN},
    pixel::PixelsRef,
    wcs::Frame,
};

/// An order of a HiPS as the all-sky HPX image turned by 45°, whose gaps continue what is beside them.
#[derive(Debug)]
struct HipsSource {
    folder: PathBuf,
    order: u8,
    /// The tiles as the pixels of a map.
    tiles: HealpixGrid,
    width: usize,
    plane: Plane,
    shape: [usize; 2],
    element: PixelType,
    is_exact_in_f32: bool,
}

/// Pixels of a tile, and where they are wanted: so many from an index of the tile on, to an index of the output.
struct Run {
    tile: u64,
    from: usize,
    to: usize,
    count: usize,
}

impl HipsSource {
    fn open(folder: &Path, width: usize, order: u8) -> Result<HipsSource, Error> {
        let tiles = HealpixGrid::new(1_u64.checked_shl(order.into()).unwrap_or(0), HealpixOrder::Nested)?;
        let nside = tiles.nside() * width as u64;
        // Order and width together are not finer than HEALPix is.
        HealpixGrid::new(nside, HealpixOrder::Nested)?;
        let first = first_tile(folder, order)?.ok_or_else(|| no_tiles(folder, &format!("of order {order}")))?;
        let image = open_tile(&first, width)?;
        let plane = Plane::new(nside, SOURCE_MARGIN);
        Ok(HipsSource {
            folder: folder.to_owned(),
            order,
            tiles,
            width,
            plane,
            shape: [plane.side(); 2],
            element: image.pixel_type(),
            is_exact_in_f32: image.is_exact_in_f32(),
        })
    }

    /// The tile of a base cell that holds its pixel x, y, and the index of the pixel in it.
    fn at(&self, [face, x, y]: [u64; 3]) -> (u64, usize) {
        let width = self.width as u64;
        let [column, row] = [y % width, width - 1 - x % width];
        (self.tiles.of_cell(face, x / width, y / width), (row * width + column) as usize)
    }

    /// The tiles that hold the pixels of a window, piece by piece.
    fn runs(&self, window: Window) -> Vec<Run> {
        let mut runs = Vec::new();
        for piece in self.plane.pieces(window, self.width as u64) {
            let to = |[x, y]: [usize; 2]| (y - window.y0) * window.nx + x - window.x0;
            if piece.block.is_none() {
                // In the gaps between base cells, what continues them is turned.
                runs.extend(piece.pixels().filter_map(|([x, y], _)| {
                    let (tile, from) = self.at(self.plane.continued(x, y)?);
                    Some(Run { tile, from, to: to([x, y]), count: 1 })
                }));
                continue;
            }
            for (start, count) in piece.rows() {
                let pixel = self.plane.continued(start[0], start[1]).map(|pixel| self.at(pixel));
                runs.extend(pixel.map(|(tile, from)| Run { tile, from, to: to(start), count }));
            }
        }
        runs.sort_by_key(|run| run.tile);
        runs
    }

    /// Loads a tile; one that has no file is missing sky.
    fn load(&self, tile: u64, pixels: PixelsMut<'_>, run: &ReadContext<'_>) -> Result<(), Error> {
        let missing = || no_tiles(&self.folder, &format!("of order {}, number {tile}", self.order));
        let path = self.folder.join(HipsTile::new(self.order, tile).ok_or_else(missing)?.path("fits"));
        match open_tile(&path, self.width) {
            Err(Error::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                pixels.fill_with(|_| f64::NAN);
                Ok(())
            }
            image => image?.load_whole(pixels, run),
        }
    }
}

impl PixelSource for HipsSource {
    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn element(&self) -> PixelType {
        self.element
    }

    fn is_exact_in_f32(&self) -> bool {
        self.is_exact_in_f32
    }

    fn read(&self, _plane: usize, window: Window, mut out: PixelsMut<'_>, run: &ReadContext<'_>) -> Result<(), Error> {
        let double = matches!(out, PixelsMut::F64(_)) && !self.is_exact_in_f32;
        let runs = self.runs(window);
        let of_tile = |tile: u64| {
            let first = runs.partition_point(|run| run.tile < tile);
            runs.get(first..).unwrap_or_default().iter().take_while(move |run| run.tile == tile)
        };
        let mut wanted: Vec<BlockRequest> = runs
            .iter()
            .map(|run| BlockRequest {
                number: 2 * run.tile + u64::from(double),
                pixels: self.width * self.width,
                double,
                keep: false,
                scratch: 0,
            })
            .collect();
        wanted.dedup_by_key(|request| request.number);
        // Squares at the corners of the plane, which no kernel looks at, have no tiles.
        match &mut out {
            PixelsMut::F32(out) => out.fill(f32::NAN),
            PixelsMut::F64(out) => out.fill(f64::NAN),
        }
        run.blocks(&wanted, &mut |number, pixels| self.load(number / 2, pixels, run), &mut |number, pixels| {
            of_tile(number / 2).for_each(|run| copy(pixels, run, &mut out));
            Ok(())
        })
    }
}

fn copy(pixels: PixelsRef<'_>, run: &Run, out: &mut PixelsMut<'_>) {
    fn each<F: Pixel, P: Pixel>(from: &[F], run: &Run, to: &mut [P]) {
        let (from, to) = (from.get(run.from..run.from + run.count), to.get_mut(run.to..run.to + run.count));
        if let (Some(from), Some(to)) = (from, to) {
            from.iter().zip(to).for_each(|(from, to)| *to = P::from_f64(from.to_f64()));
        }
    }
    match (pixels, out) {
        (PixelsRef::F32(from), PixelsMut::F32(to)) => each(from, run, to),
        (PixelsRef::F32(from), PixelsMut::F64(to)) => each(from, run, to),
        (PixelsRef::F64(from), PixelsMut::F32(to)) => each(from, run, to),
        (PixelsRef::F64(from), PixelsMut::F64(to)) => each(from, run, to),
    }
}

fn open_tile(path: &Path, width: usize) -> Result<FitsImage, Error> {
    let image = FitsImage::open(path, &Hdu::First)?;
    match *image.shape() {
        [.., ny, nx] if [ny, nx] == [width; 2] && image.shape().iter().product::<usize>() == width * width => Ok(image),
        _ => Err(Error::Shape {
            what: format!("the tile {}", path.display()),
            got: image.shape().to_vec(),
            expected: format!("[{width}, {width}] as hips_tile_width says"),
        }),
    }
}

fn no_tiles(folder: &Path, which: &str) -> Error {
    let problem = format!("has no FITS tile {which}: a HiPS of pictures alone (png, jpg, webp) has no values");
    Error::Fits { path: folder.to_owned(), problem }
}

/// The names in a folder that are a word and a number, in the order of the numbers; none without the folder.
fn numbered(folder: &Path, word: &str, end: &str) -> Result<Vec<(u64, PathBuf)>, Error> {
    let about = |error| Error::io(folder, "read", error);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(about)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(about)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_prefix(word).and_then(|name| name.strip_suffix(end)).and_then(|text| text.parse().ok());
        found.extend(number.map(|number| (number, path)));
    }
    found.sort_unstable();
    Ok(found)
}

/// The FITS tile of the lowest number of an order.
fn first_tile(folder: &Path, order: u8) -> Result<Option<PathBuf>, Error> {
    for (_, folder) in numbered(&folder.join(format!("Norder{order}")), "Dir", "")? {
        if let Some((_, path)) = numbered(&folder, "Npix", ".fits")?.into_iter().next() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Finest order, width of tiles, and frame.
fn survey(folder: &Path) -> Result<(u8, usize, Frame), Error> {
    let properties = HipsProperties::read(folder)?;
    let about = |error: Error| Error::Fits { path: folder.join("properties"), problem: error.to_string() };
    Ok((
        properties.order().map_err(about)?,
        properties.tile_width().map_err(about)?,
        properties.frame().map_err(about)?,
    ))
}

impl Input<'_> {
    /// The FITS tiles of a HiPS on disk as an image of the whole sky, for every kernel that interpolates, of the order that suits a target: the first whose
    /// pixels are not larger than those that the target has at its reference point, or the finest that there is. Tiles without a file are missing sky. They are
    /// read when they are needed, and kept in the cache of the run.
    ///
    /// The pixels of a HiPS are those of a HEALPix map: all that is said of [`from_healpix`](Self::from_healpix) holds.
    ///
    /// # Errors
    /// [`Error::Io`] without a file `properties`; [`Error::Fits`] if it lacks order or frame, or if there are no FITS tiles.
    /// While the mosaic is made, errors of tiles name their files.
    pub fn from_hips(folder: impl AsRef<Path>, target: &Wcs) -> Result<Self, Error> {
        let folder = folder.as_ref();
        let (finest, width, frame) = survey(folder)?;
        // The pixels of an order cover 4 π / 12 nside² of the sphere.
        let scale = |order: u8| (std::f64::consts::PI / 3.0).sqrt().to_degrees() / ((width as u64) << order) as f64;
        let suits = |order: &u8| *order == finest || scale(*order) <= target.pixel_scale();
        let mut orders = (0..=finest).filter(suits);
        let order = orders.find_map(|order| match first_tile(folder, order) {
            Ok(None) => None,
            Ok(Some(_)) => Some(Ok(order)),
            Err(error) => Some(Err(error)),
        });
        let order = order.transpose()?.ok_or_else(|| no_tiles(folder, "of the order that hips_order says"))?;
        Self::from_tiles(folder, order, width, &frame)
    }

    /// The FITS tiles of one order of a HiPS, as [`from_hips`](Self::from_hips) has them.
    ///
    /// # Errors
    /// As [`from_hips`](Self::from_hips); [`Error::Keyword`] if pixels of this order would be smaller than HEALPix can be.
    pub fn from_hips_order(folder: impl AsRef<Path>, order: u8) -> Result<Self, Error> {
        let folder = folder.as_ref();
        let (_, width, frame) = survey(folder)?;
        Self::from_tiles(folder, order, width, &frame)
    }

    fn from_tiles(folder: &Path, order: u8, width: usize, frame: &Frame) -> Result<Self, Error> {
        let source = HipsSource::open(folder, width, order)?;
        let wcs = source.plane.wcs(frame)?;
        let name = format!("HiPS {} order {order}", folder.display());
        Ok(Self::from_source(Arc::new(source), wcs).named(name).for_interpolation_only())
    }
}
