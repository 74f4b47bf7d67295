//! The element types: what an output can be made of, and what an input can be.

mod sealed {
    pub trait Sealed {}
}

/// Element type of outputs and of every resampled sample: `f32` or `f64`.
///
/// Sums are always `f64`; a sample and an output pixel are rounded to the type once.
pub trait Pixel: InputPixel + PartialOrd + Default {
    /// Missing.
    const NAN: Self;
    /// Rounds to nearest.
    fn from_f64(value: f64) -> Self;
}

/// Element type of inputs, weights and FITS images: `u8`, `i16`, `i32`, `i64`, `f32` or `f64`.
pub trait InputPixel: sealed::Sealed + Copy + Send + Sync + std::fmt::Debug + 'static {
    /// The FITS `BITPIX` of the type.
    const BITPIX: i64;
    /// Exact except for `i64` above 2⁵³, which is rounded to nearest.
    fn to_f64(self) -> f64;
    /// Type-erased view, so that inputs of different types can stand in one list.
    #[doc(hidden)]
    fn erase(view: ndarray::ArrayViewD<'_, Self>) -> AnyView<'_>;
}

/// An array view of any of the input types.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub enum AnyView<'a> {
    /// Bytes.
    U8(ndarray::ArrayViewD<'a, u8>),
    /// 16-bit integers.
    I16(ndarray::ArrayViewD<'a, i16>),
    /// 32-bit integers.
    I32(ndarray::ArrayViewD<'a, i32>),
    /// 64-bit integers.
    I64(ndarray::ArrayViewD<'a, i64>),
    /// Single precision.
    F32(ndarray::ArrayViewD<'a, f32>),
    /// Double precision.
    F64(ndarray::ArrayViewD<'a, f64>),
}

macro_rules! input_pixel {
    ($($type:ty, $bitpix:expr, $variant:ident);+) => {$(
        impl sealed::Sealed for $type {}
        impl InputPixel for $type {
            const BITPIX: i64 = $bitpix;
            #[allow(clippy::cast_lossless, clippy::unnecessary_cast)]
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn erase(view: ndarray::ArrayViewD<'_, Self>) -> AnyView<'_> {
                AnyView::$variant(view)
            }
        }
    )+};
}
input_pixel!(u8, 8, U8; i16, 16, I16; i32, 32, I32; i64, 64, I64; f32, -32, F32; f64, -64, F64);

impl Pixel for f32 {
    const NAN: f32 = f32::NAN;
    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }
}

impl Pixel for f64 {
    const NAN: f64 = f64::NAN;
    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }
}
