//! HEALPix projections, Calabretta & Roukema (2007): HPX and its polar form XPH, the "butterfly".

use super::project::{Plane, Project, UNDEFINED_VECTOR, native};
use crate::direction::Vector;
use crate::wcs::trig::DEGREES;
use std::f64::consts::FRAC_1_SQRT_2;

/// Where the facets of a HEALPix projection meet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facets {
    /// |sin θ| at which the polar caps begin.
    pub(crate) transition: f64,
    /// Degrees of longitude between edges in the caps, counted from -180°; for both parities of K.
    pub(crate) spacing: f64,
}

/// HEALPix, equations (2) to (11) of Calabretta & Roukema (2007). Parameters PVi_1 = H (facets around the equator,
/// default 4) and PVi_2 = K (facets from pole to pole, default 3) on the latitude axis.
#[derive(Clone, Debug)]
pub(crate) struct Hpx {
    /// Half the width of a facet in degrees, 180° / H.
    half: f64,
    k: f64,
    odd_h: bool,
    odd_k: bool,
    /// Y per sin θ in the equatorial regime, degrees.
    scale: f64,
    /// Whether the base cell that native longitude 180° halves is shown whole, at the right: see [`Hpx::with_whole_cells`].
    whole_cells: bool,
}

/// Degrees in the plane by which a position on the border of a base cell may lie outside of it.
const ON_BORDER: f64 = 1e-10;

impl Hpx {
    pub(super) fn new(h: f64, k: f64) -> Option<Hpx> {
        let odd = |n: f64| (n + 0.5).floor() % 2.0 == 1.0;
        let ok = h > 0.0 && k > 0.0 && h.is_finite() && k.is_finite();
        ok.then(|| Hpx { half: 180.0 / h, k, odd_h: odd(h), odd_k: odd(k), scale: 90.0 * k / h, whole_cells: false })
    }

    /// The same plane with the twelve base cells of HEALPix as twelve whole squares: the left half of base cell 6, at X from -180° to -135°, is joined to
    /// its right half, at X from 180° to 225°. For H = 4 and K = 3; `None` for others.
    #[cfg(feature = "hips")]
    pub(crate) fn with_whole_cells(self) -> Option<Hpx> {
        (self.half == 45.0 && self.k == 3.0).then_some(Hpx { whole_cells: true, ..self })
    }

    pub(crate) fn has_whole_cells(&self) -> bool {
        self.whole_cells
    }

    /// Whether none of the whole base cells meets the hull of some positions of the plane, whose sides are parallel to those of the cells.
    pub(crate) fn is_off_cells(&self, hull: &[Plane]) -> bool {
        let [a, b] = squares(hull);
        self.whole_cells && !(a[0]..=a[1]).any(|a| (b[0]..=b[1]).any(|b| is_cell(a, b)))
    }

    /// Whether such a hull lies in one of the whole base cells.
    pub(crate) fn is_in_cell(&self, hull: &[Plane]) -> bool {
        let [a, b] = squares(hull);
        self.whole_cells && a[0] == a[1] && b[0] == b[1] && is_cell(a[0], b[0])
    }

    pub(crate) fn facets(&self) -> Facets {
        Facets { transition: (self.k - 1.0) / self.k, spacing: self.half }
    }

    /// Offset of a longitude (or X) from the centre of its facet. In the south facets are shifted by half for even K.
    fn offset_in_facet(&self, phi: f64, south: bool) -> f64 {
        let centre = -180.0 + (2.0 * ((phi + 180.0) / (2.0 * self.half)).floor() + 1.0) * self.half;
        let offset = phi - centre;
        if self.odd_k || !south {
            return offset;
        }
        let odd = ((phi / self.half).floor() % 2.0 != 0.0) != self.odd_h;
        if odd { offset - self.half } else { offset + self.half }
    }
}

/// The first and last of the 5 × 5 squares that base cells are, counted from -2 to 2 along both sides, that a hull meets; 3 and beyond are outside.
fn squares(hull: &[Plane]) -> [[i64; 2]; 2] {
    let square = |[x, y]: Plane| [(y - x) / 90.0, -(x + y) / 90.0];
    std::array::from_fn(|axis| {
        let along = hull.iter().map(|position| square(*position)[axis]);
        let (low, high) = along.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), c| (l.min(c), h.max(c)));
        // Squares are centred on whole numbers.
        [low + 0.5 + ON_BORDER, high + 0.5 - ON_BORDER].map(|edge| edge.floor().clamp(-3.0, 3.0) as i64)
    })
}

/// Whether a square is a base cell. The twelfth is whole in the first square, and so not in the last.
fn is_cell(a: i64, b: i64) -> bool {
    (a - b).abs() <= 1 && [a, b].iter().all(|c| (-2..=2).contains(c)) && (a, b) != (2, 2)
}

impl Project for Hpx {
    fn project(&self, [x, y, z]: Vector) -> Plane {
        let mut phi = y.atan2(x) * DEGREES;
        if self.whole_cells && phi == 180.0 {
            phi = -180.0;
        }
        if z.abs() <= (self.k - 1.0) / self.k {
            let y = self.scale * z;
            return [if self.whole_cells && phi + y.abs() < -135.0 { phi + 360.0 } else { phi }, y];
        }
        // σ = sqrt(K (1 - |sin θ|)), free of cancellation at the pole.
        let sigma = (self.k * (x * x + y * y) / (1.0 + z.abs())).sqrt();
        let x = phi + self.offset_in_facet(phi, z < 0.0) * (sigma - 1.0);
        let y = self.half * (0.5 * (self.k + 1.0) - sigma);
        // The half facet that the seam cuts off is put back on the right-hand side, as in wcslib.
        [if x > 180.0 { 360.0 - x } else { x }, y.copysign(z)]
    }

    fn deproject(&self, [x, y]: Plane) -> Vector {
        if self.whole_cells {
            return self.deproject_cells([x, y]);
        }
        let equatorial = 0.5 * self.half * (self.k - 1.0);
        if y.abs() <= equatorial {
            return native(x, (y / self.scale).asin() * DEGREES, 1e-12);
        }
        let sigma = 0.5 * (self.k + 1.0) - y.abs() / self.half;
        let fall = sigma * sigma / self.k;
        if !(sigma >= 0.0 && fall <= 2.0) {
            return UNDEFINED_VECTOR;
        }
        let offset = self.offset_in_facet(x, y < 0.0);
        // At the very pole every offset but zero lies outside the facet.
        let stretched = if sigma == 0.0 { offset * 1e9 } else { offset / sigma };
        if !(stretched.abs() < self.half + 1e-12) {
            return UNDEFINED_VECTOR;
        }
        let phi = x + (stretched - offset);
        if !(phi.abs() <= 180.0 + 1e-12) {
            return UNDEFINED_VECTOR;
        }
        in_cap(phi.clamp(-180.0, 180.0), fall, y)
    }
}

impl Hpx {
    /// [`deproject`](Project::deproject) where base cells are whole. What is undefined is measured in the plane, so that the borders of the cells are
    /// defined up to the poles: there a rounded position is a wide angle off.
    fn deproject_cells(&self, [x, y]: Plane) -> Vector {
        if x > 180.0 {
            let there = x + y.abs() <= 225.0 + ON_BORDER;
            return if there { self.equatorial(x - 360.0, y.clamp(-45.0, 45.0)) } else { UNDEFINED_VECTOR };
        }
        if y.abs() <= 45.0 {
            let there = x + y.abs() >= -135.0 - ON_BORDER;
            return if there { self.equatorial(x, y) } else { UNDEFINED_VECTOR };
        }
        let (sigma, offset) = (2.0 - y.abs() / 45.0, self.offset_in_facet(x.clamp(-180.0, 180.0), y < 0.0));
        if !(sigma >= -ON_BORDER && offset.abs() <= 45.0 * sigma + ON_BORDER && x >= -180.0 - ON_BORDER) {
            return UNDEFINED_VECTOR;
        }
        let sigma = sigma.max(0.0);
        let stretched = if sigma > 0.0 { (offset / sigma).clamp(-45.0, 45.0) } else { 0.0 };
        in_cap(x + (stretched - offset), sigma * sigma / 3.0, y)
    }

    fn equatorial(&self, phi: f64, y: f64) -> Vector {
        native(phi, (y / self.scale).asin() * DEGREES, ON_BORDER)
    }
}

/// The direction of a longitude at 1 - |sin θ| = `fall`, on the side of the sign of y.
fn in_cap(phi: f64, fall: f64, y: f64) -> Vector {
    let (sin, cos) = phi.to_radians().sin_cos();
    let c = (fall * (2.0 - fall)).sqrt();
    [c * cos, c * sin, (1.0 - fall).copysign(y)]
}

/// HEALPix polar ("butterfly"), section 3 of Calabretta & Roukema (2007): the four polar facets of HPX with H = 4, K = 3 meet at
/// the centre of the plane.
#[derive(Clone, Debug)]
pub(crate) struct Xph;

impl Project for Xph {
    fn project(&self, [x, y, z]: Vector) -> Plane {
        let mut phi = y.atan2(x) * DEGREES;
        if phi >= 180.0 {
            phi -= 360.0;
        }
        let along = (phi + 180.0) % 90.0 - 45.0;
        let (xi, eta) = if z.abs() <= 2.0 / 3.0 {
            (along, 67.5 * z - 90.0)
        } else {
            let sigma = (3.0 * (x * x + y * y) / (1.0 + z.abs())).sqrt();
            (along * sigma, (45.0 * (2.0 - sigma)).copysign(z) - 90.0)
        };
        let w = FRAC_1_SQRT_2;
        if phi < -90.0 {
            [w * (eta - xi), w * (-xi - eta)]
        } else if phi < 0.0 {
            [w * (xi + eta), w * (eta - xi)]
        } else if phi < 90.0 {
            [w * (xi - eta), w * (xi + eta)]
        } else {
            [w * (-xi - eta), w * (xi - eta)]
        }
    }

    fn deproject(&self, [x, y]: Plane) -> Vector {
        const TOLERANCE: f64 = 1e-12;
        let (x, y) = (x * FRAC_1_SQRT_2, y * FRAC_1_SQRT_2);
        let (xi, eta, quarter) = if x <= 0.0 && y > 0.0 {
            (-x - y, x - y, -180.0)
        } else if x < 0.0 && y <= 0.0 {
            (x - y, x + y, -90.0)
        } else if x >= 0.0 && y < 0.0 {
            (x + y, y - x, 0.0)
        } else {
            (y - x, -x - y, 90.0)
        };
        let height = eta + 90.0;
        if !(height.abs() <= 90.0) {
            return UNDEFINED_VECTOR;
        }
        if height.abs() <= 45.0 {
            if xi.abs() > 45.0 + TOLERANCE {
                return UNDEFINED_VECTOR;
            }
            return native(quarter + xi + 45.0, (height / 67.5).asin() * DEGREES, TOLERANCE);
        }
        if height < 0.0 && height + 90.0 + TOLERANCE < xi.abs() {
            return UNDEFINED_VECTOR;
        }
        let sigma = (90.0 - height.abs()) / 45.0;
        // On the lines between the facets the quotient would be 0 / 0 at the pole.
        let phi = if x == 0.0 {
            if y <= 0.0 { 0.0 } else { 180.0 }
        } else if y == 0.0 {
            if x < 0.0 { -90.0 } else { 90.0 }
        } else {
            quarter + 45.0 + xi / sigma
        };
        if !(phi.abs() <= 180.0 + TOLERANCE) {
            return UNDEFINED_VECTOR;
        }
        in_cap(phi, sigma * sigma / 3.0, height)
    }
}
