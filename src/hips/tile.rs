//! Tiles in FITS files.

use std::path::Path;

use super::grid::{HipsGrid, HipsTile};
use crate::{
    Error, FitsImage, Hdu, Header,
    header::{BLOCK, header_records},
};

/// What the pixels of FITS tiles are stored as. Missing pixels are NaN, or `BLANK`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum HipsPixels {
    /// 32-bit floating point.
    #[default]
    F32,
    /// 64-bit floating point.
    F64,
    /// 16-bit integers n of the value `bzero` + `bscale` · n, rounded; what is outside of -32767 to 32767 becomes the nearest of these.
    I16 {
        /// The step from one integer to the next.
        bscale: f64,
        /// The value of 0.
        bzero: f64,
    },
    /// 8-bit integers n of the value `bzero` + `bscale` · n, rounded; what is outside of 1 to 255 becomes the nearest of these.
    U8 {
        /// The step from one integer to the next.
        bscale: f64,
        /// The value of 0, which itself is that of missing pixels.
        bzero: f64,
    },
}

impl HipsPixels {
    pub(super) fn validate(self) -> Result<(), Error> {
        match self {
            HipsPixels::I16 { bscale, bzero } | HipsPixels::U8 { bscale, bzero }
                if !(bscale.is_finite() && bscale != 0.0 && bzero.is_finite()) =>
            {
                let expected = "a bscale that is finite and not 0, and a finite bzero".to_owned();
                Err(Error::Option { option: "pixels", got: format!("{self:?}"), expected })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn bitpix(self) -> i64 {
        match self {
            HipsPixels::F32 => -32,
            HipsPixels::F64 => -64,
            HipsPixels::I16 { .. } => 16,
            HipsPixels::U8 { .. } => 8,
        }
    }

    /// Bytes of a file with so many pixels.
    pub(super) fn file_bytes(self, pixels: usize) -> u64 {
        let data = pixels * (self.bitpix().unsigned_abs() / 8) as usize;
        (BLOCK + data.next_multiple_of(BLOCK)) as u64
    }

    /// Appends values as FITS has them; they become what the file has, rounded.
    fn encode(self, values: &mut [f64], bytes: &mut Vec<u8>) {
        let put = |value: &mut f64, bscale: f64, bzero: f64, [low, high]: [f64; 2]| {
            let number = ((*value - bzero) / bscale).round().clamp(low, high);
            *value = bzero + bscale * number;
            number
        };
        match self {
            HipsPixels::F32 => append(values, bytes, |value| {
                let rounded = *value as f32;
                *value = rounded.into();
                rounded.to_be_bytes()
            }),
            HipsPixels::F64 => append(values, bytes, |value| value.to_be_bytes()),
            HipsPixels::I16 { bscale, bzero } => append(values, bytes, |value| {
                let number = put(value, bscale, bzero, [-32767.0, 32767.0]);
                (if number.is_nan() { i16::MIN } else { number as i16 }).to_be_bytes()
            }),
            // The cast of NaN is 0.
            HipsPixels::U8 { bscale, bzero } => {
                append(values, bytes, |value| [put(value, bscale, bzero, [1.0, 255.0]) as u8]);
            }
        }
    }

    fn describe(self, cards: &mut Header) {
        let (HipsPixels::I16 { bscale, bzero } | HipsPixels::U8 { bscale, bzero }) = self else { return };
        cards.set("BSCALE", bscale, "");
        cards.set("BZERO", bzero, "");
        cards.set("BLANK", if self.bitpix() == 8 { 0 } else { i64::from(i16::MIN) }, "missing pixels");
    }
}

/// Appends what each value is in a file.
fn append<const N: usize>(values: &mut [f64], bytes: &mut Vec<u8>, encode: impl Fn(&mut f64) -> [u8; N]) {
    let start = bytes.len();
    bytes.resize(start + N * values.len(), 0);
    let (to, _) = bytes.get_mut(start..).unwrap_or_default().as_chunks_mut::<N>();
    to.iter_mut().zip(values).for_each(|(to, value)| *to = encode(value));
}

/// The FITS file of a tile whose values are given row by row, from row 0 on; they become what the file has.
pub(super) fn to_fits(grid: &HipsGrid, tile: HipsTile, pixels: HipsPixels, values: &mut [f64]) -> Vec<u8> {
    let mut cards = Header::new();
    cards.set("ORDER", i64::from(tile.order()), "HEALPix order of the tile");
    cards.set("NPIX", tile.number() as i64, "HEALPix pixel, NESTED, of the tile");
    cards.append(grid.tile_header(tile));
    image_file([grid.width(); 2], pixels, &cards, values)
}

/// The FITS file of an image of shape (ny, nx), with these cards; its values become what the file has.
pub(super) fn image_file(shape: [usize; 2], pixels: HipsPixels, cards: &Header, values: &mut [f64]) -> Vec<u8> {
    let mut structure = Header::new();
    structure.set("SIMPLE", true, "conforms to FITS standard");
    structure.set("BITPIX", pixels.bitpix(), "bits per pixel, negative: floating point");
    structure.set("NAXIS", 2, "number of axes");
    structure.set("NAXIS1", shape[1] as i64, "");
    structure.set("NAXIS2", shape[0] as i64, "");
    pixels.describe(&mut structure);
    let mut bytes = header_records(structure, cards);
    bytes.reserve(pixels.file_bytes(values.len()) as usize);
    pixels.encode(values, &mut bytes);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

/// The values of a FITS tile, row by row from row 0 on; missing ones are NaN.
pub(super) fn from_fits(path: &Path, width: usize) -> Result<Vec<f64>, Error> {
    read_image(path, [width; 2])
}

/// The values of an image of this shape.
pub(super) fn read_image(path: &Path, shape: [usize; 2]) -> Result<Vec<f64>, Error> {
    let image = FitsImage::open(path, &Hdu::First)?;
    if image.shape() != shape {
        return Err(Error::Shape {
            what: format!("the tile {}", path.display()),
            got: image.shape().to_vec(),
            expected: format!("{shape:?} as hips_tile_width says"),
        });
    }
    Ok(image.read::<f64>()?.into_raw_vec_and_offset().0)
}
