//! Astronomical mosaicking engine.
mod error;
mod fits;
mod map;
mod storage;
mod wcs;

pub use error::Error;
pub use fits::{FitsElement, FitsOutput, Header, Value};
pub use map::{PixelMap, WcsMap};
pub use storage::{MappedArray, MappedElement};
pub use wcs::{Frame, Wcs, WcsOptions};
