//! Drizzle (Fruchter & Hook 2002): shrunk input pixels, the drops, are distributed over output pixels. The results are those of the package drizzle 3.0.
//!
//! ```text
//! for each input pixel i, row by row:  d_i = its value,  w_i = its weight,  its drop in the plane of the output's pixels
//!     for each output pixel q under the drop:  a = kernel(drop, q) w_i;  sum_q += a d_i;  weight_q += a
//! value = sum / weight,  coverage = weight
//! ```
//!
//! Each drop is computed from absolute positions alone and drops are added in the order of the image, so no bit depends on the block.

use std::{f64::consts::PI, ops::Range};

use super::{
    kernel::{BlockKernel, BlockSamples, Requirements, Scene},
    observer::WeightObserver,
    raster::Cover,
};
use crate::{Drizzle, DrizzleKernel, Flux, Pixel, map::CoordGrid, window::Window};

/// Full width at half maximum of a Gaussian in standard deviations, to the digits of the package.
const FWHM: f64 = 2.3548;
/// The largest distance, in output pixels, at which drops across a seam of the input are looked for.
const MAX_MARGIN: f64 = 512.0;
/// Parts of a drop that are due to rounding only.
const NOTHING: f64 = 1e-12;

/// Buffers of the kernel.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// Output coordinates of the centres of a row of input pixels, and of the corners of their drops below and above.
    centres: [Vec<f64>; 2],
    below: Line,
    above: Line,
    cover: Cover,
    /// Σad and Σa of the block.
    sums: Vec<[f64; 2]>,
}

impl Buffers {
    pub(super) fn bytes(&self) -> usize {
        let lines = self.below.columns.iter().chain(&self.above.columns);
        let coordinates: usize = self.centres.iter().chain(lines.flatten()).map(Vec::capacity).sum();
        coordinates * size_of::<f64>() + self.sums.capacity() * 16 + self.cover.bytes()
    }
}

/// Output coordinates of corners along a row of input pixels.
#[derive(Debug, Default)]
struct Line {
    /// Those on the left of each pixel and those on its right; where pixels share their corners, one list of all.
    columns: [[Vec<f64>; 2]; 2],
    shared: bool,
}

impl Line {
    /// The corners `half` a pixel to each side of the pixels (x0 + i, …), i < n, in the line y.
    fn fill(&mut self, grid: &CoordGrid<'_>, [x0, y]: [f64; 2], n: usize, half: f64) {
        self.shared = half == 0.5;
        let [left, right] = &mut self.columns;
        row(grid, x0 - half, y, if self.shared { n + 1 } else { n }, left);
        if !self.shared {
            row(grid, x0 + half, y, n, right);
        }
    }

    /// Left and right corner of pixel `k`.
    #[inline]
    fn at(&self, k: usize) -> [[f64; 2]; 2] {
        let [left, right] = &self.columns;
        [position(left, k), if self.shared { position(left, k + 1) } else { position(right, k) }]
    }
}

/// NaN beyond the end.
#[inline]
fn position([x, y]: &[Vec<f64>; 2], k: usize) -> [f64; 2] {
    [x.get(k).map_or(f64::NAN, |x| *x), y.get(k).map_or(f64::NAN, |y| *y)]
}

/// Half the side of the square around an input pixel's centre that its drop can touch, input pixels.
fn radius(drizzle: &Drizzle) -> f64 {
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

/// The drizzle kernel with its options.
pub(super) struct DropKernel<'k> {
    pub(super) drizzle: &'k Drizzle,
    pub(super) flux: Flux,
}

impl Requirements for DropKernel<'_> {
    fn support_radius(&self, scale: f64) -> f64 {
        // A drop may lie askew on the output pixels, whose centres determine the support.
        2.0 * radius(self.drizzle) + scale + 1.0
    }

    fn output_margin(&self, scale: f64) -> usize {
        // Across a seam of the input only the radius of the drops in the output shows that they touch a block.
        1 + (2.0 * radius(self.drizzle) / scale).ceil().min(MAX_MARGIN) as usize
    }

    fn needs_inverse_map(&self) -> bool {
        true
    }

    fn is_block_based(&self) -> bool {
        true
    }
}

impl BlockKernel for DropKernel<'_> {
    type Buffers = Buffers;

    fn sample<P: Pixel, T: Pixel>(
        &self,
        scene: &Scene<'_, P>,
        block: Window,
        buffers: &mut Buffers,
        BlockSamples { values, coverage }: BlockSamples<'_, T>,
        observer: &mut impl WeightObserver,
    ) {
        let (drizzle, flux) = (self.drizzle, self.flux);
        let Buffers { centres, below, above, cover, sums } = buffers;
        sums.clear();
        sums.resize(block.area(), [0.0; 2]);
        let mut drop_sums =
            DropSums { block, sums, factors: Vec::new(), source: None, observer, pixel: [0; 2], share: 1.0 };
        let Some(grid) = scene.inverse else { return };
        let window = scene.patch.window;
        let half = if drizzle.kernel == DrizzleKernel::Square { 0.5 * drizzle.pixfrac } else { 0.5 };
        for y in window.y0..window.y0 + window.ny {
            let Some(pixels) = scene.patch.run(y, window.x0, window.nx) else { continue };
            let weights = scene.weights.as_ref().map(|weights| weights.run(y, window.x0, window.nx).unwrap_or(&[]));
            let (x0, at) = (window.x0 as f64, y as f64);
            row(grid, x0, at, window.nx, centres);
            std::mem::swap(below, above);
            if y == window.y0 || !below.shared {
                below.fill(grid, [x0, at - half], window.nx, half);
            }
            above.fill(grid, [x0, at + half], window.nx, half);
            for (k, pixel) in pixels.iter().enumerate() {
                let weight = weights.map_or(1.0, |weights| weights.get(k).map_or(f64::NAN, |w| *w));
                let value = pixel.to_f64();
                if value.is_nan() || weight.is_nan() {
                    continue;
                }
                let ([a, b], [d, c]) = (below.at(k), above.at(k));
                let quad = [a, b, c, d];
                let drop = Drop { centre: position(centres, k), quad, half, pixfrac: drizzle.pixfrac, value, weight };
                drop_sums.pixel = [y, window.x0 + k];
                if drop.is_whole() {
                    drop.distribute(drizzle.kernel, flux, scene.target, cover, &mut drop_sums);
                } else if let Some(parts) = drop.split_at_seam() {
                    let here = [(window.x0 + k) as f64, at];
                    drop_sums.source = Some(Source { grid: scene.grid, here, radius: 2.0 * radius(drizzle) });
                    // A point falls on one side only.
                    let sides = if drizzle.kernel == DrizzleKernel::Point { 1 } else { 2 };
                    for part in parts.iter().take(sides) {
                        part.distribute(drizzle.kernel, flux, scene.target, cover, &mut drop_sums);
                    }
                    drop_sums.source = None;
                }
            }
        }
        for (k, ([sum, weight], (value, covered))) in sums.iter().zip(values.iter_mut().zip(coverage)).enumerate() {
            observer.normalize(k, *weight);
            let mean = sum / weight;
            let valid = *weight > 0.0 && !mean.is_nan();
            *value = T::from_f64(if valid { mean } else { 0.0 });
            *covered = T::from_f64(if valid { *weight } else { 0.0 });
        }
    }
}

/// Output coordinates of the input positions (x0 + i, y), i < n.
fn row(grid: &CoordGrid<'_>, x0: f64, y: f64, n: usize, [xs, ys]: &mut [Vec<f64>; 2]) {
    xs.resize(n, 0.0);
    ys.resize(n, 0.0);
    grid.row(x0, y, xs, ys);
}

/// The sums of the output pixels of a block.
struct DropSums<'b, O> {
    block: Window,
    sums: &'b mut [[f64; 2]],
    /// For a Gaussian, those along x.
    factors: Vec<f64>,
    /// The input pixel of the present drop, if each output pixel has to be checked for lying near it.
    source: Option<Source<'b>>,
    observer: &'b mut O,
    /// (y, x) of the input pixel that the present drop comes from, and what its value is multiplied by.
    pixel: [usize; 2],
    share: f64,
}

impl<O: WeightObserver> DropSums<'_, O> {
    /// Adds the part of a drop that an output pixel receives.
    fn add(&mut self, drop: &Drop, x: usize, y: usize, part: f64) {
        if self.source.as_ref().is_some_and(|source| !source.holds(x, y, drop.area())) {
            return;
        }
        let (x, y) = (x.wrapping_sub(self.block.x0), y.wrapping_sub(self.block.y0));
        if x < self.block.nx
            && part > NOTHING
            && let k = y.saturating_mul(self.block.nx).saturating_add(x)
            && let Some([sum, weight]) = self.sums.get_mut(k)
        {
            let part = part * drop.weight;
            *sum += part * drop.value;
            *weight += part;
            self.observer.part(k, self.pixel, part * self.share);
        }
    }
}

/// The input pixel that a drop comes from.
struct Source<'s> {
    grid: &'s CoordGrid<'s>,
    here: [f64; 2],
    radius: f64,
}

impl Source<'_> {
    /// Whether an output pixel lies near it in the input, where it has `area` output pixels.
    fn holds(&self, x: usize, y: usize, area: f64) -> bool {
        let (mut u, mut v) = ([0.0], [0.0]);
        self.grid.row(x as f64, y as f64, &mut u, &mut v);
        (u[0] - self.here[0]).hypot(v[0] - self.here[1]) <= self.radius + 1.0 / area.sqrt()
    }
}

/// The drop of one input pixel.
struct Drop {
    /// Output coordinates of the centre, and of corners in order around it, `half` an input pixel off along each axis.
    centre: [f64; 2],
    quad: [[f64; 2]; 4],
    half: f64,
    pixfrac: f64,
    value: f64,
    weight: f64,
}

impl Drop {
    /// Area of the input pixel in output pixels.
    fn area(&self) -> f64 {
        let [a, b, c, d] = self.quad;
        let doubled = (c[0] - a[0]) * (d[1] - b[1]) - (c[1] - a[1]) * (d[0] - b[0]);
        0.5 * doubled.abs() / (4.0 * self.half * self.half)
    }

    /// Largest distance of a corner from the centre.
    #[inline(always)]
    fn radius(&self) -> f64 {
        self.quad.iter().map(|corner| square(*corner, self.centre)).fold(0.0, f64::max).sqrt()
    }

    /// Whether the centre lies amid the corners, so that no seam of the output runs between them.
    fn is_whole(&self) -> bool {
        let [a, b, c, d] = self.quad;
        let middle = [0, 1].map(|axis| 0.25 * (a[axis] + b[axis] + c[axis] + d[axis]));
        square(middle, self.centre) <= 0.01 * square(a, c).max(square(b, d))
    }

    /// The drop on either side of a seam, with the corners beyond it moved to where they would be without a seam; `None` if its
    /// position is undefined, or less than two corners are on the side of the centre.
    fn split_at_seam(&self) -> Option<[Drop; 2]> {
        let away = self.quad.map(|corner| square(corner, self.centre));
        let least = away.iter().copied().fold(f64::INFINITY, f64::min);
        // False for NaN.
        let near = away.map(|away| away <= 16.0 * least);
        let mut quad = self.quad;
        let mut shift = None;
        for (k, corner) in quad.iter_mut().enumerate().filter(|(k, _)| !near[*k]) {
            let (given, opposite) = (self.quad[k], self.quad[(k + 2) % 4]);
            if !near[(k + 2) % 4] {
                return None;
            }
            *corner = [0, 1].map(|axis| 2.0 * self.centre[axis] - opposite[axis]);
            shift = Some([given[0] - corner[0], given[1] - corner[1]]);
        }
        let shift = shift.filter(|shift| shift.iter().all(|c| c.is_finite()))?;
        let beyond = |[x, y]: [f64; 2]| [x + shift[0], y + shift[1]];
        let side = |centre, quad| Drop { centre, quad, ..*self };
        Some([side(self.centre, quad), side(beyond(self.centre), quad.map(beyond))])
    }

    /// Adds the drop to the sums of the output pixels.
    fn distribute(
        &self,
        kernel: DrizzleKernel,
        flux: Flux,
        target: [usize; 2],
        cover: &mut Cover,
        drop_sums: &mut DropSums<'_, impl WeightObserver>,
    ) {
        let area = self.area();
        if !(area > 0.0 && area.is_finite()) {
            return;
        }
        let conserve = flux == Flux::Conserve;
        let drop = Drop { value: if conserve { self.value / area } else { self.value }, ..*self };
        drop_sums.share = if conserve { 1.0 / area } else { 1.0 };
        match kernel {
            DrizzleKernel::Square => drop.square(target, cover, drop_sums),
            DrizzleKernel::Point => drop.point(drop_sums),
            DrizzleKernel::Turbo => drop.turbo(area, drop_sums),
            DrizzleKernel::Gaussian => drop.gaussian(area, drop_sums),
        }
    }

    /// Adds the whole drop to the output pixel that holds its centre.
    fn point(&self, drop_sums: &mut DropSums<'_, impl WeightObserver>) {
        let [columns, rows] = self.within(0.0, drop_sums.block);
        for (x, y) in columns.zip(rows) {
            drop_sums.add(self, x, y, 1.0);
        }
    }

    /// Distributes the quadrilateral between the corners.
    fn square(&self, target: [usize; 2], cover: &mut Cover, drop_sums: &mut DropSums<'_, impl WeightObserver>) {
        let [columns, rows] = self.within(self.radius(), drop_sums.block);
        if columns.is_empty() || rows.is_empty() || !cover.lay(self.quad.map(|corner| corner.map(|c| c + 0.5)), target)
        {
            return;
        }
        for (y, areas) in cover.rows() {
            for (x, area) in (cover.x0..).zip(areas) {
                drop_sums.add(self, x, y, area / cover.area);
            }
        }
    }

    /// Distributes a square along the axes of the output, as large as the drop.
    fn turbo(&self, area: f64, drop_sums: &mut DropSums<'_, impl WeightObserver>) {
        let half = 0.5 * self.pixfrac * area.sqrt();
        let shared = |axis: usize, k: usize| {
            let away = self.centre[axis] - k as f64;
            ((away + half).min(0.5) - (away - half).max(-0.5)).max(0.0)
        };
        let [columns, rows] = self.within(half, drop_sums.block);
        for y in rows {
            let part = shared(1, y) / (4.0 * half * half);
            columns.clone().for_each(|x| drop_sums.add(self, x, y, shared(0, x) * part));
        }
    }

    /// Distributes a Gaussian with the drop's side as full width at half maximum, at the centres of the pixels of a square.
    fn gaussian(&self, area: f64, drop_sums: &mut DropSums<'_, impl WeightObserver>) {
        let steepness = 0.5 * (FWHM / self.pixfrac).powi(2) / area;
        let along = |axis: usize, k: usize| {
            let away = self.centre[axis] - k as f64;
            (-away * away * steepness).exp()
        };
        let [columns, rows] = self.within(gaussian_radius(self.pixfrac) * area.sqrt(), drop_sums.block);
        let mut factors = std::mem::take(&mut drop_sums.factors);
        factors.clear();
        factors.extend(columns.clone().map(|x| along(0, x)));
        for y in rows {
            let part = steepness / PI * along(1, y);
            columns.clone().zip(&factors).for_each(|(x, factor)| drop_sums.add(self, x, y, part * factor));
        }
        drop_sums.factors = factors;
    }

    /// Columns and rows of the block's pixels that meet the square of this half side around the centre; a tie goes away from 0.
    #[inline(always)]
    fn within(&self, half: f64, block: Window) -> [Range<usize>; 2] {
        let range = |axis: usize, first: usize, n: usize| {
            // Casts cut off, and saturate: an empty range for what lies outside, or is NaN.
            let (low, high) = (self.centre[axis] - half + 0.5, self.centre[axis] + half + 0.5);
            let end = if high >= 0.0 { (high as usize).saturating_add(1) } else { 0 };
            (low as usize).max(first)..end.min(first + n)
        };
        [range(0, block.x0, block.nx), range(1, block.y0, block.ny)]
    }
}

/// Square of a distance.
fn square(p: [f64; 2], q: [f64; 2]) -> f64 {
    let [x, y] = [p[0] - q[0], p[1] - q[1]];
    x * x + y * y
}
