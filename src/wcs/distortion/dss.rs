//! The plate solutions of the Digitized Sky Survey: AMDXm, AMDYm, PLTRAH, PPO3, XPIXELSZ, CNPIX1, …
//! (draft WCS Paper IV, Calabretta et al. 2004, section 5.2).

use super::polynomial::Polynomials;
use crate::error::Error;
use crate::header::Header;
use crate::wcs::refusal::refuse;

/// The polynomial part of a plate solution, on top of its linear part, which stands in CRPIX and CD.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dss {
    /// From the linear solution in degrees to plate coordinates in mm.
    to_plate: [[f64; 2]; 2],
    /// Plate coordinates in mm of the reference point.
    origin: [f64; 2],
    /// Non-linear terms in plate coordinates, in degrees.
    polynomials: Polynomials<2>,
}

/// Whether the header has a plate solution. It then counts and the plain WCS beside it, an approximation, does not.
pub(crate) fn is_present(header: &Header) -> bool {
    ["AMDX1", "AMDY1", "PPO3", "PLTRAH"].iter().all(|keyword| header.get(keyword).is_some())
}

/// Replaces the WCS of the header by the linear part of its plate solution, a TAN projection at the plate centre.
pub(crate) fn translate(header: &mut Header) -> Result<Dss, Error> {
    let number = |keyword: &str| match header.f64(keyword)? {
        Some(value) if value.is_finite() => Ok(value),
        Some(value) => Err(refuse(keyword, value, "expected a finite number")),
        None => Err(refuse(keyword, "(missing)", "the plate solution needs it")),
    };
    let optional = |keyword: &str| if header.get(keyword).is_some() { number(keyword) } else { Ok(0.0) };
    let mut amd = [[0.0; 14]; 2];
    for (name, amd) in ["AMDX", "AMDY"].iter().zip(&mut amd) {
        for (m, value) in amd.iter_mut().enumerate().skip(1) {
            *value = if m <= 3 { number(&format!("{name}{m}"))? } else { optional(&format!("{name}{m}"))? };
        }
        for m in 14..=20 {
            let keyword = format!("{name}{m}");
            let value = optional(&keyword)?;
            if value != 0.0 {
                return Err(refuse(&keyword, value, "terms in magnitude and colour are not supported"));
            }
        }
    }
    let [a, b] = amd;
    // ξ = a1 x + a2 y + a3 + …, η = b1 y + b2 x + b3 + … in arcseconds, (x, y) in mm on the plate.
    let determinant = a[1] * b[1] - a[2] * b[2];
    if determinant == 0.0 || !determinant.is_finite() {
        return Err(refuse("AMDX1", a[1], "the linear part of the plate solution is singular"));
    }
    let x0 = (a[2] * b[3] - a[3] * b[1]) / determinant;
    let y0 = (a[3] * b[2] - a[1] * b[3]) / determinant;
    let mm = |keyword: &str| number(keyword).map(|micrometres| micrometres / 1000.0);
    let (centre_x, centre_y) = (mm("PPO3")?, mm("PPO6")?);
    let (pixel_x, pixel_y) = (mm("XPIXELSZ")?, mm("YPIXELSZ")?);
    if pixel_x == 0.0 || pixel_y == 0.0 {
        let (keyword, value) = if pixel_x == 0.0 { ("XPIXELSZ", pixel_x) } else { ("YPIXELSZ", pixel_y) };
        return Err(refuse(keyword, value, "expected the size of a pixel in micrometres"));
    }
    let crpix1 = (centre_x - x0) / pixel_x - (number("CNPIX1")? - 0.5);
    let crpix2 = (centre_y + y0) / pixel_y - (number("CNPIX2")? - 0.5);
    let ra = 15.0 * (number("PLTRAH")? + (number("PLTRAM")? + number("PLTRAS")? / 60.0) / 60.0);
    let dec = number("PLTDECD")? + (number("PLTDECM")? + number("PLTDECS")? / 60.0) / 60.0;
    let south = header.text("PLTDECSN")?.is_some_and(|sign| sign.trim() == "-");

    // Terms 4 to 13, with (u, v) = (x, y) for ξ and (y, x) for η: u², uv, v², u²+v², u³, u²v, uv², v³, u(u²+v²), u(u²+v²)².
    let higher = |c: &[f64; 14], u: usize, v: usize| match (u, v) {
        (2, 0) => c[4] + c[7],
        (1, 1) => c[5],
        (0, 2) => c[6] + c[7],
        (3, 0) => c[8] + c[12],
        (2, 1) => c[9],
        (1, 2) => c[10] + c[12],
        (0, 3) => c[11],
        (5, 0) | (1, 4) => c[13],
        (3, 2) => 2.0 * c[13],
        _ => 0.0,
    };
    let degree = if a[13] == 0.0 && b[13] == 0.0 { 3 } else { 5 };
    let polynomials = Polynomials::new(degree, |i, j| [higher(&a, i, j) / 3600.0, higher(&b, j, i) / 3600.0]);
    let inverse = 3600.0 / determinant;
    let dss = Dss {
        to_plate: [[b[1] * inverse, -a[2] * inverse], [-b[2] * inverse, a[1] * inverse]],
        origin: [x0, y0],
        polynomials,
    };

    // x falls with the first pixel coordinate, y rises with the second.
    let cd = [[-a[1] * pixel_x, a[2] * pixel_y], [-b[2] * pixel_x, b[1] * pixel_y]];
    let linear: Vec<String> = header.cards().map(|(keyword, ..)| keyword.to_owned()).filter(|k| is_linear(k)).collect();
    for keyword in linear {
        header.remove(&keyword);
    }
    header.set("CTYPE1", "RA---TAN", "from the plate solution");
    header.set("CTYPE2", "DEC--TAN", "from the plate solution");
    header.set("CRPIX1", crpix1, "");
    header.set("CRPIX2", crpix2, "");
    header.set("CRVAL1", ra, "plate centre");
    header.set("CRVAL2", if south { -dec } else { dec }, "plate centre");
    for (i, row) in (1..).zip(cd) {
        for (j, value) in (1..).zip(row) {
            header.set(&format!("CD{i}_{j}"), value / 3600.0, "");
        }
    }
    Ok(dss)
}

/// Cards that the plate solution replaces. Those of alternative descriptions may go, too: only the primary one is read from here.
fn is_linear(keyword: &str) -> bool {
    let stems = ["CDELT", "CROTA", "PC", "CD1_", "CD2_", "PV1_", "PV2_", "CUNIT", "LONPOLE", "LATPOLE"];
    stems.iter().any(|stem| keyword.starts_with(stem))
}

impl Dss {
    fn plate(&self, x: f64, y: f64) -> [f64; 2] {
        [0, 1].map(|n| self.origin[n] + self.to_plate[n][0] * x + self.to_plate[n][1] * y)
    }

    /// Standard coordinates in degrees for those of the linear solution.
    pub(crate) fn value(&self, x: f64, y: f64) -> [f64; 2] {
        let [u, v] = self.plate(x, y);
        let [dx, dy] = self.polynomials.value(u, v);
        [x + dx, y + dy]
    }

    pub(crate) fn gradient(&self, x: f64, y: f64) -> ([f64; 2], [[f64; 2]; 2]) {
        let [u, v] = self.plate(x, y);
        let (value, slope) = self.polynomials.gradient(u, v);
        let mut jacobian = [[1.0, 0.0], [0.0, 1.0]];
        for (n, slope) in slope.iter().enumerate() {
            for (k, entry) in jacobian[n].iter_mut().enumerate() {
                *entry += slope[0] * self.to_plate[0][k] + slope[1] * self.to_plate[1][k];
            }
        }
        ([x + value[0], y + value[1]], jacobian)
    }
}
