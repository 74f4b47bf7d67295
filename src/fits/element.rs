//! Numbers as FITS writes them: big-endian.

use crate::{simd::dispatch, storage::MappedElement};

/// A number that a FITS output is made of: `f32`, `f64` or `i32`.
pub trait FitsElement: MappedElement {
    /// The `BITPIX` of the image.
    const BITPIX: i64;
    /// Writes numbers in FITS byte order, as many as there are of both.
    #[doc(hidden)]
    fn to_fits(numbers: &[Self], bytes: &mut [u8]);
    /// Whether all numbers have the bits of one.
    #[doc(hidden)]
    fn all_are(numbers: &[Self], number: Self) -> bool;
}

macro_rules! fits_element {
    ($($number:ty, $bits:ty, $bitpix:literal);*) => {
        $(impl FitsElement for $number {
            const BITPIX: i64 = $bitpix;

            fn to_fits(numbers: &[$number], bytes: &mut [u8]) {
                dispatch(
                    #[inline(always)]
                    || {
                        for (to, number) in bytes.as_chunks_mut().0.iter_mut().zip(numbers) {
                            *to = number.to_be_bytes();
                        }
                    },
                );
            }

            fn all_are(numbers: &[$number], number: $number) -> bool {
                let bits = <$bits>::from_ne_bytes(number.to_ne_bytes());
                let differ = |part: &[$number]| {
                    part.iter().fold(0, |all, number| all | (<$bits>::from_ne_bytes(number.to_ne_bytes()) ^ bits)) != 0
                };
                // The first pixels of most images tell.
                dispatch(#[inline(always)] || !numbers.chunks(128).any(differ))
            }
        })*
    };
}

fits_element!(f32, u32, -32; f64, u64, -64; i32, u32, 32);
