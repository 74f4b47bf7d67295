//! What part of the input a window needs, and what part of the window an input covers.

use super::cells::{Cell, CellTree, LEAF, Region, SAFETY, Square};
use crate::map::polynomial::Polynomial;
use crate::map::rectangle::{Rectangle, enlarged, hull, intersection};
use crate::window::Window;

/// Side of the pieces that are not divided to find what is covered, output pixels.
const PIECE: f64 = 8.0;

/// The rectangle of pixels of a window that contains all whose centre falls into the padded input; see
/// [`CoordGrid::covered`](crate::CoordGrid::covered).
pub(super) fn covered(tree: &CellTree, input: &Rectangle, window: &Rectangle) -> Option<Window> {
    let mut found = None;
    for (cell, square) in tree.top() {
        cover(tree, tree.cells[cell], &square, input, window, &mut found);
    }
    let [x, y]: Rectangle = found?;
    let (x0, y0) = ((x[0] + 0.5) as usize, (y[0] + 0.5) as usize);
    Some(Window { x0, y0, nx: (x[1] - x[0]) as usize, ny: (y[1] - y[0]) as usize })
}

fn cover(
    tree: &CellTree,
    cell: Cell,
    square: &Square,
    input: &Rectangle,
    window: &Rectangle,
    found: &mut Option<Rectangle>,
) {
    let Some(part) = square.clip(window) else { return };
    match cell {
        Cell::Unbuilt | Cell::Outside => {}
        Cell::Split(first) => {
            for k in 0..4 {
                cover(tree, tree.cells[first + k], &square.quarter(k), input, window, found);
            }
        }
        Cell::Polynomial(k) => cover_piece(&tree.polynomials[k], &part, input, found),
        Cell::Exact(at) => {
            for k in 0..LEAF * LEAF {
                let low = [square.low[0] + (k % LEAF) as f64, square.low[1] + (k / LEAF) as f64];
                let pixel = low.map(|low| [low, low + 1.0]);
                let [x, y] = [tree.centres_x[at + k], tree.centres_y[at + k]];
                let inside = intersection(&[[x; 2], [y; 2]], input).is_some();
                if inside && intersection(&pixel, &part) == Some(pixel) {
                    include(found, &pixel);
                }
            }
        }
    }
}

fn include(found: &mut Option<Rectangle>, part: &Rectangle) {
    *found = Some(found.map_or(*part, |found| hull(&found, part)));
}

/// Divides a piece of a cell until it lies outside of the input, is small, or adds nothing to what has been found.
fn cover_piece(fitted: &Polynomial, piece: &Rectangle, input: &Rectangle, found: &mut Option<Rectangle>) {
    let [x, y] = piece;
    if found.is_some_and(|found| hull(&found, piece) == found) {
        return;
    }
    // The centres of its pixels.
    let range = fitted.range([x[0] + 0.5, x[1] - 0.5], [y[0] + 0.5, y[1] - 0.5]);
    let range = enlarged(&range, SAFETY * fitted.error);
    let Some(part) = intersection(&range, input) else { return };
    let size = [x[1] - x[0], y[1] - y[0]];
    if part == range || (size[0] <= PIECE && size[1] <= PIECE) {
        include(found, piece);
        return;
    }
    let halves = |[low, high]: [f64; 2]| {
        let middle = (0.5 * (low + high)).floor() + 0.5;
        if high - low <= PIECE { vec![[low, high]] } else { vec![[low, middle], [middle, high]] }
    };
    for y in halves(*y) {
        for x in halves(*x) {
            cover_piece(fitted, &[x, y], input, found);
        }
    }
}

/// The input positions that lie in one smallest cell, from its pixel centres: what lies between them is at most a step away.
pub(super) fn leaf_range(
    region: &Region,
    square: &Square,
    part: &Rectangle,
    xs: &[f64],
    ys: &[f64],
) -> Option<Rectangle> {
    let size = [0, 1].map(|axis| region.input[axis][1] - region.input[axis][0]);
    let mut step = [0.0_f64; 2];
    for k in 0..LEAF * LEAF {
        let right = (k % LEAF + 1 < LEAF).then_some(k + 1);
        let above = (k / LEAF + 1 < LEAF).then_some(k + LEAF);
        for other in [right, above].into_iter().flatten() {
            for (axis, values) in [xs, ys].into_iter().enumerate() {
                let jump = (values[other] - values[k]).abs();
                // Across a seam the coordinate jumps by the size of the image; both sides have pixels of their own.
                if jump < 0.5 * size[axis] {
                    step[axis] = step[axis].max(jump);
                }
            }
        }
    }
    let reach = 1.0 + 2.0 * step[0].max(step[1]);
    let wide = enlarged(&region.input, reach);
    let mut range: Option<Rectangle> = None;
    for k in 0..LEAF * LEAF {
        let out = [square.low[0] + 0.5 + (k % LEAF) as f64, square.low[1] + 0.5 + (k / LEAF) as f64];
        // A position of the window may belong to a pixel whose centre is just outside of it.
        let near = (0..2).all(|a| out[a] > part[a][0] - 1.0 && out[a] < part[a][1] + 1.0);
        let here = [[xs[k]; 2], [ys[k]; 2]];
        if near && intersection(&here, &wide).is_some() {
            range = Some(range.map_or(here, |range| hull(&range, &here)));
        }
    }
    range.map(|range| enlarged(&range, reach))
}
