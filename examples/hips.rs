//! A HiPS of images: `cargo run --release --features hips --example hips -- FOLDER`, then serve FOLDER and open it in a browser; without a folder it goes to a temporary one.

use std::path::PathBuf;

use ndarray::Array2;
use skymosaic::{Combine, Header, HipsOptions, Input, Options, Wcs, check_hips, write_hips};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args().nth(1).map_or(temporary.path().join("waves"), PathBuf::from);
    // Nine images around the point where three base cells of HEALPix meet.
    let mut images = Vec::new();
    for (k, (i, j)) in (-1..=1).flat_map(|j| (-1..=1).map(move |i| (i, j))).enumerate() {
        let wcs = Wcs::from_header(&Header::parse(&format!(
            "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 128.5\nCRPIX2 = 128.5\nCRVAL1 = {}\nCRVAL2 = {}\n\
             CDELT1 = -0.002\nCDELT2 = 0.002",
            0.6 * f64::from(i) + 360.0 * f64::from(i < 0),
            41.8 + 0.45 * f64::from(j)
        ))?)?;
        let wave =
            |x: usize, y: usize| ((x as f32 / 9.0).sin() * (y as f32 / 13.0).cos() + 1.5) * (1.0 + 0.1 * k as f32);
        images.push((Array2::from_shape_fn((256, 256), |(y, x)| wave(x, y)), wcs));
    }
    let inputs: Vec<Input<'_>> =
        images.iter().map(|(image, wcs)| Input::from_array(image.view(), wcs.clone())).collect();
    let hips = HipsOptions::default().title("Waves");
    let made = write_hips(&folder, &inputs, &hips, &Options::default().combine(Combine::Median))?;
    println!(
        "{} tiles of order {}, {} of all orders, in {}",
        made.finest_tiles,
        made.order,
        made.tiles,
        folder.display()
    );
    for problem in check_hips(&folder, Default::default())? {
        println!("{problem}");
    }
    Ok(())
}
