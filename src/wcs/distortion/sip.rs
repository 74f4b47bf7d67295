//! SIP, the simple imaging polynomial (Shupe et al. 2005, ADASS XIV, 491).

use super::polynomial::Polynomials;
use crate::error::Error;
use crate::header::Header;
use crate::wcs::refusal::{finite, refuse};

/// Highest order of the convention.
const MAX_ORDER: i64 = 9;

/// Corrections in pixels to pixel offsets from CRPIX, and a first guess of the corrections back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sip {
    /// Reference pixel, 0-based.
    origin: [f64; 2],
    forward: Polynomials<2>,
    guess: Option<Polynomials<2>>,
}

impl Sip {
    /// Reads A_i_j, B_i_j and, if present, AP_i_j, BP_i_j; `None` if the header has no distortion by SIP.
    ///
    /// As in astropy the coefficients count whether or not CTYPE ends in -SIP, and orders below 2 mean no distortion; AP and BP
    /// without A and B are without effect. What astropy passes over in silence is refused here: one order below 2 and the other not,
    /// coefficients without an order or under an order below 2.
    pub(crate) fn from_header(header: &Header, origin: [f64; 2]) -> Result<Option<Sip>, Error> {
        let forward = pair(header, ["A", "B"])?;
        let guess = pair(header, ["AP", "BP"])?;
        Ok(forward.map(|forward| Sip { origin, forward, guess }))
    }

    /// The correction at a 0-based pixel.
    #[inline]
    pub(crate) fn correction(&self, x: f64, y: f64) -> [f64; 2] {
        self.forward.value(x - self.origin[0], y - self.origin[1])
    }

    pub(crate) fn gradient(&self, x: f64, y: f64) -> ([f64; 2], [[f64; 2]; 2]) {
        self.forward.gradient(x - self.origin[0], y - self.origin[1])
    }

    /// Roughly where a corrected pixel comes from: by AP and BP if the header has them, else the pixel itself.
    pub(crate) fn guess(&self, x: f64, y: f64) -> [f64; 2] {
        let [dx, dy] = match &self.guess {
            Some(guess) => guess.value(x - self.origin[0], y - self.origin[1]),
            None => [0.0; 2],
        };
        [x + dx, y + dy]
    }
}

/// Whether a keyword belongs to SIP: A_ORDER, BP_1_2, A_DMAX, ….
pub(crate) fn is_card(keyword: &str) -> bool {
    let Some((head, tail)) = keyword.split_once('_') else { return false };
    matches!(head, "A" | "B" | "AP" | "BP") && (tail == "ORDER" || tail == "DMAX" || powers(tail).is_some())
}

fn powers(tail: &str) -> Option<(usize, usize)> {
    let (i, j) = tail.split_once('_')?;
    let number = |text: &str| text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    Some((number(i)?, number(j)?))
}

fn pair(header: &Header, names: [&str; 2]) -> Result<Option<Polynomials<2>>, Error> {
    let mut orders = [0_usize; 2];
    for (order, name) in orders.iter_mut().zip(names) {
        let keyword = format!("{name}_ORDER");
        let value = header.i64(&keyword)?;
        if let Some(value) = value.filter(|value| !(0..=MAX_ORDER).contains(value)) {
            return Err(refuse(&keyword, value, "expected an order from 2 to 9"));
        }
        *order = value.and_then(|value| usize::try_from(value).ok()).unwrap_or(0);
        if *order < 2 {
            let stray = header.cards().map(|(keyword, ..)| keyword).find(|keyword| {
                let tail = keyword.strip_prefix(name).and_then(|tail| tail.strip_prefix('_'));
                tail.and_then(powers).is_some() && header.f64(keyword).ok().flatten() != Some(0.0)
            });
            if let Some(stray) = stray {
                let value = value.map_or("(missing)".to_owned(), |value| value.to_string());
                return Err(refuse(&keyword, value, format!("expected an order from 2 to 9, as there is {stray}")));
            }
        }
    }
    match orders {
        [0..=1, 0..=1] => return Ok(None),
        [a, b] if a < 2 || b < 2 => {
            let (missing, there) = if a < 2 { (names[0], names[1]) } else { (names[1], names[0]) };
            let keyword = format!("{missing}_ORDER");
            let value = header.get(&keyword).map_or("(missing)".to_owned(), |_| a.min(b).to_string());
            return Err(refuse(&keyword, value, format!("expected an order from 2 to 9, as there is {there}_ORDER")));
        }
        _ => {}
    }
    let mut failure = None;
    let polynomials = Polynomials::new(orders[0].max(orders[1]), |i, j| {
        [0, 1].map(|axis| {
            if i + j > orders[axis] {
                return 0.0;
            }
            finite(header, &format!("{}_{i}_{j}", names[axis]))
                .unwrap_or_else(|error| {
                    failure.get_or_insert(error);
                    None
                })
                .unwrap_or(0.0)
        })
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(Some(polynomials)),
    }
}
