//! The pixels of a block of an image: from the file, or decoded.

use std::fs::File;

use super::{
    convert,
    data::{Data, Loading},
    grid::{Block, CHUNK},
    image::FitsImage,
    unzip,
};
use crate::{Error, Pixel, Window};

impl FitsImage {
    /// Reads a block into `out`, plane by plane and row by row. It is one of the grid or the whole image; of an image that is not compressed, any.
    pub(crate) fn read_block<P: Pixel>(
        &self,
        loading: &Loading<'_>,
        block: &Block,
        out: &mut [P],
    ) -> Result<(), Error> {
        let file = self.file(loading.files)?;
        match &self.tiling {
            _ if self.gzip => unzip::read(self, file, loading, out),
            None => self.read_plain(&file, block, out),
            Some(tiling) => tiling.read(self, &Data::File(&file), block, out, loading.check),
        }
    }

    fn read_plain<P: Pixel>(&self, file: &File, block: &Block, out: &mut [P]) -> Result<(), Error> {
        let [_, ny, nx] = self.grid.shape;
        let Window { x0, y0, nx: wide, ny: tall } = block.window;
        let size = self.pixel_type.size();
        // Whole rows follow each other in the file.
        let (run, runs) = if wide == nx { (wide * tall, 1) } else { (wide, tall) };
        let mut bytes = vec![0; CHUNK.min(run * size)];
        let mut out = out.chunks_mut(run.max(1));
        for plane in block.planes.clone() {
            for (y, pixels) in (y0..).zip(out.by_ref().take(runs)) {
                let mut at = self.offset + (((plane * ny + y) * nx + x0) * size) as u64;
                for pixels in pixels.chunks_mut(CHUNK / size) {
                    let bytes = bytes.get_mut(..pixels.len() * size).unwrap_or_default();
                    self.read_at(file, bytes, at)?;
                    convert::from_file(self.pixel_type, &self.scaling, bytes, pixels);
                    at += bytes.len() as u64;
                }
            }
        }
        Ok(())
    }
}
