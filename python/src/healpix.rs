//! HEALPix maps: sampled, and as outputs of plans.

use std::path::PathBuf;

use numpy::{PyArray1, PyReadonlyArray1, PyReadwriteArray2};
use pyo3::prelude::*;
use skymosaic::{Error, Frame, HealpixGrid, HealpixInterpolation, HealpixOrder, HealpixOutput, Sinks, ValuePlane};

use crate::{
    error::exception,
    input::named,
    options::parallel,
    plan::{Plan, raise_failure},
    watch::Watch,
    wcs::Wcs,
};

/// A map of the whole sky or a part of it.
#[pyclass(frozen, module = "skymosaic._core")]
pub(crate) struct HealpixMap {
    inner: skymosaic::HealpixMap,
}

fn grid(nside: u64, nested: bool) -> Result<HealpixGrid, Error> {
    HealpixGrid::new(nside, if nested { HealpixOrder::Nested } else { HealpixOrder::Ring })
}

fn interpolation(nearest: bool) -> HealpixInterpolation {
    if nearest { HealpixInterpolation::Nearest } else { HealpixInterpolation::Bilinear }
}

#[pymethods]
impl HealpixMap {
    /// A map of the whole sky, in the frame of a WCS, from all its values.
    #[new]
    fn new(values: PyReadonlyArray1<'_, f64>, nested: bool, frame: PyRef<'_, Wcs>) -> PyResult<HealpixMap> {
        let values = values.as_array().to_vec();
        let grid = grid((values.len() as u64 / 12).isqrt(), nested).map_err(exception)?;
        let made = skymosaic::HealpixMap::new(values, grid, frame.inner.frame().clone());
        made.map(|inner| HealpixMap { inner }).map_err(exception)
    }

    /// A column of values of a table in a FITS file.
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf, hdu: &Bound<'_, PyAny>, field: usize) -> PyResult<HealpixMap> {
        let hdu = named(hdu)?;
        let read = py.detach(|| skymosaic::HealpixMap::read(path, &hdu, field));
        read.map(|inner| HealpixMap { inner }).map_err(exception)
    }

    /// Header text of the plane of the map's pixels, which tells the frame.
    #[getter]
    fn plane(&self) -> PyResult<String> {
        let plane = self.inner.grid().plane(self.inner.frame()).map_err(exception)?;
        Ok(plane.to_header().to_string())
    }

    /// Fills output and footprint, of shape (ny, nx), with what the map has at the pixels of a WCS.
    fn reproject(
        &self,
        py: Python<'_>,
        target: PyRef<'_, Wcs>,
        mut output: PyReadwriteArray2<'_, f64>,
        mut footprint: PyReadwriteArray2<'_, f64>,
        nearest: bool,
        threads: Option<usize>,
    ) -> PyResult<()> {
        let (output, footprint) = (output.as_array_mut(), footprint.as_array_mut());
        let (target, parallel) = (target.inner.clone(), parallel(threads)?);
        let work = || self.inner.reproject(&target, interpolation(nearest), parallel, output, footprint);
        Watch::default().over(py, None, work)?.map_err(exception)
    }

    /// The values at longitudes and latitudes in degrees.
    fn sample<'py>(
        &self,
        lon: PyReadonlyArray1<'py, f64>,
        lat: PyReadonlyArray1<'py, f64>,
        nearest: bool,
    ) -> Bound<'py, PyArray1<f64>> {
        let py = lon.py();
        let (lon, lat) = (lon.as_array().to_vec(), lat.as_array().to_vec());
        let mut values = vec![f64::NAN; lon.len()];
        py.detach(|| self.inner.sample(&lon, &lat, interpolation(nearest), &mut values));
        PyArray1::from_vec(py, values)
    }
}

/// Header text of the plane of the pixels of a map, in the frame of a WCS.
#[pyfunction]
pub(crate) fn healpix_plane(nside: u64, nested: bool, frame: PyRef<'_, Wcs>) -> PyResult<String> {
    let plane = grid(nside, nested).and_then(|grid| grid.plane(frame.inner.frame())).map_err(exception)?;
    Ok(plane.to_header().to_string())
}

/// Carries out a plan onto the plane of a map's pixels: the values of the whole sky, `blank` where there is none, and the footprint.
#[pyfunction]
#[pyo3(signature = (plan, nside, nested, blank))]
pub(crate) fn run_to_healpix<'py>(
    py: Python<'py>,
    plan: PyRef<'py, Plan>,
    nside: u64,
    nested: bool,
    blank: f64,
) -> PyResult<[Bound<'py, PyArray1<f64>>; 2]> {
    let grid = grid(nside, nested).map_err(exception)?;
    let _guards = plan.guards(py)?;
    let (inner, watch) = (&plan.inner, &plan.watch);
    let work = || {
        // The frame is known to who planned, and needed no more.
        let mut mosaic = HealpixOutput::<f64>::new(grid, Frame::Icrs);
        let mut footprint = HealpixOutput::<f64>::new(grid, Frame::Icrs).plane(ValuePlane::Footprint);
        let tiles = inner.occupied_tiles(inner.whole());
        inner.run_tiles_to(&tiles, &mut Sinks::new().with(&mut mosaic).with(&mut footprint))?;
        Ok::<_, Error>([mosaic.into_map(blank)?.into_values()?, footprint.into_map(0.0)?.into_values()?])
    };
    let done = watch.over(py, None, work)?;
    raise_failure(&plan.maps)?;
    Ok(done.map_err(exception)?.map(|values| PyArray1::from_vec(py, values)))
}
