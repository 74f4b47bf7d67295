//! Sums of pixels weighted by the adaptive kernel, over boxes that lie in the image.
//!
//! ```text
//! Gaussian: the logarithm of the weight is a quadratic polynomial of the position, so the ratio of the weights of neighbours
//!           grows by a constant factor from pixel to pixel, along x and along y: every weight follows by multiplication
//! Hann:     every weight is computed by itself
//! ```

use std::f64::consts::LOG2_E;

use super::{
    ellipse::{HannMatrix, QuadraticForm, exp2, hann_window},
    patch::Patch,
};
use crate::{Adaptive, Pixel, window::Window};

/// Largest exponent of the Gaussian in a box that is summed as a product of series: all of their terms are then finite and above 0.
const MAX_EXPONENT: f64 = 150.0;

/// Buffers for the weights of a row, and Σwp and Σw of the columns.
#[derive(Debug, Default)]
pub(super) struct Buffers([Vec<f64>; 3]);

impl Buffers {
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|buffer| buffer.capacity() * size_of::<f64>()).sum()
    }

    /// `n` zeros.
    pub(super) fn zeros(&mut self, n: usize) -> &mut [f64] {
        let [buffer, ..] = self.rows(n);
        buffer
    }

    /// `n` zeros in each of the buffers.
    fn rows(&mut self, n: usize) -> [&mut [f64]; 3] {
        self.0.each_mut().map(|buffer| {
            buffer.clear();
            buffer.resize(n, 0.0);
            &mut buffer[..]
        })
    }
}

/// Pixels whose kernels are computed side by side.
pub(super) const LANES: usize = 32;
/// Columns of a box whose sums are computed side by side.
const STRIP: usize = 4;

/// The Gaussian kernels of neighbouring output pixels whose boxes lie in the image.
#[derive(Debug)]
pub(super) struct Gaussians {
    /// Numbers of columns and rows of each box, and the index of its first pixel in the patch. 0 columns if the box has to be summed in another way.
    boxes: [[u64; LANES]; 3],
    /// The factors, in this order, by which: the first weight grows from the first column to the next; this step grows from column to column; the
    /// step to the next row grows from column to column; the weight in the first column grows from the first row to the next; this step grows from
    /// row to row.
    ratios: [[f64; LANES]; 5],
    /// Weights of the first row in the first columns, and the factors by which they grow to the second row.
    weights: [[f64; STRIP]; LANES],
    steps: [[f64; STRIP]; LANES],
    /// Σwp and Σw, each in `STRIP` parts.
    sums: [[[f64; STRIP]; LANES]; 2],
}

impl Default for Gaussians {
    fn default() -> Self {
        let columns = [[0.0; STRIP]; LANES];
        let (boxes, ratios) = ([[0; LANES]; 3], [[0.0; LANES]; 5]);
        Gaussians { boxes, ratios, weights: columns, steps: columns, sums: [columns; 2] }
    }
}

impl Gaussians {
    /// Fits kernels to the output pixels whose positions and Jacobians are given.
    #[inline(always)]
    pub(super) fn fit<P>(
        &mut self,
        [x, y, xu, xv, yu, yv]: [&[f64; LANES]; 6],
        adaptive: &Adaptive,
        patch: &Patch<'_, P>,
    ) {
        // The patch holds every box that lies in the image.
        let Window { x0, y0, nx, ny } = patch.window;
        let [x_first, x_last, y_first, y_last] = [x0, x0 + nx - 1, y0, y0 + ny - 1].map(|n| n as f64);
        let stride = nx as f64;
        let [columns, rows, firsts] = &mut self.boxes;
        let [step_x, bend_x, twist, step_y, bend_y] = &mut self.ratios;
        for k in 0..LANES {
            let QuadraticForm { a, b, c, radius } = QuadraticForm::new([xu[k], xv[k], yu[k], yv[k]], adaptive);
            let (x0, x1) = ((x[k] - radius).ceil(), (x[k] + radius).floor());
            let (y0, y1) = ((y[k] - radius).ceil(), (y[k] + radius).floor());
            // |b| <= (a + c)/2. NaN compares false.
            let in_range = 2.0 * (a + c) * radius * radius <= MAX_EXPONENT;
            let inside = (x0 >= x_first) & (x1 <= x_last) & (y0 >= y_first) & (y1 <= y_last) & in_range;
            columns[k] = if inside { as_integer(x1 - x0 + 1.0) } else { 0 };
            rows[k] = as_integer(y1 - y0 + 1.0);
            firsts[k] = as_integer((y0 - y_first) * stride + (x0 - x_first));
            // As powers of 2.
            let [a, b, c] = [-LOG2_E * a, -2.0 * LOG2_E * b, -LOG2_E * c];
            let (dx, dy) = (x0 - x[k], y0 - y[k]);
            step_x[k] = a * (2.0 * dx + 1.0) + b * dy;
            bend_x[k] = 2.0 * a;
            twist[k] = b;
            step_y[k] = c * (2.0 * dy + 1.0) + b * dx;
            bend_y[k] = 2.0 * c;
        }
        for ratios in [&mut *step_x, &mut *bend_x, &mut *twist, &mut *step_y, bend_y] {
            for ratio in ratios {
                *ratio = exp2(*ratio);
            }
        }
        for k in 0..LANES {
            let (x, bend) = (step_x[k], bend_x[k]);
            let (x1, x2) = (x * bend, x * (bend * bend));
            self.weights[k] = [1.0, x, x * x1, (x * x1) * x2];
        }
        for k in 0..LANES {
            let (y, t) = (step_y[k], twist[k]);
            let t2 = t * t;
            self.steps[k] = [y, y * t, y * t2, (y * t) * t2];
        }
    }

    /// Σwp / Σw of the first `n` output pixels; NaN where the box does not lie in the image or the exponent is out of range.
    #[inline(always)]
    pub(super) fn means<P: Pixel>(&mut self, patch: &Patch<'_, P>, n: usize, means: &mut [f64; LANES]) {
        for k in 0..n.min(LANES) {
            let [width, height, first] = self.boxes.each_ref().map(|numbers| numbers[k] as usize);
            let mut sums = [[f64::NAN; STRIP]; 2];
            if width >= STRIP
                && let Some(pixels) = patch.pixels.get(first..)
            {
                let columns = Columns { pixels, stride: patch.window.nx, rows: height };
                sums = columns.sum(self.weights[k], self.steps[k], self.ratios[4][k]).unwrap_or(sums);
            }
            [self.sums[0][k], self.sums[1][k]] = sums;
        }
        for k in 0..n.min(LANES) {
            if self.boxes[0][k] > 0 && self.boxes[0][k] != STRIP as u64 && self.rest(k, patch).is_none() {
                self.sums[0][k] = [f64::NAN; STRIP];
            }
        }
        let [values, totals] = &self.sums;
        for (mean, ([a, b, c, d], [e, f, g, h])) in means.iter_mut().zip(values.iter().zip(totals)) {
            *mean = ((a + b) + (c + d)) / ((e + f) + (g + h));
        }
    }

    /// Adds the columns beyond the first strip, or all columns of a box that is narrower than a strip.
    #[inline(always)]
    fn rest<P: Pixel>(&mut self, k: usize, patch: &Patch<'_, P>) -> Option<()> {
        let [width, height, first] = self.boxes.each_ref().map(|numbers| numbers[k] as usize);
        let [x, bend_x, twist, _, bend] = self.ratios.each_ref().map(|ratio| ratio[k]);
        let (mut weights, mut steps) = (self.weights[k], self.steps[k]);
        let mut columns = Columns { pixels: patch.pixels.get(first..)?, stride: patch.window.nx, rows: height };
        let (mut sums, mut left) = ([[0.0; STRIP]; 2], width);
        if width >= STRIP {
            sums = [self.sums[0][k], self.sums[1][k]];
            // From column n of one strip to that of the next, weights grow by x⁴ bend⁶ bend⁴ⁿ and their steps by twist⁴.
            let [x2, bend2, twist2] = [x * x, bend_x * bend_x, twist * twist];
            let (bend4, twist4) = (bend2 * bend2, twist2 * twist2);
            let (gain, bend8) = ((x2 * bend2) * (x2 * bend4), bend4 * bend4);
            let mut gains = [gain, gain * bend4, gain * bend8, (gain * bend4) * bend8];
            loop {
                for n in 0..STRIP {
                    weights[n] *= gains[n];
                    steps[n] *= twist4;
                }
                columns.pixels = columns.pixels.get(STRIP..)?;
                left -= STRIP;
                if left < STRIP {
                    break;
                }
                add(&mut sums, columns.sum(weights, steps, bend)?);
                gains.iter_mut().for_each(|gain| *gain *= bend8 * bend8);
            }
        }
        for (weight, step) in weights.into_iter().zip(steps).take(left) {
            add(&mut sums, columns.sum([weight], [step], bend)?);
            columns.pixels = columns.pixels.get(1..)?;
        }
        [self.sums[0][k], self.sums[1][k]] = sums;
        Some(())
    }
}

/// Adds the sums of columns to those of the columns before them, from left to right.
#[inline(always)]
fn add<const N: usize>(sums: &mut [[f64; STRIP]; 2], columns: [[f64; N]; 2]) {
    for n in 0..N {
        sums[0][n] += columns[0][n];
        sums[1][n] += columns[1][n];
    }
}

/// The columns of a box from one of them on.
struct Columns<'r, P> {
    /// The patch from the first pixel of these columns on.
    pixels: &'r [P],
    stride: usize,
    rows: usize,
}

impl<P: Pixel> Columns<'_, P> {
    /// Σwp and Σw of each of the first `N` columns.
    #[inline(always)]
    fn sum<const N: usize>(&self, mut weights: [f64; N], mut steps: [f64; N], bend: f64) -> Option<[[f64; N]; 2]> {
        let (mut values, mut totals) = ([0.0; N], [0.0; N]);
        let mut from = 0;
        for _ in 0..self.rows {
            let row = self.pixels.get(from..)?.first_chunk::<N>()?;
            for k in 0..N {
                totals[k] += weights[k];
            }
            for k in 0..N {
                values[k] += weights[k] * row[k].to_f64();
            }
            for k in 0..N {
                weights[k] *= steps[k];
            }
            steps.iter_mut().for_each(|step| *step *= bend);
            from += self.stride;
        }
        Some([values, totals])
    }
}

/// Converts an integer from 0 to 2⁵².
#[inline(always)]
fn as_integer(x: f64) -> u64 {
    // Added to 2⁵² it is in the lowest bits of the sum; a cast would check its range.
    const OFFSET: f64 = 4_503_599_627_370_496.0;
    (x + OFFSET).to_bits().wrapping_sub(OFFSET.to_bits())
}

/// Σwp and Σw of a Hann kernel at (x, y) over the box of `size` pixels (columns, rows) from the pixel `first` (column, row) on. `None` if the box
/// is not in the patch.
pub(super) fn hann<P: Pixel>(
    patch: &Patch<'_, P>,
    matrix: &HannMatrix,
    [x, y]: [f64; 2],
    first: [f64; 2],
    size: [usize; 2],
    buffers: &mut Buffers,
) -> Option<[f64; 2]> {
    let pixels = PixelBox::new(patch, first.map(|first| first as usize), size)?;
    let [weights, sums, totals] = buffers.rows(size[0]);
    let [j0, j1, j2, j3] = matrix.j;
    for (k, row) in pixels.rows() {
        let dy = first[1] + k as f64 - y;
        for (k, weight) in weights.iter_mut().enumerate() {
            let dx = first[0] + k as f64 - x;
            *weight = hann_window(j0 * dx + j1 * dy) * hann_window(j2 * dx + j3 * dy);
        }
        add_row(row, weights, sums, totals);
    }
    Some([sums.iter().sum(), totals.iter().sum()])
}

/// The pixels of a box.
struct PixelBox<'r, P> {
    pixels: &'r [P],
    stride: usize,
    size: [usize; 2],
}

impl<'r, P: Pixel> PixelBox<'r, P> {
    #[inline(always)]
    fn new(patch: &'r Patch<'_, P>, [column, row]: [usize; 2], size: [usize; 2]) -> Option<Self> {
        let x = column.checked_sub(patch.window.x0)?;
        let y = row.checked_sub(patch.window.y0)?;
        if x + size[0] > patch.window.nx || y + size[1] > patch.window.ny {
            return None;
        }
        Some(PixelBox { pixels: patch.pixels.get(y * patch.window.nx + x..)?, stride: patch.window.nx, size })
    }

    #[inline(always)]
    fn rows(&self) -> impl Iterator<Item = (usize, &'r [P])> {
        (0..self.size[1]).filter_map(|k| Some((k, self.pixels.get(k * self.stride..)?.get(..self.size[0])?)))
    }
}

/// Adds the pixels of a row and their weights to the sums of the columns.
#[inline(always)]
fn add_row<P: Pixel>(row: &[P], weights: &[f64], sums: &mut [f64], totals: &mut [f64]) {
    for (((pixel, weight), sum), total) in row.iter().zip(weights).zip(sums).zip(totals) {
        *sum += weight * pixel.to_f64();
        *total += weight;
    }
}
