//! The interface of the kernels: what a kernel needs of its input, and how it samples a block of the output.

use super::{
    linearized::{self, LinearizedMap},
    observer::WeightObserver,
    patch::Patch,
    prefilter::{Horizon, RESPONSE},
};
use crate::{
    Flux, Missing, Pixel, Resample,
    map::{CoordGrid, Sky},
    window::Window,
};

/// What a kernel works on: one plane of one input, and where its pixels lie.
pub(crate) struct Scene<'s, P> {
    /// The map from output to input pixels, for the block and [`Requirements::output_margin`] pixels around it.
    pub(crate) grid: &'s CoordGrid<'s>,
    /// Every input pixel within [`Requirements::support_radius`] and [`Requirements::prefilter_margin`] of a position in the block that can have a sample;
    /// along a periodic axis the distance is taken across the edges too.
    pub(crate) patch: Patch<'s, P>,
    /// Where pixels lie on the sky, for kernels that measure areas.
    pub(crate) sky: Option<&'s Sky>,
    /// The map from input to output pixels, for kernels that distribute input pixels.
    pub(crate) inverse: Option<&'s CoordGrid<'s>>,
    /// Shape (ny, nx) of the whole output, where `inverse` ends.
    pub(crate) target: [usize; 2],
    /// Weights of the pixels of the patch, for kernels that weigh pixels themselves.
    pub(crate) weights: Option<Patch<'s, f64>>,
    /// Positions and Jacobians of the block's pixels, where they are kept for all planes; see [`Requirements::linearize`].
    pub(crate) linearized: Option<&'s LinearizedMap>,
}

/// The options that kernels follow, beside their own parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SampleRules {
    pub(crate) missing: Missing,
    pub(crate) flux: Flux,
    pub(crate) antialias: bool,
    /// Largest length of an output pixel, in input pixels, for which positions outside of the image count; the same for all blocks.
    pub(crate) stretch: f64,
}

/// The samples of a block of the output, row by row.
pub(crate) struct BlockSamples<'b, T> {
    /// Meaningless where the coverage is 0.
    pub(crate) values: &'b mut [T],
    /// The part of the output pixel that the image covers; 1 or 0 for kernels that interpolate.
    pub(crate) coverage: &'b mut [T],
}

/// What a kernel needs of its input. The defaults are those of a kernel that interpolates between the pixels around a position.
pub(super) trait Requirements {
    /// Largest distance along an axis, in input pixels, from a position to a pixel with weight, where an output pixel is at most `scale` input pixels
    /// long. Positions farther outside of the image have no sample.
    fn support_radius(&self, scale: f64) -> f64;

    /// The support radius for a block whose coordinates are known, at least `radius` unless the kernel knows better: a map may stretch more somewhere in
    /// the block than where its scale was determined.
    fn support_radius_on(
        &self,
        _grid: &CoordGrid<'_>,
        _linearized: Option<&LinearizedMap>,
        _block: Window,
        radius: f64,
    ) -> f64 {
        radius
    }

    /// Output pixels around a block whose coordinates the kernel needs, where an output pixel is at least `scale` input pixels long.
    fn output_margin(&self, scale: f64) -> usize;

    /// Input pixels around those within the support radius that the prefilter needs.
    fn prefilter_margin(&self, _horizon: Horizon) -> usize {
        0
    }

    /// The weights of the pixels on one axis in a coefficient of the prefilter, if the kernel has one.
    fn prefilter_response(&self) -> Option<[f64; RESPONSE]> {
        None
    }

    /// Whether a pixel of this value is missing.
    fn is_missing(&self, pixel: f64) -> bool {
        pixel.is_nan()
    }

    /// The kernel that resamples an image's weights: one without negative lobes, which would make negative weights.
    fn for_weights(&self) -> Resample {
        Resample::Bilinear
    }

    /// Whether an image can have samples wherever the map is defined.
    fn is_unbounded(&self) -> bool {
        false
    }

    /// Whether the image is periodic along y and x: beyond an edge it continues at the opposite one.
    fn periodic_axes(&self) -> [bool; 2] {
        [false; 2]
    }

    /// Whether the kernel measures areas on the sky.
    fn needs_sky(&self) -> bool {
        false
    }

    /// Whether the kernel distributes input pixels: it then needs the map from input to output, and weighs the pixels itself.
    fn needs_inverse_map(&self) -> bool {
        false
    }

    /// Whether a block costs less sampled as a whole than in bands of rows.
    fn is_block_based(&self) -> bool {
        false
    }

    /// What the first column and row of a patch have to be multiples of.
    fn alignment(&self) -> usize {
        1
    }

    /// The linearized map of a block, if it is to be computed once for all planes of a cube. `shapes` (ny, nx) are those of output and image; `spare`
    /// holds buffers to be reused.
    fn linearize(
        &self,
        _grid: &CoordGrid<'_>,
        _block: Window,
        _shapes: [[usize; 2]; 2],
        _spare: &mut linearized::Buffers,
    ) -> Option<LinearizedMap> {
        None
    }
}

/// A kernel that samples blocks.
pub(super) trait BlockKernel: Requirements {
    /// Buffers that are reused from block to block.
    type Buffers;

    /// Computes what the kernel needs of a patch before its rows are sampled.
    fn prepare<P: Pixel>(&self, _patch: &Patch<'_, P>, _horizon: Horizon, _buffers: &mut Self::Buffers) {}

    /// Samples the output pixels of a block and reports the weights to the observer.
    fn sample<P: Pixel, T: Pixel>(
        &self,
        scene: &Scene<'_, P>,
        block: Window,
        buffers: &mut Self::Buffers,
        samples: BlockSamples<'_, T>,
        observer: &mut impl WeightObserver,
    );
}
