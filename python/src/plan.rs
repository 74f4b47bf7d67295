//! Plans: made once, run whole or window by window into arrays of the caller.

use std::{ops::ControlFlow, sync::Arc};

use numpy::{Element, PyArrayDyn, PyArrayMethods, PyReadwriteArrayDyn};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBytes, PyDict},
};
use skymosaic::{Backgrounds, Error, Header, Pixel, PlaneBackgrounds, PlaneSet, Planes, Status, Summary, Window};

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

    /// Computes a window (y0, x0, ny, nx), or all, into arrays of any strides: the mosaic of shape (..., ny, nx), float32 or float64, and what else is given:
    /// `planes` has "footprint" and "variance" of the type of the mosaic, and "mask", "count" and "context" of int32.
    /// `progress(phase, fraction)` is called now and then from this thread.
    #[pyo3(signature = (output, planes, window=None, progress=None))]
    fn run<'py>(
        &self,
        py: Python<'py>,
        output: &Bound<'py, PyAny>,
        planes: &Bound<'py, PyDict>,
        window: Option<[usize; 4]>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let window = window.map_or(self.inner.whole(), |[y0, x0, ny, nx]| Window::new(x0, y0, nx, ny));
        if let Ok(output) = output.cast::<PyArrayDyn<f32>>() {
            self.run_as(py, output, planes, window, progress)
        } else if let Ok(output) = output.cast::<PyArrayDyn<f64>>() {
            self.run_as(py, output, planes, window, progress)
        } else {
            Err(PyTypeError::new_err("expected an array of float32 or float64 for the mosaic"))
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

    /// Bytes of the intermediates of a run that also fills a variance or a mask; `double` tells the type of the outputs.
    fn intermediate_bytes(&self, py: Python<'_>, double: bool, variance: bool, mask: bool) -> PyResult<u64> {
        let mut planes = PlaneSet::FOOTPRINT;
        planes.set(PlaneSet::VARIANCE, variance);
        planes.set(PlaneSet::MASK, mask);
        let plan = &self.inner;
        let bytes = py.detach(|| {
            if double { plan.intermediate_bytes::<f64>(planes) } else { plan.intermediate_bytes::<f32>(planes) }
        });
        raise_failure(&self.maps)?;
        Ok(bytes)
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
        planes: &Bound<'py, PyDict>,
        window: Window,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let _guards = self.guards(py)?;
        let mut output = output.try_readwrite()?;
        let mut footprint = borrowed::<T>(planes, "footprint")?;
        let mut variance = borrowed::<T>(planes, "variance")?;
        let mut words =
            [borrowed::<i32>(planes, "mask")?, borrowed::<i32>(planes, "count")?, borrowed::<i32>(planes, "context")?];
        let mut given = Planes::default();
        given.variance = variance.as_mut().map(PyReadwriteArrayDyn::as_array_mut);
        let [mask, count, context] = &mut words;
        given.mask = mask.as_mut().map(PyReadwriteArrayDyn::as_array_mut);
        given.count = count.as_mut().map(PyReadwriteArrayDyn::as_array_mut);
        given.context = context.as_mut().map(PyReadwriteArrayDyn::as_array_mut);
        let (output, footprint) = (output.as_array_mut(), footprint.as_mut().map(PyReadwriteArrayDyn::as_array_mut));
        let plan = &self.inner;
        let done: Result<Summary, Error> =
            self.watch.over(py, progress, || plan.run_window_with(window, output, footprint, given))?;
        raise_failure(&self.maps)?;
        summary_dict(py, &done.map_err(exception)?)
    }
}

/// An array of a dictionary for writing, if it is there.
fn borrowed<'py, T: Element>(planes: &Bound<'py, PyDict>, name: &str) -> PyResult<Option<PyReadwriteArrayDyn<'py, T>>> {
    let Some(array) = planes.get_item(name)? else { return Ok(None) };
    let Ok(array) = array.cast::<PyArrayDyn<T>>() else {
        let expected = format!("expected an array of {} for the {name}", T::get_dtype(planes.py()));
        return Err(PyTypeError::new_err(expected));
    };
    Ok(Some(array.try_readwrite()?))
}

/// A summary as a dictionary.
fn summary_dict<'py>(py: Python<'py>, summary: &Summary) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("covered_pixels", summary.covered_pixels)?;
    dict.set_item("output_pixels", summary.output_pixels)?;
    dict.set_item("resampled_pixels", summary.resampled_pixels)?;
    dict.set_item("max_coordinate_error", summary.max_coordinate_error)?;
    dict.set_item("exact_fraction", summary.exact_fraction)?;
    dict.set_item("noise_correlation", summary.noise_correlation)?;
    dict.set_item("peak_bytes", summary.peak_bytes)?;
    let backgrounds = summary.backgrounds.as_ref();
    let backgrounds = backgrounds.map(|found| found.planes.iter().map(|plane| background_dict(py, plane)).collect());
    dict.set_item("backgrounds", backgrounds.transpose()?.unwrap_or_else(Vec::new))?;
    let inputs = summary.inputs.iter().map(|input| {
        let of_input = PyDict::new(py);
        of_input.set_item("name", &input.name)?;
        of_input.set_item("used", input.status == Status::Used)?;
        of_input.set_item("bounds", input.bounds.iter().map(rectangle).collect::<Vec<_>>())?;
        of_input.set_item("resampled_pixels", input.resampled_pixels)?;
        of_input.set_item("max_coordinate_error", input.max_coordinate_error)?;
        of_input.set_item("noise_correlation", input.noise_correlation)?;
        Ok(of_input)
    });
    dict.set_item("inputs", inputs.collect::<PyResult<Vec<_>>>()?)?;
    Ok(dict)
}

/// The matched backgrounds of a plane as a dictionary.
fn background_dict<'py>(py: Python<'py>, plane: &PlaneBackgrounds) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let corrections = plane.corrections.iter();
    dict.set_item("corrections", corrections.map(|c| (c.offset, c.slope, c.centre)).collect::<Vec<_>>())?;
    dict.set_item("groups", plane.groups.clone())?;
    let pairs = plane.pairs.iter().map(|pair| (pair.inputs, pair.pixels, pair.difference.offset, pair.residual));
    dict.set_item("pairs", pairs.collect::<Vec<_>>())?;
    Ok(dict)
}
