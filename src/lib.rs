//! Astronomical mosaicking engine.
mod error;
mod fits;
mod storage;

pub use error::Error;
pub use fits::{FitsElement, FitsImage, FitsOutput, Hdu, Header, PixelType, Value};
pub use storage::{MappedArray, MappedElement};
