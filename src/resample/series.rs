//! Sums of the adaptive kernel over a box inside of the image.

use super::{
    Patch,
    ellipse::{Form, Matrix, exp, hann_window},
};
use crate::Pixel;

/// Largest exponent of the Gaussian in a box that is summed as a product of series: none of their terms then leaves the range of numbers.
const STEEPEST: f64 = 150.0;

/// Weights of a row, what they are multiplied by from row to row, and Σwp and Σw of the columns.
#[derive(Debug, Default)]
pub(crate) struct Buffers([Vec<f64>; 4]);

impl Buffers {
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|buffer| buffer.capacity() * size_of::<f64>()).sum()
    }

    /// Zeros.
    fn rows(&mut self, n: usize) -> [&mut [f64]; 4] {
        self.0.each_mut().map(|buffer| {
            buffer.clear();
            buffer.resize(n, 0.0);
            &mut buffer[..]
        })
    }
}

/// Σwp and Σw over the box of `size` pixels (columns, rows) whose first is `first`; `None` if it is too steep for this way of summing.
#[inline(always)]
pub(super) fn gaussian<P: Pixel>(
    patch: &Patch<'_, P>,
    form: &Form,
    [x, y]: [f64; 2],
    first: [f64; 2],
    size: [usize; 2],
    buffers: &mut Buffers,
) -> Option<[f64; 2]> {
    let Form { a, b, c, radius } = *form;
    // |b| <= (a + c)/2.
    if !(2.0 * (a + c) * radius * radius <= STEEPEST) {
        return None;
    }
    let [dx, dy] = [first[0] - x, first[1] - y];
    // From one pixel to the next, and from one such step to the next, in x, in y, and from row to row.
    let [step_x, bend_x, step_y, bend_y, turn, twist] =
        [-(a * (2.0 * dx + 1.0) + 2.0 * b * dy), -2.0 * a, -c * (2.0 * dy + 1.0), -2.0 * c, -2.0 * b * dx, -2.0 * b]
            .map(exp);
    let series = Series { x: [step_x, bend_x], y: [step_y, bend_y], turn: [turn, twist] };
    let run = Run::new(patch, first, size)?;
    match size[0] {
        4 => series.fixed::<4, P>(&run),
        5 => series.fixed::<5, P>(&run),
        6 => series.fixed::<6, P>(&run),
        n => series.sum(&run, buffers.rows(n)),
    }
}

/// As [`gaussian`], for the Hann kernel.
pub(super) fn hann<P: Pixel>(
    patch: &Patch<'_, P>,
    matrix: &Matrix,
    [x, y]: [f64; 2],
    first: [f64; 2],
    size: [usize; 2],
    buffers: &mut Buffers,
) -> Option<[f64; 2]> {
    let run = Run::new(patch, first, size)?;
    let [weights, _, sums, totals] = buffers.rows(size[0]);
    let [j0, j1, j2, j3] = matrix.j;
    for (k, row) in run.rows() {
        let dy = first[1] + k as f64 - y;
        for (k, weight) in weights.iter_mut().enumerate() {
            let dx = first[0] + k as f64 - x;
            *weight = hann_window(j0 * dx + j1 * dy) * hann_window(j2 * dx + j3 * dy);
        }
        add(row, 1.0, weights, sums, totals);
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
    fn new(patch: &'r Patch<'_, P>, first: [f64; 2], size: [usize; 2]) -> Option<Self> {
        let x = (first[0] as usize).checked_sub(patch.window.x0)?;
        let y = (first[1] as usize).checked_sub(patch.window.y0)?;
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

/// Each pair: the first ratio, and the ratio of ratios.
struct Series {
    x: [f64; 2],
    y: [f64; 2],
    turn: [f64; 2],
}

impl Series {
    #[inline(always)]
    fn fixed<const N: usize, P: Pixel>(&self, run: &Run<'_, P>) -> Option<[f64; 2]> {
        let run = Run { size: [N, run.size[1]], ..*run };
        self.sum(&run, [&mut [0.0; N], &mut [0.0; N], &mut [0.0; N], &mut [0.0; N]])
    }

    #[inline(always)]
    fn sum<P: Pixel>(&self, run: &Run<'_, P>, [weights, turns, sums, totals]: [&mut [f64]; 4]) -> Option<[f64; 2]> {
        let (mut weight, mut step, mut turn) = (1.0, self.x[0], self.turn[0]);
        for (w, t) in weights.iter_mut().zip(turns.iter_mut()) {
            (*w, *t) = (weight, turn);
            weight *= step;
            step *= self.x[1];
            turn *= self.turn[1];
        }
        let (mut height, mut step) = (1.0, self.y[0]);
        for (_, row) in run.rows() {
            add(row, height, weights, sums, totals);
            for (w, t) in weights.iter_mut().zip(turns.iter()) {
                *w *= t;
            }
            height *= step;
            step *= self.y[1];
        }
        Some([sums.iter().sum(), totals.iter().sum()])
    }
}

/// Adds a row, its weights times `height`, to the sums of the columns.
#[inline(always)]
fn add<P: Pixel>(row: &[P], height: f64, weights: &[f64], sums: &mut [f64], totals: &mut [f64]) {
    for (((pixel, weight), sum), total) in row.iter().zip(weights).zip(sums).zip(totals) {
        let weight = height * weight;
        *sum += weight * pixel.to_f64();
        *total += weight;
    }
}
