//! FITS images as sources: read in blocks, which the cache of the run keeps.

use std::path::Path;

use super::{BlockRequest, PixelSource, ReadContext};
use crate::{Error, FitsImage, Header, Pixel, PixelType, PixelsMut, PixelsRef, Window, fits::Block};

impl PixelSource for FitsImage {
    fn shape(&self) -> &[usize] {
        FitsImage::shape(self)
    }

    fn element(&self) -> PixelType {
        self.pixel_type()
    }

    fn is_exact_in_f32(&self) -> bool {
        FitsImage::is_exact_in_f32(self)
    }

    fn read(&self, plane: usize, window: Window, mut out: PixelsMut<'_>, run: &ReadContext<'_>) -> Result<(), Error> {
        self.check_window(plane, window, out.len())?;
        let double = matches!(out, PixelsMut::F64(_)) && !FitsImage::is_exact_in_f32(self);
        let wanted: Vec<BlockRequest> = self.grid().touching(plane, window).map(|n| self.request(n, double)).collect();
        let mut take = |number: u64, pixels: PixelsRef<'_>| {
            copy(&self.grid().block(number / 2), pixels, plane, window, &mut out);
            Ok(())
        };
        match run.blocks(&wanted, &mut |number, pixels| self.load(number, pixels, run), &mut take) {
            // Slower, but without a block in memory.
            Err(Error::Memory { .. }) if !self.is_compressed() => {
                let block = Block { planes: plane..plane + 1, window };
                self.load_block(&block, out, run)
            }
            result => result,
        }
    }

    fn will_read(&self, plane: usize, windows: &[Window], run: &ReadContext<'_>) {
        // What is loaded once is worth loading early; the rest is read when it is needed.
        if !self.grid().keep {
            return;
        }
        let double = !FitsImage::is_exact_in_f32(self);
        for number in windows.iter().flat_map(|window| self.grid().touching(plane, *window)) {
            run.load_early(&self.request(number, double), &mut |number, pixels| self.load(number, pixels, run));
        }
    }

    fn file(&self) -> Option<(&Path, usize)> {
        Some((self.path(), self.number()))
    }

    fn header(&self) -> Option<&Header> {
        Some(FitsImage::header(self))
    }
}

impl FitsImage {
    /// Blocks of both precisions have numbers of their own.
    fn request(&self, block: u64, double: bool) -> BlockRequest {
        BlockRequest {
            number: 2 * block + u64::from(double),
            pixels: self.grid().block(block).pixels(),
            double,
            keep: self.grid().keep,
            scratch: self.grid().scratch,
        }
    }

    fn load(&self, number: u64, pixels: PixelsMut<'_>, run: &ReadContext<'_>) -> Result<(), Error> {
        self.load_block(&self.grid().block(number / 2), pixels, run)
    }

    /// Reads an image of one plane that lies in a file of another source's, past the cache.
    #[cfg(feature = "hips")]
    pub(crate) fn load_whole(&self, pixels: PixelsMut<'_>, run: &ReadContext<'_>) -> Result<(), Error> {
        self.load_block(&self.grid().all(), pixels, run)
    }

    fn load_block(&self, block: &Block, pixels: PixelsMut<'_>, run: &ReadContext<'_>) -> Result<(), Error> {
        let check = || run.check();
        let loading = run.loading(&check);
        match pixels {
            PixelsMut::F32(pixels) => self.read_block(&loading, block, pixels),
            PixelsMut::F64(pixels) => self.read_block(&loading, block, pixels),
        }
    }

    fn check_window(&self, plane: usize, window: Window, room: usize) -> Result<(), Error> {
        let Window { x0, y0, nx, ny } = window;
        let whole = self.grid().all();
        let within = |start: usize, count: usize, all: usize| start.checked_add(count).is_some_and(|end| end <= all);
        let lies_within = within(x0, nx, whole.window.nx) && within(y0, ny, whole.window.ny);
        if whole.planes.contains(&plane) && lies_within && room >= nx * ny {
            return Ok(());
        }
        Err(Error::Shape {
            what: format!("the window of plane {plane} from column {x0} and row {y0}"),
            got: vec![ny, nx],
            expected: format!("a part of {:?}, with as many numbers as it has pixels", FitsImage::shape(self)),
        })
    }
}

/// Copies what a block holds of a window of a plane.
fn copy(block: &Block, pixels: PixelsRef<'_>, plane: usize, window: Window, out: &mut PixelsMut<'_>) {
    fn rows<F: Copy, P>(
        block: &Block,
        pixels: &[F],
        plane: usize,
        window: Window,
        out: &mut [P],
        convert: impl Fn(&[F], &mut [P]),
    ) {
        let Some(part) = block.window.intersection(&window) else { return };
        let first = (plane - block.planes.start) * block.window.ny;
        for y in part.y0..part.y0 + part.ny {
            let from = (first + y - block.window.y0) * block.window.nx + part.x0 - block.window.x0;
            let to = (y - window.y0) * window.nx + part.x0 - window.x0;
            if let (Some(from), Some(to)) = (pixels.get(from..from + part.nx), out.get_mut(to..to + part.nx)) {
                convert(from, to);
            }
        }
    }
    fn rounded<F: Pixel, P: Pixel>(from: &[F], to: &mut [P]) {
        from.iter().zip(to).for_each(|(from, to)| *to = P::from_f64(from.to_f64()));
    }
    match (pixels, out) {
        (PixelsRef::F32(pixels), PixelsMut::F32(out)) => {
            rows(block, pixels, plane, window, out, |from, to| to.copy_from_slice(from))
        }
        (PixelsRef::F64(pixels), PixelsMut::F64(out)) => {
            rows(block, pixels, plane, window, out, |from, to| to.copy_from_slice(from))
        }
        (PixelsRef::F32(pixels), PixelsMut::F64(out)) => rows(block, pixels, plane, window, out, rounded),
        (PixelsRef::F64(pixels), PixelsMut::F32(out)) => rows(block, pixels, plane, window, out, rounded),
    }
}
