//! Lanczos interpolation, normalised (as SWarp: Bertin et al. 2002, ASP Conf. 281, 228).
//!
//! ```text
//! L(d) = sinc(d) sinc(d/n), sinc(d) = sin(πd) / (πd), |d| < n
//! weight of pixel i = L(i - x) / Σ_j L(j - x)       per axis; without the division Lanczos-3 is up to 0.6 % off
//! ```
//!
//! The weights of taps i and 2n - 1 - i mirror each other around t = 1/2, so with s = t - 1/2
//!
//! ```text
//! w_i(t) = e_i(s²) + s o_i(s²),   w_(2n-1-i)(t) = e_i(s²) - s o_i(s²)
//! ```
//!
//! where e and o are polynomials through the exact values at Chebyshev's nodes, and Σ_(i<n) e_i = 1/2. They are within 1e-9 of the exact
//! weights for n = 2 to 5 (measured by the tests below), and the sum of the weights, interpolated too, stays 1 to rounding; where t is 0
//! the weights
//! are 1 and 0 by decree. All is made with additions, multiplications and divisions only, so it is the same on every machine.

use std::array::from_fn;
use std::f64::consts::PI;
use std::sync::LazyLock;

use super::interpolate::{MOST, RUN, Taps};

/// Coefficients of each of e and o.
const TERMS: usize = 7;

/// The normalised kernel with `N` = 2n taps.
pub(super) struct Lanczos<const N: usize> {
    /// Coefficients of 1, s², s⁴, … in e and o of the taps 0 to n - 1, but e of the last of them; the other rows are not used.
    taps: [[[f64; TERMS]; 2]; N],
}

pub(super) static LANCZOS2: LazyLock<Lanczos<4>> = LazyLock::new(Lanczos::new);
pub(super) static LANCZOS3: LazyLock<Lanczos<6>> = LazyLock::new(Lanczos::new);
pub(super) static LANCZOS4: LazyLock<Lanczos<8>> = LazyLock::new(Lanczos::new);
pub(super) static LANCZOS5: LazyLock<Lanczos<10>> = LazyLock::new(Lanczos::new);

impl<const N: usize> Lanczos<N> {
    fn new() -> Self {
        // cos πx = sin π(1/2 - x); the nodes with s > 0, those with s < 0 are their mirror images.
        let nodes: [f64; TERMS] = from_fn(|k| 0.5 * sin_pi(0.5 - (2 * k + 1) as f64 / (4 * TERMS) as f64));
        let (low, high) = (nodes.map(|s| exact::<N>(0.5 - s)), nodes.map(|s| exact::<N>(0.5 + s)));
        let squares = nodes.map(|s| s * s);
        Lanczos {
            taps: from_fn(|n| {
                let even = from_fn(|k| 0.5 * (high[k][n] + low[k][n]));
                let odd = from_fn(|k| 0.5 * (high[k][n] - low[k][n]) / nodes[k]);
                [polynomial(&squares, even), polynomial(&squares, odd)]
            }),
        }
    }
}

/// The polynomial through values at nodes.
fn polynomial(nodes: &[f64; TERMS], mut values: [f64; TERMS]) -> [f64; TERMS] {
    // Newton's divided differences, multiplied out.
    for order in 1..TERMS {
        for k in (order..TERMS).rev() {
            values[k] = (values[k] - values[k - 1]) / (nodes[k] - nodes[k - order]);
        }
    }
    let mut powers = [0.0; TERMS];
    for (node, difference) in nodes.iter().zip(values).rev() {
        for k in (1..TERMS).rev() {
            powers[k] = powers[k - 1] - node * powers[k];
        }
        powers[0] = difference - node * powers[0];
    }
    powers
}

impl<const N: usize> Lanczos<N> {
    /// Weights of the taps `n` and `N - 1 - n`, n < N/2, in order: `left` is 1/2 less the even parts so far.
    #[inline(always)]
    fn pair(&self, n: usize, t: f64, left: &mut f64) -> [f64; 2] {
        let last = n == N / 2 - 1;
        let s = t - 0.5;
        let (square, fourth) = (s * s, (s * s) * (s * s));
        // Two terms at a time: half as much has to wait for what is before it.
        let value = |c: &[f64; TERMS]| {
            let mut value = c[TERMS - 1];
            for k in (0..TERMS - 1).step_by(2).rev() {
                value = value * fourth + (c[k] + c[k + 1] * square);
            }
            value
        };
        let [even, odd] = &self.taps[n];
        let (even, odd) = (if last { *left } else { value(even) }, s * value(odd));
        *left -= even;
        if t == 0.0 { [f64::from(u8::from(last)), 0.0] } else { [even + odd, even - odd] }
    }
}

impl<const N: usize> Taps<N> for Lanczos<N> {
    #[inline(always)]
    fn weights(&self, t: f64) -> [f64; N] {
        let (mut weights, mut left) = ([0.0; N], 0.5);
        for n in 0..N / 2 {
            [weights[n], weights[N - 1 - n]] = self.pair(n, t, &mut left);
        }
        weights
    }

    /// Tap by tap, so that coefficients stay in registers.
    #[inline(always)]
    fn columns(&self, t: &[f64; RUN], weights: &mut [[f64; RUN]; MOST]) {
        let mut left = [0.5; RUN];
        for n in 0..N / 2 {
            for (k, (t, left)) in t.iter().zip(&mut left).enumerate() {
                [weights[n][k], weights[N - 1 - n][k]] = self.pair(n, *t, left);
            }
        }
    }

    fn radius(&self, s: f64) -> f64 {
        (N / 2) as f64 * s
    }

    fn widened(&self, d: f64, s: f64) -> f64 {
        lanczos(N / 2, d / s)
    }
}

/// The exact normalised weights.
fn exact<const N: usize>(t: f64) -> [f64; N] {
    let values: [f64; N] = from_fn(|n| lanczos(N / 2, n as f64 - (N / 2 - 1) as f64 - t));
    let sum: f64 = values.iter().sum();
    values.map(|value| value / sum)
}

/// Of the terms of the sine's series, each to the one before it, but for -x²: 1 / (2k (2k + 1)).
const RATIOS: [f64; 13] = {
    let mut ratios = [0.0; 13];
    let mut k = 0;
    while k < 13 {
        let even = (2 * k + 2) as f64;
        ratios[k] = 1.0 / (even * (even + 1.0));
        k += 1;
    }
    ratios
};

fn lanczos(n: usize, d: f64) -> f64 {
    let n = n as f64;
    if d.abs() < n { sinc(d) * sinc(d / n) } else { 0.0 }
}

fn sinc(d: f64) -> f64 {
    if d == 0.0 { 1.0 } else { sin_pi(d) / (PI * d) }
}

/// sin(πd), exactly 0 for whole numbers: the system's sine differs in the last bit from one to the next.
fn sin_pi(d: f64) -> f64 {
    let whole = d.round();
    let x = PI * (d - whole);
    let square = x * x;
    // Taylor's series to x²⁷ for |x| <= π/2: the next term is below 1e-24.
    let series = RATIOS.iter().rev().fold(1.0, |series, ratio| 1.0 - series * square * ratio);
    if whole.rem_euclid(2.0) == 0.0 { x * series } else { -x * series }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<const N: usize>(kernel: &Lanczos<N>) {
        let (mut worst, mut worst_sum) = (0.0_f64, 0.0_f64);
        for k in 0..100_000 {
            let t = (f64::from(k) + 0.37) / 100_000.0;
            let got = kernel.weights(t);
            let naive: [f64; N] = from_fn(|n| {
                let d = PI * (n as f64 - (N / 2 - 1) as f64 - t);
                let m = (N / 2) as f64;
                d.sin() / d * (d / m).sin() / (d / m)
            });
            let sum: f64 = naive.iter().sum();
            for n in 0..N {
                worst = worst.max((got[n] - naive[n] / sum).abs());
            }
            worst_sum = worst_sum.max((got.iter().sum::<f64>() - 1.0).abs());
        }
        println!("Lanczos-{}: weights within {worst:.1e}, their sum within {worst_sum:.1e}", N / 2);
        assert!(worst < 1e-9, "{worst:e}");
        assert!(worst_sum < 8.0 * f64::EPSILON, "{worst_sum:e}");
        let at_zero = kernel.weights(0.0);
        assert!((0..N).all(|n| at_zero[n] == f64::from(u8::from(n == N / 2 - 1))), "{at_zero:?}");
    }

    #[test]
    fn weights_are_near_those_of_the_exact_kernel() {
        check(&LANCZOS2);
        check(&LANCZOS3);
        check(&LANCZOS4);
        check(&LANCZOS5);
    }

    #[test]
    fn sine() {
        for k in -4000..4000 {
            let d = f64::from(k) / 777.0;
            assert!((sin_pi(d) - (PI * d).sin()).abs() < 4e-15, "{d}");
        }
        assert!((-9..9).all(|k| sin_pi(f64::from(k)) == 0.0));
    }
}
