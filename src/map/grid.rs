//! The cheap map: polynomials on cells of the output that are checked against the exact map, and exact evaluation elsewhere.
//!
//! Cells are squares of output pixels anchored to the output's first pixel, whatever window is asked for, so the value at a
//! position never depends on the window, the tile or the thread.

use super::pixel_map::PixelMap;
use super::polynomial::{Polynomial, SAMPLES, sample_points};
use super::rectangle::{Rectangle, enlarged, hull, intersection};
use crate::options::CoordinateError;
use crate::stats::GridReport;
use crate::window::Window;
use std::sync::OnceLock;

mod cells;
mod cover;

use cells::{Cell, CellTree, LEAF, Region, SAFETY, SMALLEST, Square, pixels};
use cover::{covered, leaf_range};

/// Cells sampled in one call of the map.
const BATCH: usize = 64;
/// Pixels of a window whose exact coordinates are kept: 4 MB.
const MOST_AT_ONCE: usize = 1 << 18;

/// An approximation of a [`PixelMap`] over one window of the output, with a bound on its error that is checked against the exact map.
///
/// In square cells of at most 512 × 512 output pixels the map is replaced by a pair of polynomials, if they differ from it by at most a quarter
/// of the bound at check points between and around the interpolation nodes. A cell is divided if they differ by more, if the map reports that it
/// is not smooth in the cell, or if it is undefined at a sample. Cells of 16 × 16 pixels that still fail are evaluated exactly. Cells are
/// anchored to the first pixel of the output, so that coordinates do not depend on the window.
pub struct CoordGrid<'m> {
    map: &'m dyn PixelMap,
    exact: bool,
    tree: CellTree,
    bounds: Option<Rectangle>,
    /// No √Σ J² of a polynomial in use is larger.
    steepest: f64,
    region: Region,
    report: GridReport,
    /// Exact coordinates of all pixel centres of the window, once a row of them is asked for.
    all: OnceLock<(Vec<f64>, Vec<f64>)>,
}

impl<'m> CoordGrid<'m> {
    /// Approximates `map` for the pixels of `window`, in output pixels, and for positions up to `margin` output pixels outside of it, with the
    /// error `bound`.
    ///
    /// `input_shape` is the shape (ny, nx) of the input. Positions that are more than `pad` input pixels outside of the input may become NaN and
    /// are not part of [`bounds`](Self::bounds). Memory and time grow with the area of the window.
    pub fn new(
        map: &'m dyn PixelMap,
        window: Window,
        margin: usize,
        bound: CoordinateError,
        input_shape: [usize; 2],
        pad: f64,
    ) -> CoordGrid<'m> {
        let low = [window.x0 as f64 - 0.5, window.y0 as f64 - 0.5];
        let high = [low[0] + window.nx as f64, low[1] + window.ny as f64];
        let m = margin as f64;
        let region = Region {
            area: [[low[0] - m, high[0] + m], [low[1] - m, high[1] + m]],
            window: [[low[0], high[0]], [low[1], high[1]]],
            input: [[-0.5 - pad, input_shape[1] as f64 - 0.5 + pad], [-0.5 - pad, input_shape[0] as f64 - 0.5 + pad]],
            bound: match bound {
                CoordinateError::Pixels(bound) => bound,
                CoordinateError::Exact => 1e-4,
            },
        };
        let mut grid = CoordGrid {
            map,
            exact: bound == CoordinateError::Exact,
            tree: CellTree::new(&region.area, window.is_empty()),
            bounds: None,
            steepest: 0.0,
            region,
            report: GridReport::default(),
            all: OnceLock::new(),
        };
        let mut level: Vec<_> = grid.tree.top().collect();
        let mut leaves = Vec::new();
        while !level.is_empty() {
            level = grid.refine(&region, &level, &mut leaves);
        }
        grid.evaluate_leaves(&region, &leaves);
        if grid.exact {
            let all = (window.nx as u64).saturating_mul(window.ny as u64);
            grid.report = GridReport { exact_pixels: all, ..GridReport::default() };
        }
        grid
    }

    /// Settles the cells of one level; returns the quarters of those that have to be divided.
    fn refine(
        &mut self,
        region: &Region,
        level: &[(usize, Square)],
        leaves: &mut Vec<(usize, Square)>,
    ) -> Vec<(usize, Square)> {
        let (smooth, mut divided): (Vec<_>, Vec<_>) =
            level.iter().copied().partition(|(_, square)| self.map.is_smooth(square.x(), square.y()));
        let (mut xs, mut ys) = (Vec::new(), Vec::new());
        for batch in smooth.chunks(BATCH) {
            xs.clear();
            ys.clear();
            for (_, square) in batch {
                sample_points(square.low, square.size, &mut xs, &mut ys);
            }
            self.map.to_input(&mut xs, &mut ys);
            for ((cell, square), (xs, ys)) in batch.iter().zip(xs.chunks(SAMPLES).zip(ys.chunks(SAMPLES))) {
                let fitted = Polynomial::fit(square.low, square.size, xs, ys, region.bound / 16.0);
                match fitted.map(|fitted| self.settle(region, *cell, square, fitted)) {
                    Some(true) => {}
                    _ => divided.push((*cell, *square)),
                }
            }
        }
        let mut next = Vec::new();
        for (cell, square) in divided {
            if square.size <= SMALLEST {
                leaves.push((cell, square));
                continue;
            }
            let first = self.tree.cells.len();
            self.tree.cells[cell] = Cell::Split(first);
            self.tree.cells.extend([Cell::Unbuilt; 4]);
            next.extend((0..4).map(|k| (first + k, square.quarter(k))).filter(|(_, q)| q.clip(&region.area).is_some()));
        }
        next
    }

    /// Whether the polynomials are good enough for the cell, or for saying that it lies outside; if so, the cell is settled.
    fn settle(&mut self, region: &Region, cell: usize, square: &Square, fitted: Polynomial) -> bool {
        let good = SAFETY * fitted.error <= region.bound;
        let slack = SAFETY * fitted.error;
        let range = fitted.range(square.x(), square.y());
        let spread = (range[0][1] - range[0][0]).max(range[1][1] - range[1][0]);
        if !spread.is_finite() {
            return false;
        }
        // A rough fit proves nothing unless it has converged: its error must be small against what it describes.
        if (good || slack <= 0.25 * spread) && intersection(&enlarged(&range, slack), &region.input).is_none() {
            self.tree.cells[cell] = Cell::Outside;
            self.report.outside_pixels += pixels(square.clip(&region.window));
            return true;
        }
        if !good {
            return false;
        }
        if let Some(part) = square.clip(&region.area) {
            let scaled = fitted.on(part[0], part[1]);
            self.include(region, &enlarged(&scaled.range(), slack));
            self.steepest = self.steepest.max(scaled.steepest());
        }
        let here = pixels(square.clip(&region.window));
        self.report.approximated_pixels += here;
        self.report.max_error = self.report.max_error.max(fitted.error);
        self.tree.cells[cell] = Cell::Polynomial(self.tree.polynomials.len());
        self.tree.polynomials.push(fitted);
        true
    }

    /// Evaluates the pixel centres of the smallest cells, all in one call.
    fn evaluate_leaves(&mut self, region: &Region, leaves: &[(usize, Square)]) {
        for (slot, (cell, square)) in leaves.iter().enumerate() {
            self.tree.cells[*cell] = Cell::Exact(slot * LEAF * LEAF);
            self.report.exact_pixels += pixels(square.clip(&region.window));
            for k in 0..LEAF * LEAF {
                self.tree.centres_x.push(square.low[0] + 0.5 + (k % LEAF) as f64);
                self.tree.centres_y.push(square.low[1] + 0.5 + (k / LEAF) as f64);
            }
        }
        self.map.to_input(&mut self.tree.centres_x, &mut self.tree.centres_y);
        for (slot, (_, square)) in leaves.iter().enumerate() {
            let Some(part) = square.clip(&region.area) else { continue };
            let at = slot * LEAF * LEAF;
            let range = leaf_range(
                region,
                square,
                &part,
                &self.tree.centres_x[at..at + LEAF * LEAF],
                &self.tree.centres_y[at..at + LEAF * LEAF],
            );
            if let Some(range) = range {
                self.include(region, &range);
            }
        }
    }

    fn include(&mut self, region: &Region, range: &Rectangle) {
        if let Some(part) = intersection(range, &region.input) {
            self.bounds = Some(match &self.bounds {
                Some(bounds) => hull(bounds, &part),
                None => part,
            });
        }
    }

    /// Computes the input coordinates of the output positions `(x0 + i, y)` into `xs[i]` and `ys[i]`. Both are NaN where the map is undefined,
    /// and may be NaN where the position is outside of the input and its pad.
    ///
    /// `x0` is rounded to a multiple of 2⁻³² pixel, so that `x0 + i` is the same number whatever the first position of the row. The slices have
    /// the same length. Positions outside of the window and its margin are evaluated exactly.
    pub fn row(&self, x0: f64, y: f64, xs: &mut [f64], ys: &mut [f64]) {
        let n = xs.len().min(ys.len());
        let x0 = on_lattice(x0);
        if self.exact && self.exact_row(x0, y, &mut xs[..n], &mut ys[..n]) {
            return;
        }
        let mut waiting = 0;
        let mut i = 0;
        while i < n {
            let (cell, edge) =
                if self.exact { (Cell::Unbuilt, f64::INFINITY) } else { self.tree.locate(x0 + i as f64, y) };
            let end = run_end(x0, i, edge, n);
            let settled = match cell {
                Cell::Polynomial(k) => {
                    self.tree.polynomials[k].row(x0 + i as f64, y, &mut xs[i..end], &mut ys[i..end]);
                    true
                }
                Cell::Outside => {
                    xs[i..end].fill(f64::NAN);
                    ys[i..end].fill(f64::NAN);
                    true
                }
                Cell::Exact(at) => self.tree.centres(at, x0 + i as f64, y, &mut xs[i..end], &mut ys[i..end]),
                Cell::Unbuilt | Cell::Split(_) => false,
            };
            if settled {
                self.evaluate(x0, y, waiting..i, xs, ys);
                waiting = end;
            }
            i = end;
        }
        self.evaluate(x0, y, waiting..n, xs, ys);
    }

    /// Copies exact coordinates of pixel centres, which are evaluated in one call for the whole window: a map may cost more a call than a
    /// point. `false` if these are no pixel centres of the window, or it has too many.
    fn exact_row(&self, x0: f64, y: f64, xs: &mut [f64], ys: &mut [f64]) -> bool {
        let [[left, right], [low, high]] = self.region.window;
        let (nx, ny) = ((right - left) as usize, (high - low) as usize);
        let (column, row) = (x0 - left - 0.5, y - low - 0.5);
        let inside = column >= 0.0 && row >= 0.0 && column + xs.len() as f64 <= nx as f64 && row < ny as f64;
        if !inside || column.fract() != 0.0 || row.fract() != 0.0 || nx.saturating_mul(ny) > MOST_AT_ONCE {
            return false;
        }
        let (all_x, all_y) = self.all.get_or_init(|| {
            let mut all_x: Vec<f64> = (0..ny).flat_map(|_| (0..nx).map(|x| left + 0.5 + x as f64)).collect();
            let mut all_y: Vec<f64> = (0..ny).flat_map(|y| (0..nx).map(move |_| low + 0.5 + y as f64)).collect();
            self.map.to_input(&mut all_x, &mut all_y);
            (all_x, all_y)
        });
        let from = row as usize * nx + column as usize;
        xs.copy_from_slice(&all_x[from..from + xs.len()]);
        ys.copy_from_slice(&all_y[from..from + ys.len()]);
        true
    }

    fn evaluate(&self, x0: f64, y: f64, run: std::ops::Range<usize>, xs: &mut [f64], ys: &mut [f64]) {
        if run.is_empty() {
            return;
        }
        for i in run.clone() {
            xs[i] = x0 + i as f64;
        }
        ys[run.clone()].fill(y);
        self.map.to_input(&mut xs[run.clone()], &mut ys[run]);
    }

    /// A rectangle of output pixels that contains all pixels of the window whose centres fall into the input and its pad; `None` if there are none.
    /// It is at most 8 pixels too large on each side where the map is nearly linear.
    pub fn covered(&self) -> Option<Window> {
        covered(&self.tree, &self.region.input, &self.region.window)
    }

    /// The same for a part of the window.
    pub(crate) fn covered_part(&self, part: Window) -> Option<Window> {
        covered(&self.tree, &self.region.input, &part.edges())
    }

    /// A rectangle `[xmin, xmax, ymin, ymax]` in input pixel coordinates that contains the images of all positions in the window and its margin
    /// that fall into the input and its pad; `None` if there are none.
    pub fn bounds(&self) -> Option<[f64; 4]> {
        self.bounds.map(|[x, y]| [x[0], x[1], y[0], y[1]])
    }

    /// √Σ (∂x/∂u)² + (∂x/∂v)² + (∂y/∂u)² + (∂y/∂v)² is nowhere larger in the window and its margin; `None` if the exact map is asked for some of the
    /// positions there, or all of them lie outside.
    pub(crate) fn steepest(&self) -> Option<f64> {
        let approximated = !self.exact && self.tree.centres_x.is_empty() && !self.tree.polynomials.is_empty();
        (approximated && self.steepest.is_finite()).then_some(self.steepest)
    }

    /// The largest error found, and the numbers of pixels that were approximated and evaluated exactly.
    pub fn report(&self) -> GridReport {
        self.report
    }
}

/// The nearest multiple of 2⁻³²: sums of these with whole numbers are exact (up to 2²¹ pixels; beyond, `x` is its own nearest).
fn on_lattice(x: f64) -> f64 {
    const STEPS: f64 = 4_294_967_296.0;
    let rounded = (x * STEPS).round() / STEPS;
    if rounded.is_finite() { rounded } else { x }
}

/// One past the last `i < n` for which `x0 + i` lies before the edge, but at least one past `from`.
fn run_end(x0: f64, from: usize, edge: f64, n: usize) -> usize {
    // The cast saturates: NaN and negative become 0.
    let mut end = ((edge - x0).ceil() as usize).clamp(from + 1, n);
    while end > from + 1 && x0 + (end - 1) as f64 >= edge {
        end -= 1;
    }
    while end < n && x0 + (end as f64) < edge {
        end += 1;
    }
    end
}
