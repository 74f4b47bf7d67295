//! Quadrilateralised spherical cubes, Calabretta & Greisen (2002), section 5.6: TSC, CSC, QSC.
//!
//! The six faces are squares of 90°, laid out as a T lying on its side: faces 1 to 4 along the equator from φ = 0,
//! face 0 above and face 5 below face 1. Inside, face coordinates run over [-1, 1].

use super::project::{Plane, Project, UNDEFINED_PLANE, UNDEFINED_VECTOR};
use crate::direction::{Vector, dot};

/// Degrees in a unit of the face coordinates.
const HALF_FACE: f64 = 45.0;

/// A face as three orthonormal directions: towards the centre (ζ), along x (ξ) and along y (η), with its place in the plane.
struct Face {
    zeta: Vector,
    xi: Vector,
    eta: Vector,
    centre: [f64; 2],
}

const NORTH: Vector = [0.0, 0.0, 1.0];

/// Section 5.6: (ξ, η, ζ) of each face in terms of (l, m, n).
const FACES: [Face; 6] = [
    Face { zeta: NORTH, xi: [0.0, 1.0, 0.0], eta: [-1.0, 0.0, 0.0], centre: [0.0, 2.0] },
    Face { zeta: [1.0, 0.0, 0.0], xi: [0.0, 1.0, 0.0], eta: NORTH, centre: [0.0, 0.0] },
    Face { zeta: [0.0, 1.0, 0.0], xi: [-1.0, 0.0, 0.0], eta: NORTH, centre: [2.0, 0.0] },
    Face { zeta: [-1.0, 0.0, 0.0], xi: [0.0, -1.0, 0.0], eta: NORTH, centre: [4.0, 0.0] },
    Face { zeta: [0.0, -1.0, 0.0], xi: [1.0, 0.0, 0.0], eta: NORTH, centre: [6.0, 0.0] },
    Face { zeta: [0.0, 0.0, -1.0], xi: [0.0, 1.0, 0.0], eta: [1.0, 0.0, 0.0], centre: [0.0, -2.0] },
];

/// The face that a direction lies on; on an edge the first of them.
fn face_of(v: &Vector) -> &'static Face {
    let [first, rest @ ..] = &FACES;
    rest.iter()
        .fold((first, dot(first.zeta, *v)), |(best, zeta), face| {
            let other = dot(face.zeta, *v);
            if other > zeta { (face, other) } else { (best, zeta) }
        })
        .0
}

/// The face that a plane position (in face units) lies on and the position relative to its centre. The equatorial
/// faces repeat once to the left. Every sum is rounded by `round`. `None` off the cube.
fn unfold(mut x: f64, y: f64, round: impl Fn(f64) -> f64) -> Option<(&'static Face, f64, f64)> {
    let on_cube = if x.abs() <= 1.0 { y.abs() <= 3.0 } else { x.abs() <= 7.0 && y.abs() <= 1.0 };
    if !on_cube {
        return None;
    }
    if x < -1.0 {
        x = round(x + 8.0);
    }
    let [f0, f1, f2, f3, f4, f5] = &FACES;
    let face = if x > 5.0 {
        f4
    } else if x > 3.0 {
        f3
    } else if x > 1.0 {
        f2
    } else if y > 1.0 {
        f0
    } else if y < -1.0 {
        f5
    } else {
        f1
    };
    Some((face, round(x - face.centre[0]), round(y - face.centre[1])))
}

fn assemble(face: &Face, xi: f64, eta: f64, zeta: f64) -> Vector {
    std::array::from_fn(|i| xi * face.xi[i] + eta * face.eta[i] + zeta * face.zeta[i])
}

/// Plane position from face coordinates, which rounding may have pushed a little over the edge.
fn settle(face: &Face, x: f64, y: f64, tolerance: f64) -> Plane {
    if !(x.abs() <= 1.0 + tolerance && y.abs() <= 1.0 + tolerance) {
        return UNDEFINED_PLANE;
    }
    [HALF_FACE * (x.clamp(-1.0, 1.0) + face.centre[0]), HALF_FACE * (y.clamp(-1.0, 1.0) + face.centre[1])]
}

/// Tangential spherical cube, equations (155) to (162).
#[derive(Clone, Debug)]
pub(crate) struct Tsc;

impl Project for Tsc {
    fn project(&self, v: Vector) -> Plane {
        let face = face_of(&v);
        let zeta = dot(face.zeta, v);
        settle(face, dot(face.xi, v) / zeta, dot(face.eta, v) / zeta, 1e-12)
    }

    fn deproject(&self, [x, y]: Plane) -> Vector {
        let Some((face, x, y)) = unfold(x / HALF_FACE, y / HALF_FACE, |sum| sum) else { return UNDEFINED_VECTOR };
        let zeta = 1.0 / (1.0 + x * x + y * y).sqrt();
        assemble(face, x * zeta, y * zeta, zeta)
    }
}

/// COBE spherical cube, equations (163) to (170). Its two polynomials are approximate inverses of each other, good to
/// 24", and defined in single precision: as in wcslib and in the COBE software they are evaluated in `f32`.
#[derive(Clone, Debug)]
pub(crate) struct Csc;

/// Equation (166) for one coordinate; exchange the arguments for the other.
fn csc_forward(chi: f32, psi: f32) -> f32 {
    const GSTAR: f32 = 1.374_848_5;
    const MM: f32 = 0.004_869_492;
    const GAMMA: f32 = -0.131_616_71;
    const OMEGA1: f32 = -0.159_596_24;
    const D0: f32 = 0.075_919_62;
    const D1: f32 = -0.021_776_25;
    const C00: f32 = 0.141_189_63;
    const C10: f32 = 0.080_970_13;
    const C01: f32 = -0.281_528_54;
    const C11: f32 = 0.153_841_13;
    const C20: f32 = -0.178_251_2;
    const C02: f32 = 0.106_959_47;
    let (chi2, psi2) = (chi * chi, psi * psi);
    let (chi2co, psi2co) = (1.0 - chi2, 1.0 - psi2);
    let square = |s: f32| if s > 1e-16 { s * s } else { 0.0 };
    let (chi4, psi4) = (square(chi2), square(psi2));
    let chi2psi2 = if (chi * psi).abs() > 1e-16 { chi2 * psi2 } else { 0.0 };
    let inner = C00 + C10 * chi2 + C01 * psi2 + C11 * chi2psi2 + C20 * chi4 + C02 * psi4;
    let across = GAMMA * chi2co + MM * chi2 + psi2co * inner;
    chi * (chi2 + chi2co * (GSTAR + psi2 * across + chi2 * (OMEGA1 - chi2co * (D0 + D1 * chi2))))
}

// As published: the digits that single precision does not hold stay for comparison.
#[allow(clippy::excessive_precision)]
/// Equations (169), (170): P_ij, rows j, columns i.
const CSC_INVERSE: [&[f32]; 7] = [
    &[-0.272_926_96, -0.076_299_69, -0.227_970_56, 0.548_523_84, -0.629_300_65, 0.257_957_94, 0.025_843_75],
    &[-0.028_194_52, -0.014_715_65, 0.480_515_09, -1.741_144_54, 1.715_475_08, -0.530_223_37],
    &[0.270_581_60, -0.568_009_38, 0.308_033_17, 0.989_381_02, -0.831_804_69],
    &[-0.604_415_60, 1.508_800_86, -0.936_785_76, 0.086_938_41],
    &[0.934_120_77, -1.416_019_20, 0.338_874_46],
    &[-0.639_153_06, 0.520_322_38],
    &[0.143_815_85],
];

fn csc_inverse(x: f32, y: f32) -> f32 {
    let horner = |row: &[f32], t: f32| row.iter().rev().copied().reduce(|sum, c| c + t * sum).unwrap_or(0.0);
    let (xx, yy) = (x * x, y * y);
    let rows = CSC_INVERSE.map(|row| horner(row, xx));
    x + x * (1.0 - xx) * horner(&rows, yy)
}

/// To single precision and back.
fn single(x: f64) -> f64 {
    f64::from(x as f32)
}

impl Project for Csc {
    fn project(&self, v: Vector) -> Plane {
        let face = face_of(&v);
        let zeta = dot(face.zeta, v);
        let (chi, psi) = ((dot(face.xi, v) / zeta) as f32, (dot(face.eta, v) / zeta) as f32);
        let (x, y) = (csc_forward(chi, psi), csc_forward(psi, chi));
        settle(face, f64::from(x), f64::from(y), 1e-7).map(|sum| HALF_FACE * single(sum / HALF_FACE))
    }

    fn deproject(&self, [x, y]: Plane) -> Vector {
        let Some((face, x, y)) = unfold(single(x / HALF_FACE), single(y / HALF_FACE), single) else {
            return UNDEFINED_VECTOR;
        };
        let (x, y) = (x as f32, y as f32);
        let (chi, psi) = (csc_inverse(x, y), csc_inverse(y, x));
        let zeta = 1.0 / (f64::from(chi * chi + psi * psi) + 1.0).sqrt();
        // Rounding leaves the vector off the unit sphere; wcslib takes its height for the sine of the latitude.
        let [x, y, z] = assemble(face, f64::from(chi) * zeta, f64::from(psi) * zeta, zeta);
        let c = (x * x + y * y).sqrt();
        let shrink = if c > 0.0 { (1.0 - z * z).max(0.0).sqrt() / c } else { 1.0 };
        [x * shrink, y * shrink, z]
    }
}

/// Quadrilateralised spherical cube of equal area, equations (171) to (187).
#[derive(Clone, Debug)]
pub(crate) struct Qsc;

impl Project for Qsc {
    fn project(&self, v: Vector) -> Plane {
        let face = face_of(&v);
        let (xi, eta, zeta) = (dot(face.xi, v), dot(face.eta, v), dot(face.zeta, v));
        let (major, minor) = if xi.abs() > eta.abs() { (xi, eta) } else { (eta, xi) };
        if major == 0.0 {
            return settle(face, 0.0, 0.0, 0.0);
        }
        let omega = minor / major;
        let tau = 1.0 + omega * omega;
        // 1 - ζ without cancellation at the centre of the face.
        let from_centre = if zeta > 0.0 { (xi * xi + eta * eta) / (1.0 + zeta) } else { 1.0 - zeta };
        let long = (from_centre / (1.0 - 1.0 / (1.0 + tau).sqrt())).sqrt().copysign(major);
        let short = long / 15.0 * (omega.atan() - (omega / (2.0 * tau).sqrt()).asin()).to_degrees();
        let (x, y) = if xi.abs() > eta.abs() { (long, short) } else { (short, long) };
        settle(face, x, y, 1e-12)
    }

    fn deproject(&self, [x, y]: Plane) -> Vector {
        let Some((face, x, y)) = unfold(x / HALF_FACE, y / HALF_FACE, |sum| sum) else { return UNDEFINED_VECTOR };
        let (major, minor) = if x.abs() > y.abs() { (x, y) } else { (y, x) };
        if major == 0.0 {
            return face.zeta;
        }
        let (sin, cos) = (15.0 * minor / major).to_radians().sin_cos();
        let omega = sin / (cos - std::f64::consts::FRAC_1_SQRT_2);
        let tau = 1.0 + omega * omega;
        let from_centre = major * major * (1.0 - 1.0 / (1.0 + tau).sqrt());
        if !(from_centre <= 2.0 + 1e-12) {
            return UNDEFINED_VECTOR;
        }
        let long = (from_centre.min(2.0) * (2.0 - from_centre.min(2.0)) / tau).sqrt().copysign(major);
        let short = long * omega;
        let (xi, eta) = if x.abs() > y.abs() { (long, short) } else { (short, long) };
        assemble(face, xi, eta, 1.0 - from_centre)
    }
}
