//! The overlap of many small quadrilaterals with unit squares, [`LANES`] of them side by side.
//!
//! ```text
//! an edge within a row of squares:  h = its height, upward positive;  x from lo to hi
//! H(c) = ∫ max(x - c, 0) dy along it:  h (mean x - c) if lo >= c,  0 if hi <= c,  else (hi - c)² / 2 · |dy / dx|
//! area in square c of the row = sum over the four edges of H(c) - H(c + 1), counter-clockwise             (Green's theorem)
//! ```
//!
//! Each overlap is right to a few times the rounding of the coordinates. [`Cover`](super::raster::Cover) does the same for one quadrilateral of any size.

use crate::simd::{larger, smaller};

/// Quadrilaterals that are computed together: so many that the compiler makes loops over them, and not a long list of single operations.
pub(super) const LANES: usize = 16;
/// Squares along a side of the largest frame.
pub(super) const LARGEST: usize = 4;

/// A number for each of the quadrilaterals.
pub(super) type Lanes = [f64; LANES];

/// For each square of a frame, row by row, the overlap of each quadrilateral with it.
pub(super) type Overlaps = [Lanes; LARGEST * LARGEST];

/// The overlaps of quadrilaterals with the pixels of a frame of N × N. `corners` are the pixel coordinates x and y of their corners in order, all in the
/// frame, `first` the column and row of its first pixel. They are multiplied by `scale`, which is positive
/// for corners in counter-clockwise order and negative for others.
#[inline(always)]
pub(super) fn overlaps<const N: usize>(
    corners: &[[&Lanes; 2]; 4],
    [first_x, first_y]: &[&Lanes; 2],
    scale: &Lanes,
    overlaps: &mut Overlaps,
) {
    for areas in overlaps.iter_mut().take(N * N) {
        *areas = [0.0; LANES];
    }
    let [a, b, c, d] = *corners;
    for [from, to] in [[a, b], [b, c], [c, d], [d, a]] {
        for lane in 0..LANES {
            // Squares have whole numbers as corners here.
            let ([px, qx], [py, qy]) = ([from[0], to[0]], [from[1], to[1]]);
            let (px, qx) = (px[lane] + 0.5 - first_x[lane], qx[lane] + 0.5 - first_x[lane]);
            let (py, qy) = (py[lane] + 0.5 - first_y[lane], qy[lane] + 0.5 - first_y[lane]);
            let up = py < qy;
            let (low_x, high_x) = if up { (px, qx) } else { (qx, px) };
            let (low_y, high_y) = if up { (py, qy) } else { (qy, py) };
            let scale = if up { scale[lane] } else { -scale[lane] };
            let (dx, dy) = (high_x - low_x, high_y - low_y);
            // dx / dy and |dy / dx| with one division. Of a level edge every height is 0, and a vertical one is never cut between two squares.
            let product = dx * dy;
            let inverse = if product == 0.0 { 0.0 } else { 1.0 / product };
            let (slope, half_steepness) = (dx * dx * inverse, 0.5 * scale * (dy * dy * inverse.abs()));
            let (mut x, mut y) = (low_x, low_y);
            for row in 0..N {
                let line = larger((row + 1) as f64, low_y);
                let ends = (row + 1 == N) | (line >= high_y);
                let next_y = if ends { high_y } else { line };
                let next_x = if ends { high_x } else { low_x + (line - low_y) * slope };
                let height = scale * (next_y - y);
                let (left, right) = (smaller(x, next_x), larger(x, next_x));
                let middle = 0.5 * (x + next_x);
                let mut beyond = height * middle;
                for column in 1..N {
                    let line = column as f64;
                    let over = right - line;
                    let cut = half_steepness * (over * over);
                    let next = if left >= line { height * (middle - line) } else { cut };
                    let next = if over > 0.0 { next } else { 0.0 };
                    overlaps[row * N + column - 1][lane] += beyond - next;
                    beyond = next;
                }
                overlaps[row * N + N - 1][lane] += beyond;
                (x, y) = (next_x, next_y);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::raster::Cover, *};

    /// Numbers in [0, 1) by a linear congruence.
    fn random(state: &mut u64) -> f64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn check<const N: usize>(name: &str, quad: impl Fn(&mut u64) -> [[f64; 2]; 4]) {
        let (mut state, mut worst) = (N as u64, 0.0_f64);
        let mut cover = Cover::default();
        for _ in 0..2000 {
            let quads: Vec<[[f64; 2]; 4]> = (0..LANES).map(|_| quad(&mut state)).collect();
            // Pixel coordinates, of a frame whose first pixel is (5, -3).
            let first = [[5.0; LANES], [-3.0; LANES]];
            let corners: [[Lanes; 2]; 4] = std::array::from_fn(|k| {
                std::array::from_fn(|axis| std::array::from_fn(|lane| quads[lane][k][axis] - 0.5 + first[axis][lane]))
            });
            let sign = std::array::from_fn(|lane| {
                let [a, b, c, d] = quads[lane];
                ((c[0] - a[0]) * (d[1] - b[1]) - (c[1] - a[1]) * (d[0] - b[0])).signum()
            });
            let mut areas = [[0.0; LANES]; LARGEST * LARGEST];
            overlaps::<N>(&corners.each_ref().map(|corner| corner.each_ref()), &first.each_ref(), &sign, &mut areas);
            for (lane, quad) in quads.iter().enumerate() {
                let mut wanted = [0.0; LARGEST * LARGEST];
                if cover.lay(*quad, [N, N]) {
                    for (row, areas) in cover.rows() {
                        for (column, area) in (cover.x0..).zip(areas) {
                            wanted[row * N + column] = *area;
                        }
                    }
                }
                for (areas, wanted) in areas.iter().zip(wanted).take(N * N) {
                    worst = worst.max((areas[lane] - wanted).abs());
                }
            }
        }
        println!("{name}, {N} × {N}: {worst:.1e}");
        assert!(worst < 1e-14);
    }

    fn check_all<const N: usize>() {
        let side = N as f64;
        let turned = |state: &mut u64, angle: f64| {
            let half = 0.3 * side * (0.2 + random(state));
            let (sin, cos) = (angle.sin() * half, angle.cos() * half);
            let reach = sin.abs() + cos.abs();
            let [x, y] = [0, 1].map(|_| reach + (side - 2.0 * reach).max(0.0) * random(state));
            let corner =
                |u: f64, v: f64| [(u * cos - v * sin + x).clamp(0.0, side), (u * sin + v * cos + y).clamp(0.0, side)];
            let quad = [corner(-1.0, -1.0), corner(1.0, -1.0), corner(1.0, 1.0), corner(-1.0, 1.0)];
            if random(state) < 0.5 { quad } else { [quad[3], quad[2], quad[1], quad[0]] }
        };
        check::<N>("turned", |state| {
            let angle = 7.0 * random(state);
            turned(state, angle)
        });
        check::<N>("next to upright", |state| {
            let angle = 1e-1_f64.powf(17.0 * random(state)) * (random(state) - 0.5);
            turned(state, angle)
        });
        check::<N>("upright", |state| turned(state, 0.0));
        check::<N>("on lines", |state| turned(state, 0.0).map(|corner| corner.map(f64::round)));
    }

    #[test]
    fn equal_those_of_one_by_one() {
        check_all::<2>();
        check_all::<3>();
        check_all::<4>();
    }
}
