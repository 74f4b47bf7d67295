//! FITS files: the only module that knows the format and names `fitsio` (cfitsio).

mod binary_table;
mod element;
mod grid;
mod file;
#[cfg_attr(not(feature = "tile-compression"), path = "without/tiling.rs")]
mod tiling;
mod image;
mod convert;
mod data;
#[cfg(feature = "tile-compression")]
mod tiles;
#[cfg_attr(not(feature = "tile-compression"), path = "without/decode.rs")]
mod decode;
#[cfg_attr(not(feature = "gzip"), path = "without/unzip.rs")]
mod unzip;
mod blocks;
mod scan;
mod read;
mod tables;
mod table;
mod strips;
mod write;
mod sink;

pub use binary_table::read_table;
#[cfg(feature = "healpix")]
pub(crate) use binary_table::{BinaryTable, Cells, write_table};
pub(crate) use data::Loading;
pub use element::FitsElement;
pub(crate) use file::OpenFiles;
pub(crate) use grid::Block;
pub use image::FitsImage;
pub use read::Hdu;
pub use table::Column;
#[cfg(feature = "healpix")]
pub(crate) use table::ColumnForm;
pub use write::{FitsOutput, same_file};
