//! Integrals over quadrilaterals about as large as a unit square, quickly.
//!
//! ```text
//! W(x, y) = sum of the pixels to the left of (x, y) in its row, in proportion
//! ∬ v dx dy = ∮ W dy = ∫ along the lower + right - upper - left edge                               (Green)
//! an edge crosses one line between pixels at most along each axis: three pieces, on each of which W is linear in x
//! W is that of v - r, where r is one pixel of the tile, and r × area is added in the end: a constant stays what it is
//! ```
//!
//! Each edge serves the two output pixels that it separates. Coordinates here are pixel coordinates plus a half: pixel (i, j) is
//! `[i, i + 1] × [j, j + 1]`.

use super::Patch;
use crate::{Pixel, plan::Window};

/// Side of the tiles over which W is summed up, anchored to the image's first pixel: so small that sums stay small and little is lost in differences.
pub(super) const TILE: usize = 64;
/// 1.5 · 2⁵²: the sum of it and a number has that number, rounded to an integer, in its lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// A pixel that a coordinate lies in, as a float; the even one on a line between two.
#[inline(always)]
fn cell(x: f64) -> f64 {
    (x - 0.5) + ROUND
}

/// Its number.
#[inline(always)]
fn number(cell: f64) -> u32 {
    cell.to_bits() as u32
}

/// Edges that are cut together.
const BATCH: usize = 32;
/// A length along an axis below which an edge is level, so that it crosses no line.
const LEVEL: f64 = 1e-100;

#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[inline(always)]
fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The sums W at the left sides of the pixels of a patch.
#[derive(Debug, Default)]
pub(super) struct RowSums {
    window: Window,
    /// Row by row; tile by tile a sum for each pixel and one for the end.
    sums: Vec<f64>,
    stride: usize,
    /// Tiles in a row, and the r of each.
    tiles: usize,
    references: Vec<f64>,
    /// Whether one of the 3 × 3 pixels from this one on is not finite; empty if all are. Those count as 0 in the sums.
    spoilt: Vec<bool>,
    cuts: Cuts,
}

impl RowSums {
    pub(super) fn bytes(&self) -> usize {
        (self.sums.capacity() + self.references.capacity()) * size_of::<f64>() + self.spoilt.capacity()
    }

    /// Sums up a patch, the window of which starts at multiples of [`TILE`].
    pub(super) fn fill<P: Pixel>(&mut self, patch: &Patch<'_, P>) {
        let Window { nx, ny, .. } = patch.window;
        self.window = patch.window;
        self.tiles = nx.div_ceil(TILE);
        self.stride = nx + self.tiles;
        self.sums.clear();
        self.sums.reserve(self.stride * ny);
        self.references.clear();
        self.spoilt.clear();
        for (y, row) in patch.pixels.chunks_exact(nx.max(1)).enumerate() {
            if y % TILE == 0 {
                let first = row.iter().step_by(TILE).map(|pixel| pixel.to_f64());
                self.references.extend(first.map(|value| if value.is_finite() { value } else { 0.0 }));
            }
            for (tile, pixels) in row.chunks(TILE).enumerate() {
                let reference = self.references.get(y / TILE * self.tiles + tile).map_or(0.0, |value| *value);
                let mut sum = 0.0;
                self.sums.push(sum);
                for (x, pixel) in (tile * TILE..).zip(pixels) {
                    let value = pixel.to_f64();
                    if value.is_finite() {
                        sum += value - reference;
                    } else {
                        self.spoil(x, y);
                    }
                    self.sums.push(sum);
                }
            }
        }
    }

    fn spoil(&mut self, x: usize, y: usize) {
        let Window { nx, ny, .. } = self.window;
        self.spoilt.resize(nx * ny, false);
        for row in y.saturating_sub(2)..=y {
            let from = row * nx;
            if let Some(cells) = self.spoilt.get_mut(from + x.saturating_sub(2)..=from + x) {
                cells.fill(true);
            }
        }
    }

    /// Whether one of the up to 3 × 3 pixels that a quadrilateral with these corners meets is not finite.
    #[inline]
    pub(super) fn is_spoilt(&self, corners: [[f64; 2]; 4]) -> bool {
        if self.spoilt.is_empty() {
            return false;
        }
        let [x, y] = [0, 1].map(|axis| {
            let [a, b, c, d] = corners.map(|corner| corner[axis]);
            number(cell(a.min(b).min(c.min(d)))) as usize
        });
        let at =
            y.wrapping_sub(self.window.y0).wrapping_mul(self.window.nx).wrapping_add(x.wrapping_sub(self.window.x0));
        self.spoilt.get(at).is_none_or(|spoilt| *spoilt)
    }

    /// The mean over what four edges enclose, given its signed area, positive if they run around it anticlockwise; `None` if it cannot be had this
    /// way. Lower and upper edge run from left to right, left and right edge upwards.
    #[inline]
    pub(super) fn mean(&self, [low, right, high, left]: [Edge; 4], area: f64) -> Option<f64> {
        let one = low.tile == right.tile && low.tile == high.tile && low.tile == left.tile;
        let reference = self.references.get(low.tile as usize)?;
        one.then_some(reference + (low.value + right.value - high.value - left.value) / area)
    }

    /// ∫ W dy along the edges from each point of `a` to its partner in `b`, which are given as columns of x and y. Appended to `edges`.
    pub(super) fn along(&mut self, [ax, ay]: [&[f64]; 2], [bx, by]: [&[f64]; 2], edges: &mut Vec<Edge>) {
        let from = ax.chunks(BATCH).zip(ay.chunks(BATCH));
        for ((ax, ay), (bx, by)) in from.zip(bx.chunks(BATCH).zip(by.chunks(BATCH))) {
            let n = ax.len().min(bx.len());
            let mut ends = [[0.0; BATCH]; 4];
            for (end, given) in ends.iter_mut().zip([ax, ay, bx, by]) {
                end.iter_mut().zip(given).for_each(|(to, from)| *to = *from);
            }
            self.cut(&ends);
            edges.extend((0..n).map(|k| self.integrate(k)));
        }
    }

    /// Cuts edges; the same operations for all of them, without branches, so that they are done several at a time.
    fn cut(&mut self, [ax, ay, bx, by]: &[[f64; BATCH]; 4]) {
        let Window { x0, y0, nx, ny } = self.window;
        let [x0, y0, nx, ny] = [x0, y0, nx, ny].map(|n| n as f64);
        let (stride, tiles) = (self.stride as f64, self.tiles as u32);
        let cuts = &mut self.cuts;
        for k in 0..BATCH {
            let (a, b) = ([ax[k], ay[k]], [bx[k], by[k]]);
            let d = [b[0] - a[0], b[1] - a[1]];
            let (from, to) = (a.map(cell), b.map(cell));
            let apart = [0, 1].map(|axis| (to[axis] - from[axis]).abs());
            // Where on the edge it crosses a line, from 0 to 1; 1 if it does not.
            let safe = d.map(|d| if d.abs() < LEVEL { LEVEL } else { d });
            let inverse = 1.0 / (safe[0] * safe[1]);
            let crossing = [0, 1].map(|axis| {
                let line = (larger(from[axis], to[axis]) - ROUND) - a[axis];
                1.0 - apart[axis] * (1.0 - line * safe[1 - axis] * inverse)
            });
            let (first, second) = (smaller(crossing[0], crossing[1]), larger(crossing[0], crossing[1]));
            let middle = [0.5 * first, 0.5 * (first + second), 0.5 * (second + 1.0)];
            let part = [first, second - first, 1.0 - second];
            // False for NaN.
            let mut good = (apart[0] <= 1.0) & (apart[1] <= 1.0);
            for piece in 0..3 {
                let (x, y) = (a[0] + middle[piece] * d[0], a[1] + middle[piece] * d[1]);
                let (column, row) = (cell(x), cell(y));
                let (i, j) = ((column - ROUND) - x0, (row - ROUND) - y0);
                good &= (i >= 0.0) & (i < nx) & (j >= 0.0) & (j < ny);
                cuts.height[piece][k] = part[piece] * d[1];
                cuts.beyond[piece][k] = x - (column - ROUND);
                let tile = number(i + ROUND) / TILE as u32;
                cuts.tile[piece][k] = (number(j + ROUND) / TILE as u32).wrapping_mul(tiles).wrapping_add(tile);
                cuts.place[piece][k] = number(j * stride + i + ROUND).wrapping_add(tile);
            }
            cuts.good[k] = good;
        }
    }

    #[inline(always)]
    fn integrate(&self, k: usize) -> Edge {
        let cuts = &self.cuts;
        let [tile, second, third] = [0, 1, 2].map(|piece| cuts.tile[piece][k]);
        let one = cuts.good[k] & (tile == second) & (tile == third);
        let mut value = 0.0;
        for piece in 0..3 {
            let at = if one { cuts.place[piece][k] as usize } else { 0 };
            let Some(&[left, right]) = self.sums.get(at..).and_then(<[f64]>::first_chunk) else {
                return Edge::default();
            };
            value += cuts.height[piece][k] * (left + cuts.beyond[piece][k] * (right - left));
        }
        Edge { value, tile: if one { tile } else { NONE } }
    }
}

/// Edges cut into three pieces each.
#[derive(Debug)]
struct Cuts {
    height: [[f64; BATCH]; 3],
    /// Middle of a piece, from the left side of the pixel that it lies in.
    beyond: [[f64; BATCH]; 3],
    /// The pixel's tile, and the place of its sum.
    tile: [[u32; BATCH]; 3],
    place: [[u32; BATCH]; 3],
    /// Whether the edge is simple and lies in the patch.
    good: [bool; BATCH],
}

impl Default for Cuts {
    fn default() -> Self {
        let (zero, none) = ([[0.0; BATCH]; 3], [[0; BATCH]; 3]);
        Cuts { height: zero, beyond: zero, tile: none, place: none, good: [false; BATCH] }
    }
}

/// No tile.
const NONE: u32 = u32::MAX;

/// ∫ W dy along an edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    value: f64,
    /// The tile that the edge lies in; [`NONE`] if it is not simple, or does not lie in one.
    tile: u32,
}

impl Default for Edge {
    fn default() -> Self {
        Edge { value: 0.0, tile: NONE }
    }
}
