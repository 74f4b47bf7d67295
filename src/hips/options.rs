//! What a HiPS is to be like.

use super::{
    format::HipsFormat,
    picture::{HipsCuts, HipsStretch},
    tile::HipsPixels,
};
use crate::{Error, options::setters, wcs::Frame};

/// What a HiPS that [`write_hips`](super::write_hips) makes is like.
///
/// ```
/// use skymosaic::{Frame, HipsOptions};
///
/// let options = HipsOptions::default().order(9).frame(Frame::Galactic).title("A survey");
/// assert_eq!(options.width, 512);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HipsOptions {
    /// The finest order. Default: `None`, the first whose pixels are not larger, or a tenth at most, than the smallest pixels of the inputs.
    pub order: Option<u8>,
    /// Pixels along the side of a tile: 64, 128, 256, 512 or 1024. Default: 512.
    pub width: usize,
    /// Frame of the HEALPix grid: [`Frame::Icrs`], [`Frame::Galactic`] or the ecliptic of 2000. Default: ICRS.
    pub frame: Frame,
    /// What the pixels of FITS tiles are stored as. Default: [`HipsPixels::F32`].
    pub pixels: HipsPixels,
    /// The kinds of tiles that are kept. Default: FITS and PNG.
    pub formats: Vec<HipsFormat>,
    /// What four pixels of an order are in the order above. Default: their mean.
    pub reduction: HipsReduction,
    /// The values that are black and white in pictures. Default: the percentiles 0.5 and 99.5.
    pub cuts: HipsCuts,
    /// How values between black and white become brightness. Default: [`HipsStretch::Asinh`].
    pub stretch: HipsStretch,
    /// `obs_title` in the properties. Default: `"skymosaic"`.
    pub title: String,
    /// `creator_did` in the properties: the identifier of the survey, `ivo://AUTHORITY/P/NAME`. Default: `"ivo://UNKNOWN/P/skymosaic"`.
    pub creator_did: String,
    /// Whether images can be added later ([`HipsExisting::Append`]). The sums of all pixels are then kept in a folder `Sums`, of 16 bytes for each pixel
    /// of the finest order. For [`Combine::Mean`](crate::Combine::Mean), `Sum`, `First`, `Last`, `Min` and `Max`, without matched backgrounds, and with FITS
    /// tiles. Default: `false`.
    pub appendable: bool,
    /// What happens if there is something already. Default: [`HipsExisting::Refuse`].
    pub existing: HipsExisting,
}

/// What four pixels become in the order above. Missing pixels do not count; where all four are missing, so is the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HipsReduction {
    /// The mean, each weighted by the part of it that is covered in the finest order: pixels of all orders are means of all covered pixels in them.
    #[default]
    Mean,
    /// The median; of two or four the mean of the middle ones. Coverage does not count.
    Median,
}

/// What happens to a HiPS that is in the folder, or was begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HipsExisting {
    /// Only an empty or new folder is written to.
    #[default]
    Refuse,
    /// A HiPS in the folder is replaced, once the new one is whole.
    Overwrite,
    /// What a run with the same inputs and options has begun, and did not finish, is finished.
    Resume,
    /// The images are added to the HiPS in the folder, which was made to be [added to](HipsOptions::appendable) with the same options: only tiles that they
    /// touch are computed, and become what one run with the earlier images and then these makes. What a run with the same inputs has begun is finished. The
    /// HiPS is replaced at the end.
    Append,
}

impl Default for HipsOptions {
    fn default() -> Self {
        HipsOptions {
            order: None,
            width: 512,
            frame: Frame::Icrs,
            pixels: HipsPixels::default(),
            formats: vec![HipsFormat::Fits, HipsFormat::Png],
            reduction: HipsReduction::default(),
            cuts: HipsCuts::default(),
            stretch: HipsStretch::default(),
            title: "skymosaic".to_owned(),
            creator_did: "ivo://UNKNOWN/P/skymosaic".to_owned(),
            appendable: false,
            existing: HipsExisting::default(),
        }
    }
}

impl HipsOptions {
    setters! {
        width: usize,
        frame: Frame,
        pixels: HipsPixels,
        formats: Vec<HipsFormat>,
        reduction: HipsReduction,
        cuts: HipsCuts,
        stretch: HipsStretch,
        appendable: bool,
        existing: HipsExisting,
    }

    /// Sets [`order`](Self#structfield.order).
    #[must_use]
    pub fn order(mut self, order: u8) -> Self {
        self.order = Some(order);
        self
    }

    /// Sets [`title`](Self#structfield.title).
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Sets [`creator_did`](Self#structfield.creator_did).
    #[must_use]
    pub fn creator_did(mut self, did: impl Into<String>) -> Self {
        self.creator_did = did.into();
        self
    }

    pub(super) fn keeps_sums(&self) -> bool {
        self.appendable || self.existing == HipsExisting::Append
    }

    /// The kinds of tiles that are pictures.
    pub(super) fn pictures(&self) -> impl Iterator<Item = HipsFormat> {
        self.formats.iter().copied().filter(|format| *format != HipsFormat::Fits)
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        self.pixels.validate()?;
        self.cuts.validate()?;
        if self.keeps_sums() && !self.formats.contains(&HipsFormat::Fits) {
            let expected = "FITS tiles among them, as images are to be added later".to_owned();
            return Err(Error::Option { option: "formats", got: format!("{:?}", self.formats), expected });
        }
        if self.formats.is_empty() {
            let expected = "at least one kind of tiles".to_owned();
            return Err(Error::Option { option: "formats", got: "none".to_owned(), expected });
        }
        Ok(())
    }
}
