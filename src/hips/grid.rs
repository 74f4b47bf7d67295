//! The tiles of a HiPS: their files, and where they are in the plane.

use std::path::PathBuf;

use cdshealpix::nested::zordercurve::get_zoc;

use crate::{
    Error, Header, Wcs, Window,
    healpix::{Plane, square_of},
    wcs::Frame,
};

/// Largest order of HEALPix with 64-bit numbers.
const MAX_ORDER: u8 = 29;
/// Side of a HEALPix pixel of order 0 in degrees: the square root of its area.
pub(super) const CELL: f64 = 58.632_301_422_6;
/// Tiles in a folder.
const IN_FOLDER: u64 = 10_000;

/// A tile of a HiPS: the HEALPix pixel, in NESTED order, that it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HipsTile {
    order: u8,
    number: u64,
}

impl HipsTile {
    /// The tile of a number, counted from 0 to 12 · 4^`order` - 1; `None` if there is none.
    #[must_use]
    pub fn new(order: u8, number: u64) -> Option<HipsTile> {
        (order <= MAX_ORDER && number < 12 << (2 * order)).then_some(HipsTile { order, number })
    }

    /// The order.
    #[must_use]
    pub fn order(&self) -> u8 {
        self.order
    }

    /// The number of the HEALPix pixel.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The tile of the order above that this is a quarter of; `None` of order 0.
    #[must_use]
    pub fn parent(&self) -> Option<HipsTile> {
        Some(HipsTile { order: self.order.checked_sub(1)?, number: self.number / 4 })
    }

    /// The quarters, in the order below; `None` of order 29. In the array of a FITS tile (row 0 first) quarter 0 is the one of the last rows and first
    /// columns; 1 lies below it, at the first rows; 2 and 3 are to their right.
    #[must_use]
    pub fn children(&self) -> Option<[HipsTile; 4]> {
        let child = |k| HipsTile { order: self.order + 1, number: 4 * self.number + k };
        (self.order < MAX_ORDER).then(|| [child(0), child(1), child(2), child(3)])
    }

    /// The file of the tile in the folder of its HiPS: `Norder3/Dir0/Npix276.fits`. `extension` is written without a dot.
    #[must_use]
    pub fn path(&self, extension: &str) -> PathBuf {
        let HipsTile { order, number } = self;
        let folder = number / IN_FOLDER * IN_FOLDER;
        [format!("Norder{order}"), format!("Dir{folder}"), format!("Npix{number}.{extension}")].iter().collect()
    }

    /// Base cell, and column and row of the tile in it, in its plane.
    fn place(&self) -> (u64, [usize; 2]) {
        let curve = get_zoc(self.order);
        let within = curve.h2ij(self.number & ((1 << (2 * self.order)) - 1));
        let (x, y) = (curve.ij2i(within) as usize, curve.ij2j(within) as usize);
        (self.number >> (2 * self.order), [y, (1 << self.order) - 1 - x])
    }
}

/// All tiles of an order of a HiPS, and the plane of which they are windows: HPX around longitude and latitude 0, turned by 45°, of
/// (5 · 2^order · width)² pixels.
///
/// In the plane the base cells of HEALPix are upright squares; 13 squares of the 5 × 5 have no place on the sky. Base cell 6, which longitude 180° halves, is
/// whole in the square of the first rows and columns. The rows of a window are those of a FITS tile; tiles in PNG, JPEG and WebP start with the last row.
///
/// ```
/// use skymosaic::{Frame, HipsGrid, HipsTile};
///
/// let grid = HipsGrid::new(3, 512, &Frame::Icrs)?;
/// let tile = HipsTile::new(3, 276).ok_or("no such tile")?;
/// let window = grid.window(tile).ok_or("of another order")?;
/// assert_eq!((window.nx, window.ny), (512, 512));
/// assert_eq!(grid.tile_at(window.x0 + 511, window.y0), Some(tile));
/// assert_eq!(tile.path("fits").to_str(), Some("Norder3/Dir0/Npix276.fits"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct HipsGrid {
    order: u8,
    width: usize,
    /// Of the plane.
    header: Header,
    wcs: Wcs,
}

impl HipsGrid {
    /// The grid of an order, of tiles with `width` pixels along their sides, in [`Frame::Icrs`], [`Frame::Galactic`] or the ecliptic of 2000.
    ///
    /// # Errors
    /// [`Error::Option`] unless `width` is a power of two from 64 to 1024, pixels are of order 29 at most, and the frame is one that a HiPS can have.
    pub fn new(order: u8, width: usize, frame: &Frame) -> Result<HipsGrid, Error> {
        let refuse = |option, got: String, expected: String| Err(Error::Option { option, got, expected });
        if !(width.is_power_of_two() && (64..=1024).contains(&width)) {
            return refuse("hips_tile_width", width.to_string(), "64, 128, 256, 512 or 1024".to_owned());
        }
        let finest = MAX_ORDER - width.trailing_zeros() as u8;
        if order > finest {
            let expected = format!("an order up to {finest}, whose tiles of {width}² pixels have pixels of order 29");
            return refuse("hips_order", order.to_string(), expected);
        }
        if frame_name(frame).is_none() {
            let expected = "equatorial (ICRS), galactic or ecliptic (of 2000) coordinates".to_owned();
            return refuse("hips_frame", format!("{frame:?}"), expected);
        }
        let plane = Plane::new((width as u64) << order, 0);
        let wcs = plane.wcs(frame)?;
        let wcs = wcs.clone().with_whole_cells().unwrap_or(wcs);
        Ok(HipsGrid { order, width, header: plane.header(frame), wcs })
    }

    /// The order.
    #[must_use]
    pub fn order(&self) -> u8 {
        self.order
    }

    /// Pixels along the side of a tile.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Columns, and rows, of the plane.
    #[must_use]
    pub fn side(&self) -> usize {
        5 * self.cell()
    }

    /// The coordinates of the plane's pixels, with its shape. Its header is that of an HPX plane; base cell 6 is whole in the `Wcs` alone.
    #[must_use]
    pub fn wcs(&self) -> &Wcs {
        &self.wcs
    }

    /// The window of the plane that a tile is; `None` if it is of another order.
    #[must_use]
    pub fn window(&self, tile: HipsTile) -> Option<Window> {
        let (face, [column, row]) = tile.place();
        let start = |square: i64, within: usize| (square + 2) as usize * self.cell() + within * self.width;
        let [a, b] = square_of(face);
        (tile.order == self.order).then(|| Window::new(start(a, column), start(b, row), self.width, self.width))
    }

    /// The tile that holds a pixel of the plane; `None` where the plane has no place on the sky.
    #[must_use]
    pub fn tile_at(&self, x: usize, y: usize) -> Option<HipsTile> {
        let square = [x, y].map(|c| (c / self.cell()) as i64 - 2);
        let face = (0..12).find(|face| square_of(*face) == square)?;
        let [column, row] = [x, y].map(|c| (c % self.cell() / self.width) as u32);
        let within = get_zoc(self.order).ij2h((1 << self.order) - 1 - row, column);
        HipsTile::new(self.order, (face << (2 * self.order)) | within)
    }

    /// The coordinates of a tile's pixels as cards, for any program that knows HPX: that of base cell 6 is halved by longitude 180°, and tiles of its left
    /// half are where that is in an ordinary HPX plane.
    pub(super) fn tile_header(&self, tile: HipsTile) -> Header {
        let (face, [column, row]) = tile.place();
        let left = face == 6 && column + row + 2 <= 1 << self.order;
        let shift = if left { 4 * self.cell() } else { 0 };
        let window = self.window(tile).unwrap_or_default();
        let mut header = self.header.clone();
        for (keyword, first) in [("CRPIX1", window.x0), ("CRPIX2", window.y0)] {
            header.set(keyword, 0.5 * self.side() as f64 + 0.5 - (first + shift) as f64, "");
        }
        header
    }

    /// Pixels along the side of a base cell.
    fn cell(&self) -> usize {
        self.width << self.order
    }
}

/// What `hips_frame` calls a frame.
pub(crate) fn frame_name(frame: &Frame) -> Option<&'static str> {
    match frame {
        Frame::Icrs => Some("equatorial"),
        Frame::Galactic => Some("galactic"),
        Frame::Ecliptic { equinox } if *equinox == 2000.0 => Some("ecliptic"),
        _ => None,
    }
}
