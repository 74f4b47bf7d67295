//! Area-weighted means over the overlap of pixels, as Montage's mProject and reproject_exact: conserves flux.
//!
//! ```text
//! a_i      = area that the output pixel shares with input pixel i
//! value    = Σ a_i p_i / Σ a_i
//! coverage = Σ a_i / area of the output pixel
//! ```
//!
//! Both sums run over the pixels that are there, row by row. Areas are those of spherical polygons. Where the sky is flat
//! to within the bound on the coordinates they are taken in the plane of the input's pixels, whose pixels are unit squares; elsewhere
//! in a gnomonic plane about each output pixel.

use super::{
    Kernel, Patch, Scene, Scratch,
    further::Further,
    raster::{Cover, Edges},
    sphere,
};
use crate::{
    Flux, Missing, Pixel,
    map::{Cap, CoordGrid, Flatness, Sky, Vector},
    plan::Window,
};

/// Parts of an output pixel's area that are nothing but rounding.
const NOTHING: f64 = 1e-9;

/// Buffers of the kernel.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// Input coordinates of the corners below and above a row of pixels.
    below: [Vec<f64>; 2],
    above: [Vec<f64>; 2],
    /// Their edges along the rows, and those between the rows.
    low: Edges,
    high: Edges,
    between: Edges,
    cover: Cover,
}

impl Buffers {
    pub(super) fn bytes(&self) -> usize {
        let corners = self.below.iter().chain(&self.above).map(Vec::capacity).sum::<usize>() * size_of::<f64>();
        corners + self.low.bytes() + self.high.bytes() + self.between.bytes() + self.cover.bytes()
    }
}

/// What has been found of one output pixel.
#[derive(Clone, Copy, Default)]
struct Sums {
    /// Σap over the pixels that are there; their parts Σ(a/A)p, A the area of an input pixel, where flux is to be kept.
    value: f64,
    /// Σa over the pixels that are there.
    area: f64,
    /// Σa over those that are missing.
    missing: f64,
}

impl Sums {
    /// Adds a pixel that shares `area` with the output pixel, and counts by its part of `whole`.
    fn add(&mut self, area: f64, whole: f64, pixel: f64, nothing: f64) {
        // A finite pixel always counts, so that the sums are those of the quick way; one that is not only if it is really met.
        if pixel.is_finite() || area > nothing && !pixel.is_nan() {
            self.value += area / whole * pixel;
            self.area += area;
        } else if area > nothing {
            self.missing += area;
        }
    }

    /// Value and coverage for an output pixel of some area; none where missing pixels spoil the sample or next to nothing is left.
    fn sample(&self, area: f64, kernel: &Kernel) -> Option<(f64, f64)> {
        let enough = match kernel.missing {
            Missing::Spoil => self.missing == 0.0,
            Missing::Renormalize { min_weight } => self.area >= min_weight * (self.area + self.missing),
        };
        let coverage = self.area / area;
        // A pixel that is covered as a whole is so to rounding only.
        let coverage = if (coverage - 1.0).abs() < NOTHING { 1.0 } else { coverage };
        let value = match kernel.flux {
            Flux::SurfaceBrightness => self.value / self.area,
            Flux::Conserve => self.value / coverage,
        };
        (enough && coverage > NOTHING).then_some((value, coverage))
    }

    /// What the areas, or parts of pixels, are divided by in a sample.
    fn norm(&self, (_, coverage): (f64, f64), kernel: &Kernel) -> f64 {
        match kernel.flux {
            Flux::SurfaceBrightness => self.area,
            Flux::Conserve => coverage,
        }
    }
}

pub(super) fn block<P: Pixel, T: Pixel, F: Further>(
    scene: &Scene<'_, P>,
    kernel: &Kernel,
    block: Window,
    scratch: &mut Scratch,
    values: &mut [T],
    coverage: &mut [T],
    further: &mut F,
) {
    let Buffers { below, above, low, high, between, cover } = &mut scratch.exact;
    let image = scene.patch.image;
    let x0 = block.x0 as f64 - 0.5;
    corners(scene.grid, x0, block.y0 as f64 - 0.5, block.nx, image, below, low);
    let rows = values.chunks_exact_mut(block.nx).zip(coverage.chunks_exact_mut(block.nx));
    for (y, (values, coverage)) in (block.y0..).zip(rows) {
        corners(scene.grid, x0, y as f64 + 0.5, block.nx, image, above, high);
        between.start(image);
        for (((a, b), c), d) in below[0].iter().zip(&below[1]).zip(&above[0]).zip(&above[1]) {
            between.push([*a, *b], [*c, *d]);
        }
        let quads = Quads { below, above };
        further.start((y - block.y0) * block.nx);
        for (k, (value, covered)) in values.iter_mut().zip(coverage).enumerate() {
            let (x, quad) = (block.x0 + k, quads.at(k));
            let mut flat = |quad: [[f64; 2]; 4], further: &mut F| {
                if !cover.start(quad, image) {
                    return None;
                }
                cover.add(low, k, false);
                cover.add(between, k + 1, false);
                cover.add(high, k, true);
                cover.add(between, k, true);
                cover.finish();
                let sums = in_plane(&scene.patch, cover);
                tell(&scene.patch, cover, k, further);
                sums.sample(cover.area, kernel).map(|sample| (sample, sums.norm(sample, kernel)))
            };
            let spherical = |near: Option<[[f64; 2]; 4]>, further: &mut F| {
                let sky = scene.sky?;
                let corners = sky.output_corners(x, y)?;
                let pixel = sphere::Pixel::new(&corners)?;
                let near = near.map_or(Near::Cap(&corners), Near::Quad);
                let shares = kernel.flux == Flux::Conserve;
                let sums = on_sphere(&scene.patch, sky, &pixel, near, shares, k, further);
                sums.sample(pixel.area, kernel).map(|sample| (sample, sums.norm(sample, kernel)))
            };
            let sample = match scene.sky.map_or(Flatness::Flat, |sky| sky.flatness(x, y)) {
                Flatness::Flat => quad.and_then(|quad| flat(quad, further)),
                Flatness::Torn => {
                    quad.filter(|quad| is_whole(quad, scene.grid, x, y)).and_then(|quad| flat(quad, further))
                }
                Flatness::Curved => quad.and_then(|quad| spherical(Some(quad), further)),
                Flatness::Wild => spherical(None, further),
            };
            let ((sample, coverage), norm) = sample.unwrap_or_default();
            *value = T::from_f64(sample);
            *covered = T::from_f64(coverage);
            further.whole(k, norm);
        }
        std::mem::swap(below, above);
        std::mem::swap(low, high);
    }
}

/// The corners along one line between rows, and the edges between them.
fn corners(
    grid: &CoordGrid<'_>,
    x0: f64,
    y: f64,
    n: usize,
    image: [usize; 2],
    [xs, ys]: &mut [Vec<f64>; 2],
    edges: &mut Edges,
) {
    xs.resize(n + 1, 0.0);
    ys.resize(n + 1, 0.0);
    grid.row(x0, y, xs, ys);
    edges.start(image);
    let ends = xs.iter().zip(&*ys);
    ends.clone().zip(ends.skip(1)).for_each(|((a, b), (c, d))| edges.push([*a, *b], [*c, *d]));
}

struct Quads<'q> {
    below: &'q [Vec<f64>; 2],
    above: &'q [Vec<f64>; 2],
}

impl Quads<'_> {
    /// Corners of pixel `k` of the row in the input's plane, in order around it.
    fn at(&self, k: usize) -> Option<[[f64; 2]; 4]> {
        let pair = |[x, y]: &[Vec<f64>; 2]| Some([[*x.get(k)?, *y.get(k)?], [*x.get(k + 1)?, *y.get(k + 1)?]]);
        let ([a, b], [d, c]) = (pair(self.below)?, pair(self.above)?);
        Some([a, b, c, d])
    }
}

/// Whether the middle of an output pixel lies in the middle of its corners, so that no seam runs through it.
fn is_whole(quad: &[[f64; 2]; 4], grid: &CoordGrid<'_>, x: usize, y: usize) -> bool {
    let (mut middle_x, mut middle_y) = ([0.0], [0.0]);
    grid.row(x as f64, y as f64, &mut middle_x, &mut middle_y);
    let [a, b, c, d] = *quad;
    let off = [0, 1].map(|axis| 0.25 * (a[axis] + b[axis] + c[axis] + d[axis]) - [middle_x[0], middle_y[0]][axis]);
    let size = (a[0] - c[0]).hypot(a[1] - c[1]).max((b[0] - d[0]).hypot(b[1] - d[1]));
    off[0].hypot(off[1]) < 0.25 * size
}

/// The sums over the unit squares that a quadrilateral covers.
fn in_plane<P: Pixel>(patch: &Patch<'_, P>, cover: &Cover) -> Sums {
    let mut sums = Sums::default();
    for (y, areas) in cover.rows() {
        let pixels = patch.run(y, cover.x0, areas.len()).unwrap_or(&[]);
        for (area, pixel) in areas.iter().zip(pixels) {
            sums.value += area * pixel.to_f64();
            sums.area += area;
        }
    }
    if !sums.value.is_finite() {
        sums = Sums::default();
        for (y, areas) in cover.rows() {
            let pixels = patch.run(y, cover.x0, areas.len()).unwrap_or(&[]);
            for (area, pixel) in areas.iter().zip(pixels) {
                sums.add(*area, 1.0, pixel.to_f64(), NOTHING * cover.area);
            }
        }
    }
    sums
}

/// Tells which pixels have a part in the sums of sample `k`.
fn tell<P: Pixel, F: Further>(patch: &Patch<'_, P>, cover: &Cover, k: usize, further: &mut F) {
    if !F::WANTED {
        return;
    }
    for (y, areas) in cover.rows() {
        let pixels = patch.run(y, cover.x0, areas.len()).unwrap_or(&[]);
        for ((x, area), pixel) in (cover.x0..).zip(areas).zip(pixels) {
            if *area > NOTHING * cover.area && !pixel.to_f64().is_nan() {
                further.part(k, [y, x], *area);
            }
        }
    }
}

/// The sums over the input pixels that meet an output pixel on the sphere, that of sample `k`.
fn on_sphere<P: Pixel>(
    patch: &Patch<'_, P>,
    sky: &Sky,
    pixel: &sphere::Pixel,
    near: Near<'_>,
    shares: bool,
    k: usize,
    further: &mut impl Further,
) -> Sums {
    let mut sums = Sums::default();
    let mut within = |window: Window| {
        for y in window.y0..window.y0 + window.ny {
            let pixels = patch.run(y, window.x0, window.nx).unwrap_or(&[]);
            for (x, value) in (window.x0..).zip(pixels) {
                let Some(corners) = sky.input_corners(x, y) else { continue };
                let area = pixel.overlap(&corners);
                if area > 0.0 {
                    let whole = if shares { pixel.area_of(&corners) } else { 1.0 };
                    sums.add(area, whole, value.to_f64(), NOTHING * pixel.area);
                    if area > NOTHING * pixel.area && !value.to_f64().is_nan() {
                        further.part(k, [y, x], area / whole);
                    }
                }
            }
        }
    };
    match near {
        Near::Quad(quad) => around(&quad, patch.image).into_iter().for_each(&mut within),
        Near::Cap(corners) => {
            if let Some(cap) = Cap::around(corners) {
                sky.groups_near(&cap).for_each(&mut within);
            }
        }
    }
    sums
}

/// Where to look for the input pixels that meet an output pixel.
enum Near<'n> {
    /// Within a pixel of its corners in the input's plane.
    Quad([[f64; 2]; 4]),
    /// Anywhere near its corners on the sky.
    Cap(&'n [Vector; 4]),
}

/// The pixels of an image within one pixel of a quadrilateral.
fn around(quad: &[[f64; 2]; 4], [ny, nx]: [usize; 2]) -> Option<Window> {
    let range = |axis: usize, n: usize| {
        let [a, b, c, d] = quad.map(|corner| corner[axis] + 0.5);
        let (low, high) = (a.min(b).min(c.min(d)).floor() - 1.0, a.max(b).max(c.max(d)).ceil() + 1.0);
        let (low, high) = (low.max(0.0), high.min(n as f64));
        // False for NaN.
        (low < high).then(|| (low as usize, (high - low) as usize))
    };
    let defined = quad.iter().flatten().all(|c| c.is_finite());
    let ((x0, nx), (y0, ny)) = (range(0, nx)?, range(1, ny)?);
    defined.then(|| Window::new(x0, y0, nx, ny))
}
