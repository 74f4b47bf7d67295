//! The overlap of quadrilaterals with unit squares, by Green's theorem edge by edge.
//!
//! ```text
//! an edge, in each square that it crosses:  h = its height there,  f = mean distance from the square's left side
//! area to the right of the edge:            h (1 - f) in that square,  h in every square to the right of it
//! area of a quadrilateral in a square:      sum over its four edges, one way around
//! ```
//!
//! Square (i, j) is `[i, i + 1) × [j, j + 1)` here: pixel coordinates plus a half.

use crate::simd::{larger, smaller};

/// The squares of a frame of shape (ny, nx) that a quadrilateral may overlap, and how much it does.
#[derive(Debug, Default)]
pub(super) struct Cover {
    frame: [f64; 2],
    /// First column and row, and their numbers.
    pub(super) x0: usize,
    y0: usize,
    nx: usize,
    ny: usize,
    /// Area of the whole quadrilateral, also outside of the frame; positive.
    pub(super) area: f64,
    /// Row by row, nx + 1 wide: the overlap with each square; the last column takes what lies beyond.
    cells: Vec<f64>,
}

impl Cover {
    pub(super) fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<f64>()
    }

    /// Overlays a quadrilateral given by its corners in order, in pixel coordinates plus a half; `false` if it overlaps no square of the
    /// frame, or a corner is NaN.
    pub(super) fn lay(&mut self, corners: [[f64; 2]; 4], frame: [usize; 2]) -> bool {
        let [a, b, c, d] = corners;
        let doubled = (c[0] - a[0]) * (d[1] - b[1]) - (c[1] - a[1]) * (d[0] - b[0]);
        self.area = 0.5 * doubled.abs();
        let sign = if doubled < 0.0 { 1.0 } else { -1.0 };
        let range = |axis: usize| {
            let [a, b, c, d] = corners.map(|corner| corner[axis]);
            [smaller(smaller(a, b), smaller(c, d)), larger(larger(a, b), larger(c, d))]
        };
        let ([x_min, x_max], [y_min, y_max]) = (range(0), range(1));
        let (nx, ny) = (frame[1] as f64, frame[0] as f64);
        // False for NaN, of which an undefined corner makes the area.
        if !(self.area > 0.0 && self.area.is_finite() && x_max > 0.0 && y_max > 0.0 && x_min < nx && y_min < ny) {
            return false;
        }
        self.frame = [nx, ny];
        (self.x0, self.y0) = (x_min.max(0.0) as usize, y_min.max(0.0) as usize);
        // The casts cut off: an edge on a line between squares has an empty square more beyond it.
        self.nx = (x_max as usize + 1).min(frame[1]) - self.x0;
        self.ny = (y_max as usize + 1).min(frame[0]) - self.y0;
        self.cells.clear();
        self.cells.resize((self.nx + 1) * self.ny, 0.0);
        for (from, to) in [(a, b), (b, c), (c, d), (d, a)] {
            self.edge(from, to, sign);
        }
        for row in self.cells.chunks_exact_mut(self.nx + 1) {
            let mut sum = 0.0;
            for cell in row {
                sum += *cell;
                *cell = sum;
            }
        }
        true
    }

    /// Row after row: its number and the overlap with each square from `x0` on.
    pub(super) fn rows(&self) -> impl Iterator<Item = (usize, &[f64])> {
        (self.y0..).zip(self.cells.chunks_exact(self.nx + 1).map(|row| &row[..self.nx]))
    }

    /// Adds what changes from square to square along an edge.
    fn edge(&mut self, a: [f64; 2], b: [f64; 2], sign: f64) {
        let (low, high, sign) = if a[1] < b[1] { (a, b, sign) } else { (b, a, -sign) };
        let slope = (high[0] - low[0]) / (high[1] - low[1]);
        let (mut y, end) = (low[1].max(0.0), high[1].min(self.frame[1]));
        // A level edge has no height.
        if !(y < end && slope.is_finite()) {
            return;
        }
        let x_at = |y: f64| if y == high[1] { high[0] } else { low[0] + (y - low[1]) * slope };
        let (mut row, mut x) = (y as usize, x_at(y));
        while y < end {
            let next = ((row + 1) as f64).min(end);
            let next_x = x_at(next);
            let start = (row - self.y0) * (self.nx + 1);
            if let Some(cells) = self.cells.get_mut(start..start + self.nx + 1) {
                let (x_low, x_high) = if x < next_x { (x, next_x) } else { (next_x, x) };
                across(cells, self.x0, self.frame[0], x_low, x_high, sign * (next - y));
            }
            (row, y, x) = (row + 1, next, next_x);
        }
    }
}

/// The part of an edge within a row, of some height, between two places in x. The first cell belongs to column `x0`.
#[inline]
fn across(cells: &mut [f64], x0: usize, frame: f64, low: f64, high: f64, height: f64) {
    let mut add = |column: usize, height: f64, middle: f64| {
        let beyond = height * (middle - column as f64);
        // Rounding may put a piece just left of the first square or right of the last: it then lies wholly to the left, or has no effect.
        match column.checked_sub(x0) {
            None => cells.iter_mut().take(1).for_each(|cell| *cell += height),
            Some(column) => {
                if let Some([here, right]) = cells.get_mut(column..).and_then(<[f64]>::first_chunk_mut) {
                    *here += height - beyond;
                    *right += beyond;
                }
            }
        }
    };
    let column = low as usize;
    if low >= 0.0 && high <= (column + 1) as f64 {
        if low < frame {
            add(column, height, 0.5 * (low + high));
        }
        return;
    }
    if high <= 0.0 {
        // Left of the frame: all squares are to the right.
        return add(0, height, 0.0);
    }
    let per_x = height / (high - low);
    if low < 0.0 {
        add(0, -low * per_x, 0.0);
    }
    let (mut x, end) = (low.max(0.0), high.min(frame));
    let mut column = x as usize;
    while x < end {
        let next = ((column + 1) as f64).min(end);
        add(column, (next - x) * per_x, 0.5 * (x + next));
        (column, x) = (column + 1, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of a square that lies to the left of all four edges, by counting points.
    fn counted(corners: [[f64; 2]; 4], low: [f64; 2]) -> f64 {
        const N: usize = 400;
        let left = |k: usize, p: [f64; 2]| {
            let (a, b) = (corners[k], corners[(k + 1) % 4]);
            (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0.0
        };
        let point = |k: usize| [low[0] + ((k % N) as f64 + 0.5) / N as f64, low[1] + ((k / N) as f64 + 0.5) / N as f64];
        (0..N * N).filter(|k| (0..4).all(|edge| left(edge, point(*k)))).count() as f64 / (N * N) as f64
    }

    #[test]
    fn areas() {
        let quads = [
            [[0.7, 0.6], [1.8, 0.9], [1.6, 2.1], [0.4, 1.7]],
            [[-1.2, -0.4], [3.3, -0.8], [7.1, 7.7], [1.0, 5.9]],
            [[2.0, 1.0], [3.0, 1.0], [3.0, 2.0], [2.0, 2.0]],
            [[2.0, -1.5], [4.0, 2.0], [2.0, 3.5], [-2.0, 2.0]],
        ];
        let mut cover = Cover::default();
        for quad in quads {
            for corners in [quad, [quad[3], quad[2], quad[1], quad[0]]] {
                assert!(cover.lay(corners, [4, 5]));
                for (y, areas) in cover.rows() {
                    for (x, area) in (cover.x0..).zip(areas) {
                        let wanted = counted(quad, [x as f64, y as f64]);
                        assert!((area - wanted).abs() < 5e-3, "{quad:?} ({x}, {y}): {area}, about {wanted}");
                        assert!(*area > -1e-15 && *area < 1.0 + 1e-15, "{area}");
                    }
                }
            }
        }
        assert!(!cover.lay([[f64::NAN, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], [4, 5]));
        assert!(!cover.lay([[5.5, 0.0], [6.0, 0.0], [6.0, 1.0], [5.5, 1.0]], [4, 5]));
    }
}
