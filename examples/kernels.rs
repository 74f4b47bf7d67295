//! One sky through every kernel, as a picture: sharp stars and a small spiral galaxy, turned by 30° onto pixels 0.6 as long.
//!
//! `cargo run --release --example kernels -- docs/kernels.png`; without a name it goes to a temporary folder.

use std::{error::Error, fs::File, io::BufWriter, path::Path};

use ndarray::{Array2, ArrayView2, s};
use skymosaic::{Adaptive, AdaptiveKernel, Header, Input, Options, Resample, Wcs, reproject_and_coadd};

/// Pixels on a side of the outputs, and how long they are in pixels of the input.
const SIDE: usize = 50;
const SCALE: f64 = 0.6;
const ROTATION: f64 = 30.0;
/// Pixels on a side of the input, and of its middle, which is shown: as much sky as in an output.
const INPUT: usize = 64;
const SHOWN: usize = 30;

/// Pixels of the picture on a side of an output's and of the input's pixels; between panels; and for a label above them.
const ZOOM: usize = 3;
const INPUT_ZOOM: usize = 10;
const GAP: usize = 8;
const LABEL: usize = 20;
const PANEL: usize = SIDE * ZOOM;
const LARGE: usize = SHOWN * INPUT_ZOOM;

const BACKGROUND: [u8; 3] = [250, 250, 250];
/// Surface brightness: from the sky to the brightest star.
const SKY: [[f64; 3]; 5] =
    [[7.0, 8.0, 17.0], [42.0, 42.0, 84.0], [150.0, 86.0, 104.0], [240.0, 180.0, 120.0], [255.0, 252.0, 245.0]];
/// Residuals: too faint, right, too bright.
const RESIDUAL: [[f64; 3]; 3] = [[33.0, 86.0, 170.0], [247.0, 247.0, 247.0], [178.0, 34.0, 52.0]];
/// The residual, as a part of the brightest star, at which the colours end.
const RESIDUAL_RANGE: f64 = 0.15;

fn main() -> Result<(), Box<dyn Error>> {
    let hann = Resample::Adaptive(Adaptive::default().kernel(AdaptiveKernel::Hann));
    let kernels = [
        ("NEAREST", Resample::Nearest),
        ("BILINEAR", Resample::Bilinear),
        ("CUBIC", Resample::Cubic),
        ("BICUBIC", Resample::Bicubic),
        ("LANCZOS3", Resample::Lanczos3),
        ("LANCZOS5", Resample::Lanczos5),
        ("EXACT", Resample::Exact),
        ("ADAPTIVE", hann),
    ];
    // Both are seen at the centres of pixels, in pixels of the input from the middle of the scene.
    let middle = (INPUT - 1) as f64 / 2.0;
    let input = Array2::from_shape_fn((INPUT, INPUT), |(y, x)| scene(x as f64 - middle, y as f64 - middle));
    let (sin, cos) = ROTATION.to_radians().sin_cos();
    let truth = Array2::from_shape_fn((SIDE, SIDE), |(y, x)| {
        let [x, y] = [x, y].map(|i| SCALE * (i as f64 - (SIDE - 1) as f64 / 2.0));
        scene(cos * x - sin * y, sin * x + cos * y)
    });

    let mut picture = Picture::new(LARGE + GAP + 4 * (PANEL + GAP) + GAP, 2 * (LABEL + LARGE + GAP) + GAP);
    let shown = (INPUT - SHOWN) / 2;
    let shown = input.slice(s![shown..shown + SHOWN, shown..shown + SHOWN]);
    let rows = [GAP, GAP + LABEL + LARGE + GAP];
    picture.label(GAP, rows[0], "INPUT");
    picture.panel(GAP, rows[0] + LABEL, INPUT_ZOOM, shown, brightness);
    picture.label(GAP, rows[1], "TRUTH");
    picture.panel(GAP, rows[1] + LABEL, LARGE / SIDE, truth.view(), brightness);
    for (k, (name, resample)) in kernels.into_iter().enumerate() {
        let output = resampled(&input, resample)?;
        let worst = output.iter().zip(&truth).map(|(got, wanted)| (got - wanted).abs()).fold(0.0, f64::max);
        println!("{name}: at worst {:.1} % of the brightest star", 100.0 * worst);
        let (x, y) = (GAP + LARGE + GAP + k % 4 * (PANEL + GAP), rows[k / 4]);
        picture.label(x, y, name);
        picture.panel(x, y + LABEL, ZOOM, output.view(), brightness);
        picture.panel(x, y + LABEL + PANEL, ZOOM, (&output - &truth).view(), residual);
    }

    match std::env::args_os().nth(1) {
        Some(path) => picture.write(Path::new(&path)),
        None => picture.write(&tempfile::tempdir()?.path().join("kernels.png")),
    }
}

/// Surface brightness at a position; about 1 at most.
fn scene(x: f64, y: f64) -> f64 {
    // Place, peak and full width at half maximum of each star.
    let stars = [(-8.3, 7.6, 0.95, 1.8), (9.2, -8.4, 0.7, 2.2), (10.4, 7.1, 0.3, 1.6), (-9.1, -9.3, 0.2, 3.0)];
    let star = |(x0, y0, peak, fwhm): (f64, f64, f64, f64)| {
        peak * (-4.0 * 2_f64.ln() * ((x - x0).powi(2) + (y - y0).powi(2)) / (fwhm * fwhm)).exp()
    };
    // A disc seen at 45°, two arms that wind once, and a bulge.
    let (u, v) = (0.8 * x + 0.6 * y, (0.8 * y - 0.6 * x) / 0.7);
    let radius = (u * u + v * v + 2.0).sqrt();
    let arms = (2.0 * v.atan2(u) - 4.2 * radius.ln()).cos() * (-6.0 / (u * u + v * v + 0.1)).exp();
    let disc = 0.55 * (-radius / 3.6).exp() * (1.0 + 0.85 * arms);
    stars.into_iter().map(star).sum::<f64>() + disc + 0.35 * (-(x * x + y * y) / 3.0).exp()
}

fn resampled(input: &Array2<f64>, resample: Resample) -> Result<Array2<f64>, skymosaic::Error> {
    let inputs = [Input::from_array(input.view(), wcs(INPUT, 1.0, 0.0)?)];
    let (mut output, mut footprint) = (Array2::zeros((SIDE, SIDE)), Array2::zeros((SIDE, SIDE)));
    let options = Options::default().resample(resample);
    reproject_and_coadd(&inputs, &wcs(SIDE, SCALE, ROTATION)?, output.view_mut(), footprint.view_mut(), &options)?;
    Ok(output)
}

/// Square pixels around the middle of a square image.
fn wcs(side: usize, scale: f64, rotation: f64) -> Result<Wcs, skymosaic::Error> {
    let (sin, cos) = rotation.to_radians().sin_cos();
    let (middle, scale) = ((side + 1) as f64 / 2.0, scale * 1e-4);
    Wcs::from_header(&Header::parse(&format!(
        "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = 83.8\nCRVAL2 = -5.4\nCRPIX1 = {middle}\nCRPIX2 = {middle}\n\
         CD1_1 = {:e}\nCD1_2 = {:e}\nCD2_1 = {:e}\nCD2_2 = {:e}",
        -scale * cos,
        scale * sin,
        scale * sin,
        scale * cos,
    ))?)
}

fn brightness(value: f64) -> [u8; 3] {
    const SOFT: f64 = 0.08;
    ramp(&SKY, (value / SOFT).asinh() / (1.0 / SOFT).asinh())
}

fn residual(value: f64) -> [u8; 3] {
    ramp(&RESIDUAL, 0.5 + 0.5 * value / RESIDUAL_RANGE)
}

/// The colour at a place, 0 to 1, between colours.
fn ramp(colours: &[[f64; 3]], at: f64) -> [u8; 3] {
    let at = at.clamp(0.0, 1.0) * (colours.len() - 1) as f64;
    let low = (at as usize).min(colours.len() - 2);
    let [from, to] = [colours[low], colours[low + 1]];
    [0, 1, 2].map(|channel| (from[channel] + (to[channel] - from[channel]) * (at - low as f64)).round() as u8)
}

struct Picture {
    width: usize,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    fn new(width: usize, height: usize) -> Picture {
        Picture { width, pixels: vec![BACKGROUND; width * height] }
    }

    fn square(&mut self, x0: usize, y0: usize, side: usize, colour: [u8; 3]) {
        for y in y0..y0 + side {
            self.pixels[y * self.width + x0..][..side].fill(colour);
        }
    }

    /// An image with its upper left corner at (x0, y0), its first row at the bottom.
    fn panel(&mut self, x0: usize, y0: usize, zoom: usize, image: ArrayView2<'_, f64>, colour: fn(f64) -> [u8; 3]) {
        for ((y, x), value) in image.indexed_iter() {
            self.square(x0 + zoom * x, y0 + zoom * (image.nrows() - 1 - y), zoom, colour(*value));
        }
    }

    fn label(&mut self, x0: usize, y0: usize, text: &str) {
        const DOT: usize = 2;
        for (k, letter) in text.chars().enumerate() {
            for (row, bits) in glyph(letter).into_iter().enumerate() {
                for column in (0..5).filter(|column| bits >> (4 - column) & 1 == 1) {
                    self.square(x0 + DOT * (6 * k + column), y0 + DOT * row, DOT, [60, 60, 70]);
                }
            }
        }
    }

    fn write(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let height = self.pixels.len() / self.width;
        let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), self.width as u32, height as u32);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(self.pixels.as_flattened())?;
        writer.finish()?;
        println!("{} × {height} pixels in {}", self.width, path.display());
        Ok(())
    }
}

/// The letters of the labels: 7 rows of 5 dots, the leftmost in the highest bit.
fn glyph(letter: char) -> [u8; 7] {
    match letter {
        'A' => [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
        'B' => [0b11110, 0b10001, 0b10001, 0b11110, 0b10001, 0b10001, 0b11110],
        'C' => [0b01110, 0b10001, 0b10000, 0b10000, 0b10000, 0b10001, 0b01110],
        'D' => [0b11110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b11110],
        'E' => [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111],
        'H' => [0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
        'I' => [0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        'L' => [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111],
        'N' => [0b10001, 0b11001, 0b10101, 0b10011, 0b10001, 0b10001, 0b10001],
        'O' => [0b01110, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110],
        'P' => [0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000],
        'R' => [0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001],
        'S' => [0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110],
        'T' => [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100],
        'U' => [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110],
        'V' => [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01010, 0b00100],
        'X' => [0b10001, 0b10001, 0b01010, 0b00100, 0b01010, 0b10001, 0b10001],
        'Z' => [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b10000, 0b11111],
        '3' => [0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110],
        '5' => [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
        _ => [0; 7],
    }
}
