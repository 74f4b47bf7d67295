//! Rectangles of pixels.

/// A rectangle of pixels: columns `x0..x0 + nx`, rows `y0..y0 + ny`, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// First column.
    pub x0: usize,
    /// First row.
    pub y0: usize,
    /// Columns.
    pub nx: usize,
    /// Rows.
    pub ny: usize,
}

impl Window {
    /// The rectangle of `ny` rows of `nx` columns whose first pixel is column `x0` of row `y0`.
    pub const fn new(x0: usize, y0: usize, nx: usize, ny: usize) -> Window {
        Window { x0, y0, nx, ny }
    }

    /// Pixels in it.
    pub const fn area(&self) -> usize {
        self.nx * self.ny
    }

    /// The pixels that it shares with another, if there are any.
    pub fn intersection(&self, other: &Window) -> Option<Window> {
        let (x0, y0) = (self.x0.max(other.x0), self.y0.max(other.y0));
        let x1 = (self.x0 + self.nx).min(other.x0 + other.nx);
        let y1 = (self.y0 + self.ny).min(other.y0 + other.ny);
        (x0 < x1 && y0 < y1).then(|| Window::new(x0, y0, x1 - x0, y1 - y0))
    }

    /// The rectangle with `margin` pixels more on each side, as far as they lie in `whole`.
    pub(crate) fn grown(&self, margin: usize, whole: Window) -> Window {
        let cut = |start: usize, n: usize, low: usize, all: usize| {
            let first = start.saturating_sub(margin).max(low);
            (first, (start + n + margin).min(low + all) - first)
        };
        let ((x0, nx), (y0, ny)) =
            (cut(self.x0, self.nx, whole.x0, whole.nx), cut(self.y0, self.ny, whole.y0, whole.ny));
        Window::new(x0, y0, nx, ny)
    }

    /// Whether every pixel of `other` is in it.
    pub fn contains(&self, other: &Window) -> bool {
        self.intersection(other) == Some(*other)
    }

    /// Where the pixel (y, x) stands in a row by row listing of all, if it is one of them.
    #[inline]
    pub(crate) fn place(&self, [y, x]: [usize; 2]) -> Option<usize> {
        let (x, y) = (x.checked_sub(self.x0)?, y.checked_sub(self.y0)?);
        (x < self.nx && y < self.ny).then_some(y * self.nx + x)
    }

    /// Where it begins and ends along x and along y, in pixel coordinates.
    pub(crate) fn edges(&self) -> [[f64; 2]; 2] {
        let range = |first: usize, n: usize| [first as f64 - 0.5, (first + n) as f64 - 0.5];
        [range(self.x0, self.nx), range(self.y0, self.ny)]
    }

    /// Whether there is no pixel in it.
    pub const fn is_empty(&self) -> bool {
        self.nx == 0 || self.ny == 0
    }

    /// The smallest rectangle around both. An empty one counts for nothing.
    #[must_use]
    pub fn hull(&self, other: &Window) -> Window {
        if self.is_empty() {
            return *other;
        }
        if other.is_empty() {
            return *self;
        }
        let (x0, y0) = (self.x0.min(other.x0), self.y0.min(other.y0));
        let x1 = (self.x0 + self.nx).max(other.x0 + other.nx);
        let y1 = (self.y0 + self.ny).max(other.y0 + other.ny);
        Window::new(x0, y0, x1 - x0, y1 - y0)
    }
}

/// A window of the output cut into square tiles, in rows from its first pixel on; those at the end may be smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tiles {
    area: Window,
    side: usize,
}

impl Tiles {
    /// A side of 0 counts as 1.
    pub(crate) fn new(area: Window, side: usize) -> Tiles {
        Tiles { area, side: side.max(1) }
    }

    pub(crate) fn columns(&self) -> usize {
        self.area.nx.div_ceil(self.side)
    }

    pub(crate) fn count(&self) -> usize {
        self.columns() * self.area.ny.div_ceil(self.side)
    }

    /// Column and row of a tile.
    pub(crate) fn place(&self, tile: usize) -> (usize, usize) {
        let columns = self.columns().max(1);
        (tile % columns, tile / columns)
    }

    /// The pixels of a tile; an empty window beyond the last.
    pub(crate) fn window(&self, tile: usize) -> Window {
        let (column, row) = self.place(tile);
        let (dx, dy) = ((column * self.side).min(self.area.nx), (row * self.side).min(self.area.ny));
        Window {
            x0: self.area.x0 + dx,
            y0: self.area.y0 + dy,
            nx: self.side.min(self.area.nx - dx),
            ny: self.side.min(self.area.ny - dy),
        }
    }

    /// The tile that holds a pixel of the area.
    pub(crate) fn holding(&self, x: usize, y: usize) -> usize {
        (y - self.area.y0) / self.side * self.columns() + (x - self.area.x0) / self.side
    }

    /// The tiles that a window in the area touches.
    pub(crate) fn at(&self, window: Window) -> impl Iterator<Item = usize> {
        let last = self.holding(window.x0 + window.nx - 1, window.y0 + window.ny - 1);
        let ((x0, y0), (x1, y1)) = (self.place(self.holding(window.x0, window.y0)), self.place(last));
        (y0..=y1).flat_map(move |y| (x0..=x1).map(move |x| y * self.columns() + x))
    }

    /// The up to eight tiles around one.
    pub(crate) fn neighbours(&self, tile: usize) -> impl Iterator<Item = usize> + use<> {
        let (column, row) = self.place(tile);
        let (columns, count) = (self.columns(), self.count());
        (row.saturating_sub(1)..=row + 1)
            .flat_map(move |y| (column.saturating_sub(1)..=column + 1).map(move |x| (x, y)))
            .filter(move |&(x, y)| x < columns && y * columns < count && (x, y) != (column, row))
            .map(move |(x, y)| y * columns + x)
    }
}

/// A tile cut into blocks of at most `area` pixels (but at least one), about as high as wide: turned images have fewer pixels around those than
/// around strips.
pub(crate) fn blocks(tile: Window, area: usize) -> Vec<Window> {
    let square = (area as f64).sqrt() as usize;
    let nx = if area >= tile.area() { tile.nx } else { square.next_multiple_of(64).min(area).clamp(1, tile.nx) };
    let ny = (area / nx).clamp(1, tile.ny);
    let rows = (0..tile.ny).step_by(ny);
    let block = |x, y| Window::new(tile.x0 + x, tile.y0 + y, nx.min(tile.nx - x), ny.min(tile.ny - y));
    rows.flat_map(|y| (0..tile.nx).step_by(nx).map(move |x| block(x, y))).collect()
}
