//! Astronomical mosaicking engine.
mod error;
mod fits;
mod pixel;

pub use error::Error;
pub use fits::{Header, Value};
pub use pixel::{InputPixel, Pixel};
