//! HiPS as inputs: their pixels against those of a HEALPix map, the order that suits a target, tiles that are missing or damaged.

mod common;

use std::{fs, path::Path};

use common::worst;
use ndarray::Array2;
use skymosaic::{
    CoordinateError, Error, FitsOutput, Frame, Header, HealpixGrid, HealpixMap, HealpixOrder, HipsGrid, HipsProperties,
    HipsTile, Input, Options, Parallel, Plan, Resample, Wcs,
};

const WIDTH: usize = 64;

/// A number between 0 and 1 that has nothing to do with those of other pixels.
fn noise(pixel: u64) -> f32 {
    let bits = pixel.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32 / (1 << 24) as f32
}

fn properties(folder: &Path, order: u8) {
    let mut properties = HipsProperties::new();
    properties.set("hips_order", order);
    properties.set("hips_tile_width", WIDTH);
    properties.set("hips_frame", "galactic");
    fs::write(folder.join("properties"), properties.to_string()).unwrap();
}

/// The tiles of an order whose pixels hold their noise. Which pixel of HEALPix a pixel of a tile is, the coordinates of the plane say.
fn tiles(folder: &Path, order: u8) {
    let grid = HipsGrid::new(order, WIDTH, &Frame::Galactic).unwrap();
    let depth = order + WIDTH.trailing_zeros() as u8;
    for number in 0..12 << (2 * order) {
        let tile = HipsTile::new(order, number).unwrap();
        let window = grid.window(tile).unwrap();
        let pixels = Array2::from_shape_fn((WIDTH, WIDTH), |(row, column)| {
            let (mut lon, mut lat) = ([(window.x0 + column) as f64], [(window.y0 + row) as f64]);
            grid.wcs().pixel_to_celestial(&mut lon, &mut lat);
            noise(cdshealpix::nested::hash(depth, lon[0].to_radians(), lat[0].to_radians()))
        });
        let path = folder.join(tile.path("fits"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = FitsOutput::<f32>::create(path, &Header::new(), &[WIDTH, WIDTH], false).unwrap();
        file.write_array(pixels.view().into_dyn()).unwrap();
        file.publish().unwrap();
    }
}

fn hips(order: u8) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    properties(folder.path(), order);
    tiles(folder.path(), order);
    folder
}

/// The same pixels as a map.
fn map(order: u8) -> Input<'static> {
    let grid = HealpixGrid::new((WIDTH as u64) << order, HealpixOrder::Nested).unwrap();
    let values = (0..grid.pixels()).map(|pixel| noise(pixel).into()).collect();
    Input::from_healpix(HealpixMap::new(values, grid, Frame::Galactic).unwrap()).unwrap()
}

fn target(projection: &str, [lon, lat]: [f64; 2], scale: f64) -> Wcs {
    let text = format!(
        "CTYPE1 = 'GLON-{projection}'\nCTYPE2 = 'GLAT-{projection}'\nCRVAL1 = {lon:?}\nCRVAL2 = {lat:?}\nCDELT1 = -{scale:?}\n\
         CDELT2 = {scale:?}\nCRPIX1 = 60.13\nCRPIX2 = 45.77\nNAXIS1 = 120\nNAXIS2 = 90"
    );
    Wcs::from_header(&Header::parse(&text).unwrap()).unwrap()
}

fn mosaic(input: Input<'_>, target: &Wcs, options: &Options) -> Result<Array2<f64>, Error> {
    let plan = Plan::new(&[input], target, &[90, 120], options)?;
    let [mut output, mut footprint] = [Array2::zeros((90, 120)), Array2::zeros((90, 120))];
    plan.run(output.view_mut(), footprint.view_mut())?;
    Ok(output)
}

#[test]
fn a_hips_has_the_pixels_of_a_healpix_map() {
    let folder = hips(1);
    let targets = [
        ("all sky", target("CAR", [0.0, 0.0], 3.01)),
        ("north pole", target("ZEA", [30.0, 90.0], 0.5)),
        ("south pole", target("ZEA", [200.0, -88.0], 0.5)),
        ("longitude 180", target("TAN", [180.0, -3.0], 0.4)),
        ("corner of three base cells", target("TAN", [45.0, 41.0], 0.3)),
    ];
    for (name, target) in targets {
        for resample in [Resample::Nearest, Resample::Bilinear, Resample::Lanczos3] {
            let options = Options::default().resample(resample).coordinate_error(CoordinateError::Exact);
            let wanted = mosaic(map(1), &target, &options).unwrap();
            let found = mosaic(Input::from_hips_order(folder.path(), 1).unwrap(), &target, &options).unwrap();
            assert!(wanted.iter().any(|value| !value.is_nan()));
            // The map holds f64 and the tiles f32, and so do the samples' sums; the values are the same.
            let pixel = worst(found.view().into_dyn(), wanted.view().into_dyn(), |_| false);
            println!("{name}, {resample:?}: {pixel}");
            assert!(
                pixel.relative <= if matches!(resample, Resample::Nearest) { 0.0 } else { 1e-6 },
                "{name}: {pixel}"
            );
        }
    }
}

#[test]
fn threads_and_memory_change_nothing() {
    let folder = hips(1);
    let target = target("ZEA", [30.0, 90.0], 0.5);
    let run = |threads: usize, limit: Option<u64>| {
        let threads = Parallel::Threads(threads.try_into().unwrap());
        let mut options = Options::default().parallel(threads).tile(32);
        options.memory_limit = limit;
        let found = mosaic(Input::from_hips_order(folder.path(), 1).unwrap(), &target, &options).unwrap();
        found.mapv(f64::to_bits)
    };
    let wanted = run(1, None);
    assert_eq!(run(3, None), wanted);
    assert_eq!(run(1, Some(3 << 20)), wanted);
}

#[test]
fn the_order_suits_the_target() {
    let folder = tempfile::tempdir().unwrap();
    properties(folder.path(), 2);
    (1..=2).for_each(|order| tiles(folder.path(), order));
    // Pixels of order 1 are 0.458°, those of order 2 half of that. Order 0 has no tiles.
    for (scale, order) in [(10.0, 1), (0.459, 1), (0.457, 2), (0.1, 2)] {
        let input = Input::from_hips(folder.path(), &target("TAN", [10.0, 10.0], scale)).unwrap();
        assert!(input.name().ends_with(&format!("order {order}")), "{scale}: {}", input.name());
    }
}

#[test]
fn missing_tiles_are_missing_sky() {
    let folder = hips(1);
    let lost = HipsTile::new(1, 17).unwrap();
    fs::remove_file(folder.path().join(lost.path("fits"))).unwrap();
    let target = target("CAR", [0.0, 0.0], 3.01);
    let options = Options::default().resample(Resample::Nearest).coordinate_error(CoordinateError::Exact);
    let whole = mosaic(map(1), &target, &options).unwrap();
    let found = mosaic(Input::from_hips_order(folder.path(), 1).unwrap(), &target, &options).unwrap();
    let mut missing = 0;
    for ((y, x), value) in found.indexed_iter() {
        let (mut lon, mut lat) = ([x as f64], [y as f64]);
        target.pixel_to_celestial(&mut lon, &mut lat);
        let is_lost = !lon[0].is_nan() && cdshealpix::nested::hash(1, lon[0].to_radians(), lat[0].to_radians()) == 17;
        missing += usize::from(is_lost);
        let wanted = if is_lost { f64::NAN } else { whole[[y, x]] };
        assert!(*value == wanted || value.is_nan() && wanted.is_nan(), "{x}, {y}: {value}, expected {wanted}");
    }
    assert!(missing > 50, "{missing}");
}

fn refused<T>(result: Result<T, Error>, words: &[&str]) {
    let message = match result {
        Ok(_) => panic!("expected an error"),
        Err(error) => error.to_string(),
    };
    words.iter().for_each(|word| assert!(message.contains(word), "{word:?} is not in {message}"));
}

#[test]
fn what_is_damaged_is_named() {
    let folder = hips(1);
    let target = target("CAR", [0.0, 0.0], 3.01);
    let path = folder.path().join(HipsTile::new(1, 17).unwrap().path("fits"));
    let good = fs::read(&path).unwrap();
    let run = || mosaic(Input::from_hips_order(folder.path(), 1).unwrap(), &target, &Options::default());
    fs::write(&path, &good[..good.len() - 2880]).unwrap();
    refused(run(), &["Norder1", "Npix17.fits", "truncated"]);
    fs::write(&path, b"<html>").unwrap();
    refused(run(), &["Npix17.fits"]);
    fs::remove_file(&path).unwrap();
    let file = FitsOutput::<f32>::create(&path, &Header::new(), &[32, 64], false).unwrap();
    file.publish().unwrap();
    refused(run(), &["Npix17.fits", "[32, 64]", "[64, 64]"]);

    let about = |text: &str| {
        fs::write(folder.path().join("properties"), text).unwrap();
        Input::from_hips(folder.path(), &target)
    };
    refused(about("hips_order = 1\nhips_tile_width = 64"), &["properties", "hips_frame"]);
    refused(about("hips_frame = galactic"), &["properties", "hips_order"]);
    refused(about("hips_frame = galactic\nhips_order = 30"), &["hips_order = 30"]);
    refused(about("hips_frame = galactic\nhips_order = 1\nhips_tile_width = 63"), &["hips_tile_width = 63"]);
    // Tiles of 64 pixels where 512 are expected.
    refused(about("hips_frame = galactic\nhips_order = 1"), &["Npix0.fits", "[64, 64]", "[512, 512]"]);
    properties(folder.path(), 1);
    refused(Input::from_hips_order(folder.path(), 3), &["no FITS tile of order 3"]);
    refused(Input::from_hips_order(folder.path(), 29), &["29"]);
    refused(Input::from_hips_order(folder.path(), 255), &["NSIDE"]);
    refused(Input::from_hips(folder.path().join("none"), &target), &["none", "properties"]);
}
