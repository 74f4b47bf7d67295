//! Astronomical mosaicking engine.
mod error;
mod fits;

pub use error::Error;
pub use fits::{Header, Value};
