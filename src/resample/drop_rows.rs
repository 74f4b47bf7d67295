//! The drops of a row of input pixels, computed side by side where they are small and whole.
//!
//! ```text
//! for SEGMENT drops at a time:
//!     the frame of each: the N × N output pixels, N <= 4, that it may touch          one loop over all drops
//!     the part of it in each pixel of its frame                                      LANES drops with frames of one size at a time
//! ```

use std::f64::consts::PI;

use super::{
    ellipse::exp,
    interpolate::as_index,
    small_quads::{LANES, LARGEST, Lanes, Overlaps, overlaps},
};
use crate::{
    DrizzleKernel,
    simd::{larger, smaller},
    window::Window,
};

/// Drops that are computed together.
pub(super) const SEGMENT: usize = 128;

/// A number for each drop of a segment.
type Numbers = [f64; SEGMENT];

/// The output positions of a segment's pixels: x and y of the centres, and of the corners of the drops in order around them.
pub(super) struct Positions<'p> {
    pub(super) centre: [&'p Numbers; 2],
    pub(super) corners: [[&'p Numbers; 2]; 4],
}

/// How drops are distributed.
#[derive(Clone, Copy)]
pub(super) struct DropShape {
    pub(super) kernel: DrizzleKernel,
    /// Distance of the corners from the centre along an axis, input pixels.
    pub(super) half: f64,
    /// Half the side of the square that a drop that lies along the output's axes may touch, in units of the square root of the pixel's area.
    pub(super) radius: f64,
    /// For a Gaussian, its steepness times the area of the pixel.
    pub(super) steepness: f64,
}

/// Where a drop lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// It touches no pixel of the block.
    Outside,
    /// It is large, cut by a seam, or its position is undefined: it has to be computed by itself.
    Single,
    /// In N × N pixels, all of them in the block, where the first has this place.
    Inside { side: u32, place: usize },
    /// In N × N pixels, some of which may lie outside of the block.
    AtEdge { side: u32 },
}

/// The drops of a segment.
#[derive(Debug)]
pub(super) struct Segment {
    /// Pixels along a side of the frame; 0 if it lies outside of the block, [`SINGLE`] if there is none.
    side: [u32; SEGMENT],
    /// The place of the frame's first pixel in the block; `u32::MAX` if not all of its pixels lie in the block.
    place: [u32; SEGMENT],
    /// Its first column and row.
    first: [Numbers; 2],
    /// Its last column and row in use.
    last: [Numbers; 2],
    /// Area of the input pixel, in output pixels.
    area: Numbers,
    /// Of a quadrilateral, the reciprocal of its area, negative for corners in clockwise order; of a square along the axes, half its side; of a
    /// Gaussian, its steepness.
    scale: Numbers,
    /// Centres (x and y), corners (x and y of each), first and last columns and rows, and scales of drops that do not follow each other.
    gathered: [Lanes; 15],
    /// Drops that do not follow each other with frames of 2 × 2, by the size of their frames, and how many they are.
    lists: [[u8; SEGMENT + LANES]; LARGEST + 1],
    counts: [usize; LARGEST + 1],
    /// The parts of the drops in the pixels of their frames, row by row; or those of columns and then of rows, whose products they are.
    groups: Vec<Overlaps>,
    are_products: bool,
    /// The group of each drop, and its lane in it.
    group: [u8; SEGMENT],
    lane: [u8; SEGMENT],
    /// Of each [`LANES`] drops that follow each other, the group, if all of them lie in 2 × 2 pixels of the block.
    regular: [Option<u8>; SEGMENT / LANES],
}

/// Groups of a segment: those that are filled by drops, and one more for each size of frames.
const GROUPS: usize = SEGMENT / LANES + LARGEST;
const SINGLE: u32 = LARGEST as u32 + 1;
/// Columns and rows beyond this are no columns and rows of an image.
const FAR: f64 = 1e9;

impl Default for Segment {
    fn default() -> Self {
        let zeros = [0.0; SEGMENT];
        Segment {
            side: [0; SEGMENT],
            place: [0; SEGMENT],
            first: [zeros; 2],
            last: [zeros; 2],
            area: zeros,
            scale: zeros,
            gathered: [[0.0; LANES]; 15],
            lists: [[0; SEGMENT + LANES]; LARGEST + 1],
            counts: [0; LARGEST + 1],
            groups: Vec::new(),
            are_products: false,
            group: [0; SEGMENT],
            lane: [0; SEGMENT],
            regular: [None; SEGMENT / LANES],
        }
    }
}

impl Segment {
    pub(super) fn bytes(&self) -> usize {
        self.groups.capacity() * size_of::<Overlaps>()
    }

    /// Computes the first `n` drops, for the pixels of a block of the output.
    #[inline(always)]
    pub(super) fn compute(&mut self, positions: &Positions<'_>, n: usize, shape: DropShape, block: Window) {
        let around = |centre: f64, radius: f64, _: (f64, f64, f64, f64)| (centre - radius, centre + radius);
        match shape.kernel {
            DrizzleKernel::Square => {
                let hull = |_: f64, _: f64, (a, b, c, d): (f64, f64, f64, f64)| {
                    (smaller(smaller(a, b), smaller(c, d)), larger(larger(a, b), larger(c, d)))
                };
                self.frames(positions, shape, block, hull, |doubled, _, _| 2.0 / doubled);
            }
            DrizzleKernel::Turbo | DrizzleKernel::Point => {
                self.frames(positions, shape, block, around, |_, _, radius| radius);
            }
            DrizzleKernel::Gaussian => {
                self.frames(positions, shape, block, around, |_, area, _| shape.steepness / area);
            }
        }
        self.are_products = shape.kernel != DrizzleKernel::Square;
        if shape.kernel != DrizzleKernel::Point {
            self.groups.resize(GROUPS, [[0.0; LANES]; LARGEST * LARGEST]);
            self.parts(positions, n, shape);
        }
    }

    /// The frame of each drop. `range` returns the coordinates along an axis between which a drop lies, from its centre, its radius, and its corners; `scale_of` its
    /// number in [`Segment::scale`], from its doubled area with sign, the area of the pixel, and its radius.
    #[inline(always)]
    fn frames(
        &mut self,
        positions: &Positions<'_>,
        shape: DropShape,
        block: Window,
        range: impl Fn(f64, f64, (f64, f64, f64, f64)) -> (f64, f64),
        scale_of: impl Fn(f64, f64, f64) -> f64,
    ) {
        let [centre_x, centre_y] = positions.centre;
        let [[ax, ay], [bx, by], [cx, cy], [dx, dy]] = positions.corners;
        let of_pixel = 1.0 / (4.0 * shape.half * shape.half);
        let (left, right) = (block.x0 as f64, (block.x0 + block.nx) as f64);
        let (bottom, top) = (block.y0 as f64, (block.y0 + block.ny) as f64);
        let width = block.nx as f64;
        let Segment { side, place, first: [first_x, first_y], last: [last_x, last_y], area, scale, .. } = self;
        for k in 0..SEGMENT {
            let (px, py) = (centre_x[k], centre_y[k]);
            let (ax, bx, cx, dx) = (ax[k], bx[k], cx[k], dx[k]);
            let (ay, by, cy, dy) = (ay[k], by[k], cy[k], dy[k]);
            let (acx, acy, bdx, bdy) = (cx - ax, cy - ay, dx - bx, dy - by);
            let doubled = acx * bdy - acy * bdx;
            let pixel = 0.5 * doubled.abs() * of_pixel;
            // Whether the centre lies amid the corners, so that no seam of the output runs between them.
            let (off_x, off_y) = (0.25 * (ax + bx + cx + dx) - px, 0.25 * (ay + by + cy + dy) - py);
            let size = larger(acx * acx + acy * acy, bdx * bdx + bdy * bdy);
            let whole = off_x * off_x + off_y * off_y <= 0.01 * size;
            let radius = shape.radius * pixel.sqrt();
            let (x_low, x_high) = range(px, radius, (ax, bx, cx, dx));
            let (y_low, y_high) = range(py, radius, (ay, by, cy, dy));
            let (x_low, x_high) = ((x_low + 0.5).floor(), (x_high + 0.5).floor());
            let (y_low, y_high) = ((y_low + 0.5).floor(), (y_high + 0.5).floor());
            let pixels = larger(x_high - x_low, y_high - y_low) + 1.0;
            let near = (x_low.abs() < FAR) & (y_low.abs() < FAR);
            let fits = whole & near & (pixel > 0.0) & (pixel < f64::INFINITY) & (pixels <= LARGEST as f64);
            let touches = (x_low < right) & (x_high >= left) & (y_low < top) & (y_high >= bottom);
            let frame = larger(pixels, 2.0);
            let inside = (x_low >= left) & (x_low + frame <= right) & (y_low >= bottom) & (y_low + frame <= top);
            let pixels = if touches { pixels } else { 0.0 };
            let pixels = if fits { pixels } else { f64::from(SINGLE) };
            side[k] = as_index(pixels) as u32;
            let at = (y_low - bottom) * width + (x_low - left);
            let at = if inside & (at < f64::from(u32::MAX)) { at } else { f64::from(u32::MAX) };
            place[k] = as_index(at) as u32;
            (first_x[k], first_y[k]) = (x_low, y_low);
            (last_x[k], last_y[k]) = (x_high, y_high);
            area[k] = pixel;
            scale[k] = scale_of(doubled, pixel, radius);
        }
    }

    /// The parts of the first `n` drops in the pixels of their frames.
    #[inline(always)]
    fn parts(&mut self, positions: &Positions<'_>, n: usize, shape: DropShape) {
        let mut group = 0;
        self.counts = [0; LARGEST + 1];
        self.regular = [None; SEGMENT / LANES];
        for start in (0..n).step_by(LANES) {
            let (sides, places): (&[u32; LANES], &[u32; LANES]) = (from(&self.side, start), from(&self.place, start));
            if sides.iter().fold(0, |any, side| any | side) == 0 {
                continue;
            }
            let all_small = sides.iter().fold(true, |all, side| all & (*side >= 1) & (*side <= 2));
            let all_inside = places.iter().fold(true, |all, place| all & (*place != u32::MAX));
            if all_small {
                self.name((start..).map(|k| k as u8), group);
                if let Some(parts) = self.groups.get_mut(group) {
                    Drops {
                        centre: positions.centre.map(|centre| from(centre, start)),
                        corners: positions.corners.map(|corner| corner.map(|axis| from(axis, start))),
                        first: self.first.each_ref().map(|first| from(first, start)),
                        last: self.last.each_ref().map(|last| from(last, start)),
                        scale: from(&self.scale, start),
                    }
                    .parts::<2>(shape, parts);
                }
                if let Some(regular) = self.regular.get_mut(start / LANES).filter(|_| all_inside) {
                    *regular = Some(group as u8);
                }
                group += 1;
                continue;
            }
            for (k, side) in (start..).zip(*sides) {
                let size = if side >= 1 { side.max(2) } else { 0 };
                let size = size as usize;
                if let (Some(list), Some(count)) = (self.lists.get_mut(size), self.counts.get_mut(size)) {
                    list[*count % SEGMENT] = k as u8;
                    *count += 1;
                }
            }
        }
        self.list::<2>(positions, shape, &mut group);
        self.list::<3>(positions, shape, &mut group);
        self.list::<4>(positions, shape, &mut group);
    }

    /// The parts of the drops of the list of those with frames of N × N pixels, in groups from `group` on.
    #[inline(always)]
    fn list<const N: usize>(&mut self, positions: &Positions<'_>, shape: DropShape, group: &mut usize) {
        let count = self.counts[N].min(SEGMENT);
        // The last group is filled up with one of its drops.
        let last = self.lists[N][count.saturating_sub(1)];
        self.lists[N][count..].iter_mut().take(LANES).for_each(|drop| *drop = last);
        for start in (0..count).step_by(LANES) {
            let Some(numbers): Option<[u8; LANES]> = self.lists[N].get(start..).and_then(<[u8]>::first_chunk).copied()
            else {
                continue;
            };
            self.name(numbers, *group);
            for (lane, k) in numbers.into_iter().enumerate() {
                let k = usize::from(k) % SEGMENT;
                let numbers = positions.centre.iter().chain(positions.corners.as_flattened());
                for (lanes, numbers) in self.gathered.iter_mut().zip(numbers) {
                    lanes[lane] = numbers[k];
                }
                let frame = self.first.iter().chain(&self.last).chain([&self.scale]);
                for (lanes, numbers) in self.gathered.iter_mut().skip(10).zip(frame) {
                    lanes[lane] = numbers[k];
                }
            }
            if let Some(parts) = self.groups.get_mut(*group) {
                let [cx, cy, x0, y0, x1, y1, x2, y2, x3, y3, first_x, first_y, last_x, last_y, scale] = &self.gathered;
                let corners = [[x0, y0], [x1, y1], [x2, y2], [x3, y3]];
                let (first, last) = ([first_x, first_y], [last_x, last_y]);
                Drops { centre: [cx, cy], corners, first, last, scale }.parts::<N>(shape, parts);
            }
            *group += 1;
        }
    }

    /// Notes in which lanes of a group drops are.
    #[inline(always)]
    fn name(&mut self, drops: impl IntoIterator<Item = u8>, group: usize) {
        for (lane, k) in drops.into_iter().enumerate().take(LANES) {
            let k = usize::from(k) % SEGMENT;
            (self.group[k], self.lane[k]) = (group as u8, lane as u8);
        }
    }

    /// Where a drop lies.
    #[inline(always)]
    pub(super) fn frame(&self, k: usize) -> Frame {
        match (self.side[k], self.place[k]) {
            (0, _) => Frame::Outside,
            (SINGLE, _) => Frame::Single,
            (side, u32::MAX) => Frame::AtEdge { side },
            (side, place) => Frame::Inside { side, place: place as usize },
        }
    }

    /// The drops from number `start` on, if there are [`LANES`] of them, all in 2 × 2 pixels of the block.
    #[inline(always)]
    pub(super) fn regular(&self, start: usize) -> Option<Regular<'_>> {
        let group = (*self.regular.get(start / LANES)?)?;
        let parts = self.groups.get(usize::from(group))?;
        Some(Regular {
            parts,
            are_products: self.are_products,
            places: from(&self.place, start),
            areas: from(&self.area, start),
        })
    }

    /// First column and row of a drop's frame.
    pub(super) fn first(&self, k: usize) -> [i64; 2] {
        [self.first[0][k] as i64, self.first[1][k] as i64]
    }

    /// Area of an input pixel, in output pixels.
    #[inline(always)]
    pub(super) fn area(&self, k: usize) -> f64 {
        self.area[k]
    }

    /// The parts of a drop with a frame of N × N, row by row.
    #[inline(always)]
    pub(super) fn drop_parts<const N: usize>(&self, k: usize) -> [[f64; N]; N] {
        match self.groups.get(usize::from(self.group[k])) {
            Some(parts) => parts_in(parts, self.are_products, usize::from(self.lane[k]) % LANES),
            None => [[0.0; N]; N],
        }
    }
}

/// The parts of the drop in a lane of a group.
#[inline(always)]
fn parts_in<const N: usize>(parts: &Overlaps, are_products: bool, lane: usize) -> [[f64; N]; N] {
    let mut own = [[0.0; N]; N];
    for (row, own) in own.iter_mut().enumerate() {
        for (column, own) in own.iter_mut().enumerate() {
            *own = match are_products {
                true => parts[N + row][lane] * parts[column][lane],
                false => parts[row * N + column][lane],
            };
        }
    }
    own
}

/// Drops that follow each other, each in 2 × 2 pixels of the block.
pub(super) struct Regular<'s> {
    parts: &'s Overlaps,
    are_products: bool,
    /// The places of the first pixels in the block.
    pub(super) places: &'s [u32; LANES],
    /// Areas of the input pixels.
    pub(super) areas: &'s Lanes,
}

impl Regular<'_> {
    /// The parts of a drop, row by row.
    #[inline(always)]
    pub(super) fn parts(&self, lane: usize) -> [[f64; 2]; 2] {
        parts_in(self.parts, self.are_products, lane % LANES)
    }
}

/// Drops that are computed side by side.
struct Drops<'d> {
    centre: [&'d Lanes; 2],
    corners: [[&'d Lanes; 2]; 4],
    /// First and last column and row of their frames.
    first: [&'d Lanes; 2],
    last: [&'d Lanes; 2],
    scale: &'d Lanes,
}

/// The numbers from `start` on.
#[inline(always)]
fn from<T>(numbers: &[T; SEGMENT], start: usize) -> &[T; LANES] {
    let (groups, _) = numbers.as_chunks::<LANES>();
    &groups[start / LANES % (SEGMENT / LANES)]
}

impl Drops<'_> {
    /// The parts of the drops, which have frames of N × N pixels.
    #[inline(always)]
    fn parts<const N: usize>(&self, shape: DropShape, parts: &mut Overlaps) {
        match shape.kernel {
            DrizzleKernel::Square => overlaps::<N>(&self.corners, &self.first, self.scale, parts),
            // The lengths that a square shares with columns and rows; those of rows are divided by the area of the square.
            DrizzleKernel::Turbo => self.products::<N>(parts, |axis, at, lane| {
                let (half, away) = (self.scale[lane], self.centre[axis][lane] - at);
                let length = larger(smaller(away + half, 0.5) - larger(away - half, -0.5), 0.0);
                if axis == 0 { length } else { length / (4.0 * half * half) }
            }),
            // The factors of a Gaussian; those of rows are multiplied by what makes the integral 1.
            DrizzleKernel::Gaussian | DrizzleKernel::Point => self.products::<N>(parts, |axis, at, lane| {
                let (steepness, away) = (self.scale[lane], self.centre[axis][lane] - at);
                let factor = exp(-away * away * steepness);
                let factor = if axis == 0 { factor } else { factor * (steepness / PI) };
                if at <= self.last[axis][lane] { factor } else { 0.0 }
            }),
        }
    }

    /// Parts that are products: the factors of columns, then those of rows. `factor` returns that of an axis at a column or row, for the drop of a lane.
    #[inline(always)]
    fn products<const N: usize>(&self, parts: &mut Overlaps, factor: impl Fn(usize, f64, usize) -> f64) {
        for (axis, parts) in parts.chunks_exact_mut(N).take(2).enumerate() {
            for (pixel, parts) in parts.iter_mut().enumerate() {
                for (lane, part) in parts.iter_mut().enumerate() {
                    *part = factor(axis, self.first[axis][lane] + pixel as f64, lane);
                }
            }
        }
    }
}
