//! The interface of exact maps.

/// The exact transformation between the pixel coordinates of the output and those of one input.
///
/// Pixel coordinates are 0-based: (0, 0) is the centre of the first pixel, which is FITS pixel (1, 1). [`WcsMap`](crate::WcsMap) implements the
/// trait for two WCS; other relations of two images, such as a GWCS or a model of lens distortion, can implement it too. Points are passed in
/// slices, so that an implementation in another language is called once for many points.
pub trait PixelMap: Send + Sync {
    /// Transforms output pixel coordinates in place to input pixel coordinates. A point that corresponds to no point of the input's plane
    /// becomes NaN in both. `x` and `y` have the same length. The result for a point must not depend on the other points of the slice; otherwise
    /// the mosaic depends on its division into tiles.
    fn to_input(&self, x: &mut [f64], y: &mut [f64]);

    /// Transforms input pixel coordinates in place to output pixel coordinates; undefined points become NaN in both. Returns `false` and leaves
    /// the points unchanged if the inverse transformation is not available, as the default implementation does.
    fn to_output(&self, x: &mut [f64], y: &mut [f64]) -> bool {
        let _ = (x, y);
        false
    }

    /// Transforms output pixel coordinates `x`, `y` in place to unit vectors (`x`, `y`, `z`) on the sky; undefined points become NaN. The values
    /// of `z` are only written. The reference frame is up to the implementation, but must be the same as for
    /// [`input_to_sky`](Self::input_to_sky). Returns `false` and leaves the points unchanged if the map does not lead through the sky, as the
    /// default implementation does; areas are then computed in the plane of the input's pixels.
    fn output_to_sky(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) -> bool {
        let _ = (x, y, z);
        false
    }

    /// Transforms input pixel coordinates in place to unit vectors on the sky, as [`output_to_sky`](Self::output_to_sky) does for output pixel
    /// coordinates.
    fn input_to_sky(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) -> bool {
        let _ = (x, y, z);
        false
    }

    /// Whether [`to_input`](Self::to_input) has no seams, poles, horizons or kinks on the closed rectangle `[x0, x1] × [y0, y1]` of output pixel
    /// coordinates, as far as the implementation knows. `false` is always correct: the rectangle is then divided, and in the end evaluated
    /// exactly. The default is `true`, so that irregularities are detected only by comparison at sample points, which are at most 128 output
    /// pixels apart. A map with holes or bends of seams that are smaller must return `false` for rectangles that contain them.
    fn is_smooth(&self, x: [f64; 2], y: [f64; 2]) -> bool {
        let _ = (x, y);
        true
    }
}
