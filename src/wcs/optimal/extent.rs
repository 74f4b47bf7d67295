//! How much of a target's plane an image covers.

use super::hull::convex_hull;
use crate::direction::{Vector, angle, rotate, transpose};
use crate::error::Error;
use crate::wcs::celestial::Wcs;
use crate::wcs::frame::FrameMap;
use crate::wcs::projection::Projection;
use crate::wcs::trig;

/// The least and greatest pixel coordinates in the target.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) min: [f64; 2],
    pub(crate) max: [f64; 2],
    /// Corners of the convex hull, if they were asked for.
    pub(crate) outline: Vec<[f64; 2]>,
    /// Whether part of the image is on the sky but not in the plane of the target.
    pub(crate) beyond: bool,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { min: [f64::INFINITY; 2], max: [f64::NEG_INFINITY; 2], outline: Vec::new(), beyond: false }
    }
}

impl Bounds {
    pub(crate) fn union(mut self, other: &Bounds) -> Bounds {
        for axis in 0..2 {
            self.min[axis] = self.min[axis].min(other.min[axis]);
            self.max[axis] = self.max[axis].max(other.max[axis]);
        }
        self
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.min.iter().chain(&self.max).all(|v| v.is_finite())
    }

    fn add(&mut self, point: [f64; 2]) {
        for ((min, max), value) in self.min.iter_mut().zip(&mut self.max).zip(point) {
            (*min, *max) = (min.min(value), max.max(value));
        }
    }
}

/// Number of pieces that each edge of an ordinary image is sampled in; extrema between the samples are refined.
const PIECES: usize = 16;
/// Number of rows and columns that a wide image, or one with pixels off the sky, is sampled in.
const LINES: usize = 128;
/// Images up to this radius are ordinary unless they meet a singularity of the target.
const ORDINARY: f64 = 15.0;
/// Steps of latitude along the seam of the target.
const SEAM_STEPS: usize = 1440;
/// Steps of a golden-section search: the interval shrinks to 10⁻⁹ of itself.
const REFINE: usize = 44;
const SHRINK: f64 = 0.618_033_988_749_894_9;

/// An image seen in the plane of the target.
pub(crate) struct Probe<'w> {
    input: &'w Wcs,
    target: &'w Wcs,
    forth: FrameMap,
    back: FrameMap,
    /// First and last edge in x and y.
    edges: [[f64; 2]; 2],
}

/// Where a point of the image is.
#[derive(Clone, Copy)]
enum Place {
    OffSky,
    /// On the sky, but the projection of the target does not show it.
    Beyond,
    Seen([f64; 2]),
}

impl<'w> Probe<'w> {
    pub(crate) fn new(input: &'w Wcs, [ny, nx]: [usize; 2], target: &'w Wcs) -> Result<Probe<'w>, Error> {
        let edges = [[-0.5, nx as f64 - 0.5], [-0.5, ny as f64 - 0.5]];
        let (forth, back) = (input.frame().to(target.frame())?, target.frame().to(input.frame())?);
        Ok(Probe { input, target, forth, back, edges })
    }

    /// Direction in the target's frame of a point given by fractions of the image's sides.
    fn vector(&self, [u, v]: [f64; 2]) -> Option<Vector> {
        let [[left, right], [bottom, top]] = self.edges;
        // Exact at both ends.
        let (x, y) = (left * (1.0 - u) + right * u, bottom * (1.0 - v) + top * v);
        self.input.pixel_to_vector(x, y).map(|vector| self.forth.apply(vector))
    }

    fn place(&self, at: [f64; 2]) -> Place {
        match self.vector(at) {
            None => Place::OffSky,
            Some(vector) => self.target.vector_to_pixel(vector).map_or(Place::Beyond, Place::Seen),
        }
    }

    /// Whether any of a few hundred points is on the sky.
    pub(crate) fn on_sky(&self) -> bool {
        let fractions = || (0..=20).map(|i| i as f64 / 20.0);
        fractions().any(|u| fractions().any(|v| self.vector([u, v]).is_some()))
    }

    /// The bounds, with the convex hull of the samples if `keep_outline`.
    pub(crate) fn bounds(&self, keep_outline: bool) -> Bounds {
        let mut bounds = Bounds::default();
        let mut outline = Vec::new();
        let mut see = |bounds: &mut Bounds, place: Place| match place {
            Place::OffSky => {}
            Place::Beyond => bounds.beyond = true,
            Place::Seen(point) => {
                bounds.add(point);
                if keep_outline {
                    outline.push(point);
                }
            }
        };
        let pieces = if self.is_ordinary() { PIECES } else { 4 * PIECES };
        for edge in [[0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0], [1.0, 1.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0]] {
            let [u, v, du, dv] = edge;
            self.follow(pieces, &|t| self.place([u + t * du, v + t * dv]), &mut |place| see(&mut bounds, place));
        }
        if !self.is_ordinary() {
            self.look_inside(&mut |place| see(&mut bounds, place));
        }
        bounds.outline = convex_hull(outline);
        bounds
    }

    /// Whether the map to the target is smooth over the image, so that its edges determine the extent: the image is not wide, all on the sky, and
    /// neither near a pole or the seam nor near the rim of the target's projection.
    fn is_ordinary(&self) -> bool {
        let fractions = [0.0, 0.25, 0.5, 0.75, 1.0];
        let Some(centre) = self.vector([0.5, 0.5]) else { return false };
        let mut radius = 0.0_f64;
        for [u, v] in fractions.iter().flat_map(|u| fractions.map(|v| [*u, v])) {
            let Some(vector) = self.vector([u, v]) else { return false };
            radius = radius.max(angle(centre, vector).to_degrees());
        }
        // Half as much again, since the points do not reach everywhere.
        let radius = 1.5 * radius;
        if radius > ORDINARY {
            return false;
        }
        let native = rotate(&transpose(self.target.native_to_celestial()), centre);
        let from_pole = angle([0.0, 0.0, 1.0], native).to_degrees();
        if is_zenithal(&self.target.projection) {
            return from_pole + radius < 70.0;
        }
        // The seam is the half circle of native longitude 180.
        let from_seam = if native[0] < 0.0 { native[1].abs().asin().to_degrees() } else { 90.0 };
        from_pole > radius && 180.0 - from_pole > radius && from_seam > radius && !has_facets(&self.target.projection)
    }

    /// Samples a curve, and its extrema between the samples if all of them are seen.
    fn follow(&self, pieces: usize, curve: &dyn Fn(f64) -> Place, see: &mut dyn FnMut(Place)) {
        let at = |i: usize| i as f64 / pieces as f64;
        let places: Vec<Place> = (0..=pieces).map(|i| curve(at(i))).collect();
        places.iter().for_each(|place| see(*place));
        for i in 1..pieces {
            let [Some(Place::Seen(a)), Some(Place::Seen(b)), Some(Place::Seen(c))] =
                [i - 1, i, i + 1].map(|i| places.get(i))
            else {
                continue;
            };
            for (axis, sign) in [(0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0)] {
                let height = |p: &[f64; 2]| sign * p[axis];
                // Above rounding: a straight edge along an axis has no extremum.
                let noise = 1e-9 * (1.0 + height(b).abs());
                if height(b) > height(a) - noise
                    && height(b) > height(c) - noise
                    && height(b) - height(a).min(height(c)) > noise
                {
                    refine([at(i - 1), at(i + 1)], &|t| match curve(t) {
                        Place::Seen(p) => height(&p),
                        _ => f64::NEG_INFINITY,
                    })
                    .iter()
                    .for_each(|t| see(curve(*t)));
                }
            }
        }
    }

    /// Rows and columns of the image, with the ends of what is seen on each; the poles and the seam of the target.
    fn look_inside(&self, see: &mut dyn FnMut(Place)) {
        let step = |i: usize| i as f64 / LINES as f64;
        for line in 0..=LINES {
            for column in [true, false] {
                let at = |t: f64| if column { [step(line), t] } else { [t, step(line)] };
                let mut before: Option<(f64, Place)> = None;
                for i in 0..=LINES {
                    let now = (step(i), self.place(at(step(i))));
                    see(now.1);
                    if let Some(before) = before {
                        self.rim(before, now, &at, see);
                    }
                    before = Some(now);
                }
            }
        }
        // A pole may be a line or, opposite to the middle of a zenithal projection, a circle.
        for pole in [90.0, -90.0] {
            if self.holds(trig::unit_vector(0.0, pole)) {
                self.follow(72, &|t| self.native_place(360.0 * t - 180.0, pole), see);
            }
        }
        if is_zenithal(&self.target.projection) {
            return;
        }
        for side in [-180.0, 180.0] {
            let curve = |t: f64| {
                let lat = 180.0 * t - 90.0;
                if self.holds(trig::unit_vector(180.0, lat)) { self.native_place(side, lat) } else { Place::OffSky }
            };
            self.follow(SEAM_STEPS, &curve, see);
        }
    }

    /// Between a point that is on the sky and its neighbour that is not, the last one that is.
    fn rim(&self, a: (f64, Place), b: (f64, Place), at: &dyn Fn(f64) -> [f64; 2], see: &mut dyn FnMut(Place)) {
        let (mut inside, mut outside) = match (a.1, b.1) {
            (Place::Seen(_), Place::OffSky) => (a.0, b.0),
            (Place::OffSky, Place::Seen(_)) => (b.0, a.0),
            _ => return,
        };
        for _ in 0..40 {
            let middle = 0.5 * (inside + outside);
            match self.place(at(middle)) {
                Place::OffSky => outside = middle,
                _ => inside = middle,
            }
        }
        // On the very rim of a projection like SIN rounding decides what the target shows.
        if let place @ Place::Seen(_) = self.place(at(inside)) {
            see(place);
        }
    }

    /// Whether the image contains a native direction of the target.
    fn holds(&self, native: Vector) -> bool {
        let vector = self.back.apply(rotate(self.target.native_to_celestial(), native));
        self.input.vector_to_pixel(vector).is_some_and(|pixel| {
            pixel.iter().zip(&self.edges).all(|(value, [first, last])| (first..=last).contains(&value))
        })
    }

    /// The place of a native direction of the target; at ±180 just inside that end of the seam.
    fn native_place(&self, lon: f64, lat: f64) -> Place {
        let lon = lon.clamp(-180.0 + 1e-9, 180.0 - 1e-9);
        let lat = lat.clamp(-90.0 + 1e-9, 90.0 - 1e-9);
        self.target.native_to_pixel(trig::unit_vector(lon, lat)).map_or(Place::Beyond, Place::Seen)
    }
}

/// Whether the native pole is an ordinary point, the middle of the plane, and there is no seam.
fn is_zenithal(projection: &Projection) -> bool {
    use Projection::{Air, Arc, Azp, Sin, SlantSin, Stg, Szp, Tan, Zea, Zpn};
    matches!(projection, Azp(_) | Szp(_) | Tan(_) | Stg(_) | Sin(_) | SlantSin(_) | Arc(_) | Zpn(_) | Zea(_) | Air(_))
}

fn has_facets(projection: &Projection) -> bool {
    use Projection::{Csc, Hpx, Qsc, Tsc, Xph};
    matches!(projection, Tsc(_) | Csc(_) | Qsc(_) | Hpx(_) | Xph(_))
}

/// Golden-section search for a maximum: the ends of the last interval.
fn refine([mut a, mut b]: [f64; 2], height: &dyn Fn(f64) -> f64) -> [f64; 2] {
    let (mut c, mut d) = (b - SHRINK * (b - a), a + SHRINK * (b - a));
    let (mut at_c, mut at_d) = (height(c), height(d));
    for _ in 0..REFINE {
        if at_c > at_d {
            (b, d, at_d) = (d, c, at_c);
            c = b - SHRINK * (b - a);
            at_c = height(c);
        } else {
            (a, c, at_c) = (c, d, at_d);
            d = a + SHRINK * (b - a);
            at_d = height(d);
        }
    }
    [c, d]
}
