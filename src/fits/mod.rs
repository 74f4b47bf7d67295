//! FITS files: the only room that knows the format and names `fitsio` (cfitsio).

mod decode;
mod pixels;
mod read;
mod scan;
mod table;
mod tables;
mod tiles;
mod write;

pub(crate) use pixels::{FitsCache, Precision};
pub use read::{FitsImage, Hdu};

pub use table::Column;
pub use write::{FitsElement, FitsOutput, same_file};
