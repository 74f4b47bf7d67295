//! A map over one square cell as a pair of tensor polynomials: fitted at Chebyshev nodes, checked elsewhere.

use super::rectangle::Rectangle;
use crate::simd::dispatch;
use std::array::from_fn;
use std::f64::consts::PI;
use std::sync::LazyLock;

/// Degree along each axis.
const DEGREE: usize = 5;
const N: usize = DEGREE + 1;
const CHECKS: usize = N + 1;
/// Points at which the map is asked for one cell: the nodes, then the check points.
pub(super) const SAMPLES: usize = N * N + CHECKS * CHECKS;

/// Where a cell is sampled, on [-1, 1], and how the samples become coefficients.
struct Stencil {
    /// Zeros of `T_N`.
    nodes: [f64; N],
    /// Extrema of `T_N`, ends included: there the remainder of the interpolation, `T_N` times something smooth, peaks.
    checks: [f64; CHECKS],
    /// `chebyshev[i][a]`: what the value at node `a` adds to the coefficient of `T_i`.
    chebyshev: [[f64; N]; N],
    /// `powers[k][i]`: coefficient of `u^k` in `T_i(u)`.
    powers: [[f64; N]; N],
}

static STENCIL: LazyLock<Stencil> = LazyLock::new(|| {
    let n = N as f64;
    let angle = |a: usize| PI * (a as f64 + 0.5) / n;
    let mut powers = [[0.0; N]; N];
    let mut t = [[0.0; N]; N];
    for i in 0..N {
        t[i] = from_fn(|k| match i {
            0 => f64::from(k == 0),
            1 => f64::from(k == 1),
            _ => (if k > 0 { 2.0 * t[i - 1][k - 1] } else { 0.0 }) - t[i - 2][k],
        });
        for k in 0..N {
            powers[k][i] = t[i][k];
        }
    }
    Stencil {
        nodes: from_fn(|a| -angle(a).cos()),
        checks: from_fn(|a| -(PI * a as f64 / n).cos()),
        chebyshev: from_fn(|i| {
            from_fn(|a| {
                let sign = if i % 2 == 0 { 1.0 } else { -1.0 };
                sign * (if i == 0 { 1.0 } else { 2.0 }) / n * (i as f64 * angle(a)).cos()
            })
        }),
        powers,
    }
});

/// Input coordinates over one cell, as polynomials in the distance from its centre in output pixels.
#[derive(Clone, Debug)]
pub(super) struct Polynomial {
    centre: [f64; 2],
    /// Degree in x: higher powers are zero.
    degree: usize,
    /// `coefficients[axis][j][i]` belongs to `dy^j dx^i`.
    coefficients: [[[f64; N]; N]; 2],
    /// Largest distance from the exact map at the check points, input pixels.
    pub(super) error: f64,
    /// What the terms beyond the linear ones come to in the cell at most, on each axis of the input.
    bend: [f64; 2],
}

/// Input pixels that the terms beyond the linear ones may come to where they are bounded together and not term by term.
const NEARLY_LINEAR: f64 = 1.0 / 16.0;

/// Appends the points at which the square of side `size` with lower corner `low` is to be sampled.
pub(super) fn sample_points(low: [f64; 2], size: f64, xs: &mut Vec<f64>, ys: &mut Vec<f64>) {
    let half = 0.5 * size;
    for u in [&STENCIL.nodes[..], &STENCIL.checks[..]] {
        for v in u {
            xs.extend(u.iter().map(|u| low[0] + half + half * u));
            ys.extend(u.iter().map(|_| low[1] + half + half * v));
        }
    }
}

impl Polynomial {
    /// Fits the map through the samples at [`sample_points`]; `None` if one of them is not finite. Powers of x that together
    /// matter less than `negligible` input pixels are left out.
    pub(super) fn fit(low: [f64; 2], size: f64, xs: &[f64], ys: &[f64], negligible: f64) -> Option<Polynomial> {
        if xs.len() != SAMPLES || ys.len() != SAMPLES || !xs.iter().chain(ys).all(|v| v.is_finite()) {
            return None;
        }
        let half = 0.5 * size;
        let spectra = [transform(&STENCIL.chebyshev, &square(xs)), transform(&STENCIL.chebyshev, &square(ys))];
        // Far from the input only that fact matters: a small fraction of the range is accurate enough.
        let mut degree = DEGREE;
        while degree > 1 {
            let weight =
                |s: &[[f64; N]; N]| s.iter().map(|row| row[degree..].iter().map(|c| c.abs()).sum::<f64>()).sum();
            if spectra.iter().map(weight).fold(0.0, f64::max) > negligible {
                break;
            }
            degree -= 1;
        }
        let powers = spectra.map(|mut spectrum| {
            for row in &mut spectrum {
                row[degree + 1..].fill(0.0);
            }
            transform(&STENCIL.powers, &spectrum)
        });
        // Before they are scaled: at the edges of the cell u and v are 1.
        let bend = powers.map(|powers| {
            let terms = powers.iter().enumerate().flat_map(|(j, row)| row.iter().skip(2_usize.saturating_sub(j)));
            terms.map(|c| c.abs()).sum()
        });
        let coefficients = powers.map(|mut powers| {
            let mut scale_y = 1.0;
            for row in &mut powers {
                let mut scale = scale_y;
                for c in row {
                    *c *= scale;
                    scale /= half;
                }
                scale_y /= half;
            }
            powers
        });
        let centre = [low[0] + half, low[1] + half];
        let mut fitted = Polynomial { centre, degree, coefficients, error: 0.0, bend };
        let checks = xs[N * N..].iter().zip(&ys[N * N..]);
        for (k, (x, y)) in checks.enumerate() {
            let (u, v) = (STENCIL.checks[k % CHECKS], STENCIL.checks[k / CHECKS]);
            let (mut fx, mut fy) = ([0.0], [0.0]);
            fitted.row(fitted.centre[0] + half * u, fitted.centre[1] + half * v, &mut fx, &mut fy);
            fitted.error = fitted.error.max((fx[0] - x).hypot(fy[0] - y));
        }
        Some(fitted)
    }

    /// Input coordinates of the output positions `(x0 + k, y)`.
    pub(super) fn row(&self, x0: f64, y: f64, xs: &mut [f64], ys: &mut [f64]) {
        let dy = y - self.centre[1];
        let [cx, cy] = &self.coefficients;
        let [mut px, mut py] = [cx[DEGREE], cy[DEGREE]];
        for j in (0..DEGREE).rev() {
            for i in 0..N {
                px[i] = px[i] * dy + cx[j][i];
                py[i] = py[i] * dy + cy[j][i];
            }
        }
        along(self.degree, x0 - self.centre[0], &px, &py, xs, ys);
    }

    /// A rectangle of input positions that contains the image, under the polynomials, of an output rectangle in the cell.
    pub(super) fn range(&self, x: [f64; 2], y: [f64; 2]) -> Rectangle {
        if !(self.bend[0].max(self.bend[1]) <= NEARLY_LINEAR) {
            return self.on(x, y).range();
        }
        let middle = [0.5 * (x[0] + x[1]) - self.centre[0], 0.5 * (y[0] + y[1]) - self.centre[1]];
        let half = [0.5 * (x[1] - x[0]), 0.5 * (y[1] - y[0])];
        from_fn(|axis| {
            let [[constant, by_x, ..], [by_y, ..], ..] = self.coefficients[axis];
            let value = constant + by_x * middle[0] + by_y * middle[1];
            let reach = by_x.abs() * half[0] + by_y.abs() * half[1] + self.bend[axis];
            [value - reach, value + reach]
        })
    }

    /// The polynomials on an output rectangle.
    pub(super) fn on(&self, x: [f64; 2], y: [f64; 2]) -> Scaled {
        let middle = [0.5 * (x[0] + x[1]) - self.centre[0], 0.5 * (y[0] + y[1]) - self.centre[1]];
        let half = [0.5 * (x[1] - x[0]), 0.5 * (y[1] - y[0])];
        let terms = self.coefficients.map(|mut rows| {
            for row in &mut rows {
                shift(row, middle[0]);
            }
            let mut columns: [[f64; N]; N] = from_fn(|i| from_fn(|j| rows[j][i]));
            let mut scale_x = 1.0;
            for column in &mut columns {
                shift(column, middle[1]);
                let mut scale = scale_x;
                for value in column {
                    *value *= scale;
                    scale *= half[1];
                }
                scale_x *= half[0];
            }
            columns
        });
        Scaled { terms, half }
    }
}

/// Polynomials on an output rectangle.
pub(super) struct Scaled {
    /// For each axis of the input, the coefficients `[i][j]` of u^i v^j where u and v are -1 and 1 at the edges of the rectangle.
    terms: [[[f64; N]; N]; 2],
    /// Half of its sides.
    half: [f64; 2],
}

impl Scaled {
    /// As [`Polynomial::range`].
    pub(super) fn range(&self) -> Rectangle {
        self.terms.map(|terms| {
            let reach: f64 = terms.as_flattened().iter().skip(1).map(|term| term.abs()).sum();
            [terms[0][0] - reach, terms[0][0] + reach]
        })
    }

    /// √Σ of the squares of the four derivatives is nowhere larger in the rectangle.
    pub(super) fn steepest(&self) -> f64 {
        let squares = self.terms.map(|terms| {
            let mut slopes = [0.0; 2];
            for (i, column) in terms.iter().enumerate() {
                for (j, term) in column.iter().enumerate() {
                    slopes[0] += i as f64 / self.half[0] * term.abs();
                    slopes[1] += j as f64 / self.half[1] * term.abs();
                }
            }
            slopes[0] * slopes[0] + slopes[1] * slopes[1]
        });
        (squares[0] + squares[1]).sqrt()
    }
}

/// The values at `t, t + 1, …` of polynomials of a degree.
fn along(degree: usize, t: f64, px: &[f64; N], py: &[f64; N], xs: &mut [f64], ys: &mut [f64]) {
    dispatch(
        #[inline(always)]
        || match degree {
            0 | 1 => evaluate::<2>(t, px, py, xs, ys),
            2 => evaluate::<3>(t, px, py, xs, ys),
            3 => evaluate::<4>(t, px, py, xs, ys),
            4 => evaluate::<5>(t, px, py, xs, ys),
            _ => evaluate::<N>(t, px, py, xs, ys),
        },
    )
}

/// Horner's scheme with `M` coefficients at `t, t + 1, …`, without fused operations: the same bits on every machine. The sums
/// that step `t` are exact, so a position's bits do not depend on where the run begins.
#[inline(always)]
fn evaluate<const M: usize>(t: f64, px: &[f64; N], py: &[f64; N], xs: &mut [f64], ys: &mut [f64]) {
    const LANES: usize = 4;
    let polynomial = |p: &[f64; N], t: &[f64; LANES]| {
        let mut value = [p[M - 1]; LANES];
        for i in (0..M - 1).rev() {
            value = from_fn(|l| value[l] * t[l] + p[i]);
        }
        value
    };
    let mut lanes: [f64; LANES] = from_fn(|l| t + l as f64);
    let (chunks_x, rest_x) = xs.as_chunks_mut::<LANES>();
    let (chunks_y, rest_y) = ys.as_chunks_mut::<LANES>();
    for (x, y) in chunks_x.iter_mut().zip(chunks_y) {
        *x = polynomial(px, &lanes);
        *y = polynomial(py, &lanes);
        lanes = lanes.map(|t| t + LANES as f64);
    }
    for (rest, p) in [(rest_x, px), (rest_y, py)] {
        let values = polynomial(p, &lanes);
        for (to, value) in rest.iter_mut().zip(values) {
            *to = value;
        }
    }
}

/// Replaces p(t) by p(t + by).
fn shift(p: &mut [f64; N], by: f64) {
    for i in 0..DEGREE {
        for k in (i..DEGREE).rev() {
            p[k] += by * p[k + 1];
        }
    }
}

fn square(values: &[f64]) -> [[f64; N]; N] {
    from_fn(|j| from_fn(|i| values[j * N + i]))
}

/// `matrix · values · matrixᵀ`.
fn transform(matrix: &[[f64; N]; N], values: &[[f64; N]; N]) -> [[f64; N]; N] {
    let product =
        |a: &[[f64; N]; N], row: &[f64; N]| -> [f64; N] { from_fn(|i| a[i].iter().zip(row).map(|(m, v)| m * v).sum()) };
    let along_x: [[f64; N]; N] = from_fn(|j| product(matrix, &values[j]));
    from_fn(|j| from_fn(|i| (0..N).map(|b| matrix[j][b] * along_x[b][i]).sum()))
}
