//! Synthetic images: headers and noise.

use ndarray::{Array2, ArrayD};
use skymosaic::{Header, Wcs};

/// The WCS of a TAN image: reference sky position and pixel (0-based centre of the image), scale and rotation in degrees.
pub(crate) fn tan(ra: f64, dec: f64, [ny, nx]: [usize; 2], scale: f64, rotation: f64) -> Wcs {
    let (sin, cos) = rotation.to_radians().sin_cos();
    wcs(&format!(
        "NAXIS = 2\nNAXIS1 = {nx}\nNAXIS2 = {ny}\nCTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = {ra:.12}\nCRVAL2 = {dec:.12}\n\
         CRPIX1 = {}\nCRPIX2 = {}\nCD1_1 = {:e}\nCD1_2 = {:e}\nCD2_1 = {:e}\nCD2_2 = {:e}\n",
        nx as f64 / 2.0 + 0.5,
        ny as f64 / 2.0 + 0.5,
        -scale * cos,
        scale * sin,
        scale * sin,
        scale * cos,
    ))
}

/// A WCS from cards, one a line.
pub(crate) fn wcs(cards: &str) -> Wcs {
    let header = Header::parse(cards).unwrap_or_else(|error| panic!("{error}\n{cards}"));
    Wcs::from_header(&header).unwrap_or_else(|error| panic!("{error}\n{cards}"))
}

/// A small deterministic generator (xorshift64*), so that tests do not depend on a crate's stream.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Uniform in [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }
}

/// Noise between 0 and 100 on a slope, with a fraction of pixels NaN.
pub(crate) fn noise([ny, nx]: [usize; 2], seed: u64, missing: f64) -> Array2<f64> {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    Array2::from_shape_fn((ny, nx), |(y, x)| {
        let value = random.between(0.0, 100.0) + (x + y) as f64 * 0.1;
        if random.uniform() < missing { f64::NAN } else { value }
    })
}

/// Bits, so that NaN equals itself and 0 differs from -0.
pub(crate) fn bits(array: &ArrayD<f64>) -> Vec<u64> {
    array.iter().map(|v| v.to_bits()).collect()
}
