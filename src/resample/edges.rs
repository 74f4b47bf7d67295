//! Fast means over quadrilaterals about as large as a unit square.
//!
//! ```text
//! W(x, y) = sum of the pixels to the left of (x, y) in its row, in proportion
//! ∬ v dx dy = ∮ W dy = ∫ along the lower + right - upper - left edge                               (Green)
//! an edge crosses one line between pixels at most along each axis: three pieces, on each of which W is linear in x
//! W is that of v - r, where r is one pixel of the tile, and r × area is added in the end: a constant stays what it is
//! W is NaN in a pixel that is not finite and in the next two: one of them holds a piece of the quadrilateral's right side
//! ```
//!
//! Each edge serves the two output pixels that it separates. The result is NaN for edges that are longer or do not lie in one
//! tile, and so for the means over the quadrilaterals that they enclose. Coordinates here are pixel coordinates plus a half: pixel (i, j) is
//! `[i, i + 1] × [j, j + 1]`.

use std::ops::Range;

use super::patch::Patch;
use crate::{Flux, Pixel, map::CoordGrid, simd::dispatch, window::Window};

/// Side of the tiles over which W is summed up, anchored to the image's first pixel: so small that sums stay small and little is lost in differences.
pub(super) const TILE: usize = 128;
/// 1.5 · 2⁵²: the sum of it and a number has that number, rounded to an integer, in its lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// Corners, edges or quadrilaterals that are worked on together.
const BATCH: usize = 32;
/// Numbers whose smallest and largest are determined side by side.
const LANES: usize = 8;
/// A length along an axis below which an edge is level, so that it crosses no line.
const LEVEL: f64 = 1e-100;
/// Pixels that a quadrilateral meets along an axis at most.
const WIDEST: usize = 3;

/// The nearest integer; the even one halfway between two.
#[inline(always)]
fn round(x: f64) -> f64 {
    (x + ROUND) - ROUND
}

/// The number in the lowest bits of the sum of it and [`ROUND`].
#[inline(always)]
fn number(sum: f64) -> usize {
    sum.to_bits() as u32 as usize
}

#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[inline(always)]
fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The length of a column with `n` numbers that matter, so that each of them and the next one begin a batch or lie in one.
fn padded(n: usize) -> usize {
    n.next_multiple_of(BATCH) + 1
}

/// The batch of a [`padded`] column from an index on.
#[inline(always)]
fn batch(column: &[f64], at: usize) -> &[f64; BATCH] {
    column.get(at..).and_then(<[f64]>::first_chunk).unwrap_or(&[f64::NAN; BATCH])
}

/// W over a patch.
#[derive(Debug, Default)]
pub(super) struct RowSums {
    window: Window,
    /// Row by row W at the left side of each pixel, and how much it grows across it.
    sums: Vec<[f64; 2]>,
    /// Tiles in a row, and the r of each.
    tiles: usize,
    references: Vec<f64>,
    /// The rows of the patch that have been summed up.
    rows: Range<usize>,
    cuts: Cuts,
}

impl RowSums {
    pub(super) fn bytes(&self) -> usize {
        self.sums.capacity() * size_of::<[f64; 2]>() + self.references.capacity() * size_of::<f64>()
    }

    /// Starts with a patch whose window begins at multiples of [`TILE`].
    pub(super) fn start<P: Pixel>(&mut self, patch: &Patch<'_, P>) {
        let Window { nx, ny, .. } = patch.window;
        self.window = patch.window;
        self.tiles = nx.div_ceil(TILE);
        // Never made smaller, so that nothing is cleared only to be written over.
        self.sums.resize(self.sums.len().max(nx * ny), [0.0; 2]);
        self.rows = 0..0;
        let first = patch.pixels.chunks_exact(nx.max(1)).step_by(TILE).flat_map(|row| row.iter().step_by(TILE));
        self.references.clear();
        let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
        self.references.extend(first.map(|pixel| finite(pixel.to_f64())));
    }

    /// Sums up rows of the image so far as they are in the patch, and all between them and those that are summed up already: if this is done shortly
    /// before they are needed, they are still in the processor's cache.
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
                sum_up(pixels, *reference, sums);
            }
        }
        self.rows = hull;
    }

    /// ∫ W dy along the edges from each corner of `from` to the one `after` places later in `to`: at least the first `n`.
    fn integrals(&mut self, from: &Corners, to: &Corners, after: usize, n: usize, integrals: &mut Vec<f64>) {
        let RowSums { sums, cuts, .. } = self;
        integrals.resize(padded(n), 0.0);
        dispatch(
            #[inline(always)]
            || {
                for (at, integrals) in (0..).step_by(BATCH).zip(integrals.as_chunks_mut::<BATCH>().0) {
                    cuts.cut(&from.ends(at), &to.ends(at + after));
                    for (k, integral) in integrals.iter_mut().enumerate() {
                        *integral = cuts.integral(sums, k);
                    }
                }
            },
        );
    }
}

/// W over the pixels of one row in one tile.
#[inline]
fn sum_up<P: Pixel>(pixels: &[P], reference: f64, sums: &mut [[f64; 2]]) {
    let mut sum = 0.0;
    for (pixel, entry) in pixels.iter().zip(&mut *sums) {
        let next = sum + (pixel.to_f64() - reference);
        *entry = [sum, next - sum];
        sum = next;
    }
    if !sum.is_finite() {
        sum_up_finite(pixels, reference, sums);
    }
}

/// W where not all pixels are finite: these count as r.
#[cold]
fn sum_up_finite<P: Pixel>(pixels: &[P], reference: f64, sums: &mut [[f64; 2]]) {
    let (mut sum, mut affected) = (0.0, 0_usize);
    for (pixel, entry) in pixels.iter().zip(sums) {
        let value = pixel.to_f64();
        affected = if value.is_finite() { affected.saturating_sub(1) } else { WIDEST };
        let next = if value.is_finite() { sum + (value - reference) } else { sum };
        *entry = [if affected > 0 { f64::NAN } else { sum }, next - sum];
        sum = next;
    }
}

/// The corners along a line between rows of output pixels, column by column, and the edges between them.
#[derive(Debug, Default)]
pub(super) struct Corners {
    x: Vec<f64>,
    y: Vec<f64>,
    /// The pixel that a corner lies in, the even one on a line between two.
    column: Vec<f64>,
    row: Vec<f64>,
    /// Its place in the patch, and [`ROUND`].
    place: Vec<f64>,
    /// The tile that it lies in; NaN if it is not in the patch.
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

    /// The lower left corners of `n` pixels from position (x, y) of the output on, and the last one's lower right.
    pub(super) fn fill<P: Pixel>(
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
        let length = padded(n + 1);
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
        sums.integrals(self, self, 1, n, &mut edges);
        self.edges = edges;
    }

    /// Finds the pixels that the corners lie in.
    fn locate(&mut self, sums: &RowSums) {
        dispatch(
            #[inline(always)]
            || {
                let [x0, y0, nx, ny] =
                    [sums.window.x0, sums.window.y0, sums.window.nx, sums.window.ny].map(|n| n as f64);
                let tiles = sums.tiles as f64;
                // A pixel's number over a tile's side, rounded down.
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

    /// The first and the last row that a corner lies in, also outside of the image.
    fn rows(&self) -> [f64; 2] {
        let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
        for rows in self.row.as_chunks::<LANES>().0 {
            low.iter_mut().zip(rows).for_each(|(low, row)| *low = smaller(*row, *low));
            high.iter_mut().zip(rows).for_each(|(high, row)| *high = larger(*row, *high));
        }
        [low.into_iter().fold(f64::INFINITY, smaller), high.into_iter().fold(f64::NEG_INFINITY, larger)]
    }

    #[inline(always)]
    fn ends(&self, at: usize) -> Ends<'_> {
        let Corners { x, y, column, row, place, tile, .. } = self;
        let [x, y, column, row, place, tile] = [x, y, column, row, place, tile].map(|column| batch(column, at));
        Ends { x, y, column, row, place, tile }
    }

    /// Corner `k`.
    pub(super) fn at(&self, k: usize) -> [f64; 2] {
        [&self.x, &self.y].map(|column| column.get(k).map_or(f64::NAN, |c| *c))
    }
}

/// A batch of edges cut into three pieces each.
#[derive(Debug)]
struct Cuts {
    height: [[f64; BATCH]; 3],
    /// Middle of a piece, from the left side of the pixel that it lies in.
    beyond: [[f64; BATCH]; 3],
    /// The place of the pixel in the patch, and [`ROUND`].
    place: [[f64; BATCH]; 3],
}

impl Default for Cuts {
    fn default() -> Self {
        let zero = [[0.0; BATCH]; 3];
        Cuts { height: zero, beyond: zero, place: zero }
    }
}

impl Cuts {
    /// Cuts the edges between two corners each; the same operations for all of them, without branches, so that they are done several at a time.
    #[inline(always)]
    fn cut(&mut self, a: &Ends<'_>, b: &Ends<'_>) {
        for k in 0..BATCH {
            let (x, y) = (a.x[k], a.y[k]);
            let d = [b.x[k] - x, b.y[k] - y];
            let (from, to) = ([a.column[k], a.row[k]], [b.column[k], b.row[k]]);
            let apart = [(to[0] - from[0]).abs(), (to[1] - from[1]).abs()];
            // Where on the edge it crosses a line, from 0 to 1; 1 if it does not.
            let safe = d.map(|d| if d.abs() < LEVEL { LEVEL } else { d });
            let inverse = 1.0 / (safe[0] * safe[1]);
            let crossing = [
                1.0 - apart[0] * (1.0 - (larger(from[0], to[0]) - x) * safe[1] * inverse),
                1.0 - apart[1] * (1.0 - (larger(from[1], to[1]) - y) * safe[0] * inverse),
            ];
            let (first, second) = (smaller(crossing[0], crossing[1]), larger(crossing[0], crossing[1]));
            // The pixel of the first piece, that of the last, and that between: in the column of one and the row of the other.
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
            let Some([left, growth]) = sums.get(number(self.place[piece][k])) else { return f64::NAN };
            integral += self.height[piece][k] * (left + self.beyond[piece][k] * growth);
        }
        integral
    }
}

/// Means over the output pixels of one row.
#[derive(Debug, Default)]
pub(super) struct Means {
    /// ∫ W dy along the edges between the row's pixels.
    between: Vec<f64>,
    /// The pixels whose mean is not finite.
    pub(super) doubtful: Vec<usize>,
}

impl Means {
    pub(super) fn bytes(&self) -> usize {
        self.between.capacity() * size_of::<f64>() + self.doubtful.capacity() * size_of::<usize>()
    }

    /// The samples of the `values.len()` pixels between two lines of corners, by the rule of [`Flux`]; not finite where this method does not
    /// apply.
    pub(super) fn row<T: Pixel>(
        &mut self,
        sums: &mut RowSums,
        below: &Corners,
        above: &Corners,
        flux: Flux,
        values: &mut [T],
    ) {
        sums.integrals(below, above, 0, values.len() + 1, &mut self.between);
        self.doubtful.clear();
        dispatch(
            #[inline(always)]
            || {
                for (at, values) in (0..).step_by(BATCH).zip(values.chunks_mut(BATCH)) {
                    let samples = self.batch(sums, below, above, flux, at);
                    values.copy_from_slice(&samples.map(T::from_f64)[..values.len()]);
                    // As is_finite(), which is not done in vectors.
                    if !samples.iter().fold(true, |finite, sample| finite & (0.0 * sample == 0.0)) {
                        let samples = (at..).zip(&samples).take(values.len());
                        self.doubtful.extend(samples.filter(|(_, sample)| !sample.is_finite()).map(|(k, _)| k));
                    }
                }
            },
        )
    }

    #[inline(always)]
    fn batch(&self, sums: &RowSums, below: &Corners, above: &Corners, flux: Flux, at: usize) -> [f64; BATCH] {
        let (a, b, c, d) = (below.ends(at), below.ends(at + 1), above.ends(at + 1), above.ends(at));
        let (low, high) = (batch(&below.edges, at), batch(&above.edges, at));
        let (left, right) = (batch(&self.between, at), batch(&self.between, at + 1));
        let mut samples = [0.0; BATCH];
        for (reference, tile) in samples.iter_mut().zip(a.tile) {
            *reference = sums.references.get(number(tile + ROUND)).map_or(f64::NAN, |reference| *reference);
        }
        for (k, sample) in samples.iter_mut().enumerate() {
            let area = 0.5 * ((c.x[k] - a.x[k]) * (d.y[k] - b.y[k]) - (c.y[k] - a.y[k]) * (d.x[k] - b.x[k]));
            let mean = *sample + (low[k] + right[k] - high[k] - left[k]) / area;
            *sample = if flux == Flux::Conserve { mean * area.abs() } else { mean };
        }
        samples
    }
}
