//! From stored numbers to pixels: stored × `BSCALE` + `BZERO`, computed in f64 and rounded once, with NaN for what is `BLANK`.

use super::image::Scaling;
use crate::{Pixel, PixelType, simd::dispatch};

/// A number as it is stored: `N` bytes in the file.
pub(super) trait Stored<const N: usize>: Copy + Default {
    /// From the bytes of the file.
    fn from_file(bytes: [u8; N]) -> Self;
    /// The `BLANK` of a header as such a number; `None` if there is none, or no number can have it.
    fn blank(scaling: &Scaling) -> Option<Self>;
    /// Whether it is the number that `BLANK` is.
    fn is(self, blank: Self) -> bool;
    /// Without scaling.
    fn value<P: Pixel>(self) -> P;
    /// With scaling.
    fn scaled<P: Pixel>(self, scaling: &Scaling) -> P;
}

macro_rules! stored {
    (integers $($number:ty: $bytes:literal),*) => {$(
        impl Stored<$bytes> for $number {
            stored!(common $bytes);
            fn blank(scaling: &Scaling) -> Option<Self> {
                scaling.blank.and_then(|blank| blank.try_into().ok())
            }
            #[inline(always)]
            fn is(self, blank: Self) -> bool {
                self == blank
            }
        }
    )*};
    (floats $($number:ty: $bytes:literal),*) => {$(
        impl Stored<$bytes> for $number {
            stored!(common $bytes);
            fn blank(_: &Scaling) -> Option<Self> {
                None
            }
            #[inline(always)]
            fn is(self, _: Self) -> bool {
                false
            }
        }
    )*};
    (common $bytes:literal) => {
        #[inline(always)]
        fn from_file(bytes: [u8; $bytes]) -> Self {
            Self::from_be_bytes(bytes)
        }
        #[inline(always)]
        fn value<P: Pixel>(self) -> P {
            P::from_f64(f64::from(self))
        }
        #[inline(always)]
        fn scaled<P: Pixel>(self, scaling: &Scaling) -> P {
            P::from_f64(f64::from(self) * scaling.scale + scaling.zero)
        }
    };
}

stored!(integers u8: 1, i16: 2, i32: 4);
stored!(floats f32: 4, f64: 8);

/// `BZERO` of unsigned integers of 64 bits.
const UNSIGNED: f64 = 9_223_372_036_854_775_808.0;

impl Stored<8> for i64 {
    #[inline(always)]
    fn from_file(bytes: [u8; 8]) -> i64 {
        i64::from_be_bytes(bytes)
    }
    fn blank(scaling: &Scaling) -> Option<i64> {
        scaling.blank
    }
    #[inline(always)]
    fn is(self, blank: i64) -> bool {
        self == blank
    }
    #[inline(always)]
    fn value<P: Pixel>(self) -> P {
        P::from_i64(self)
    }
    /// What would be rounded twice as a sum in f64 stays an integer until the end.
    #[inline(always)]
    fn scaled<P: Pixel>(self, scaling: &Scaling) -> P {
        match (scaling.scale, scaling.zero) {
            (1.0, 0.0) => P::from_i64(self),
            (1.0, UNSIGNED) => P::from_u64(self as u64 ^ (1 << 63)),
            (scale, zero) => P::from_f64(self as f64 * scale + zero),
        }
    }
}

/// Converts numbers as they stand in a file.
pub(super) fn from_file<P: Pixel>(pixel_type: PixelType, scaling: &Scaling, bytes: &[u8], out: &mut [P]) {
    fn all<S: Stored<N>, const N: usize, P: Pixel>(scaling: &Scaling, bytes: &[u8], out: &mut [P]) {
        convert(scaling, bytes.as_chunks().0.iter().map(|bytes| S::from_file(*bytes)), out);
    }
    match pixel_type {
        PixelType::U8 => all::<u8, 1, P>(scaling, bytes, out),
        PixelType::I16 => all::<i16, 2, P>(scaling, bytes, out),
        PixelType::I32 => all::<i32, 4, P>(scaling, bytes, out),
        PixelType::I64 => all::<i64, 8, P>(scaling, bytes, out),
        PixelType::F32 => all::<f32, 4, P>(scaling, bytes, out),
        PixelType::F64 => all::<f64, 8, P>(scaling, bytes, out),
    }
}

/// Converts stored numbers.
pub(super) fn convert<S: Stored<N>, const N: usize, P: Pixel>(
    scaling: &Scaling,
    numbers: impl Iterator<Item = S>,
    out: &mut [P],
) {
    let pixels = out.iter_mut().zip(numbers);
    dispatch(
        #[inline(always)]
        || {
            if let Some(blank) = S::blank(scaling) {
                let value = |stored: S| if stored.is(blank) { P::NAN } else { stored.scaled(scaling) };
                pixels.for_each(|(pixel, stored)| *pixel = value(stored));
            } else if scaling.scale == 1.0 && scaling.zero == 0.0 {
                pixels.for_each(|(pixel, stored)| *pixel = stored.value());
            } else {
                pixels.for_each(|(pixel, stored)| *pixel = stored.scaled(scaling));
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_four_bit_integers_are_rounded_once() {
        let stored = [0_i64, -1, i64::MIN, i64::MAX, (1 << 62) + 129, -(1 << 53) - 1, (1 << 62) + (1 << 38) + 1];
        let bytes: Vec<u8> = stored.iter().flat_map(|number| number.to_be_bytes()).collect();
        let (mut single, mut double) = ([0.0_f32; 7], [0.0_f64; 7]);
        let unsigned = Scaling { scale: 1.0, zero: UNSIGNED, blank: None };
        from_file(PixelType::I64, &unsigned, &bytes, &mut single);
        from_file(PixelType::I64, &unsigned, &bytes, &mut double);
        for ((single, double), stored) in single.iter().zip(double).zip(stored) {
            let value = stored as u64 ^ (1 << 63);
            assert_eq!((*single, double), (value as f32, value as f64));
        }
        for blank in [None, Some(-1)] {
            let scaling = Scaling { scale: 1.0, zero: 0.0, blank };
            from_file(PixelType::I64, &scaling, &bytes, &mut single);
            from_file(PixelType::I64, &scaling, &bytes, &mut double);
            for ((single, double), stored) in single.iter().zip(double).zip(stored) {
                let missing = blank == Some(stored);
                assert!(missing && single.is_nan() && double.is_nan() || !missing && *single == stored as f32);
                assert!(missing || double == stored as f64);
            }
        }
    }
}
