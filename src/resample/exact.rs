//! Area-weighted means over the overlap of pixels, as in Montage's mProject and reproject_exact; they conserve flux.
//!
//! ```text
//! a_i      = area that the output pixel shares with input pixel i
//! value    = Σ a_i p_i / Σ a_i
//! coverage = Σ a_i / area of the output pixel
//! ```
//!
//! Both sums run over the valid pixels, row by row. Areas are those of spherical polygons. Where the sky is flat
//! to within the bound on the coordinates they are taken in the plane of the input's pixels, whose pixels are unit squares; elsewhere
//! in a gnomonic plane about each output pixel.

use super::{
    edges::{Corners, Means, RowSums, TILE},
    kernel::{BlockKernel, BlockSamples, Requirements, SampleRules, Scene},
    observer::WeightObserver,
    patch::Patch,
    raster::Cover,
    sphere,
};
use crate::{
    Flux, Missing, Pixel, Resample,
    direction::Vector,
    map::{CoordGrid, Flatness, Sky, cap_of},
    window::Window,
};

/// Parts of an output pixel's area that are due to rounding only.
const NOTHING: f64 = 1e-9;

/// The largest distance of curved edges from their chords, input pixels; see [`Flatness::Curved`].
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

/// The sums of one output pixel.
#[derive(Clone, Copy, Default)]
struct Sums {
    /// Σap over the valid pixels; their parts Σ(a/A)p, A the area of an input pixel, where flux is to be kept.
    value: f64,
    /// Σa over the valid pixels.
    area: f64,
    /// Σa over those that are missing.
    missing: f64,
}

impl Sums {
    /// Adds a pixel that shares `area` with the output pixel, and counts by its part of `whole`.
    fn add(&mut self, area: f64, whole: f64, pixel: f64, nothing: f64) {
        // A finite pixel always counts, so that the sums are those of the fast path; others only if they really overlap.
        if pixel.is_finite() || area > nothing && !pixel.is_nan() {
            self.value += area / whole * pixel;
            self.area += area;
        } else if area > nothing {
            self.missing += area;
        }
    }

    /// Value and coverage for an output pixel of some area; none where the rule for missing pixels forbids a sample, or next to nothing of
    /// the pixel is covered.
    fn sample(&self, area: f64, rules: &SampleRules) -> Option<(f64, f64)> {
        let enough = match rules.missing {
            Missing::Propagate => self.missing == 0.0,
            Missing::Renormalize { min_weight } => self.area >= min_weight * (self.area + self.missing),
        };
        let coverage = self.area / area;
        // A pixel that is covered as a whole is so to rounding only.
        let coverage = if (coverage - 1.0).abs() < NOTHING { 1.0 } else { coverage };
        let value = match rules.flux {
            Flux::SurfaceBrightness => self.value / self.area,
            Flux::Conserve => self.value / coverage,
        };
        (enough && coverage > NOTHING).then_some((value, coverage))
    }
}

/// The area-weighted kernel with its options.
pub(super) struct Overlap<'k> {
    pub(super) rules: &'k SampleRules,
}

impl Requirements for Overlap<'_> {
    fn support_radius(&self, scale: f64) -> f64 {
        // From a corner to any other, and a pixel for curved edges.
        2.0 * scale + 2.0
    }

    fn output_margin(&self, _: f64) -> usize {
        // The far corners of a pixel belong to the next ones.
        1
    }

    fn for_weights(&self) -> Resample {
        Resample::Exact
    }

    fn needs_sky(&self) -> bool {
        true
    }

    fn is_block_based(&self) -> bool {
        true
    }

    fn alignment(&self) -> usize {
        TILE
    }
}

impl BlockKernel for Overlap<'_> {
    type Buffers = Buffers;

    fn sample<P: Pixel, T: Pixel>(
        &self,
        scene: &Scene<'_, P>,
        block: Window,
        buffers: &mut Buffers,
        BlockSamples { values, coverage }: BlockSamples<'_, T>,
        observer: &mut impl WeightObserver,
    ) {
        let rules = self.rules;
        let Buffers { sums, below, above, means, cover } = buffers;
        sums.start(&scene.patch);
        let x0 = block.x0 as f64 - 0.5;
        below.compute(scene.grid, &scene.patch, sums, [x0, block.y0 as f64 - 0.5], block.nx);
        let means_suffice = !is_active(observer) && scene.sky.is_none_or(|sky| sky.is_all(Flatness::Flat));
        let rows = values.chunks_exact_mut(block.nx).zip(coverage.chunks_exact_mut(block.nx));
        for (y, (values, coverage)) in (block.y0..).zip(rows) {
            above.compute(scene.grid, &scene.patch, sums, [x0, y as f64 + 0.5], block.nx);
            coverage.fill(T::from_f64(1.0));
            means.compute_row(sums, (below, above), rules.flux, values);
            let (all, some) = if means_suffice { (0..0, &*means.unresolved) } else { (0..block.nx, [].as_slice()) };
            for k in all.chain(some.iter().copied()) {
                let quad = [below.at(k), below.at(k + 1), above.at(k + 1), above.at(k)];
                let mean = values[k].to_f64();
                let pixel = Single { scene, rules, x: block.x0 + k, y, quad, mean, k: (y - block.y0) * block.nx + k };
                let ((sample, cover), area) = pixel.sample(cover, observer).unwrap_or_default();
                values[k] = T::from_f64(sample);
                coverage[k] = T::from_f64(cover);
                observer.normalize(pixel.k, if rules.flux == Flux::Conserve { cover } else { area });
            }
            std::mem::swap(below, above);
        }
    }
}

/// Whether weights are observed.
fn is_active<O: WeightObserver>(_: &O) -> bool {
    O::ACTIVE
}

/// An output pixel that is sampled by itself.
struct Single<'s, P> {
    scene: &'s Scene<'s, P>,
    rules: &'s SampleRules,
    x: usize,
    y: usize,
    /// Its corners in the plane of the input's pixels.
    quad: [[f64; 2]; 4],
    /// The sample from the edges, if it is finite.
    mean: f64,
    /// Its number in the block.
    k: usize,
}

impl<P: Pixel> Single<'_, P> {
    /// Value and coverage, and the sum of the areas that were reported to the observer; none where there is no sample.
    fn sample(&self, cover: &mut Cover, observer: &mut impl WeightObserver) -> Option<((f64, f64), f64)> {
        match self.scene.sky.map_or(Flatness::Flat, |sky| sky.flatness(self.x, self.y)) {
            Flatness::Flat => self.flat(cover, observer),
            Flatness::Unknown if is_whole(&self.quad, self.scene.grid, self.x, self.y) => self.flat(cover, observer),
            Flatness::Unknown => None,
            Flatness::Curved => self.spherical(Some(&self.quad), observer),
            Flatness::Irregular => self.spherical(None, observer),
        }
    }

    fn flat(&self, cover: &mut Cover, observer: &mut impl WeightObserver) -> Option<((f64, f64), f64)> {
        let patch = &self.scene.patch;
        let sample = if self.mean.is_finite() {
            (self.mean, 1.0)
        } else {
            cover.lay(self.quad, patch.image).then(|| in_plane(patch, cover).sample(cover.area, self.rules))??
        };
        Some((sample, report(patch, cover, self.quad, self.k, observer)))
    }

    fn spherical(&self, near: Option<&[[f64; 2]; 4]>, observer: &mut impl WeightObserver) -> Option<((f64, f64), f64)> {
        let sky = self.scene.sky?;
        let corners = sky.output_corners(self.x, self.y)?;
        let pixel = sphere::SphericalPixel::new(&corners)?;
        let near = near.map_or(Near::Cap(&corners), Near::Quad);
        let sums = self.sums_on_sphere(sky, &pixel, near, observer);
        Some((sums.sample(pixel.area, self.rules)?, sums.area))
    }

    /// The sums over the input pixels that overlap the output pixel on the sphere.
    fn sums_on_sphere(
        &self,
        sky: &Sky,
        pixel: &sphere::SphericalPixel,
        near: Near<'_>,
        observer: &mut impl WeightObserver,
    ) -> Sums {
        let mut sums = Sums::default();
        let patch = &self.scene.patch;
        let shares = self.rules.flux == Flux::Conserve;
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
                            observer.part(self.k, [y, x], area / whole);
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
}

/// Whether the centre of an output pixel lies in the middle of its corners, so that no seam runs through it.
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

/// Reports the areas of the pixels in sample `k`, and returns their sum.
fn report<P: Pixel, O: WeightObserver>(
    patch: &Patch<'_, P>,
    cover: &mut Cover,
    quad: [[f64; 2]; 4],
    k: usize,
    observer: &mut O,
) -> f64 {
    let mut sum = 0.0;
    if !O::ACTIVE || !cover.lay(quad, patch.image) {
        return sum;
    }
    for (y, areas) in cover.rows() {
        let pixels = patch.run(y, cover.x0, areas.len()).unwrap_or(&[]);
        for ((x, area), pixel) in (cover.x0..).zip(areas).zip(pixels) {
            if *area > NOTHING * cover.area && !pixel.to_f64().is_nan() {
                observer.part(k, [y, x], *area);
                sum += area;
            }
        }
    }
    sum
}

/// Where the input pixels that overlap an output pixel are searched.
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
