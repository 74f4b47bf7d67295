//! Kernels: input pixels and coordinates in, samples out. A kernel never sees a file, a WCS or a thread.
//!
//! A sample is a value and a coverage: the part of the output pixel that the image covers geometrically, 1 or 0 for kernels
//! that interpolate. Where the coverage is 0 the value means nothing. Both have the output's type.

mod bilinear;
mod nearest;

use crate::{Missing, Pixel, Resample, map::CoordGrid, plan::Window};

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

/// What a kernel works on: one plane of one input, and where its pixels lie.
pub(crate) struct Scene<'s, P> {
    /// From output to input pixels, for the block and [`Kernel::margin`] pixels around it.
    pub(crate) grid: &'s CoordGrid<'s>,
    /// Every input pixel within [`Kernel::reach`] of a position in the block that can have a sample.
    pub(crate) patch: Patch<'s, P>,
}

/// A kernel with its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel {
    pub(crate) resample: Resample,
    pub(crate) missing: Missing,
}

impl Kernel {
    /// Output pixels around a block whose coordinates the kernel asks for.
    pub(crate) fn margin(&self) -> usize {
        match self.resample {
            Resample::Nearest | Resample::Bilinear => 0,
        }
    }

    /// Input pixels on each side of a position that can carry weight, the one that holds the position not counted, where an output pixel is at most
    /// `scale` input pixels long. What lies farther outside of the image has no sample.
    pub(crate) fn reach(&self, _scale: f64) -> f64 {
        match self.resample {
            Resample::Nearest => 0.0,
            Resample::Bilinear => 1.0,
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
        let Scene { grid, patch } = scene;
        let spoil = self.missing == Missing::Spoil;
        let min_weight = if let Missing::Renormalize { min_weight } = self.missing { min_weight } else { 1.0 };
        let rows = values.chunks_exact_mut(block.nx).zip(coverage.chunks_exact_mut(block.nx));
        for (y, (values, coverage)) in (block.y0..).zip(rows) {
            let (xs, ys) = scratch.row(grid, block.x0 as f64, y as f64, block.nx);
            match self.resample {
                Resample::Nearest => nearest::row(patch, xs, ys, values, coverage),
                Resample::Bilinear if spoil => bilinear::row(patch, xs, ys, |taps| taps.spoiled(), values, coverage),
                Resample::Bilinear => {
                    bilinear::row(patch, xs, ys, |taps| taps.renormalized(min_weight), values, coverage);
                }
            }
        }
    }
}

/// Buffers that kernels reuse from block to block.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    xs: Vec<f64>,
    ys: Vec<f64>,
}

impl Scratch {
    pub(crate) fn bytes(&self) -> usize {
        (self.xs.capacity() + self.ys.capacity()) * size_of::<f64>()
    }

    /// Input coordinates of the output positions (x0 + i, y), i < n.
    fn row(&mut self, grid: &CoordGrid<'_>, x0: f64, y: f64, n: usize) -> (&[f64], &[f64]) {
        self.xs.resize(n, 0.0);
        self.ys.resize(n, 0.0);
        grid.row(x0, y, &mut self.xs, &mut self.ys);
        (&self.xs, &self.ys)
    }
}
