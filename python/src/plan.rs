//! Plans: made once, run whole or window by window into arrays of the caller.

use std::{ops::ControlFlow, sync::Arc};

use numpy::{Element, PyArrayDyn, PyArrayMethods};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBytes, PyDict},
};
use skymosaic::{Backgrounds, Error, Header, Pixel, Status, Summary, Window};

use crate::{
    array::{Guard, SharedArray},
    error::exception,
    input::Input,
    map::PythonMap,
    options::options,
    watch::Watch,
    wcs::Wcs,
};

/// Which inputs touch which part of the output, known before a pixel is read.
#[pyclass(frozen, module = "skymosaic._core")]
pub(crate) struct Plan {
    // Before the arrays that its inputs have views of, and so dropped before them.
    pub(crate) inner: skymosaic::Plan<'static>,
    arrays: Vec<SharedArray>,
    pub(crate) maps: Vec<Arc<PythonMap>>,
    pub(crate) watch: Arc<Watch>,
}

/// A target for inputs that all have maps of their own, which know where its pixels are: the plan needs some WCS.
const PLANE: &str = "CTYPE1 = 'RA---CAR'\nCTYPE2 = 'DEC--CAR'\nCDELT1 = -1e-4\nCDELT2 = 1e-4\nCRPIX1 = 1.0\nCRPIX2 = 1.0\nCRVAL1 = 0.0\nCRVAL2 = 0.0";

#[pymethods]
impl Plan {
    /// A mosaic of `shape` (..., ny, nx) on a WCS, or on none if every input has a map.
    #[new]
    #[pyo3(signature = (inputs, target, shape, settings))]
    fn new(
        py: Python<'_>,
        inputs: Vec<PyRef<'_, Input>>,
        target: Option<PyRef<'_, Wcs>>,
        shape: Vec<usize>,
        settings: &Bound<'_, PyDict>,
    ) -> PyResult<Plan> {
        let target = match target {
            Some(target) => target.inner.clone(),
            None => Header::parse(PLANE).and_then(|header| skymosaic::Wcs::from_header(&header)).map_err(exception)?,
        };
        let arrays = inputs.iter().flat_map(|input| &input.arrays).map(|array| array.clone_ref(py)).collect();
        let maps: Vec<Arc<PythonMap>> = inputs.iter().flat_map(|input| input.maps.iter().cloned()).collect();
        let owned: Vec<skymosaic::Input<'static>> = inputs.iter().map(|input| input.inner.clone()).collect();
        drop(inputs);
        let watch = Arc::new(Watch::default());
        let noted = (Arc::clone(&watch), maps.clone());
        let options = options(settings)?.progress(move |progress| {
            let (watch, maps) = &noted;
            if maps.iter().any(|map| map.has_failed()) { ControlFlow::Break(()) } else { watch.note(progress) }
        });
        let inner = py.detach(|| skymosaic::Plan::new(&owned, &target, &shape, &options));
        raise_failure(&maps)?;
        Ok(Plan { inner: inner.map_err(exception)?, arrays, maps, watch })
    }

    /// Computes a window (y0, x0, ny, nx), or all, into two arrays of shape (..., ny, nx), float32 or float64 both, any strides.
    /// `progress(phase, fraction)` is called now and then from this thread.
    #[pyo3(signature = (output, footprint, window=None, progress=None))]
    fn run<'py>(
        &self,
        py: Python<'py>,
        output: &Bound<'py, PyAny>,
        footprint: &Bound<'py, PyAny>,
        window: Option<[usize; 4]>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let window = window.map_or(self.inner.whole(), |[y0, x0, ny, nx]| Window::new(x0, y0, nx, ny));
        if let (Ok(output), Ok(footprint)) = (output.cast::<PyArrayDyn<f32>>(), footprint.cast::<PyArrayDyn<f32>>()) {
            self.run_as(py, output, footprint, window, progress)
        } else if let (Ok(output), Ok(footprint)) =
            (output.cast::<PyArrayDyn<f64>>(), footprint.cast::<PyArrayDyn<f64>>())
        {
            self.run_as(py, output, footprint, window, progress)
        } else {
            Err(PyTypeError::new_err("expected two arrays of float32, or two of float64"))
        }
    }

    /// Measures the backgrounds, unless that has been done, and returns them as bytes. `double` tells the type of the outputs.
    #[pyo3(signature = (double, progress=None))]
    fn match_backgrounds<'py>(
        &self,
        py: Python<'py>,
        double: bool,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let _guards = self.guards(py)?;
        let plan = &self.inner;
        let measure = || if double { plan.match_backgrounds::<f64>() } else { plan.match_backgrounds::<f32>() };
        let measured = self.watch.over(py, progress, measure)?;
        raise_failure(&self.maps)?;
        Ok(PyBytes::new(py, &measured.map_err(exception)?.to_bytes()))
    }

    /// Takes backgrounds that `match_backgrounds` of the same plan has measured elsewhere.
    fn use_backgrounds(&self, backgrounds: &[u8], double: bool) -> PyResult<()> {
        let backgrounds = Backgrounds::from_bytes(backgrounds).map_err(exception)?;
        let plan = &self.inner;
        let used =
            if double { plan.use_backgrounds::<f64>(backgrounds) } else { plan.use_backgrounds::<f32>(backgrounds) };
        used.map_err(exception)
    }

    /// The sub-grids (y0, x0, ny, nx) of the output that hold all that an input covers.
    fn bounds(&self, py: Python<'_>, input: usize) -> PyResult<Vec<[usize; 4]>> {
        let bounds = py.detach(|| self.inner.bounds(input).to_vec());
        raise_failure(&self.maps)?;
        Ok(bounds.iter().map(rectangle).collect())
    }

    /// The inputs that may have samples in a window (y0, x0, ny, nx).
    fn inputs_in(&self, window: [usize; 4]) -> Vec<usize> {
        let [y0, x0, ny, nx] = window;
        self.inner.inputs_in(Window::new(x0, y0, nx, ny))
    }

    /// Shape of the output.
    #[getter]
    fn shape(&self) -> Vec<usize> {
        self.inner.shape().to_vec()
    }
}

fn rectangle(window: &Window) -> [usize; 4] {
    [window.y0, window.x0, window.ny, window.nx]
}

pub(crate) fn raise_failure(maps: &[Arc<PythonMap>]) -> PyResult<()> {
    maps.iter().find_map(|map| map.take_failure()).map_or(Ok(()), Err)
}

impl Plan {
    pub(crate) fn guards<'py>(&self, py: Python<'py>) -> PyResult<Vec<Guard<'py>>> {
        self.arrays.iter().map(|array| array.guard(py)).collect()
    }

    fn run_as<'py, T: Pixel + Element>(
        &self,
        py: Python<'py>,
        output: &Bound<'py, PyArrayDyn<T>>,
        footprint: &Bound<'py, PyArrayDyn<T>>,
        window: Window,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let _guards = self.guards(py)?;
        let (mut output, mut footprint) = (output.try_readwrite()?, footprint.try_readwrite()?);
        let (output, footprint) = (output.as_array_mut(), footprint.as_array_mut());
        let plan = &self.inner;
        let done: Result<Summary, Error> =
            self.watch.over(py, progress, || plan.run_window(window, output, footprint))?;
        raise_failure(&self.maps)?;
        summary_dict(py, &done.map_err(exception)?)
    }
}

/// A summary as a dictionary.
fn summary_dict<'py>(py: Python<'py>, summary: &Summary) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("covered_pixels", summary.covered_pixels)?;
    dict.set_item("output_pixels", summary.output_pixels)?;
    dict.set_item("resampled_pixels", summary.resampled_pixels)?;
    dict.set_item("max_coordinate_error", summary.max_coordinate_error)?;
    dict.set_item("exact_fraction", summary.exact_fraction)?;
    dict.set_item("peak_bytes", summary.peak_bytes)?;
    let inputs = summary.inputs.iter().map(|input| {
        let of_input = PyDict::new(py);
        of_input.set_item("name", &input.name)?;
        of_input.set_item("used", input.status == Status::Used)?;
        of_input.set_item("bounds", input.bounds.iter().map(rectangle).collect::<Vec<_>>())?;
        of_input.set_item("resampled_pixels", input.resampled_pixels)?;
        of_input.set_item("max_coordinate_error", input.max_coordinate_error)?;
        Ok(of_input)
    });
    dict.set_item("inputs", inputs.collect::<PyResult<Vec<_>>>()?)?;
    Ok(dict)
}
