//! The sky behind a map, for kernels that measure areas: how straight great circles are in the plane of the input's pixels, and
//! where on the sky the corners of pixels lie.

use std::f64::consts::PI;
use std::sync::OnceLock;

use super::{CoordinateError, PixelMap};
use crate::plan::Window;

/// A unit vector, or NaN.
pub(crate) type Vector = [f64; 3];

/// Side of the squares of output pixels that are judged together. They are anchored to the output's first pixel.
const CELL: usize = 64;
/// Distance between the nodes of a cell.
const STEP: f64 = 0.5 * CELL as f64;
/// Side of the squares of input pixels that have a cap of their own.
const GROUP: usize = 16;
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
    /// The map knows no sky, and its plane may have a seam here or end.
    Torn,
    /// Anything may happen: a pole, a seam, a horizon, pixels as large as the sphere.
    Wild,
}

/// The sky over one block of output pixels and the patch of input pixels that belongs to it.
#[derive(Debug)]
pub(crate) struct Sky {
    block: Window,
    /// Column and row of the first cell, and the number of columns.
    origin: [usize; 2],
    columns: usize,
    cells: Vec<Flatness>,
    window: Window,
    output: Vec<Vector>,
    input: Vec<Vector>,
    groups: Vec<(Window, Cap)>,
}

impl Sky {
    /// Judges the cells that a block meets.
    pub(crate) fn new(map: &dyn PixelMap, block: Window, coordinate_error: CoordinateError) -> Sky {
        let bound = match coordinate_error {
            CoordinateError::Pixels(bound) => bound,
            CoordinateError::Exact => EXACT,
        };
        let origin = [block.x0 / CELL, block.y0 / CELL];
        let columns = (block.x0 + block.nx).div_ceil(CELL) - origin[0];
        let rows = (block.y0 + block.ny).div_ceil(CELL) - origin[1];
        let at = |k: usize| [origin[0] + k % columns, origin[1] + k / columns].map(|c| (c * CELL) as f64 - 0.5);
        let cells = (0..rows * columns).map(|k| judge(map, at(k), bound)).collect();
        let window = Window::default();
        Sky { block, origin, columns, cells, window, output: Vec::new(), input: Vec::new(), groups: Vec::new() }
    }

    /// Whether corners are needed at all.
    pub(crate) fn is_flat(&self) -> bool {
        self.cells.iter().all(|cell| matches!(cell, Flatness::Flat | Flatness::Torn))
    }

    /// Whether the input pixels that meet the block have to be found on the sky.
    pub(crate) fn is_wild(&self) -> bool {
        self.cells.contains(&Flatness::Wild)
    }

    /// Computes the corners of the block's pixels.
    pub(crate) fn with_output(&mut self, map: &dyn PixelMap) {
        corners(|x, y, z| map.output_to_sky(x, y, z), self.block, 1, &mut self.output);
    }

    /// The cap that holds the block.
    pub(crate) fn cap(&self) -> Option<Cap> {
        Cap::around(&self.output)
    }

    /// Computes the corners of the input pixels of `window`, and where the map is wild the caps of their groups.
    pub(crate) fn with_input(&mut self, map: &dyn PixelMap, window: Window) {
        self.window = window;
        corners(|x, y, z| map.input_to_sky(x, y, z), window, 1, &mut self.input);
        self.groups.clear();
        if self.is_wild() {
            let groups = groups(window);
            self.groups.extend(groups.filter_map(|group| {
                let rows = group.y0 - window.y0..=group.y0 - window.y0 + group.ny;
                let (first, n) = (group.x0 - window.x0, group.nx + 1);
                let corners: Vec<Vector> = rows
                    .filter_map(|row| self.input.get(row * (window.nx + 1) + first..)?.get(..n))
                    .flatten()
                    .copied()
                    .collect();
                Some((group, Cap::around(&corners)?))
            }));
        }
    }

    /// How the sky looks around an output pixel.
    pub(crate) fn flatness(&self, x: usize, y: usize) -> Flatness {
        let (column, row) = ((x / CELL).wrapping_sub(self.origin[0]), (y / CELL).wrapping_sub(self.origin[1]));
        self.cells.get(row.wrapping_mul(self.columns).wrapping_add(column)).copied().unwrap_or(Flatness::Wild)
    }

    /// The corners of an output pixel in order around it; `None` without a sky or where one of them has no place on it.
    pub(crate) fn output_corners(&self, x: usize, y: usize) -> Option<[Vector; 4]> {
        quad(&self.output, self.block, x, y)
    }

    /// The corners of an input pixel in order around it; `None` where one of them has no place on the sky.
    pub(crate) fn input_corners(&self, x: usize, y: usize) -> Option<[Vector; 4]> {
        quad(&self.input, self.window, x, y)
    }

    /// The groups of input pixels that a cap may meet, in an order that depends on the groups alone.
    pub(crate) fn groups_near<'s>(&'s self, cap: &'s Cap) -> impl Iterator<Item = Window> + 's {
        self.groups.iter().filter(|(_, other)| cap.meets(other)).map(|(group, _)| *group)
    }
}

/// Caps that hold the pixels of an image, found once an image is met where its map is wild.
#[derive(Clone, Debug, Default)]
pub(crate) struct SkyIndex(OnceLock<Vec<(Window, Cap)>>);

impl SkyIndex {
    /// The smallest window with all pixels of an image of shape (ny, nx) that a cap may meet.
    pub(crate) fn window(&self, map: &dyn PixelMap, [ny, nx]: [usize; 2], cap: &Cap) -> Option<Window> {
        let index = self.0.get_or_init(|| {
            let mut lattice = Vec::new();
            groups(Window::new(0, 0, nx, ny))
                .filter_map(|group| {
                    let known = corners(|x, y, z| map.input_to_sky(x, y, z), group, 4, &mut lattice);
                    if lattice.iter().any(|v| v[0].is_nan()) {
                        corners(|x, y, z| map.input_to_sky(x, y, z), group, 1, &mut lattice);
                    }
                    // Corners between those of the lattice may lie a little farther out.
                    let cap = Cap::around(&lattice)?;
                    known.then_some((group, Cap { radius: 1.5 * cap.radius, ..cap }))
                })
                .collect()
        });
        let near = index.iter().filter(|(_, other)| cap.meets(other)).map(|(group, _)| *group);
        near.reduce(|all, group| all.hull(&group))
    }
}

/// A circle on the sphere and what it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cap {
    centre: Vector,
    /// Radians.
    radius: f64,
}

impl Cap {
    /// A cap that holds the points, those that are NaN left out; `None` if all are.
    pub(crate) fn around(points: &[Vector]) -> Option<Cap> {
        let known = || points.iter().filter(|v| v.iter().all(|c| c.is_finite()));
        known().next()?;
        let sum = known().fold([0.0; 3], |s, v| [s[0] + v[0], s[1] + v[1], s[2] + v[2]]);
        let length = dot(sum, sum).sqrt();
        if !(length > 1e-6) {
            return Some(Cap { centre: [0.0, 0.0, 1.0], radius: PI });
        }
        let centre = sum.map(|c| c / length);
        let radius = known().map(|v| angle(centre, *v)).fold(0.0, f64::max);
        Some(Cap { centre, radius })
    }

    /// Whether two caps have a point in common, or nearly.
    fn meets(&self, other: &Cap) -> bool {
        angle(self.centre, other.centre) <= 1.01 * (self.radius + other.radius) + 1e-9
    }
}

/// The squares of input pixels, anchored to the image's first, that a window is made of, row by row.
fn groups(window: Window) -> impl Iterator<Item = Window> {
    let cuts = |start: usize, n: usize| (start / GROUP..(start + n).div_ceil(GROUP)).map(|k| k * GROUP);
    cuts(window.y0, window.ny)
        .flat_map(move |y| cuts(window.x0, window.nx).map(move |x| Window::new(x, y, GROUP, GROUP)))
        .filter_map(move |group| group.intersection(&window))
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
        let last = n % step != 0;
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
fn judge(map: &dyn PixelMap, low: [f64; 2], bound: f64) -> Flatness {
    let range = low.map(|c| [c, c + CELL as f64]);
    let smooth = map.is_smooth(range[0], range[1]);
    let node = |k: usize| [low[0] + STEP * (k % 3) as f64, low[1] + STEP * (k / 3) as f64];
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
        // Without a sky the plane is all there is.
        let known = x.iter().chain(&y).all(|c| c.is_finite());
        return if known && smooth { Flatness::Flat } else { Flatness::Torn };
    }
    if !smooth {
        return Flatness::Wild;
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
        let pixel = length / STEP;
        // The sagitta goes with the square of the chord; an output pixel much smaller than an input pixel wants a finer bound.
        let edge = sagitta * (pixel.max(1.0) / length).powi(2);
        off = off.max(edge / pixel.min(1.0));
        worst = worst.max(edge.max(sagitta / length));
        if !(edge.is_finite() && chord < 1.0) {
            return Flatness::Wild;
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
    let gradient = (most - least) / (least * STEP);
    if SAFETY * off <= bound && gradient <= bound {
        Flatness::Flat
    } else if SAFETY * worst <= 0.5 && gradient.is_finite() {
        Flatness::Curved
    } else {
        Flatness::Wild
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

pub(crate) fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(crate) fn minus(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// Radians between two unit vectors, right at all distances.
fn angle(a: Vector, b: Vector) -> f64 {
    let d = minus(a, b);
    2.0 * (0.5 * dot(d, d).sqrt()).min(1.0).asin()
}
