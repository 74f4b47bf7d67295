//! World coordinate systems that the crate understands by itself.

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::{exceptions::PyValueError, prelude::*};
use skymosaic::{Header, OptimalOptions};

use crate::error::exception;

/// A celestial WCS from header text, one card a line.
#[pyclass(frozen, module = "skymosaic._core")]
pub(crate) struct Wcs {
    pub(crate) inner: skymosaic::Wcs,
}

#[pymethods]
impl Wcs {
    #[new]
    fn new(header: &str) -> PyResult<Wcs> {
        let wcs = Header::parse(header).and_then(|header| skymosaic::Wcs::from_header(&header));
        wcs.map(|inner| Wcs { inner }).map_err(exception)
    }

    /// Header text, one card a line.
    fn to_header(&self) -> String {
        self.inner.to_header().to_string()
    }

    /// Longitude and latitude in degrees of pixels (x, y), NaN where there is none.
    fn pixel_to_celestial<'py>(
        &self,
        x: PyReadonlyArray1<'py, f64>,
        y: PyReadonlyArray1<'py, f64>,
    ) -> (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>) {
        let py = x.py();
        let (mut lon, mut lat) = (x.as_array().to_vec(), y.as_array().to_vec());
        self.inner.pixel_to_celestial(&mut lon, &mut lat);
        (PyArray1::from_vec(py, lon), PyArray1::from_vec(py, lat))
    }

    /// Axis types and reference system: what tells frames apart.
    #[getter]
    fn frame(&self) -> String {
        format!("{:?}", self.inner.frame())
    }

    /// Shape (ny, nx), if the header gives it.
    #[getter]
    fn shape(&self) -> Option<[usize; 2]> {
        self.inner.shape()
    }
}

/// WCS and shape (ny, nx) of a target that holds all inputs, each a WCS and shape; frame is that of another WCS.
#[pyfunction]
#[pyo3(signature = (inputs, *, frame=None, projection="TAN", resolution=None, reference=None, auto_rotate=false, negative_lon_cdelt=None))]
pub(crate) fn find_optimal_celestial_wcs(
    inputs: Vec<(PyRef<'_, Wcs>, [usize; 2])>,
    frame: Option<PyRef<'_, Wcs>>,
    projection: &str,
    resolution: Option<f64>,
    reference: Option<[f64; 2]>,
    auto_rotate: bool,
    negative_lon_cdelt: Option<bool>,
) -> PyResult<(Wcs, [usize; 2])> {
    if inputs.is_empty() {
        return Err(PyValueError::new_err("no input data was given"));
    }
    let mut options = OptimalOptions::default().projection(projection).auto_rotate(auto_rotate);
    options.frame = frame.map(|wcs| wcs.inner.frame().clone());
    options.resolution = resolution;
    options.reference = reference;
    options.negative_lon_cdelt = negative_lon_cdelt;
    let inputs = inputs.iter().map(|(wcs, shape)| (&wcs.inner, *shape));
    let (inner, shape) = skymosaic::find_optimal_celestial_wcs_of(inputs, &options).map_err(exception)?;
    Ok((Wcs { inner }, shape))
}
