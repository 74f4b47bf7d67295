//! Rectangles of pixels.

/// A rectangle of pixels of an image: the columns `x0..x0 + nx` and the rows `y0..y0 + ny`, counted from 0.
///
/// Any values are allowed. Columns and rows whose number would exceed [`usize::MAX`] do not exist, and no method overflows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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
    /// Creates the rectangle of `ny` rows and `nx` columns whose first pixel is in column `x0` and row `y0`.
    pub const fn new(x0: usize, y0: usize, nx: usize, ny: usize) -> Window {
        Window { x0, y0, nx, ny }
    }

    /// The number of pixels, nx × ny, or [`usize::MAX`] if it is larger.
    pub const fn area(&self) -> usize {
        self.nx.saturating_mul(self.ny)
    }

    /// One past the last column.
    const fn end_x(&self) -> usize {
        self.x0.saturating_add(self.nx)
    }

    /// One past the last row.
    const fn end_y(&self) -> usize {
        self.y0.saturating_add(self.ny)
    }

    /// The rectangle of the pixels that both have, or `None` if they share none.
    pub fn intersection(&self, other: &Window) -> Option<Window> {
        let (x0, y0) = (self.x0.max(other.x0), self.y0.max(other.y0));
        let (x1, y1) = (self.end_x().min(other.end_x()), self.end_y().min(other.end_y()));
        (x0 < x1 && y0 < y1).then(|| Window::new(x0, y0, x1 - x0, y1 - y0))
    }

    /// The rectangle with `margin` pixels more on each side, as far as they lie in `whole`.
    pub(crate) fn grown(&self, margin: usize, whole: Window) -> Window {
        let cut = |start: usize, n: usize, low: usize, all: usize| {
            let first = start.saturating_sub(margin).max(low);
            let end = start.saturating_add(n).saturating_add(margin).min(low.saturating_add(all));
            (first, end.saturating_sub(first))
        };
        let ((x0, nx), (y0, ny)) =
            (cut(self.x0, self.nx, whole.x0, whole.nx), cut(self.y0, self.ny, whole.y0, whole.ny));
        Window::new(x0, y0, nx, ny)
    }

    /// Whether all pixels of `other` are pixels of this rectangle. An empty rectangle is contained in none.
    pub fn contains(&self, other: &Window) -> bool {
        let x = self.x0 <= other.x0 && other.end_x() <= self.end_x();
        let y = self.y0 <= other.y0 && other.end_y() <= self.end_y();
        x && y && !other.is_empty()
    }

    /// Where the pixel (y, x) stands in a row by row listing of all, if it is one of them.
    #[inline]
    pub(crate) fn place(&self, [y, x]: [usize; 2]) -> Option<usize> {
        let (x, y) = (x.checked_sub(self.x0)?, y.checked_sub(self.y0)?);
        if x < self.nx && y < self.ny { y.checked_mul(self.nx)?.checked_add(x) } else { None }
    }

    /// Where it begins and ends along x and along y, in pixel coordinates.
    pub(crate) fn edges(&self) -> [[f64; 2]; 2] {
        let range = |first: usize, end: usize| [first as f64 - 0.5, end as f64 - 0.5];
        [range(self.x0, self.end_x()), range(self.y0, self.end_y())]
    }

    /// Whether the rectangle has no pixels.
    pub const fn is_empty(&self) -> bool {
        self.nx == 0 || self.ny == 0
    }

    /// The smallest rectangle that contains both. If one of them is empty, the other.
    #[must_use]
    pub fn hull(&self, other: &Window) -> Window {
        if self.is_empty() {
            return *other;
        }
        if other.is_empty() {
            return *self;
        }
        let (x0, y0) = (self.x0.min(other.x0), self.y0.min(other.y0));
        let (x1, y1) = (self.end_x().max(other.end_x()), self.end_y().max(other.end_y()));
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

    pub(crate) fn rows(&self) -> usize {
        self.area.ny.div_ceil(self.side)
    }

    pub(crate) fn count(&self) -> usize {
        self.columns().saturating_mul(self.rows())
    }

    /// Column and row of a tile.
    pub(crate) fn place(&self, tile: usize) -> (usize, usize) {
        let columns = self.columns().max(1);
        (tile % columns, tile / columns)
    }

    /// The pixels of a tile; an empty window beyond the last.
    pub(crate) fn window(&self, tile: usize) -> Window {
        let (column, row) = self.place(tile);
        let before = |tiles: usize, all: usize| tiles.saturating_mul(self.side).min(all);
        let (dx, dy) = (before(column, self.area.nx), before(row, self.area.ny));
        Window {
            x0: self.area.x0.saturating_add(dx),
            y0: self.area.y0.saturating_add(dy),
            nx: self.side.min(self.area.nx - dx),
            ny: self.side.min(self.area.ny - dy),
        }
    }

    /// The tile that contains a pixel of the area.
    pub(crate) fn holding(&self, x: usize, y: usize) -> usize {
        let (x, y) = (x.saturating_sub(self.area.x0), y.saturating_sub(self.area.y0));
        (y / self.side).saturating_mul(self.columns()).saturating_add(x / self.side)
    }

    /// The tiles that share pixels with a window.
    pub(crate) fn at(&self, window: Window) -> impl Iterator<Item = usize> {
        let span = self.area.intersection(&window).map(|part| {
            let ((x0, y0), (x1, y1)) = (
                self.place(self.holding(part.x0, part.y0)),
                self.place(self.holding(part.end_x() - 1, part.end_y() - 1)),
            );
            (x0..=x1, y0..=y1)
        });
        let columns = self.columns();
        span.into_iter().flat_map(move |(xs, ys)| {
            ys.flat_map(move |y| xs.clone().map(move |x| y.saturating_mul(columns).saturating_add(x)))
        })
    }

    /// The up to eight tiles around one.
    pub(crate) fn neighbours(&self, tile: usize) -> impl Iterator<Item = usize> + use<> {
        let (column, row) = self.place(tile);
        let (columns, count) = (self.columns(), self.count());
        (row.saturating_sub(1)..=row.saturating_add(1))
            .flat_map(move |y| (column.saturating_sub(1)..=column.saturating_add(1)).map(move |x| (x, y)))
            .filter(move |&(x, y)| x < columns && y.saturating_mul(columns) < count && (x, y) != (column, row))
            .map(move |(x, y)| (y * columns).saturating_add(x))
    }
}

/// A tile cut into blocks of at most `area` pixels (but at least one), about as high as wide: rotated images have fewer pixels around those than
/// around strips.
pub(crate) fn blocks(tile: Window, area: usize) -> Vec<Window> {
    if tile.is_empty() {
        return Vec::new();
    }
    let square = (area as f64).sqrt() as usize;
    let nx = if area >= tile.area() { tile.nx } else { square.next_multiple_of(64).min(area).clamp(1, tile.nx) };
    let ny = (area / nx).clamp(1, tile.ny);
    let rows = (0..tile.ny).step_by(ny);
    let block = |x: usize, y: usize| {
        let (x0, y0) = (tile.x0.saturating_add(x), tile.y0.saturating_add(y));
        Window::new(x0, y0, nx.min(tile.nx - x), ny.min(tile.ny - y))
    };
    rows.flat_map(|y| (0..tile.nx).step_by(nx).map(move |x| block(x, y))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = usize> {
        let extreme = [0, 1, 63, 64, usize::MAX / 2, usize::MAX / 2 + 1, usize::MAX - 1, usize::MAX];
        prop_oneof![0..9_usize, proptest::sample::select(extreme.to_vec()), any::<usize>()]
    }

    fn window() -> impl Strategy<Value = Window> {
        [number(), number(), number(), number()].prop_map(|[x0, y0, nx, ny]| Window::new(x0, y0, nx, ny))
    }

    fn holds(window: &Window, [y, x]: [usize; 2]) -> bool {
        let along = |first: usize, n: usize, at: usize| at >= first && at - first < n && at < usize::MAX;
        along(window.x0, window.nx, x) && along(window.y0, window.ny, y)
    }

    proptest! {
        #[test]
        fn windows_are_sets_of_pixels(a in window(), b in window(), pixel in [number(), number()]) {
            let both = holds(&a, pixel) && holds(&b, pixel);
            prop_assert_eq!(a.intersection(&b).is_some_and(|shared| holds(&shared, pixel)), both);
            if holds(&a, pixel) || holds(&b, pixel) {
                prop_assert!(holds(&a.hull(&b), pixel));
            }
            if a.contains(&b) {
                prop_assert!(both || !holds(&b, pixel));
                prop_assert!(a.hull(&b).contains(&b));
            }
            if let Some(shared) = a.intersection(&b) {
                prop_assert!(a.contains(&shared) && b.contains(&shared) && !shared.is_empty());
            }
            prop_assert!(a.place(pixel).is_none_or(|place| place < a.area() || a.area() == usize::MAX));
            prop_assert_eq!(a.is_empty(), a.area() == 0);
            let edges = a.edges();
            prop_assert!(edges.iter().all(|[first, last]| first <= last));
        }

        #[test]
        fn margins_stay_in_the_whole(a in window(), whole in window(), margin in number(), pixel in [number(), number()]) {
            let grown = a.grown(margin, whole);
            prop_assert!(!holds(&grown, pixel) || holds(&whole, pixel));
            prop_assert!(!(holds(&a, pixel) && holds(&whole, pixel)) || holds(&grown, pixel));
        }

        #[test]
        fn tiles_of_any_area(area in window(), side in number(), tile in number(), other in window(), pixel in [number(), number()]) {
            let tiles = Tiles::new(area, side);
            let cut = tiles.window(tile);
            prop_assert!(!holds(&cut, pixel) || holds(&area, pixel));
            prop_assert!(tiles.neighbours(tile).count() <= 8);
            let [y, x] = pixel;
            if holds(&area, pixel) && tiles.count() < usize::MAX {
                prop_assert!(holds(&tiles.window(tiles.holding(x, y)), pixel));
            }
            for tile in tiles.at(other).take(5) {
                prop_assert!(tiles.count() == usize::MAX || tiles.window(tile).intersection(&other).is_some());
            }
        }

        #[test]
        fn blocks_cover_a_tile(x0 in number(), y0 in number(), nx in 0..200_usize, ny in 0..200_usize, area in number(), wide in number()) {
            let tile = Window::new(x0, y0, nx, ny);
            let cut = blocks(tile, area);
            prop_assert_eq!(cut.iter().map(Window::area).sum::<usize>(), tile.area());
            prop_assert!(cut.iter().all(|block| block.area() <= area.max(1)));
            prop_assert!(!blocks(Window::new(x0, y0, wide, 3), usize::MAX).is_empty() || wide == 0);
        }
    }
}
