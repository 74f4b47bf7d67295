//! Integrals over quadrilaterals about as large as a unit square, quickly.
//!
//! ```text
//! W(x, y) = sum of the pixels to the left of (x, y) in its row, in proportion
//! ∬ v dx dy = ∮ W dy = ∫ along the lower + right - upper - left edge                               (Green)
//! an edge crosses one line between pixels at most along each axis: three pieces, on each of which W is linear in x
//! ```
//!
//! Each edge serves the two output pixels that it separates. Coordinates here are pixel coordinates plus a half: pixel (i, j) is
//! `[i, i + 1] × [j, j + 1]`.

use super::Patch;
use crate::{Pixel, plan::Window};

/// Columns over which W is summed up, from multiples of this on: so few that sums stay small, so that little is lost in differences.
pub(super) const SPAN: usize = 32;
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
    /// Row by row; span by span a sum for each pixel and one for the end.
    sums: Vec<f64>,
    stride: usize,
    /// Whether one of the 3 × 3 pixels from this one on is not finite; empty if all are. Those count as 0 in the sums.
    spoilt: Vec<bool>,
}

impl RowSums {
    pub(super) fn bytes(&self) -> usize {
        self.sums.capacity() * size_of::<f64>() + self.spoilt.capacity()
    }

    /// Sums up a patch, the window of which starts at a multiple of [`SPAN`].
    pub(super) fn fill<P: Pixel>(&mut self, patch: &Patch<'_, P>) {
        let Window { nx, ny, .. } = patch.window;
        self.window = patch.window;
        self.stride = nx + nx.div_ceil(SPAN);
        self.sums.clear();
        self.sums.reserve(self.stride * ny);
        self.spoilt.clear();
        for (y, row) in patch.pixels.chunks_exact(nx.max(1)).enumerate() {
            for (span, pixels) in row.chunks(SPAN).enumerate() {
                let mut sum = 0.0;
                self.sums.push(sum);
                for (x, pixel) in (span * SPAN..).zip(pixels) {
                    let value = pixel.to_f64();
                    if value.is_finite() {
                        sum += value;
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

    /// ∫ W dy from `a` to `b`.
    #[inline]
    pub(super) fn along(&self, a: [f64; 2], b: [f64; 2]) -> Edge {
        let d = [b[0] - a[0], b[1] - a[1]];
        let (from, to) = (a.map(cell), b.map(cell));
        let apart = [0, 1].map(|axis| (to[axis] - from[axis]).abs());
        // False for NaN.
        let simple = (apart[0] <= 1.0) & (apart[1] <= 1.0);
        // Where on the edge it crosses a line, from 0 to 1; 1 if it does not. Without branches, which nobody could predict, and one division.
        let safe = d.map(|d| if d.abs() < LEVEL { LEVEL } else { d });
        let inverse = 1.0 / (safe[0] * safe[1]);
        let crossing = |axis: usize| {
            let line = (larger(from[axis], to[axis]) - ROUND) - a[axis];
            1.0 - apart[axis] * (1.0 - line * safe[1 - axis] * inverse)
        };
        let (u, v) = (crossing(0), crossing(1));
        let (first, second) = (smaller(u, v), larger(u, v));
        let pieces =
            [(0.5 * first, first), (0.5 * (first + second), second - first), (0.5 * (second + 1.0), 1.0 - second)];
        let (mut value, mut span, mut one) = (0.0, 0, simple);
        for (k, (middle, part)) in pieces.into_iter().enumerate() {
            let (x, y) = (a[0] + middle * d[0], a[1] + middle * d[1]);
            let column = cell(x);
            let (i, j) = (number(column), number(cell(y)));
            let (x_at, y_at) = ((i as usize).wrapping_sub(self.window.x0), (j as usize).wrapping_sub(self.window.y0));
            if k == 0 {
                span = i / SPAN as u32;
            }
            one &= i / SPAN as u32 == span && x_at < self.window.nx;
            let at = y_at.wrapping_mul(self.stride).wrapping_add(x_at).wrapping_add(x_at / SPAN);
            let Some(&[left, right]) = self.sums.get(at..).and_then(<[f64]>::first_chunk) else {
                return Edge::default();
            };
            value += part * (left + (x - (column - ROUND)) * (right - left));
        }
        Edge { value: value * d[1], span: if one { span } else { u32::MAX } }
    }
}

/// ∫ W dy along an edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    value: f64,
    /// The span that the edge lies in; [`u32::MAX`] if it is not simple, or does not lie in one.
    span: u32,
}

impl Default for Edge {
    fn default() -> Self {
        Edge { value: 0.0, span: u32::MAX }
    }
}

/// The integral over what the edges enclose, positive if they run around it anticlockwise; `None` if it cannot be had this way. Lower and upper edge run from left
/// to right, left and right edge upwards.
#[inline]
pub(super) fn within([low, right, high, left]: [Edge; 4]) -> Option<f64> {
    let one = low.span == right.span && low.span == high.span && low.span == left.span && low.span != u32::MAX;
    one.then_some(low.value + right.value - high.value - left.value)
}
