//! FITS files become a FITS mosaic on the grid that suits them best.

use ndarray::Array2;
use skymosaic::{
    Error, FitsOutput, Hdu, Header, Input, OptimalOptions, Options, Plan, Sinks, Statistics, ValuePlane, Wcs,
    find_optimal_celestial_wcs_of,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = tempfile::tempdir()?;
    let files = [dir.path().join("west.fits"), dir.path().join("east.fits")];
    write_image(&files[0], 150.00)?;
    write_image(&files[1], 150.02)?;

    // Headers are read now, pixels when they are needed. Hdu::First is the first HDU that holds an image.
    let inputs = [Input::from_fits(&files[0], &Hdu::First)?, Input::from_fits(&files[1], &Hdu::First)?];

    // A target that holds both, at the resolution of the finer one.
    let places = inputs.iter().filter_map(|input| Some((input.wcs()?, input.wcs()?.shape()?)));
    let (target, shape) = find_optimal_celestial_wcs_of(places, &OptimalOptions::default())?;

    // Mosaic and footprint go to two files in one pass, tile by tile as the tiles are finished. A file gets its name when it is whole.
    let header = target.to_header();
    let mut mosaic = FitsOutput::<f32>::create(dir.path().join("mosaic.fits"), &header, &shape, false)?;
    let footprint = FitsOutput::<f32>::create(dir.path().join("footprint.fits"), &header, &shape, false)?;
    let mut footprint = footprint.plane(ValuePlane::Footprint);
    let mut statistics = Statistics::default();
    let mut sinks = Sinks::new().with(&mut mosaic).with(&mut footprint).with(&mut statistics);
    let plan = Plan::new(&inputs, &target, &shape, &Options::default())?;
    let summary = plan.run_to(&mut sinks)?;
    drop(sinks);
    mosaic.append_table("INPUTS", &Header::new(), &plan.input_table(&summary))?;
    mosaic.publish()?;
    footprint.publish()?;

    for input in &summary.inputs {
        println!("{}: {} pixels resampled", input.name, input.resampled_pixels);
    }
    println!("{:?} pixels, {:.1} % covered", shape, 100.0 * summary.coverage());
    if let Some(found) = statistics.get(0) {
        println!(
            "values from {:.1} to {:.1}, {:.2} ± {:.2}",
            found.min, found.max, found.mean, found.standard_deviation
        );
    }
    Ok(())
}

/// An image of 200 × 200 pixels of 0.5″ with a gradient.
fn write_image(path: &std::path::Path, lon: f64) -> Result<(), Error> {
    let header = Header::parse(&format!(
        "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = {lon}\nCRVAL2 = 2.2\nCRPIX1 = 100.5\nCRPIX2 = 100.5\n\
         CD1_1 = -1.38e-4\nCD1_2 = 1e-5\nCD2_1 = 1e-5\nCD2_2 = 1.38e-4\nRADESYS = 'ICRS'\nBUNIT = 'MJy/sr'"
    ))?;
    let mut file = FitsOutput::<f32>::create(path, &header, &[200, 200], false)?;
    file.write_array(Array2::from_shape_fn((200, 200), |(y, _)| y as f32).view())?;
    let wcs = Wcs::from_header(&header)?;
    println!("{}: pixels of {:.2} arcsec", path.display(), 3600.0 * wcs.pixel_scale());
    file.publish()
}
