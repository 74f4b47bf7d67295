//! The exact map between the pixels of two world coordinate systems.

use super::PixelMap;
use crate::error::Error;
use crate::wcs::{BATCH, FrameMap, RotationMatrix, Wcs, inverse_rotation, multiply, rotate};

/// Output pixels to input pixels through the sky, exactly.
///
/// Native direction in the output to native direction in the input is one 3 × 3 matrix wherever the two frames are
/// related by a rotation.
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
    Rotation(RotationMatrix, RotationMatrix),
    /// Frames that no rotation relates (FK4 with its E-terms): target to input and back.
    Frames(FrameMap, FrameMap),
}

impl WcsMap {
    /// The map from the pixels of `target` to those of `input`.
    ///
    /// # Errors
    /// [`Error::Wcs`] if the frames of the two have no known relation.
    pub fn new(target: &Wcs, input: &Wcs) -> Result<WcsMap, Error> {
        let (there, back) = (target.frame().to(input.frame())?, input.frame().to(target.frame())?);
        let path = match there.rotation() {
            Some(frames) => {
                let into_native = inverse_rotation(input.native_to_celestial());
                let matrix = multiply(&into_native, &multiply(frames, target.native_to_celestial()));
                Path::Rotation(matrix, inverse_rotation(&matrix))
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

    /// Pixels of `from` to pixels of `to`, in place; `turn` takes native directions of one to the other's.
    fn map(from: &Wcs, to: &Wcs, turn: impl Fn([f64; 3]) -> [f64; 3], x: &mut [f64], y: &mut [f64]) {
        let mut buffer = [0.0; BATCH];
        for (x, y) in x.chunks_mut(BATCH).zip(y.chunks_mut(BATCH)) {
            let n = x.len().min(y.len());
            let (Some(x), Some(y), Some(z)) = (x.get_mut(..n), y.get_mut(..n), buffer.get_mut(..n)) else { return };
            from.pixels_to_native(x, y, z);
            for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter_mut()) {
                [*x, *y, *z] = turn([*x, *y, *z]);
            }
            to.native_to_pixels(x, y, z);
        }
    }

    /// A frame map between the native directions of two descriptions.
    fn through(frames: &FrameMap, from: &Wcs, to: &Wcs, v: [f64; 3]) -> [f64; 3] {
        let into_native = inverse_rotation(to.native_to_celestial());
        rotate(&into_native, frames.apply(rotate(from.native_to_celestial(), v)))
    }
}

impl PixelMap for WcsMap {
    fn to_input(&self, x: &mut [f64], y: &mut [f64]) {
        let (from, to) = (&self.target, &self.input);
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

    /// Vectors in the input's native frame.
    fn output_to_sky(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) -> bool {
        self.target.pixels_to_native(x, y, z);
        for ((x, y), z) in x.iter_mut().zip(y).zip(z) {
            let v = [*x, *y, *z];
            [*x, *y, *z] = match &self.path {
                Path::Rotation(matrix, _) => rotate(matrix, v),
                Path::Frames(there, _) => WcsMap::through(there, &self.target, &self.input, v),
            };
        }
        true
    }

    fn input_to_sky(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) -> bool {
        self.input.pixels_to_native(x, y, z);
        true
    }
}
