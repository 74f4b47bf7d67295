//! Trigonometry in degrees, exact at multiples of 90°, as reference values in headers ask for.

use crate::direction::Vector;
use std::f64::consts::PI;

/// Degrees in a radian.
pub(crate) const DEGREES: f64 = 180.0 / PI;
/// Radians in a degree.
pub(crate) const RADIANS: f64 = PI / 180.0;

/// Sine and cosine of an angle in degrees. Multiples of 90° give 0 and ±1 exactly, so that a header with a simple
/// orientation has a rotation matrix of zeros and ones.
pub(crate) fn sin_cos(degrees: f64) -> (f64, f64) {
    let turned = degrees % 360.0;
    match turned / 90.0 {
        0.0 => (0.0, 1.0),
        1.0 | -3.0 => (1.0, 0.0),
        2.0 | -2.0 => (0.0, -1.0),
        3.0 | -1.0 => (-1.0, 0.0),
        // In the order of wcslib: which of two equally good poles LATPOLE chooses hangs on the last bit.
        _ => (turned * PI / 180.0).sin_cos(),
    }
}

/// Sine of an angle in degrees.
pub(crate) fn sin(degrees: f64) -> f64 {
    sin_cos(degrees).0
}

/// Cosine of an angle in degrees.
pub(crate) fn cos(degrees: f64) -> f64 {
    sin_cos(degrees).1
}

/// Tangent of an angle in degrees.
pub(crate) fn tan(degrees: f64) -> f64 {
    let (sin, cos) = sin_cos(degrees);
    sin / cos
}

/// Unit vector of a direction given as longitude and latitude in degrees.
pub(crate) fn unit_vector(longitude: f64, latitude: f64) -> Vector {
    let (sin_lon, cos_lon) = sin_cos(longitude);
    let (sin_lat, cos_lat) = sin_cos(latitude);
    [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat]
}

/// Longitude in [-180, 180] and latitude of a vector, in degrees. The latitude comes from both the height and the
/// distance from the axis and so keeps its precision at the poles.
pub(crate) fn longitude_latitude([x, y, z]: Vector) -> (f64, f64) {
    (y.atan2(x) * DEGREES, z.atan2((x * x + y * y).sqrt()) * DEGREES)
}
