//! The element types: what an output can be made of, and what an input can be.

use ndarray::{ArrayView2, ArrayViewD, Axis, s};

use crate::{
    engine::Compiled,
    fits::{FitsElement, PatchPixel},
    storage::MappedElement,
    window::Window,
};

/// Element type of outputs and of every resampled sample: `f32` or `f64`.
///
/// Sums are always `f64`; a sample and an output pixel are rounded to the type once.
pub trait Pixel: InputPixel + FitsElement + PatchPixel + PartialOrd + Compiled {
    /// Missing.
    const NAN: Self;
    /// From 1 to the next number.
    const EPSILON: f64;
    /// Rounds to nearest.
    fn from_f64(value: f64) -> Self;
}

/// Element type of inputs, weights and FITS images: `u8`, `i16`, `i32`, `i64`, `f32` or `f64`.
pub trait InputPixel: MappedElement + std::fmt::Debug {
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
}

impl Pixel for f64 {
    const NAN: f64 = f64::NAN;
    const EPSILON: f64 = f64::EPSILON;
    #[inline(always)]
    fn from_f64(value: f64) -> f64 {
        value
    }
}

impl AnyView<'_> {
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
