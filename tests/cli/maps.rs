//! HEALPix maps and HiPS, in and out.

use std::{fs, path::PathBuf};

use ndarray::Array2;
use skymosaic::{
    CoordinateError, Frame, Hdu, Header, HealpixGrid, HealpixInterpolation, HealpixMap, HealpixOrder, Input, Options,
    Parallel, Wcs, reproject_to_healpix,
};

use crate::Folder;

const SKY: &str = "CTYPE1 = 'GLON-CAR'\nCTYPE2 = 'GLAT-CAR'\nCRVAL1 = 0.0\nCRVAL2 = 0.0\nCDELT1 = -3.017\nCDELT2 = 3.017\n\
                   CRPIX1 = 60.13\nCRPIX2 = 29.77\nNAXIS1 = 120\nNAXIS2 = 59";

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/healpix").join(name)
}

fn bits(map: &HealpixMap) -> Vec<u64> {
    map.pixels().filter(|(_, value)| !value.is_nan()).flat_map(|(pixel, value)| [pixel, value.to_bits()]).collect()
}

#[test]
fn a_healpix_map_is_known_by_its_table() {
    let folder = Folder::new();
    fs::write(folder.path("sky.hdr"), SKY).unwrap();
    let target = Wcs::from_header(&Header::parse(SKY).unwrap()).unwrap();
    for (field, name) in [(0, "full.fits"), (1, "full.fits"), (0, "partial.fits"), (0, "full.fits.gz")] {
        let path = golden(name);
        folder.make(&format!(
            "mosaic --overwrite --resample nearest --coordinate-error exact --dtype f64 --target sky.hdr -o out.fits --healpix-field \
             {field} {}",
            path.display()
        ));
        let map = HealpixMap::read(&path, &Hdu::First, field).unwrap();
        let [mut wanted, mut footprint] = [Array2::<f64>::zeros((59, 120)), Array2::zeros((59, 120))];
        let nearest = HealpixInterpolation::Nearest;
        map.reproject(&target, nearest, Parallel::Serial, wanted.view_mut(), footprint.view_mut()).unwrap();
        let found = folder.pixels("out.fits");
        let differing =
            found.iter().zip(&wanted).filter(|(a, b)| a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan()));
        assert_eq!(differing.count(), 0, "{name}");
    }
}

#[test]
fn a_mosaic_becomes_a_healpix_map() {
    let folder = Folder::new();
    let options = Options::default().coordinate_error(CoordinateError::Exact);
    let wide = SKY.replace("3.017", "0.5").replace("CRVAL2 = 0.0", "CRVAL2 = 0.0\nBUNIT = 'Jy'");
    let pixels = ndarray::ArrayD::from_shape_fn(vec![59, 120], |at| (at[0] * 120 + at[1]) as f32);
    folder.write("wide.fits", &Header::parse(&wide).unwrap(), &pixels);
    let input = || Input::from_fits(folder.path("wide.fits"), &Hdu::First).unwrap();
    for (order, name) in [(HealpixOrder::Ring, "ring"), (HealpixOrder::Nested, "nested")] {
        let grid = HealpixGrid::new(64, order).unwrap();
        folder.make(&format!(
            "mosaic --overwrite --coordinate-error exact --dtype f64 --healpix-nside 64 --healpix-order {name} --healpix-frame galactic \
             --healpix-partial -o map.fits --footprint foot.fits wide.fits"
        ));
        let map = HealpixMap::read(folder.path("map.fits"), &Hdu::First, 0).unwrap();
        let foot = HealpixMap::read(folder.path("foot.fits"), &Hdu::First, 0).unwrap();
        let (wanted, cover, _) = reproject_to_healpix(&[input()], grid, &Frame::Galactic, &options).unwrap();
        assert_eq!((map.grid(), map.frame()), (grid, &Frame::Galactic));
        assert!(map.pixels().count() > 1000 && bits(&map) == bits(&wanted), "{name}");
        let covered: Vec<_> = cover.pixels().filter(|(_, covered)| *covered > 0.0).collect();
        assert!(foot.pixels().eq(covered), "{name}");
    }
    // The whole sky, in single precision.
    let grid = HealpixGrid::new(128, HealpixOrder::Ring).unwrap();
    let done = folder.make(
        "mosaic --coordinate-error exact --healpix-nside 128 -o whole.fits --footprint cover.fits --report r.json wide.fits",
    );
    assert!(done.stderr.contains("HEALPix map of NSIDE = 128"), "{}", done.stderr);
    let map = HealpixMap::read(folder.path("whole.fits"), &Hdu::First, 0).unwrap();
    let (wanted, cover, _) = reproject_to_healpix(&[input()], grid, &Frame::Icrs, &options).unwrap();
    assert_eq!(map.pixels().count() as u64, grid.pixels());
    for (pixel, value) in map.pixels() {
        let wanted = wanted.value(pixel);
        let close = (value - wanted).abs() <= 1e-6 * wanted.abs() || value.is_nan() && wanted.is_nan();
        assert!(close, "{pixel}: {value}, expected {wanted}");
    }
    let covered = HealpixMap::read(folder.path("cover.fits"), &Hdu::First, 0).unwrap();
    assert_eq!(bits(&covered), bits(&cover));
    let text = String::from_utf8_lossy(&fs::read(folder.path("whole.fits")).unwrap()).into_owned();
    for word in ["PIXTYPE = 'HEALPIX '", "BUNIT   = 'Jy", "NCOMBINE=", "TFORM1  = '1024E"] {
        assert!(text.contains(word), "{word}");
    }
    assert!(!text.contains("CTYPE1"));
}

#[test]
fn a_hips_is_an_input() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    folder.make("hips -o survey --format fits --tile-width 64 a.fits");
    let own = "mosaic --overwrite --target a.fits --footprint foot.fits -o";
    folder.make(&format!("{own} one.fits survey"));
    folder.make(&format!("{own} two.fits hips:survey"));
    fs::write(folder.path("list.txt"), "survey\n").unwrap();
    folder.make(&format!("{own} three.fits @list.txt"));
    let (image, found) = (folder.pixels("a.fits"), folder.pixels("one.fits"));
    for name in ["two.fits", "three.fits"] {
        assert!(folder.pixels(name).iter().zip(&found).all(|(a, b)| a.to_bits() == b.to_bits()), "{name}");
    }
    // Interpolated twice, a plane stays a plane, away from the edges.
    let mut worst = (0.0, [0; 2]);
    for y in 4..26 {
        for x in 4..36 {
            let off = (image[[y, x]] - found[[y, x]]).abs();
            worst = if off > worst.0 || off.is_nan() { (off, [y, x]) } else { worst };
        }
    }
    assert!(worst.0 < 0.05, "{worst:?}");
    // A HiPS needs a scale, damaged tiles are named.
    folder.refuse("mosaic -o new.fits survey", 1, &["survey", "--target"]);
    folder.refuse("header survey", 1, &["survey", "--target"]);
    folder.refuse("mosaic --target a.fits -o new.fits hips:nowhere", 1, &["nowhere", "properties"]);
    folder.refuse("mosaic --target a.fits --resample exact -o new.fits survey", 1, &["HiPS survey", "interpolates"]);
    folder.refuse("mosaic --target a.fits --weights a.fits -o new.fits survey", 2, &["HiPS survey", "--weights"]);
    let mut folders = vec![folder.path("survey")];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(inner).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "fits") {
                fs::write(path, b"SIMPLE  =                    F").unwrap();
            }
        }
    }
    folder.refuse("mosaic --target a.fits -o new.fits survey", 1, &["Npix"]);
}

#[test]
fn healpix_options_are_checked() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    let map = "mosaic -o new.fits";
    folder.refuse(&format!("{map} --healpix-nside 12 --healpix-order nested a.fits"), 2, &["NSIDE = 12"]);
    folder.refuse(&format!("{map} --healpix-nside 1073741824 a.fits"), 2, &["2^29"]);
    folder.refuse(&format!("{map} --healpix-nside 8 --target a.fits a.fits"), 2, &["--target"]);
    folder.refuse(&format!("{map} --healpix-nside 8 --count-out n.fits a.fits"), 2, &["--count-out"]);
    folder.refuse(&format!("{map} --healpix-order ring a.fits"), 2, &["--healpix-nside"]);
    let full = golden("full.fits");
    folder.refuse(&format!("{map} {}", full.display()), 1, &["full.fits", "--target"]);
    let other = format!("{map} --target a.fits --healpix-field 7 {}", full.display());
    folder.refuse(&other, 1, &["full.fits", "no column 7"]);
    let bytes = fs::read(&full).unwrap();
    fs::write(folder.path("short.fits"), &bytes[..bytes.len() / 2]).unwrap();
    folder.refuse(&format!("{map} --target a.fits short.fits"), 1, &["short.fits", "truncated"]);
}
