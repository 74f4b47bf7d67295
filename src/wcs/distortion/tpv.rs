//! TPV: a tangent plane with polynomial distortion in PVi_m
//! (<https://fits.gsfc.nasa.gov/registry/tpvwcs/tpv.html>), as written by SCAMP.

use super::polynomial::Polynomials;
use crate::error::Error;
use crate::header::Header;
use crate::wcs::refusal::{finite, refuse};

/// Highest m of PVi_m.
const TERMS: usize = 39;
const DEGREE: usize = 7;

/// `ξ' = Σ PV_ξ,m t_m(ξ, η)`, `η' = Σ PV_η,m t_m(η, ξ)`, in degrees.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tpv {
    polynomials: Polynomials<2>,
    /// Coefficients of r, r³, r⁵, r⁷ for ξ and η, if any is not zero.
    radial: Option<[[f64; 4]; 2]>,
}

/// The term with coefficient m: a power of the own coordinate times one of the other, or an odd power of the radius.
enum Term {
    Product(usize, usize),
    Radius(usize),
}

/// Terms come by degree, `x^d, x^(d-1) y, …, y^d`, and after each odd degree `r^d`.
fn term(m: usize) -> Option<Term> {
    let mut first = 0;
    for degree in 0..=DEGREE {
        if m <= first + degree {
            let other = m - first;
            return Some(Term::Product(degree - other, other));
        }
        first += degree + 1;
        if degree % 2 == 1 {
            if m == first {
                return Some(Term::Radius(degree / 2));
            }
            first += 1;
        }
    }
    None
}

impl Tpv {
    /// Reads PVi_m for the longitude axis and the latitude axis (1-based).
    ///
    /// PVi_1 is 1 where it is not given and all others 0, as the convention says; wcslib takes 0, which maps the whole image onto one
    /// point or line.
    pub(crate) fn from_header(header: &Header, axes: [usize; 2], suffix: &str) -> Result<Tpv, Error> {
        let mut products = [[[0.0; DEGREE + 1]; DEGREE + 1]; 2];
        let mut radial = [[0.0; 4]; 2];
        for (own, axis) in axes.into_iter().enumerate() {
            if let Some((keyword, m)) = cards(header, axis, suffix).find(|(_, m)| *m > TERMS) {
                return Err(refuse(&keyword, m, "expected PVi_m with m up to 39 for TPV"));
            }
            for m in 0..=TERMS {
                let given = finite(header, &format!("PV{axis}_{m}{suffix}"))?;
                let value = given.unwrap_or(if m == 1 { 1.0 } else { 0.0 });
                match term(m) {
                    // The polynomial of η counts its powers with η first.
                    Some(Term::Product(i, j)) if own == 0 => products[0][i][j] = value,
                    Some(Term::Product(i, j)) => products[1][j][i] = value,
                    Some(Term::Radius(k)) => radial[own][k] = value,
                    None => {}
                }
            }
        }
        let degree = (0..=DEGREE)
            .rev()
            .find(|&degree| (0..=degree).any(|i| products.iter().any(|p| p[i][degree - i] != 0.0)))
            .unwrap_or(0);
        let polynomials = Polynomials::new(degree, |i, j| [products[0][i][j], products[1][i][j]]);
        Ok(Tpv { polynomials, radial: (radial != [[0.0; 4]; 2]).then_some(radial) })
    }

    /// The distorted intermediate world coordinates.
    pub(crate) fn value(&self, x: f64, y: f64) -> [f64; 2] {
        let value = self.polynomials.value(x, y);
        match &self.radial {
            None => value,
            Some(radial) => {
                let square = x * x + y * y;
                let r = square.sqrt();
                [0, 1].map(|n| value[n] + r * radial[n].iter().rev().fold(0.0, |sum, c| sum * square + c))
            }
        }
    }

    pub(crate) fn gradient(&self, x: f64, y: f64) -> ([f64; 2], [[f64; 2]; 2]) {
        let (_, mut slope) = self.polynomials.gradient(x, y);
        if let Some(radial) = &self.radial {
            let square = x * x + y * y;
            let r = square.sqrt();
            if r > 0.0 {
                for (slope, radial) in slope.iter_mut().zip(radial) {
                    // d/dr of c0 r + c1 r³ + …
                    let rate = (0..4).rev().fold(0.0, |sum, k| sum * square + (2 * k + 1) as f64 * radial[k]);
                    slope[0] += rate * x / r;
                    slope[1] += rate * y / r;
                }
            }
        }
        (self.value(x, y), slope)
    }
}

/// The keywords `PV{axis}_m{suffix}` of a header, with m.
pub(crate) fn cards<'h>(
    header: &'h Header,
    axis: usize,
    suffix: &'h str,
) -> impl Iterator<Item = (String, usize)> + 'h {
    let prefix = format!("PV{axis}_");
    header.cards().filter_map(move |(keyword, ..)| {
        let m = keyword.strip_prefix(&prefix)?.strip_suffix(suffix)?;
        let m = m.parse().ok().filter(|_| m.bytes().all(|b| b.is_ascii_digit()))?;
        Some((keyword.to_owned(), m))
    })
}
