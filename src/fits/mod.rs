//! FITS files: the only module that knows the format and names `fitsio` (cfitsio).

mod blocks;
mod convert;
mod element;
mod file;
mod read;
mod scan;
mod sink;
mod strips;
mod table;
mod tables;
mod write;

#[cfg(feature = "tile-compression")]
mod decode;
#[cfg(feature = "tile-compression")]
mod tiles;
#[cfg(feature = "gzip")]
mod unzip;

#[cfg(not(all(feature = "gzip", feature = "tile-compression")))]
mod lacking;
#[cfg(not(feature = "tile-compression"))]
use lacking::tiles;
#[cfg(not(feature = "gzip"))]
use lacking::unzip;

pub(crate) use blocks::{Block, Loading};
pub use element::FitsElement;
pub(crate) use file::OpenFiles;
pub use read::{FitsImage, Hdu};
pub use table::Column;
pub use write::{FitsOutput, same_file};
