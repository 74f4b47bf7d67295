//! A source and a sink of your own: a sky that is computed as it is read, and a mosaic that is a folder of PNG tiles.
//!
//! `cargo run --release --example source_and_sink -- tiles`; without a folder the tiles go to a temporary one.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use skymosaic::{
    Error, FinishedTile, Header, Input, Options, PixelSource, PixelType, PixelsMut, Plan, PlaneSet, ReadContext,
    SinkLayout, TileSink, Wcs, Window,
};

/// Pixels of the whole sky: 36″ each. As an array they would take 2.6 GB.
const SKY: [usize; 2] = [18_000, 36_000];
/// Pixels on a side of the mosaic and of its tiles.
const SIDE: usize = 1000;
const TILE: usize = 250;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args().nth(1).map_or(temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder)?;

    // The whole sky in plate carrée, and ten degrees of it in the far north: only what lies there is ever computed.
    let sky = wcs("CAR", [0.0, 0.0], [18_000.5, 9_000.5], 0.01)?;
    let target = wcs("TAN", [40.0, 70.0], [(SIDE + 1) as f64 / 2.0; 2], 0.01)?;

    let inputs = [Input::from_source(Arc::new(Stars), sky).named("stars")];
    let plan = Plan::new(&inputs, &target, &[SIDE, SIDE], &Options::default().tile(TILE))?;
    let mut tiles = PngTiles { folder, written: AtomicUsize::new(0) };
    let summary = plan.run_to::<f32>(&mut tiles)?;

    println!("{} tiles in {}", tiles.written.into_inner(), tiles.folder.display());
    println!("{:.1} % covered, at most {:.0} MB held", 100.0 * summary.coverage(), summary.peak_bytes as f64 / 1e6);
    Ok(())
}

/// Stars on a grid of cells of 60 × 60 pixels, one in each, on a faint glow. What a pixel holds depends on its place alone, so any rectangle can be read at any
/// time, by any thread.
#[derive(Debug)]
struct Stars;

impl PixelSource for Stars {
    fn shape(&self) -> &[usize] {
        &SKY
    }

    fn element(&self) -> PixelType {
        PixelType::F32
    }

    fn read(&self, _plane: usize, window: Window, out: PixelsMut<'_>, _run: &ReadContext<'_>) -> Result<(), Error> {
        out.fill_with(|index| brightness(window.x0 + index % window.nx, window.y0 + index / window.nx));
        Ok(())
    }
}

fn brightness(x: usize, y: usize) -> f64 {
    let cell = 60;
    // Numbers between 0 and 1 that belong to the cell.
    let mut bits = (x / cell * 7_919 + y / cell) as u64;
    let mut random = || {
        bits = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ (mixed >> 27)) >> 40) as f64 / (1 << 24) as f64
    };
    // Towards the poles pixels get narrow, and stars as many pixels wider.
    let narrow = ((y as f64 + 0.5) / SKY[0] as f64 * std::f64::consts::PI).sin();
    let [right, up] = [random(), random()].map(|place| (0.2 + 0.6 * place) * cell as f64);
    let (dx, dy) = ((x % cell) as f64 - right, (y % cell) as f64 - up);
    let star = 10_f64.powf(2.5 * random()) * (-0.3 * ((dx * narrow).powi(2) + dy * dy)).exp();
    1.0 + (y as f64 / 200.0).sin().powi(2) + star
}

/// Writes each tile as a grey PNG, `ROW_COLUMN.png`, as soon as it is finished, from the thread that finished it.
struct PngTiles {
    folder: PathBuf,
    written: AtomicUsize,
}

impl TileSink<f32> for PngTiles {
    // The mosaic comes anyway; the footprint says which of its pixels have a value.
    fn planes(&self) -> PlaneSet {
        PlaneSet::FOOTPRINT
    }

    fn start(&mut self, layout: &SinkLayout<'_>) -> Result<u64, Error> {
        if layout.planes > 1 {
            return Err(Error::external("PNG tiles", "a cube has too many planes for them"));
        }
        // Bytes that are held at most: a grey tile with transparency for each thread.
        Ok((layout.threads * TILE * TILE * 2) as u64)
    }

    fn write(&self, tile: &FinishedTile<'_, f32>) -> Result<(), Error> {
        let Window { x0, y0, nx, ny } = tile.window;
        let mut grey = Vec::with_capacity(2 * nx * ny);
        // The first row of a PNG is the topmost one.
        for y in (0..ny).rev() {
            for x in 0..nx {
                let valid = tile.footprint.is_some_and(|footprint| footprint[[y, x]] > 0.0);
                let brightness = (80.0 * tile.mosaic[[y, x]].max(1.0).log10()).clamp(0.0, 255.0);
                grey.extend([brightness as u8, if valid { 255 } else { 0 }]);
            }
        }
        let path = self.folder.join(format!("{:02}_{:02}.png", y0 / TILE, x0 / TILE));
        write_png(&path, [nx, ny], &grey)
            .map_err(|error| Error::external(path.display().to_string(), error.to_string()))?;
        self.written.fetch_add(1, Relaxed);
        Ok(())
    }
}

fn write_png(path: &Path, [nx, ny]: [usize; 2], pixels: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), nx as u32, ny as u32);
    encoder.set_color(png::ColorType::GrayscaleAlpha);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(())
}

/// North up, east to the left; reference position in degrees, reference pixel counted from 1, pixels in degrees.
fn wcs(projection: &str, [lon, lat]: [f64; 2], [x, y]: [f64; 2], step: f64) -> Result<Wcs, Error> {
    Wcs::from_header(&Header::parse(&format!(
        "CTYPE1 = 'RA---{projection}'\nCTYPE2 = 'DEC--{projection}'\nCRVAL1 = {lon:?}\nCRVAL2 = {lat:?}\nCRPIX1 = {x:?}\n\
         CRPIX2 = {y:?}\nCDELT1 = {:?}\nCDELT2 = {step:?}\nRADESYS = 'ICRS'",
        -step
    ))?)
}
