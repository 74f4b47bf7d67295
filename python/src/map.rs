//! A coordinate map that Python computes.

use std::sync::{Arc, Mutex, PoisonError};

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::{exceptions::PyValueError, prelude::*};
use skymosaic::PixelMap;

/// Functions of two arrays of coordinates, x and y, that return as many new ones.
pub(crate) struct PythonMap {
    to_input: Py<PyAny>,
    to_output: Option<Py<PyAny>>,
    /// From output and input pixels to unit vectors on the sky: three arrays.
    to_sky: Option<(Py<PyAny>, Py<PyAny>)>,
    failure: Mutex<Option<PyErr>>,
}

impl PythonMap {
    /// From an object with methods `to_input`, `to_output`, `output_to_sky` and `input_to_sky`, of which the last three may be None.
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> PyResult<Arc<PythonMap>> {
        let method = |name| -> PyResult<Option<Py<PyAny>>> {
            let method = object.getattr(name)?;
            Ok((!method.is_none()).then(|| method.unbind()))
        };
        let to_input = method("to_input")?.ok_or_else(|| PyValueError::new_err("a map needs to_input"))?;
        let to_sky = method("output_to_sky")?.zip(method("input_to_sky")?);
        Ok(Arc::new(PythonMap { to_input, to_output: method("to_output")?, to_sky, failure: Mutex::new(None) }))
    }

    /// The exception that Python has raised, once.
    pub(crate) fn take_failure(&self) -> Option<PyErr> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Replaces the coordinates by what the function makes of the first two; NaN in all where one is not finite, or all over
    /// after an exception, which stops the run.
    fn call<const N: usize>(&self, function: &Py<PyAny>, mut coordinates: [&mut [f64]; N]) {
        let n = coordinates.first().map_or(0, |x| x.len());
        if n == 0 {
            return;
        }
        let done = !self.has_failed()
            && match Python::attach(|py| called(py, function, &mut coordinates)) {
                Ok(()) => true,
                Err(error) => {
                    self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    false
                }
            };
        for k in 0..n {
            if !done || coordinates.iter().any(|axis| !axis[k].is_finite()) {
                coordinates.iter_mut().for_each(|axis| axis[k] = f64::NAN);
            }
        }
    }
}

fn called<const N: usize>(py: Python<'_>, function: &Py<PyAny>, coordinates: &mut [&mut [f64]; N]) -> PyResult<()> {
    let n = coordinates[0].len();
    let [x, y] = [0, 1].map(|axis| PyArray1::from_slice(py, coordinates[axis]));
    let result: Vec<PyReadonlyArray1<'_, f64>> = function.bind(py).call1((x, y))?.extract()?;
    if result.len() != N || result.iter().any(|axis| axis.as_array().len() != n) {
        return Err(PyValueError::new_err(format!("a coordinate map has to return {N} arrays of {n} float64")));
    }
    for (to, from) in coordinates.iter_mut().zip(&result) {
        to.iter_mut().zip(from.as_array()).for_each(|(to, from)| *to = *from);
    }
    Ok(())
}

impl PixelMap for PythonMap {
    fn to_input(&self, x: &mut [f64], y: &mut [f64]) {
        self.call(&self.to_input, [x, y]);
    }

    fn to_output(&self, x: &mut [f64], y: &mut [f64]) -> bool {
        self.to_output.as_ref().map(|function| self.call(function, [x, y])).is_some()
    }

    fn output_to_sky(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) -> bool {
        self.to_sky.as_ref().map(|(output, _)| self.call(output, [x, y, z])).is_some()
    }

    fn input_to_sky(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) -> bool {
        self.to_sky.as_ref().map(|(_, input)| self.call(input, [x, y, z])).is_some()
    }
}
