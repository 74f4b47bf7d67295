//! Tiles as pictures: which values are black and white, and what is between.

use std::sync::atomic::{AtomicU64, Ordering};

use super::format::HipsFormat;
use crate::Error;

/// The values that are black and white in pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum HipsCuts {
    /// Percentiles, 0 to 100, of the values of the finest order: of every fourth pixel in both directions, and exact to 0.05 % of the value.
    Percentiles([f64; 2]),
    /// These values.
    Values([f64; 2]),
}

impl Default for HipsCuts {
    /// `Percentiles([0.5, 99.5])`.
    fn default() -> Self {
        HipsCuts::Percentiles([0.5, 99.5])
    }
}

/// How values between black and white become brightness: with t from 0 to 1,
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HipsStretch {
    /// t.
    Linear,
    /// ln(1 + 1000 t) / ln 1001.
    Log,
    /// √t.
    Sqrt,
    /// asinh(10 t) / asinh 10.
    #[default]
    Asinh,
}

impl HipsCuts {
    pub(super) fn validate(self) -> Result<(), Error> {
        let refuse = |expected: &str| {
            Err(Error::Option { option: "cuts", got: format!("{self:?}"), expected: expected.to_owned() })
        };
        match self {
            HipsCuts::Percentiles([low, high]) if !(0.0 <= low && low < high && high <= 100.0) => {
                refuse("two percentiles from 0 to 100, the lower one first")
            }
            HipsCuts::Values([low, high]) if !(low < high && (high - low).is_finite()) => {
                refuse("two finite values, the lower one first")
            }
            _ => Ok(()),
        }
    }
}

/// Pixels of a tile are counted in steps of so many.
const SPARSE: usize = 4;
/// Bits of a value, as `f32`, that its bin does not tell apart.
const MERGED: u32 = 12;

/// How often which values occur, so that percentiles do not depend on the order in which tiles come.
pub(super) struct Histogram {
    bins: Vec<AtomicU64>,
}

impl Histogram {
    pub(super) fn new() -> Histogram {
        Histogram { bins: (0..1 << (32 - MERGED)).map(|_| AtomicU64::new(0)).collect() }
    }

    pub(super) fn bytes() -> u64 {
        8 << (32 - MERGED)
    }

    /// Counts values of a tile, row by row of `width`.
    pub(super) fn add(&self, values: &[f64], width: usize) {
        for row in values.chunks_exact(width).step_by(SPARSE) {
            for value in row.iter().step_by(SPARSE).filter(|value| value.is_finite()) {
                let bits = (*value as f32).to_bits();
                // So that the bits are in the order of the values: those of negative numbers grow downwards.
                let ordered = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
                if let Some(bin) = self.bins.get((ordered >> MERGED) as usize) {
                    bin.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// The value below which a part of all lies; `None` if there are no values.
    fn quantile(&self, part: f64) -> Option<f64> {
        let counts = || self.bins.iter().map(|bin| bin.load(Ordering::Relaxed));
        let all: u64 = counts().sum();
        let below = part * all.saturating_sub(1) as f64;
        let mut seen = 0;
        let bin = counts().position(|count| {
            seen += count;
            count > 0 && seen as f64 > below
        })?;
        // The middle of the bin.
        let ordered = (bin as u32) << MERGED | 1 << (MERGED - 1);
        let bits = if ordered >> 31 == 1 { ordered & !(1 << 31) } else { !ordered };
        Some(f32::from_bits(bits).into())
    }

    /// The values of cuts.
    pub(super) fn cuts(&self, cuts: HipsCuts) -> [f64; 2] {
        match cuts {
            HipsCuts::Values(values) => values,
            HipsCuts::Percentiles(percentiles) => {
                let [low, high] = percentiles.map(|percentile| self.quantile(percentile / 100.0).unwrap_or(0.0));
                // One value everywhere, or none: any width does.
                if low < high { [low, high] } else { [low, low + f64::max(low.abs(), 1.0)] }
            }
        }
    }
}

/// From values to brightness.
pub(super) struct Tones {
    low: f64,
    per_value: f64,
    /// Brightness by the part of the way from black to white.
    table: Vec<u8>,
}

/// Steps of the way from black to white.
const STEPS: usize = 1 << 16;

impl Tones {
    pub(super) fn new([low, high]: [f64; 2], stretch: HipsStretch) -> Tones {
        let bright = |t: f64| match stretch {
            HipsStretch::Linear => t,
            HipsStretch::Log => (1000.0 * t).ln_1p() / 1000_f64.ln_1p(),
            HipsStretch::Sqrt => t.sqrt(),
            HipsStretch::Asinh => (10.0 * t).asinh() / 10_f64.asinh(),
        };
        // 0 is for missing pixels.
        let tone = |step: usize| 1 + (254.0 * bright(step as f64 / (STEPS - 1) as f64)).round() as u8;
        Tones { low, per_value: (STEPS - 1) as f64 / (high - low), table: (0..STEPS).map(tone).collect() }
    }

    /// 1 to 255; 0 for NaN.
    fn brightness(&self, value: f64) -> u8 {
        if value.is_nan() {
            return 0;
        }
        // The cast ends at 0.
        let step = (((value - self.low) * self.per_value + 0.5) as usize).min(STEPS - 1);
        self.table.get(step).copied().unwrap_or(0)
    }

    /// The brightness of all pixels of a picture whose rows are `width` values, the last row first.
    pub(super) fn grey(&self, values: &[f64], width: usize) -> Vec<u8> {
        let mut grey = Vec::with_capacity(values.len());
        values.chunks_exact(width).rev().for_each(|row| grey.extend(row.iter().map(|value| self.brightness(*value))));
        grey
    }
}

/// Quality of JPEG tiles, 1 to 100.
const QUALITY: u8 = 90;

/// A picture in grey tones as a file; `None` if the format is not one of pictures. 0 is transparent, and black in JPEG.
pub(super) fn encode(format: HipsFormat, grey: &[u8], width: usize) -> Result<Option<Vec<u8>>, Error> {
    let height = grey.len() / width.max(1);
    let mut bytes = Vec::new();
    let written = match format {
        HipsFormat::Fits => return Ok(None),
        HipsFormat::Png => png(grey, [width as u32, height as u32], &mut bytes).map_err(|error| error.to_string()),
        HipsFormat::Jpeg => jpeg_encoder::Encoder::new(&mut bytes, QUALITY)
            .encode(grey, width as u16, height as u16, jpeg_encoder::ColorType::Luma)
            .map_err(|error| error.to_string()),
        HipsFormat::Webp => {
            let with_alpha: Vec<u8> = grey.iter().flat_map(|tone| [*tone, if *tone == 0 { 0 } else { 255 }]).collect();
            image_webp::WebPEncoder::new(&mut bytes)
                .encode(&with_alpha, width as u32, height as u32, image_webp::ColorType::La8)
                .map_err(|error| error.to_string())
        }
    };
    written.map_err(|problem| Error::external(format!("a {} tile", format.extension()), problem))?;
    Ok(Some(bytes))
}

fn png(grey: &[u8], [width, height]: [u32; 2], bytes: &mut Vec<u8>) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_trns(vec![0, 0]);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(grey)?;
    writer.finish()
}
