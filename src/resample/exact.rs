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
    edges::{Edge, RowSums},
    further::Further,
    raster::Cover,
    sphere,
};
use crate::{
    Flux, Missing, Pixel,
    map::{CoordGrid, Flatness, Sky, Vector, cap_of},
    plan::Window,
};

/// Parts of an output pixel's area that are nothing but rounding.
const NOTHING: f64 = 1e-9;

/// What curved edges may stray from their chords, input pixels; see [`Flatness::Curved`].
const CURVED: f64 = 0.5;

/// Buffers of the kernel.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    sums: RowSums,
    below: Line,
    above: Line,
    between: Vec<Edge>,
    cover: Cover,
}

impl Buffers {
    pub(super) fn bytes(&self) -> usize {
        self.sums.bytes()
            + self.between.capacity() * size_of::<Edge>()
            + self.below.bytes()
            + self.above.bytes()
            + self.cover.bytes()
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
    let Buffers { sums, below, above, between, cover } = &mut scratch.exact;
    sums.fill(&scene.patch);
    let x0 = block.x0 as f64 - 0.5;
    below.fill(scene.grid, sums, [x0, block.y0 as f64 - 0.5], block.nx);
    let rows = values.chunks_exact_mut(block.nx).zip(coverage.chunks_exact_mut(block.nx));
    for (y, (values, coverage)) in (block.y0..).zip(rows) {
        above.fill(scene.grid, sums, [x0, y as f64 + 0.5], block.nx);
        between.clear();
        sums.along(below.columns(), above.columns(), between);
        let edges = below.edges.iter().zip(&above.edges).zip(between.iter().zip(between.iter().skip(1)));
        let samples = values.iter_mut().zip(coverage);
        for ((x, (quad, ((low, high), (left, right)))), (value, covered)) in
            (block.x0..).zip(below.quads(above).zip(edges)).zip(samples)
        {
            let flatness = scene.sky.map_or(Flatness::Flat, |sky| sky.flatness(x, y));
            let k = (y - block.y0) * block.nx + x - block.x0;
            let flat = |cover: &mut Cover, further: &mut F| {
                let sample = quick(sums, kernel, &quad, [*low, *right, *high, *left]).or_else(|| {
                    cover
                        .lay(quad, scene.patch.image)
                        .then(|| in_plane(&scene.patch, cover).sample(cover.area, kernel))?
                })?;
                Some((sample, tell(&scene.patch, cover, quad, k, further)))
            };
            let spherical = |near: Option<&[[f64; 2]; 4]>, further: &mut F| {
                let sky = scene.sky?;
                let corners = sky.output_corners(x, y)?;
                let pixel = sphere::Pixel::new(&corners)?;
                let near = near.map_or(Near::Cap(&corners), Near::Quad);
                let shares = kernel.flux == Flux::Conserve;
                let sums = on_sphere(&scene.patch, sky, &pixel, near, shares, k, further);
                Some((sums.sample(pixel.area, kernel)?, sums.area))
            };
            let sample = match flatness {
                Flatness::Flat => flat(cover, further),
                Flatness::Unknown => is_whole(&quad, scene.grid, x, y).then(|| flat(cover, further)).flatten(),
                Flatness::Curved => spherical(Some(&quad), further),
                Flatness::Wild => spherical(None, further),
            };
            let ((sample, coverage), area) = sample.unwrap_or_default();
            *value = T::from_f64(sample);
            *covered = T::from_f64(coverage);
            further.whole(k, if kernel.flux == Flux::Conserve { coverage } else { area });
        }
        std::mem::swap(below, above);
    }
}

/// The corners along a line between rows, in pixel coordinates of the input plus a half, and the edges between them.
#[derive(Debug, Default)]
struct Line {
    xs: Vec<f64>,
    ys: Vec<f64>,
    edges: Vec<Edge>,
}

impl Line {
    fn bytes(&self) -> usize {
        2 * self.xs.capacity() * size_of::<f64>() + self.edges.capacity() * size_of::<Edge>()
    }

    fn columns(&self) -> [&[f64]; 2] {
        [&self.xs, &self.ys]
    }

    fn fill(&mut self, grid: &CoordGrid<'_>, sums: &mut RowSums, [x, y]: [f64; 2], n: usize) {
        self.xs.resize(n + 1, 0.0);
        self.ys.resize(n + 1, 0.0);
        grid.row(x, y, &mut self.xs, &mut self.ys);
        self.xs.iter_mut().chain(&mut self.ys).for_each(|c| *c += 0.5);
        let next = [&self.xs, &self.ys].map(|column| column.get(1..).unwrap_or(&[]));
        self.edges.clear();
        sums.along([&self.xs, &self.ys], next, &mut self.edges);
    }

    /// The corners of the pixels between this line and the one above, in order around each.
    fn quads<'l>(&'l self, above: &'l Line) -> impl Iterator<Item = [[f64; 2]; 4]> + 'l {
        let pairs = |line: &'l Line| line.xs.windows(2).zip(line.ys.windows(2));
        pairs(self).zip(pairs(above)).filter_map(|low_high| match low_high {
            ((&[ax, bx], &[ay, by]), (&[dx, cx], &[dy, cy])) => Some([[ax, ay], [bx, by], [cx, cy], [dx, dy]]),
            _ => None,
        })
    }
}

/// The sample of a quadrilateral not larger than a few pixels, which are all there.
#[inline]
fn quick(sums: &RowSums, kernel: &Kernel, quad: &[[f64; 2]; 4], edges: [Edge; 4]) -> Option<(f64, f64)> {
    let [a, b, c, d] = quad;
    let area = 0.5 * ((c[0] - a[0]) * (d[1] - b[1]) - (c[1] - a[1]) * (d[0] - b[0]));
    let mean = sums.mean(edges, area)?;
    let value = if kernel.flux == Flux::Conserve { mean * area.abs() } else { mean };
    (!sums.is_spoilt(*quad) && value.is_finite()).then_some((value, 1.0))
}

/// Whether the middle of an output pixel lies in the middle of its corners, so that no seam runs through it.
fn is_whole(quad: &[[f64; 2]; 4], grid: &CoordGrid<'_>, x: usize, y: usize) -> bool {
    let (mut middle_x, mut middle_y) = ([0.0], [0.0]);
    grid.row(x as f64, y as f64, &mut middle_x, &mut middle_y);
    let [a, b, c, d] = *quad;
    let off =
        [0, 1].map(|axis| 0.25 * (a[axis] + b[axis] + c[axis] + d[axis]) - [middle_x[0], middle_y[0]][axis] - 0.5);
    let size = (a[0] - c[0]).hypot(a[1] - c[1]).max((b[0] - d[0]).hypot(b[1] - d[1]));
    off[0].hypot(off[1]) < 0.1 * size
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

/// Tells which pixels have a part in sample `k`, and returns the sum of their areas.
fn tell<P: Pixel, F: Further>(
    patch: &Patch<'_, P>,
    cover: &mut Cover,
    quad: [[f64; 2]; 4],
    k: usize,
    further: &mut F,
) -> f64 {
    let mut sum = 0.0;
    if !F::WANTED || !cover.lay(quad, patch.image) {
        return sum;
    }
    for (y, areas) in cover.rows() {
        let pixels = patch.run(y, cover.x0, areas.len()).unwrap_or(&[]);
        for ((x, area), pixel) in (cover.x0..).zip(areas).zip(pixels) {
            if *area > NOTHING * cover.area && !pixel.to_f64().is_nan() {
                further.part(k, [y, x], *area);
                sum += area;
            }
        }
    }
    sum
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
        Near::Quad(quad) => around(quad, patch.image).into_iter().for_each(&mut within),
        Near::Cap(corners) => {
            if let Some(cap) = cap_of(corners.iter()) {
                sky.squares_near(&cap).for_each(&mut within);
            }
        }
    }
    sums
}

/// Where to look for the input pixels that meet an output pixel.
enum Near<'n> {
    /// Around its corners in the input's plane.
    Quad(&'n [[f64; 2]; 4]),
    /// Anywhere near its corners on the sky.
    Cap(&'n [Vector; 4]),
}

/// The pixels of an image that a quadrilateral with somewhat curved edges may meet.
fn around(quad: &[[f64; 2]; 4], [ny, nx]: [usize; 2]) -> Option<Window> {
    let range = |axis: usize, n: usize| {
        let [a, b, c, d] = quad.map(|corner| corner[axis]);
        let (low, high) = ((a.min(b).min(c.min(d)) - CURVED).floor(), (a.max(b).max(c.max(d)) + CURVED).ceil());
        let (low, high) = (low.max(0.0), high.min(n as f64));
        // False for NaN.
        (low < high).then_some((low as usize, (high - low) as usize))
    };
    let defined = quad.iter().flatten().all(|c| c.is_finite());
    let ((x0, nx), (y0, ny)) = (range(0, nx)?, range(1, ny)?);
    defined.then(|| Window::new(x0, y0, nx, ny))
}
