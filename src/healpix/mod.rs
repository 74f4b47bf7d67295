//! HEALPix maps (Górski et al. 2005): read from FITS tables, sampled, as inputs of a mosaic, and as its output.
//!
//! An all-sky HPX image (Calabretta & Roukema 2007), turned by 45°, has the pixels of a HEALPix map as its pixels. So a map becomes an input by the
//! `plane` that relates the two, and a mosaic becomes a map by a target of that kind.

mod plane;
mod grid;
mod map;
mod table;
mod source;
mod output;

pub use grid::{HealpixGrid, HealpixOrder};
pub use map::{HealpixInterpolation, HealpixMap};
pub use output::{HealpixOutput, reproject_to_healpix};
#[cfg(feature = "hips")]
pub(crate) use plane::Plane;
#[cfg(feature = "hips")]
pub(crate) use plane::square_of;
#[cfg(feature = "hips")]
pub(crate) use source::MARGIN as SOURCE_MARGIN;
