//! Kernels: input pixels and coordinates in, samples out. A kernel never sees a file, a WCS or a thread.
//!
//! A sample is a value and a coverage: the part of the output pixel that the image covers geometrically, 1 or 0 for kernels
//! that interpolate. Where the coverage is 0 the value means nothing. Both have the output's type.

mod bilinear;
mod nearest;

use crate::{
    Missing, Pixel, Resample,
    map::CoordGrid,
    plan::Window,
};

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

/// A kernel with its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel {
    pub(crate) resample: Resample,
    pub(crate) missing: Missing,
}

impl Kernel {
    /// Input pixels on each side of a position that can carry weight, the pixel that holds the position not counted.
    pub(crate) fn support(&self) -> usize {
        match self.resample {
            Resample::Nearest => 0,
            Resample::Bilinear => 1,
        }
    }

    /// Samples the patch at the output pixels of `block`, row by row, into `values` and `coverage` (block.nx × block.ny).
    /// The patch holds every input pixel within [`support`](Self::support) of the positions inside the image.
    pub(crate) fn sample<P: Pixel, T: Pixel>(
        &self,
        grid: &CoordGrid<'_>,
        block: Window,
        patch: &Patch<'_, P>,
        row: &mut Row,
        values: &mut [T],
        coverage: &mut [T],
    ) {
        let spoil = self.missing == Missing::Spoil;
        let min_weight = if let Missing::Renormalize { min_weight } = self.missing { min_weight } else { 1.0 };
        let rows = values.chunks_exact_mut(block.nx).zip(coverage.chunks_exact_mut(block.nx));
        for (y, (values, coverage)) in (block.y0..).zip(rows) {
            let (xs, ys) = row.at(grid, block.x0 as f64, y as f64, block.nx);
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

/// Buffers for the coordinates of one row.
#[derive(Debug, Default)]
pub(crate) struct Row {
    xs: Vec<f64>,
    ys: Vec<f64>,
}

impl Row {
    pub(crate) fn bytes(&self) -> usize {
        (self.xs.capacity() + self.ys.capacity()) * size_of::<f64>()
    }

    /// Input coordinates of the output positions (x0 + i, y), i < n.
    fn at(&mut self, grid: &CoordGrid<'_>, x0: f64, y: f64, n: usize) -> (&[f64], &[f64]) {
        self.xs.resize(n, 0.0);
        self.ys.resize(n, 0.0);
        grid.row(x0, y, &mut self.xs, &mut self.ys);
        (&self.xs, &self.ys)
    }
}
