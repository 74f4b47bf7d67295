//! Polynomials in two variables, evaluated by Horner's scheme: the common ground of SIP, TPV, TNX, ZPX and DSS.

use std::sync::Arc;

/// `N` polynomials `Σ c_ij x^i y^j`, `i + j ≤ degree`, of the same variables.
///
/// The coefficients of the `N` polynomials lie side by side, so that they share the loop and its latency.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Polynomials<const N: usize> {
    degree: usize,
    /// Row by row, `i` from the highest power of x down to 0, within a row `j` from its highest power of y down to 0:
    /// the order in which Horner's scheme takes them.
    coefficients: Arc<[[f64; N]]>,
}

impl<const N: usize> Polynomials<N> {
    /// From `coefficient(i, j)`, which is asked once for every term.
    pub(crate) fn new(degree: usize, mut coefficient: impl FnMut(usize, usize) -> [f64; N]) -> Polynomials<N> {
        let mut coefficients = Vec::with_capacity((degree + 1) * (degree + 2) / 2);
        for i in (0..=degree).rev() {
            coefficients.extend((0..=degree - i).rev().map(|j| coefficient(i, j)));
        }
        Polynomials { degree, coefficients: coefficients.into() }
    }

    /// The values at a point.
    #[inline]
    pub(crate) fn value(&self, x: f64, y: f64) -> [f64; N] {
        let mut sum = [0.0; N];
        let mut rest = &self.coefficients[..];
        for length in 1..=self.degree + 1 {
            let Some((row, tail)) = rest.split_at_checked(length) else { break };
            rest = tail;
            let mut inner = [0.0; N];
            for c in row {
                for n in 0..N {
                    inner[n] = inner[n] * y + c[n];
                }
            }
            for n in 0..N {
                sum[n] = sum[n] * x + inner[n];
            }
        }
        sum
    }

    /// Values and gradients `[∂/∂x, ∂/∂y]` at a point.
    pub(crate) fn gradient(&self, x: f64, y: f64) -> ([f64; N], [[f64; 2]; N]) {
        let mut sum = [0.0; N];
        let mut slope = [[0.0; 2]; N];
        let mut rest = &self.coefficients[..];
        for length in 1..=self.degree + 1 {
            let Some((row, tail)) = rest.split_at_checked(length) else { break };
            rest = tail;
            let mut inner = [0.0; N];
            let mut inner_slope = [0.0; N];
            for c in row {
                for n in 0..N {
                    inner_slope[n] = inner_slope[n] * y + inner[n];
                    inner[n] = inner[n] * y + c[n];
                }
            }
            for n in 0..N {
                slope[n] = [slope[n][0] * x + sum[n], slope[n][1] * x + inner_slope[n]];
                sum[n] = sum[n] * x + inner[n];
            }
        }
        (sum, slope)
    }
}

#[cfg(test)]
mod tests {
    use super::Polynomials;

    #[test]
    fn horner_agrees_with_the_sum_of_terms() {
        for degree in 0..=9 {
            let c = |i: usize, j: usize| [((7 * i + 3 * j) as f64 * 0.37).sin(), ((i + 5 * j) as f64 * 0.71).cos()];
            let p = Polynomials::new(degree, c);
            for (x, y) in [(0.0, 0.0), (0.3, -1.2), (-2.0, 0.7), (1.5, 1.5)] {
                let terms = || (0..=degree).flat_map(|i| (0..=degree - i).map(move |j| (i, j)));
                let power = |x: f64, n: usize| x.powi(n as i32);
                let slope = |x: f64, n: usize| if n == 0 { 0.0 } else { n as f64 * x.powi(n as i32 - 1) };
                let (value, gradient) = p.gradient(x, y);
                assert_eq!(value, p.value(x, y));
                for n in 0..2 {
                    let sum = |f: &dyn Fn(usize, usize) -> f64| terms().map(|(i, j)| c(i, j)[n] * f(i, j)).sum::<f64>();
                    let want = [
                        sum(&|i, j| power(x, i) * power(y, j)),
                        sum(&|i, j| slope(x, i) * power(y, j)),
                        sum(&|i, j| power(x, i) * slope(y, j)),
                    ];
                    let got = [value[n], gradient[n][0], gradient[n][1]];
                    for (got, want) in got.iter().zip(want) {
                        assert!(
                            (got - want).abs() <= 1e-12 * (1.0 + sum(&|_, _| 1.0).abs() + want.abs()),
                            "{got} {want}"
                        );
                    }
                }
            }
        }
    }
}
