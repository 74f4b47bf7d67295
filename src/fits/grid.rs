//! How an image is cut into blocks.

use std::ops::Range;

use crate::Window;

/// Rows and columns of the blocks of images that are not compressed.
const ROWS: usize = 64;
const COLUMNS: usize = 4096;
/// Bytes that are read at once: few enough to be still in the cache when they are converted.
pub(super) const CHUNK: usize = 1 << 16;

/// How an image is cut into blocks of equal size, smaller ones at the far edges. Planes are those of all leading axes taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockGrid {
    /// Planes, rows and columns of the image.
    pub(super) shape: [usize; 3],
    /// Planes, rows and columns of a block.
    pub(super) block: [usize; 3],
    /// Whether loading a block takes so much that it is done once.
    pub(crate) keep: bool,
    /// Bytes that loading takes beside the pixels.
    pub(crate) scratch: usize,
}

/// A block of an image: the same window of several planes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) planes: Range<usize>,
    pub(crate) window: Window,
}

impl BlockGrid {
    /// Blocks of an image whose pixels can be read in any order.
    pub(super) fn plain(shape: [usize; 3]) -> BlockGrid {
        let [_, ny, nx] = shape;
        BlockGrid { shape, block: [1, ROWS.min(ny), COLUMNS.min(nx)], keep: false, scratch: CHUNK }
    }

    /// The whole image as one block.
    pub(super) fn whole(shape: [usize; 3], scratch: usize) -> BlockGrid {
        BlockGrid { shape, block: shape, keep: true, scratch }
    }

    fn counts(&self) -> [usize; 3] {
        [0, 1, 2].map(|axis| self.shape[axis].div_ceil(self.block[axis]))
    }

    /// The numbers of the blocks that hold pixels of a window of a plane, which lie in the image.
    pub(crate) fn touching(&self, plane: usize, window: Window) -> impl Iterator<Item = u64> + use<> {
        let [_, rows, columns] = self.counts();
        let [deep, tall, wide] = self.block;
        let span = |start: usize, count: usize, size: usize| match count {
            0 => 0..0,
            _ => start / size..(start + count - 1) / size + 1,
        };
        let (ys, xs) = (span(window.y0, window.ny, tall), span(window.x0, window.nx, wide));
        let first = plane / deep * rows;
        ys.flat_map(move |y| xs.clone().map(move |x| ((first + y) * columns + x) as u64))
    }

    /// A block by its number.
    pub(crate) fn block(&self, number: u64) -> Block {
        let [_, rows, columns] = self.counts();
        let number = number as usize;
        let place = [number / columns / rows, number / columns % rows, number % columns];
        let [planes, ys, xs] = [0, 1, 2].map(|axis| {
            let start = place[axis] * self.block[axis];
            start..(start + self.block[axis]).min(self.shape[axis])
        });
        Block { planes, window: Window::new(xs.start, ys.start, xs.len(), ys.len()) }
    }

    /// The whole image.
    pub(crate) fn all(&self) -> Block {
        let [planes, ny, nx] = self.shape;
        Block { planes: 0..planes, window: Window::new(0, 0, nx, ny) }
    }
}

impl Block {
    pub(crate) fn pixels(&self) -> usize {
        self.planes.len() * self.window.area()
    }
}
