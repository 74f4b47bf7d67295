//! The all-sky HPX plane turned by 45°: base cells are upright squares of `nside`² pixels, and the pixels are those of the HEALPix map.
//!
//! ```text
//!  b = 2  6 0           a to the right, b upwards, of 5 × 5 squares
//!      1  9 5 1         12 base cells; 6 is cut along a diagonal by longitude 180°, and each half is at an end
//!      0  . . 4 ...
//! ```
//!
//! The orientation is that of HiPS tiles in FITS files: columns go to the north-west, rows to the south-west, so HEALPix's y is the column and its x
//! the row from the top.

use std::ops::Range;

use crate::{Error, Header, Wcs, Window, wcs::Frame};

/// The plane, of 5 × 5 squares or with a margin of squares around them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plane {
    nside: u64,
    /// Squares on each side beyond the 5 × 5.
    margin: u64,
}

impl Plane {
    pub(crate) fn new(nside: u64, margin: u64) -> Plane {
        Plane { nside, margin }
    }

    /// Columns, and rows.
    pub(crate) fn side(&self) -> usize {
        ((5 + 2 * self.margin) * self.nside) as usize
    }

    /// The coordinates of the plane's pixels.
    pub(crate) fn wcs(&self, frame: &Frame) -> Result<Wcs, Error> {
        Ok(Wcs::from_header(&self.header(frame))?.with_shape([self.side(); 2]))
    }

    /// The coordinates of the plane's pixels as cards.
    pub(crate) fn header(&self, frame: &Frame) -> Header {
        let mut header = Header::new();
        let (lon, lat) = frame.axis_types();
        header.set("CTYPE1", format!("{lon:-<5}HPX"), "");
        header.set("CTYPE2", format!("{lat:-<5}HPX"), "");
        let step = 45.0 / self.nside as f64;
        for (keyword, value) in [("CD1_1", -step), ("CD1_2", -step), ("CD2_1", step), ("CD2_2", -step)] {
            header.set(keyword, value, "");
        }
        for axis in 1..=2 {
            header.set(&format!("CRPIX{axis}"), 0.5 * self.side() as f64 + 0.5, "");
            header.set(&format!("CRVAL{axis}"), 0.0, "");
            header.set(&format!("NAXIS{axis}"), self.side() as i64, "");
        }
        header.set("PV2_1", 4.0, "");
        header.set("PV2_2", 3.0, "");
        frame.write(&mut header);
        header
    }

    /// Square, and column and row in it.
    fn place(&self, x: usize, y: usize) -> ([i64; 2], [u64; 2]) {
        let half = (2 + self.margin) as i64;
        let (x, y) = (x as u64, y as u64);
        ([(x / self.nside) as i64 - half, (y / self.nside) as i64 - half], [x % self.nside, y % self.nside])
    }

    /// Whether a pixel of a square that has a base cell shows the sky. Of the pixels along longitude 180°, which the plane has twice, those do that it
    /// has at +180° and not at -180°.
    pub(super) fn owns(&self, square: [i64; 2], [column, row]: [u64; 2]) -> bool {
        let past = column + row + 1;
        match square {
            [-2, -2] => past >= self.nside,
            [2, 2] => past < self.nside,
            [a, b] => a.abs() <= 2 && b.abs() <= 2,
        }
    }

    /// Cuts a window along the edges of squares and into the blocks of `side`² pixels that each square consists of.
    pub(crate) fn pieces(&self, window: Window, side: u64) -> impl Iterator<Item = Piece> {
        let half = (2 + self.margin) as i64;
        let nside = self.nside;
        let cuts = move |start: usize, count: usize| {
            let (mut at, end) = (start as u64, (start + count) as u64);
            let mut cuts = Vec::new();
            while at < end {
                let within = at % nside;
                let next = (at + side - within % side).min(at + nside - within).min(end);
                cuts.push(((at / nside) as i64 - half, within, at as usize..next as usize));
                at = next;
            }
            cuts
        };
        let columns = cuts(window.x0, window.nx);
        cuts(window.y0, window.ny).into_iter().flat_map(move |(b, row, y)| {
            let pieces = columns.clone().into_iter().map(move |(a, column, x)| {
                let block = face_of([a, b]).map(|face| [face, row / side, column / side]);
                Piece { square: [a, b], block, x, y: y.clone(), cell: [column, row] }
            });
            pieces.collect::<Vec<_>>()
        })
    }

    /// The HEALPix pixel, as base cell, x and y, at a pixel of the plane, with the gaps of the plane filled by what follows on the sky across the edge that is nearest: a kernel sees no seams. A
    /// gap between base cells of a cap has the neighbour turned by a quarter about the corner that both share, the squares beyond the poles the
    /// base cell on the other side.
    pub(crate) fn continued(&self, x: usize, y: usize) -> Option<[u64; 3]> {
        let ([a, b], [column, row]) = self.place(x, y);
        let last = self.nside - 1;
        let (right, down) = (last - column, last - row);
        let (square, column, row) = match a - b {
            -1..=1 => ([a, b], column, row),
            // North: the shared corner is at the upper left.
            2 if column <= down => ([a, b + 1], down, column),
            2 => ([a - 1, b], last - down, last - column),
            // South: the shared corner is at the lower right.
            -2 if right <= row => ([a, b - 1], last - row, last - right),
            -2 => ([a + 1, b], row, right),
            // Beyond the poles, two base cells on.
            3 => ([a - 3, b - 1], right, down),
            -3 => ([a - 1, b - 3], right, down),
            _ => return None,
        };
        Some([face_of(square)?, last - row, column])
    }
}

/// A part of a window of the plane that lies in one block of one square.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(super) square: [i64; 2],
    /// Base cell, row and column of the block; none in squares that have no base cell.
    pub(crate) block: Option<[u64; 3]>,
    /// Columns and rows of the plane.
    x: Range<usize>,
    y: Range<usize>,
    /// Column and row of the first pixel in its square.
    cell: [u64; 2],
}

impl Piece {
    /// Column and row of the plane where each row starts, and its pixels.
    #[cfg(feature = "hips")]
    pub(crate) fn rows(&self) -> impl Iterator<Item = ([usize; 2], usize)> {
        self.y.clone().map(|y| ([self.x.start, y], self.x.len()))
    }

    /// The pixels: column and row of the plane, and of the square.
    pub(crate) fn pixels(&self) -> impl Iterator<Item = ([usize; 2], [u64; 2])> {
        let [column, row] = self.cell;
        self.y
            .clone()
            .zip(row..)
            .flat_map(move |(y, row)| self.x.clone().zip(column..).map(move |(x, column)| ([x, y], [column, row])))
    }
}

/// The square that has a base cell: of base cell 6, which longitude 180° halves, the one with its right half.
#[cfg(feature = "hips")]
pub(crate) fn square_of(face: u64) -> [i64; 2] {
    let along = match face % 4 {
        3 => 1,
        quarter => -(quarter as i64),
    };
    match face / 4 {
        0 if along == -2 => [2, 1],
        0 => [along, along - 1],
        1 => [along, along],
        _ if along == -2 => [1, 2],
        _ => [along - 1, along],
    }
}

/// The base cell of a square. Beyond longitude ±180° they repeat.
fn face_of([a, b]: [i64; 2]) -> Option<u64> {
    match a - b {
        1 => Some((-a).rem_euclid(4) as u64),
        0 => Some(4 + (-a).rem_euclid(4) as u64),
        -1 => Some(8 + (-b).rem_euclid(4) as u64),
        _ => None,
    }
}
