//! Directions on the sky, their rotation, and caps: parts of the sphere that hold them.

/// A unit vector, or the difference of two; NaN where there is none.
pub(crate) type Vector = [f64; 3];

/// A rotation as rows of a matrix: out = R in.
pub(crate) type Matrix = [[f64; 3]; 3];

#[inline(always)]
pub(crate) fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(crate) fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

pub(crate) fn minus(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

pub(crate) fn sum(vectors: impl Iterator<Item = Vector>) -> Vector {
    vectors.fold([0.0; 3], |sum, v| [sum[0] + v[0], sum[1] + v[1], sum[2] + v[2]])
}

/// The direction of a vector of any length.
pub(crate) fn unit(v: Vector) -> Vector {
    let length = dot(v, v).sqrt();
    v.map(|component| component / length)
}

/// Length of the straight line between the ends of two vectors.
pub(crate) fn chord(a: Vector, b: Vector) -> f64 {
    let d = minus(a, b);
    dot(d, d).sqrt()
}

/// Radians between unit vectors, good to rounding where they are close.
pub(crate) fn angle(a: Vector, b: Vector) -> f64 {
    arc(chord(a, b))
}

/// Radians between unit vectors with that chord between them.
pub(crate) fn arc(chord: f64) -> f64 {
    2.0 * (0.5 * chord).min(1.0).asin()
}

/// R v.
#[inline(always)]
pub(crate) fn rotate(r: &Matrix, v: Vector) -> Vector {
    r.map(|row| dot(row, v))
}

/// A B.
pub(crate) fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
    let columns = transpose(b);
    transpose(&columns.map(|column| rotate(a, column)))
}

/// The inverse of a rotation.
pub(crate) fn transpose(r: &Matrix) -> Matrix {
    std::array::from_fn(|i| std::array::from_fn(|j| r[j][i]))
}

/// A part of the sphere: all directions within a radius of a centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cap {
    /// Unit vector.
    pub(crate) centre: Vector,
    /// Cosine of the angular radius; -1 is the whole sphere.
    pub(crate) cos_radius: f64,
}

/// What rounding may do to a product of unit vectors.
const ROUNDING: f64 = 1e-15;

impl Cap {
    pub(crate) const WHOLE: Cap = Cap { centre: [0.0, 0.0, 1.0], cos_radius: -1.0 };

    /// A cap that contains the points and all that is within `margin` radians of one; `None` without points.
    pub(crate) fn around(points: impl Iterator<Item = Vector> + Clone, margin: f64) -> Option<Cap> {
        Cap::hull(points.map(|centre| Cap { centre, cos_radius: 1.0 }), margin)
    }

    /// A cap that contains the caps enlarged by `margin` radians; `None` without caps.
    pub(crate) fn hull(caps: impl Iterator<Item = Cap> + Clone, margin: f64) -> Option<Cap> {
        let count = caps.clone().count();
        if count == 0 {
            return None;
        }
        let sum = sum(caps.clone().map(|cap| cap.centre));
        let length = dot(sum, sum).sqrt();
        // Spread over the sphere: no centre serves.
        if length.is_nan() || length <= 1e-3 * count as f64 {
            return Some(Cap::WHOLE);
        }
        let centre = sum.map(|v| v / length);
        let mut radius = 0.0_f64;
        for cap in caps {
            radius = radius.max(angle(centre, cap.centre) + cap.cos_radius.clamp(-1.0, 1.0).acos());
        }
        let radius = radius + margin;
        Some(if radius < std::f64::consts::PI {
            Cap { centre, cos_radius: radius.cos() - ROUNDING }
        } else {
            Cap::WHOLE
        })
    }

    /// Whether the two may have a point in common.
    pub(crate) fn meets(&self, other: &Cap) -> bool {
        let (a, b) = (self.cos_radius, other.cos_radius);
        // The radii add up to half a turn or more, or to less and the centres are that close.
        a + b <= 0.0
            || dot(self.centre, other.centre)
                >= a * b - ((1.0 - a * a).max(0.0) * (1.0 - b * b).max(0.0)).sqrt() - ROUNDING
    }
}
