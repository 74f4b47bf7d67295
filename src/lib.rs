//! Astronomical mosaicking engine.
mod error;
pub use error::Error;
