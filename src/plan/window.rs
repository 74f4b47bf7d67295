//! A rectangle of pixels of the output.

/// A rectangle of output pixels: columns `x0 .. x0 + nx`, rows `y0 .. y0 + ny`, pixel (0, 0) being the first of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// First column.
    pub x0: usize,
    /// First row.
    pub y0: usize,
    /// Number of columns.
    pub nx: usize,
    /// Number of rows.
    pub ny: usize,
}

impl Window {
    /// Whether there is no pixel in it.
    pub fn is_empty(&self) -> bool {
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
        Window { x0, y0, nx: x1 - x0, ny: y1 - y0 }
    }
}
