//! The main job: validate → plan → run.

use ndarray::{ArrayViewMut, Dimension};

use crate::{Error, Input, Options, Pixel, Plan, Summary, Wcs};

/// Reprojects every input onto the pixels of `target` and co-adds them into `output` and `footprint`.
///
/// `output` and `footprint` have the same shape (..., ny, nx), any strides, and may lie in memory or in a memory map
/// ([`MappedArray`](crate::MappedArray)); for files see [`Plan::run_to`]. Whatever they hold is overwritten. Leading dimensions are those of the inputs,
/// one to one, unless the [leading axes](Wcs::leading_axes) of target and input differ: planes are then interpolated
/// ([`Options::spectral_interpolation`]). Output pixels that no input covers get [`Options::blank`] and footprint 0; the footprint of the others is the sum
/// over the inputs of geometric coverage × weight.
///
/// The same inputs and options give the same bytes for any number of threads, tile size, memory limit, and
/// intermediate storage.
///
/// It is [`Plan::new`] and [`Plan::run`] in one.
///
/// # Errors
/// See [`Plan::new`] and [`Plan::run`].
pub fn reproject_and_coadd<T: Pixel, D: Dimension>(
    inputs: &[Input<'_>],
    target: &Wcs,
    output: ArrayViewMut<'_, T, D>,
    footprint: ArrayViewMut<'_, T, D>,
    options: &Options,
) -> Result<Summary, Error> {
    Plan::new(inputs, target, output.shape(), options)?.run(output, footprint)
}
