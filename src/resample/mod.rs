//! Kernels: input pixels and coordinates in, samples out. A kernel never sees a file, a WCS or a thread.
//!
//! A sample is a value and a coverage: the part of the output pixel that the image covers geometrically, 1 or 0 for kernels
//! that interpolate. Where the coverage is 0 the value means nothing. Both have the output's type.

mod adaptive;
mod bilinear;
mod cubic;
mod cycle;
mod drizzle;
mod edges;
mod ellipse;
mod exact;
mod further;
mod interpolate;
mod jacobian;
mod lanczos;
mod linear;
mod nearest;
mod raster;
mod series;
mod sphere;
mod spline;
mod widen;

pub(crate) use linear::Linear;

use crate::{
    Flux, Missing, Pixel, Resample,
    map::{CoordGrid, Sky},
    window::Window,
};

use further::{Correlation, Further};
pub(crate) use further::{Known, Propagated};
use spline::Horizon;

/// A rectangle of one plane of an input: native-endian, scaled, missing pixels NaN.
#[derive(Debug)]
pub(crate) struct Patch<'p, P> {
    /// Row-major pixels, `ny` rows of `nx`.
    pub(crate) pixels: &'p [P],
    /// Where the rectangle lies in the image.
    pub(crate) window: Window,
    /// Shape (ny, nx) of the whole image: kernels clamp and end at its edges, not at the patch's.
    pub(crate) image: [usize; 2],
}

impl<P> Patch<'_, P> {
    /// The `n` pixels from column `x` on in row `y` of the image, if they are in the patch.
    fn run(&self, y: usize, x: usize, n: usize) -> Option<&[P]> {
        let from = self.window.place([y, x])?;
        if x + n <= self.window.x0 + self.window.nx { self.pixels.get(from..from + n) } else { None }
    }
}

impl<P: Pixel> Patch<'_, P> {
    /// The pixel in row `y`, column `x` of the image; NaN if it is not in the patch.
    fn at(&self, y: usize, x: usize) -> f64 {
        self.run(y, x, 1).and_then(<[P]>::first).map_or(f64::NAN, |pixel| pixel.to_f64())
    }
}

/// What a kernel works on: one plane of one input, and where its pixels lie.
pub(crate) struct Scene<'s, P> {
    /// From output to input pixels, for the block and [`Kernel::margin`] pixels around it.
    pub(crate) grid: &'s CoordGrid<'s>,
    /// Every input pixel within [`Kernel::reach`] and [`Kernel::surround`] of a position in the block that can have a sample, counted around an image
    /// that is [`cyclic`](Kernel::cyclic).
    pub(crate) patch: Patch<'s, P>,
    /// Where pixels lie on the sky, for kernels that measure areas.
    pub(crate) sky: Option<&'s Sky>,
    /// From input to output pixels, for kernels that start from input pixels.
    pub(crate) forward: Option<&'s CoordGrid<'s>>,
    /// Shape (ny, nx) of the whole output, where `forward` ends.
    pub(crate) target: [usize; 2],
    /// Weights of the pixels of the patch, for kernels that weigh pixels themselves.
    pub(crate) weights: Option<Patch<'s, f64>>,
    /// Positions and Jacobians of the block's pixels, for kernels that are fitted to them, where these are kept; see [`Kernel::linear`].
    pub(crate) linear: Option<&'s Linear>,
}

/// Output pixels beyond which drops across a seam of the input are not looked for.
const MAX_MARGIN: f64 = 512.0;

/// A kernel with its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel {
    pub(crate) resample: Resample,
    pub(crate) missing: Missing,
    pub(crate) flux: Flux,
    pub(crate) antialias: bool,
    /// Input pixels that an output pixel is long at most, so far as positions outside of the image count; the same for all blocks.
    pub(crate) stretch: f64,
}

impl Kernel {
    /// The kernel for an image's weights: where that of the image has negative lobes, which would make negative weights, a bilinear one.
    pub(crate) fn for_weights(&self) -> Kernel {
        let resample = match self.resample {
            Resample::Nearest => Resample::Nearest,
            Resample::Exact => Resample::Exact,
            Resample::Adaptive(adaptive) => Resample::Adaptive(adaptive::for_weights(adaptive)),
            _ => Resample::Bilinear,
        };
        Kernel { resample, flux: Flux::SurfaceBrightness, ..*self }
    }

    /// Whether a pixel of this value is one that the kernel does without.
    pub(crate) fn is_missing(&self, pixel: f64) -> bool {
        match self.resample {
            Resample::Biquadratic | Resample::Bicubic => !pixel.is_finite(),
            _ => pixel.is_nan(),
        }
    }

    /// Output pixels around a block whose coordinates the kernel asks for, where an output pixel is at least `scale` input pixels long.
    pub(crate) fn margin(&self, scale: f64) -> usize {
        match &self.resample {
            // The far corners of a pixel belong to the next ones.
            Resample::Exact => 1,
            Resample::Adaptive(adaptive) => 1 + usize::from(adaptive.despike_jacobian),
            // Across a seam of the input nothing but the drops' reach in the output tells that they touch a block.
            Resample::Drizzle(drizzle) => 1 + (2.0 * drizzle::radius(drizzle) / scale).ceil().min(MAX_MARGIN) as usize,
            _ => usize::from(self.derives()),
        }
    }

    /// Whether the kernel asks for the coordinates of the output pixels' edges.
    fn derives(&self) -> bool {
        let own = matches!(self.resample, Resample::Adaptive(_));
        !own && (self.antialias || self.flux == Flux::Conserve)
    }

    /// Input pixels around those in [`reach`](Self::reach) that count in what the kernel prepares of a patch, for samples of type `T`.
    pub(crate) fn surround<T: Pixel>(&self) -> usize {
        match self.resample {
            Resample::Biquadratic | Resample::Bicubic => Horizon::of::<T>().margin(),
            _ => 0,
        }
    }

    /// Input pixels on each side of a position that can carry weight, the one that holds the position not counted, where an output pixel is at most
    /// `scale` input pixels long. What lies farther outside of the image has no sample.
    pub(crate) fn reach(&self, scale: f64) -> f64 {
        let support = match self.resample {
            Resample::Nearest => 0.0,
            Resample::Bilinear => 1.0,
            Resample::Biquadratic | Resample::Bicubic | Resample::Cubic | Resample::Lanczos2 => 2.0,
            Resample::Lanczos3 => 3.0,
            Resample::Lanczos4 => 4.0,
            Resample::Lanczos5 => 5.0,
            // From a corner to any other, and a pixel for curved edges.
            Resample::Exact => return 2.0 * scale + 2.0,
            Resample::Adaptive(adaptive) => return adaptive::pad(&adaptive, self.stretch, scale),
            // A drop may lie askew on the output pixels, whose centres it is asked for.
            Resample::Drizzle(drizzle) => return 2.0 * drizzle::radius(&drizzle) + scale + 1.0,
        };
        let wide = if self.antialias { (support + 0.5) * scale.max(1.0) } else { support };
        wide + if self.derives() { scale } else { 0.0 }
    }

    /// What kernels fitted to the output pixels have to know of those of a block, if it is to be found once for all planes of a cube: where the exact map
    /// is asked for positions. Polynomials are evaluated again for each plane and few rows, which then stay in the cache. `shapes` (ny, nx) are
    /// those of output and image.
    pub(crate) fn linear(
        &self,
        grid: &CoordGrid<'_>,
        block: Window,
        shapes: [[usize; 2]; 2],
        scratch: &mut Scratch,
    ) -> Option<Linear> {
        match &self.resample {
            Resample::Adaptive(adaptive) if grid.steepest().is_none() => {
                let buffers = std::mem::take(&mut scratch.adaptive.linear);
                Some(Linear::new(grid, block, adaptive, shapes, buffers))
            }
            _ => None,
        }
    }

    /// The reach for a block whose coordinates are known: a map may stretch more somewhere in it than where its scale was looked at.
    pub(crate) fn reach_on(&self, grid: &CoordGrid<'_>, linear: Option<&Linear>, block: Window, reach: f64) -> f64 {
        if let Resample::Adaptive(adaptive) = &self.resample {
            let steepest = linear.map_or_else(|| grid.steepest().map(linear::bound), |linear| Some(linear.widest()));
            return steepest.map_or(reach, |steepest| adaptive::radius(adaptive, steepest) + 1.0);
        }
        if !self.antialias || self.likes_whole_blocks() {
            return reach;
        }
        let mut scratch = Scratch::default();
        let mut widest = 1.0_f64;
        for y in block.y0..block.y0 + block.ny {
            scratch.row(grid, block.x0 as f64, y as f64, block.nx);
            scratch.derive(grid, block.x0 as f64, y as f64);
            widest = scratch.jacobians.values.iter().flat_map(|j| jacobian::stretch(*j)).fold(widest, f64::max);
        }
        reach.max(self.reach(widest))
    }

    /// Whether an image can have samples wherever the map is defined.
    pub(crate) fn is_everywhere(&self) -> bool {
        matches!(&self.resample, Resample::Adaptive(adaptive) if adaptive::is_everywhere(adaptive))
    }

    /// Whether an image goes around along y and x: beyond an edge lies the other.
    pub(crate) fn cyclic(&self) -> [bool; 2] {
        match &self.resample {
            Resample::Adaptive(adaptive) => [adaptive.y_cyclic, adaptive.x_cyclic],
            _ => [false; 2],
        }
    }

    /// Whether the kernel measures areas on the sky.
    pub(crate) fn needs_sky(&self) -> bool {
        self.resample == Resample::Exact
    }

    /// Whether the kernel starts from input pixels, and so needs the map from there and weighs them itself.
    pub(crate) fn needs_forward(&self) -> bool {
        matches!(self.resample, Resample::Drizzle(_))
    }

    /// Whether a block costs less sampled as a whole than in bands of rows.
    pub(crate) fn likes_whole_blocks(&self) -> bool {
        matches!(self.resample, Resample::Exact | Resample::Drizzle(_))
    }

    /// What the first column and row of a patch are to be multiples of.
    pub(crate) fn alignment(&self) -> usize {
        if self.resample == Resample::Exact { edges::TILE } else { 1 }
    }

    /// What a kernel has to compute of a patch once, before its rows are sampled, for samples of type `T`.
    pub(crate) fn prepare<P: Pixel, T: Pixel>(&self, patch: &Patch<'_, P>, scratch: &mut Scratch) {
        match self.resample {
            Resample::Biquadratic => scratch.coefficients.quadratic(patch, Horizon::of::<T>()),
            Resample::Bicubic => scratch.coefficients.cubic(patch, Horizon::of::<T>()),
            _ => {}
        }
    }

    /// Samples the output pixels of `block`, row by row, into `values` and `coverage` (block.nx × block.ny).
    pub(crate) fn sample<P: Pixel, T: Pixel>(
        &self,
        scene: &Scene<'_, P>,
        block: Window,
        scratch: &mut Scratch,
        values: &mut [T],
        coverage: &mut [T],
    ) {
        self.sample_and_tell(scene, block, scratch, values, coverage, &mut ());
    }

    /// As [`sample`](Self::sample), and the variance and mask of every sample, from those of the pixels of the scene's patch.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn propagate<P: Pixel, T: Pixel>(
        &self,
        scene: &Scene<'_, P>,
        known: &Known<'_>,
        block: Window,
        scratch: &mut Scratch,
        values: &mut [T],
        coverage: &mut [T],
        propagated: &mut Propagated,
    ) {
        let mut propagate = propagated.start(values.len(), known, self.resample, Horizon::of::<T>());
        self.sample_and_tell(scene, block, scratch, values, coverage, &mut propagate);
    }

    /// How noise that is independent from one input pixel to the next is correlated in the samples of a block: the sum, over the samples of its part
    /// `inner`, of their covariances with all samples of the block, and the sum of their variances.
    pub(crate) fn covariance(&self, scene: &Scene<'_, f64>, block: Window, inner: Window) -> [f64; 2] {
        let mut correlation = Correlation::new(block.area(), &scene.patch, self.resample);
        let (mut values, mut coverage) = (vec![0.0_f64; block.area()], vec![0.0_f64; block.area()]);
        let mut scratch = Scratch::default();
        self.prepare::<f64, f64>(&scene.patch, &mut scratch);
        self.sample_and_tell(scene, block, &mut scratch, &mut values, &mut coverage, &mut correlation);
        correlation.sums(|sample| {
            let pixel = Window::new(block.x0 + sample % block.nx, block.y0 + sample / block.nx, 1, 1);
            inner.contains(&pixel) && coverage.get(sample).is_some_and(|cover| *cover > 0.0)
        })
    }

    fn sample_and_tell<P: Pixel, T: Pixel>(
        &self,
        scene: &Scene<'_, P>,
        block: Window,
        scratch: &mut Scratch,
        values: &mut [T],
        coverage: &mut [T],
        further: &mut impl Further,
    ) {
        match &self.resample {
            Resample::Exact => return exact::block(scene, self, block, scratch, values, coverage, further),
            Resample::Drizzle(drizzle) => {
                return drizzle::block(scene, drizzle, self.flux, block, scratch, (values, coverage), further);
            }
            Resample::Adaptive(adaptive) => {
                return adaptive::block(
                    scene,
                    adaptive,
                    *self,
                    block,
                    &mut scratch.adaptive,
                    (values, coverage),
                    further,
                );
            }
            _ => {}
        }
        let rows = values.chunks_exact_mut(block.nx).zip(coverage.chunks_exact_mut(block.nx));
        for (y, (values, coverage)) in (block.y0..).zip(rows) {
            further.start((y - block.y0) * block.nx);
            scratch.row(scene.grid, block.x0 as f64, y as f64, block.nx);
            if self.derives() {
                scratch.derive(scene.grid, block.x0 as f64, y as f64);
            }
            self.interpolate(&scene.patch, scratch, values, coverage, further);
            if self.flux == Flux::Conserve {
                conserve(&scratch.jacobians.values, values, coverage, further);
            }
        }
    }

    /// Samples the row whose positions are in `scratch`.
    fn interpolate<P: Pixel, T: Pixel>(
        &self,
        patch: &Patch<'_, P>,
        scratch: &mut Scratch,
        values: &mut [T],
        coverage: &mut [T],
        further: &mut impl Further,
    ) {
        let Scratch { xs, ys, jacobians, coefficients, wide, run, .. } = scratch;
        let positions = (&xs[..], &ys[..]);
        let mut row =
            Row { kernel: self, positions, jacobians: &jacobians.values, wide, run, values, coverage, further };
        match self.resample {
            Resample::Nearest => row.sample(patch, &nearest::Square),
            Resample::Bilinear => row.sample(patch, &bilinear::Linear),
            Resample::Biquadratic | Resample::Bicubic => {
                let coefficients = coefficients.patch();
                let centred = if self.resample == Resample::Biquadratic {
                    row.interpolate(&coefficients, &spline::Quadratic)
                } else {
                    row.interpolate(&coefficients, &spline::Cubic)
                };
                if centred {
                    spline::at_centres(patch, positions, row.values, row.coverage, row.further);
                }
                if self.resample == Resample::Biquadratic {
                    row.widen(&coefficients, &spline::Quadratic);
                } else {
                    row.widen(&coefficients, &spline::Cubic);
                }
            }
            Resample::Cubic => row.sample(patch, &cubic::Keys),
            Resample::Lanczos2 => row.sample(patch, &*lanczos::LANCZOS2),
            Resample::Lanczos3 => row.sample(patch, &*lanczos::LANCZOS3),
            Resample::Lanczos4 => row.sample(patch, &*lanczos::LANCZOS4),
            Resample::Lanczos5 => row.sample(patch, &*lanczos::LANCZOS5),
            // Not sampled row by row.
            Resample::Exact | Resample::Drizzle(_) | Resample::Adaptive(_) => {}
        }
    }
}

/// A row to be sampled.
struct Row<'r, T, F> {
    kernel: &'r Kernel,
    positions: (&'r [f64], &'r [f64]),
    jacobians: &'r [[f64; 4]],
    wide: &'r mut widen::WideTaps,
    run: &'r mut interpolate::Run,
    values: &'r mut [T],
    coverage: &'r mut [T],
    further: &'r mut F,
}

impl<T: Pixel, F: Further> Row<'_, T, F> {
    fn sample<const N: usize, P: Pixel>(&mut self, patch: &Patch<'_, P>, taps: &impl interpolate::Taps<N>) {
        self.interpolate(patch, taps);
        self.widen(patch, taps);
    }

    /// Returns whether a position may be the centre of a pixel.
    fn interpolate<const N: usize, P: Pixel>(
        &mut self,
        patch: &Patch<'_, P>,
        taps: &impl interpolate::Taps<N>,
    ) -> bool {
        let Row { kernel, positions, run, values, coverage, further, .. } = self;
        interpolate::row(patch, taps, kernel.missing, run, *positions, values, coverage, *further)
    }

    fn widen<const N: usize, P: Pixel>(&mut self, patch: &Patch<'_, P>, taps: &impl interpolate::Taps<N>) {
        if self.kernel.antialias {
            let missing = self.kernel.missing;
            self.wide.row(
                patch,
                taps,
                missing,
                self.jacobians,
                self.positions,
                self.values,
                self.coverage,
                self.further,
            );
        }
    }
}

/// From surface brightness in the input to the flux in an output pixel: multiplies by the pixel's area in input pixels.
fn conserve<T: Pixel>(jacobians: &[[f64; 4]], values: &mut [T], coverage: &mut [T], further: &mut impl Further) {
    for (k, (jacobian, (value, cover))) in jacobians.iter().zip(values.iter_mut().zip(coverage)).enumerate() {
        let area = jacobian::area(*jacobian);
        if area.is_finite() {
            further.scale(k, area);
            *value = T::from_f64(value.to_f64() * area);
        } else {
            (*value, *cover) = (T::default(), T::default());
        }
    }
}

/// Buffers that kernels reuse from block to block.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    xs: Vec<f64>,
    ys: Vec<f64>,
    jacobians: jacobian::Jacobians,
    coefficients: spline::Coefficients,
    wide: widen::WideTaps,
    run: interpolate::Run,
    exact: exact::Buffers,
    drizzle: drizzle::Buffers,
    adaptive: adaptive::Buffers,
}

impl Scratch {
    pub(crate) fn bytes(&self) -> usize {
        let own = (self.xs.capacity() + self.ys.capacity()) * size_of::<f64>();
        own + self.jacobians.bytes()
            + self.coefficients.bytes()
            + self.wide.bytes()
            + self.exact.bytes()
            + self.drizzle.bytes()
            + self.adaptive.bytes()
    }

    /// Takes back what a block is done with.
    pub(crate) fn recycle(&mut self, linear: Option<Linear>) {
        if let Some(linear) = linear {
            self.adaptive.linear = linear.into_buffers();
        }
    }

    /// Input coordinates of the output positions (x0 + i, y), i < n.
    fn row(&mut self, grid: &CoordGrid<'_>, x0: f64, y: f64, n: usize) -> (&[f64], &[f64]) {
        self.xs.resize(n, 0.0);
        self.ys.resize(n, 0.0);
        grid.row(x0, y, &mut self.xs, &mut self.ys);
        (&self.xs, &self.ys)
    }

    /// Derivatives at the positions of the last row asked for, (x0 + i, y).
    fn derive(&mut self, grid: &CoordGrid<'_>, x0: f64, y: f64) {
        self.jacobians.row(grid, x0, y, (&self.xs, &self.ys), |step| step);
    }
}
