//! Where a projection is smooth: the seams, poles, horizons and edges of facets that a part of the sphere must keep clear
//! of for the plane position to be an analytic function of direction there.
//!
//! The sets named here are supersets: what is said to be smooth is, what is not may be.

use super::projection::{Facets, Projection};
use super::trig;
use crate::direction::{self, Vector, arc, chord, dot};

/// A part of the sphere in native coordinates: all directions within a radius of a centre, the radius below 90°.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disc {
    centre: Vector,
    cos: f64,
    sin: f64,
}

impl Disc {
    /// A disc around the rectangle of which a lattice of directions, row after row of `width`, is given. Each point of a
    /// bilinear patch lies within 0.71 of its longest side from a corner; a whole side is allowed. `None` if a direction is undefined or
    /// the disc would reach 90°.
    pub(crate) fn around(lattice: &[Vector], width: usize) -> Option<Disc> {
        let sum = direction::sum(lattice.iter().copied());
        let length = dot(sum, sum).sqrt();
        // NaN ends here too.
        if !(length > 0.5 * lattice.len() as f64) {
            return None;
        }
        let centre = sum.map(|s| s / length);
        let reach = lattice.iter().fold(0.0, |r: f64, v| r.max(chord(centre, *v)));
        let along = lattice.chunks(width).flat_map(|row| row.windows(2));
        let side = along.fold(0.0, |s: f64, pair| if let [a, b] = pair { s.max(chord(*a, *b)) } else { s });
        let across = lattice.iter().zip(lattice.iter().skip(width));
        let side = across.fold(side, |s, (a, b)| s.max(chord(*a, *b)));
        // 1e-12 stands for rounding in what the disc is compared with.
        let radius = arc(reach) + arc(side) + 1e-12;
        let (sin, cos) = radius.sin_cos();
        (radius < 1.5).then_some(Disc { centre, cos, sin })
    }

    fn contains(&self, v: Vector) -> bool {
        dot(self.centre, v) >= self.cos
    }

    /// Whether the disc meets the plane through the centre of the sphere normal to a unit vector.
    fn meets_plane(&self, normal: Vector) -> bool {
        dot(self.centre, normal).abs() <= self.sin
    }

    /// Least sin θ-like height over the disc along a unit vector.
    fn lowest(&self, axis: Vector) -> f64 {
        let height = dot(self.centre, axis);
        // The disc contains the opposite of the axis.
        if -height >= self.cos {
            return -1.0;
        }
        height * self.cos - (1.0 - height * height).max(0.0).sqrt() * self.sin
    }

    fn lowest_sin_latitude(&self) -> f64 {
        self.lowest([0.0, 0.0, 1.0])
    }

    fn highest_sin_latitude(&self) -> f64 {
        -self.lowest([0.0, 0.0, -1.0])
    }

    fn meets_pole(&self) -> bool {
        self.contains([0.0, 0.0, 1.0]) || self.contains([0.0, 0.0, -1.0])
    }

    /// Whether the disc meets the half circle of native longitude φ (degrees), poles included.
    fn meets_meridian(&self, phi: f64) -> bool {
        let (sin, cos) = trig::sin_cos(phi);
        let ahead = dot(self.centre, [cos, sin, 0.0]) >= 0.0;
        self.meets_pole() || (ahead && self.meets_plane([-sin, cos, 0.0]))
    }

    /// Whether the disc meets a parallel of latitude.
    fn meets_parallel(&self, sin_latitude: f64) -> bool {
        (self.lowest_sin_latitude()..=self.highest_sin_latitude()).contains(&sin_latitude)
    }
}

impl Projection {
    /// Whether the projection is defined and smooth all over a disc, as far as it can tell.
    pub(crate) fn is_smooth(&self, disc: &Disc) -> bool {
        let above = |limit: f64| disc.lowest_sin_latitude() > limit;
        match self {
            Projection::Tan(_) | Projection::Sin(_) => above(0.0),
            Projection::Stg(_) | Projection::Arc(_) | Projection::Zea(_) | Projection::Air(_) => {
                !disc.contains([0.0, 0.0, -1.0])
            }
            Projection::SlantSin(p) => {
                let n = [-p.eta, p.xi, 1.0];
                let length = dot(n, n).sqrt();
                disc.lowest(n.map(|c| c / length)) > 0.0
            }
            Projection::Azp(p) => above(p.limit()),
            Projection::Szp(p) => above(p.limit()),
            Projection::Zpn(p) => above(p.limit()) && (p.has_pole() || !disc.contains([0.0, 0.0, 1.0])),
            Projection::Cyp(p) => p.is_bounded() && !disc.meets_meridian(180.0),
            Projection::Cea(_)
            | Projection::Car(_)
            | Projection::Mer(_)
            | Projection::Sfl(_)
            | Projection::Par(_)
            | Projection::Mol(_)
            | Projection::Ait(_)
            | Projection::Coe(_)
            | Projection::Cod(_)
            | Projection::Coo(_)
            | Projection::Bon(_)
            | Projection::Pco(_) => !disc.meets_meridian(180.0),
            Projection::Cop(p) => {
                let (low, high) = (disc.lowest_sin_latitude().asin(), disc.highest_sin_latitude().asin());
                p.shows(low.to_degrees(), high.to_degrees()) && !disc.meets_meridian(180.0)
            }
            Projection::Tsc(_) => disc.on_one_face(),
            // Single precision is nowhere smooth.
            Projection::Csc(_) => false,
            // Equal area is paid for with kinks along the diagonals of the faces.
            Projection::Qsc(_) => disc.on_one_face() && !disc.meets_diagonal(),
            Projection::Hpx(p) => {
                let cut = if p.has_whole_cells() { disc.meets_cut_cells() } else { disc.meets_meridian(180.0) };
                !cut && !disc.meets_facets(&p.facets())
            }
            Projection::Xph(_) => {
                ![0.0, 90.0, 180.0, -90.0].into_iter().any(|phi| disc.meets_meridian(phi))
                    && ![2.0 / 3.0, -2.0 / 3.0].into_iter().any(|z| disc.meets_parallel(z))
            }
        }
    }
}

impl Disc {
    /// Whether the disc lies on one face of the cube: clear of the planes in which two coordinates are equal in size, where
    /// these two are the largest.
    fn on_one_face(&self) -> bool {
        let size = self.centre.map(f64::abs);
        let largest = size[0].max(size[1]).max(size[2]);
        let others = |i: usize| (0..3).filter(move |j| *j != i);
        (0..3)
            .filter(|&i| size[i] == largest)
            .all(|i| others(i).all(|j| (size[i] - size[j]) * std::f64::consts::FRAC_1_SQRT_2 > self.sin))
    }

    /// Whether the disc, known to lie on one face, meets a diagonal of it.
    fn meets_diagonal(&self) -> bool {
        let mut size = self.centre.map(f64::abs);
        size.sort_by(f64::total_cmp);
        (size[1] - size[0]) * std::f64::consts::FRAC_1_SQRT_2 <= self.sin
    }

    /// Whether the disc may meet the border along which a HEALPix projection with whole base cells is cut between the poles' facets: the left border
    /// of base cell 6, φ = -135° - 67.5° |sin θ|.
    fn meets_cut_cells(&self) -> bool {
        let radius = self.sin.atan2(self.cos);
        let latitude = self.centre[2].clamp(-1.0, 1.0).asin().abs();
        // What the border is looked for in lies within |sin θ| = 2/3.
        if latitude - radius > (2.0_f64 / 3.0).asin() {
            return false;
        }
        let phi = self.centre[1].atan2(self.centre[0]).to_degrees();
        let beyond = phi + 135.0 + 67.5 * self.centre[2].abs();
        let cos = (latitude + radius).min(1.5).cos();
        beyond.min(360.0 - beyond).abs() <= radius * (1_f64.to_degrees() / cos + 67.5)
    }

    /// Whether the disc meets an edge between the facets of a HEALPix projection.
    fn meets_facets(&self, facets: &Facets) -> bool {
        let z = facets.transition;
        if self.meets_parallel(z) || self.meets_parallel(-z) {
            return true;
        }
        let polar = self.highest_sin_latitude() > z || self.lowest_sin_latitude() < -z;
        let count = (360.0 / facets.spacing).ceil();
        // Thousands of facets: none is worth a search.
        polar
            && (!(count < 1000.0)
                || (0..count as u32).any(|k| self.meets_meridian(-180.0 + f64::from(k) * facets.spacing)))
    }
}
