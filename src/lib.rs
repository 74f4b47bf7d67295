//! Astronomical mosaicking engine.
mod error;
mod fits;
mod map;
mod pixel;
mod plan;
mod storage;

pub use error::Error;
pub use fits::{FitsElement, FitsImage, FitsOutput, Hdu, Header, PixelType, Value};
pub use map::{CoordGrid, CoordinateError, GridReport, PixelMap};
pub use pixel::{InputPixel, Pixel};
pub use plan::Window;
pub use storage::{MappedArray, MappedElement};
