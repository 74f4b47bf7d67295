//! A picture of a mosaic: reduced by averaging blocks, asinh stretch (Lupton et al. 2004, PASP 116, 133), PNG.

use std::{
    io::{self, BufWriter, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    sum::Sum,
    tile_sink::{FinishedTile, SinkLayout, TileSink, rows},
};
use crate::{Error, Pixel, Window};

/// Colours from the sky's black to white, in sRGB.
const TONES: [[f32; 3]; 6] = [
    [7.0, 8.0, 17.0],
    [28.0, 32.0, 66.0],
    [92.0, 66.0, 108.0],
    [196.0, 118.0, 104.0],
    [246.0, 203.0, 150.0],
    [255.0, 252.0, 245.0],
];

/// A small picture of a mosaic, made in the pass that makes the mosaic (feature `preview`).
///
/// Square blocks of pixels, of all planes of a cube together, are averaged so that the longer side of the picture has at most
/// [`longest`](Self::longest) pixels. The brightness is linear where the noise is and logarithmic above, from a little below the sky to the brightest
/// permille. Blocks without a finite value are transparent. The picture does not depend on the number of threads nor on the tiles.
///
/// ```
/// # use skymosaic::{Header, Input, Options, Plan, Preview, Wcs};
/// # let wcs = Wcs::from_header(&Header::parse(
/// #     "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 5.5\nCRPIX2 = 5.5\nCDELT1 = -0.001\nCDELT2 = 0.001",
/// # )?)?;
/// let image = ndarray::Array2::<f32>::from_shape_fn((10, 10), |(y, _)| y as f32);
/// let plan = Plan::new(&[Input::from_array(image.view(), wcs.clone())], &wcs, &[10, 20], &Options::default())?;
/// let mut preview = Preview::default();
/// plan.run_to::<f32>(&mut preview)?;
/// let mut png = Vec::new();
/// preview.write_png(&mut png)?;
/// assert!(png.starts_with(b"\x89PNG"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Preview {
    longest: usize,
    window: Window,
    /// Pixels on a side of a block.
    block: usize,
    /// The rows of blocks, from the first row of pixels on.
    rows: Vec<Mutex<BlockRow>>,
}

/// A row of blocks.
#[derive(Debug)]
struct BlockRow {
    /// Pixels, of all planes, that have not come yet.
    missing: usize,
    /// Of each block, the sum and the number of its values; empty before the first has come, and after the last.
    sums: Vec<(Sum, u64)>,
    /// Mean of each block, NaN where it has no value; empty until the row is complete.
    means: Vec<f32>,
}

impl Default for Preview {
    fn default() -> Self {
        Preview { longest: 2048, window: Window::default(), block: 1, rows: Vec::new() }
    }
}

impl Preview {
    /// Sets the number of pixels that the longer side of the picture has at most. Default: 2048.
    #[must_use]
    pub fn longest(mut self, pixels: usize) -> Self {
        self.longest = pixels.max(1);
        self
    }

    fn row(&self, row: usize) -> Option<MutexGuard<'_, BlockRow>> {
        Some(self.rows.get(row)?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes the picture as PNG, the last row of the mosaic on top.
    ///
    /// # Errors
    /// If it cannot be written, or no run has made the picture.
    pub fn write_png(&self, file: impl Write) -> io::Result<()> {
        let mut values = Vec::new();
        for row in 0..self.rows.len() {
            values.extend(self.row(row).iter().flat_map(|row| &row.means));
        }
        let nx = self.window.nx.div_ceil(self.block);
        if nx == 0 || values.len() != nx * self.rows.len() {
            return Err(io::Error::other("the picture is not complete: it is made by a run to this preview"));
        }
        let stretch = Stretch::new(&values);
        let tones = tones();
        let [r, g, b] = tones[0];
        let pixels: Vec<u8> = values
            .chunks_exact(nx)
            .rev()
            .flatten()
            .flat_map(|value| match stretch.brightness(*value) {
                Some(brightness) => {
                    let [r, g, b] = tones[usize::from(brightness)];
                    [r, g, b, 255]
                }
                None => [r, g, b, 0],
            })
            .collect();
        let mut encoder = png::Encoder::new(BufWriter::new(file), nx as u32, self.rows.len() as u32);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&pixels)?;
        writer.finish()?;
        Ok(())
    }
}

impl<T: Pixel> TileSink<T> for Preview {
    fn start(&mut self, layout: &SinkLayout<'_>) -> Result<u64, Error> {
        let Window { nx, ny, .. } = layout.window;
        self.window = layout.window;
        self.block = nx.max(ny).div_ceil(self.longest).max(1);
        let row = |y: usize| {
            let missing = nx * self.block.min(ny - y) * layout.planes;
            Mutex::new(BlockRow { missing, sums: Vec::new(), means: Vec::new() })
        };
        self.rows = (0..ny).step_by(self.block).map(row).collect();
        // All means, and the sums of the rows of blocks on two rows of tiles.
        let across = nx.div_ceil(self.block);
        let highest = layout.tiles.iter().map(|tile| tile.ny).max().unwrap_or(0);
        let unfinished = (2 * highest.div_ceil(self.block) + 2).min(self.rows.len());
        Ok((across * (self.rows.len() * size_of::<f32>() + unfinished * size_of::<(Sum, u64)>())) as u64)
    }

    fn write(&self, tile: &FinishedTile<'_, T>) -> Result<(), Error> {
        let (x0, y0) = (tile.window.x0 - self.window.x0, tile.window.y0 - self.window.y0);
        let first_block = x0 / self.block;
        let blocks = (x0 + tile.window.nx).div_ceil(self.block) - first_block;
        let mut sums = vec![(Sum::default(), 0_u64); blocks];
        for (y, values) in (y0..).zip(rows(&tile.mosaic)) {
            let mut x = x0;
            for (sum, count) in &mut sums {
                let end = (x / self.block + 1) * self.block;
                for value in values.get(x - x0..values.len().min(end - x0)).unwrap_or_default() {
                    let value = value.to_f64();
                    if value.is_finite() {
                        sum.add(value);
                        *count += 1;
                    }
                }
                x = end;
            }
            let last = y + 1 == y0 + tile.window.ny || (y + 1) % self.block == 0;
            if let Some(mut row) = last.then(|| self.row(y / self.block)).flatten() {
                let height = y + 1 - y0.max(y / self.block * self.block);
                row.add(first_block, &sums, height * tile.window.nx, self.window.nx.div_ceil(self.block));
                sums.fill((Sum::default(), 0));
            }
        }
        Ok(())
    }
}

impl BlockRow {
    /// Adds sums of the blocks from `first` on, which so many pixels were looked at for.
    fn add(&mut self, first: usize, sums: &[(Sum, u64)], pixels: usize, across: usize) {
        self.sums.resize(across, (Sum::default(), 0));
        for ((sum, count), (part, values)) in self.sums.iter_mut().skip(first).zip(sums) {
            sum.merge(*part);
            *count += values;
        }
        self.missing = self.missing.saturating_sub(pixels);
        if self.missing == 0 {
            let mean =
                |(sum, count): (Sum, u64)| if count > 0 { (sum.value() / count as f64) as f32 } else { f32::NAN };
            self.means = std::mem::take(&mut self.sums).into_iter().map(mean).collect();
        }
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
