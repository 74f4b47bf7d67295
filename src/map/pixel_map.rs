//! The interface of exact maps.

/// The exact map between the pixels of the output and those of one input.
///
/// Pixel (0, 0) is the centre of the first pixel (FITS pixel (1, 1)); coordinates are `f64`. A [`WcsMap`](crate::WcsMap) goes through
/// the sky; anything else that relates two pixel planes (a GWCS, a lens model) can stand in for it. Points come in slices so that
/// an implementation in another language costs one call a batch.
pub trait PixelMap: Send + Sync {
    /// Turns output pixel coordinates into input pixel coordinates, in place. A point that has no place in the
    /// input's plane becomes NaN in both. `x` and `y` have the same length. What becomes of a point must not depend on the
    /// others in the slice, or the output will depend on how it is cut into tiles.
    fn to_input(&self, x: &mut [f64], y: &mut [f64]);

    /// Turns input pixel coordinates into output pixel coordinates, in place, NaN where undefined.
    /// Returns `false`, leaving the points as they are, if the inverse is not known, which is what the default does.
    fn to_output(&self, x: &mut [f64], y: &mut [f64]) -> bool {
        let _ = (x, y);
        false
    }

    /// Turns output pixel coordinates into unit vectors on the sky, in `x`, `y` and `z`, in place, NaN where undefined; `z` is only written.
    /// The frame is the map's choice, but the same as that of [`input_to_sky`](Self::input_to_sky). Returns `false`, leaving the points as they are,
    /// if the map knows no sky, which is what the default does: areas are then taken in the plane of the input's pixels.
    fn output_to_sky(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) -> bool {
        let _ = (x, y, z);
        false
    }

    /// Turns input pixel coordinates into unit vectors on the sky as [`output_to_sky`](Self::output_to_sky) does those of the output.
    fn input_to_sky(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) -> bool {
        let _ = (x, y, z);
        false
    }

    /// Whether [`to_input`](Self::to_input) is free of seams, poles, horizons and kinks on the closed rectangle
    /// `[x0, x1] × [y0, y1]` of output pixels, so far as the map knows. `false` is always safe and makes the rectangle
    /// be split, down to exact evaluation; the default says `true` and leaves it to the checks at sample points. These are
    /// at most 128 output pixels apart: a map with holes, or with bends in its seams, smaller than that has to say so here.
    fn is_smooth(&self, x: [f64; 2], y: [f64; 2]) -> bool {
        let _ = (x, y);
        true
    }
}
