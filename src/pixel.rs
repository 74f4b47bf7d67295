//! The element types: what an output can be made of, and what an input can be.

use ndarray::{ArrayView2, ArrayViewD, Axis, s};

use crate::window::Window;

/// Element type of outputs and of every resampled sample: `f32` or `f64`.
///
/// Sums are always `f64`; a sample and an output pixel are rounded to the type once.
pub trait Pixel: InputPixel + PartialOrd {
    /// Missing.
    const NAN: Self;
    /// From 1 to the next number.
    const EPSILON: f64;
    /// Rounds to nearest.
    fn from_f64(value: f64) -> Self;
    /// Rounds to nearest, once.
    #[doc(hidden)]
    fn from_i64(value: i64) -> Self;
    /// Rounds to nearest, once.
    #[doc(hidden)]
    fn from_u64(value: u64) -> Self;
    /// The numbers as those of either type.
    #[doc(hidden)]
    fn erase_mut(numbers: &mut [Self]) -> PixelsMut<'_>;
    /// The numbers, if they are of this type.
    #[doc(hidden)]
    fn of_pixels(pixels: PixelsRef<'_>) -> Option<&[Self]>;
    /// Finds out which of the two types it is.
    #[doc(hidden)]
    fn which<F: Family>(value: F::Of<Self>) -> Which<F>;
}

/// Types that are made of a pixel type, such as arrays of pixels: with [`Pixel::which`], code that is generic hands them to code that is compiled once for
/// each pixel type.
#[doc(hidden)]
pub trait Family {
    /// The type that is made of `T`.
    type Of<T: Pixel>;
}

/// A member of a family, of known pixel type.
#[doc(hidden)]
pub enum Which<F: Family> {
    /// That of `f32`.
    F32(F::Of<f32>),
    /// That of `f64`.
    F64(F::Of<f64>),
}

/// Numbers to be filled in, of the type that was asked for.
#[derive(Debug)]
pub enum PixelsMut<'p> {
    /// Single precision.
    F32(&'p mut [f32]),
    /// Double precision.
    F64(&'p mut [f64]),
}

impl PixelsMut<'_> {
    /// How many numbers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            PixelsMut::F32(numbers) => numbers.len(),
            PixelsMut::F64(numbers) => numbers.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sets each number to the value of its index, rounded to nearest.
    pub fn fill_with(self, value: impl Fn(usize) -> f64) {
        match self {
            PixelsMut::F32(numbers) => numbers.iter_mut().enumerate().for_each(|(k, to)| *to = value(k) as f32),
            PixelsMut::F64(numbers) => numbers.iter_mut().enumerate().for_each(|(k, to)| *to = value(k)),
        }
    }
}

/// Numbers of either type.
#[derive(Clone, Copy, Debug)]
pub enum PixelsRef<'p> {
    /// Single precision.
    F32(&'p [f32]),
    /// Double precision.
    F64(&'p [f64]),
}

/// The type of the numbers that an image is stored as: in a FITS file that of `BITPIX`, before `BSCALE` and `BZERO`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelType {
    /// `BITPIX` = 8.
    U8,
    /// `BITPIX` = 16.
    I16,
    /// `BITPIX` = 32.
    I32,
    /// `BITPIX` = 64.
    I64,
    /// `BITPIX` = -32.
    F32,
    /// `BITPIX` = -64.
    F64,
}

impl PixelType {
    #[cfg(feature = "fits")]
    pub(crate) fn from_bitpix(bitpix: i64) -> Option<PixelType> {
        Some(match bitpix {
            8 => PixelType::U8,
            16 => PixelType::I16,
            32 => PixelType::I32,
            64 => PixelType::I64,
            -32 => PixelType::F32,
            -64 => PixelType::F64,
            _ => return None,
        })
    }

    /// Bytes of one pixel.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            PixelType::U8 => 1,
            PixelType::I16 => 2,
            PixelType::I32 | PixelType::F32 => 4,
            PixelType::I64 | PixelType::F64 => 8,
        }
    }

    #[cfg(feature = "fits")]
    pub(crate) fn bitpix(self) -> i64 {
        match self {
            PixelType::F32 => -32,
            PixelType::F64 => -64,
            _ => 8 * self.size() as i64,
        }
    }

    /// Whether the numbers are integers.
    #[must_use]
    pub fn is_integer(self) -> bool {
        !self.is_float()
    }

    pub(crate) fn is_float(self) -> bool {
        matches!(self, PixelType::F32 | PixelType::F64)
    }
}

/// Element type of inputs, weights and FITS images: `u8`, `i16`, `i32`, `i64`, `f32` or `f64`.
pub trait InputPixel: bytemuck::Pod + Default + Send + Sync + std::fmt::Debug {
    /// Exact except for `i64` above 2⁵³, which is rounded to nearest.
    fn to_f64(self) -> f64;
    /// Type-erased view, so that inputs of different types can stand in one list.
    #[doc(hidden)]
    fn erase(view: ArrayViewD<'_, Self>) -> AnyView<'_>;
}

/// An array view of any of the input types.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub enum AnyView<'a> {
    /// Bytes.
    U8(ArrayViewD<'a, u8>),
    /// 16-bit integers.
    I16(ArrayViewD<'a, i16>),
    /// 32-bit integers.
    I32(ArrayViewD<'a, i32>),
    /// 64-bit integers.
    I64(ArrayViewD<'a, i64>),
    /// Single precision.
    F32(ArrayViewD<'a, f32>),
    /// Double precision.
    F64(ArrayViewD<'a, f64>),
}

macro_rules! input_pixel {
    ($($type:ty: $variant:ident),+) => {$(
        impl InputPixel for $type {
            #[allow(clippy::cast_lossless, clippy::unnecessary_cast)]
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            fn erase(view: ArrayViewD<'_, Self>) -> AnyView<'_> {
                AnyView::$variant(view)
            }
        }
    )+};
}
input_pixel!(u8: U8, i16: I16, i32: I32, i64: I64, f32: F32, f64: F64);

impl Pixel for f32 {
    const NAN: f32 = f32::NAN;
    const EPSILON: f64 = f32::EPSILON as f64;
    #[inline(always)]
    fn from_f64(value: f64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn from_i64(value: i64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn from_u64(value: u64) -> f32 {
        value as f32
    }
    fn erase_mut(numbers: &mut [f32]) -> PixelsMut<'_> {
        PixelsMut::F32(numbers)
    }
    fn of_pixels(pixels: PixelsRef<'_>) -> Option<&[f32]> {
        match pixels {
            PixelsRef::F32(numbers) => Some(numbers),
            _ => None,
        }
    }
    fn which<F: Family>(value: F::Of<f32>) -> Which<F> {
        Which::F32(value)
    }
}

impl Pixel for f64 {
    const NAN: f64 = f64::NAN;
    const EPSILON: f64 = f64::EPSILON;
    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }
    #[inline(always)]
    fn from_i64(value: i64) -> f64 {
        value as f64
    }
    #[inline(always)]
    fn from_u64(value: u64) -> f64 {
        value as f64
    }
    fn erase_mut(numbers: &mut [f64]) -> PixelsMut<'_> {
        PixelsMut::F64(numbers)
    }
    fn of_pixels(pixels: PixelsRef<'_>) -> Option<&[f64]> {
        match pixels {
            PixelsRef::F64(numbers) => Some(numbers),
            _ => None,
        }
    }
    fn which<F: Family>(value: F::Of<f64>) -> Which<F> {
        Which::F64(value)
    }
}

impl AnyView<'_> {
    /// The type of its numbers.
    pub(crate) fn element(&self) -> PixelType {
        match self {
            AnyView::U8(_) => PixelType::U8,
            AnyView::I16(_) => PixelType::I16,
            AnyView::I32(_) => PixelType::I32,
            AnyView::I64(_) => PixelType::I64,
            AnyView::F32(_) => PixelType::F32,
            AnyView::F64(_) => PixelType::F64,
        }
    }

    pub(crate) fn shape(&self) -> &[usize] {
        match self {
            AnyView::U8(view) => view.shape(),
            AnyView::I16(view) => view.shape(),
            AnyView::I32(view) => view.shape(),
            AnyView::I64(view) => view.shape(),
            AnyView::F32(view) => view.shape(),
            AnyView::F64(view) => view.shape(),
        }
    }

    /// Converts a rectangle of one plane (leading dimensions taken together, slowest first) into row-major `pixels`.
    pub(crate) fn gather<P: Pixel>(&self, plane: usize, window: Window, pixels: &mut [P]) {
        match self {
            AnyView::U8(view) => gather(view.view(), plane, window, pixels),
            AnyView::I16(view) => gather(view.view(), plane, window, pixels),
            AnyView::I32(view) => gather(view.view(), plane, window, pixels),
            AnyView::I64(view) => gather(view.view(), plane, window, pixels),
            AnyView::F32(view) => gather(view.view(), plane, window, pixels),
            AnyView::F64(view) => gather(view.view(), plane, window, pixels),
        }
    }
}

fn gather<S: InputPixel, P: Pixel>(view: ArrayViewD<'_, S>, plane: usize, window: Window, pixels: &mut [P]) {
    let Some(plane) = plane_of(view, plane) else { return };
    let Window { x0, y0, nx, ny } = window;
    let rectangle = plane.slice_move(s![y0..y0 + ny, x0..x0 + nx]);
    for (row, out) in rectangle.outer_iter().zip(pixels.chunks_exact_mut(nx)) {
        match row.to_slice() {
            Some(row) => row.iter().zip(out).for_each(|(from, to)| *to = P::from_f64(from.to_f64())),
            None => row.iter().zip(out).for_each(|(from, to)| *to = P::from_f64(from.to_f64())),
        }
    }
}

/// The two-dimensional plane number `plane` of an array, its leading dimensions taken together; `None` if there is none.
fn plane_of<S>(mut view: ArrayViewD<'_, S>, mut plane: usize) -> Option<ArrayView2<'_, S>> {
    while view.ndim() > 2 {
        let below: usize = view.shape()[1..view.ndim() - 2].iter().product();
        let index = plane / below.max(1);
        if index >= view.len_of(Axis(0)) {
            return None;
        }
        plane %= below.max(1);
        view = view.index_axis_move(Axis(0), index);
    }
    view.into_dimensionality().ok()
}
