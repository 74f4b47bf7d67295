//! Fast means of the image over output pixels that are about as large as an input pixel.
//!
//! ```text
//! W(x, y) = integral of the image v along the row of (x, y), from its left end to x
//! ∬ v dx dy = ∮ W dy = ∫ along the lower + right - upper - left edge of the output pixel           (Green's theorem)
//! an edge crosses at most one line between pixels along each axis: three pieces, on each of which W is linear in x
//! W is computed from v - r, where r is one pixel of the tile; r × area is added in the end: a constant image gives exact results
//! W is NaN in a pixel that is not finite and in the two after it, one of which the right side of an affected output pixel crosses
//! ```
//!
//! The integral along an edge is used for both output pixels that it separates. Integrals are NaN for edges that are longer or do not lie in one
//! tile, and with them the means over the adjacent output pixels, which then have to be computed in another way. Coordinates in this file are pixel
//! coordinates plus 0.5: pixel (i, j) is `[i, i + 1] × [j, j + 1]`.

use std::ops::Range;

use super::{
    batch::{batch, padded},
    patch::Patch,
};
use crate::{
    Flux, Pixel,
    map::CoordGrid,
    simd::{dispatch, larger, smaller},
    window::Window,
};

/// Side of the tiles in which W is summed, which are anchored to the first pixel of the image. Small, so that sums stay small and their differences
/// exact.
pub(super) const TILE: usize = 128;
/// 1.5 · 2⁵²: adding a number rounds it to an integer, which is then in the lowest bits of the sum.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// Corners, edges or output pixels that are computed together.
const BATCH: usize = 32;
/// Numbers whose minimum and maximum are computed side by side.
const LANES: usize = 8;
/// A length along an axis below which an edge is taken to be parallel to the other axis, so that it crosses no line.
const PARALLEL: f64 = 1e-100;
/// The largest number of pixels along an axis that an output pixel overlaps.
const MAX_OVERLAPPED: usize = 3;

/// The nearest integer; the even one halfway between two.
#[inline(always)]
fn round(x: f64) -> f64 {
    (x + ROUND) - ROUND
}

/// The integer in the lowest bits of its sum with [`ROUND`].
#[inline(always)]
fn rounded_integer(sum: f64) -> usize {
    sum.to_bits() as u32 as usize
}

/// The integrals W along the rows of a patch.
#[derive(Debug, Default)]
pub(super) struct RowSums {
    window: Window,
    /// For each pixel, row by row: W at its left side, and the increase of W across it.
    sums: Vec<[f64; 2]>,
    /// Number of tiles in a row.
    tiles: usize,
    /// The reference r of each tile.
    references: Vec<f64>,
    /// The rows of the patch for which W has been computed.
    rows: Range<usize>,
    cuts: Cuts,
}

impl RowSums {
    pub(super) fn bytes(&self) -> usize {
        self.sums.capacity() * size_of::<[f64; 2]>() + self.references.capacity() * size_of::<f64>()
    }

    /// Begins with a new patch, whose window must start at multiples of [`TILE`].
    pub(super) fn start<P: Pixel>(&mut self, patch: &Patch<'_, P>) {
        let Window { nx, ny, .. } = patch.window;
        self.window = patch.window;
        self.tiles = nx.div_ceil(TILE);
        // Never made smaller: numbers that will be overwritten need not be cleared.
        self.sums.resize(self.sums.len().max(nx * ny), [0.0; 2]);
        self.rows = 0..0;
        let first = patch.pixels.chunks_exact(nx.max(1)).step_by(TILE).flat_map(|row| row.iter().step_by(TILE));
        self.references.clear();
        let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
        self.references.extend(first.map(|pixel| finite(pixel.to_f64())));
    }

    /// Computes W for the rows `low` to `high` of the image that are in the patch, and for those between them and the rows that are finished.
    /// Called shortly before the rows are needed, so that they are still in the cache then.
    fn extend<P: Pixel>(&mut self, patch: &Patch<'_, P>, [low, high]: [f64; 2]) {
        let Window { y0, ny, .. } = self.window;
        // Saturating casts.
        let rows = (low as usize).saturating_sub(y0)..((high + 1.0) as usize).saturating_sub(y0).min(ny);
        if rows.is_empty() {
            return;
        }
        if self.rows.is_empty() {
            self.rows = rows.start..rows.start;
        }
        let hull = self.rows.start.min(rows.start)..self.rows.end.max(rows.end);
        for y in (hull.start..self.rows.start).chain(self.rows.end..hull.end) {
            let nx = self.window.nx;
            let row = y * nx..(y + 1) * nx;
            let (Some(pixels), Some(sums)) = (patch.pixels.get(row.clone()), self.sums.get_mut(row)) else { continue };
            let references = self.references.iter().skip(y / TILE * self.tiles);
            for ((pixels, sums), reference) in pixels.chunks(TILE).zip(sums.chunks_mut(TILE)).zip(references) {
                accumulate(pixels, *reference, sums);
            }
        }
        self.rows = hull;
    }

    /// Computes ∫ W dy along at least the first `n` edges from corner k of `from` to corner k + `shift` of `to`.
    fn integrals(&mut self, (from, to, shift): (&Corners, &Corners, usize), n: usize, integrals: &mut Vec<f64>) {
        let RowSums { sums, cuts, .. } = self;
        integrals.resize(padded::<BATCH>(n), 0.0);
        dispatch(
            #[inline(always)]
            || {
                for (at, integrals) in (0..).step_by(BATCH).zip(integrals.as_chunks_mut::<BATCH>().0) {
                    cuts.cut(&from.ends(at), &to.ends(at + shift));
                    for (k, integral) in integrals.iter_mut().enumerate() {
                        *integral = cuts.integral(sums, k);
                    }
                }
            },
        );
    }
}

/// Computes W for the pixels of one row in one tile.
#[inline]
fn accumulate<P: Pixel>(pixels: &[P], reference: f64, sums: &mut [[f64; 2]]) {
    let mut sum = 0.0;
    for (pixel, entry) in pixels.iter().zip(&mut *sums) {
        let next = sum + (pixel.to_f64() - reference);
        *entry = [sum, next - sum];
        sum = next;
    }
    if !sum.is_finite() {
        accumulate_finite(pixels, reference, sums);
    }
}

/// The same if some pixels are not finite: these are replaced by r, and W is NaN where they matter.
#[cold]
fn accumulate_finite<P: Pixel>(pixels: &[P], reference: f64, sums: &mut [[f64; 2]]) {
    let (mut sum, mut affected) = (0.0, 0_usize);
    for (pixel, entry) in pixels.iter().zip(sums) {
        let value = pixel.to_f64();
        affected = if value.is_finite() { affected.saturating_sub(1) } else { MAX_OVERLAPPED };
        let next = if value.is_finite() { sum + (value - reference) } else { sum };
        *entry = [if affected > 0 { f64::NAN } else { sum }, next - sum];
        sum = next;
    }
}

/// The corners on a line between two rows of output pixels, as one array per quantity, and the edges between neighbouring corners.
#[derive(Debug, Default)]
pub(super) struct Corners {
    x: Vec<f64>,
    y: Vec<f64>,
    /// Column and row of the pixel that the corner lies in; on a line between two pixels, the even one.
    column: Vec<f64>,
    row: Vec<f64>,
    /// Index of this pixel in the patch, plus [`ROUND`].
    place: Vec<f64>,
    /// Number of the tile that the corner lies in; NaN if it is not in the patch.
    tile: Vec<f64>,
    /// ∫ W dy from each corner to the next.
    edges: Vec<f64>,
}

/// A batch of corners.
struct Ends<'c> {
    x: &'c [f64; BATCH],
    y: &'c [f64; BATCH],
    column: &'c [f64; BATCH],
    row: &'c [f64; BATCH],
    place: &'c [f64; BATCH],
    tile: &'c [f64; BATCH],
}

impl Corners {
    pub(super) fn bytes(&self) -> usize {
        let Corners { x, y, column, row, place, tile, edges } = self;
        [x, y, column, row, place, tile, edges].iter().map(|numbers| numbers.capacity() * size_of::<f64>()).sum()
    }

    /// Computes `n + 1` corners, one output pixel apart, from position (x, y) of the output on, and the integrals along the edges between them.
    pub(super) fn compute<P: Pixel>(
        &mut self,
        grid: &CoordGrid<'_>,
        patch: &Patch<'_, P>,
        sums: &mut RowSums,
        [x, y]: [f64; 2],
        n: usize,
    ) {
        self.x.resize(n + 1, 0.0);
        self.y.resize(n + 1, 0.0);
        grid.row(x, y, &mut self.x, &mut self.y);
        let length = padded::<BATCH>(n + 1);
        for column in [&mut self.x, &mut self.y] {
            column.iter_mut().for_each(|c| *c += 0.5);
            column.resize(length, f64::NAN);
        }
        for column in [&mut self.column, &mut self.row, &mut self.place, &mut self.tile] {
            column.resize(length, f64::NAN);
        }
        self.locate(sums);
        sums.extend(patch, self.rows());
        let mut edges = std::mem::take(&mut self.edges);
        sums.integrals((self, self, 1), n, &mut edges);
        self.edges = edges;
    }

    /// Finds the pixels and tiles that the corners lie in.
    fn locate(&mut self, sums: &RowSums) {
        dispatch(
            #[inline(always)]
            || {
                let [x0, y0, nx, ny] =
                    [sums.window.x0, sums.window.y0, sums.window.nx, sums.window.ny].map(|n| n as f64);
                let tiles = sums.tiles as f64;
                // The number of a pixel divided by the side of a tile, rounded down.
                let tile_of = |n: f64| round((n - 0.5 * (TILE - 1) as f64) * (1.0 / TILE as f64));
                let positions = self.x.as_chunks::<BATCH>().0.iter().zip(self.y.as_chunks::<BATCH>().0);
                let [columns, rows, places, tile_column] =
                    [&mut self.column, &mut self.row, &mut self.place, &mut self.tile]
                        .map(|column| column.as_chunks_mut::<BATCH>().0.iter_mut());
                let found_in = columns.zip(rows).zip(places.zip(tile_column));
                let mut found = [[0.0; BATCH]; 4];
                for ((x, y), ((to_column, to_row), (to_place, to_tile))) in positions.zip(found_in) {
                    for k in 0..BATCH {
                        let (column, row) = (round(x[k] - 0.5), round(y[k] - 0.5));
                        let (i, j) = (column - x0, row - y0);
                        // False for NaN.
                        let inside = (i >= 0.0) & (i < nx) & (j >= 0.0) & (j < ny);
                        let place = (j * nx + i) + ROUND;
                        let tile = if inside { tile_of(j) * tiles + tile_of(i) } else { f64::NAN };
                        (found[0][k], found[1][k], found[2][k], found[3][k]) = (column, row, place, tile);
                    }
                    [*to_column, *to_row, *to_place, *to_tile] = found;
                }
            },
        );
    }

    /// The first and the last row that a corner lies in, inside or outside of the image.
    fn rows(&self) -> [f64; 2] {
        let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
        for rows in self.row.as_chunks::<LANES>().0 {
            low.iter_mut().zip(rows).for_each(|(low, row)| *low = smaller(*row, *low));
            high.iter_mut().zip(rows).for_each(|(high, row)| *high = larger(*row, *high));
        }
        [low.into_iter().fold(f64::INFINITY, smaller), high.into_iter().fold(f64::NEG_INFINITY, larger)]
    }

    /// The batch of corners from one of them on.
    #[inline(always)]
    fn ends(&self, at: usize) -> Ends<'_> {
        let Corners { x, y, column, row, place, tile, .. } = self;
        let [x, y, column, row, place, tile] = [x, y, column, row, place, tile].map(|column| batch(column, at));
        Ends { x, y, column, row, place, tile }
    }

    /// The position of corner `k`.
    pub(super) fn at(&self, k: usize) -> [f64; 2] {
        [&self.x, &self.y].map(|column| column.get(k).map_or(f64::NAN, |c| *c))
    }
}

/// A batch of edges, each cut into three pieces at the lines between pixels.
#[derive(Debug)]
struct Cuts {
    /// Length of a piece along y.
    height: [[f64; BATCH]; 3],
    /// Distance of the middle of a piece from the left side of the pixel that it lies in.
    beyond: [[f64; BATCH]; 3],
    /// Index of this pixel in the patch, plus [`ROUND`].
    place: [[f64; BATCH]; 3],
}

impl Default for Cuts {
    fn default() -> Self {
        let zero = [[0.0; BATCH]; 3];
        Cuts { height: zero, beyond: zero, place: zero }
    }
}

impl Cuts {
    /// Cuts the edges from the corners `a` to the corners `b`. Without branches, so that several edges are computed at a time.
    #[inline(always)]
    fn cut(&mut self, a: &Ends<'_>, b: &Ends<'_>) {
        for k in 0..BATCH {
            let (x, y) = (a.x[k], a.y[k]);
            let d = [b.x[k] - x, b.y[k] - y];
            let (from, to) = ([a.column[k], a.row[k]], [b.column[k], b.row[k]]);
            let apart = [(to[0] - from[0]).abs(), (to[1] - from[1]).abs()];
            // Where the edge crosses a line between columns and one between rows: from 0 at its start to 1 at its end; 1 if it crosses none.
            let safe = d.map(|d| if d.abs() < PARALLEL { PARALLEL } else { d });
            let inverse = 1.0 / (safe[0] * safe[1]);
            let crossing = [
                1.0 - apart[0] * (1.0 - (larger(from[0], to[0]) - x) * safe[1] * inverse),
                1.0 - apart[1] * (1.0 - (larger(from[1], to[1]) - y) * safe[0] * inverse),
            ];
            let (first, second) = (smaller(crossing[0], crossing[1]), larger(crossing[0], crossing[1]));
            // The middle piece lies in a pixel that has the column of one end and the row of the other.
            let across = crossing[0] < crossing[1];
            let step = to[0] - from[0];
            // False for NaN.
            let simple = (apart[0] <= 1.0) & (apart[1] <= 1.0) & (a.tile[k] == b.tile[k]);
            let height = if simple { d[1] } else { f64::NAN };
            self.height[0][k] = first * height;
            self.height[1][k] = (second - first) * height;
            self.height[2][k] = (1.0 - second) * height;
            self.beyond[0][k] = (x + 0.5 * first * d[0]) - from[0];
            self.beyond[1][k] = (x + 0.5 * (first + second) * d[0]) - if across { to[0] } else { from[0] };
            self.beyond[2][k] = (x + 0.5 * (second + 1.0) * d[0]) - to[0];
            self.place[0][k] = a.place[k];
            self.place[1][k] = if across { a.place[k] + step } else { b.place[k] - step };
            self.place[2][k] = b.place[k];
        }
    }

    /// ∫ W dy along edge `k`.
    #[inline(always)]
    fn integral(&self, sums: &[[f64; 2]], k: usize) -> f64 {
        let mut integral = 0.0;
        for piece in 0..3 {
            let Some([left, growth]) = sums.get(rounded_integer(self.place[piece][k])) else { return f64::NAN };
            integral += self.height[piece][k] * (left + self.beyond[piece][k] * growth);
        }
        integral
    }
}

/// Means of the image over the output pixels of a row.
#[derive(Debug, Default)]
pub(super) struct Means {
    /// ∫ W dy along the edges between the row's pixels.
    between: Vec<f64>,
    /// The output pixels of the last row whose mean is not finite.
    pub(super) unresolved: Vec<usize>,
}

impl Means {
    pub(super) fn bytes(&self) -> usize {
        self.between.capacity() * size_of::<f64>() + self.unresolved.capacity() * size_of::<usize>()
    }

    /// Computes the samples of the `values.len()` output pixels between two lines of corners; not finite where they have to be computed in another
    /// way.
    pub(super) fn compute_row<T: Pixel>(
        &mut self,
        sums: &mut RowSums,
        (below, above): (&Corners, &Corners),
        flux: Flux,
        values: &mut [T],
    ) {
        sums.integrals((below, above, 0), values.len() + 1, &mut self.between);
        self.unresolved.clear();
        dispatch(
            #[inline(always)]
            || {
                for (at, values) in (0..).step_by(BATCH).zip(values.chunks_mut(BATCH)) {
                    let samples = self.batch(sums, (below, above), flux, at);
                    values.copy_from_slice(&samples.map(T::from_f64)[..values.len()]);
                    // The same as is_finite(), which the compiler does not vectorise.
                    if !samples.iter().fold(true, |finite, sample| finite & (0.0 * sample == 0.0)) {
                        let samples = (at..).zip(&samples).take(values.len());
                        self.unresolved.extend(samples.filter(|(_, sample)| !sample.is_finite()).map(|(k, _)| k));
                    }
                }
            },
        )
    }

    /// The samples of a batch of output pixels, from one of them on.
    #[inline(always)]
    fn batch(&self, sums: &RowSums, (below, above): (&Corners, &Corners), flux: Flux, at: usize) -> [f64; BATCH] {
        let (a, b, c, d) = (below.ends(at), below.ends(at + 1), above.ends(at + 1), above.ends(at));
        let (low, high) = (batch::<BATCH>(&below.edges, at), batch::<BATCH>(&above.edges, at));
        let (left, right) = (batch::<BATCH>(&self.between, at), batch::<BATCH>(&self.between, at + 1));
        let mut samples = [0.0; BATCH];
        for (reference, tile) in samples.iter_mut().zip(a.tile) {
            *reference = sums.references.get(rounded_integer(tile + ROUND)).map_or(f64::NAN, |reference| *reference);
        }
        for (k, sample) in samples.iter_mut().enumerate() {
            let area = 0.5 * ((c.x[k] - a.x[k]) * (d.y[k] - b.y[k]) - (c.y[k] - a.y[k]) * (d.x[k] - b.x[k]));
            let mean = *sample + (low[k] + right[k] - high[k] - left[k]) / area;
            *sample = if flux == Flux::Conserve { mean * area.abs() } else { mean };
        }
        samples
    }
}
