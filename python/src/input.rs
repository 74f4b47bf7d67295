//! Inputs: files by path, arrays by view.

use std::{path::PathBuf, sync::Arc};

use pyo3::{exceptions::PyValueError, prelude::*};
use skymosaic::{FitsImage, Hdu, PixelMap};

use crate::{
    array::{SharedArray, for_held, view},
    error::exception,
    map::PythonMap,
    wcs::Wcs,
};

/// An image, where it lies, and its weights.
#[pyclass(frozen, module = "skymosaic._core")]
pub(crate) struct Input {
    // Before the arrays that it has views of, and so dropped before them.
    pub(crate) inner: skymosaic::Input<'static>,
    pub(crate) arrays: Vec<SharedArray>,
    pub(crate) maps: Vec<Arc<PythonMap>>,
}

/// Where an image lies.
enum Place {
    Wcs(Box<skymosaic::Wcs>),
    Map(Arc<PythonMap>),
}

impl Place {
    fn new(wcs: Option<PyRef<'_, Wcs>>, map: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Place>> {
        match (wcs, map) {
            (Some(_), Some(_)) => Err(PyValueError::new_err("expected a WCS or a map, not both")),
            (Some(wcs), None) => Ok(Some(Place::Wcs(Box::new(wcs.inner.clone())))),
            (None, Some(map)) => Ok(Some(Place::Map(PythonMap::new(map)?))),
            (None, None) => Ok(None),
        }
    }
}

fn shared(map: &Arc<PythonMap>) -> Arc<dyn PixelMap> {
    Arc::clone(map) as Arc<dyn PixelMap>
}

/// The HDU that `hdu_in` means: None is the only one with an image.
fn open(path: PathBuf, hdu: Option<&Bound<'_, PyAny>>, option: &str) -> PyResult<FitsImage> {
    let hdu = match hdu {
        None => {
            let mut images = FitsImage::open_all(&path).map_err(exception)?;
            if images.len() > 1 {
                return Err(PyValueError::new_err(format!(
                    "More than one HDU is present, please specify HDU to use with ``{option}=`` option"
                )));
            }
            // Without any, the error says what there is.
            return images.pop().map_or_else(|| FitsImage::open(&path, &Hdu::First).map_err(exception), Ok);
        }
        Some(hdu) => named(hdu)?,
    };
    FitsImage::open(path, &hdu).map_err(exception)
}

/// The HDU of a number, a name, or a name and a version.
pub(crate) fn named(hdu: &Bound<'_, PyAny>) -> PyResult<Hdu> {
    if let Ok(number) = hdu.extract::<usize>() {
        return Ok(Hdu::Number(number));
    }
    let (name, version) = match hdu.extract::<(String, i64)>() {
        Ok((name, version)) => (name, Some(version)),
        Err(_) => (hdu.extract::<String>()?, None),
    };
    version.map_or(name.clone(), |version| format!("{name},{version}")).parse().map_err(exception)
}

impl Input {
    fn of(inner: skymosaic::Input<'static>, arrays: Vec<SharedArray>, place: Option<Place>) -> Input {
        let maps = match place {
            Some(Place::Map(map)) => vec![map],
            _ => Vec::new(),
        };
        Input { inner, arrays, maps }
    }

    /// This input as `inner`, which also has views of one more array.
    fn with_plane(&self, py: Python<'_>, inner: skymosaic::Input<'static>, held: SharedArray) -> Input {
        let arrays = self.arrays.iter().map(|array| array.clone_ref(py)).chain([held]).collect();
        Input { inner, arrays, maps: self.maps.clone() }
    }
}

#[pymethods]
impl Input {
    /// An image in a file, on the WCS of its header unless another, or a map, is given.
    #[staticmethod]
    #[pyo3(signature = (path, hdu=None, wcs=None, map=None))]
    fn fits(
        path: PathBuf,
        hdu: Option<&Bound<'_, PyAny>>,
        wcs: Option<PyRef<'_, Wcs>>,
        map: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Input> {
        let image = open(path, hdu, "hdu_in")?;
        let place = Place::new(wcs, map)?;
        let inner = match &place {
            Some(Place::Wcs(wcs)) => skymosaic::Input::from_image(image, (**wcs).clone()),
            Some(Place::Map(map)) => skymosaic::Input::from_image_with_map(image, shared(map)),
            None => {
                let wcs = image.wcs(None).map_err(exception)?;
                skymosaic::Input::from_image(image, wcs)
            }
        };
        Ok(Input::of(inner, Vec::new(), place))
    }

    /// An array of shape (..., ny, nx), of which a view is taken, on a WCS or map.
    #[staticmethod]
    #[pyo3(signature = (array, wcs=None, map=None))]
    fn array(
        py: Python<'_>,
        array: &Bound<'_, PyAny>,
        wcs: Option<PyRef<'_, Wcs>>,
        map: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Input> {
        let held = SharedArray::new(array)?;
        let place = Place::new(wcs, map)?;
        let inner = match &place {
            Some(Place::Wcs(wcs)) => {
                for_held!(&held, array => skymosaic::Input::from_array(view(py, array)?, (**wcs).clone()))
            }
            Some(Place::Map(map)) => {
                for_held!(&held, array => skymosaic::Input::from_array_with_map(view(py, array)?, shared(map)))
            }
            None => return Err(PyValueError::new_err("an array needs a WCS or a map")),
        };
        Ok(Input::of(inner, vec![held], place))
    }

    /// The same image with weights: an array, pixel on pixel unless a WCS or a map of their own is given.
    #[pyo3(signature = (weights, wcs=None, map=None))]
    fn with_weights(
        &self,
        py: Python<'_>,
        weights: &Bound<'_, PyAny>,
        wcs: Option<PyRef<'_, Wcs>>,
        map: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Input> {
        let held = SharedArray::new(weights)?;
        let place = Place::new(wcs, map)?;
        // In reproject a pixel without weight is there.
        let inner = self.inner.clone().keep_weightless(true);
        let inner = for_held!(&held, weights => {
            let weights = view(py, weights)?;
            match &place {
                Some(Place::Wcs(wcs)) => inner.with_weights_on(weights, (**wcs).clone()),
                Some(Place::Map(map)) => inner.with_weights_map(weights, shared(map)),
                None => inner.with_weights(weights),
            }
        });
        let mut input = Input::of(inner, vec![held], place);
        input.arrays.extend(self.arrays.iter().map(|array| array.clone_ref(py)));
        input.maps.extend(self.maps.iter().cloned());
        Ok(input)
    }

    /// The same image with weights from a file, on a WCS of their own if the header has one.
    #[pyo3(signature = (path, hdu=None))]
    fn with_weights_fits(&self, py: Python<'_>, path: PathBuf, hdu: Option<&Bound<'_, PyAny>>) -> PyResult<Input> {
        let number = open(path.clone(), hdu, "hdu_weights")?.number();
        let inner = self.inner.clone().keep_weightless(true);
        let inner = inner.with_weights_fits(path, &Hdu::Number(number)).map_err(exception)?;
        let arrays = self.arrays.iter().map(|array| array.clone_ref(py)).collect();
        Ok(Input { inner, arrays, maps: self.maps.clone() })
    }

    /// The same image with variances, on its pixel grid.
    fn with_variance(&self, py: Python<'_>, variance: &Bound<'_, PyAny>) -> PyResult<Input> {
        let held = SharedArray::new(variance)?;
        let inner = for_held!(&held, variance => self.inner.clone().with_variance(view(py, variance)?));
        Ok(self.with_plane(py, inner, held))
    }

    /// The same image with flags, integers on its pixel grid.
    fn with_mask(&self, py: Python<'_>, mask: &Bound<'_, PyAny>) -> PyResult<Input> {
        let held = SharedArray::new(mask)?;
        let inner = for_held!(&held, mask => self.inner.clone().with_mask(view(py, mask)?));
        Ok(self.with_plane(py, inner, held))
    }

    /// The same image, with the positions of the output's planes along each of its leading dimensions, in its pixels.
    fn with_leading_positions(&self, py: Python<'_>, positions: Vec<Vec<f64>>) -> Input {
        let arrays = self.arrays.iter().map(|array| array.clone_ref(py)).collect();
        Input { inner: self.inner.clone().with_leading_positions(positions), arrays, maps: self.maps.clone() }
    }

    /// The same image, its samples multiplied by a photometric scale after a sky level has been subtracted from its pixels, as a part of an exposure, if any.
    #[pyo3(signature = (scale=1.0, sky=0.0, exposure=None))]
    fn adjusted(&self, py: Python<'_>, scale: f64, sky: f64, exposure: Option<String>) -> Input {
        let arrays = self.arrays.iter().map(|array| array.clone_ref(py)).collect();
        let inner = self.inner.clone().scaled(scale).with_sky(sky);
        let inner = match exposure {
            Some(exposure) => inner.of_exposure(exposure),
            None => inner,
        };
        Input { inner, arrays, maps: self.maps.clone() }
    }

    /// Shape (..., ny, nx).
    #[getter]
    fn shape(&self) -> Vec<usize> {
        self.inner.shape()
    }

    /// File and HDU, or "array".
    #[getter]
    fn name(&self) -> &str {
        self.inner.name()
    }

    /// The WCS, unless there is a map.
    #[getter]
    fn wcs(&self) -> Option<Wcs> {
        self.inner.wcs().map(|wcs| Wcs { inner: wcs.clone() })
    }

    /// Header text of an image in a file, one card a line.
    #[getter]
    fn header(&self) -> Option<String> {
        self.inner.header().map(ToString::to_string)
    }
}
