//! The overlap of quadrilaterals with unit squares, by Green's theorem edge by edge.
//!
//! ```text
//! an edge, in each square that it crosses:  dy = its height there,  f = mean distance from the square's left side
//! area to the right of the edge:            dy (1 - f) in that square,  dy in every square to the right of it
//! area of a quadrilateral in a square:      sum over its four edges, one way around
//! ```
//!
//! Square (i, j) is `[i, i + 1) × [j, j + 1)` here: pixel coordinates plus a half. An edge between two neighbours is cut once for both.

/// What an edge does in one square.
#[derive(Clone, Copy, Debug)]
struct Piece {
    row: i32,
    /// -1 for what lies to the left of the frame: everything in it is to the right.
    column: i32,
    height: f64,
    /// The part of `height` that counts for the squares further right only.
    beyond: f64,
}

/// Edges cut at the lines between squares, in the order they were pushed. Squares outside of a frame of nx × ny are left out.
#[derive(Debug, Default)]
pub(super) struct Edges {
    frame: [f64; 2],
    ends: Vec<u32>,
    pieces: Vec<Piece>,
}

impl Edges {
    pub(super) fn bytes(&self) -> usize {
        self.ends.capacity() * size_of::<u32>() + self.pieces.capacity() * size_of::<Piece>()
    }

    /// Forgets all edges; the next ones are cut in a frame of shape (ny, nx).
    pub(super) fn start(&mut self, [ny, nx]: [usize; 2]) {
        self.frame = [nx as f64, ny as f64];
        self.ends.clear();
        self.pieces.clear();
    }

    /// The edge from one point to another. A point that is NaN makes an edge of no pieces.
    pub(super) fn push(&mut self, a: [f64; 2], b: [f64; 2]) {
        let (ax, ay, bx, by) = (a[0] + 0.5, a[1] + 0.5, b[0] + 0.5, b[1] + 0.5);
        let (low, high) = if ay < by { ((ax, ay), (bx, by)) } else { ((bx, by), (ax, ay)) };
        let up = if ay < by { 1.0 } else { -1.0 };
        let slope = (high.0 - low.0) / (high.1 - low.1);
        let (first, last) = (low.1.max(0.0), high.1.min(self.frame[1]));
        if first < last && slope.is_finite() {
            let x_at = |y: f64| {
                if y == low.1 {
                    low.0
                } else if y == high.1 {
                    high.0
                } else {
                    low.0 + (y - low.1) * slope
                }
            };
            let mut row = first.floor();
            let (mut y, mut x) = (first, x_at(first));
            while y < last {
                let next = (row + 1.0).min(last);
                let next_x = x_at(next);
                self.row(row as i32, x, next_x, up * (next - y));
                (row, y, x) = (row + 1.0, next, next_x);
            }
        }
        self.ends.push(self.pieces.len() as u32);
    }

    /// The part of an edge within a row, between two places in x.
    fn row(&mut self, row: i32, x0: f64, x1: f64, height: f64) {
        let (low, high) = if x0 < x1 { (x0, x1) } else { (x1, x0) };
        let column = low.floor();
        if low >= self.frame[0] {
            return;
        }
        if high <= 0.0 {
            self.pieces.push(Piece { row, column: -1, height, beyond: 0.0 });
        } else if high <= column + 1.0 && low >= 0.0 {
            let beyond = height * (0.5 * (low + high) - column);
            self.pieces.push(Piece { row, column: column as i32, height, beyond });
        } else {
            let per_x = height / (high - low);
            if low < 0.0 {
                self.pieces.push(Piece { row, column: -1, height: -low * per_x, beyond: 0.0 });
            }
            let (mut x, end) = (low.max(0.0), high.min(self.frame[0]));
            let mut column = x.floor();
            while x < end {
                let next = (column + 1.0).min(end);
                let height = (next - x) * per_x;
                let beyond = height * (0.5 * (x + next) - column);
                self.pieces.push(Piece { row, column: column as i32, height, beyond });
                (column, x) = (column + 1.0, next);
            }
        }
    }

    fn pieces(&self, edge: usize) -> &[Piece] {
        let end = |edge: usize| self.ends.get(edge).map_or(0, |end| *end as usize);
        let start = if edge == 0 { 0 } else { end(edge - 1) };
        self.pieces.get(start..end(edge)).unwrap_or(&[])
    }
}

/// The squares of the frame that a quadrilateral may overlap, and how much it does.
#[derive(Debug, Default)]
pub(super) struct Cover {
    /// First column and row, and their numbers.
    pub(super) x0: usize,
    y0: usize,
    nx: usize,
    ny: usize,
    /// Area of the whole quadrilateral, also outside of the frame; positive.
    pub(super) area: f64,
    sign: f64,
    /// Row by row, nx + 1 wide: the last column takes what lies beyond.
    steps: Vec<f64>,
}

impl Cover {
    pub(super) fn bytes(&self) -> usize {
        self.steps.capacity() * size_of::<f64>()
    }

    /// Makes ready for a quadrilateral given by its corners in order; `false` if it overlaps no square of the frame.
    pub(super) fn start(&mut self, corners: [[f64; 2]; 4], frame: [usize; 2]) -> bool {
        let [a, b, c, d] = corners;
        let doubled = (c[0] - a[0]) * (d[1] - b[1]) - (c[1] - a[1]) * (d[0] - b[0]);
        self.area = 0.5 * doubled.abs();
        self.sign = if doubled < 0.0 { 1.0 } else { -1.0 };
        let range = |axis: usize| {
            let [a, b, c, d] = corners.map(|corner| corner[axis] + 0.5);
            [a.min(b).min(c.min(d)), a.max(b).max(c.max(d))]
        };
        let ([x_min, x_max], [y_min, y_max]) = (range(0), range(1));
        let (nx, ny) = (frame[1] as f64, frame[0] as f64);
        // False for NaN, of which an undefined corner makes the area.
        if !(self.area > 0.0 && x_max > 0.0 && y_max > 0.0 && x_min < nx && y_min < ny) {
            return false;
        }
        (self.x0, self.y0) = (x_min.max(0.0) as usize, y_min.max(0.0) as usize);
        self.nx = (x_max.min(nx).ceil() as usize).max(self.x0 + 1) - self.x0;
        self.ny = (y_max.min(ny).ceil() as usize).max(self.y0 + 1) - self.y0;
        self.steps.clear();
        self.steps.resize((self.nx + 1) * self.ny, 0.0);
        true
    }

    /// Adds an edge, walked from its first point to its second, or back.
    #[inline]
    pub(super) fn add(&mut self, edges: &Edges, edge: usize, back: bool) {
        let sign = if back { -self.sign } else { self.sign };
        for piece in edges.pieces(edge) {
            let row = (piece.row as usize).wrapping_sub(self.y0);
            // Squares left of the first see an edge wholly to their right; rounding may put a piece just right of the last.
            let column = (piece.column as isize - self.x0 as isize).max(-1);
            let beyond = if column < 0 { 0.0 } else { sign * piece.beyond };
            let column = column.max(0) as usize;
            if column < self.nx
                && let Some([here, right]) =
                    self.steps.get_mut(row * (self.nx + 1) + column..).and_then(<[f64]>::first_chunk_mut)
            {
                *here += sign * piece.height - beyond;
                *right += beyond;
            }
        }
    }

    /// To be called when all four edges are there.
    pub(super) fn finish(&mut self) {
        for steps in self.steps.chunks_exact_mut(self.nx + 1) {
            let mut sum = 0.0;
            for step in steps {
                sum += *step;
                *step = sum;
            }
        }
    }

    /// Row after row: its number and the overlap with each square from `x0` on.
    pub(super) fn rows(&self) -> impl Iterator<Item = (usize, &[f64])> {
        (self.y0..).zip(self.steps.chunks_exact(self.nx + 1).map(|row| &row[..self.nx]))
    }
}
