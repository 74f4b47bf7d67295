//! Buffers for sampling.

use crate::{
    planes::PlaneSet,
    resample::{Propagated, Scratch},
};

/// The buffers that a worker samples with, reused from block to block.
pub(crate) struct Workspace<T> {
    /// Input pixels that a patch may have. A block is halved until it needs no more, so that a strong reduction in scale, or
    /// a block across a seam, does not ask for the whole image at once.
    pub(super) max_patch: usize,
    pub(super) single: Vec<f32>,
    pub(super) double: Vec<f64>,
    pub(super) weight_pixels: Vec<f64>,
    pub(super) scratch: Scratch,
    pub(super) values: Vec<T>,
    pub(super) coverage: Vec<T>,
    pub(super) weights: Vec<f64>,
    pub(super) weights_coverage: Vec<f64>,
    pub(super) needs: PlaneSet,
    pub(super) auxiliary: Auxiliary<T>,
}

/// Buffers for variances and flags.
pub(super) struct Auxiliary<T> {
    pub(super) flags: Vec<f64>,
    pub(super) pixel_variances: Vec<f64>,
    pub(super) pixel_bits: Vec<u32>,
    pub(super) propagated: Propagated,
    pub(super) variances: Vec<T>,
    pub(super) bits: Vec<u32>,
}

impl<T> Workspace<T> {
    pub(crate) fn new(max_patch: usize, needs: PlaneSet) -> Self {
        let auxiliary = Auxiliary {
            flags: Vec::new(),
            pixel_variances: Vec::new(),
            pixel_bits: Vec::new(),
            propagated: Propagated::default(),
            variances: Vec::new(),
            bits: Vec::new(),
        };
        Workspace {
            // With variances and flags a pixel takes twice as many bytes.
            max_patch: if needs.is_empty() { max_patch } else { max_patch / 2 },
            needs,
            auxiliary,
            single: Vec::new(),
            double: Vec::new(),
            weight_pixels: Vec::new(),
            scratch: Scratch::default(),
            values: Vec::new(),
            coverage: Vec::new(),
            weights: Vec::new(),
            weights_coverage: Vec::new(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let doubles = self.double.capacity() + self.weight_pixels.capacity() + self.auxiliary.flags.capacity();
        let auxiliary = self.auxiliary.pixel_variances.capacity() * 8
            + self.auxiliary.pixel_bits.capacity() * 4
            + self.auxiliary.propagated.bytes()
            + self.auxiliary.variances.capacity() * size_of::<T>()
            + self.auxiliary.bits.capacity() * 4;
        self.single.capacity() * 4
            + doubles * 8
            + self.scratch.bytes()
            + auxiliary
            + self.values.capacity() * (2 * size_of::<T>() + 16)
    }
}
