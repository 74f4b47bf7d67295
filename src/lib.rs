//! Astronomical mosaicking engine.
mod error;
mod pixel;

pub use error::Error;
pub use pixel::{InputPixel, Pixel};
