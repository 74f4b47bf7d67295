//! What part of the input a window needs, and what part of the window an input covers.

use super::{Cell, CoordGrid, LEAF, SAFETY, Square};
use crate::map::polynomial::Polynomial;
use crate::map::rectangle::{Rectangle, enlarged, hull, intersection};
use crate::window::Window;

/// Side of the pieces that are not divided to find what is covered, output pixels.
const PIECE: f64 = 8.0;

impl CoordGrid<'_> {
    /// A rectangle of output pixels that contains all pixels of the window whose centres fall into the input and its pad; `None` if there are none. It is at most 8 pixels
    /// too large on each side where the map is nearly linear.
    pub fn covered(&self) -> Option<Window> {
        self.covered_in(&self.region.window)
    }

    /// The same for a part of the window.
    pub(crate) fn covered_part(&self, part: Window) -> Option<Window> {
        self.covered_in(&part.edges())
    }

    fn covered_in(&self, window: &Rectangle) -> Option<Window> {
        let mut found = None;
        for (k, cell) in self.cells.iter().take(self.count[0] * self.count[1]).enumerate() {
            self.cover(*cell, &self.top_square(k), window, &mut found);
        }
        let [x, y]: Rectangle = found?;
        let (x0, y0) = ((x[0] + 0.5) as usize, (y[0] + 0.5) as usize);
        Some(Window { x0, y0, nx: (x[1] - x[0]) as usize, ny: (y[1] - y[0]) as usize })
    }

    fn cover(&self, cell: Cell, square: &Square, window: &Rectangle, found: &mut Option<Rectangle>) {
        let Some(part) = square.clip(window) else { return };
        match cell {
            Cell::Unbuilt | Cell::Outside => {}
            Cell::Split(first) => {
                for k in 0..4 {
                    self.cover(self.cells[first + k], &square.quarter(k), window, found);
                }
            }
            Cell::Polynomial(k) => cover_piece(&self.polynomials[k], &part, &self.region.input, found),
            Cell::Exact(at) => {
                for k in 0..LEAF * LEAF {
                    let low = [square.low[0] + (k % LEAF) as f64, square.low[1] + (k / LEAF) as f64];
                    let pixel = low.map(|low| [low, low + 1.0]);
                    let [x, y] = [self.centres_x[at + k], self.centres_y[at + k]];
                    let inside = intersection(&[[x; 2], [y; 2]], &self.region.input).is_some();
                    if inside && intersection(&pixel, &part) == Some(pixel) {
                        include(found, &pixel);
                    }
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
