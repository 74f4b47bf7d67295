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
    edges::{Corners, Means, RowSums},
    further::Further,
    raster::Cover,
    sphere,
};
use crate::{
    Flux, Missing, Pixel,
    direction::Vector,
    map::{CoordGrid, Flatness, Sky, cap_of},
    window::Window,
};

/// Parts of an output pixel's area that are nothing but rounding.
const NOTHING: f64 = 1e-9;

/// What curved edges may stray from their chords, input pixels; see [`Flatness::Curved`].
const CURVED: f64 = 0.5;

/// Buffers of the kernel.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    sums: RowSums,
    below: Corners,
    above: Corners,
    means: Means,
    cover: Cover,
}

impl Buffers {
    pub(super) fn bytes(&self) -> usize {
        self.sums.bytes() + self.below.bytes() + self.above.bytes() + self.means.bytes() + self.cover.bytes()
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
            Missing::Propagate => self.missing == 0.0,
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
    let Buffers { sums, below, above, means, cover } = &mut scratch.exact;
    sums.start(&scene.patch);
    let x0 = block.x0 as f64 - 0.5;
    below.fill(scene.grid, &scene.patch, sums, [x0, block.y0 as f64 - 0.5], block.nx);
    let plain = !F::WANTED && scene.sky.is_none_or(|sky| sky.is_all(Flatness::Flat));
    let rows = values.chunks_exact_mut(block.nx).zip(coverage.chunks_exact_mut(block.nx));
    for (y, (values, coverage)) in (block.y0..).zip(rows) {
        above.fill(scene.grid, &scene.patch, sums, [x0, y as f64 + 0.5], block.nx);
        coverage.fill(T::from_f64(1.0));
        means.row(sums, below, above, kernel.flux, values);
        let (all, some) = if plain { (0..0, &*means.doubtful) } else { (0..block.nx, [].as_slice()) };
        for k in all.chain(some.iter().copied()) {
            let quad = [below.at(k), below.at(k + 1), above.at(k + 1), above.at(k)];
            let mean = values[k].to_f64();
            let pixel = Single { scene, kernel, x: block.x0 + k, y, quad, mean, k: (y - block.y0) * block.nx + k };
            let ((sample, cover), area) = pixel.sample(cover, further).unwrap_or_default();
            values[k] = T::from_f64(sample);
            coverage[k] = T::from_f64(cover);
            further.whole(pixel.k, if kernel.flux == Flux::Conserve { cover } else { area });
        }
        std::mem::swap(below, above);
    }
}

/// An output pixel that is looked at by itself.
struct Single<'s, P> {
    scene: &'s Scene<'s, P>,
    kernel: &'s Kernel,
    x: usize,
    y: usize,
    /// Its corners in the plane of the input's pixels.
    quad: [[f64; 2]; 4],
    /// The quick sample there, if it is finite.
    mean: f64,
    /// Its number in the block.
    k: usize,
}

impl<P: Pixel> Single<'_, P> {
    /// Value and coverage, and the sum of the areas that `further` has been told; none where there is no sample.
    fn sample(&self, cover: &mut Cover, further: &mut impl Further) -> Option<((f64, f64), f64)> {
        match self.scene.sky.map_or(Flatness::Flat, |sky| sky.flatness(self.x, self.y)) {
            Flatness::Flat => self.flat(cover, further),
            Flatness::Unknown if is_whole(&self.quad, self.scene.grid, self.x, self.y) => self.flat(cover, further),
            Flatness::Unknown => None,
            Flatness::Curved => self.spherical(Some(&self.quad), further),
            Flatness::Wild => self.spherical(None, further),
        }
    }

    fn flat(&self, cover: &mut Cover, further: &mut impl Further) -> Option<((f64, f64), f64)> {
        let patch = &self.scene.patch;
        let sample = if self.mean.is_finite() {
            (self.mean, 1.0)
        } else {
            cover.lay(self.quad, patch.image).then(|| in_plane(patch, cover).sample(cover.area, self.kernel))??
        };
        Some((sample, tell(patch, cover, self.quad, self.k, further)))
    }

    fn spherical(&self, near: Option<&[[f64; 2]; 4]>, further: &mut impl Further) -> Option<((f64, f64), f64)> {
        let sky = self.scene.sky?;
        let corners = sky.output_corners(self.x, self.y)?;
        let pixel = sphere::Pixel::new(&corners)?;
        let near = near.map_or(Near::Cap(&corners), Near::Quad);
        let shares = self.kernel.flux == Flux::Conserve;
        let sums = on_sphere(&self.scene.patch, sky, &pixel, near, shares, self.k, further);
        Some((sums.sample(pixel.area, self.kernel)?, sums.area))
    }
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
