//! FITS images as sources.

use std::path::Path;

use super::{PixelSource, ReadContext};
use crate::{
    Error, FitsImage, Header, PixelType, PixelsMut, Window,
    fits::{FitsCache, Precision},
};

impl PixelSource for FitsImage {
    fn shape(&self) -> &[usize] {
        FitsImage::shape(self)
    }

    fn element(&self) -> PixelType {
        self.pixel_type()
    }

    fn is_exact_in_f32(&self) -> bool {
        self.patch_precision() == Precision::F32
    }

    fn read(&self, plane: usize, window: Window, out: PixelsMut<'_>, _run: &ReadContext<'_>) -> Result<(), Error> {
        let pixels = FitsCache::new(1, u64::MAX, None).pixels(self)?;
        match out {
            PixelsMut::F32(out) => pixels.read_patch(plane, window, out),
            PixelsMut::F64(out) => pixels.read_patch(plane, window, out),
        }
    }

    fn file(&self) -> Option<(&Path, usize)> {
        Some((self.path(), self.number()))
    }

    fn header(&self) -> Option<&Header> {
        Some(FitsImage::header(self))
    }
}
