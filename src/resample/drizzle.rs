//! Drizzle (Fruchter & Hook 2002): input pixels, shrunk, rain onto output pixels. As the package drizzle 3.0.
//!
//! ```text
//! for each input pixel i, row by row:  d_i = its value,  w_i = its weight,  its drop in the plane of the output's pixels
//!     for each output pixel q under the drop:  a = kernel(drop, q) w_i;  sum_q += a d_i;  weight_q += a
//! value = sum / weight,  coverage = weight
//! ```
//!
//! Each drop is computed from absolute positions alone and drops arrive in the image's order, so no bit depends on the block.

use std::f64::consts::PI;

use super::{Scene, Scratch, further::Further, raster::Cover};
use crate::{Drizzle, DrizzleKernel, Flux, Pixel, map::CoordGrid, plan::Window};

/// Full width at half maximum of a Gaussian in standard deviations, to the digits of the package.
const FWHM: f64 = 2.3548;
/// Parts of a drop that are nothing but rounding.
const NOTHING: f64 = 1e-12;

/// Buffers of the kernel.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// Output coordinates of the centres of a row of input pixels, and of the corners of their drops in order around them.
    centres: [Vec<f64>; 2],
    corners: [[Vec<f64>; 2]; 4],
    cover: Cover,
    /// Σad and Σa of the block.
    sums: Vec<[f64; 2]>,
}

impl Buffers {
    pub(super) fn bytes(&self) -> usize {
        let coordinates: usize = self.centres.iter().chain(self.corners.iter().flatten()).map(Vec::capacity).sum();
        coordinates * size_of::<f64>() + self.sums.capacity() * 16 + self.cover.bytes()
    }
}

/// Half the side of the square around an input pixel's centre that its drop can touch, input pixels.
pub(super) fn radius(drizzle: &Drizzle) -> f64 {
    match drizzle.kernel {
        DrizzleKernel::Point => 0.0,
        DrizzleKernel::Square | DrizzleKernel::Turbo => 0.5 * drizzle.pixfrac,
        DrizzleKernel::Gaussian => gaussian_radius(drizzle.pixfrac),
    }
}

/// 2.5 σ, but enough that no holes are left between drops.
fn gaussian_radius(pixfrac: f64) -> f64 {
    (2.5 * pixfrac / FWHM).max(1.2)
}

pub(super) fn block<P: Pixel, T: Pixel>(
    scene: &Scene<'_, P>,
    drizzle: &Drizzle,
    flux: Flux,
    block: Window,
    scratch: &mut Scratch,
    values: &mut [T],
    coverage: &mut [T],
    further: &mut impl Further,
) {
    let Buffers { centres, corners, cover, sums } = &mut scratch.drizzle;
    sums.clear();
    sums.resize(block.area(), [0.0; 2]);
    let mut sheet = Sheet { block, sums, further };
    let Some(grid) = scene.forward else { return };
    let window = scene.patch.window;
    let half = if drizzle.kernel == DrizzleKernel::Square { 0.5 * drizzle.pixfrac } else { 0.5 };
    for y in window.y0..window.y0 + window.ny {
        let Some(pixels) = scene.patch.run(y, window.x0, window.nx) else { continue };
        let weights = scene.weights.as_ref().map(|weights| weights.run(y, window.x0, window.nx).unwrap_or(&[]));
        let (x0, at) = (window.x0 as f64, y as f64);
        row(grid, x0, at, window.nx, centres);
        for (corner, [dx, dy]) in corners.iter_mut().zip([[-half, -half], [half, -half], [half, half], [-half, half]]) {
            row(grid, x0 + dx, at + dy, window.nx, corner);
        }
        for (k, pixel) in pixels.iter().enumerate() {
            let weight = weights.map_or(1.0, |weights| weights.get(k).map_or(f64::NAN, |w| *w));
            let value = pixel.to_f64();
            if value.is_nan() || weight.is_nan() {
                continue;
            }
            let position =
                |[x, y]: &[Vec<f64>; 2]| [x.get(k).map_or(f64::NAN, |x| *x), y.get(k).map_or(f64::NAN, |y| *y)];
            let quad = [0, 1, 2, 3].map(|corner| position(&corners[corner]));
            let [a, b, c, d] = quad;
            // Output pixels that an input pixel is large.
            let area =
                0.5 * ((c[0] - a[0]) * (d[1] - b[1]) - (c[1] - a[1]) * (d[0] - b[0])).abs() / (4.0 * half * half);
            if !(area > 0.0 && area.is_finite()) {
                continue;
            }
            let share = if flux == Flux::Conserve { 1.0 / area } else { 1.0 };
            let value = if flux == Flux::Conserve { value / area } else { value };
            let pixel = [y, window.x0 + k];
            let pixfrac = drizzle.pixfrac;
            let drop = Drop { centre: position(centres), quad, pixfrac, area, value, weight, pixel, share };
            if drop.is_whole() {
                drop.fall(drizzle.kernel, scene.target, cover, &mut sheet);
            }
        }
    }
    for (k, ([sum, weight], (value, covered))) in sums.iter().zip(values.iter_mut().zip(coverage)).enumerate() {
        further.whole(k, *weight);
        let mean = sum / weight;
        let there = *weight > 0.0 && !mean.is_nan();
        *value = T::from_f64(if there { mean } else { 0.0 });
        *covered = T::from_f64(if there { *weight } else { 0.0 });
    }
}

/// Output coordinates of the input positions (x0 + i, y), i < n.
fn row(grid: &CoordGrid<'_>, x0: f64, y: f64, n: usize, [xs, ys]: &mut [Vec<f64>; 2]) {
    xs.resize(n, 0.0);
    ys.resize(n, 0.0);
    grid.row(x0, y, xs, ys);
}

/// The block of the output that drops fall on.
struct Sheet<'b, F> {
    block: Window,
    sums: &'b mut [[f64; 2]],
    further: &'b mut F,
}

impl<F: Further> Sheet<'_, F> {
    /// Gives an output pixel its part of a drop.
    fn add(&mut self, drop: &Drop, x: usize, y: usize, part: f64) {
        let (x, y) = (x.wrapping_sub(self.block.x0), y.wrapping_sub(self.block.y0));
        if x < self.block.nx
            && part > NOTHING
            && let k = y.saturating_mul(self.block.nx).saturating_add(x)
            && let Some([sum, weight]) = self.sums.get_mut(k)
        {
            let part = part * drop.weight;
            *sum += part * drop.value;
            *weight += part;
            self.further.part(k, drop.pixel, part * drop.share);
        }
    }
}

/// What falls of one input pixel.
struct Drop {
    /// Output coordinates of the centre, and of corners in order around it.
    centre: [f64; 2],
    quad: [[f64; 2]; 4],
    pixfrac: f64,
    /// Output pixels that an input pixel is large.
    area: f64,
    value: f64,
    weight: f64,
    /// (y, x) of the input pixel.
    pixel: [usize; 2],
    /// What the pixel's value was multiplied by.
    share: f64,
}

impl Drop {
    /// Whether the centre lies amid the corners, so that no seam of the output runs between them.
    fn is_whole(&self) -> bool {
        let [a, b, c, d] = self.quad;
        let off = [0, 1].map(|axis| 0.25 * (a[axis] + b[axis] + c[axis] + d[axis]) - self.centre[axis]);
        let size = (a[0] - c[0]).hypot(a[1] - c[1]).max((b[0] - d[0]).hypot(b[1] - d[1]));
        off[0].hypot(off[1]) <= 0.25 * size
    }

    fn fall(&self, kernel: DrizzleKernel, target: [usize; 2], cover: &mut Cover, sheet: &mut Sheet<'_, impl Further>) {
        match kernel {
            DrizzleKernel::Square => self.square(target, cover, sheet),
            DrizzleKernel::Point => self.within(0.0, target).for_each(|(y, x)| sheet.add(self, x, y, 1.0)),
            DrizzleKernel::Turbo => self.turbo(target, sheet),
            DrizzleKernel::Gaussian => self.gaussian(target, sheet),
        }
    }

    /// The quadrilateral between the corners.
    fn square(&self, target: [usize; 2], cover: &mut Cover, sheet: &mut Sheet<'_, impl Further>) {
        if !cover.lay(self.quad.map(|corner| corner.map(|c| c + 0.5)), target) {
            return;
        }
        for (y, areas) in cover.rows() {
            for (x, area) in (cover.x0..).zip(areas) {
                sheet.add(self, x, y, area / cover.area);
            }
        }
    }

    /// A square along the axes of the output, as large as the drop.
    fn turbo(&self, target: [usize; 2], sheet: &mut Sheet<'_, impl Further>) {
        let half = 0.5 * self.pixfrac * self.area.sqrt();
        let shared = |axis: usize, k: usize| {
            let away = self.centre[axis] - k as f64;
            ((away + half).min(0.5) - (away - half).max(-0.5)).max(0.0)
        };
        for (y, x) in self.within(half, target) {
            sheet.add(self, x, y, shared(0, x) * shared(1, y) / (4.0 * half * half));
        }
    }

    /// A Gaussian with the drop's side as full width at half maximum, at the centres of the pixels of a square.
    fn gaussian(&self, target: [usize; 2], sheet: &mut Sheet<'_, impl Further>) {
        let steepness = 0.5 * (FWHM / self.pixfrac).powi(2) / self.area;
        for (y, x) in self.within(gaussian_radius(self.pixfrac) * self.area.sqrt(), target) {
            let (dx, dy) = (self.centre[0] - x as f64, self.centre[1] - y as f64);
            sheet.add(self, x, y, steepness / PI * (-(dx * dx + dy * dy) * steepness).exp());
        }
    }

    /// The output pixels, (y, x), that meet the square of this half side around the centre; a tie goes away from 0.
    fn within(&self, half: f64, [ny, nx]: [usize; 2]) -> impl Iterator<Item = (usize, usize)> + use<> {
        let range = |axis: usize, n: usize| {
            // Saturating casts: an empty range for what lies outside, or is NaN.
            let (low, high) = ((self.centre[axis] - half).round(), (self.centre[axis] + half).round());
            if high >= 0.0 { low.max(0.0) as usize..((high + 1.0) as usize).min(n) } else { 0..0 }
        };
        let (columns, rows) = (range(0, nx), range(1, ny));
        rows.flat_map(move |y| columns.clone().map(move |x| (y, x)))
    }
}
