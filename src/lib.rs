//! Astronomical mosaicking engine.
mod error;
mod fits;
mod wcs;

pub use error::Error;
pub use fits::{Header, Value};
pub use wcs::{Frame, LookupTables};
