//! Drizzle (Fruchter & Hook 2002): shrunk input pixels, the drops, are distributed over output pixels. The results are those of the
//! package drizzle 3.0.
//!
//! ```text
//! for each input pixel i, row by row:  d_i = its value,  w_i = its weight,  its drop in the plane of the output's pixels
//!     for each output pixel q under the drop:  a = kernel(drop, q) w_i;  sum_q += a d_i;  weight_q += a
//! value = sum / weight,  coverage = weight
//! ```
//!
//! Each drop is computed from absolute positions alone and drops are added in the order of the image, so no bit depends on the block.

use super::{
    batch::{batch, padded},
    drop_rows::{DropShape, Frame, Positions, SEGMENT, Segment},
    drop_sums::{Drop, DropSums, Source, gaussian_radius, steepness},
    kernel::{BlockKernel, BlockSamples, Requirements, Scene},
    observer::WeightObserver,
    raster::Cover,
    small_quads::LANES,
};
use crate::{Drizzle, DrizzleKernel, Flux, Pixel, map::CoordGrid, simd::dispatch, window::Window};

/// The largest distance, in output pixels, at which drops across a seam of the input are looked for.
const MAX_MARGIN: f64 = 512.0;

/// Buffers of the kernel.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// Output coordinates of the centres of a row of input pixels, and of the corners of their drops below and above.
    centres: [Vec<f64>; 2],
    below: Line,
    above: Line,
    segment: Segment,
    cover: Cover,
    /// Σad and Σa of the block.
    sums: Vec<[f64; 2]>,
}

impl Buffers {
    pub(super) fn bytes(&self) -> usize {
        let lines = self.below.columns.iter().chain(&self.above.columns);
        let coordinates: usize = self.centres.iter().chain(lines.flatten()).map(Vec::capacity).sum();
        coordinates * size_of::<f64>() + self.sums.capacity() * 16 + self.segment.bytes() + self.cover.bytes()
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

    /// The left corners of the pixels of a segment, and the right ones.
    #[inline]
    fn segment(&self, at: usize) -> [[&[f64; SEGMENT]; 2]; 2] {
        let [left, right] = &self.columns;
        let right = if self.shared { segment(left, at + 1) } else { segment(right, at) };
        [segment(left, at), right]
    }
}

/// The positions of a segment, from index `at` on.
#[inline]
fn segment(columns: &[Vec<f64>; 2], at: usize) -> [&[f64; SEGMENT]; 2] {
    columns.each_ref().map(|column| batch(column, at))
}

/// Half the side of the square around an input pixel's centre that its drop can touch, input pixels.
fn radius(drizzle: &Drizzle) -> f64 {
    match drizzle.kernel {
        DrizzleKernel::Point => 0.0,
        DrizzleKernel::Square | DrizzleKernel::Turbo => 0.5 * drizzle.pixfrac,
        DrizzleKernel::Gaussian => gaussian_radius(drizzle.pixfrac),
    }
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
        let Buffers { centres, below, above, segment: drops, cover, sums } = buffers;
        sums.clear();
        sums.resize(block.area(), [0.0; 2]);
        let Some(grid) = scene.inverse else { return };
        let window = scene.patch.window;
        let shape = self.shape();
        let mut drop_sums =
            DropSums { block, sums, cover, factors: Vec::new(), source: None, observer, pixel: [0; 2], share: 1.0 };
        for y in window.y0..window.y0 + window.ny {
            let Some(pixels) = scene.patch.run(y, window.x0, window.nx) else { continue };
            let weights = scene.weights.as_ref().map(|weights| weights.run(y, window.x0, window.nx).unwrap_or(&[]));
            let (x0, at) = (window.x0 as f64, y as f64);
            row(grid, x0, at, window.nx, centres);
            if self.is_point_alone() {
                for (start, pixels) in (0..).step_by(SEGMENT).zip(pixels.chunks(SEGMENT)) {
                    let weights = weights.map(|weights| weights.get(start..).unwrap_or_default());
                    let here = [y, window.x0 + start];
                    dispatch(
                        #[inline(always)]
                        || drop_sums.add_points(segment(centres, start), pixels, weights, here),
                    );
                }
                continue;
            }
            std::mem::swap(below, above);
            if y == window.y0 || !below.shared {
                below.fill(grid, [x0, at - shape.half], window.nx, shape.half);
            }
            above.fill(grid, [x0, at + shape.half], window.nx, shape.half);
            for (start, pixels) in (0..).step_by(SEGMENT).zip(pixels.chunks(SEGMENT)) {
                let ([a, b], [d, c]) = (below.segment(start), above.segment(start));
                let positions = Positions { centre: segment(centres, start), corners: [a, b, c, d] };
                let weights = weights.map(|weights| weights.get(start..).unwrap_or_default());
                let here = [y, window.x0 + start];
                dispatch(
                    #[inline(always)]
                    || {
                        drops.compute(&positions, pixels.len(), shape, block);
                        self.add(scene, (drops, &positions), (pixels, weights), here, &mut drop_sums);
                    },
                );
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

impl DropKernel<'_> {
    /// Whether the centre of an input pixel tells all of its drop: the area of the pixel does not count.
    fn is_point_alone(&self) -> bool {
        self.drizzle.kernel == DrizzleKernel::Point && self.flux == Flux::SurfaceBrightness
    }

    fn shape(&self) -> DropShape {
        let Drizzle { kernel, pixfrac, .. } = *self.drizzle;
        let half = if kernel == DrizzleKernel::Square { 0.5 * pixfrac } else { 0.5 };
        DropShape { kernel, half, radius: radius(self.drizzle), steepness: steepness(pixfrac) }
    }

    /// Adds the drops of the pixels from `here` on, which lie in a row, to the sums, in their order.
    #[inline(always)]
    fn add<'b, P: Pixel>(
        &self,
        scene: &Scene<'b, P>,
        (drops, positions): (&Segment, &Positions<'_>),
        (pixels, weights): (&[P], Option<&[f64]>),
        here: [usize; 2],
        sums: &mut DropSums<'b, impl WeightObserver>,
    ) {
        for (start, pixels) in (0..).step_by(LANES).zip(pixels.chunks(LANES)) {
            let weights = weights.map(|weights| weights.get(start..).unwrap_or_default());
            if let (Some(drops), Some(pixels)) = (drops.regular(start), pixels.first_chunk())
                && sums.add_regular(&drops, pixels, weights, self.flux)
            {
                continue;
            }
            for (lane, pixel) in pixels.iter().enumerate() {
                let weight = weights.map_or(1.0, |weights| weights.get(lane).map_or(f64::NAN, |w| *w));
                sums.pixel = [here[0], here[1] + start + lane];
                self.add_one(scene, (drops, positions), (start + lane, pixel.to_f64(), weight), sums);
            }
        }
    }

    /// Adds drop `k`.
    #[inline(always)]
    fn add_one<'b, P: Pixel>(
        &self,
        scene: &Scene<'b, P>,
        (drops, positions): (&Segment, &Positions<'_>),
        (k, value, weight): (usize, f64, f64),
        sums: &mut DropSums<'b, impl WeightObserver>,
    ) {
        if value.is_nan() || weight.is_nan() {
            return;
        }
        // Of infinite values nothing may be added to the pixels of the frame that the drop does not touch.
        let frame = if value.is_finite() { drops.frame(k) } else { Frame::Single };
        let (value, share) = match self.flux {
            Flux::Conserve if frame != Frame::Single => (value / drops.area(k), 1.0 / drops.area(k)),
            _ => (value, 1.0),
        };
        sums.share = share;
        let is_point = self.drizzle.kernel == DrizzleKernel::Point;
        match frame {
            Frame::Outside => {}
            Frame::Single => self.add_single(scene, positions, (k, value, weight), sums),
            Frame::Inside { place, .. } if is_point => sums.add_inside([[1.0]], place, value, weight),
            Frame::Inside { side: 1 | 2, place } => sums.add_inside(drops.drop_parts::<2>(k), place, value, weight),
            Frame::Inside { side: 3, place } => sums.add_inside(drops.drop_parts::<3>(k), place, value, weight),
            Frame::Inside { place, .. } => sums.add_inside(drops.drop_parts::<4>(k), place, value, weight),
            Frame::AtEdge { .. } if is_point => sums.add_at_edge([[1.0]], drops.first(k), value, weight),
            Frame::AtEdge { side: 1 | 2 } => sums.add_at_edge(drops.drop_parts::<2>(k), drops.first(k), value, weight),
            Frame::AtEdge { side: 3 } => sums.add_at_edge(drops.drop_parts::<3>(k), drops.first(k), value, weight),
            Frame::AtEdge { .. } => sums.add_at_edge(drops.drop_parts::<4>(k), drops.first(k), value, weight),
        }
    }

    /// Adds a drop that is computed by itself.
    fn add_single<'b, P: Pixel>(
        &self,
        scene: &Scene<'b, P>,
        positions: &Positions<'_>,
        (k, value, weight): (usize, f64, f64),
        sums: &mut DropSums<'b, impl WeightObserver>,
    ) {
        let at = |[xs, ys]: [&[f64; SEGMENT]; 2]| [xs[k], ys[k]];
        let drop = Drop {
            centre: at(positions.centre),
            quad: positions.corners.map(at),
            half: self.shape().half,
            pixfrac: self.drizzle.pixfrac,
            value,
            weight,
        };
        if drop.is_whole() {
            drop.distribute(self.drizzle.kernel, self.flux, scene.target, sums);
        } else if let Some(parts) = drop.split_at_seam() {
            let here = [sums.pixel[1] as f64, sums.pixel[0] as f64];
            sums.source = Some(Source { grid: scene.grid, here, radius: 2.0 * radius(self.drizzle) });
            // A point falls on one side only.
            let sides = if self.drizzle.kernel == DrizzleKernel::Point { 1 } else { 2 };
            for part in parts.iter().take(sides) {
                part.distribute(self.drizzle.kernel, self.flux, scene.target, sums);
            }
            sums.source = None;
        }
    }
}

/// Output coordinates of the input positions (x0 + i, y), i < n, and NaN up to the end of a segment and an index beyond.
fn row(grid: &CoordGrid<'_>, x0: f64, y: f64, n: usize, [xs, ys]: &mut [Vec<f64>; 2]) {
    for column in [&mut *xs, &mut *ys] {
        column.truncate(n);
        column.resize(padded::<SEGMENT>(n), f64::NAN);
    }
    if let (Some(xs), Some(ys)) = (xs.get_mut(..n), ys.get_mut(..n)) {
        grid.row(x0, y, xs, ys);
    }
}
