//! The linearized map: position and Jacobian at every output pixel, for the adaptive kernel.
//!
//! ```text
//! P = position in the input, J = its derivatives by the output position, columns by x and y:
//!     centred: P(x + 1/2) - P(x - 1/2);  otherwise (P(x + 1) - P(x - 1)) / 2                    (alike in y)
//!     across a jump, or beside an undefined position, the half on the continuous side is taken twice (see jacobian.rs)
//! a periodic image: differences without whole periods, and P moved by whole periods into the image (see periodic.rs)
//! despiked: where |J|² is above 10 times the lower quartile of the 3 × 3 pixels around, the mean of those that are not
//! ```

use super::{
    jacobian::{Jacobians, slope},
    periodic::PeriodicAxes,
    series::LANES,
};
use crate::{Adaptive, map::CoordGrid, simd::dispatch, window::Window};

/// How many times |J|² may be above its neighbours' lower quartile.
const SPIKE: f64 = 10.0;

/// Positions and Jacobians of the output pixels of a block.
pub(crate) struct LinearizedMap {
    window: Window,
    buffers: Buffers,
}

/// Buffers that are reused from block to block.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// x, y, ∂x/∂u, ∂x/∂v, ∂y/∂u, ∂y/∂v; behind the last pixel some that are arbitrary, see [`LinearizedMap::lanes`].
    numbers: [Vec<f64>; 6],
    /// Positions of a row, of the one below and of the one above.
    positions: [[Vec<f64>; 2]; 3],
    jacobians: Jacobians,
}

impl Buffers {
    pub(crate) fn bytes(&self) -> usize {
        let buffers = self.numbers.iter().chain(self.positions.iter().flatten());
        8 * buffers.map(Vec::capacity).sum::<usize>() + self.jacobians.bytes()
    }
}

impl LinearizedMap {
    /// `target` and `image` are the shapes (ny, nx) of output and input: pixels outside of the output are no neighbours. The buffers are those of a
    /// linearized map that is no longer needed.
    pub(crate) fn new(
        grid: &CoordGrid<'_>,
        block: Window,
        adaptive: &Adaptive,
        [target, image]: [[usize; 2]; 2],
        buffers: Buffers,
    ) -> LinearizedMap {
        let around = |first: usize, n: usize, end: usize| {
            let low = first.saturating_sub(1);
            (low, (first + n + 1).min(end) - low)
        };
        let window = if adaptive.despike_jacobian {
            let ((x0, nx), (y0, ny)) = (around(block.x0, block.nx, target[1]), around(block.y0, block.ny, target[0]));
            Window { x0, y0, nx, ny }
        } else {
            block
        };
        let mut linearized = LinearizedMap { window, buffers };
        linearized.resize();
        match PeriodicAxes::new(adaptive, image) {
            None => linearized.derive(grid, adaptive.center_jacobian, |step| step),
            Some(periodic) => {
                linearized.derive(
                    grid,
                    adaptive.center_jacobian,
                    #[inline(always)]
                    |step| periodic.step(step),
                );
                let [xs, ys, ..] = &mut linearized.buffers.numbers;
                periodic.enter(xs, ys);
            }
        }
        if adaptive.despike_jacobian { linearized.despiked(block) } else { linearized }
    }

    pub(crate) fn into_buffers(self) -> Buffers {
        self.buffers
    }

    /// Old contents are written over.
    fn resize(&mut self) {
        let n = self.window.area() + LANES;
        self.buffers.numbers.iter_mut().for_each(|numbers| numbers.resize(n, 0.0));
    }

    fn derive(&mut self, grid: &CoordGrid<'_>, centred: bool, step: impl Fn([f64; 2]) -> [f64; 2]) {
        if centred { self.centred(grid, step) } else { self.mean(grid, step) }
    }

    fn centred(&mut self, grid: &CoordGrid<'_>, step: impl Fn([f64; 2]) -> [f64; 2]) {
        let x0 = self.window.x0 as f64;
        let Buffers { numbers, jacobians, .. } = &mut self.buffers;
        for (y, [xs, ys, xu, xv, yu, yv]) in rows(self.window, numbers) {
            grid.row(x0, y as f64, xs, ys);
            jacobians.row(grid, x0, y as f64, (xs, ys), &step);
            let out = xu.iter_mut().zip(xv).zip(yu.iter_mut().zip(yv));
            for (jacobian, ((xu, xv), (yu, yv))) in jacobians.values.iter().zip(out) {
                [*xu, *xv, *yu, *yv] = *jacobian;
            }
        }
    }

    fn mean(&mut self, grid: &CoordGrid<'_>, step: impl Fn([f64; 2]) -> [f64; 2]) {
        let Window { x0, y0, nx, .. } = self.window;
        let fetch = |y: f64, [xs, ys]: &mut [Vec<f64>; 2]| grid.row(x0 as f64 - 1.0, y, xs, ys);
        let Buffers { numbers, positions, .. } = &mut self.buffers;
        positions.iter_mut().flatten().for_each(|row| row.resize(nx + 2, 0.0));
        let [_, low, here] = &mut *positions;
        fetch(y0 as f64 - 1.0, low);
        fetch(y0 as f64, here);
        for (row, [xs, ys, xu, xv, yu, yv]) in rows(self.window, numbers) {
            positions.rotate_left(1);
            let [low, here, high] = &mut *positions;
            fetch(row as f64 + 1.0, high);
            let ([left, centre, right], low, high) = (shifts(here, nx), shifts(low, nx)[1], shifts(high, nx)[1]);
            xs.copy_from_slice(centre[0]);
            ys.copy_from_slice(centre[1]);
            let (xu, xv, yu, yv) = (&mut xu[..nx], &mut xv[..nx], &mut yu[..nx], &mut yv[..nx]);
            let [left, centre, right, low, high] = [left, centre, right, low, high].map(|[x, y]| (&x[..nx], &y[..nx]));
            dispatch(
                #[inline(always)]
                || {
                    for k in 0..nx {
                        let here = [centre.0[k], centre.1[k]];
                        let along_u = slope([left.0[k], left.1[k]], here, [right.0[k], right.1[k]], &step);
                        let along_v = slope([low.0[k], low.1[k]], here, [high.0[k], high.1[k]], &step);
                        (xu[k], yu[k]) = (0.5 * along_u[0], 0.5 * along_u[1]);
                        (xv[k], yv[k]) = (0.5 * along_v[0], 0.5 * along_v[1]);
                    }
                },
            );
        }
    }

    /// The block out of a window around it, without spikes.
    fn despiked(&self, block: Window) -> LinearizedMap {
        let mut smooth = LinearizedMap { window: block, buffers: Buffers::default() };
        smooth.resize();
        for (y, [xs, ys, xu, xv, yu, yv]) in rows(block, &mut smooth.buffers.numbers) {
            let positions = xs.iter_mut().zip(ys);
            let out = positions.zip(xu.iter_mut().zip(xv).zip(yu.iter_mut().zip(yv)));
            for (x, ((px, py), ((xu, xv), (yu, yv)))) in (block.x0..).zip(out) {
                let Some([at_x, at_y, jacobian @ ..]) = self.at(x, y) else { continue };
                let rows = y.saturating_sub(1)..=y + 1;
                let columns = x.saturating_sub(1)..=x + 1;
                let near = rows.flat_map(|v| columns.clone().map(move |u| (u, v))).filter_map(|(u, v)| {
                    let [_, _, jacobian @ ..] = self.at(u, v)?;
                    Some(jacobian)
                });
                (*px, *py) = (at_x, at_y);
                [*xu, *xv, *yu, *yv] = despike(jacobian, near);
            }
        }
        smooth
    }

    /// The numbers of a pixel of the window.
    fn at(&self, x: usize, y: usize) -> Option<[f64; 6]> {
        let k = self.window.place([y, x])?;
        Some(self.buffers.numbers.each_ref().map(|numbers| numbers.get(k).map_or(f64::NAN, |n| *n)))
    }

    /// The numbers of a pixel of the block and of those that follow: x, y, and the Jacobian. Beyond the end of the row they are arbitrary.
    pub(super) fn lanes(&self, x: usize, y: usize) -> [&[f64; LANES]; 6] {
        const NONE: &[f64; LANES] = &[f64::NAN; LANES];
        let from = y.saturating_sub(self.window.y0) * self.window.nx + x.saturating_sub(self.window.x0);
        self.buffers
            .numbers
            .each_ref()
            .map(|numbers| numbers.get(from..).and_then(<[f64]>::first_chunk).unwrap_or(NONE))
    }

    /// The number of values that it holds.
    pub(crate) fn len(&self) -> usize {
        self.buffers.numbers.iter().map(Vec::len).sum()
    }

    /// The largest √Σ J² of the block: no singular value is larger.
    pub(super) fn widest(&self) -> f64 {
        let [_, _, xu, xv, yu, yv] = self.buffers.numbers.each_ref().map(|numbers| &numbers[..self.window.area()]);
        // A few maxima side by side; NaN and infinity do not count.
        let mut sizes = [0.0_f64; 8];
        let chunks = xu.chunks(8).zip(xv.chunks(8)).zip(yu.chunks(8).zip(yv.chunks(8)));
        dispatch(
            #[inline(always)]
            || {
                for ((xu, xv), (yu, yv)) in chunks {
                    let derivatives = xu.iter().zip(xv).zip(yu.iter().zip(yv));
                    for (largest, ((xu, xv), (yu, yv))) in sizes.iter_mut().zip(derivatives) {
                        let size = xu * xu + xv * xv + yu * yu + yv * yv;
                        *largest = if (size > *largest) & (size < f64::INFINITY) { size } else { *largest };
                    }
                }
            },
        );
        sizes.into_iter().fold(0.0, f64::max).sqrt()
    }
}

/// As [`LinearizedMap::widest`], for a map whose slope along no axis is above `steepest`: √Σ of the squares of both. Where polynomials do not meet, a
/// Jacobian that spans both is at most half as large again as that on one side, see [`slope`].
pub(super) fn bound(steepest: f64) -> f64 {
    1.5 * steepest
}

/// The rows of a window, with their numbers.
fn rows(window: Window, numbers: &mut [Vec<f64>; 6]) -> impl Iterator<Item = (usize, [&mut [f64]; 6])> {
    let Window { y0, nx, ny, .. } = window;
    let [x, y, xu, xv, yu, yv] = numbers.each_mut().map(|numbers| numbers.chunks_exact_mut(nx));
    let derivatives = xu.zip(xv).zip(yu.zip(yv));
    let rows = (y0..y0 + ny).zip(x.zip(y).zip(derivatives));
    rows.map(|(row, ((x, y), ((xu, xv), (yu, yv))))| (row, [x, y, xu, xv, yu, yv]))
}

/// A row of positions, x and y, from the first, second and third pixel on.
fn shifts([xs, ys]: &[Vec<f64>; 2], n: usize) -> [[&[f64]; 2]; 3] {
    [0, 1, 2].map(|by| [xs, ys].map(|row| row.get(by..by + n).unwrap_or_default()))
}

fn square(j: [f64; 4]) -> f64 {
    j.iter().map(|d| d * d).sum()
}

fn despike(jacobian: [f64; 4], near: impl Iterator<Item = [f64; 4]> + Clone) -> [f64; 4] {
    let mut sizes: Vec<f64> = near.clone().map(square).filter(|size| !size.is_nan()).collect();
    sizes.sort_by(f64::total_cmp);
    let Some(quartile) = sizes.get(sizes.len() / 4) else { return jacobian };
    let limit = SPIKE * quartile;
    let size = square(jacobian);
    if size <= limit || size.is_nan() {
        return jacobian;
    }
    let (mut sum, mut n) = ([0.0; 4], 0.0);
    for regular in near.filter(|j| square(*j) <= limit) {
        sum.iter_mut().zip(regular).for_each(|(sum, d)| *sum += d);
        n += 1.0;
    }
    sum.map(|sum| sum / n)
}
