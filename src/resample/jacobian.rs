//! The size of an output pixel in the input: derivatives of the map, from the same coordinates as the samples.

use crate::map::CoordGrid;

/// Derivatives of the input position (x, y) by the output position (u, v), for the pixels of a row.
#[derive(Debug, Default)]
pub(super) struct Jacobians {
    /// ∂x/∂u, ∂x/∂v, ∂y/∂u, ∂y/∂v.
    pub(super) values: Vec<[f64; 4]>,
    /// Positions at the left, lower and upper edges of the pixels.
    sides: [[Vec<f64>; 2]; 3],
}

impl Jacobians {
    pub(super) fn bytes(&self) -> usize {
        let sides: usize = self.sides.iter().flatten().map(Vec::capacity).sum();
        32 * self.values.capacity() + 8 * sides
    }

    /// Central differences between the edges of the output pixels (x0 + i, y), whose centres lie at (xs, ys). Across a seam, or where an edge has no
    /// position in the input, twice the difference over the continuous half of the pixel is taken; NaN if neither half has one. `step` maps differences
    /// of positions, for images that are periodic.
    pub(super) fn row(
        &mut self,
        grid: &CoordGrid<'_>,
        x0: f64,
        y: f64,
        (xs, ys): (&[f64], &[f64]),
        step: impl Fn([f64; 2]) -> [f64; 2],
    ) {
        let n = xs.len();
        let starts = [(x0 - 0.5, y, n + 1), (x0, y - 0.5, n), (x0, y + 0.5, n)];
        for ([xs, ys], (x0, y, n)) in self.sides.iter_mut().zip(starts) {
            xs.resize(n, 0.0);
            ys.resize(n, 0.0);
            grid.row(x0, y, xs, ys);
        }
        let [[left_x, left_y], [low_x, low_y], [high_x, high_y]] = &self.sides;
        let edges = left_x.iter().zip(left_y).zip(left_x.iter().zip(left_y).skip(1));
        let rows = low_x.iter().zip(low_y).zip(high_x.iter().zip(high_y));
        self.values.clear();
        self.values.extend(xs.iter().zip(ys).zip(edges.zip(rows)).map(|(centre, ((left, right), (low, high)))| {
            let [left, right, low, high, centre] = [left, right, low, high, centre].map(|(x, y)| [*x, *y]);
            let [xu, yu] = slope(left, centre, right, &step);
            let [xv, yv] = slope(low, centre, high, &step);
            [xu, xv, yu, yv]
        }));
    }
}

/// Difference between the positions a step before and behind; see [`Jacobians::row`].
#[inline(always)]
pub(super) fn slope(
    before: [f64; 2],
    centre: [f64; 2],
    behind: [f64; 2],
    step: impl Fn([f64; 2]) -> [f64; 2],
) -> [f64; 2] {
    let a = step([centre[0] - before[0], centre[1] - before[1]]);
    let b = step([behind[0] - centre[0], behind[1] - centre[1]]);
    let (size_a, size_b) = (a[0] * a[0] + a[1] * a[1], b[0] * b[0] + b[1] * b[1]);
    // One side more than twice the other: a jump. NaN compares false.
    let even = (size_a <= 4.0 * size_b) & (size_b <= 4.0 * size_a);
    let before = size_b.is_nan() | (size_a < size_b);
    let (first, second) = (even | before, even | !before);
    let sum = |a: f64, b: f64| (if first { a } else { b }) + if second { b } else { a };
    [sum(a[0], b[0]), sum(a[1], b[1])]
}

/// How many times an output pixel is longer than an input pixel along the input's x and y, at least 1.
pub(super) fn stretch([xu, xv, yu, yv]: [f64; 4]) -> [f64; 2] {
    // Second moments of the output pixel: a turned pixel of the same size is as long as before.
    [(xu * xu + xv * xv).sqrt().max(1.0), (yu * yu + yv * yv).sqrt().max(1.0)]
}

/// Area of the output pixel in input pixels.
pub(super) fn area([xu, xv, yu, yv]: [f64; 4]) -> f64 {
    (xu * yv - xv * yu).abs()
}
