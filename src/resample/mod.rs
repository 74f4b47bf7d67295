//! Kernels: from input pixels and coordinates to samples. A kernel does not know of files, a WCS or threads.
//!
//! A sample is a value and a coverage: the part of the output pixel that the image covers geometrically, 1 or 0 for kernels
//! that interpolate. Where the coverage is 0 the value is meaningless. Both have the output's type.

mod adaptive;
mod batch;
mod bilinear;
mod correlation;
mod cubic;
mod drizzle;
mod drop_rows;
mod drop_sums;
mod edges;
mod ellipse;
mod exact;
mod folded_taps;
mod interpolate;
mod jacobian;
mod kernel;
mod lanczos;
mod linearized;
mod nearest;
mod observer;
mod patch;
mod periodic;
mod prefilter;
mod propagate;
mod raster;
mod separable;
mod series;
mod small_quads;
mod sphere;
mod spline;
mod widen;

pub(crate) use kernel::{BlockSamples, SampleRules, Scene};
pub(crate) use linearized::LinearizedMap;
pub(crate) use patch::{Patch, PatchAuxiliary};
pub(crate) use propagate::Propagated;

use crate::{Flux, Pixel, Resample, map::CoordGrid, window::Window};
use correlation::Correlation;
use kernel::{BlockKernel, Requirements};
use observer::WeightObserver;
use prefilter::Horizon;
use separable::Separable;
use spline::Spline;

/// A kernel with its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel {
    pub(crate) resample: Resample,
    pub(crate) rules: SampleRules,
}

impl Kernel {
    /// Passes the kernel that the options name, and the access to its buffers, to the visitor: the only place where a kernel is chosen.
    fn visit<V: Visitor>(&self, visitor: V) -> V::Output {
        let rules = &self.rules;
        match &self.resample {
            Resample::Nearest => visitor.visit(&Separable { taps: &nearest::Square, rules }, Scratch::separable),
            Resample::Bilinear => {
                visitor.visit(&Separable { taps: &bilinear::BilinearTaps, rules }, Scratch::separable)
            }
            Resample::Biquadratic => {
                visitor.visit(&Spline { basis: &spline::Quadratic, degree: 2, rules }, Scratch::spline)
            }
            Resample::Bicubic => visitor.visit(&Spline { basis: &spline::Cubic, degree: 3, rules }, Scratch::spline),
            Resample::Cubic => visitor.visit(&Separable { taps: &cubic::Keys, rules }, Scratch::separable),
            Resample::Lanczos2 => visitor.visit(&Separable { taps: &*lanczos::LANCZOS2, rules }, Scratch::separable),
            Resample::Lanczos3 => visitor.visit(&Separable { taps: &*lanczos::LANCZOS3, rules }, Scratch::separable),
            Resample::Lanczos4 => visitor.visit(&Separable { taps: &*lanczos::LANCZOS4, rules }, Scratch::separable),
            Resample::Lanczos5 => visitor.visit(&Separable { taps: &*lanczos::LANCZOS5, rules }, Scratch::separable),
            Resample::Exact => visitor.visit(&exact::Overlap { rules }, Scratch::exact),
            Resample::Adaptive(adaptive) => {
                visitor.visit(&adaptive::FittedKernel { adaptive, rules }, Scratch::adaptive)
            }
            Resample::Drizzle(drizzle) => {
                visitor.visit(&drizzle::DropKernel { drizzle, flux: rules.flux }, Scratch::drizzle)
            }
        }
    }

    /// What the kernel answers to a question about what it needs.
    fn ask<R>(&self, question: impl FnOnce(&dyn Requirements) -> R) -> R {
        self.visit(Ask(question))
    }

    /// The kernel for an image's weights; see [`Requirements::for_weights`].
    pub(crate) fn for_weights(&self) -> Kernel {
        let rules = SampleRules { flux: Flux::SurfaceBrightness, ..self.rules };
        Kernel { resample: self.ask(|kernel| kernel.for_weights()), rules }
    }

    /// See [`Requirements::is_infinite_missing`].
    pub(crate) fn is_infinite_missing(&self) -> bool {
        self.ask(|kernel| kernel.is_infinite_missing())
    }

    /// See [`Requirements::output_margin`].
    pub(crate) fn output_margin(&self, scale: f64) -> usize {
        self.ask(|kernel| kernel.output_margin(scale))
    }

    /// See [`Requirements::prefilter_margin`]; for samples of type `T`.
    pub(crate) fn prefilter_margin<T: Pixel>(&self) -> usize {
        self.ask(|kernel| kernel.prefilter_margin(Horizon::of::<T>()))
    }

    /// See [`Requirements::support_radius`].
    pub(crate) fn support_radius(&self, scale: f64) -> f64 {
        self.ask(|kernel| kernel.support_radius(scale))
    }

    /// See [`Requirements::support_radius_on`].
    pub(crate) fn support_radius_on(
        &self,
        grid: &CoordGrid<'_>,
        linearized: Option<&LinearizedMap>,
        block: Window,
        radius: f64,
    ) -> f64 {
        self.ask(|kernel| kernel.support_radius_on(grid, linearized, block, radius))
    }

    /// See [`Requirements::linearize`].
    pub(crate) fn linearize(
        &self,
        grid: &CoordGrid<'_>,
        block: Window,
        shapes: [[usize; 2]; 2],
        scratch: &mut Scratch,
    ) -> Option<LinearizedMap> {
        self.ask(|kernel| kernel.linearize(grid, block, shapes, &mut scratch.adaptive.linearized))
    }

    /// See [`Requirements::is_unbounded`].
    pub(crate) fn is_unbounded(&self) -> bool {
        self.ask(|kernel| kernel.is_unbounded())
    }

    /// See [`Requirements::periodic_axes`].
    pub(crate) fn periodic_axes(&self) -> [bool; 2] {
        self.ask(|kernel| kernel.periodic_axes())
    }

    /// See [`Requirements::needs_sky`].
    pub(crate) fn needs_sky(&self) -> bool {
        self.ask(|kernel| kernel.needs_sky())
    }

    /// See [`Requirements::needs_inverse_map`].
    pub(crate) fn needs_inverse_map(&self) -> bool {
        self.ask(|kernel| kernel.needs_inverse_map())
    }

    /// See [`Requirements::is_block_based`].
    pub(crate) fn is_block_based(&self) -> bool {
        self.ask(|kernel| kernel.is_block_based())
    }

    /// See [`Requirements::alignment`].
    pub(crate) fn alignment(&self) -> usize {
        self.ask(|kernel| kernel.alignment())
    }

    /// Computes what the kernel needs of a patch before its rows are sampled, for samples of type `T`.
    pub(crate) fn prepare<P: Pixel, T: Pixel>(&self, patch: &Patch<'_, P>, scratch: &mut Scratch) {
        self.visit(Prepare { patch, horizon: Horizon::of::<T>(), scratch });
    }

    /// Samples the output pixels of `block` (ny, nx), row by row.
    pub(crate) fn sample<P: Pixel, T: Pixel>(
        &self,
        scene: &Scene<'_, P>,
        block: Window,
        scratch: &mut Scratch,
        samples: BlockSamples<'_, T>,
    ) {
        self.visit(Sample { scene, block, scratch, samples, observer: &mut () });
    }

    /// Samples as [`sample`](Self::sample) does, and computes the variance and mask of every sample from those of the pixels of the scene's patch.
    pub(crate) fn propagate<P: Pixel, T: Pixel>(
        &self,
        scene: &Scene<'_, P>,
        auxiliary: &PatchAuxiliary<'_>,
        block: Window,
        scratch: &mut Scratch,
        samples: BlockSamples<'_, T>,
        propagated: &mut Propagated,
    ) {
        let response = self.ask(|kernel| kernel.prefilter_response());
        let observer = &mut propagated.start(samples.values.len(), auxiliary, response, Horizon::of::<T>());
        self.visit(Sample { scene, block, scratch, samples, observer });
    }

    /// How noise that is independent from one input pixel to the next is correlated in the samples of a block: the sum, over the samples of its part
    /// `inner`, of their covariances with all samples of the block, and the sum of their variances.
    pub(crate) fn covariance(&self, scene: &Scene<'_, f64>, block: Window, inner: Window) -> [f64; 2] {
        let response = self.ask(|kernel| kernel.prefilter_response());
        let mut correlation = Correlation::new(block.area(), &scene.patch, response);
        let (mut values, mut coverage) = (vec![0.0_f64; block.area()], vec![0.0_f64; block.area()]);
        let samples = BlockSamples { values: &mut values, coverage: &mut coverage };
        let scratch = &mut Scratch::default();
        self.prepare::<f64, f64>(&scene.patch, scratch);
        self.visit(Sample { scene, block, scratch, samples, observer: &mut correlation });
        correlation.sums(|sample| {
            let pixel = Window::new(block.x0 + sample % block.nx, block.y0 + sample / block.nx, 1, 1);
            inner.contains(&pixel) && coverage.get(sample).is_some_and(|cover| *cover > 0.0)
        })
    }
}

/// An operation on a kernel, compiled for each of them.
trait Visitor {
    type Output;

    /// `buffers` returns those of the kernel.
    fn visit<K: BlockKernel>(self, kernel: &K, buffers: fn(&mut Scratch) -> &mut K::Buffers) -> Self::Output;
}

/// Queries what the kernel needs.
struct Ask<Q>(Q);

impl<R, Q: FnOnce(&dyn Requirements) -> R> Visitor for Ask<Q> {
    type Output = R;

    fn visit<K: BlockKernel>(self, kernel: &K, _: fn(&mut Scratch) -> &mut K::Buffers) -> R {
        (self.0)(kernel)
    }
}

struct Prepare<'v, P> {
    patch: &'v Patch<'v, P>,
    horizon: Horizon,
    scratch: &'v mut Scratch,
}

impl<P: Pixel> Visitor for Prepare<'_, P> {
    type Output = ();

    fn visit<K: BlockKernel>(self, kernel: &K, buffers: fn(&mut Scratch) -> &mut K::Buffers) {
        kernel.prepare(self.patch, self.horizon, buffers(self.scratch));
    }
}

struct Sample<'v, P, T, O> {
    scene: &'v Scene<'v, P>,
    block: Window,
    scratch: &'v mut Scratch,
    samples: BlockSamples<'v, T>,
    observer: &'v mut O,
}

impl<P: Pixel, T: Pixel, O: WeightObserver> Visitor for Sample<'_, P, T, O> {
    type Output = ();

    fn visit<K: BlockKernel>(self, kernel: &K, buffers: fn(&mut Scratch) -> &mut K::Buffers) {
        kernel.sample(self.scene, self.block, buffers(self.scratch), self.samples, self.observer);
    }
}

/// Buffers that kernels reuse from block to block.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    separable: separable::Buffers,
    spline: spline::Buffers,
    exact: exact::Buffers,
    drizzle: drizzle::Buffers,
    adaptive: adaptive::Buffers,
}

impl Scratch {
    pub(crate) fn bytes(&self) -> usize {
        self.separable.bytes() + self.spline.bytes() + self.exact.bytes() + self.drizzle.bytes() + self.adaptive.bytes()
    }

    /// Takes back the buffers of a linearized map that is no longer needed.
    pub(crate) fn recycle(&mut self, linearized: Option<LinearizedMap>) {
        if let Some(linearized) = linearized {
            self.adaptive.linearized = linearized.into_buffers();
        }
    }

    fn separable(&mut self) -> &mut separable::Buffers {
        &mut self.separable
    }

    fn spline(&mut self) -> &mut spline::Buffers {
        &mut self.spline
    }

    fn exact(&mut self) -> &mut exact::Buffers {
        &mut self.exact
    }

    fn drizzle(&mut self) -> &mut drizzle::Buffers {
        &mut self.drizzle
    }

    fn adaptive(&mut self) -> &mut adaptive::Buffers {
        &mut self.adaptive
    }
}
