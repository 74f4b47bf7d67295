//! Coordinates: where in an input does an output pixel lie?
//!
//! [`PixelMap`] is the exact answer, for slices of points; [`CoordGrid`] is the cheap one, with a certificate.

mod grid;
mod inverse;
mod pair;
mod pixel_map;
mod polynomial;
mod rectangle;
mod sky;
mod steps;

pub use grid::CoordGrid;
pub(crate) use inverse::Inverse;
pub use pair::WcsMap;
pub use pixel_map::PixelMap;
pub(crate) use sky::{Flatness, Sky, SkyIndex, cap_of};
pub(crate) use steps::Steps;
