//! An input of a plan.

use std::sync::Arc;

use crate::{
    Input,
    map::{Inverse, LeadingMap, PixelMap, SkyIndex},
    options::CoordinateError,
    resample::Kernel,
};

/// An input, and how its pixels relate to those of the target.
#[derive(Clone)]
pub(crate) struct PlannedInput<'a> {
    pub(crate) input: Input<'a>,
    pub(crate) map: Arc<dyn PixelMap>,
    pub(crate) weights_map: Option<Arc<dyn PixelMap>>,
    pub(crate) kernel: Kernel,
    pub(crate) coordinate_error: CoordinateError,
    /// Flags that make a pixel missing.
    pub(crate) exclude_bits: u32,
    /// Of the image and of the weights.
    pub(crate) sky: [SkyIndex; 2],
    /// From input to output pixels, for kernels that start from input pixels.
    pub(crate) inverse: Option<Arc<Inverse>>,
    /// Shape (ny, nx) of the output.
    pub(crate) target: [usize; 2],
    /// Which of its planes make up those of the output; `None` if they go with each other one to one.
    pub(crate) leading: Option<Arc<LeadingMap>>,
}

impl PlannedInput<'_> {
    /// Whether a plane of the output has any of the input's.
    pub(crate) fn covers(&self, plane: usize) -> bool {
        self.leading.as_ref().is_none_or(|map| map.covers(plane))
    }
}

impl std::fmt::Debug for PlannedInput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlannedInput")
            .field("input", &self.input.name())
            .field("kernel", &self.kernel)
            .finish_non_exhaustive()
    }
}
