//! Separable kernels, products of a kernel along x and one along y. A block is sampled row by row: interpolated, widened against aliasing, and
//! multiplied by the area of the output pixels where flux is conserved.

use super::{
    interpolate::{self, Row, Taps},
    jacobian::{self, Jacobians},
    kernel::{BlockKernel, BlockSamples, Requirements, SampleRules, Scene},
    linearized::LinearizedMap,
    observer::WeightObserver,
    patch::Patch,
    widen::WideTaps,
};
use crate::{Flux, Pixel, Resample, map::CoordGrid, window::Window};

/// A kernel on `N` × `N` pixels without prefilter.
pub(super) struct Separable<'k, const N: usize, K> {
    pub(super) taps: &'k K,
    pub(super) rules: &'k SampleRules,
}

/// Buffers for a row.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    xs: Vec<f64>,
    ys: Vec<f64>,
    jacobians: Jacobians,
    wide: WideTaps,
    run: interpolate::Run,
}

impl Buffers {
    pub(super) fn bytes(&self) -> usize {
        (self.xs.capacity() + self.ys.capacity()) * size_of::<f64>() + self.jacobians.bytes() + self.wide.bytes()
    }

    /// Input coordinates of the output positions (x0 + i, y), i < n.
    fn locate(&mut self, grid: &CoordGrid<'_>, [x0, y]: [f64; 2], n: usize) {
        self.xs.resize(n, 0.0);
        self.ys.resize(n, 0.0);
        grid.row(x0, y, &mut self.xs, &mut self.ys);
    }

    /// Derivatives at the positions that were located last, (x0 + i, y).
    fn derive(&mut self, grid: &CoordGrid<'_>, [x0, y]: [f64; 2]) {
        self.jacobians.row(grid, x0, y, (&self.xs, &self.ys), |step| step);
    }
}

impl<const N: usize, K: Taps<N>> Separable<'_, N, K> {
    /// Pixels on each side of a position, without antialiasing.
    const SUPPORT: f64 = (N / 2) as f64;
}

impl<const N: usize, K: Taps<N>> Requirements for Separable<'_, N, K> {
    fn support_radius(&self, scale: f64) -> f64 {
        support_radius(self.rules, Self::SUPPORT, scale)
    }

    fn support_radius_on(&self, grid: &CoordGrid<'_>, _: Option<&LinearizedMap>, block: Window, radius: f64) -> f64 {
        support_radius_on(self.rules, Self::SUPPORT, grid, block, radius)
    }

    fn output_margin(&self, _: f64) -> usize {
        usize::from(needs_jacobians(self.rules))
    }

    fn for_weights(&self) -> Resample {
        if N == 1 { Resample::Nearest } else { Resample::Bilinear }
    }
}

impl<const N: usize, K: Taps<N>> BlockKernel for Separable<'_, N, K> {
    type Buffers = Buffers;

    fn sample<P: Pixel, T: Pixel>(
        &self,
        scene: &Scene<'_, P>,
        block: Window,
        buffers: &mut Buffers,
        samples: BlockSamples<'_, T>,
        observer: &mut impl WeightObserver,
    ) {
        sample_rows(self.rules, (scene.grid, block), buffers, samples, observer, |row| {
            row.interpolate(&scene.patch, self.taps);
            row.widen(&scene.patch, self.taps);
        });
    }
}

/// Whether the size of the output pixels matters, which is computed from the coordinates of their edges.
pub(super) fn needs_jacobians(rules: &SampleRules) -> bool {
    rules.antialias || rules.flux == Flux::Conserve
}

/// The support radius of a kernel with support on `support` pixels on each side without antialiasing; see [`Requirements::support_radius`].
pub(super) fn support_radius(rules: &SampleRules, support: f64, scale: f64) -> f64 {
    let wide = if rules.antialias { (support + 0.5) * scale.max(1.0) } else { support };
    wide + if needs_jacobians(rules) { scale } else { 0.0 }
}

/// The support radius with the Jacobians of a block; see [`Requirements::support_radius_on`].
pub(super) fn support_radius_on(
    rules: &SampleRules,
    support: f64,
    grid: &CoordGrid<'_>,
    block: Window,
    radius: f64,
) -> f64 {
    if !rules.antialias {
        return radius;
    }
    let mut buffers = Buffers::default();
    let mut widest = 1.0_f64;
    for y in block.y0..block.y0 + block.ny {
        let start = [block.x0 as f64, y as f64];
        buffers.locate(grid, start, block.nx);
        buffers.derive(grid, start);
        widest = buffers.jacobians.values.iter().flat_map(|j| jacobian::stretch(*j)).fold(widest, f64::max);
    }
    radius.max(support_radius(rules, support, widest))
}

/// Samples a block row by row: `sample_row` interpolates.
pub(super) fn sample_rows<T: Pixel, O: WeightObserver>(
    rules: &SampleRules,
    (grid, block): (&CoordGrid<'_>, Window),
    buffers: &mut Buffers,
    samples: BlockSamples<'_, T>,
    observer: &mut O,
    sample_row: impl Fn(&mut RowSampling<'_, T, O>),
) {
    let needs_jacobians = needs_jacobians(rules);
    let BlockSamples { values, coverage } = samples;
    let rows = values.chunks_exact_mut(block.nx).zip(coverage.chunks_exact_mut(block.nx));
    for (y, (values, coverage)) in (block.y0..).zip(rows) {
        observer.start_at((y - block.y0) * block.nx);
        let start = [block.x0 as f64, y as f64];
        buffers.locate(grid, start, block.nx);
        if needs_jacobians {
            buffers.derive(grid, start);
        }
        let Buffers { xs, ys, jacobians, wide, run } = buffers;
        let row = Row { xs, ys, values, coverage };
        let mut sampling = RowSampling { rules, jacobians: &jacobians.values, wide, run, row, observer };
        sample_row(&mut sampling);
        if rules.flux == Flux::Conserve {
            sampling.conserve();
        }
    }
}

/// A row to be sampled.
pub(super) struct RowSampling<'r, T, O> {
    rules: &'r SampleRules,
    jacobians: &'r [[f64; 4]],
    wide: &'r mut WideTaps,
    run: &'r mut interpolate::Run,
    pub(super) row: Row<'r, T>,
    pub(super) observer: &'r mut O,
}

impl<T: Pixel, O: WeightObserver> RowSampling<'_, T, O> {
    /// Interpolates; returns whether a position may be the centre of a pixel.
    pub(super) fn interpolate<const N: usize, P: Pixel>(&mut self, patch: &Patch<'_, P>, taps: &impl Taps<N>) -> bool {
        interpolate::row(patch, taps, self.rules.missing, self.run, self.row.reborrow(), self.observer)
    }

    /// With antialiasing, samples again those pixels that are larger than an input pixel.
    pub(super) fn widen<const N: usize, P: Pixel>(&mut self, patch: &Patch<'_, P>, taps: &impl Taps<N>) {
        if self.rules.antialias {
            self.wide.row(patch, taps, self.rules.missing, self.jacobians, self.row.reborrow(), self.observer);
        }
    }

    /// From surface brightness in the input to the flux in an output pixel: multiplies by the pixel's area in input pixels.
    fn conserve(&mut self) {
        let Row { values, coverage, .. } = self.row.reborrow();
        for (k, (jacobian, (value, cover))) in self.jacobians.iter().zip(values.iter_mut().zip(coverage)).enumerate() {
            let area = jacobian::area(*jacobian);
            if area.is_finite() {
                self.observer.scale(k, area);
                *value = T::from_f64(value.to_f64() * area);
            } else {
                (*value, *cover) = (T::default(), T::default());
            }
        }
    }
}
