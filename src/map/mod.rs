//! Transformations from output pixels to input pixels: [`PixelMap`] is exact, [`CoordGrid`] is a fast approximation with a checked error.

mod grid;
mod inverse;
mod leading;
mod pair;
mod pixel_map;
mod polynomial;
mod rectangle;
mod sky;
mod steps;

pub use grid::CoordGrid;
pub(crate) use inverse::Inverse;
pub(crate) use leading::{LeadingMap, Tap};
pub use pair::WcsMap;
pub use pixel_map::PixelMap;
pub(crate) use sky::{Flatness, Sky, SkyIndex, cap_of};
pub(crate) use steps::Steps;
