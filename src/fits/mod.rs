//! FITS files: the only room that knows the format and names `fitsio` (cfitsio).

mod decode;
mod element;
mod pixels;
mod read;
mod scan;
mod sink;
mod strips;
mod table;
mod tables;
mod tiles;
mod write;

pub(crate) use pixels::{FitsCache, Precision};
pub use read::{FitsImage, Hdu};

pub use element::FitsElement;
pub use table::Column;
pub use write::{FitsOutput, same_file};
