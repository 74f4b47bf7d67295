//! Distortions: what a header says beyond the linear transformation and the projection.
//!
//! They act in two places. On the pixel side, in the order of astropy, the detector tables (D2IMDISj) come first and then the sum of
//! SIP and the CPDISj tables; on the plane side, between linear transformation and projection, TPV, TNX, ZPX or the polynomial of a
//! DSS plate solution. [`interpret`] takes all of that out of a header and leaves a plain one.

mod dss;
mod iraf;
mod lookup;
mod newton;
mod polynomial;
mod sip;
mod tpv;

use super::refusal::refuse;
use crate::error::Error;
use crate::header::Header;
use dss::Dss;
use iraf::Iraf;
use lookup::Lookup;
pub use lookup::LookupTables;
use sip::Sip;
use tpv::Tpv;

/// A header without distortions and the distortions that it had.
#[derive(Clone, Debug)]
pub(crate) struct Interpreted {
    /// Standard keywords only: CTYPE without -SIP, TAN for TPV, TNX and DSS, ZPN with PVi_m for ZPX.
    pub(crate) header: Header,
    /// Between pixels and the linear transformation.
    pub(crate) pixel: Option<PixelDistortion>,
    /// Between the linear transformation and the projection.
    pub(crate) plane: Option<PlaneDistortion>,
}

/// Separates the distortions from the description `alternative` of a header.
///
/// Where conventions meet, the choice is astropy's: PVi_m with m of 5 and more turn a TAN without -SIP into TPV (SCAMP before 2012) and are
/// ignored with -SIP; TPV displaces SIP. A DSS plate solution, which is always of the primary description, displaces everything else.
///
/// # Errors
/// [`Error::Wcs`] naming the card, for orders out of range, wrong counts, numbers that are not finite, functions that are not supported,
/// and tables that are needed without `tables`.
pub(crate) fn interpret(
    header: &Header,
    alternative: Option<char>,
    tables: Option<&dyn LookupTables>,
) -> Result<Interpreted, Error> {
    let alternative = alternative.filter(|letter| *letter != ' ').map(|letter| letter.to_ascii_uppercase());
    let suffix = alternative.map(String::from).unwrap_or_default();
    let mut plain = header.clone();
    if alternative.is_none() && dss::is_present(header) {
        let plane = Some(PlaneDistortion::Dss(dss::translate(&mut plain)?));
        return Ok(Interpreted { header: plain, pixel: None, plane });
    }
    for keyword in ["CQDIS1", "CQDIS2"].map(|keyword| format!("{keyword}{suffix}")) {
        if let Some(name) = header.text(&keyword)? {
            return Err(refuse(
                &keyword,
                name,
                "distortion functions after the linear transformation are not supported",
            ));
        }
    }
    let mut plane = None;
    let mut with_sip = true;
    let axes = plane_axes(header, &suffix)?;
    if let Some(axes) = &axes {
        let many_pv = axes.numbers.iter().any(|&axis| tpv::cards(header, axis, &suffix).any(|(_, m)| m >= 5));
        let numbers = axes.numbers;
        match axes.code.as_str() {
            "TPV" => plane = Some(PlaneDistortion::Tpv(Tpv::from_header(header, numbers, &suffix)?)),
            "TAN" if many_pv && !axes.sip && alternative.is_none() => {
                plane = Some(PlaneDistortion::Tpv(Tpv::from_header(header, numbers, &suffix)?));
            }
            "TNX" | "ZPX" => plane = Some(PlaneDistortion::Iraf(Iraf::from_header(header, numbers)?)),
            _ => {}
        }
        with_sip = !matches!(plane, Some(PlaneDistortion::Tpv(_)));
        if !with_sip || (axes.code == "TAN" && axes.sip && many_pv) {
            for axis in numbers {
                let keywords: Vec<_> = tpv::cards(header, axis, &suffix).map(|(keyword, _)| keyword).collect();
                keywords.iter().for_each(|keyword| plain.remove(keyword));
            }
        }
        if axes.code == "ZPX" {
            for (m, value) in iraf::radial_parameters(header, numbers[1])? {
                plain.set(&format!("PV{}_{m}{suffix}", numbers[1]), value, "projp of ZPX");
            }
        }
        let code = match axes.code.as_str() {
            "TPV" | "TNX" => "TAN",
            "ZPX" => "ZPN",
            code => code,
        };
        for (axis, name) in numbers.iter().zip(&axes.names) {
            plain.set(&format!("CTYPE{axis}{suffix}"), format!("{name}{code}"), "");
        }
    }
    let origin = [header.f64(&format!("CRPIX1{suffix}"))?, header.f64(&format!("CRPIX2{suffix}"))?];
    let origin = origin.map(|crpix| crpix.unwrap_or(0.0) - 1.0);
    let sip = if with_sip { Sip::from_header(header, origin)? } else { None };
    let pixel = PixelDistortion { d2im: Lookup::d2im(header, tables)?, sip, cpdis: Lookup::cpdis(header, tables)? };
    let used = pixel.d2im.is_some() || pixel.sip.is_some() || pixel.cpdis.is_some();
    let distortion_cards: Vec<String> =
        header.cards().map(|(keyword, ..)| keyword.to_owned()).filter(|keyword| is_card(keyword)).collect();
    distortion_cards.iter().for_each(|keyword| plain.remove(keyword));
    Ok(Interpreted { header: plain, pixel: used.then_some(pixel), plane })
}

/// The two celestial axes of a header, as far as distortions are concerned.
struct PlaneAxes {
    /// Numbers, from 1, of the longitude and of the latitude axis.
    numbers: [usize; 2],
    /// Axis type with its dashes: "RA---", "DEC--".
    names: [String; 2],
    /// Projection code.
    code: String,
    /// Whether both end in -SIP.
    sip: bool,
}

fn plane_axes(header: &Header, suffix: &str) -> Result<Option<PlaneAxes>, Error> {
    let mut found: [Option<(usize, String, String, bool)>; 2] = [None, None];
    for number in 1..=99 {
        let keyword = format!("CTYPE{number}{suffix}");
        if number > 9 && header.get(&keyword).is_none() {
            break;
        }
        let Some(ctype) = header.text(&keyword)? else { continue };
        let ctype = ctype.trim().to_ascii_uppercase();
        let (plain, sip) = ctype.strip_suffix("-SIP").map_or((ctype.as_str(), false), |plain| (plain, true));
        // Four letters of the axis, a dash, three of the projection.
        let Some((name, code)) =
            plain.split_at_checked(5).filter(|(name, code)| name.ends_with('-') && code.len() == 3)
        else {
            continue;
        };
        let axis = name.trim_end_matches('-');
        let latitude = match axis {
            "RA" => false,
            "DEC" => true,
            _ if axis.ends_with("LON") || axis.ends_with("LN") => false,
            _ if axis.ends_with("LAT") || axis.ends_with("LT") => true,
            _ => continue,
        };
        if let Some(slot) = found.get_mut(usize::from(latitude)) {
            slot.get_or_insert((number, name.to_owned(), code.to_owned(), sip));
        }
    }
    let [Some(lon), Some(lat)] = found else { return Ok(None) };
    if lon.2 != lat.2 && [&lon.2, &lat.2].iter().any(|code| matches!(code.as_str(), "TPV" | "TNX" | "ZPX")) {
        let (keyword, value) = (format!("CTYPE{}{suffix}", lat.0), format!("{}{}", lat.1, lat.2));
        return Err(refuse(&keyword, value, format!("expected the projection {} of CTYPE{}{suffix}", lon.2, lon.0)));
    }
    Ok(Some(PlaneAxes { numbers: [lon.0, lat.0], names: [lon.1, lat.1], code: lon.2, sip: lon.3 && lat.3 }))
}

/// Whether a keyword is one of those that [`interpret`] reads and takes out.
pub(crate) fn is_card(keyword: &str) -> bool {
    let indexed = |start: &str| keyword.strip_prefix(start).is_some_and(|rest| rest == "1" || rest == "2");
    let tables = ["CPDIS", "CPERR", "DP", "D2IMDIS", "D2IMERR", "D2IM"];
    let wat = keyword.strip_prefix("WAT").is_some_and(|rest| rest.len() == 5 && rest.as_bytes().get(1) == Some(&b'_'));
    sip::is_card(keyword) || tables.into_iter().any(indexed) || wat || keyword == "AXISCORR"
}

/// From pixels to corrected pixels, both 0-based.
#[derive(Clone, Debug)]
pub(crate) struct PixelDistortion {
    d2im: Option<Lookup>,
    sip: Option<Sip>,
    cpdis: Option<Lookup>,
}

/// Pixels: what may be left of a target in an inverse. Rounding at coordinate 10⁵ is 10⁻¹¹.
const PIXEL_TOLERANCE: f64 = 2e-10;

impl PixelDistortion {
    /// The corrected pixel; `None` if it is not finite.
    #[inline]
    pub(crate) fn forward(&self, x: f64, y: f64) -> Option<[f64; 2]> {
        let [x, y] = match &self.d2im {
            None => [x, y],
            Some(lookup) => {
                let [dx, dy] = lookup.correction(x, y)?;
                [x + dx, y + dy]
            }
        };
        let mut corrected = [x, y];
        if let Some(sip) = &self.sip {
            let [dx, dy] = sip.correction(x, y);
            corrected = [corrected[0] + dx, corrected[1] + dy];
        }
        if let Some(lookup) = &self.cpdis {
            let [dx, dy] = lookup.correction(x, y)?;
            corrected = [corrected[0] + dx, corrected[1] + dy];
        }
        finite(corrected)
    }

    /// The pixel whose correction is (x, y), to 10⁻⁹ pixel; `None` if there is none that Newton's method reaches from the
    /// header's own inverse (AP, BP) or from the corrected pixel.
    pub(crate) fn inverse(&self, x: f64, y: f64) -> Option<[f64; 2]> {
        let mut point = [x, y];
        if self.sip.is_some() || self.cpdis.is_some() {
            let map = |[x, y]: [f64; 2]| {
                let (mut value, mut jacobian) = ([x, y], [[1.0, 0.0], [0.0, 1.0]]);
                if let Some(sip) = &self.sip {
                    add(&mut value, &mut jacobian, sip.gradient(x, y));
                }
                if let Some(lookup) = &self.cpdis {
                    add(&mut value, &mut jacobian, lookup.gradient(x, y)?);
                }
                Some((value, jacobian))
            };
            let guess = self.sip.as_ref().map_or(point, |sip| sip.guess(x, y));
            let guessed = finite(guess).and_then(|start| newton::invert([x, y], start, PIXEL_TOLERANCE, map));
            point = match guessed {
                None if guess != [x, y] => newton::invert([x, y], [x, y], PIXEL_TOLERANCE, map),
                guessed => guessed,
            }?;
        }
        if let Some(lookup) = &self.d2im {
            let map = |[x, y]: [f64; 2]| {
                let (mut value, mut jacobian) = ([x, y], [[1.0, 0.0], [0.0, 1.0]]);
                add(&mut value, &mut jacobian, lookup.gradient(x, y)?);
                Some((value, jacobian))
            };
            point = newton::invert(point, point, PIXEL_TOLERANCE, map)?;
        }
        finite(point)
    }
}

/// From intermediate world coordinates (ξ along longitude, η along latitude, in degrees) to those that are projected.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PlaneDistortion {
    /// Polynomial in PVi_m.
    Tpv(Tpv),
    /// TNX and ZPX.
    Iraf(Iraf),
    /// Plate solution.
    Dss(Dss),
}

impl PlaneDistortion {
    /// The distorted coordinates; `None` if they are not finite.
    #[inline]
    pub(crate) fn forward(&self, x: f64, y: f64) -> Option<[f64; 2]> {
        finite(match self {
            PlaneDistortion::Tpv(tpv) => tpv.value(x, y),
            PlaneDistortion::Iraf(iraf) => iraf.value(x, y),
            PlaneDistortion::Dss(dss) => dss.value(x, y),
        })
    }

    /// The coordinates that are distorted to (x, y), to a relative 10⁻¹³ or 10⁻¹⁵ degree; `None` if Newton's method finds none.
    pub(crate) fn inverse(&self, x: f64, y: f64) -> Option<[f64; 2]> {
        let map = |[x, y]: [f64; 2]| {
            Some(match self {
                PlaneDistortion::Tpv(tpv) => tpv.gradient(x, y),
                PlaneDistortion::Iraf(iraf) => iraf.gradient(x, y),
                PlaneDistortion::Dss(dss) => dss.gradient(x, y),
            })
        };
        let tolerance = 1e-13 * x.abs().max(y.abs()) + 1e-15;
        newton::invert([x, y], [x, y], tolerance, map).and_then(finite)
    }
}

fn add(value: &mut [f64; 2], jacobian: &mut [[f64; 2]; 2], (correction, slope): newton::Linearised) {
    for n in 0..2 {
        value[n] += correction[n];
        jacobian[n][0] += slope[n][0];
        jacobian[n][1] += slope[n][1];
    }
}

#[cfg(test)]
mod tests;

fn finite(point: [f64; 2]) -> Option<[f64; 2]> {
    (point[0].is_finite() && point[1].is_finite()).then_some(point)
}
