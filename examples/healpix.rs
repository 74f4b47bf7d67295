//! From a HEALPix map to an image, and back: a sky of broad structures at nside 128, a field of it interpolated onto pixels of 0.2°, and that field as a map of a part of
//! the sky.
//!
//! `cargo run --release --features healpix --example healpix -- folder`; without a folder the files go to a temporary one.

use std::path::PathBuf;

use ndarray::Array2;
use skymosaic::{
    Frame, Header, HealpixGrid, HealpixMap, HealpixOrder, HealpixOutput, Input, Options, Plan, Resample, Wcs,
    reproject_and_coadd,
};

const FIELD: &str = "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = 83.6\nCRVAL2 = 22.0\nCRPIX1 = 50.5\nCRPIX2 = 50.5\nCDELT1 = -0.2\nCDELT2 = 0.2";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args().nth(1).map_or(temporary.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&folder)?;

    // A map in galactic coordinates. `HealpixMap::read` takes one from a FITS table.
    let grid = HealpixGrid::new(128, HealpixOrder::Nested)?;
    let values = (0..grid.pixels()).map(|pixel| (pixel as f64 / 3000.0).sin()).collect();
    let map = HealpixMap::new(values, grid, Frame::Galactic)?;
    map.write(folder.join("sky.fits"), &Header::new(), true)?;

    // A field of it, as an image in equatorial coordinates.
    let target = Wcs::from_header(&Header::parse(FIELD)?)?;
    let [mut image, mut footprint] = [Array2::<f32>::zeros((100, 100)), Array2::zeros((100, 100))];
    let options = Options::default().resample(Resample::Bicubic);
    reproject_and_coadd(
        &[Input::from_healpix(map.clone())?],
        &target,
        image.view_mut(),
        footprint.view_mut(),
        &options,
    )?;

    // The field on the pixels of the map again. Only what is covered is held, and written.
    let plane = grid.plane(&Frame::Galactic)?;
    let inputs = [Input::from_array(image.view(), target)];
    let plan = Plan::new(&inputs, &plane, &plane.shape().unwrap_or_default(), &options)?;
    let mut output = HealpixOutput::<f32>::new(grid, Frame::Galactic);
    plan.run_tiles_to(&plan.occupied_tiles(plan.whole()), &mut output)?;
    let field = output.into_partial_map()?;
    field.write(folder.join("field.fits"), &Header::new(), true)?;

    let off = field.pixels().map(|(pixel, value)| (value - map.value(pixel)).abs()).fold(0.0, f64::max);
    println!("{} pixels in {}, at most {off:.3} from the map's", field.pixels().count(), folder.display());
    Ok(())
}
