//! The exact map between the pixels of two world coordinate systems.

use super::pixel_map::PixelMap;
use crate::direction::{Matrix, Vector, multiply, rotate, transpose};
use crate::error::Error;
use crate::wcs::{BATCH, Disc, FrameMap, Wcs};

/// The exact transformation between the pixels of two images with celestial WCS: from output pixels to the sky and from there to input pixels.
///
/// If the two frames are related by a rotation, the native directions of the two projections are related by one 3 × 3 matrix, which is computed once.
#[derive(Clone, Debug)]
pub struct WcsMap {
    target: Wcs,
    input: Wcs,
    path: Path,
}

/// From native directions of the output to those of the input, and back.
#[derive(Clone, Debug)]
enum Path {
    /// The rotation and its inverse.
    Rotation(Matrix, Matrix),
    /// Frames that no rotation relates (FK4 with its E-terms): target to input and back.
    Frames(FrameMap, FrameMap),
}

impl WcsMap {
    /// Creates the map from the pixels of `target` to the pixels of `input`.
    ///
    /// If the input has a cylindrical projection, extends beyond native longitude ±180° and spans at most 360°, longitudes wrap around to the
    /// position inside of its image, provided that its shape is known. Pixels of a target beyond ±180° are undefined, as in wcslib.
    ///
    /// # Errors
    /// [`Error::Wcs`] if the frames of the two have no known relation.
    pub fn new(target: &Wcs, input: &Wcs) -> Result<WcsMap, Error> {
        let input = &input.unwrapped().unwrap_or_else(|| input.clone());
        let (there, back) = (target.frame().to(input.frame())?, input.frame().to(target.frame())?);
        let path = match there.rotation() {
            Some(frames) => {
                let into_native = transpose(input.native_to_celestial());
                let matrix = multiply(&into_native, &multiply(frames, target.native_to_celestial()));
                Path::Rotation(matrix, transpose(&matrix))
            }
            None => Path::Frames(there, back),
        };
        Ok(WcsMap { target: target.clone(), input: input.clone(), path })
    }

    /// The WCS of the output.
    #[must_use]
    pub fn target(&self) -> &Wcs {
        &self.target
    }

    /// The WCS of the input.
    #[must_use]
    pub fn input(&self) -> &Wcs {
        &self.input
    }

    /// Pixels of `from` to pixels of `to`, in place; `rotation` takes native directions of one to the other's.
    fn map(from: &Wcs, to: &Wcs, rotation: impl Fn(Vector) -> Vector, x: &mut [f64], y: &mut [f64]) {
        let mut buffer = [0.0; BATCH];
        for (x, y) in x.chunks_mut(BATCH).zip(y.chunks_mut(BATCH)) {
            let n = x.len().min(y.len());
            let (Some(x), Some(y), Some(z)) = (x.get_mut(..n), y.get_mut(..n), buffer.get_mut(..n)) else { return };
            from.pixels_to_native(x, y, z);
            for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter_mut()) {
                [*x, *y, *z] = rotation([*x, *y, *z]);
            }
            to.native_to_pixels(x, y, z);
        }
    }

    /// A native direction of the target as one of the input.
    fn rotated(&self, v: Vector) -> Vector {
        match &self.path {
            Path::Rotation(matrix, _) => rotate(matrix, v),
            Path::Frames(there, _) => WcsMap::through(there, &self.target, &self.input, v),
        }
    }

    /// A frame map between the native directions of two descriptions.
    fn through(frames: &FrameMap, from: &Wcs, to: &Wcs, v: Vector) -> Vector {
        let into_native = transpose(to.native_to_celestial());
        rotate(&into_native, frames.apply(rotate(from.native_to_celestial(), v)))
    }
}

impl PixelMap for WcsMap {
    fn to_input(&self, x: &mut [f64], y: &mut [f64]) {
        let (from, to) = (&self.target, &self.input);
        from.mask_copies(x, y);
        match &self.path {
            Path::Rotation(matrix, _) => WcsMap::map(from, to, |v| rotate(matrix, v), x, y),
            Path::Frames(there, _) => WcsMap::map(from, to, |v| WcsMap::through(there, from, to, v), x, y),
        }
    }

    fn to_output(&self, x: &mut [f64], y: &mut [f64]) -> bool {
        let (from, to) = (&self.input, &self.target);
        match &self.path {
            Path::Rotation(_, inverse) => WcsMap::map(from, to, |v| rotate(inverse, v), x, y),
            Path::Frames(_, back) => WcsMap::map(from, to, |v| WcsMap::through(back, from, to, v), x, y),
        }
        true
    }

    /// Whether a disc around the rectangle is free of seams, poles, horizons and edges of both projections: from a
    /// lattice of 5 × 5 points, all of which must be defined.
    fn is_smooth(&self, [x0, x1]: [f64; 2], [y0, y1]: [f64; 2]) -> bool {
        const SIDE: usize = 5;
        let at = |low: f64, high: f64, k: usize| low + (high - low) * k as f64 / (SIDE - 1) as f64;
        let mut x: [f64; SIDE * SIDE] = std::array::from_fn(|k| at(x0, x1, k % SIDE));
        let mut y: [f64; SIDE * SIDE] = std::array::from_fn(|k| at(y0, y1, k / SIDE));
        let mut z = [0.0; SIDE * SIDE];
        self.target.pixels_to_native(&mut x, &mut y, &mut z);
        let smooth =
            |wcs: &Wcs, lattice: &[Vector]| Disc::around(lattice, SIDE).is_some_and(|disc| wcs.is_smooth(&disc));
        let mut lattice: [Vector; SIDE * SIDE] = std::array::from_fn(|k| [x[k], y[k], z[k]]);
        if !smooth(&self.target, &lattice) {
            return false;
        }
        for v in &mut lattice {
            *v = self.rotated(*v);
        }
        smooth(&self.input, &lattice)
    }

    /// Vectors in the input's native frame.
    fn output_to_sky(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) -> bool {
        self.target.mask_copies(x, y);
        self.target.pixels_to_native(x, y, z);
        for ((x, y), z) in x.iter_mut().zip(y).zip(z) {
            [*x, *y, *z] = self.rotated([*x, *y, *z]);
        }
        true
    }

    fn input_to_sky(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) -> bool {
        self.input.pixels_to_native(x, y, z);
        true
    }
}
