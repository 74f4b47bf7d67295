//! The cells of a grid: a quadtree over the output, the polynomials of its cells and the exact coordinates of its smallest ones.

use crate::map::polynomial::Polynomial;
use crate::map::rectangle::{Rectangle, intersection};

/// Side of the largest cells, output pixels.
pub(super) const LARGEST: f64 = 512.0;
/// Side of the smallest cells, output pixels: sampling anything smaller costs more than evaluating its pixels exactly.
pub(super) const SMALLEST: f64 = 16.0;
pub(super) const LEAF: usize = SMALLEST as usize;
/// The error at the check points has to be this many times smaller than the bound, so that what lies between them stays within.
pub(super) const SAFETY: f64 = 4.0;
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell {
    /// Does not meet the window.
    Unbuilt,
    /// Four quarters from this index on: (left, low), (right, low), (left, high), (right, high).
    Split(usize),
    Polynomial(usize),
    /// Smallest cell; the exact coordinates of its pixel centres start at this index.
    Exact(usize),
    /// No position in it falls into the padded input.
    Outside,
}

/// A cell's place: its low edges (half a pixel before the centre of its first pixel) and side, output pixels.
#[derive(Clone, Copy)]
pub(super) struct Square {
    pub(super) low: [f64; 2],
    pub(super) size: f64,
}

impl Square {
    pub(super) fn x(&self) -> [f64; 2] {
        [self.low[0], self.low[0] + self.size]
    }

    pub(super) fn y(&self) -> [f64; 2] {
        [self.low[1], self.low[1] + self.size]
    }

    pub(super) fn quarter(&self, k: usize) -> Square {
        let size = 0.5 * self.size;
        let low = [self.low[0] + size * (k % 2) as f64, self.low[1] + size * (k / 2) as f64];
        Square { low, size }
    }

    /// The part in an area, unless they share an edge at most.
    pub(super) fn clip(&self, area: &Rectangle) -> Option<Rectangle> {
        intersection(&[self.x(), self.y()], area).filter(|part| part.iter().all(|range| range[0] < range[1]))
    }
}

/// What a grid is for.
#[derive(Clone, Copy)]
pub(super) struct Region {
    /// Output positions that will be asked for.
    pub(super) area: Rectangle,
    /// The same without the margin.
    pub(super) window: Rectangle,
    /// The input enlarged by the pad.
    pub(super) input: Rectangle,
    /// The bound on the error of the polynomials, input pixels.
    pub(super) bound: f64,
}

/// The cells that meet the area of a grid, and what is known of each.
pub(super) struct CellTree {
    /// First top cell along x and y, in units of cells, and their numbers.
    origin: [f64; 2],
    count: [usize; 2],
    /// The top cells, row by row, then quarters in fours.
    pub(super) cells: Vec<Cell>,
    pub(super) polynomials: Vec<Polynomial>,
    pub(super) centres_x: Vec<f64>,
    pub(super) centres_y: Vec<f64>,
}

impl CellTree {
    /// The top cells of an area; none if there is nothing to cover.
    pub(super) fn new(area: &Rectangle, is_empty: bool) -> CellTree {
        let origin = area.map(|range| top_cell(range[0]));
        let count = if is_empty {
            [0, 0]
        } else {
            [0, 1].map(|axis| {
                let last = ((area[axis][1] + 0.5) / LARGEST).ceil();
                (last - origin[axis]) as usize
            })
        };
        CellTree {
            origin,
            count,
            cells: vec![Cell::Unbuilt; count[0] * count[1]],
            polynomials: Vec::new(),
            centres_x: Vec::new(),
            centres_y: Vec::new(),
        }
    }

    /// The top cells: index and place.
    pub(super) fn top(&self) -> impl Iterator<Item = (usize, Square)> + '_ {
        (0..self.count[0] * self.count[1]).map(|cell| (cell, self.top_square(cell)))
    }

    fn top_square(&self, cell: usize) -> Square {
        let (column, row) = (cell % self.count[0], cell / self.count[0]);
        let low = [self.origin[0] + column as f64, self.origin[1] + row as f64].map(|k| k * LARGEST - 0.5);
        Square { low, size: LARGEST }
    }

    /// The cell of a position and the cell's right edge.
    pub(super) fn locate(&self, x: f64, y: f64) -> (Cell, f64) {
        let top = [top_cell(x), top_cell(y)];
        let (column, row) = (top[0] - self.origin[0], top[1] - self.origin[1]);
        let inside = |k: f64, n: usize| k >= 0.0 && k < n as f64;
        if !inside(column, self.count[0]) || !inside(row, self.count[1]) {
            return (Cell::Unbuilt, f64::NEG_INFINITY);
        }
        let mut cell = self.cells[row as usize * self.count[0] + column as usize];
        let mut square = Square { low: top.map(|k| k * LARGEST - 0.5), size: LARGEST };
        while let Cell::Split(first) = cell {
            let half = 0.5 * square.size;
            let k = usize::from(x >= square.low[0] + half) + 2 * usize::from(y >= square.low[1] + half);
            square = square.quarter(k);
            cell = self.cells[first + k];
        }
        (cell, square.low[0] + square.size)
    }

    /// Copies the coordinates of pixel centres in a smallest cell; `false` if the positions are not pixel centres.
    pub(super) fn centres(&self, at: usize, x: f64, y: f64, xs: &mut [f64], ys: &mut [f64]) -> bool {
        if x.fract() != 0.0 || y.fract() != 0.0 {
            return false;
        }
        let from = at + y.rem_euclid(SMALLEST) as usize * LEAF + x.rem_euclid(SMALLEST) as usize;
        xs.copy_from_slice(&self.centres_x[from..from + xs.len()]);
        ys.copy_from_slice(&self.centres_y[from..from + ys.len()]);
        true
    }
}

/// Index of the top cell of a position: the largest `k` with `k · LARGEST - 0.5 <= x`.
fn top_cell(x: f64) -> f64 {
    let k = ((x + 0.5) / LARGEST).floor();
    // Adding a half may round up to the next cell's edge.
    if x < k * LARGEST - 0.5 { k - 1.0 } else { k }
}

/// Whole pixels in a part of a cell, both of which end between pixels.
pub(super) fn pixels(part: Option<Rectangle>) -> u64 {
    part.map_or(0, |[x, y]| ((x[1] - x[0]) * (y[1] - y[0])) as u64)
}
