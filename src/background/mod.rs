//! Backgrounds matched: from the differences of inputs where they overlap to what is subtracted from each.
//!
//! ```text
//! pairs     which inputs are compared, and where
//! measure   for each tile with two inputs or more: samples → differences     for each pair: differences → fit
//! fit       the differences of a pair → constant (median) or plane (robust), and how well they determine it
//! solve     the fits of all pairs → correction of each input (least squares), mean zero in each group
//! ```
//!
//! Differences are kept pixel by pixel while a pair has few, and thinned by a hash of the absolute output pixel beyond, so that
//! memory is bounded and nothing depends on who saw which pixel first.

mod hash;
mod triangle;
mod fit;
mod measure;
mod pairs;
mod solve;

pub(crate) use measure::{SampleSource, measure};

/// Side of the tiles in which backgrounds are measured, whatever those of the mosaic: how many differences a pair may keep follows from
/// it, and the result must not depend on the tiles.
pub(crate) const TILE: usize = 256;
