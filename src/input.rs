//! What an input is: pixels, where they lie on the sky, and their weights.

use std::{path::Path, sync::Arc};

use ndarray::{ArrayView, Dimension};

use crate::{
    Error, FitsImage, Hdu, Header, InputPixel, Pixel, Wcs, Window,
    map::{PixelMap, WcsMap},
    source::{ArraySource, PixelSource, ReadContext},
};

/// File and HDU of a source, or what else there is to call it.
fn name_of(source: &dyn PixelSource) -> String {
    source.file().map_or_else(|| "source".to_owned(), |(path, hdu)| format!("{} HDU {hdu}", path.display()))
}

/// A source, shared by an input and those that read it.
pub(crate) type Source<'a> = Arc<dyn PixelSource + 'a>;

fn of_array<'a, P: InputPixel, D: Dimension>(array: ArrayView<'a, P, D>) -> Source<'a> {
    Arc::new(ArraySource(P::erase(array.into_dyn())))
}

/// One image to be mosaicked: a borrowed array or a FITS file, its WCS and, if wanted, weights.
///
/// Shapes are (..., ny, nx); pixel (0, 0) is the centre of the first pixel. NaN and BLANK pixels, and pixels whose weight is 0,
/// negative or NaN, are missing. Pixels of files are read while the mosaic is made, not before.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    name: String,
    pub(crate) image: Source<'a>,
    geometry: Geometry,
    pub(crate) weights: Option<Weights<'a>>,
    scale: f64,
    /// Variances and flags, pixel on pixel.
    pub(crate) variance: Option<Source<'a>>,
    pub(crate) mask: Option<Source<'a>>,
    weightless: bool,
}

/// How an input's pixels relate to the output's.
#[derive(Clone)]
enum Geometry {
    Wcs(Arc<Wcs>),
    Map(Arc<dyn PixelMap>),
}

impl Geometry {
    fn map(&self, target: &Wcs) -> Result<Arc<dyn PixelMap>, Error> {
        match self {
            Geometry::Wcs(wcs) => Ok(Arc::new(WcsMap::new(target, wcs)?)),
            Geometry::Map(map) => Ok(Arc::clone(map)),
        }
    }
}

impl std::fmt::Debug for Geometry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Geometry::Wcs(wcs) => wcs.fmt(f),
            Geometry::Map(_) => f.write_str("PixelMap"),
        }
    }
}

/// The weights of an input.
#[derive(Clone, Debug)]
pub(crate) struct Weights<'a> {
    pub(crate) image: Source<'a>,
    /// `None` if they lie pixel on pixel on the image.
    geometry: Option<Geometry>,
}

impl Weights<'_> {
    /// Whether they have a WCS or a map of their own.
    pub(crate) fn has_wcs(&self) -> bool {
        self.geometry.is_some()
    }
}

impl<'a> Input<'a> {
    /// An array of shape (..., ny, nx) with any strides, and its WCS.
    pub fn from_array<P: InputPixel, D: Dimension>(array: ArrayView<'a, P, D>, wcs: Wcs) -> Self {
        let pixels = of_array(array);
        let wcs = wcs.with_shape(plane_of(&*pixels));
        Self::new("array".to_owned(), pixels, Geometry::Wcs(Arc::new(wcs)))
    }

    /// An array of shape (..., ny, nx) and the map between the output's pixels and its own, whatever that is made of.
    pub fn from_array_with_map<P: InputPixel, D: Dimension>(
        array: ArrayView<'a, P, D>,
        map: Arc<dyn PixelMap>,
    ) -> Self {
        Self::new("array".to_owned(), of_array(array), Geometry::Map(map))
    }

    /// An image in a FITS file. Header and structure are read now, pixels when they are needed.
    ///
    /// # Errors
    /// If the file or the HDU cannot be read as an image, or its header holds no usable celestial WCS.
    pub fn from_fits(path: impl AsRef<Path>, hdu: &Hdu) -> Result<Self, Error> {
        let image = FitsImage::open(path, hdu)?;
        let wcs = image.wcs(None)?;
        Ok(Self::from_image(image, wcs))
    }

    /// An image in a FITS file that has been opened already, and a WCS, which may be another than that of its header.
    pub fn from_image(image: FitsImage, wcs: Wcs) -> Self {
        Self::from_source(Arc::new(image), wcs)
    }

    /// An image in a FITS file that has been opened already, and the map between the output's pixels and its own.
    pub fn from_image_with_map(image: FitsImage, map: Arc<dyn PixelMap>) -> Self {
        Self::from_source_with_map(Arc::new(image), map)
    }

    /// Pixels of any other source, and their WCS.
    pub fn from_source(source: Arc<dyn PixelSource + 'a>, wcs: Wcs) -> Self {
        let wcs = wcs.with_shape(plane_of(&*source));
        Self::new(name_of(&*source), source, Geometry::Wcs(Arc::new(wcs)))
    }

    /// Pixels of any other source, and the map between the output's pixels and their own.
    pub fn from_source_with_map(source: Arc<dyn PixelSource + 'a>, map: Arc<dyn PixelMap>) -> Self {
        Self::new(name_of(&*source), source, Geometry::Map(map))
    }

    fn new(name: String, image: Source<'a>, geometry: Geometry) -> Self {
        Input { name, image, geometry, weights: None, scale: 1.0, weightless: false, variance: None, mask: None }
    }

    /// Gives the input a name for messages and reports. Default: its file and HDU, or "array".
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Multiplies the image's samples by a number, as they are read: its photometric scale (SWarp's FLXSCALE). Weights stay as they are.
    /// Default: 1. It must be finite and not 0, which [`Plan::new`](crate::Plan::new) checks.
    #[must_use]
    pub fn scaled(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }

    /// Multiplies the image's samples by the number that a keyword of its FITS header holds, such as `FLXSCALE`.
    ///
    /// # Errors
    /// [`Error::Wcs`] naming the keyword if the header lacks it, or holds something else than a finite number other than 0;
    /// [`Error::Option`] if the input is an array, which has no header.
    pub fn scaled_by_keyword(self, keyword: &str) -> Result<Self, Error> {
        let Some(header) = self.header() else {
            let expected = "a FITS image: an array has no header, scale it with Input::scaled".to_owned();
            return Err(Error::Option {
                option: "scale",
                got: format!("keyword {keyword} of {}", self.name),
                expected,
            });
        };
        let problem = |value: String| Error::Wcs {
            keyword: keyword.to_owned(),
            value,
            problem: format!("{}: expected the photometric scale, a finite number other than 0", self.name),
        };
        match header.f64(keyword) {
            Ok(Some(scale)) if scale.is_finite() && scale != 0.0 => Ok(self.scaled(scale)),
            Ok(Some(scale)) => Err(problem(scale.to_string())),
            Ok(None) => Err(problem("(missing)".to_owned())),
            Err(_) => Err(problem(header.get(keyword).map_or_else(String::new, |value| format!("{value:?}")))),
        }
    }

    /// What [`scaled`](Self::scaled) set.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The header of an image in a FITS file.
    pub fn header(&self) -> Option<&Header> {
        self.image.header()
    }

    /// Path and number of the HDU of an image in a FITS file; the primary HDU is 0.
    pub fn file(&self) -> Option<(&Path, usize)> {
        self.image.file()
    }

    /// Whether the input has weights, and the file they are in if they are in one.
    pub fn weights_file(&self) -> Option<Option<&Path>> {
        self.weights.as_ref().map(|weights| weights.image.file().map(|(path, _)| path))
    }

    /// Weights pixel on pixel: an array of the image's shape, or of shape (ny, nx) for all planes of a cube.
    #[must_use]
    pub fn with_weights<P: InputPixel, D: Dimension>(mut self, weights: ArrayView<'a, P, D>) -> Self {
        self.weights = Some(Weights { image: of_array(weights), geometry: None });
        self
    }

    /// Weights of shape (ny, nx), or with the image's leading dimensions, that have a WCS of their own.
    #[must_use]
    pub fn with_weights_on<P: InputPixel, D: Dimension>(mut self, weights: ArrayView<'a, P, D>, wcs: Wcs) -> Self {
        let image = of_array(weights);
        let geometry = Some(Geometry::Wcs(Arc::new(wcs.with_shape(plane_of(&*image)))));
        self.weights = Some(Weights { image, geometry });
        self
    }

    /// Weights of shape (ny, nx), or with the image's leading dimensions, and the map between the output's pixels and theirs.
    #[must_use]
    pub fn with_weights_map<P: InputPixel, D: Dimension>(
        mut self,
        weights: ArrayView<'a, P, D>,
        map: Arc<dyn PixelMap>,
    ) -> Self {
        self.weights = Some(Weights { image: of_array(weights), geometry: Some(Geometry::Map(map)) });
        self
    }

    /// Weights in a FITS file: on a WCS of their own if the header has one, pixel on pixel otherwise.
    ///
    /// # Errors
    /// If the file or the HDU cannot be read as an image, or has a WCS that cannot be used.
    pub fn with_weights_fits(mut self, path: impl AsRef<Path>, hdu: &Hdu) -> Result<Self, Error> {
        let image = FitsImage::open(path.as_ref(), hdu)?;
        let own = image.header().get("CTYPE1").is_some();
        let geometry = if own { Some(Geometry::Wcs(Arc::new(image.wcs(None)?))) } else { None };
        self.weights = Some(Weights { image: Arc::new(image), geometry });
        Ok(self)
    }

    /// Variances σ² pixel on pixel: an array of the image's shape, or of shape (ny, nx) for all planes of a cube. A pixel whose variance is
    /// negative, infinite or NaN is missing, whether or not a variance is asked for.
    #[must_use]
    pub fn with_variance<P: InputPixel, D: Dimension>(mut self, variance: ArrayView<'a, P, D>) -> Self {
        self.variance = Some(of_array(variance));
        self
    }

    /// Variances in a FITS file, pixel on pixel, as [`with_variance`](Self::with_variance). BLANK and NaN make a pixel missing.
    ///
    /// # Errors
    /// If the file or the HDU cannot be read as an image.
    pub fn with_variance_fits(mut self, path: impl AsRef<Path>, hdu: &Hdu) -> Result<Self, Error> {
        self.variance = Some(Arc::new(FitsImage::open(path, hdu)?));
        Ok(self)
    }

    /// Flags pixel on pixel: an array of integers (u8, i16, i32, i64) of the image's shape, or of shape (ny, nx) for all planes of a cube. Bit 0 is
    /// the lowest and bit 31 the highest that can be used: in i32 the sign; in i16 the sign is bit 15. They are told in [`Planes::mask`](crate::Planes::mask), and
    /// [`Options::exclude_bits`](crate::Options::exclude_bits) makes pixels missing by them.
    #[must_use]
    pub fn with_mask<P: InputPixel, D: Dimension>(mut self, mask: ArrayView<'a, P, D>) -> Self {
        self.mask = Some(of_array(mask));
        self
    }

    /// Flags in a FITS image of integers, pixel on pixel, as [`with_mask`](Self::with_mask). A pixel whose flags are BLANK is missing.
    ///
    /// # Errors
    /// If the file or the HDU cannot be read as an image.
    pub fn with_mask_fits(mut self, path: impl AsRef<Path>, hdu: &Hdu) -> Result<Self, Error> {
        self.mask = Some(Arc::new(FitsImage::open(path, hdu)?));
        Ok(self)
    }

    /// Whether pixels whose weight is 0, negative or NaN are there all the same, weighing nothing: samples that need them and others stay, with less
    /// weight, as in reproject. Default: `false`, they are missing.
    #[must_use]
    pub fn keep_weightless(mut self, yes: bool) -> Self {
        self.weightless = yes;
        self
    }

    /// What stands for a weight that is not above 0.
    pub(crate) fn no_weight(&self) -> f64 {
        if self.weightless { 0.0 } else { f64::NAN }
    }

    /// The WCS, unless the input was given a [`PixelMap`] instead.
    pub fn wcs(&self) -> Option<&Wcs> {
        match &self.geometry {
            Geometry::Wcs(wcs) => Some(wcs),
            Geometry::Map(_) => None,
        }
    }

    /// Shape, slowest axis first: (..., ny, nx).
    pub fn shape(&self) -> Vec<usize> {
        self.image.shape().to_vec()
    }

    /// File and HDU, "array", or the name given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The map between the pixels of the target and those of the image.
    pub(crate) fn map(&self, target: &Wcs) -> Result<Arc<dyn PixelMap>, Error> {
        self.geometry.map(target)
    }

    /// The map between the pixels of the target and those of the weights, if it is not the image's.
    pub(crate) fn weights_map(&self, target: &Wcs) -> Result<Option<Arc<dyn PixelMap>>, Error> {
        let geometry = self.weights.as_ref().and_then(|weights| weights.geometry.as_ref());
        geometry.map(|geometry| geometry.map(target)).transpose()
    }

    /// Checks that the image has the planes `leading` of the output and that the weights fit the image.
    pub(crate) fn validate(&self, leading: &[usize]) -> Result<(), Error> {
        let shape = self.image.shape();
        let fits = |shape: &[usize], leading: &[usize]| {
            let own = &shape[..shape.len().saturating_sub(2)];
            own == leading || own.iter().product::<usize>() == 1 && leading.iter().product::<usize>() == 1
        };
        if shape.len() < 2 || shape.contains(&0) || !fits(shape, leading) {
            let leading = leading.iter().map(|n| format!("{n}, ")).collect::<String>();
            return Err(Error::Shape {
                what: "the image".to_owned(),
                got: shape.to_vec(),
                expected: format!("({leading}ny, nx) with pixels in it: leading dimensions as the output's"),
            });
        }
        if !self.scale.is_finite() || self.scale == 0.0 {
            let expected = "a finite number other than 0".to_owned();
            return Err(Error::Option { option: "scale", got: self.scale.to_string(), expected });
        }
        let planes = [
            ("weights", self.weights.as_ref().map(|weights| (&weights.image, weights.has_wcs()))),
            ("the variance", self.variance.as_ref().map(|variance| (variance, false))),
            ("the mask", self.mask.as_ref().map(|mask| (mask, false))),
        ];
        for (what, plane) in planes {
            let Some((pixels, own)) = plane else { continue };
            let got = pixels.shape();
            let plane =
                got.len() >= 2 && !got.contains(&0) && (own || got.iter().rev().take(2).eq(shape.iter().rev().take(2)));
            if !plane || !(fits(got, leading) || fits(got, &[])) {
                return Err(Error::Shape {
                    what: what.to_owned(),
                    got: got.to_vec(),
                    expected: if own {
                        "(ny, nx) or the output's leading dimensions before them".to_owned()
                    } else {
                        format!("{shape:?} as the image, or its last two dimensions")
                    },
                });
            }
        }
        if let Some(mask) = self.mask.as_ref().filter(|mask| !mask.element().is_integer()) {
            return Err(Error::Option {
                option: "mask",
                got: format!("numbers of type {:?}", mask.element()),
                expected: "flags in integers: u8, i16, i32 or i64".to_owned(),
            });
        }
        Ok(())
    }
}

/// Shape (ny, nx) of the planes of a source.
pub(crate) fn plane_of(source: &dyn PixelSource) -> [usize; 2] {
    match *source.shape() {
        [.., ny, nx] => [ny, nx],
        _ => [0, 0],
    }
}

/// Planes of a source, all leading dimensions taken together.
pub(crate) fn planes_of(source: &dyn PixelSource) -> usize {
    source.shape().iter().rev().skip(2).product()
}

/// Reads a rectangle of a plane into `pixels`, whatever they held.
pub(crate) fn gather<P: Pixel>(
    source: &dyn PixelSource,
    run: &ReadContext<'_>,
    plane: usize,
    window: Window,
    pixels: &mut Vec<P>,
) -> Result<(), Error> {
    // All of them are overwritten.
    pixels.resize(window.area(), P::NAN);
    source.read(plane, window, P::erase_mut(pixels), run)
}
