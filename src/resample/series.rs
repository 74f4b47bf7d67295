//! Sums of the adaptive kernel over a box inside of the image.

use std::hint::black_box;

use super::{
    Patch,
    adaptive::Region,
    ellipse::{Form, Matrix, exp, hann_window},
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

/// The Gaussian kernels of a few output pixels: the ends of their boxes (NaN or infinite where there is none), and their series.
pub(super) struct Gaussians {
    pub(super) first: [[f64; LANES]; 2],
    pub(super) last: [[f64; LANES]; 2],
    /// From one pixel to the next, and from one such step to the next, in x and in y; the same for what x gains from row to row.
    ratios: [[f64; LANES]; 6],
    /// Largest exponent.
    steepness: [f64; LANES],
}

impl Gaussians {
    pub(super) fn new([x, y, xu, xv, yu, yv]: &[[f64; LANES]; 6], adaptive: &Adaptive) -> Gaussians {
        let zeros = || [0.0; LANES];
        let (mut first, mut last) = ([zeros(), zeros()], [zeros(), zeros()]);
        let [mut step_x, mut bend_x, mut step_y, mut bend_y, mut turn, mut twist, mut steepness] =
            std::array::from_fn(|_| zeros());
        for k in 0..LANES {
            let Form { a, b, c, radius } = Form::new([xu[k], xv[k], yu[k], yv[k]], adaptive);
            (first[0][k], last[0][k]) = (ceil(x[k] - radius), floor(x[k] + radius));
            (first[1][k], last[1][k]) = (ceil(y[k] - radius), floor(y[k] + radius));
            let (dx, dy) = (first[0][k] - x[k], first[1][k] - y[k]);
            step_x[k] = -(a * (2.0 * dx + 1.0) + 2.0 * b * dy);
            bend_x[k] = -2.0 * a;
            step_y[k] = -c * (2.0 * dy + 1.0);
            bend_y[k] = -2.0 * c;
            turn[k] = -2.0 * b * dx;
            twist[k] = -2.0 * b;
            // |b| <= (a + c)/2.
            steepness[k] = 2.0 * (a + c) * radius * radius;
        }
        let mut ratios = [step_x, bend_x, step_y, bend_y, turn, twist];
        for ratio in &mut ratios {
            for lane in ratio {
                *lane = exp(*lane);
            }
        }
        Gaussians { first, last, ratios, steepness }
    }

    #[inline(always)]
    pub(super) fn region(&self, k: usize) -> Region {
        let ends = |axis: usize| [self.first[axis][k], self.last[axis][k]];
        Region { x: ends(0), y: ends(1) }
    }

    /// Σwp and Σw of one of them, whose box lies in the image; `None` if it is too steep for this way of summing.
    #[inline(always)]
    pub(super) fn sum<P: Pixel>(&self, k: usize, patch: &Patch<'_, P>) -> Option<[f64; 2]> {
        // NaN compares false.
        if !(self.steepness[k] <= STEEPEST) {
            return None;
        }
        let first = [self.first[0][k], self.first[1][k]];
        let size = [0, 1].map(|axis| (self.last[axis][k] - first[axis] + 1.0) as usize);
        let run = Run::new(patch, first, size)?;
        let [step_x, bend_x, step_y, bend_y, turn, twist] = self.ratios.each_ref().map(|ratio| ratio[k]);
        let mut series = Series { weight: 1.0, x: [step_x, bend_x], y: [step_y, bend_y], turn: [turn, twist] };
        let (mut sums, mut x) = ([0.0; 2], 0);
        while x + 4 <= size[0] {
            series.strip::<4, P>(&run, x, &mut sums)?;
            x += 4;
        }
        if x + 2 <= size[0] {
            series.strip::<2, P>(&run, x, &mut sums)?;
            x += 2;
        }
        if x < size[0] {
            series.strip::<1, P>(&run, x, &mut sums)?;
        }
        Some(sums)
    }
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
    let run = Run::new(patch, first, size)?;
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
        let (mut weights, mut turns) = ([0.0; N], [0.0; N]);
        for k in 0..N {
            (weights[k], turns[k]) = (self.weight, self.turn[0]);
            self.weight *= self.x[0];
            self.x[0] *= self.x[1];
            self.turn[0] *= self.turn[1];
        }
        let (mut values, mut totals) = ([0.0; N], [0.0; N]);
        let (mut height, mut step) = (1.0, self.y[0]);
        for y in 0..run.size[1] {
            let row = run.pixels.get(y * run.stride + x..)?.first_chunk::<N>()?;
            let mut scaled = weights;
            scaled.iter_mut().for_each(|weight| *weight *= height);
            for k in 0..N {
                totals[k] += scaled[k];
            }
            for k in 0..N {
                values[k] += scaled[k] * row[k].to_f64();
            }
            for k in 0..N {
                weights[k] *= turns[k];
            }
            height *= step;
            step *= self.y[1];
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
