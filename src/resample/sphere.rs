//! Areas of the overlap of pixels on the sphere, whose corners are joined by great circles.
//!
//! ```text
//! gnomonic projection about the middle of the output pixel: great circles become straight lines
//! overlap = input quadrilateral clipped by the edges of the output quadrilateral (Sutherland & Hodgman 1974)
//! area    = sum over its edges (p, q) of the excess E of the triangle (centre, p, q):
//!           tan(E/2) = p × q / (|P||Q| + |P| + |Q| + P·Q),  P = (p, 1), Q = (q, 1)          (Eriksson 1990)
//! ```
//!
//! Positions in the plane are computed from differences of vectors, so that no digits are lost for small pixels.

use crate::direction::{self, Vector, chord, cross, dot, minus};

type Point = [f64; 2];

/// Cosine of the distance from the middle of an output pixel beyond which corners of input pixels are not projected. Pixels in use are much smaller.
const MIN_COSINE: f64 = 0.1;
/// An edge whose square is less than this part of the longest edge's is taken for a point: two corners of a pixel coincide at a pole, for instance.
const POINT: f64 = 1e-12;

/// An output pixel in the gnomonic plane about its middle.
pub(super) struct SphericalPixel {
    middle: Vector,
    /// Directions of the plane's axes.
    axes: [Vector; 2],
    /// The first `sides` of these are its edges that are not points: start, and vector to the end. The inside is to their left.
    edges: [(Point, Point); 4],
    sides: usize,
    /// Smallest and largest coordinates of the corners.
    range: [Point; 2],
    /// Largest distance of a corner from the middle, as a chord.
    radius: f64,
    /// In steradians.
    pub(super) area: f64,
}

impl SphericalPixel {
    /// `None` if the pixel has no area, or is as large as a hemisphere.
    pub(super) fn new(corners: &[Vector; 4]) -> Option<SphericalPixel> {
        let sum = direction::sum(corners.iter().copied());
        let length = dot(sum, sum).sqrt();
        if length.is_nan() || length <= 0.5 {
            return None;
        }
        let middle = sum.map(|c| c / length);
        let least = (0..3).fold(0, |k, i| if middle[i].abs() < middle[k].abs() { i } else { k });
        let across = cross(middle, std::array::from_fn(|i| f64::from(u8::from(i == least))));
        let length = dot(across, across).sqrt();
        let first = across.map(|c| c / length);
        let axes = [first, cross(middle, first)];
        let (edges, zero) = (Default::default(), [[0.0; 2]; 2]);
        let mut pixel = SphericalPixel { middle, axes, edges, sides: 0, range: zero, radius: 0.0, area: 0.0 };
        let mut quad = pixel.project(corners)?;
        pixel.area = excess(&quad);
        if pixel.area < 0.0 {
            quad.reverse();
            pixel.area = -pixel.area;
        }
        pixel.range = range(&quad);
        pixel.radius = corners.iter().map(|corner| chord(*corner, middle)).fold(0.0, f64::max);
        let edges = || sides(&quad).map(|(a, b)| (a, [b[0] - a[0], b[1] - a[1]]));
        let square = |d: Point| d[0] * d[0] + d[1] * d[1];
        let longest = edges().map(|(_, along)| square(along)).fold(0.0, f64::max);
        for (slot, edge) in pixel.edges.iter_mut().zip(edges().filter(|(_, along)| square(*along) > POINT * longest)) {
            *slot = edge;
            pixel.sides += 1;
        }
        (pixel.area > 0.0).then_some(pixel)
    }

    /// Positions of the corners of a pixel in the plane; `None` if one is undefined or too far away.
    fn project(&self, corners: &[Vector; 4]) -> Option<[Point; 4]> {
        let mut out = [[0.0; 2]; 4];
        for (corner, point) in corners.iter().zip(&mut out) {
            let height = dot(*corner, self.middle);
            if height.is_nan() || height <= MIN_COSINE {
                return None;
            }
            let away = minus(*corner, self.middle);
            *point = self.axes.map(|axis| dot(away, axis) / height);
        }
        Some(out)
    }

    /// Area in steradians of an input pixel nearby; NaN if it cannot be projected.
    pub(super) fn area_of(&self, corners: &[Vector; 4]) -> f64 {
        self.project(corners).map_or(f64::NAN, |quad| excess(&quad).abs())
    }

    /// Area in steradians of the overlap with an input pixel.
    pub(super) fn overlap(&self, corners: &[Vector; 4]) -> f64 {
        let [a, b, c, d] = *corners;
        // A quick test, as most candidates are far away: no point of a pixel is farther from a corner than about the longer diagonal.
        if chord(a, self.middle) > 1.1 * (self.radius + chord(a, c).max(chord(b, d))) {
            return 0.0;
        }
        let Some(quad) = self.project(corners) else { return 0.0 };
        let [low, high] = range(&quad);
        let apart = |axis: usize| low[axis] >= self.range[1][axis] || high[axis] <= self.range[0][axis];
        if apart(0) || apart(1) {
            return 0.0;
        }
        let mut polygon = Polygon::default();
        quad.iter().for_each(|point| polygon.push(*point));
        for (start, along) in self.edges.iter().take(self.sides) {
            polygon = polygon.clipped(*start, *along);
        }
        excess(polygon.points()).abs()
    }
}

/// A polygon. A convex quadrilateral clipped by four lines has at most eight corners, one that is not convex a few more.
#[derive(Default)]
struct Polygon {
    points: [Point; 12],
    n: usize,
}

impl Polygon {
    fn push(&mut self, point: Point) {
        if let Some(slot) = self.points.get_mut(self.n) {
            *slot = point;
            self.n += 1;
        }
    }

    fn points(&self) -> &[Point] {
        self.points.get(..self.n).unwrap_or(&[])
    }

    /// The part to the left of the line through `a` along `d`.
    fn clipped(&self, a: Point, d: Point) -> Polygon {
        let height = |p: Point| d[0] * (p[1] - a[1]) - d[1] * (p[0] - a[0]);
        let mut out = Polygon::default();
        for (p, q) in sides(self.points()) {
            let (hp, hq) = (height(p), height(q));
            if hp >= 0.0 {
                out.push(p);
            }
            if (hp > 0.0 && hq < 0.0) || (hp < 0.0 && hq > 0.0) {
                let t = hp / (hp - hq);
                out.push([p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])]);
            }
        }
        out
    }
}

/// The sides of a polygon, each by its ends.
fn sides(points: &[Point]) -> impl Iterator<Item = (Point, Point)> {
    points.iter().copied().zip(points.iter().copied().cycle().skip(1))
}

/// Smallest and largest coordinates.
fn range(quad: &[Point; 4]) -> [Point; 2] {
    let fold =
        |f: fn(f64, f64) -> f64| [0, 1].map(|axis| f(f(quad[0][axis], quad[1][axis]), f(quad[2][axis], quad[3][axis])));
    [fold(f64::min), fold(f64::max)]
}

/// Signed area on the sphere of a polygon in a gnomonic plane, steradians; positive if its corners run anticlockwise.
fn excess(points: &[Point]) -> f64 {
    let height = |p: Point| (1.0 + p[0] * p[0] + p[1] * p[1]).sqrt();
    let triangles = sides(points).map(|(p, q)| {
        let (hp, hq) = (height(p), height(q));
        let tangent = (p[0] * q[1] - p[1] * q[0]) / (hp * hq + hp + hq + 1.0 + p[0] * q[0] + p[1] * q[1]);
        2.0 * arc(tangent)
    });
    triangles.sum()
}

/// atan(t), by a short series where t is small.
fn arc(t: f64) -> f64 {
    let square = t * t;
    // The next term of the series is below the rounding error.
    if square < 1e-5 { t * (1.0 - square * (1.0 / 3.0 - square * (1.0 / 5.0 - square / 7.0))) } else { t.atan() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A square about (0, 0) in the gnomonic plane with corners (±a, ±a) has the excess 4 asin(a²/(1 + a²)).
    #[test]
    fn squares() {
        for a in [1e-12, 2.4e-7, 1e-3, 0.05, 0.06, 0.1, 1.0, 30.0_f64] {
            let square = [[-a, -a], [a, -a], [a, a], [-a, a]];
            let wanted = 4.0 * (a * a / (1.0 + a * a)).asin();
            assert!((excess(&square) / wanted - 1.0).abs() < 1e-14, "{a}: {} {wanted}", excess(&square));
        }
    }
}
