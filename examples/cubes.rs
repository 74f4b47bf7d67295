//! Three cubes of one emission line become one cube, and a map of its velocities as a picture.
//!
//! Their channels differ in width, number and kind: radio velocity, frequency and wavelength. Their planes are interpolated onto the channels of the target as
//! they are read. `cargo run --release --example cubes -- velocity.png`; without a name the picture goes to a temporary folder.

use std::{fs::File, io::BufWriter, path::Path};

use ndarray::{Array2, Array3, Axis};
use skymosaic::{Combine, Error, Header, Input, Options, Wcs, reproject_and_coadd};

/// The line of 13CO (1-0) in Hz, and the speed of light in m/s.
const LINE: f64 = 1.102_013_543e11;
const LIGHT: f64 = 299_792_458.0;
/// Pixels on a side of each cube and of the mosaic, and their size in degrees.
const SIDE: usize = 160;
const MOSAIC: [usize; 2] = [220, 340];
const PIXEL: f64 = 0.001;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Each with its spectral axis: type, value in the middle, step, channels.
    let frequency = |velocity: f64| LINE * (1.0 - velocity / LIGHT);
    let first = cube(83.7, 12.0, "VRAD", 5000.0, 300.0, 60)?;
    let second = cube(83.8, -20.0, "FREQ", frequency(5200.0), -40e3, 120)?;
    let third = cube(83.9, 33.0, "WAVE", LIGHT / frequency(4900.0), 1.5e-9, 110)?;

    let channels = 100;
    let target = wcs([83.8, -5.4], 0.0, MOSAIC, ["VRAD", "5000", "200", "100"])?;
    let shape = (channels, MOSAIC[0], MOSAIC[1]);
    let (mut mosaic, mut footprint) = (Array3::<f32>::zeros(shape), Array3::<f32>::zeros(shape));
    let cubes = [first, second, third];
    let inputs: Vec<Input<'_>> =
        cubes.iter().map(|(pixels, wcs)| Input::from_array(pixels.view(), wcs.clone())).collect();
    let options = Options::default().combine(Combine::Mean);
    let summary = reproject_and_coadd(&inputs, &target, mosaic.view_mut(), footprint.view_mut(), &options)?;
    println!("{:.1} % of the voxels are covered", 100.0 * summary.coverage());

    // Moments 0 and 1: the integral over velocity, and the mean velocity of the light.
    let mut velocities: Vec<f64> = (0..channels).map(|k| k as f64).collect();
    target.leading_axes()[0].pixel_to_world(&mut velocities)?;
    let step = velocities[1] - velocities[0];
    let moments = mosaic.map_axis(Axis(0), |spectrum| {
        let bright = || spectrum.iter().zip(&velocities).filter(|(value, _)| **value > 0.02);
        let light: f64 = bright().map(|(value, _)| f64::from(*value)).sum();
        let moment: f64 = bright().map(|(value, velocity)| f64::from(*value) * velocity).sum();
        [light * step / 1000.0, moment / light / 1000.0]
    });
    let middle = moments[[MOSAIC[0] / 2, MOSAIC[1] / 2]];
    println!("in the middle: {:.2} K km/s at {:.3} km/s", middle[0], middle[1]);
    match std::env::args_os().nth(1) {
        Some(path) => write(Path::new(&path), &moments)?,
        None => write(&tempfile::tempdir()?.path().join("velocity.png"), &moments)?,
    }
    Ok(())
}

/// A cube of a turning disc, as it is seen at the velocity of each channel.
fn cube(
    lon: f64,
    angle: f64,
    ctype: &str,
    middle: f64,
    step: f64,
    channels: usize,
) -> Result<(Array3<f32>, Wcs), Error> {
    let axis = [ctype, &format!("{middle:e}"), &format!("{step:e}"), &channels.to_string()];
    let wcs = wcs([lon, -5.4], angle, [SIDE, SIDE], axis)?;
    let mut values: Vec<f64> = (0..channels).map(|k| k as f64).collect();
    wcs.leading_axes()[0].pixel_to_world(&mut values)?;
    let velocities: Vec<f64> = values
        .into_iter()
        .map(|value| match ctype {
            "FREQ" => LIGHT * (1.0 - value / LINE),
            "WAVE" => LIGHT * (1.0 - LIGHT / value / LINE),
            _ => value,
        })
        .collect();
    let mut x: Vec<f64> = (0..SIDE * SIDE).map(|k| (k % SIDE) as f64).collect();
    let mut y: Vec<f64> = (0..SIDE * SIDE).map(|k| (k / SIDE) as f64).collect();
    wcs.pixel_to_celestial(&mut x, &mut y);
    let pixels = Array3::from_shape_fn((channels, SIDE, SIDE), |(channel, row, column)| {
        let [east, north] =
            [(x[row * SIDE + column] - 83.8) * 5.4_f64.to_radians().cos(), y[row * SIDE + column] + 5.4];
        let (radius, height) = ((east / 0.1).hypot(north / 0.05), east / 0.1);
        // Turning at 4 km/s outside of its core, 5 km/s away from us.
        let velocity = 5000.0 + 4000.0 * height / radius.max(0.3);
        let width = 600.0;
        ((-radius * radius).exp() * (-0.5 * ((velocities[channel] - velocity) / width).powi(2)).exp()) as f32
    });
    Ok((pixels, wcs))
}

/// A WCS of shape (ny, nx) with a spectral axis: type, value in the middle, step and number of channels.
fn wcs([lon, lat]: [f64; 2], angle: f64, [ny, nx]: [usize; 2], axis: [&str; 4]) -> Result<Wcs, Error> {
    let (sin, cos) = angle.to_radians().sin_cos();
    let [ctype, middle, step, channels] = axis;
    let text = format!(
        "NAXIS = 3\nNAXIS1 = {nx}\nNAXIS2 = {ny}\nNAXIS3 = {channels}\nCTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCTYPE3 = '{ctype}'\n\
         CRVAL1 = {lon}\nCRVAL2 = {lat}\nCRVAL3 = {middle}\nCRPIX1 = {}\nCRPIX2 = {}\nCRPIX3 = {}\n\
         CDELT1 = {}\nCDELT2 = {PIXEL}\nCDELT3 = {step}\nPC1_1 = {cos}\nPC1_2 = {}\nPC2_1 = {sin}\nPC2_2 = {cos}\n\
         RADESYS = 'ICRS'\nRESTFRQ = {LINE}\nSPECSYS = 'LSRK'",
        (nx + 1) as f64 / 2.0,
        (ny + 1) as f64 / 2.0,
        channels.parse::<f64>().unwrap_or(1.0) / 2.0 + 0.5,
        -PIXEL,
        -sin,
    );
    Wcs::from_header(&Header::parse(&text)?)
}

/// Writes velocities as colours, blue towards us and red away, as bright as the line; north is up.
fn write(path: &Path, moments: &Array2<[f64; 2]>) -> Result<(), Box<dyn std::error::Error>> {
    let (ny, nx) = moments.dim();
    let brightest = moments.iter().map(|moment| moment[0]).fold(0.0, f64::max);
    let mut rgb = Vec::with_capacity(3 * ny * nx);
    for row in (0..ny).rev() {
        for [light, velocity] in moments.row(row) {
            let bright = if velocity.is_nan() { 0.0 } else { (light / brightest).max(0.0).powf(0.4) };
            let away = ((velocity - 5.0) / 4.0).clamp(-1.0, 1.0);
            let colour = [0.55 + 0.45 * away, 0.55 - 0.25 * away.abs(), 0.55 - 0.45 * away];
            rgb.extend(colour.map(|colour| (255.0 * colour * bright) as u8));
        }
    }
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), nx as u32, ny as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(&rgb)?;
    println!("{}", path.display());
    Ok(())
}
