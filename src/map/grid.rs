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

mod cover;

/// Side of the largest cells, output pixels.
const LARGEST: f64 = 512.0;
/// Side of the smallest cells, output pixels: sampling anything smaller costs more than evaluating its pixels exactly.
const SMALLEST: f64 = 16.0;
const LEAF: usize = SMALLEST as usize;
/// The error at the check points has to be this many times smaller than the bound, so that what lies between them stays within.
const SAFETY: f64 = 4.0;
/// Cells sampled in one call of the map.
const BATCH: usize = 64;
/// Pixels of a window whose exact coordinates are kept: 4 MB.
const MOST_AT_ONCE: usize = 1 << 18;

#[derive(Clone, Copy, Debug)]
enum Cell {
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
struct Square {
    low: [f64; 2],
    size: f64,
}

impl Square {
    fn x(&self) -> [f64; 2] {
        [self.low[0], self.low[0] + self.size]
    }

    fn y(&self) -> [f64; 2] {
        [self.low[1], self.low[1] + self.size]
    }

    fn quarter(&self, k: usize) -> Square {
        let size = 0.5 * self.size;
        let low = [self.low[0] + size * (k % 2) as f64, self.low[1] + size * (k / 2) as f64];
        Square { low, size }
    }

    /// The part in an area, unless they share an edge at most.
    fn clip(&self, area: &Rectangle) -> Option<Rectangle> {
        intersection(&[self.x(), self.y()], area).filter(|part| part.iter().all(|range| range[0] < range[1]))
    }
}

/// An approximation of a [`PixelMap`] over one window of the output, with a bound on its error that is checked against the exact map.
///
/// In square cells of at most 512 × 512 output pixels the map is replaced by a pair of polynomials, if they differ from it by at most a quarter of the bound at
/// check points between and around the interpolation nodes. A cell is divided if they differ by more, if the map reports that it is not smooth in the cell, or if it is
/// undefined at a sample. Cells of 16 × 16 pixels that still fail are evaluated exactly. Cells are anchored to the first pixel of the output, so that
/// coordinates do not depend on the window.
pub struct CoordGrid<'m> {
    map: &'m dyn PixelMap,
    exact: bool,
    /// First top cell along x and y, in units of cells, and their numbers.
    origin: [f64; 2],
    count: [usize; 2],
    cells: Vec<Cell>,
    polynomials: Vec<Polynomial>,
    centres_x: Vec<f64>,
    centres_y: Vec<f64>,
    bounds: Option<Rectangle>,
    /// No √Σ J² of a polynomial in use is larger.
    steepest: f64,
    region: Region,
    report: GridReport,
    /// Exact coordinates of all pixel centres of the window, once a row of them is asked for.
    all: OnceLock<(Vec<f64>, Vec<f64>)>,
}

/// What a grid is for.
#[derive(Clone, Copy)]
struct Region {
    /// Output positions that will be asked for.
    area: Rectangle,
    /// The same without the margin.
    window: Rectangle,
    /// The input enlarged by the pad.
    input: Rectangle,
    bound: f64,
}

impl<'m> CoordGrid<'m> {
    /// Approximates `map` for the pixels of `window`, in output pixels, and for positions up to `margin` output pixels outside of it, with the error `bound`.
    ///
    /// `input_shape` is the shape (ny, nx) of the input. Positions that are more than `pad` input pixels outside of the input may become NaN and are not part of
    /// [`bounds`](Self::bounds). Memory and time grow with the area of the window.
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
        let origin = region.area.map(|range| top_cell(range[0]));
        let count = if window.is_empty() {
            [0, 0]
        } else {
            [0, 1].map(|axis| {
                let last = ((region.area[axis][1] + 0.5) / LARGEST).ceil();
                (last - origin[axis]) as usize
            })
        };
        let mut grid = CoordGrid {
            map,
            exact: bound == CoordinateError::Exact,
            origin,
            count,
            cells: vec![Cell::Unbuilt; count[0] * count[1]],
            polynomials: Vec::new(),
            centres_x: Vec::new(),
            centres_y: Vec::new(),
            bounds: None,
            steepest: 0.0,
            region,
            report: GridReport::default(),
            all: OnceLock::new(),
        };
        let mut level: Vec<_> = (0..grid.cells.len()).map(|k| (k, grid.top_square(k))).collect();
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

    fn top_square(&self, cell: usize) -> Square {
        let (column, row) = (cell % self.count[0], cell / self.count[0]);
        let low = [self.origin[0] + column as f64, self.origin[1] + row as f64].map(|k| k * LARGEST - 0.5);
        Square { low, size: LARGEST }
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
            let first = self.cells.len();
            self.cells[cell] = Cell::Split(first);
            self.cells.extend([Cell::Unbuilt; 4]);
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
            self.cells[cell] = Cell::Outside;
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
        self.cells[cell] = Cell::Polynomial(self.polynomials.len());
        self.polynomials.push(fitted);
        true
    }

    /// Evaluates the pixel centres of the smallest cells, all in one call.
    fn evaluate_leaves(&mut self, region: &Region, leaves: &[(usize, Square)]) {
        for (slot, (cell, square)) in leaves.iter().enumerate() {
            self.cells[*cell] = Cell::Exact(slot * LEAF * LEAF);
            self.report.exact_pixels += pixels(square.clip(&region.window));
            for k in 0..LEAF * LEAF {
                self.centres_x.push(square.low[0] + 0.5 + (k % LEAF) as f64);
                self.centres_y.push(square.low[1] + 0.5 + (k / LEAF) as f64);
            }
        }
        self.map.to_input(&mut self.centres_x, &mut self.centres_y);
        for (slot, (_, square)) in leaves.iter().enumerate() {
            let Some(part) = square.clip(&region.area) else { continue };
            let at = slot * LEAF * LEAF;
            let range = leaf_range(
                region,
                square,
                &part,
                &self.centres_x[at..at + LEAF * LEAF],
                &self.centres_y[at..at + LEAF * LEAF],
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

    /// Computes the input coordinates of the output positions `(x0 + i, y)` into `xs[i]` and `ys[i]`. Both are NaN where the map is undefined, and may be NaN where the
    /// position is outside of the input and its pad.
    ///
    /// `x0` is rounded to a multiple of 2⁻³² pixel, so that `x0 + i` is the same number whatever the first position of the row. The slices have the same length.
    /// Positions outside of the window and its margin are evaluated exactly.
    pub fn row(&self, x0: f64, y: f64, xs: &mut [f64], ys: &mut [f64]) {
        let n = xs.len().min(ys.len());
        let x0 = on_lattice(x0);
        if self.exact && self.exact_row(x0, y, &mut xs[..n], &mut ys[..n]) {
            return;
        }
        let mut waiting = 0;
        let mut i = 0;
        while i < n {
            let (cell, edge) = if self.exact { (Cell::Unbuilt, f64::INFINITY) } else { self.locate(x0 + i as f64, y) };
            let end = run_end(x0, i, edge, n);
            let settled = match cell {
                Cell::Polynomial(k) => {
                    self.polynomials[k].row(x0 + i as f64, y, &mut xs[i..end], &mut ys[i..end]);
                    true
                }
                Cell::Outside => {
                    xs[i..end].fill(f64::NAN);
                    ys[i..end].fill(f64::NAN);
                    true
                }
                Cell::Exact(at) => self.centres(at, x0 + i as f64, y, &mut xs[i..end], &mut ys[i..end]),
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

    /// Copies the coordinates of pixel centres in a smallest cell; `false` if the positions are not pixel centres.
    fn centres(&self, at: usize, x: f64, y: f64, xs: &mut [f64], ys: &mut [f64]) -> bool {
        if x.fract() != 0.0 || y.fract() != 0.0 {
            return false;
        }
        let from = at + y.rem_euclid(SMALLEST) as usize * LEAF + x.rem_euclid(SMALLEST) as usize;
        xs.copy_from_slice(&self.centres_x[from..from + xs.len()]);
        ys.copy_from_slice(&self.centres_y[from..from + ys.len()]);
        true
    }

    /// The cell of a position and the cell's right edge.
    fn locate(&self, x: f64, y: f64) -> (Cell, f64) {
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

    /// A rectangle `[xmin, xmax, ymin, ymax]` in input pixel coordinates that contains the images of all positions in the window and its margin that fall into
    /// the input and its pad; `None` if there are none.
    pub fn bounds(&self) -> Option<[f64; 4]> {
        self.bounds.map(|[x, y]| [x[0], x[1], y[0], y[1]])
    }

    /// √Σ (∂x/∂u)² + (∂x/∂v)² + (∂y/∂u)² + (∂y/∂v)² is nowhere larger in the window and its margin; `None` if the exact map is asked for some of the
    /// positions there, or all of them lie outside.
    pub(crate) fn steepest(&self) -> Option<f64> {
        let approximated = !self.exact && self.centres_x.is_empty() && !self.polynomials.is_empty();
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

/// Index of the top cell of a position: the largest `k` with `k · LARGEST - 0.5 <= x`.
fn top_cell(x: f64) -> f64 {
    let k = ((x + 0.5) / LARGEST).floor();
    // Adding a half may round up to the next cell's edge.
    if x < k * LARGEST - 0.5 { k - 1.0 } else { k }
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

/// Whole pixels in a part of a cell, both of which end between pixels.
fn pixels(part: Option<Rectangle>) -> u64 {
    part.map_or(0, |[x, y]| ((x[1] - x[0]) * (y[1] - y[0])) as u64)
}

/// The input positions that lie in one smallest cell, from its pixel centres: what lies between them is at most a step away.
fn leaf_range(region: &Region, square: &Square, part: &Rectangle, xs: &[f64], ys: &[f64]) -> Option<Rectangle> {
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
