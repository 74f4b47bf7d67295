//! What every input, however hostile, has to pass through without a panic: shared by the fuzz targets and by tests/fuzz.rs.

use std::{fs, path::Path};

use ndarray::Array2;
use skymosaic::{
    Adaptive, Combine, CoordGrid, CoordinateError, Drizzle, Error, FitsImage, Flux, Hdu, Header, Input, LookupTables,
    Missing, OptimalOptions, Options, Parallel, PixelMap, Resample, Wcs, WcsMap, WcsOptions, Window,
    find_optimal_celestial_wcs, reproject_and_coadd,
};

/// Every table that a header asks for: a small one, described by the header itself.
struct Tables<'h>(&'h Header);

impl LookupTables for Tables<'_> {
    fn table(&self, _: &str, _: i64) -> Result<(Header, Array2<f64>), Error> {
        Ok((self.0.clone(), Array2::from_shape_fn((3, 4), |(y, x)| 0.3 * x as f64 - 0.1 * y as f64)))
    }
}

const KERNELS: [fn() -> Resample; 10] = [
    || Resample::Nearest,
    || Resample::Bilinear,
    || Resample::Biquadratic,
    || Resample::Bicubic,
    || Resample::Cubic,
    || Resample::Lanczos3,
    || Resample::Lanczos5,
    || Resample::Exact,
    || Resample::Drizzle(Drizzle::default()),
    || Resample::Adaptive(Adaptive::default()),
];

/// A header, in a text whose first byte chooses how it is used: read, mapped both ways, written back, planned and mosaicked.
pub(crate) fn wcs(data: &[u8]) {
    let Some((&how, text)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let Ok(header) = Header::parse(&text) else { return };
    let again = Header::parse(&header.to_string()).expect("a header that was written is read");
    assert_eq!(again, header);
    let tables = Tables(&header);
    let mut options = WcsOptions::default().tables(&tables);
    options.alternative = (how & 1 == 1).then_some('A');
    let Ok(wcs) = Wcs::from_header_with(&header, &options) else { return };
    let values = [0.0, -0.5, 10.0, 89.9999, 90.0, -90.0, 180.0, 359.0, 1e5, -1e9, 1e300, f64::INFINITY, f64::NAN];
    let mut xs: Vec<f64> = values.iter().flat_map(|x| values.map(|_| *x)).collect();
    let mut ys: Vec<f64> = values.iter().flat_map(|_| values).collect();
    wcs.pixel_to_celestial(&mut xs, &mut ys);
    let defined = |xs: &[f64], ys: &[f64]| {
        xs.iter().zip(ys).all(|(lon, lat)| {
            lon.is_nan() && lat.is_nan() || (0.0..360.0).contains(lon) && (-90.0..=90.0).contains(lat)
        })
    };
    assert!(defined(&xs, &ys), "not on the sky: {xs:?} {ys:?}");
    wcs.celestial_to_pixel(&mut xs, &mut ys);
    let mut xs: Vec<f64> = values.iter().flat_map(|x| values.map(|_| *x)).collect();
    let mut ys: Vec<f64> = values.iter().flat_map(|_| values).collect();
    wcs.celestial_to_pixel(&mut xs, &mut ys);
    let _ = Wcs::from_header_with(&wcs.to_header(), &options);
    let _ = find_optimal_celestial_wcs(&[(wcs.clone(), [9, 11])], &OptimalOptions::default());

    let other = Header::parse(
        "CTYPE1 = 'RA---CAR'\nCTYPE2 = 'DEC--CAR'\nCRPIX1 = 12.5\nCRPIX2 = 6.5\nCDELT1 = -15\nCDELT2 = 15\nCRVAL1 = 0\nCRVAL2 = 0",
    )
    .and_then(|header| Wcs::from_header(&header))
    .expect("the whole sky");
    let (input, target) = if how & 2 == 0 { (wcs, other) } else { (other, wcs) };
    if let Ok(map) = WcsMap::new(&target, &input) {
        let window = Window { x0: 0, y0: 0, nx: 24, ny: 12 };
        let grid = CoordGrid::new(&map, window, 0, CoordinateError::default(), [9, 11], 2.0);
        let (mut xs, mut ys) = ([0.0; 24], [0.0; 24]);
        grid.row(0.0, 5.0, &mut xs, &mut ys);
        map.to_input(&mut xs, &mut ys);
    }
    let image = Array2::from_shape_fn((9, 11), |(y, x)| if x == y { f32::NAN } else { (x + y) as f32 });
    let mut options = mosaic_options(how >> 2);
    if how & 128 != 0 {
        options = options.coordinate_error(CoordinateError::Exact);
    }
    let (mut output, mut footprint) = (Array2::<f32>::zeros((12, 24)), Array2::<f32>::zeros((12, 24)));
    let inputs = [Input::from_array(image.view(), input)];
    let _ = reproject_and_coadd(&inputs, &target, output.view_mut(), footprint.view_mut(), &options);
}

fn mosaic_options(how: u8) -> Options {
    let kernel = KERNELS[usize::from(how) % KERNELS.len()]();
    let options = Options::default().resample(kernel).parallel(Parallel::Serial).tile(16);
    match how % 3 {
        0 => options,
        1 => options.flux(Flux::Conserve).combine(Combine::Median),
        _ => options.antialias(true).missing(Missing::Renormalize { min_weight: 0.5 }),
    }
}

/// A file: its images read, and mosaicked if they are small.
pub(crate) fn fits(data: &[u8], dir: &Path) {
    let path = dir.join("image.fits");
    fs::write(&path, data).expect("room for a small file");
    let name: Hdu = "SCI,2".parse().expect("a name");
    for hdu in [Hdu::First, Hdu::Number(1), name] {
        let _ = FitsImage::open(&path, &hdu);
    }
    let target = Header::parse(
        "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 8\nCRPIX2 = 8\nCDELT1 = -0.1\nCDELT2 = 0.1\nCRVAL1 = 10\nCRVAL2 = 20",
    )
    .and_then(|header| Wcs::from_header(&header))
    .expect("a target");
    let Ok(images) = FitsImage::open_all(&path) else { return };
    for image in images.into_iter().take(8) {
        let header = image.header();
        assert_eq!(
            Header::parse(&header.to_string()).as_ref().ok(),
            Some(header),
            "a header is written as it was read"
        );
        // A header may promise more than is worth allocating here.
        if image.data_bytes() > 1 << 22 {
            continue;
        }
        let _ = image.read::<f32>();
        let wcs = image.wcs(None).unwrap_or_else(|_| target.clone());
        let input = Input::from_image(image, wcs);
        let shape = [&input.shape()[..input.shape().len().saturating_sub(2)], &[15, 15]].concat();
        if shape.iter().product::<usize>() > 1 << 16 {
            continue;
        }
        let mut output = ndarray::ArrayD::<f64>::zeros(shape);
        let mut footprint = output.clone();
        let options = mosaic_options(data.len() as u8);
        let _ = reproject_and_coadd(&[input], &target, output.view_mut(), footprint.view_mut(), &options);
    }
}
