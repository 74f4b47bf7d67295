//! Stands in for `tiling.rs` without the feature `tile-compression`: compressed images are refused when they are opened.

use super::grid::BlockGrid;
use crate::{PixelType, header::Header};

/// There is none.
#[derive(Debug)]
pub(super) enum Tiling {}

impl Tiling {
    pub(super) fn new(_: &Header, _: &[usize]) -> Result<Tiling, String> {
        Err("is tile-compressed: reading it takes the feature `tile-compression` of the crate skymosaic".to_owned())
    }

    #[cfg(feature = "gzip")]
    pub(super) fn bytes(&self) -> u64 {
        match *self {}
    }

    pub(super) fn grid(&self, _: PixelType) -> BlockGrid {
        match *self {}
    }
}
