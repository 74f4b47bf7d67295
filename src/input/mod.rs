//! Inputs: images with their WCS, weights, variances and flags.

#[cfg(feature = "fits")]
mod fits;
mod reader;

pub(crate) use reader::{InputReader, Part};

use std::{path::Path, sync::Arc};

use ndarray::{ArrayView, Dimension};

use crate::{
    Error, Header, InputPixel, Pixel, Wcs, Window,
    map::{LeadingMap, PixelMap, WcsMap},
    options::SpectralInterpolation,
    source::{ArraySource, Blend, Blended, Derived, PixelSource, ReadContext, Rule},
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

/// The variances of standard deviations.
fn squared(errors: Source<'_>) -> Source<'_> {
    Arc::new(Derived { stored: errors, rule: Rule::Variance })
}

/// An image to be mosaicked: its pixels (a borrowed array, a FITS file, or any [`PixelSource`]), its WCS and, optionally, its weights, variances and
/// flags.
///
/// Shapes are (..., ny, nx); pixel (0, 0) is the centre of the first pixel. Pixels that are NaN or BLANK, or whose weight is 0,
/// negative or NaN, are missing. Pixels of files and other sources are read while the mosaic is computed, not before. A clone is cheap: it shares the pixels.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    name: String,
    pub(crate) image: Source<'a>,
    geometry: Geometry,
    pub(crate) weights: Option<Weights<'a>>,
    scale: f64,
    sky: f64,
    exposure: Option<String>,
    /// Variances and flags, on the pixel grid of the image.
    pub(crate) variance: Option<Source<'a>>,
    pub(crate) mask: Option<Source<'a>>,
    weightless: bool,
    /// Whether some of the pixels repeat others, for the kernels that look across an edge: those that sum areas would count them twice.
    interpolated_only: bool,
    /// Where the planes of the output lie along the leading dimensions, if the WCS is not to tell.
    positions: Option<Arc<Vec<Vec<f64>>>>,
}

/// How the pixels of an input are related to those of the output.
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
    /// `None` if they have the pixel grid of the image.
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

    /// An array of shape (..., ny, nx), and the map from the output's pixels to its own.
    pub fn from_array_with_map<P: InputPixel, D: Dimension>(
        array: ArrayView<'a, P, D>,
        map: Arc<dyn PixelMap>,
    ) -> Self {
        Self::new("array".to_owned(), of_array(array), Geometry::Map(map))
    }

    /// The pixels of any source, and their WCS.
    pub fn from_source(source: Arc<dyn PixelSource + 'a>, wcs: Wcs) -> Self {
        let wcs = wcs.with_shape(plane_of(&*source));
        Self::new(name_of(&*source), source, Geometry::Wcs(Arc::new(wcs)))
    }

    /// The pixels of any source, and the map from the output's pixels to their own.
    pub fn from_source_with_map(source: Arc<dyn PixelSource + 'a>, map: Arc<dyn PixelMap>) -> Self {
        Self::new(name_of(&*source), source, Geometry::Map(map))
    }

    fn new(name: String, image: Source<'a>, geometry: Geometry) -> Self {
        Input {
            name,
            image,
            geometry,
            weights: None,
            scale: 1.0,
            sky: 0.0,
            exposure: None,
            weightless: false,
            variance: None,
            mask: None,
            interpolated_only: false,
            positions: None,
        }
    }

    /// Says that some pixels repeat others, so that only kernels that interpolate are right.
    #[cfg(feature = "healpix")]
    pub(crate) fn for_interpolation_only(mut self) -> Self {
        self.interpolated_only = true;
        self
    }

    pub(crate) fn is_for_interpolation_only(&self) -> bool {
        self.interpolated_only
    }

    /// Sets the name of the input in messages and reports. Default: its file and HDU, or "array".
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the photometric scale of the image, by which its samples are multiplied (SWarp's FLXSCALE). Weights are not changed.
    /// Default: 1. The scale must be finite and not 0, which [`Plan::new`](crate::Plan::new) checks.
    #[must_use]
    pub fn scaled(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }

    /// Subtracts a sky level from the pixels of the image as they are read, in the unit of its pixels: before they are resampled and before the photometric
    /// scale. Levels of several calls add up. Default: none. The level must be finite, which [`Plan::new`](crate::Plan::new) checks.
    #[must_use]
    pub fn with_sky(mut self, level: f64) -> Self {
        self.sky += level;
        self.image = Arc::new(Derived { stored: self.image, rule: Rule::Above(level) });
        self
    }

    /// The sky level that is subtracted, see [`with_sky`](Self::with_sky).
    pub fn sky(&self) -> f64 {
        self.sky
    }

    /// Says that the image is part of an exposure, such as one detector of a camera: where backgrounds are matched
    /// ([`MatchBackground`](crate::MatchBackground)), all parts of an exposure are corrected by the same constant or plane. Default: an exposure of its own.
    #[must_use]
    pub fn of_exposure(mut self, name: impl Into<String>) -> Self {
        self.exposure = Some(name.into());
        self
    }

    /// The exposure, see [`of_exposure`](Self::of_exposure).
    pub fn exposure(&self) -> Option<&str> {
        self.exposure.as_deref()
    }

    /// Sets the photometric scale of the image to the value of a keyword of its FITS header, such as `FLXSCALE`.
    ///
    /// # Errors
    /// [`Error::Keyword`] if the header lacks it, or holds something else than a finite number other than 0;
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
        let problem = |value: String| Error::Keyword {
            keyword: keyword.to_owned(),
            value,
            problem: format!("{}: expected the photometric scale, a finite number other than 0", self.name),
        };
        match header.f64(keyword) {
            Ok(Some(scale)) if scale.is_finite() && scale != 0.0 => Ok(self.scaled(scale)),
            Ok(Some(scale)) => Err(problem(scale.to_string())),
            Ok(None) => Err(problem("(missing)".to_owned())),
            Err(_) => Err(problem(header.get(keyword).map_or_else(String::new, ToString::to_string))),
        }
    }

    /// The photometric scale, see [`scaled`](Self::scaled).
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The FITS header of the image, if it has one.
    pub fn header(&self) -> Option<&Header> {
        self.image.header()
    }

    /// Path of the image's FITS file and number of its HDU, 0 for the primary one; `None` if it is not in a file.
    pub fn file(&self) -> Option<(&Path, usize)> {
        self.image.file()
    }

    /// `None` if the input has no weights; otherwise the path of their FITS file, or `None` if they are not in a file.
    pub fn weights_file(&self) -> Option<Option<&Path>> {
        self.weights.as_ref().map(|weights| weights.image.file().map(|(path, _)| path))
    }

    /// Whether the input has variances, from variances or standard deviations.
    pub fn has_variance(&self) -> bool {
        self.variance.is_some()
    }

    /// Adds weights on the pixel grid of the image: an array of its shape, or of shape (ny, nx) for all planes of a cube.
    #[must_use]
    pub fn with_weights<P: InputPixel, D: Dimension>(mut self, weights: ArrayView<'a, P, D>) -> Self {
        self.weights = Some(Weights { image: of_array(weights), geometry: None });
        self
    }

    /// Adds weights with a WCS of their own, of shape (ny, nx) or with the leading dimensions of the image.
    #[must_use]
    pub fn with_weights_on<P: InputPixel, D: Dimension>(mut self, weights: ArrayView<'a, P, D>, wcs: Wcs) -> Self {
        let image = of_array(weights);
        let geometry = Some(Geometry::Wcs(Arc::new(wcs.with_shape(plane_of(&*image)))));
        self.weights = Some(Weights { image, geometry });
        self
    }

    /// Adds weights, of shape (ny, nx) or with the leading dimensions of the image, and the map from the output's pixels to theirs.
    #[must_use]
    pub fn with_weights_map<P: InputPixel, D: Dimension>(
        mut self,
        weights: ArrayView<'a, P, D>,
        map: Arc<dyn PixelMap>,
    ) -> Self {
        self.weights = Some(Weights { image: of_array(weights), geometry: Some(Geometry::Map(map)) });
        self
    }

    /// Adds variances σ² on the pixel grid of the image: an array of its shape, or of shape (ny, nx) for all planes of a cube. A pixel whose variance is
    /// negative, infinite or NaN is missing, also if no variance of the mosaic is computed.
    #[must_use]
    pub fn with_variance<P: InputPixel, D: Dimension>(mut self, variance: ArrayView<'a, P, D>) -> Self {
        self.variance = Some(of_array(variance));
        self
    }

    /// Adds standard deviations σ on the pixel grid of the image, whose squares are its variances; see [`with_variance`](Self::with_variance). A pixel whose
    /// σ is negative, infinite or NaN is missing.
    #[must_use]
    pub fn with_error<P: InputPixel, D: Dimension>(mut self, error: ArrayView<'a, P, D>) -> Self {
        self.variance = Some(squared(of_array(error)));
        self
    }

    /// Adds flags on the pixel grid of the image: an array of integers (u8, i16, i32, i64) of its shape, or of shape (ny, nx) for all planes of a cube.
    /// Bits 0 (the lowest) to 31 can be used; bit 31 is the sign of an i32, bit 15 that of an i16. The flags of the mosaic are computed in
    /// [`Planes::mask`](crate::Planes::mask), and [`Options::exclude_bits`](crate::Options::exclude_bits) makes pixels with certain flags missing.
    #[must_use]
    pub fn with_mask<P: InputPixel, D: Dimension>(mut self, mask: ArrayView<'a, P, D>) -> Self {
        self.mask = Some(of_array(mask));
        self
    }

    /// Sets whether pixels whose weight is 0, negative or NaN keep their value and merely have no weight, as in reproject: a sample that uses such pixels and
    /// others is then computed from all of them, with a smaller weight. Default: `false`: these pixels are missing.
    #[must_use]
    pub fn keep_weightless(mut self, yes: bool) -> Self {
        self.weightless = yes;
        self
    }

    /// Sets where the planes of the output lie in the image, instead of what the spectral and other leading axes of its WCS say: for each leading dimension, slowest
    /// first, the position of every index of the output in pixels, 0 being the first plane. Positions between planes are interpolated
    /// ([`Options::spectral_interpolation`](crate::Options::spectral_interpolation)), those outside of [-0.5, n - 0.5) and NaN have no samples.
    #[must_use]
    pub fn with_leading_positions(mut self, positions: Vec<Vec<f64>>) -> Self {
        self.positions = Some(Arc::new(positions));
        self
    }

    /// Which planes make up those of an output of leading dimensions `output`; `None` if they go with each other one to one.
    pub(crate) fn leading_map(
        &self,
        target: &Wcs,
        output: &[usize],
        interpolation: SpectralInterpolation,
    ) -> Result<Option<LeadingMap>, Error> {
        let shape = self.image.shape();
        let own = shape.get(..shape.len().saturating_sub(2)).unwrap_or_default();
        match (&self.positions, self.wcs()) {
            (Some(positions), _) => LeadingMap::at(positions, output, own, interpolation),
            (None, Some(wcs)) => LeadingMap::new(target, output, wcs, own, interpolation),
            (None, None) => Ok(None),
        }
    }

    /// The input with the planes of the output, interpolated from its own as they are read.
    pub(crate) fn through(&self, map: &Arc<LeadingMap>) -> Input<'a> {
        let blended = |source: &Source<'a>, blend: Blend| -> Source<'a> {
            Arc::new(Blended::new(Source::clone(source), Arc::clone(map), blend))
        };
        // Those of one plane serve all planes.
        let of_planes = |source: &Source<'a>, blend: Blend| {
            if planes_of(&**source) > 1 { blended(source, blend) } else { Source::clone(source) }
        };
        let weights = |weights: &Weights<'a>| Weights {
            image: of_planes(&weights.image, Blend::Weights(self.no_weight())),
            geometry: weights.geometry.clone(),
        };
        Input {
            image: blended(&self.image, Blend::Pixels),
            weights: self.weights.as_ref().map(weights),
            variance: self.variance.as_ref().map(|variance| of_planes(variance, Blend::Variances)),
            mask: self.mask.as_ref().map(|mask| of_planes(mask, Blend::Flags)),
            ..self.clone()
        }
    }

    /// The value that replaces a weight that is not above 0.
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
        // The pixels of a file have the order of its axes; the caller's arrays have the order that the caller gave them.
        if let (Some(wcs), Some(_)) = (self.wcs(), self.file())
            && wcs.celestial_axes() != [0, 1]
        {
            let [x, y] = wcs.celestial_axes().map(|axis| axis + 1);
            return Err(Error::Wcs {
                keyword: format!("CTYPE{x}"),
                value: format!("celestial, and CTYPE{y}"),
                problem: "the celestial axes of a cube have to be its axes 1 and 2: transpose it first".to_owned(),
            });
        }
        if !self.scale.is_finite() || self.scale == 0.0 {
            let expected = "a finite number other than 0".to_owned();
            return Err(Error::Option { option: "scale", got: self.scale.to_string(), expected });
        }
        if !self.sky.is_finite() {
            let expected = "a finite number".to_owned();
            return Err(Error::Option { option: "sky", got: self.sky.to_string(), expected });
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
                got: format!("pixels of type {}", format!("{:?}", mask.element()).to_lowercase()),
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
