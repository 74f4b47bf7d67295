//! The sky behind a map, for kernels that measure areas: how straight great circles are in the plane of the input's pixels, and
//! where on the sky the corners of pixels lie.

use std::sync::OnceLock;

use super::pixel_map::PixelMap;
use crate::{
    direction::{Cap, Vector, cross, dot, minus},
    options::CoordinateError,
    window::Window,
};

/// Side of the largest squares of output pixels that have one flatness. They are anchored to the output's first pixel.
const LARGEST: usize = 64;
/// Side of the smallest ones.
const SMALLEST: usize = 8;
/// Side of the squares of input pixels that have a cap of their own.
const GROUP: usize = 16;
/// Side of the squares that these are divided into for a patch.
const PART: usize = 4;
/// What is measured over a few chords of a cell may be as many times worse between them.
const SAFETY: f64 = 4.0;
/// The bound on the departure from flatness where positions are to be exact, input pixels.
const EXACT: f64 = 1e-8;

/// How the sky looks in the plane of the input's pixels over a part of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flatness {
    /// Great circles between the corners of a pixel are straight and areas uniform over a pixel, within the bound on the coordinates.
    Flat,
    /// Smooth, and great circles less than half an input pixel off their chords.
    Curved,
    /// The map does not lead to the sky: areas are taken in the plane, in which a seam may lie anywhere.
    Unknown,
    /// A pole, a seam, a horizon or pixels as large as the sphere may be near.
    Irregular,
}

/// The sky over one block of output pixels and the patch of input pixels that belongs to it.
#[derive(Debug)]
pub(crate) struct Sky {
    block: Window,
    /// Column and row of the first of the smallest cells, and the number of columns.
    origin: [usize; 2],
    columns: usize,
    cells: Vec<Flatness>,
    window: Window,
    output: Vec<Vector>,
    input: Vec<Vector>,
    groups: Vec<Group>,
}

impl Sky {
    /// Determines the flatness of the cells that a block meets.
    pub(crate) fn new(map: &dyn PixelMap, block: Window, coordinate_error: CoordinateError) -> Sky {
        let bound = match coordinate_error {
            CoordinateError::Pixels(bound) => bound,
            CoordinateError::Exact => EXACT,
        };
        let range = |start: usize, n: usize, side: usize| start / side..(start + n).div_ceil(side);
        let (columns, rows) = (range(block.x0, block.nx, SMALLEST), range(block.y0, block.ny, SMALLEST));
        let mut sky = Sky {
            block,
            origin: [columns.start, rows.start],
            columns: columns.len(),
            cells: vec![Flatness::Irregular; columns.len() * rows.len()],
            window: Window::default(),
            output: Vec::new(),
            input: Vec::new(),
            groups: Vec::new(),
        };
        for row in range(block.y0, block.ny, LARGEST) {
            for column in range(block.x0, block.nx, LARGEST) {
                sky.settle(map, [column * LARGEST, row * LARGEST], LARGEST, bound);
            }
        }
        sky
    }

    /// Determines the flatness of a cell, or of its quarters if the cell is irregular.
    fn settle(&mut self, map: &dyn PixelMap, [x, y]: [usize; 2], side: usize, bound: f64) {
        let Some(part) = Window::new(x, y, side, side).intersection(&self.block) else { return };
        let flatness = flatness_of(map, [x, y].map(|c| c as f64 - 0.5), side as f64, bound);
        if side > SMALLEST && flatness == Flatness::Irregular {
            let half = side / 2;
            for [dx, dy] in [[0, 0], [half, 0], [0, half], [half, half]] {
                self.settle(map, [x + dx, y + dy], half, bound);
            }
            return;
        }
        let columns = part.x0 / SMALLEST - self.origin[0]..(part.x0 + part.nx).div_ceil(SMALLEST) - self.origin[0];
        for row in part.y0 / SMALLEST - self.origin[1]..(part.y0 + part.ny).div_ceil(SMALLEST) - self.origin[1] {
            let (start, end) = (row * self.columns + columns.start, row * self.columns + columns.end);
            if let Some(cells) = self.cells.get_mut(start..end) {
                cells.fill(flatness);
            }
        }
    }

    /// Whether all cells of the block have this flatness.
    pub(crate) fn is_all(&self, flatness: Flatness) -> bool {
        self.cells.iter().all(|cell| *cell == flatness)
    }

    /// Whether corners are needed at all.
    pub(crate) fn is_flat(&self) -> bool {
        self.cells.iter().all(|cell| matches!(cell, Flatness::Flat | Flatness::Unknown))
    }

    /// Whether the input pixels that meet the block have to be found on the sky.
    pub(crate) fn is_irregular(&self) -> bool {
        self.cells.contains(&Flatness::Irregular)
    }

    /// Computes the corners of the block's pixels.
    pub(crate) fn with_output(&mut self, map: &dyn PixelMap) {
        corners(|x, y, z| map.output_to_sky(x, y, z), self.block, 1, &mut self.output);
    }

    /// The cap that holds the pixels of the block where the map is irregular.
    pub(crate) fn irregular_cap(&self) -> Option<Cap> {
        let Window { x0, y0, nx, ny } = self.block;
        let irregular = |x: usize, y: usize| self.flatness(x, y) == Flatness::Irregular;
        let corners = (0..self.output.len()).filter(|k| {
            let (x, y) = (k % (nx + 1), k / (nx + 1));
            // A corner belongs to up to four pixels of the block.
            let (left, right) = (x0 + x.saturating_sub(1), x0 + x.min(nx - 1));
            let (low, high) = (y0 + y.saturating_sub(1), y0 + y.min(ny - 1));
            irregular(left, low) || irregular(right, low) || irregular(left, high) || irregular(right, high)
        });
        cap_of(corners.filter_map(|k| self.output.get(k)))
    }

    /// Computes the corners of the input pixels of `window`, and where the map is irregular the caps of their groups.
    pub(crate) fn with_input(&mut self, map: &dyn PixelMap, window: Window) {
        self.window = window;
        corners(|x, y, z| map.input_to_sky(x, y, z), window, 1, &mut self.input);
        self.groups.clear();
        if self.is_irregular() {
            let group = |window: Window, parts| Some(Group { cap: self.cap_of_input(window)?, window, parts });
            let parts = |window| squares(window, PART).filter_map(|part| group(part, Vec::new())).collect();
            self.groups = squares(window, GROUP).filter_map(|window| group(window, parts(window))).collect();
        }
    }

    /// A cap that holds the pixels of a part of the patch.
    fn cap_of_input(&self, part: Window) -> Option<Cap> {
        let (x, y) = (part.x0 - self.window.x0, part.y0 - self.window.y0);
        let row = move |row: usize| self.input.get(row * (self.window.nx + 1) + x..)?.get(..=part.nx);
        cap_of((y..=y + part.ny).filter_map(row).flatten())
    }

    /// The flatness around an output pixel.
    pub(crate) fn flatness(&self, x: usize, y: usize) -> Flatness {
        let (column, row) = ((x / SMALLEST).wrapping_sub(self.origin[0]), (y / SMALLEST).wrapping_sub(self.origin[1]));
        self.cells.get(row.wrapping_mul(self.columns).wrapping_add(column)).copied().unwrap_or(Flatness::Irregular)
    }

    /// The corners of an output pixel in order around it; `None` without a sky or where one of them has no place on it.
    pub(crate) fn output_corners(&self, x: usize, y: usize) -> Option<[Vector; 4]> {
        quad(&self.output, self.block, x, y)
    }

    /// The corners of an input pixel in order around it; `None` where one of them has no place on the sky.
    pub(crate) fn input_corners(&self, x: usize, y: usize) -> Option<[Vector; 4]> {
        quad(&self.input, self.window, x, y)
    }

    /// Squares of input pixels with all that a cap may meet, in an order that depends on the image alone.
    pub(crate) fn squares_near<'s>(&'s self, cap: &'s Cap) -> impl Iterator<Item = Window> + 's {
        let groups = self.groups.iter().filter(|group| cap.meets(&group.cap));
        groups.flat_map(|group| &group.parts).filter(|part| cap.meets(&part.cap)).map(|part| part.window)
    }
}

/// A square of input pixels, and the smaller ones that it is made of.
#[derive(Debug)]
struct Group {
    window: Window,
    cap: Cap,
    parts: Vec<Group>,
}

/// Caps that hold the pixels of an image, found once an image is met where its map is irregular.
#[derive(Clone, Debug, Default)]
pub(crate) struct SkyIndex(OnceLock<Vec<(Window, Cap)>>);

impl SkyIndex {
    /// The smallest window with all pixels of an image of shape (ny, nx) that a cap may meet.
    pub(crate) fn window(&self, map: &dyn PixelMap, [ny, nx]: [usize; 2], cap: &Cap) -> Option<Window> {
        let index = self.0.get_or_init(|| {
            let mut lattice = Vec::new();
            squares(Window::new(0, 0, nx, ny), GROUP)
                .filter_map(|group| {
                    let known = corners(|x, y, z| map.input_to_sky(x, y, z), group, 4, &mut lattice);
                    if lattice.iter().any(|v| v[0].is_nan()) {
                        corners(|x, y, z| map.input_to_sky(x, y, z), group, 1, &mut lattice);
                    }
                    // Corners between those of the lattice may lie a little farther out.
                    let cap = cap_of(lattice.iter())?;
                    let margin = 0.5 * cap.cos_radius.clamp(-1.0, 1.0).acos();
                    known.then_some((group, Cap::hull(std::iter::once(cap), margin)?))
                })
                .collect()
        });
        let near = index.iter().filter(|(_, other)| cap.meets(other)).map(|(group, _)| *group);
        near.reduce(|all, group| all.hull(&group))
    }
}

/// A cap that holds the points, those that are NaN left out; `None` if all are.
pub(crate) fn cap_of<'p>(points: impl Iterator<Item = &'p Vector> + Clone) -> Option<Cap> {
    Cap::around(points.filter(|v| v.iter().all(|c| c.is_finite())).copied(), 0.0)
}

/// The squares of pixels, anchored to the image's first, that a window is made of, row by row.
fn squares(window: Window, side: usize) -> impl Iterator<Item = Window> {
    let cuts = move |start: usize, n: usize| (start / side..(start + n).div_ceil(side)).map(move |k| k * side);
    cuts(window.y0, window.ny)
        .flat_map(move |y| cuts(window.x0, window.nx).map(move |x| Window::new(x, y, side, side)))
        .filter_map(move |square| square.intersection(&window))
}

/// Sky positions of the corners of the pixels of a window, every `step`-th and the last, row by row from (x0 - 1/2, y0 - 1/2).
fn corners(
    to_sky: impl Fn(&mut [f64], &mut [f64], &mut [f64]) -> bool,
    window: Window,
    step: usize,
    out: &mut Vec<Vector>,
) -> bool {
    out.clear();
    let along = |start: usize, n: usize| {
        let last = !n.is_multiple_of(step);
        (0..=n).step_by(step).chain(last.then_some(n)).map(move |k| (start + k) as f64 - 0.5)
    };
    let columns: Vec<f64> = along(window.x0, window.nx).collect();
    let (mut x, mut y, mut z) = (columns.clone(), columns.clone(), columns.clone());
    for row in along(window.y0, window.ny) {
        x.copy_from_slice(&columns);
        y.fill(row);
        if !to_sky(&mut x, &mut y, &mut z) {
            return false;
        }
        out.extend(x.iter().zip(&y).zip(&z).map(|((x, y), z)| [*x, *y, *z]));
    }
    true
}

fn quad(corners: &[Vector], window: Window, x: usize, y: usize) -> Option<[Vector; 4]> {
    let stride = window.nx + 1;
    let at = y.checked_sub(window.y0)? * stride + x.checked_sub(window.x0)?;
    let [low, high] = [corners.get(at..at + 2)?, corners.get(at + stride..at + stride + 2)?];
    let quad = [low[0], low[1], high[1], high[0]];
    quad.iter().flatten().all(|c| c.is_finite()).then_some(quad)
}

/// Looks at the nine nodes of a cell: along the chords between neighbours, how far from the great circle through its ends does the middle of a
/// chord in the input's plane lie; and how unequal are the areas of the quarters?
fn flatness_of(map: &dyn PixelMap, low: [f64; 2], side: f64, bound: f64) -> Flatness {
    let step = 0.5 * side;
    let range = low.map(|c| [c, c + side]);
    let node = |k: usize| [low[0] + step * (k % 3) as f64, low[1] + step * (k / 3) as f64];
    let (mut x, mut y): ([f64; 9], [f64; 9]) =
        (std::array::from_fn(|k| node(k)[0]), std::array::from_fn(|k| node(k)[1]));
    let (mut u, mut v, mut w) = (x, y, [0.0; 9]);
    map.to_input(&mut x, &mut y);
    let on_sky = map.output_to_sky(&mut u, &mut v, &mut w);
    let mut middle: [Vec<f64>; 3] = [Vec::new(), Vec::new(), vec![0.0; CHORDS.len()]];
    for (a, b) in CHORDS {
        middle[0].push(0.5 * (x[a] + x[b]));
        middle[1].push(0.5 * (y[a] + y[b]));
    }
    let [mx, my, mz] = &mut middle;
    if !on_sky || !map.input_to_sky(mx, my, mz) {
        return Flatness::Unknown;
    }
    if !map.is_smooth(range[0], range[1]) {
        return Flatness::Irregular;
    }
    // Largest distances from chords in input pixels, for chords as long as a pixel of the output and of the input.
    let (mut off, mut worst) = (0.0_f64, 0.0_f64);
    for (k, (a, b)) in CHORDS.into_iter().enumerate() {
        let (from, to) = ([u[a], v[a], w[a]], [u[b], v[b], w[b]]);
        let along = minus(to, from);
        let normal = cross(from, along);
        let (chord, length) = (dot(along, along).sqrt(), (x[b] - x[a]).hypot(y[b] - y[a]));
        let away = dot(minus([mx[k], my[k], mz[k]], from), normal) / dot(normal, normal).sqrt();
        let sagitta = away.abs() * length / chord;
        let pixel = length / step;
        // The sagitta goes with the square of the chord; an output pixel much smaller than an input pixel wants a finer bound.
        let edge = sagitta * (pixel.max(1.0) / length).powi(2);
        off = off.max(edge / pixel.min(1.0));
        worst = worst.max(edge.max(sagitta / length));
        if !(edge.is_finite() && chord < 1.0) {
            return Flatness::Irregular;
        }
    }
    let densities = [0, 1, 3, 4].map(|k| {
        let p = |k: usize| [u[k], v[k], w[k]];
        let sky = cross(minus(p(k + 4), p(k)), minus(p(k + 3), p(k + 1)));
        let plane = (x[k + 4] - x[k]) * (y[k + 3] - y[k + 1]) - (y[k + 4] - y[k]) * (x[k + 3] - x[k + 1]);
        dot(sky, sky).sqrt() / plane.abs()
    });
    let [least, most] =
        [densities.iter().copied().fold(f64::INFINITY, f64::min), densities.iter().copied().fold(0.0, f64::max)];
    let gradient = (most - least) / (least * step);
    if SAFETY * off <= bound && gradient <= bound {
        Flatness::Flat
    } else if SAFETY * worst <= 0.5 && gradient.is_finite() {
        Flatness::Curved
    } else {
        Flatness::Irregular
    }
}

/// Pairs of the nine nodes of a cell: along x, along y, and both diagonals of each quarter.
const CHORDS: [(usize, usize); 20] = [
    (0, 1),
    (1, 2),
    (3, 4),
    (4, 5),
    (6, 7),
    (7, 8),
    (0, 3),
    (3, 6),
    (1, 4),
    (4, 7),
    (2, 5),
    (5, 8),
    (0, 4),
    (1, 3),
    (1, 5),
    (2, 4),
    (3, 7),
    (4, 6),
    (4, 8),
    (5, 7),
];
