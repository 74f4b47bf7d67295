//! Sums of the adaptive kernel over a box inside of the image.

use std::{f64::consts::LOG2_E, hint::black_box};

use super::{
    Patch,
    ellipse::{Form, Matrix, exp2, hann_window},
};
use crate::{Adaptive, Pixel};

/// Largest exponent of the Gaussian in a box that is summed as a product of series: none of their terms then leaves the range of numbers.
const STEEPEST: f64 = 150.0;

/// Weights of a row, and Σwp and Σw of the columns.
#[derive(Debug, Default)]
pub(crate) struct Buffers([Vec<f64>; 3]);

impl Buffers {
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|buffer| buffer.capacity() * size_of::<f64>()).sum()
    }

    /// Zeros, one for each of `n` pixels.
    pub(super) fn square(&mut self, n: usize) -> &mut [f64] {
        let [buffer, ..] = self.rows(n);
        buffer
    }

    /// Zeros.
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

/// The Gaussian kernels of a few output pixels whose boxes lie in the image.
pub(super) struct Gaussians {
    /// First column and row, and numbers of columns and rows. No columns: to be summed in another way.
    boxes: [[u32; LANES]; 4],
    /// From one pixel to the next, and from one such step to the next, in x and in y; the same for what x gains from row to row.
    ratios: [[f64; LANES]; 6],
}

impl Gaussians {
    /// `last` is the centre of the last row and column of the image.
    #[inline(always)]
    pub(super) fn new(
        [x, y, xu, xv, yu, yv]: &[[f64; LANES]; 6],
        adaptive: &Adaptive,
        [y_last, x_last]: [f64; 2],
    ) -> Gaussians {
        let (mut boxes, mut ratios) = ([[0; LANES]; 4], [[0.0; LANES]; 6]);
        let [columns, rows, widths, heights] = &mut boxes;
        let [step_x, bend_x, step_y, bend_y, turn, twist] = &mut ratios;
        for k in 0..LANES {
            let Form { a, b, c, radius } = Form::new([xu[k], xv[k], yu[k], yv[k]], adaptive);
            let (x0, x1) = (ceil(x[k] - radius), floor(x[k] + radius));
            let (y0, y1) = (ceil(y[k] - radius), floor(y[k] + radius));
            // |b| <= (a + c)/2. NaN compares false.
            let gentle = 2.0 * (a + c) * radius * radius <= STEEPEST;
            let inside = (x0 >= 0.0) & (x1 <= x_last) & (y0 >= 0.0) & (y1 <= y_last) & gentle;
            (columns[k], rows[k]) = (whole(x0), whole(y0));
            widths[k] = if inside { whole(x1 - x0 + 1.0) } else { 0 };
            heights[k] = whole(y1 - y0 + 1.0);
            // As powers of 2.
            let [a, b, c] = [-LOG2_E * a, -2.0 * LOG2_E * b, -LOG2_E * c];
            let (dx, dy) = (x0 - x[k], y0 - y[k]);
            step_x[k] = a * (2.0 * dx + 1.0) + b * dy;
            bend_x[k] = 2.0 * a;
            step_y[k] = c * (2.0 * dy + 1.0);
            bend_y[k] = 2.0 * c;
            turn[k] = b * dx;
            twist[k] = b;
        }
        for ratio in &mut ratios {
            for lane in ratio {
                *lane = exp2(*lane);
            }
        }
        Gaussians { boxes, ratios }
    }

    /// Σwp and Σw of one of them; `None` if its box does not lie in the image or is too steep for this way of summing.
    #[inline(always)]
    pub(super) fn sum<P: Pixel>(&self, k: usize, patch: &Patch<'_, P>) -> Option<[f64; 2]> {
        let [column, row, width, height] = self.boxes.each_ref().map(|numbers| numbers[k] as usize);
        if width == 0 {
            return None;
        }
        let run = Run::new(patch, [column, row], [width, height])?;
        let [step_x, bend_x, step_y, bend_y, turn, twist] = self.ratios.each_ref().map(|ratio| ratio[k]);
        let mut series = Series { weight: 1.0, x: [step_x, bend_x], y: [step_y, bend_y], turn: [turn, twist] };
        let mut sums = [0.0; 2];
        if width == 4 {
            series.strip::<4, P>(&run, 0, &mut sums)?;
        } else {
            for x in (0..width & !1).step_by(2) {
                series.strip::<2, P>(&run, x, &mut sums)?;
            }
            if width % 2 == 1 {
                series.strip::<1, P>(&run, width - 1, &mut sums)?;
            }
        }
        Some(sums)
    }
}

/// A whole number below 2³².
#[inline(always)]
fn whole(x: f64) -> u32 {
    // Beside 2⁵² the lowest bits of a number are the number; a cast would check its range.
    (x + 4_503_599_627_370_496.0).to_bits() as u32
}

/// 1.5 · 2⁵²: a number added to it is rounded to a whole one. Without SSE4 this is several times faster than the system's functions, and
/// it makes the same numbers below 2⁵¹; above, there is no image.
const ROUND: f64 = 6_755_399_441_055_744.0;

#[inline(always)]
fn ceil(x: f64) -> f64 {
    let near = (x + ROUND) - ROUND;
    near + if near < x { 1.0 } else { 0.0 }
}

#[inline(always)]
fn floor(x: f64) -> f64 {
    let near = (x + ROUND) - ROUND;
    near - if near > x { 1.0 } else { 0.0 }
}

/// Σwp and Σw of a Hann kernel over the box of `size` pixels (columns, rows), in the image, whose first is `first`.
pub(super) fn hann<P: Pixel>(
    patch: &Patch<'_, P>,
    matrix: &Matrix,
    [x, y]: [f64; 2],
    first: [f64; 2],
    size: [usize; 2],
    buffers: &mut Buffers,
) -> Option<[f64; 2]> {
    let run = Run::new(patch, first.map(|first| first as usize), size)?;
    let [weights, sums, totals] = buffers.rows(size[0]);
    let [j0, j1, j2, j3] = matrix.j;
    for (k, row) in run.rows() {
        let dy = first[1] + k as f64 - y;
        for (k, weight) in weights.iter_mut().enumerate() {
            let dx = first[0] + k as f64 - x;
            *weight = hann_window(j0 * dx + j1 * dy) * hann_window(j2 * dx + j3 * dy);
        }
        add(row, weights, sums, totals);
    }
    Some([sums.iter().sum(), totals.iter().sum()])
}

/// The pixels of a box.
struct Run<'r, P> {
    pixels: &'r [P],
    stride: usize,
    size: [usize; 2],
}

impl<'r, P: Pixel> Run<'r, P> {
    #[inline(always)]
    fn new(patch: &'r Patch<'_, P>, [column, row]: [usize; 2], size: [usize; 2]) -> Option<Self> {
        let x = column.checked_sub(patch.window.x0)?;
        let y = row.checked_sub(patch.window.y0)?;
        if x + size[0] > patch.window.nx || y + size[1] > patch.window.ny {
            return None;
        }
        Some(Run { pixels: patch.pixels.get(y * patch.window.nx + x..)?, stride: patch.window.nx, size })
    }

    #[inline(always)]
    fn rows(&self) -> impl Iterator<Item = (usize, &'r [P])> {
        (0..self.size[1]).filter_map(|k| Some((k, self.pixels.get(k * self.stride..)?.get(..self.size[0])?)))
    }
}

/// The weight of the next column in the first row, and how weights go on: pairs of the next ratio and the ratio of ratios.
struct Series {
    weight: f64,
    x: [f64; 2],
    y: [f64; 2],
    turn: [f64; 2],
}

impl Series {
    /// Adds Σwp and Σw of the next `N` columns, from `x` on.
    #[inline(always)]
    fn strip<const N: usize, P: Pixel>(&mut self, run: &Run<'_, P>, x: usize, sums: &mut [f64; 2]) -> Option<()> {
        // Of a row, and what they are multiplied by from this row to the next.
        let (mut weights, mut steps) = ([0.0; N], [0.0; N]);
        for k in 0..N {
            (weights[k], steps[k]) = (self.weight, self.turn[0] * self.y[0]);
            self.weight *= self.x[0];
            self.x[0] *= self.x[1];
            self.turn[0] *= self.turn[1];
        }
        let (mut values, mut totals) = ([0.0; N], [0.0; N]);
        for y in 0..run.size[1] {
            let row = run.pixels.get(y * run.stride + x..)?.first_chunk::<N>()?;
            for k in 0..N {
                totals[k] += weights[k];
            }
            for k in 0..N {
                values[k] += weights[k] * row[k].to_f64();
            }
            for k in 0..N {
                weights[k] *= steps[k];
            }
            steps.iter_mut().for_each(|step| *step *= self.y[1]);
        }
        // Keeps the compiler from pairing values with totals, which makes it compute one column after the other.
        let (values, totals) = (black_box(values), black_box(totals));
        for k in 0..N {
            sums[0] += values[k];
            sums[1] += totals[k];
        }
        Some(())
    }
}

/// Adds a row to the sums of the columns.
#[inline(always)]
fn add<P: Pixel>(row: &[P], weights: &[f64], sums: &mut [f64], totals: &mut [f64]) {
    for (((pixel, weight), sum), total) in row.iter().zip(weights).zip(sums).zip(totals) {
        *sum += weight * pixel.to_f64();
        *total += weight;
    }
}
