//! Inputs, weights, variances and flags from FITS files.

use std::{path::Path, sync::Arc};

use super::{Geometry, Input, Weights, squared};
use crate::{Error, FitsImage, Hdu, Wcs, map::PixelMap};

impl Input<'_> {
    /// An image in a FITS file. Its header is read now, its pixels when they are needed.
    ///
    /// # Errors
    /// If the file or the HDU cannot be read as an image, or its header holds no usable celestial WCS.
    pub fn from_fits(path: impl AsRef<Path>, hdu: &Hdu) -> Result<Self, Error> {
        let image = FitsImage::open(path, hdu)?;
        let wcs = image.wcs(None)?;
        Ok(Self::from_image(image, wcs))
    }

    /// An opened image of a FITS file, and a WCS, which need not be the one in its header.
    pub fn from_image(image: FitsImage, wcs: Wcs) -> Self {
        Self::from_source(Arc::new(image), wcs)
    }

    /// An opened image of a FITS file, and the map from the output's pixels to its own.
    pub fn from_image_with_map(image: FitsImage, map: Arc<dyn PixelMap>) -> Self {
        Self::from_source_with_map(Arc::new(image), map)
    }

    /// Adds weights from a FITS file. If their header has a WCS it is used; otherwise they have the pixel grid of the image.
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

    /// Adds variances from a FITS file, as [`with_variance`](Self::with_variance). A pixel whose variance is BLANK is missing.
    ///
    /// # Errors
    /// If the file or the HDU cannot be read as an image.
    pub fn with_variance_fits(mut self, path: impl AsRef<Path>, hdu: &Hdu) -> Result<Self, Error> {
        self.variance = Some(Arc::new(FitsImage::open(path, hdu)?));
        Ok(self)
    }

    /// Adds standard deviations σ from a FITS file, as [`with_error`](Self::with_error). A pixel whose σ is BLANK is missing.
    ///
    /// # Errors
    /// If the file or the HDU cannot be read as an image.
    pub fn with_error_fits(mut self, path: impl AsRef<Path>, hdu: &Hdu) -> Result<Self, Error> {
        self.variance = Some(squared(Arc::new(FitsImage::open(path, hdu)?)));
        Ok(self)
    }

    /// Adds flags from a FITS image of integers, as [`with_mask`](Self::with_mask). A pixel whose flags are BLANK is missing.
    ///
    /// # Errors
    /// If the file or the HDU cannot be read as an image.
    pub fn with_mask_fits(mut self, path: impl AsRef<Path>, hdu: &Hdu) -> Result<Self, Error> {
        self.mask = Some(Arc::new(FitsImage::open(path, hdu)?));
        Ok(self)
    }
}
