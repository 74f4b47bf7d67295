//! Hierarchical progressive surveys: HiPS 1.0 (IVOA Recommendation, 19 May 2017; Fernique et al. 2015, A&A 578, A114).
//!
//! A HiPS of order k cuts each of the 12 base cells of HEALPix into 4^k tiles of `width`² pixels, which are HEALPix pixels of order k + log2(`width`). All
//! tiles of an order are windows of one plane, the HPX projection turned by 45°, so that a mosaic on that plane is a HiPS.

mod grid;
mod properties;
mod source;
mod format;
mod picture;
mod tile;
mod options;
mod tree;
mod pyramid;
mod coverage;
mod sums;
mod job;
mod allsky;
mod survey;
mod builder;
mod sink;
mod build;
mod check;

pub use build::{HipsSummary, write_hips};
pub use check::{HipsProblem, check_hips};
pub use format::HipsFormat;
pub use grid::{HipsGrid, HipsTile};
pub use options::{HipsExisting, HipsOptions, HipsReduction};
pub use picture::{HipsCuts, HipsStretch};
pub use properties::HipsProperties;
pub use tile::HipsPixels;
