//! A mosaic that need not fit in memory: it goes to FITS files tile by tile, and the intermediates are temporary files.
//!
//! Here it is small, so that it runs everywhere; only `SIDE` says so.

use ndarray::Array2;
use skymosaic::{Combine, Error, FitsOutput, Header, Input, IntegerPlane, Intermediate, Options, Plan, Sinks, Wcs};

/// Pixels on a side of the mosaic.
const SIDE: usize = 1500;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let image = Array2::<f32>::from_shape_fn((300, 300), |(y, x)| (y + x) as f32);
    let mut inputs = Vec::new();
    for row in 0..6 {
        for column in 0..6 {
            let (x, y) = (f64::from(column) * 240.0 + 150.0, f64::from(row) * 240.0 + 150.0);
            // The same reference point for all, in pixels of each: tiles of one plane.
            let centre = SIDE as f64 / 2.0;
            inputs.push(Input::from_array(image.view(), wcs([centre - x + 150.0, centre - y + 150.0])?));
        }
    }
    let target = wcs([SIDE as f64 / 2.0; 2])?;

    // Each file is written as its tiles are finished; a few rows of tiles are held in memory. Where arrays are wanted that numpy maps,
    // skymosaic::MappedArray makes .npy files, whose views Plan::run takes.
    let (header, shape) = (target.to_header(), [SIDE, SIDE]);
    let mut mosaic = FitsOutput::<f32>::create(dir.path().join("mosaic.fits"), &header, &shape, false)?;
    let count = FitsOutput::<i32>::create(dir.path().join("count.fits"), &header, &shape, false)?;
    let mut count = count.plane(IntegerPlane::Count);

    // The median needs all samples of a pixel at once. Here they go to unlinked temporary files (TMPDIR), and what the
    // engine and the files hold in memory stays below the limit whatever the size of the mosaic and the number of inputs.
    let options = Options::default()
        .combine(Combine::Median)
        .intermediate(Intermediate::Mapped { dir: None })
        .memory_limit(64 << 20);
    let plan = Plan::new(&inputs, &target, &shape, &options)?;
    let summary = plan.run_to(&mut Sinks::new().with(&mut mosaic).with(&mut count))?;
    mosaic.publish()?;
    count.publish()?;

    println!("{} inputs, {:.1} % covered", summary.inputs.len(), 100.0 * summary.coverage());
    println!("engine and files held {:.1} MB at most", summary.peak_bytes as f64 / 1e6);
    Ok(())
}

/// Pixels of 1″ around a reference pixel (FITS counting).
fn wcs([x, y]: [f64; 2]) -> Result<Wcs, Error> {
    Wcs::from_header(&Header::parse(&format!(
        "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = 10\nCRVAL2 = 41\nCRPIX1 = {x:e}\nCRPIX2 = {y:e}\n\
         CDELT1 = -2.8e-4\nCDELT2 = 2.8e-4"
    ))?)
}
