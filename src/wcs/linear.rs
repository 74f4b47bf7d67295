//! Linear part: pixel to projection plane by an affine map, and back.

use super::projection::Plane;

/// (x, y) = M (pixel - origin), pixels counted from 0 at the centre of the first, the plane in degrees.
#[derive(Clone, Debug)]
pub(crate) struct LinearTransform {
    /// Pixel that the plane's origin falls on.
    pub(crate) origin: [f64; 2],
    /// Degrees a pixel, rows: longitude-like and latitude-like plane axis.
    pub(crate) matrix: [[f64; 2]; 2],
    inverse: [[f64; 2]; 2],
}

impl LinearTransform {
    /// `None` if the matrix is singular or not finite.
    pub(crate) fn new(origin: [f64; 2], matrix: [[f64; 2]; 2]) -> Option<LinearTransform> {
        let [[a, b], [c, d]] = matrix;
        let determinant = a * d - b * c;
        let inverse = [[d / determinant, -b / determinant], [-c / determinant, a / determinant]];
        let finite =
            origin.iter().chain(matrix.iter().flatten()).chain(inverse.iter().flatten()).all(|v| v.is_finite());
        (finite && determinant != 0.0).then_some(LinearTransform { origin, matrix, inverse })
    }

    #[inline(always)]
    pub(crate) fn to_plane(&self, [x, y]: [f64; 2]) -> Plane {
        let (x, y) = (x - self.origin[0], y - self.origin[1]);
        self.matrix.map(|row| row[0] * x + row[1] * y)
    }

    #[inline(always)]
    pub(crate) fn to_pixel(&self, [x, y]: Plane) -> [f64; 2] {
        let m = &self.inverse;
        [m[0][0] * x + m[0][1] * y + self.origin[0], m[1][0] * x + m[1][1] * y + self.origin[1]]
    }

    /// Degrees a pixel: the square root of the area of a pixel at the reference point.
    pub(crate) fn scale(&self) -> f64 {
        let [[a, b], [c, d]] = self.matrix;
        (a * d - b * c).abs().sqrt()
    }
}
