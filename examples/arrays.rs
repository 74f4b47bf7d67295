//! Two arrays in memory become one mosaic in memory.

use ndarray::Array2;
use skymosaic::{Combine, Error, Header, Input, Options, Wcs, reproject_and_coadd};

fn main() -> Result<(), Error> {
    // Two images of 100 × 100 pixels of 1″, the second turned by 20° and half an image to the east.
    let first = wcs([83.80, -5.40], 0.0, [100, 100])?;
    let second = wcs([83.814, -5.40], 20.0, [100, 100])?;
    let pixels = Array2::<f32>::from_elem((100, 100), 1.0);
    let mut others = Array2::<i16>::from_elem((100, 100), 3);
    others[[10, 10]] = 100;

    // The mosaic: 180 columns and 160 rows. Both buffers are ours; whatever they hold is overwritten.
    let target = wcs([83.807, -5.40], 0.0, [160, 180])?;
    let mut mosaic = Array2::<f32>::zeros((160, 180));
    let mut footprint = Array2::<f32>::zeros((160, 180));

    let inputs = [Input::from_array(pixels.view(), first), Input::from_array(others.view(), second)];
    let options = Options::default().combine(Combine::Mean);
    let summary = reproject_and_coadd(&inputs, &target, mosaic.view_mut(), footprint.view_mut(), &options)?;

    println!("{:.1} % of the mosaic is covered", 100.0 * summary.coverage());
    println!("where both images lie: {} from {} of them", mosaic[[80, 90]], footprint[[80, 90]]);
    println!("where none lies: {} from {}", mosaic[[0, 179]], footprint[[0, 179]]);
    Ok(())
}

/// The description of an image of shape (ny, nx) centred on a position and turned by an angle, both in degrees.
fn wcs([lon, lat]: [f64; 2], angle: f64, [ny, nx]: [usize; 2]) -> Result<Wcs, Error> {
    let (sin, cos) = angle.to_radians().sin_cos();
    let text = format!(
        "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = {lon}\nCRVAL2 = {lat}\nCRPIX1 = {}\nCRPIX2 = {}\n\
         CDELT1 = {step:e}\nCDELT2 = {up:e}\nPC1_1 = {cos}\nPC1_2 = {}\nPC2_1 = {sin}\nPC2_2 = {cos}\nRADESYS = 'ICRS'",
        (nx + 1) as f64 / 2.0,
        (ny + 1) as f64 / 2.0,
        -sin,
        step = -1.0 / 3600.0,
        up = 1.0 / 3600.0,
    );
    Ok(Wcs::from_header(&Header::parse(&text)?)?.with_shape([ny, nx]))
}
