//! The pixels of an input that a kernel sees.

use crate::{Pixel, window::Window};

/// A rectangle of one plane of an input: native-endian, scaled, missing pixels NaN.
#[derive(Debug)]
pub(crate) struct Patch<'p, P> {
    /// Row-major pixels, `ny` rows of `nx`.
    pub(crate) pixels: &'p [P],
    /// Where the rectangle lies in the image.
    pub(crate) window: Window,
    /// Shape (ny, nx) of the whole image: kernels clamp and end at its edges, not at the patch's.
    pub(crate) image: [usize; 2],
}

impl<P> Patch<'_, P> {
    /// The `n` pixels from column `x` on in row `y` of the image, if they are in the patch.
    pub(super) fn run(&self, y: usize, x: usize, n: usize) -> Option<&[P]> {
        let from = self.window.place([y, x])?;
        if x + n <= self.window.x0 + self.window.nx { self.pixels.get(from..from + n) } else { None }
    }
}

impl<P: Pixel> Patch<'_, P> {
    /// The pixel in row `y`, column `x` of the image; NaN if it is not in the patch.
    pub(super) fn at(&self, y: usize, x: usize) -> f64 {
        self.run(y, x, 1).and_then(<[P]>::first).map_or(f64::NAN, |pixel| pixel.to_f64())
    }
}

/// Variances and flags of the pixels of a patch.
pub(crate) struct PatchAuxiliary<'p> {
    /// NaN where the pixel is missing.
    pub(crate) variances: &'p [f64],
    /// Empty if no mask is computed.
    pub(crate) bits: &'p [u32],
    /// Where the patch lies in the image.
    pub(crate) window: Window,
    /// Shape (ny, nx) of the whole image.
    pub(crate) image: [usize; 2],
}

impl PatchAuxiliary<'_> {
    /// Variance and flags of the pixel (y, x); a variance of NaN where it is missing or not in the patch.
    pub(super) fn at(&self, pixel: [usize; 2]) -> (f64, u32) {
        let place = self.window.place(pixel).unwrap_or(usize::MAX);
        (self.variances.get(place).map_or(f64::NAN, |v| *v), self.bits.get(place).map_or(0, |bits| *bits))
    }
}

/// Index of the pixel that replaces pixel `i`, which may lie outside of the image, on an axis of `n` pixels: the image is mirrored about
/// the centres of its first and last pixel.
pub(super) fn mirror(i: isize, n: usize) -> usize {
    let last = n as isize - 1;
    if last <= 0 {
        return 0;
    }
    let folded = i.rem_euclid(2 * last);
    folded.min(2 * last - folded) as usize
}
