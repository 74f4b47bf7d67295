//! The map as the adaptive kernel sees it: its linear part at every output pixel, once for all planes of a cube.
//!
//! ```text
//! P = position in the input, J = its derivatives by the output position, columns by x and y:
//!     centred: P(x + 1/2) - P(x - 1/2);  otherwise (P(x + 1) - P(x - 1)) / 2                    (alike in y)
//!     across a jump, or beside an undefined position, the half that makes sense stands for the whole (see jacobian.rs)
//! despiked: where |J|² is above 10 times the lower quartile of the 3 × 3 pixels around, the mean of those that are not
//! ```

use super::jacobian::{Jacobians, slope};
use crate::{Adaptive, map::CoordGrid, plan::Window};

/// How many times |J|² may be above its neighbours' lower quartile.
const SPIKE: f64 = 10.0;

/// Positions and Jacobians of the pixels of a block.
pub(crate) struct Linear {
    window: Window,
    xs: Vec<f64>,
    ys: Vec<f64>,
    /// ∂x/∂u, ∂x/∂v, ∂y/∂u, ∂y/∂v.
    jacobians: Vec<[f64; 4]>,
}

impl Linear {
    /// `target` is the shape (ny, nx) of the output: no pixel outside of it is anybody's neighbour.
    pub(crate) fn new(grid: &CoordGrid<'_>, block: Window, adaptive: &Adaptive, target: [usize; 2]) -> Linear {
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
        let mut linear = Linear { window, xs: Vec::new(), ys: Vec::new(), jacobians: Vec::new() };
        if adaptive.center_jacobian {
            linear.centred(grid)
        } else {
            linear.mean(grid)
        }
        if adaptive.despike_jacobian { linear.despiked(block) } else { linear }
    }

    fn reserve(&mut self) {
        self.xs.reserve_exact(self.window.area());
        self.ys.reserve_exact(self.window.area());
        self.jacobians.reserve_exact(self.window.area());
    }

    fn centred(&mut self, grid: &CoordGrid<'_>) {
        self.reserve();
        let Window { x0, y0, nx, ny } = self.window;
        let (mut xs, mut ys, mut jacobians) = (vec![0.0; nx], vec![0.0; nx], Jacobians::default());
        for y in y0..y0 + ny {
            grid.row(x0 as f64, y as f64, &mut xs, &mut ys);
            jacobians.row(grid, x0 as f64, y as f64, &xs, &ys);
            self.xs.extend_from_slice(&xs);
            self.ys.extend_from_slice(&ys);
            self.jacobians.extend_from_slice(&jacobians.values);
        }
    }

    fn mean(&mut self, grid: &CoordGrid<'_>) {
        self.reserve();
        let Window { x0, y0, nx, ny } = self.window;
        let fetch = |y: f64, [xs, ys]: &mut [Vec<f64>; 2]| grid.row(x0 as f64 - 1.0, y, xs, ys);
        let mut rows: [[Vec<f64>; 2]; 3] = std::array::from_fn(|_| [vec![0.0; nx + 2], vec![0.0; nx + 2]]);
        let [_, low, here] = &mut rows;
        fetch(y0 as f64 - 1.0, low);
        fetch(y0 as f64, here);
        for y in y0..y0 + ny {
            rows.rotate_left(1);
            let [low, [xs, ys], high] = &mut rows;
            fetch(y as f64 + 1.0, high);
            let (Some(low), Some(high)) = (inner(low), inner(high)) else { continue };
            let columns = xs.windows(3).zip(ys.windows(3)).zip(low.into_iter().zip(high));
            self.jacobians.extend(columns.map(|((x, y), (low, high))| {
                let (&[x0, x1, x2], &[y0, y1, y2]) = (x, y) else { return [f64::NAN; 4] };
                let centre = [x1, y1];
                let ([xu, yu], [xv, yv]) = (slope([x0, y0], centre, [x2, y2]), slope(low, centre, high));
                [0.5 * xu, 0.5 * xv, 0.5 * yu, 0.5 * yv]
            }));
            self.xs.extend(xs.iter().skip(1).take(nx));
            self.ys.extend(ys.iter().skip(1).take(nx));
        }
    }

    /// The block out of a window around it, without spikes.
    fn despiked(&self, block: Window) -> Linear {
        let mut smooth = Linear { window: block, xs: Vec::new(), ys: Vec::new(), jacobians: Vec::new() };
        smooth.reserve();
        for y in block.y0..block.y0 + block.ny {
            for x in block.x0..block.x0 + block.nx {
                let Some((position, jacobian)) = self.at(x, y) else { continue };
                let rows = y.saturating_sub(1)..=y + 1;
                let near = rows.flat_map(|v| (x.saturating_sub(1)..=x + 1).filter_map(move |u| Some(self.at(u, v)?.1)));
                smooth.xs.push(position[0]);
                smooth.ys.push(position[1]);
                smooth.jacobians.push(despike(jacobian, near));
            }
        }
        smooth
    }

    /// Position and Jacobian of a pixel of the window.
    fn at(&self, x: usize, y: usize) -> Option<([f64; 2], [f64; 4])> {
        let (x, y) = (x.checked_sub(self.window.x0)?, y.checked_sub(self.window.y0)?);
        let k = y * self.window.nx + x;
        let inside = x < self.window.nx && y < self.window.ny;
        inside.then(|| Some(([*self.xs.get(k)?, *self.ys.get(k)?], *self.jacobians.get(k)?))).flatten()
    }

    /// The positions and Jacobians of the rows of a band, which is as wide as the block and lies in it.
    pub(super) fn band(&self, band: Window) -> impl Iterator<Item = ([f64; 2], [f64; 4])> {
        let from = band.y0.saturating_sub(self.window.y0) * self.window.nx;
        let positions = self.xs.iter().zip(&self.ys).map(|(x, y)| [*x, *y]);
        positions.zip(self.jacobians.iter().copied()).skip(from).take(band.area())
    }

    /// How many numbers it holds.
    pub(crate) fn numbers(&self) -> usize {
        self.xs.len() + self.ys.len() + 4 * self.jacobians.len()
    }

    /// The largest √Σ J² of the block: no singular value is larger.
    pub(super) fn widest(&self) -> f64 {
        self.jacobians.iter().map(|j| square(*j)).filter(|s| s.is_finite()).fold(0.0, f64::max).sqrt()
    }
}

/// The positions of a row without the first and last.
fn inner([xs, ys]: &[Vec<f64>; 2]) -> Option<impl IntoIterator<Item = [f64; 2]>> {
    let last = xs.len().checked_sub(1)?;
    Some(xs.get(1..last)?.iter().zip(ys.get(1..last)?).map(|(x, y)| [*x, *y]))
}

fn square(j: [f64; 4]) -> f64 {
    j.iter().map(|d| d * d).sum()
}

fn despike(jacobian: [f64; 4], near: impl Iterator<Item = [f64; 4]> + Clone) -> [f64; 4] {
    let mut sizes: Vec<f64> = near.clone().map(square).filter(|size| !size.is_nan()).collect();
    sizes.sort_by(f64::total_cmp);
    let Some(quartile) = sizes.get(sizes.len() / 4) else { return jacobian };
    let limit = SPIKE * quartile;
    // NaN compares false.
    if !(square(jacobian) > limit) {
        return jacobian;
    }
    let (mut sum, mut n) = ([0.0; 4], 0.0);
    for calm in near.filter(|j| square(*j) <= limit) {
        sum.iter_mut().zip(calm).for_each(|(sum, d)| *sum += d);
        n += 1.0;
    }
    sum.map(|sum| sum / n)
}
