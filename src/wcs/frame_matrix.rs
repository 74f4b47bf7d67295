//! The rotations between the celestial frames, as astropy.coordinates and its library ERFA define them.

use crate::direction::{Matrix, multiply, transpose};

/// Arcseconds to radians.
const ARCSEC: f64 = std::f64::consts::PI / (180.0 * 3600.0);

pub(crate) fn identity() -> Matrix {
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
}

/// The product of several matrices, the last of which is applied first.
pub(crate) fn times(factors: &[&Matrix]) -> Matrix {
    factors.iter().fold(identity(), |product, factor| multiply(&product, factor))
}

/// Rotation of the axes about x by `angle` radians.
fn about_x(angle: f64) -> Matrix {
    let (s, c) = angle.sin_cos();
    [[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]]
}

fn about_y(angle: f64) -> Matrix {
    let (s, c) = angle.sin_cos();
    [[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]]
}

fn about_z(angle: f64) -> Matrix {
    let (s, c) = angle.sin_cos();
    [[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]
}

/// `c0 + c1 t + c2 t² …`
fn polynomial(coefficients: &[f64], t: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * t + c)
}

/// Julian date of a Besselian epoch (Lieske 1979).
fn besselian_date(year: f64) -> f64 {
    2_415_020.313_52 + (year - 1900.0) * 365.242_198_781
}

fn julian_date(year: f64) -> f64 {
    2_451_545.0 + (year - 2000.0) * 365.25
}

/// The Julian epoch of a Besselian one.
pub(crate) fn besselian_to_julian(year: f64) -> f64 {
    2000.0 + (besselian_date(year) - 2_451_545.0) / 365.25
}

/// The Besselian epoch of a Julian one.
pub(crate) fn julian_to_besselian(year: f64) -> f64 {
    1900.0 + (julian_date(year) - 2_415_020.313_52) / 365.242_198_781
}

/// Bias, precession and obliquity by IAU 2006 in the angles of Fukushima & Williams: ICRS to the mean equator and equinox of
/// the Julian year (ERFA `pmat06`), and the mean obliquity in radians (`obl06`).
fn equator_of_date(year: f64) -> (Matrix, f64) {
    let t = (year - 2000.0) / 100.0;
    let gamma = polynomial(&[-0.052928, 10.556378, 0.4932044, -0.00031238, -0.000002788, 0.0000000260], t) * ARCSEC;
    let phi = polynomial(&[84381.412819, -46.811016, 0.0511268, 0.00053289, -0.000000440, -0.0000000176], t) * ARCSEC;
    let psi = polynomial(&[-0.041775, 5038.481484, 1.5584175, -0.00018522, -0.000026452, -0.0000000148], t) * ARCSEC;
    let epsilon = polynomial(&[84381.406, -46.836769, -0.0001831, 0.00200340, -0.000000576, -0.0000000434], t) * ARCSEC;
    (times(&[&about_x(-epsilon), &about_z(-psi), &about_x(phi), &about_z(gamma)]), epsilon)
}

/// FK5 from one Julian equinox to another: IAU 2006 precession without the frame bias, through J2000 (ERFA `bp06`).
pub(crate) fn fk5_precession(from: f64, to: f64) -> Matrix {
    let bias = equator_of_date(2000.0).0;
    let from_j2000 = |year: f64| multiply(&equator_of_date(year).0, &transpose(&bias));
    multiply(&from_j2000(to), &transpose(&from_j2000(from)))
}

/// ICRS to FK5 J2000 (USNO circular 179, section 3.5).
pub(crate) fn icrs_to_fk5() -> Matrix {
    let mas = 0.001 * ARCSEC;
    times(&[&about_x(19.9 * mas), &about_y(9.1 * mas), &about_z(-22.9 * mas)])
}

/// ICRS to the mean ecliptic and equinox of the Julian year (ERFA `ecm06`).
pub(crate) fn icrs_to_ecliptic(year: f64) -> Matrix {
    let (equator, obliquity) = equator_of_date(year);
    multiply(&about_x(obliquity), &equator)
}

/// FK4 without E-terms from one Besselian equinox to another: Newcomb's precession in tropical years
/// (Seidelmann 1992, Explanatory Supplement, 3.214).
pub(crate) fn fk4_precession(from: f64, to: f64) -> Matrix {
    let t = (from - 1850.0) / 1000.0;
    let dt = (to - 1850.0) / 1000.0 - t;
    let linear = 23035.545 + (139.720 + 0.060 * t) * t;
    let zeta = polynomial(&[0.0, linear, 30.240 - 0.27 * t, 17.995], dt) * ARCSEC;
    let z = polynomial(&[0.0, linear, 109.480 + 0.39 * t, 18.325], dt) * ARCSEC;
    let theta = polynomial(&[0.0, 20051.12 + (-85.29 - 0.37 * t) * t, -42.65 - 0.37 * t, -41.8], dt) * ARCSEC;
    times(&[&about_z(-z), &about_y(theta), &about_z(-zeta)])
}

/// FK4 B1950 without E-terms to FK5 J2000, for sources seen at the Julian year `obstime` (Murray 1989, A&A 218, 325,
/// equations 28 and 29). Orthogonal at 1950 only, to 1e-8 in 1980.
pub(crate) fn b1950_to_j2000(obstime: f64) -> Matrix {
    const AT_1950: Matrix = [
        [0.9999256794956877, -0.0111814832204662, -0.0048590038153592],
        [0.0111814832391717, 0.9999374848933135, -0.0000271625947142],
        [0.0048590037723143, -0.0000271702937440, 0.9999881946023742],
    ];
    // Per Julian century, in units of 1e-6.
    const RATE: Matrix = [
        [-0.0026455262, -1.1539918689, 2.1111346190],
        [1.1540628161, -0.0129042997, 0.0236021478],
        [-2.1112979048, -0.0056024448, 0.0102587734],
    ];
    let centuries = (obstime - 1950.0) / 100.0;
    [0, 1, 2].map(|row| [0, 1, 2].map(|column| AT_1950[row][column] + 1e-6 * RATE[row][column] * centuries))
}

/// The E-terms of aberration at a Besselian equinox (Seidelmann 1992, 3.53): what FK4 adds to a unit vector.
pub(crate) fn e_terms(equinox: f64) -> [f64; 3] {
    let date = besselian_date(equinox);
    let t = (date - besselian_date(1950.0)) / 36525.0;
    let k = 0.0056932_f64.to_radians() * polynomial(&[0.01673011, -0.00004193, -0.000000126], t);
    let (sin_g, cos_g) = (polynomial(&[1015489.951, 6190.67, 1.65, 0.012], t) * ARCSEC).sin_cos();
    // IAU 1980 mean obliquity, by centuries from J2000.
    let t2000 = (date - 2_451_545.0) / 36525.0;
    let (sin_o, cos_o) = (polynomial(&[84381.448, -46.8150, -0.00059, 0.001813], t2000) * ARCSEC).sin_cos();
    [k * sin_g, -k * cos_g * cos_o, -k * cos_g * sin_o]
}

/// A frame whose pole lies at `pole` (longitude, latitude in degrees) and in which the old pole has the longitude `node`.
fn from_pole(pole: [f64; 2], node: f64) -> Matrix {
    times(&[
        &about_z((180.0 - node).to_radians()),
        &about_y((90.0 - pole[1]).to_radians()),
        &about_z(pole[0].to_radians()),
    ])
}

/// FK5 J2000 to Galactic, with the pole that astropy derives from its IAU 1958 definition.
pub(crate) fn galactic_from_fk5() -> Matrix {
    from_pole([192.8594812065348, 27.12825118085622], 122.9319185680026)
}

/// FK4 B1950 without E-terms to Galactic: the IAU 1958 definition (Blaauw et al. 1960).
pub(crate) fn galactic_from_fk4() -> Matrix {
    from_pole([192.25, 27.4], 123.0)
}

/// Galactic to supergalactic (Lahav et al. 2000).
pub(crate) fn supergalactic() -> Matrix {
    from_pole([47.37, 6.32], 90.0)
}
