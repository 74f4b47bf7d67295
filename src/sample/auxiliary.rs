//! Variances and flags of the pixels of a patch.

use super::workspace::Auxiliary;
use crate::{
    Error, Pixel,
    input::{InputReader, Part, gather, planes_of},
    plan::PlannedInput,
    planes::PlaneSet,
    source::PixelSource,
    window::Window,
};

/// A rectangle of a plane of the image.
#[derive(Clone, Copy)]
pub(super) struct PatchAt {
    pub(super) plane: usize,
    pub(super) window: Window,
}

impl PlannedInput<'_> {
    /// Reads the variances and flags of a patch, makes the pixels missing that they exclude, and keeps those of the others that are needed.
    pub(super) fn read_auxiliary<P: Pixel, T: Pixel>(
        &self,
        reader: &InputReader<'_>,
        at: PatchAt,
        pixels: &mut [P],
        needs: PlaneSet,
        space: &mut Auxiliary<T>,
    ) -> Result<(), Error> {
        let Auxiliary { flags: read, pixel_variances: variances, pixel_bits, .. } = space;
        let PatchAt { plane, window } = at;
        let plane_in = |given: &dyn PixelSource| if planes_of(given) == 1 { 0 } else { plane };
        pixel_bits.clear();
        pixel_bits.resize(if needs.contains(PlaneSet::MASK) { pixels.len() } else { 0 }, 0);
        if let Some(mask) = &self.input.mask {
            let width = 8 * mask.element().size() as u32;
            gather(&**mask, &reader.of(Part::Mask), plane_in(&**mask), window, read)?;
            for (k, (pixel, stored)) in pixels.iter_mut().zip(&*read).enumerate() {
                let flags = flags(*stored, width)?;
                if flags.is_none_or(|bits| bits & self.exclude_bits != 0) {
                    *pixel = P::NAN;
                }
                if let (Some(known), Some(bits)) = (pixel_bits.get_mut(k), flags) {
                    *known = bits;
                }
            }
        }
        match &self.input.variance {
            Some(variance) => {
                gather(&**variance, &reader.of(Part::Variance), plane_in(&**variance), window, variances)?;
                let bad = |variance: f64| !(variance >= 0.0 && variance.is_finite());
                let pixels = pixels.iter_mut().zip(&*variances);
                pixels.filter(|(_, variance)| bad(**variance)).for_each(|(pixel, _)| *pixel = P::NAN);
            }
            None => {
                variances.clear();
                variances.resize(if !needs.is_empty() { pixels.len() } else { 0 }, 0.0);
            }
        }
        if !needs.is_empty() {
            let is_infinite_missing = self.kernel.is_infinite_missing();
            let is_missing = |pixel: f64| pixel.is_nan() || is_infinite_missing && pixel.is_infinite();
            let known = variances.iter_mut().zip(&*pixels);
            known.filter(|(_, pixel)| is_missing(pixel.to_f64())).for_each(|(known, _)| *known = f64::NAN);
        }
        Ok(())
    }
}

/// The bits of flags that are stored as an integer of so many bits; `None` for BLANK.
fn flags(stored: f64, width: u32) -> Result<Option<u32>, Error> {
    if stored.is_nan() {
        return Ok(None);
    }
    // Two's complement: the sign of a short integer is its highest bit.
    let unsigned = if stored < 0.0 && width <= 32 { stored + 2.0_f64.powi(width as i32) } else { stored };
    if unsigned.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&unsigned) {
        return Err(Error::Option {
            option: "mask",
            got: format!("a pixel of {stored}"),
            expected: "flags in bits 0 to 31".to_owned(),
        });
    }
    Ok(Some(unsigned as u32))
}
