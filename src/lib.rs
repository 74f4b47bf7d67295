//! Astronomical mosaicking engine.
mod error;
mod fits;
mod map;
mod pixel;
mod plan;
mod wcs;

pub use error::Error;
pub use fits::{Header, Value};
pub use map::{CoordGrid, CoordinateError, GridReport, PixelMap};
pub use pixel::{InputPixel, Pixel};
pub use plan::Window;
pub use wcs::{Frame, LookupTables};
