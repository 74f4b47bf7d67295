//! HiPS as outputs.

use std::{path::PathBuf, sync::Arc};

use pyo3::{prelude::*, types::PyDict};
use skymosaic::{HipsFormat, HipsOptions};

use crate::{error::exception, input::Input, options::options, watch::Watch, wcs::Wcs};

/// Makes a HiPS of FITS tiles of float32 in the frame of a WCS, with the name of its folder as its title; returns the finest order, and the number of tiles of all orders.
#[pyfunction]
#[pyo3(signature = (folder, inputs, settings, *, order, width, frame))]
pub(crate) fn write_hips(
    py: Python<'_>,
    folder: PathBuf,
    inputs: Vec<PyRef<'_, Input>>,
    settings: &Bound<'_, PyDict>,
    order: Option<u8>,
    width: usize,
    frame: PyRef<'_, Wcs>,
) -> PyResult<(u8, usize)> {
    let arrays = inputs.iter().flat_map(|input| &input.arrays);
    let _guards = arrays.map(|array| array.guard(py)).collect::<PyResult<Vec<_>>>()?;
    let owned: Vec<skymosaic::Input<'static>> = inputs.iter().map(|input| input.inner.clone()).collect();
    let title = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut hips = HipsOptions::default()
        .width(width)
        .frame(frame.inner.frame().clone())
        .formats(vec![HipsFormat::Fits])
        .creator_did(format!("ivo://UNKNOWN/P/{title}"))
        .title(title);
    hips.order = order;
    let watch = Arc::new(Watch::default());
    let noted = Arc::clone(&watch);
    let options = options(settings)?.progress(move |progress| noted.note(progress));
    let made = watch.over(py, None, || skymosaic::write_hips(&folder, &owned, &hips, &options))?;
    made.map(|summary| (summary.order, summary.tiles)).map_err(exception)
}
