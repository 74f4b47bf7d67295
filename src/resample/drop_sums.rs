//! The sums of a block, and drops that are added to them one by one.

use std::{f64::consts::PI, ops::Range};

use super::{
    drop_rows::{Regular, SEGMENT},
    interpolate::as_index,
    observer::WeightObserver,
    raster::Cover,
    small_quads::LANES,
};
use crate::{DrizzleKernel, Flux, Pixel, map::CoordGrid, window::Window};

/// Full width at half maximum of a Gaussian in standard deviations, to the digits of the package.
const FWHM: f64 = 2.3548;
/// Parts of a drop that are due to rounding only.
const NOTHING: f64 = 1e-12;

/// A part of a drop, without what is due to rounding only.
#[inline(always)]
fn counted(part: f64) -> f64 {
    if part > NOTHING { part } else { 0.0 }
}

/// 2.5 σ, but enough that no holes are left between drops.
pub(super) fn gaussian_radius(pixfrac: f64) -> f64 {
    (2.5 * pixfrac / FWHM).max(1.2)
}

/// 1 / 2σ² of a Gaussian whose full width at half maximum is the side of the drop of a pixel of area 1.
pub(super) fn steepness(pixfrac: f64) -> f64 {
    0.5 * (FWHM / pixfrac).powi(2)
}

/// The sums of the output pixels of a block.
pub(super) struct DropSums<'b, O> {
    pub(super) block: Window,
    pub(super) sums: &'b mut [[f64; 2]],
    /// The overlaps of a drop that is computed by itself.
    pub(super) cover: &'b mut Cover,
    /// For a Gaussian, those along x.
    pub(super) factors: Vec<f64>,
    /// The input pixel of the present drop, if each output pixel has to be checked for lying near it.
    pub(super) source: Option<Source<'b>>,
    pub(super) observer: &'b mut O,
    /// (y, x) of the input pixel that the present drop comes from, and what its value is multiplied by.
    pub(super) pixel: [usize; 2],
    pub(super) share: f64,
}

impl<O: WeightObserver> DropSums<'_, O> {
    /// Adds drops that follow each other, unless a value is not finite, a weight is NaN, or weights are observed.
    #[inline(always)]
    pub(super) fn add_regular<P: Pixel>(
        &mut self,
        drops: &Regular<'_>,
        pixels: &[P; LANES],
        weights: Option<&[f64]>,
        flux: Flux,
    ) -> bool {
        let weights = match weights {
            Some(weights) => weights.first_chunk().unwrap_or(&[f64::NAN; LANES]),
            None => &[1.0; LANES],
        };
        let mut values = [0.0; LANES];
        let mut is_usual = !O::ACTIVE;
        for lane in 0..LANES {
            values[lane] = pixels[lane].to_f64();
            is_usual &= values[lane].is_finite() & !weights[lane].is_nan();
        }
        if !is_usual {
            return false;
        }
        if flux == Flux::Conserve {
            values.iter_mut().zip(drops.areas).for_each(|(value, area)| *value /= area);
        }
        for lane in 0..LANES {
            let (value, weight) = (values[lane], weights[lane]);
            let place = drops.places[lane] as usize;
            let above = place + self.block.nx;
            let [[left, right], [upper_left, upper_right]] = drops.parts(lane);
            // Pixel by pixel: of two at once, the processor would have to wait for the pixel that it has just written.
            for (part, place) in [(left, place), (upper_left, above), (right, place + 1), (upper_right, above + 1)] {
                if let Some(sums) = self.sums.get_mut(place) {
                    let part = counted(part) * weight;
                    sums[0] += part * value;
                    sums[1] += part;
                }
            }
        }
        true
    }

    /// Adds pixels from `here` on, which lie in a row, each to the output pixel that holds its centre.
    #[inline(always)]
    pub(super) fn add_points<P: Pixel>(
        &mut self,
        [xs, ys]: [&[f64; SEGMENT]; 2],
        pixels: &[P],
        weights: Option<&[f64]>,
        here: [usize; 2],
    ) {
        let Window { x0, y0, nx, ny } = self.block;
        let (left, bottom) = (x0 as f64, y0 as f64);
        // Outside of the block, and where the centre has no position, a place that it does not have.
        let mut places = [u32::MAX; SEGMENT];
        for ((place, x), y) in places.iter_mut().zip(xs).zip(ys) {
            let (column, row) = ((x + 0.5).floor() - left, (y + 0.5).floor() - bottom);
            let inside = (column >= 0.0) & (column < nx as f64) & (row >= 0.0) & (row < ny as f64);
            let at = if inside { row * nx as f64 + column } else { f64::from(u32::MAX) };
            *place = as_index(at) as u32;
        }
        self.share = 1.0;
        for (k, (pixel, place)) in pixels.iter().zip(places).enumerate() {
            let weight = weights.map_or(1.0, |weights| weights.get(k).map_or(f64::NAN, |w| *w));
            let value = pixel.to_f64();
            if place != u32::MAX && !value.is_nan() && !weight.is_nan() {
                self.pixel = [here[0], here[1] + k];
                self.add_inside([[1.0]], place as usize, value, weight);
            }
        }
    }

    /// Adds the parts of a drop in N × N pixels of the block, of which `place` is the first.
    #[inline(always)]
    pub(super) fn add_inside<const N: usize>(&mut self, parts: [[f64; N]; N], place: usize, value: f64, weight: f64) {
        for (row, parts) in parts.iter().enumerate() {
            let start = place + row * self.block.nx;
            let Some(sums) = self.sums.get_mut(start..).and_then(<[[f64; 2]]>::first_chunk_mut::<N>) else { continue };
            for (column, part) in parts.iter().enumerate() {
                let weighted = counted(*part) * weight;
                sums[column][0] += weighted * value;
                sums[column][1] += weighted;
                if O::ACTIVE && *part > NOTHING {
                    self.observer.part(start + column, self.pixel, weighted * self.share);
                }
            }
        }
    }

    /// Adds the parts of a drop in the N × N output pixels from `first` (x, y) on that lie in the block.
    pub(super) fn add_at_edge<const N: usize>(
        &mut self,
        parts: [[f64; N]; N],
        first: [i64; 2],
        value: f64,
        weight: f64,
    ) {
        let Window { x0, y0, nx, ny } = self.block;
        for (row, parts) in parts.iter().enumerate() {
            for (column, part) in parts.iter().enumerate() {
                // Left of the block and below it, numbers that are too large.
                let x = (first[0] + column as i64).wrapping_sub(x0 as i64) as usize;
                let y = (first[1] + row as i64).wrapping_sub(y0 as i64) as usize;
                if x < nx && y < ny && *part > NOTHING {
                    self.add_inside([[*part]], y * nx + x, value, weight);
                }
            }
        }
    }

    /// Adds the part of a drop that an output pixel receives.
    fn add(&mut self, drop: &Drop, x: usize, y: usize, part: f64) {
        if self.source.as_ref().is_some_and(|source| !source.holds(x, y, drop.area())) {
            return;
        }
        let (x, y) = (x.wrapping_sub(self.block.x0), y.wrapping_sub(self.block.y0));
        if x < self.block.nx && part > NOTHING {
            self.add_inside([[part]], y.saturating_mul(self.block.nx).saturating_add(x), drop.value, drop.weight);
        }
    }
}

/// The input pixel that a drop comes from.
pub(super) struct Source<'s> {
    pub(super) grid: &'s CoordGrid<'s>,
    pub(super) here: [f64; 2],
    pub(super) radius: f64,
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
pub(super) struct Drop {
    /// Output coordinates of the centre, and of corners in order around it, `half` an input pixel off along each axis.
    pub(super) centre: [f64; 2],
    pub(super) quad: [[f64; 2]; 4],
    pub(super) half: f64,
    pub(super) pixfrac: f64,
    pub(super) value: f64,
    pub(super) weight: f64,
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
    pub(super) fn is_whole(&self) -> bool {
        let [a, b, c, d] = self.quad;
        let middle = [0, 1].map(|axis| 0.25 * (a[axis] + b[axis] + c[axis] + d[axis]));
        square(middle, self.centre) <= 0.01 * square(a, c).max(square(b, d))
    }

    /// The drop on either side of a seam, with the corners beyond it moved to where they would be without a seam; `None` if its
    /// position is undefined, or less than two corners are on the side of the centre.
    pub(super) fn split_at_seam(&self) -> Option<[Drop; 2]> {
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
    pub(super) fn distribute(
        &self,
        kernel: DrizzleKernel,
        flux: Flux,
        target: [usize; 2],
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
            DrizzleKernel::Square => drop.square(target, drop_sums),
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
    fn square(&self, target: [usize; 2], drop_sums: &mut DropSums<'_, impl WeightObserver>) {
        let [columns, rows] = self.within(self.radius(), drop_sums.block);
        let corners = self.quad.map(|corner| corner.map(|c| c + 0.5));
        if columns.is_empty() || rows.is_empty() || !drop_sums.cover.lay(corners, target) {
            return;
        }
        let cover = std::mem::take(drop_sums.cover);
        for (y, areas) in cover.rows() {
            for (x, area) in (cover.x0..).zip(areas) {
                drop_sums.add(self, x, y, area / cover.area);
            }
        }
        *drop_sums.cover = cover;
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
        let steepness = steepness(self.pixfrac) / area;
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
