//! Stands in for `decode.rs` without the feature `tile-compression`.

use super::{data::Data, grid::Block, image::FitsImage, tiling::Tiling};
use crate::{Error, Pixel};

impl Tiling {
    pub(super) fn read<P: Pixel>(
        &self,
        _: &FitsImage,
        _: &Data<'_>,
        _: &Block,
        _: &mut [P],
        _: &dyn Fn() -> Result<(), Error>,
    ) -> Result<(), Error> {
        match *self {}
    }
}
