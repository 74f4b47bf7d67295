//! A picture of a mosaic: reduced by averaging blocks, asinh stretch (Lupton et al. 2004, PASP 116, 133), PNG.

use std::io::{BufWriter, Write};

use ndarray::ArrayView3;
use skymosaic::Pixel;

use crate::Failure;

/// Longest side of a picture in pixels.
const LONGEST: usize = 2048;

/// Colours from the sky's black to white, in sRGB.
const TONES: [[f32; 3]; 6] = [
    [7.0, 8.0, 17.0],
    [28.0, 32.0, 66.0],
    [92.0, 66.0, 108.0],
    [196.0, 118.0, 104.0],
    [246.0, 203.0, 150.0],
    [255.0, 252.0, 245.0],
];

/// A reduced mosaic. Row 0 is the bottom one, as in FITS.
pub(crate) struct Picture {
    nx: usize,
    /// Means of the blocks, NaN where a block has no value.
    values: Vec<f32>,
}

impl Picture {
    /// Averages the values of square blocks, and of all planes of a cube (planes, ny, nx). One row is looked at at a
    /// time, so that a mapped mosaic need not fit in memory.
    pub(crate) fn reduce<P: Pixel>(cube: &ArrayView3<'_, P>) -> Picture {
        let (_, height, width) = cube.dim();
        let block = width.max(height).div_ceil(LONGEST).max(1);
        let nx = width.div_ceil(block);
        let mut values = Vec::new();
        for y0 in (0..height).step_by(block) {
            let mut sums = vec![(0.0, 0_u32); nx];
            for plane in cube.outer_iter() {
                for row in plane.outer_iter().skip(y0).take(block) {
                    for (x, value) in row.iter().enumerate() {
                        let value = value.to_f64();
                        if let Some((sum, count)) = sums.get_mut(x / block).filter(|_| value.is_finite()) {
                            *sum += value;
                            *count += 1;
                        }
                    }
                }
            }
            let mean = |(sum, count): (f64, u32)| if count > 0 { (sum / f64::from(count)) as f32 } else { f32::NAN };
            values.extend(sums.into_iter().map(mean));
        }
        Picture { nx, values }
    }

    /// Writes it as PNG, north of the array up; what has no value is transparent.
    pub(crate) fn write_png(&self, file: impl Write) -> Result<(), Failure> {
        let stretch = Stretch::new(&self.values);
        let tones = tones();
        let [r, g, b] = tones[0];
        let rows = self.values.chunks_exact(self.nx.max(1)).rev();
        let pixels: Vec<u8> = rows
            .flatten()
            .flat_map(|value| match stretch.brightness(*value) {
                Some(brightness) => {
                    let [r, g, b] = tones[usize::from(brightness)];
                    [r, g, b, 255]
                }
                None => [r, g, b, 0],
            })
            .collect();
        let (width, height) = (self.nx as u32, (self.values.len() / self.nx.max(1)) as u32);
        let mut encoder = png::Encoder::new(BufWriter::new(file), width, height);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let written = encoder.write_header().and_then(|mut writer| {
            writer.write_image_data(&pixels)?;
            writer.finish()
        });
        written.map_err(|error| Failure::new(format!("cannot write the PNG: {error}")))
    }
}

/// From values to brightness.
struct Stretch {
    black: f32,
    soft: f32,
    white: f32,
}

impl Stretch {
    /// Black a little below the sky, white at the brightest permille, linear where the noise is.
    fn new(values: &[f32]) -> Stretch {
        // A sample is enough for percentiles, and its stride avoids beating with the rows.
        let stride = (values.len() / 400_000).max(1) | 1;
        let mut sample: Vec<f32> = values.iter().step_by(stride).copied().filter(|value| value.is_finite()).collect();
        sample.sort_unstable_by(f32::total_cmp);
        let at = |fraction: f64| {
            let index = (fraction * sample.len().saturating_sub(1) as f64).round() as usize;
            sample.get(index).copied().unwrap_or(0.0)
        };
        let (sky, below, top) = (at(0.3), at(0.05), at(0.999));
        let noise = (sky - below).max((top - sky) * 1e-4).max(f32::MIN_POSITIVE);
        Stretch { black: sky - 1.5 * noise, soft: 4.0 * noise, white: top.max(sky + noise) }
    }

    /// `None` for NaN; infinities are black and white.
    fn brightness(&self, value: f32) -> Option<u8> {
        if value.is_nan() {
            return None;
        }
        let scaled = |value: f32| ((value - self.black) / self.soft).asinh();
        Some((255.0 * (scaled(value) / scaled(self.white)).clamp(0.0, 1.0)).round() as u8)
    }
}

/// The colour of each brightness.
fn tones() -> [[u8; 3]; 256] {
    let mut colours = [[0; 3]; 256];
    for (brightness, colour) in colours.iter_mut().enumerate() {
        let at = brightness as f32 / 255.0 * (TONES.len() - 1) as f32;
        let low = (at as usize).min(TONES.len() - 2);
        for (channel, to) in colour.iter_mut().enumerate() {
            let (from, until) = (TONES[low][channel], TONES[low + 1][channel]);
            *to = (from + (until - from) * (at - low as f32)).round() as u8;
        }
    }
    colours
}
