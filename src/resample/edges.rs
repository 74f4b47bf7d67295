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
use crate::{Pixel, plan::Window, vector::widest};

/// Side of the tiles over which W is summed up, anchored to the image's first pixel: so small that sums stay small and little is lost in differences.
pub(super) const TILE: usize = 128;
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
            cut(&ends, self.window, self.stride, self.tiles, &mut self.cuts);
            widest(
                #[inline(always)]
                || edges.extend((0..n).map(|k| self.integrate(k))),
            );
        }
    }

    #[inline(always)]
    fn integrate(&self, k: usize) -> Edge {
        let cuts = &self.cuts;
        let mut value = 0.0;
        for piece in 0..3 {
            let place = cuts.place[piece][k] as usize;
            let Some(&[left, right]) = self.sums.get(place..).and_then(<[f64]>::first_chunk) else {
                return Edge::default();
            };
            value += cuts.height[piece][k] * (left + cuts.beyond[piece][k] * (right - left));
        }
        Edge { value, tile: cuts.tile[k] }
    }
}

/// Cuts edges; the same operations for all of them, without branches, so that they are done several at a time.
fn cut([ax, ay, bx, by]: &[[f64; BATCH]; 4], window: Window, stride: usize, tiles: usize, cuts: &mut Cuts) {
    widest(
        #[inline(always)]
        || {
            let Window { x0, y0, nx, ny } = window;
            let [x0, y0, nx, ny] = [x0, y0, nx, ny].map(|n| n as f64);
            let (stride, tiles) = (stride as f64, tiles as u32);
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
                // The pixel of the first piece, that of the last, and that between: in the column of one and the row of the other.
                let across = crossing[0] < crossing[1];
                let columns = [from[0], if across { to[0] } else { from[0] }, to[0]].map(|column| column - ROUND);
                let inside = |pixel: [f64; 2]| {
                    let (i, j) = ((pixel[0] - ROUND) - x0, (pixel[1] - ROUND) - y0);
                    ((i >= 0.0) & (i < nx) & (j >= 0.0) & (j < ny), i, j)
                };
                let ((from_inside, i, j), (to_inside, to_i, to_j)) = (inside(from), inside(to));
                let [tile, to_tile] =
                    [[i, j], [to_i, to_j]].map(|place| place.map(|n| number(n + ROUND) / TILE as u32));
                // False for NaN.
                let simple = (apart[0] <= 1.0) & (apart[1] <= 1.0) & from_inside & to_inside;
                let one = simple & (tile[0] == to_tile[0]) & (tile[1] == to_tile[1]);
                cuts.tile[k] = if one { tile[1].wrapping_mul(tiles).wrapping_add(tile[0]) } else { NONE };
                let (low, high) = (j * stride, to_j * stride);
                let places = [low + i, if across { low + to_i } else { high + i }, high + to_i];
                for piece in 0..3 {
                    cuts.height[piece][k] = part[piece] * d[1];
                    cuts.beyond[piece][k] = (a[0] + middle[piece] * d[0]) - columns[piece];
                    cuts.place[piece][k] = if one { number(places[piece] + ROUND).wrapping_add(tile[0]) } else { 0 };
                }
            }
        },
    )
}

/// Edges cut into three pieces each.
#[derive(Debug)]
struct Cuts {
    height: [[f64; BATCH]; 3],
    /// Middle of a piece, from the left side of the pixel that it lies in.
    beyond: [[f64; BATCH]; 3],
    /// The place of the pixel's sum.
    place: [[u32; BATCH]; 3],
    /// The tile that the edge lies in; [`NONE`] if it is not simple, or does not lie in one.
    tile: [u32; BATCH],
}

impl Default for Cuts {
    fn default() -> Self {
        let zero = [[0.0; BATCH]; 3];
        Cuts { height: zero, beyond: zero, place: [[0; BATCH]; 3], tile: [NONE; BATCH] }
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
