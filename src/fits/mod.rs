//! FITS files: the only room that knows the format and names `fitsio` (cfitsio).

pub(crate) mod header;

pub use header::{Header, Value};
