//! Arrays of the caller as sources.

use super::{PixelSource, ReadContext};
use crate::{Error, PixelType, PixelsMut, Window, pixel::AnyView};

/// A borrowed array of any of the input types.
#[derive(Clone, Debug)]
pub(crate) struct ArraySource<'a>(pub(crate) AnyView<'a>);

impl PixelSource for ArraySource<'_> {
    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn element(&self) -> PixelType {
        self.0.element()
    }

    fn read(&self, plane: usize, window: Window, out: PixelsMut<'_>, _run: &ReadContext<'_>) -> Result<(), Error> {
        match out {
            PixelsMut::F32(out) => self.0.gather(plane, window, out),
            PixelsMut::F64(out) => self.0.gather(plane, window, out),
        }
        Ok(())
    }
}
