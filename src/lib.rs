//! Astronomical mosaicking engine.
mod error;
mod map;
mod plan;
pub use error::Error;
pub use map::{CoordGrid, CoordinateError, GridReport, PixelMap};
pub use plan::Window;
