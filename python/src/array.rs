//! numpy arrays as views. Nothing is copied.

use ndarray::ArrayViewD;
use numpy::{Element, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn};
use pyo3::{exceptions::PyTypeError, prelude::*};
use skymosaic::InputPixel;

/// An array that inputs have views of.
pub(crate) enum SharedArray {
    U8(Py<PyArrayDyn<u8>>),
    I16(Py<PyArrayDyn<i16>>),
    I32(Py<PyArrayDyn<i32>>),
    I64(Py<PyArrayDyn<i64>>),
    F32(Py<PyArrayDyn<f32>>),
    F64(Py<PyArrayDyn<f64>>),
}

/// Keeps everybody in this process who respects numpy borrows from writing to an array.
#[expect(dead_code, reason = "held, never looked at")]
pub(crate) enum Guard<'py> {
    U8(PyReadonlyArrayDyn<'py, u8>),
    I16(PyReadonlyArrayDyn<'py, i16>),
    I32(PyReadonlyArrayDyn<'py, i32>),
    I64(PyReadonlyArrayDyn<'py, i64>),
    F32(PyReadonlyArrayDyn<'py, f32>),
    F64(PyReadonlyArrayDyn<'py, f64>),
}

/// Runs an expression for the array of whichever type it holds.
macro_rules! for_held {
    ($held:expr, $array:ident => $work:expr) => {
        match $held {
            $crate::array::SharedArray::U8($array) => $work,
            $crate::array::SharedArray::I16($array) => $work,
            $crate::array::SharedArray::I32($array) => $work,
            $crate::array::SharedArray::I64($array) => $work,
            $crate::array::SharedArray::F32($array) => $work,
            $crate::array::SharedArray::F64($array) => $work,
        }
    };
}
pub(crate) use for_held;

impl SharedArray {
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> PyResult<SharedArray> {
        macro_rules! try_types {
            ($($kind:ident: $type:ty),+) => {$(
                if let Ok(array) = object.cast::<PyArrayDyn<$type>>() {
                    return Ok(SharedArray::$kind(array.clone().unbind()));
                }
            )+};
        }
        try_types!(F32: f32, F64: f64, U8: u8, I16: i16, I32: i32, I64: i64);
        Err(PyTypeError::new_err("expected an aligned numpy array of uint8, int16, int32, int64, float32 or float64"))
    }

    pub(crate) fn clone_ref(&self, py: Python<'_>) -> SharedArray {
        match self {
            SharedArray::U8(array) => SharedArray::U8(array.clone_ref(py)),
            SharedArray::I16(array) => SharedArray::I16(array.clone_ref(py)),
            SharedArray::I32(array) => SharedArray::I32(array.clone_ref(py)),
            SharedArray::I64(array) => SharedArray::I64(array.clone_ref(py)),
            SharedArray::F32(array) => SharedArray::F32(array.clone_ref(py)),
            SharedArray::F64(array) => SharedArray::F64(array.clone_ref(py)),
        }
    }

    /// Fails if somebody has borrowed the array for writing.
    pub(crate) fn guard<'py>(&self, py: Python<'py>) -> PyResult<Guard<'py>> {
        Ok(match self {
            SharedArray::U8(array) => Guard::U8(array.bind(py).try_readonly()?),
            SharedArray::I16(array) => Guard::I16(array.bind(py).try_readonly()?),
            SharedArray::I32(array) => Guard::I32(array.bind(py).try_readonly()?),
            SharedArray::I64(array) => Guard::I64(array.bind(py).try_readonly()?),
            SharedArray::F32(array) => Guard::F32(array.bind(py).try_readonly()?),
            SharedArray::F64(array) => Guard::F64(array.bind(py).try_readonly()?),
        })
    }
}

/// A view of an array for as long as the caller holds it.
pub(crate) fn view<T: Element + InputPixel>(
    py: Python<'_>,
    array: &Py<PyArrayDyn<T>>,
) -> PyResult<ArrayViewD<'static, T>> {
    let borrowed = array.bind(py).try_readonly()?;
    let view = borrowed.as_array().raw_view();
    // SAFETY: pointer, shape and strides are those of a live numpy array, checked by `as_array`. Views are stored in `Input` and `Plan` only, each beside the
    // `SharedArray` arrays that keep the memory alive and that are dropped after them; numpy frees or moves the memory of an array that is
    // referred to only if told to forget about references (`resize(refcheck=False)`). Pixels are read in `Plan`'s runs
    // only, which hold a `Guard` of every array, so that no run writes to them.
    Ok(unsafe { view.deref_into_view() })
}
