//! Astronomical mosaicking engine.
mod error;
mod fits;
mod storage;

pub use error::Error;
pub use fits::{FitsElement, FitsOutput, Header, Value};
pub use storage::{MappedArray, MappedElement};
