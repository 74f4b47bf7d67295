//! Astronomical mosaicking engine.
mod error;
mod fits;
mod map;
mod pixel;
mod plan;
mod storage;
mod wcs;

pub use error::Error;
pub use fits::{FitsElement, FitsOutput, Header, Value};
pub use map::{CoordGrid, CoordinateError, GridReport, PixelMap, WcsMap};
pub use pixel::{InputPixel, Pixel};
pub use plan::Window;
pub use storage::{MappedArray, MappedElement};
pub use wcs::{
    Frame, LookupTables, OptimalOptions, Wcs, WcsOptions, find_optimal_celestial_wcs, find_optimal_celestial_wcs_of,
};
