//! TNX and ZPX: the distortion surfaces of IRAF in WATi_nnn
//! (<https://fits.gsfc.nasa.gov/registry/tnx.html>, <https://fits.gsfc.nasa.gov/registry/zpxwcs.html>).

use super::polynomial::Polynomials;
use crate::error::Error;
use crate::header::Header;
use crate::wcs::refusal::refuse;

/// Highest number of terms along an axis; IRAF's own fits stay far below.
const MAX_ORDER: usize = 20;
/// IRAF writes one long string in pieces of this length; FITS readers strip the blanks at the end of a piece.
const PIECE: usize = 68;

/// `ξ' = ξ + lngcor(ξ, η)`, `η' = η + latcor(ξ, η)`, in degrees.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Iraf {
    /// lngcor and latcor; without one, that coordinate is not corrected.
    surfaces: [Option<Surface>; 2],
}

/// One surface: a polynomial in coordinates that run from -1 to 1 over its domain, or in ξ and η themselves.
#[derive(Clone, Debug, PartialEq)]
struct Surface {
    scale: [f64; 2],
    offset: [f64; 2],
    polynomial: Polynomials<1>,
}

impl Iraf {
    /// Reads the strings of the longitude and the latitude axis (1-based).
    pub(crate) fn from_header(header: &Header, axes: [usize; 2]) -> Result<Iraf, Error> {
        let [lon, lat] = axes;
        Ok(Iraf { surfaces: [surface(header, lon, "lngcor")?, surface(header, lat, "latcor")?] })
    }

    /// The distorted intermediate world coordinates.
    pub(crate) fn value(&self, x: f64, y: f64) -> [f64; 2] {
        let correction = |surface: &Option<Surface>| surface.as_ref().map_or(0.0, |surface| surface.value(x, y));
        [x + correction(&self.surfaces[0]), y + correction(&self.surfaces[1])]
    }

    pub(crate) fn gradient(&self, x: f64, y: f64) -> ([f64; 2], [[f64; 2]; 2]) {
        let mut value = [x, y];
        let mut slope = [[1.0, 0.0], [0.0, 1.0]];
        for (n, surface) in self.surfaces.iter().enumerate() {
            if let Some(surface) = surface {
                let (correction, gradient) = surface.gradient(x, y);
                value[n] += correction;
                slope[n][0] += gradient[0];
                slope[n][1] += gradient[1];
            }
        }
        (value, slope)
    }
}

impl Surface {
    fn value(&self, x: f64, y: f64) -> f64 {
        self.polynomial.value(x * self.scale[0] + self.offset[0], y * self.scale[1] + self.offset[1])[0]
    }

    fn gradient(&self, x: f64, y: f64) -> (f64, [f64; 2]) {
        let ([value], [slope]) =
            self.polynomial.gradient(x * self.scale[0] + self.offset[0], y * self.scale[1] + self.offset[1]);
        (value, [slope[0] * self.scale[0], slope[1] * self.scale[1]])
    }
}

/// The parameters projp0, projp1, … of ZPX, which are PVi_m of ZPN. wcslib and this read those of the latitude axis.
pub(crate) fn radial_parameters(header: &Header, axis: usize) -> Result<Vec<(usize, f64)>, Error> {
    let (keyword, text) = attributes(header, axis)?;
    let mut parameters = Vec::new();
    for piece in text.split("projp").skip(1) {
        let wrong = || refuse(&keyword, format!("projp{piece:.20}"), "expected projpN = number, N up to 20");
        let (m, rest) = piece.split_once('=').ok_or_else(wrong)?;
        let number = rest.split_whitespace().next().unwrap_or("");
        let m = m.trim().parse::<usize>().ok().filter(|m| *m <= 20).ok_or_else(wrong)?;
        let value = number.parse::<f64>().ok().filter(|value| value.is_finite()).ok_or_else(wrong)?;
        parameters.push((m, value));
    }
    if parameters.is_empty() {
        return Err(refuse(&keyword, "(no projp)", "expected projp0, projp1, … for ZPX"));
    }
    Ok(parameters)
}

/// All WAT cards of an axis put together, and the first keyword for messages.
fn attributes(header: &Header, axis: usize) -> Result<(String, String), Error> {
    let first = format!("WAT{axis}_001");
    let mut text = String::new();
    for n in 1..1000 {
        let Some(piece) = header.text(&format!("WAT{axis}_{n:03}"))? else { break };
        text.push_str(&format!("{piece:<PIECE$}"));
    }
    if text.is_empty() {
        return Err(refuse(&first, "(missing)", "TNX and ZPX need it"));
    }
    Ok((first, text))
}

fn surface(header: &Header, axis: usize, name: &str) -> Result<Option<Surface>, Error> {
    let (keyword, text) = attributes(header, axis)?;
    let Some((_, rest)) = text.split_once(name) else { return Ok(None) };
    let wrong = |what: &str| refuse(&keyword, format!("{name} …"), what);
    let mut quoted = rest.split('"');
    let (Some(equals), Some(list), Some(_)) = (quoted.next(), quoted.next(), quoted.next()) else {
        return Err(wrong("expected a list of numbers in double quotes"));
    };
    if equals.trim() != "=" {
        return Err(wrong("expected an equals sign and a list in double quotes"));
    }
    let mut numbers = Vec::new();
    for word in list.split_whitespace() {
        match word.replace(['d', 'D'], "e").parse::<f64>() {
            Ok(number) if number.is_finite() => numbers.push(number),
            _ => return Err(refuse(&keyword, word, "expected a number")),
        }
    }
    let Some(([kind, x_order, y_order, cross, x_min, x_max, y_min, y_max], coefficients)) = numbers.split_first_chunk()
    else {
        return Err(wrong("expected type, two orders, type of cross terms and four limits"));
    };
    let order = |value: f64| {
        let count = value as usize;
        if value == count as f64 && (1..=MAX_ORDER).contains(&count) {
            Ok(count)
        } else {
            Err(wrong("expected orders from 1 to 20"))
        }
    };
    let (columns, rows) = (order(*x_order)?, order(*y_order)?);
    let basis = match kind {
        1.0 => chebyshev,
        2.0 => legendre,
        3.0 => monomial,
        _ => return Err(wrong("expected surface type 1 (Chebyshev), 2 (Legendre) or 3 (polynomial)")),
    };
    let in_use: fn(usize, usize, usize) -> bool = match cross {
        0.0 => |m, n, _| m == 0 || n == 0,
        1.0 => |_, _, _| true,
        2.0 => |m, n, longest| m + n < longest,
        _ => return Err(wrong("expected cross terms 0 (none), 1 (full) or 2 (half)")),
    };
    // x runs fastest.
    let longest = columns.max(rows);
    let terms: Vec<(usize, usize)> =
        (0..rows).flat_map(|n| (0..columns).map(move |m| (m, n))).filter(|&(m, n)| in_use(m, n, longest)).collect();
    if terms.len() != coefficients.len() {
        return Err(wrong(&format!("expected {} coefficients, found {}", terms.len(), coefficients.len())));
    }
    let (mut scale, mut offset) = ([1.0; 2], [0.0; 2]);
    if *kind != 3.0 {
        for (axis, (min, max)) in [(x_min, x_max), (y_min, y_max)].into_iter().enumerate() {
            if min == max {
                return Err(wrong("expected limits that differ"));
            }
            (scale[axis], offset[axis]) = (2.0 / (max - min), -(max + min) / (max - min));
        }
    }
    let degree = terms.iter().map(|(m, n)| m + n).max().unwrap_or(0);
    let mut powers = vec![vec![0.0; degree + 1]; degree + 1];
    for (&(m, n), value) in terms.iter().zip(coefficients) {
        let (x, y) = (basis(m), basis(n));
        for (i, a) in x.iter().enumerate() {
            for (j, b) in y.iter().enumerate() {
                powers[i][j] += value * a * b;
            }
        }
    }
    Ok(Some(Surface { scale, offset, polynomial: Polynomials::new(degree, |i, j| [powers[i][j]]) }))
}

/// The powers of x in the basis function of degree n, from x⁰ up.
fn monomial(n: usize) -> Vec<f64> {
    (0..=n).map(|i| if i == n { 1.0 } else { 0.0 }).collect()
}

/// `T_n = 2 x T_(n-1) - T_(n-2)`
fn chebyshev(n: usize) -> Vec<f64> {
    recurrence(n, |_| (2.0, 1.0))
}

/// `n P_n = (2n - 1) x P_(n-1) - (n - 1) P_(n-2)`
fn legendre(n: usize) -> Vec<f64> {
    recurrence(n, |n| ((2.0 * n - 1.0) / n, (n - 1.0) / n))
}

/// `f_n = a x f_(n-1) - b f_(n-2)` with `(a, b) = step(n)`, from `f_0 = 1`, `f_1 = x`.
fn recurrence(n: usize, step: impl Fn(f64) -> (f64, f64)) -> Vec<f64> {
    let (mut before, mut current) = (Vec::new(), vec![1.0]);
    for k in 1..=n {
        let (a, b) = if k == 1 { (1.0, 0.0) } else { step(k as f64) };
        let mut next = vec![0.0; k + 1];
        for (next, c) in next.iter_mut().skip(1).zip(&current) {
            *next = a * c;
        }
        for (next, c) in next.iter_mut().zip(&before) {
            *next -= b * c;
        }
        (before, current) = (current, next);
    }
    current
}
