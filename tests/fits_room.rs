//! FITS and `.npy` files through the public API, against files and values that astropy wrote and read
//! (tests/golden/make_fits.py), and against files that are wrong in every way.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3, ArrayD, IxDyn, array};
use proptest::prelude::*;
use skymosaic::{Error, FitsImage, FitsOutput, Hdu, Header, MappedArray, PixelType, Value};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/fits").join(name)
}

/// Cards and data as a file has them: both filled up to blocks of 2880 bytes.
fn hdu(cards: &[&str], data: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = cards.iter().chain(&["END"]).flat_map(|card| format!("{card:<80}").into_bytes()).collect();
    bytes.resize(bytes.len().next_multiple_of(2880), b' ');
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(2880), 0);
    bytes
}

/// A 3 × 2 image of 16-bit integers 0..6.
fn small() -> Vec<u8> {
    let data: Vec<u8> = (0..6_i16).flat_map(i16::to_be_bytes).collect();
    hdu(&["SIMPLE  = T", "BITPIX  = 16", "NAXIS   = 2", "NAXIS1  = 3", "NAXIS2  = 2"], &data)
}

fn small_values() -> ArrayD<f64> {
    ArrayD::from_shape_fn(IxDyn(&[2, 3]), |index| (index[0] * 3 + index[1]) as f64)
}

const EMPTY_PRIMARY: [&str; 3] = ["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0"];

fn refused(bytes: &[u8], hdu: &Hdu) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.fits");
    fs::write(&path, bytes).unwrap();
    match FitsImage::open(&path, hdu).and_then(|image| image.read::<f64>()) {
        Ok(_) => panic!("a bad file was read"),
        Err(error) => error.to_string(),
    }
}

/// The pixel that differs most, so that a failure says where.
fn worst(name: &str, got: &ArrayD<f64>, expected: ndarray::ArrayViewD<'_, f64>) {
    assert_eq!(got.shape(), expected.shape(), "{name}");
    for (index, expected) in expected.indexed_iter() {
        let got = got[&index];
        let same = got == *expected || (got.is_nan() && expected.is_nan());
        assert!(same, "{name} at {index:?}: got {got:e}, astropy reads {expected:e}");
    }
}

#[test]
fn every_pixel_is_what_astropy_reads() {
    for (file, stem, count) in [
        ("plain.fits", "plain", 16),
        ("zipped.fits.gz", "zipped", 2),
        ("tiled.fits.fz", "tiled", 20),
        ("both.fits.gz", "both", 1),
    ] {
        let images = FitsImage::open_all(golden(file)).unwrap();
        assert_eq!(images.len(), count, "{file}");
        for image in images {
            let name = if image.name().is_empty() { "PRIMARY" } else { image.name() };
            let expected = MappedArray::<f64>::open(golden(&format!("{stem}.{name}.npy"))).unwrap();
            worst(&format!("{file} {name}"), &image.read::<f64>().unwrap(), expected.view());
            // In f32 the same values, rounded once.
            let rounded = image.read::<f32>().unwrap();
            for (got, expected) in rounded.iter().zip(expected.view()) {
                assert!(*got == *expected as f32 || (got.is_nan() && expected.is_nan()), "{name}: {got} {expected}");
            }
        }
    }
}

#[test]
fn compressed_headers_are_those_of_the_images() {
    let image = FitsImage::open(golden("tiled.fits.fz"), &"RICEU16".parse().unwrap()).unwrap();
    assert!(image.is_compressed());
    assert_eq!((image.shape(), image.pixel_type(), image.data_bytes()), (&[16, 20][..], PixelType::I16, 640));
    let header = image.header();
    assert_eq!(header.i64("NAXIS1").unwrap(), Some(20));
    assert_eq!(header.i64("BITPIX").unwrap(), Some(16));
    assert_eq!(header.f64("CRPIX1").unwrap(), Some(10.5));
    assert_eq!(header.f64("BZERO").unwrap(), Some(32768.0));
    for keyword in ["ZNAXIS", "ZIMAGE", "TTYPE1", "TFORM1", "TFIELDS", "ZCMPTYPE", "ZTILE1"] {
        assert_eq!(header.get(keyword), None, "{keyword}");
    }
    assert_eq!(header.all("NAXIS").count(), 1);
}

#[test]
fn hdus_by_number_name_and_version() {
    let path = golden("named.fits");
    let value =
        |hdu: &str| FitsImage::open(&path, &hdu.parse().unwrap()).map(|image| image.read::<f64>().unwrap()[[0, 0]]);
    for (hdu, expected) in [("1", 10.0), ("4", 21.0), ("SCI", 10.0), ("wht", 11.0), ("sci,2", 20.0), ("WHT, 2", 21.0)] {
        assert_eq!(value(hdu).unwrap(), expected, "{hdu}");
    }
    assert_eq!(FitsImage::open(&path, &Hdu::First).unwrap().number(), 1);
    assert_eq!(FitsImage::open_all(&path).unwrap().len(), 4);
    let message = value("9").unwrap_err().to_string();
    let expected = r#"named.fits: HDU 9: there is no such HDU; the images of the file are in HDU 1 "SCI" (3 × 2), 2 "WHT" (3 × 2), 3 "SCI" (3 × 2), 4 "WHT" (3 × 2)"#;
    assert!(message.ends_with(expected), "{message}");
    assert!(value("CATALOG").unwrap_err().to_string().contains("HDU CATALOG: is a table, not an image; the images"));
    assert!(value("0").unwrap_err().to_string().contains("HDU 0: holds no data (NAXIS = 0)"));
    assert!(value("PRIMARY").unwrap_err().to_string().contains("holds no data"));
    assert!(value("SCI,3").unwrap_err().to_string().contains("there is no such HDU"));
    assert!(" ".parse::<Hdu>().is_err());
    for hdu in ["3", "SCI,2"] {
        assert_eq!(hdu.parse::<Hdu>().unwrap().to_string(), hdu);
    }
}

#[test]
fn headers_as_astropy_writes_them() {
    let bytes = fs::read(golden("named.fits")).unwrap();
    let text: String = bytes.iter().take(2880).map(|&byte| char::from(byte)).collect();
    let header = Header::parse(&text).unwrap();
    let long = "A string that is much longer than one card can take, with 'quotes' in it, and so goes on ".repeat(2);
    assert_eq!(header.text("LONG").unwrap(), Some(long.trim_end()));
    assert_eq!(header.text("ESO DET CHIP1 NAME").unwrap(), Some("CCD-44"));
    assert_eq!(header.f64("HIERARCH ESO DET CHIP1 GAIN").unwrap(), Some(1.25));
    assert_eq!(header.get("HISTORY"), Some(&Value::Text("made for tests".to_owned())));
}

#[test]
fn a_path_is_a_path() {
    let dir = tempfile::tempdir().unwrap();
    let names = [
        "a[1].fits",
        "!x.fits",
        "a+1",
        "x(1).fits",
        "-",
        "stdin:",
        "mem:",
        "a b .fits",
        "Ω Aquarii.fits",
        "a.fits[1:2,*]",
        "#",
        "x.gz",
        "@list",
        "file:",
        "%20.fits",
    ];
    let zipped = fs::read(golden("zipped.fits.gz")).unwrap();
    let tiled = fs::read(golden("tiled.fits.fz")).unwrap();
    for name in names {
        let path = dir.path().join(name);
        fs::write(&path, small()).unwrap();
        worst(name, &FitsImage::open(&path, &Hdu::First).unwrap().read().unwrap(), small_values().view());
        fs::write(&path, &zipped).unwrap();
        assert_eq!(FitsImage::open(&path, &Hdu::First).unwrap().read::<f64>().unwrap().shape(), [16, 20], "{name}");
        fs::write(&path, &tiled).unwrap();
        assert_eq!(FitsImage::open(&path, &Hdu::First).unwrap().read::<f64>().unwrap().shape(), [16, 20], "{name}");
        let output = FitsOutput::<f32>::create(&path, &Header::new(), &[1, 2], true).unwrap();
        output.publish().unwrap();
        assert_eq!(FitsImage::open(&path, &Hdu::First).unwrap().shape(), [1, 2], "{name}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), names.len());
    // A name that is no UTF-8.
    use std::os::unix::ffi::OsStrExt;
    let path = dir.path().join(std::ffi::OsStr::from_bytes(b"\xff.fits"));
    fs::write(&path, small()).unwrap();
    assert!(FitsImage::open(&path, &Hdu::First).is_ok());
    // Relative: the current folder is the manifest's.
    assert!(FitsImage::open("tests/golden/fits/named.fits", &Hdu::First).is_ok());
    let link = dir.path().join("link.fits");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(FitsImage::open(&link, &Hdu::First).is_ok());
}

#[test]
fn files_that_are_not_fits() {
    let dir = tempfile::tempdir().unwrap();
    let missing = FitsImage::open(dir.path().join("missing.fits"), &Hdu::First).unwrap_err();
    assert!(matches!(missing, Error::Io { .. }), "{missing}");
    assert!(missing.to_string().contains("missing.fits: cannot open"), "{missing}");
    let folder = FitsImage::open(dir.path(), &Hdu::First).unwrap_err();
    assert!(folder.to_string().contains("is a folder"), "{folder}");
    assert!(FitsImage::open("/dev/null", &Hdu::First).unwrap_err().to_string().contains("not a regular file"));

    for (bytes, expected) in [
        (&b""[..], "the file is empty"),
        (b"hello", "not a FITS file"),
        (b"BZh91AY", "unpack it first"),
        (b"\x1f\x9d\x90", "unpack it first"),
        (b"\x1f\x8b\x08\x00", "gzip file is truncated or corrupt"),
        (b"SIMPLE  = ", "truncated within the header"),
        (&small()[..2000], "HDU 0: the file is truncated"),
        (&small()[..300], "truncated within the header"),
        (&vec![b'x'; 10_000], "not a FITS file"),
        (
            &small()[..2880 + 11],
            "HDU 0: the file is truncated: the header says that the data ends at byte 2892, the file has 2891",
        ),
    ] {
        let message = refused(bytes, &Hdu::First);
        assert!(message.contains(expected), "{expected}: {message}");
    }
    // Only the padding is missing: nothing is lost.
    let path = dir.path().join("unpadded.fits");
    fs::write(&path, &small()[..2880 + 12]).unwrap();
    worst("unpadded", &FitsImage::open(&path, &Hdu::First).unwrap().read().unwrap(), small_values().view());
    // A gzip file that ends early, and one that is damaged.
    let zipped = fs::read(golden("zipped.fits.gz")).unwrap();
    assert!(refused(&zipped[..zipped.len() / 2], &Hdu::Name("SECOND".into())).contains("gzip file is truncated"));
    let mut damaged = zipped.clone();
    damaged[900] ^= 0xff;
    assert!(refused(&damaged, &Hdu::Name("SECOND".into())).contains("corrupt"));
    // A tile-compressed one.
    let tiled = fs::read(golden("tiled.fits.fz")).unwrap();
    assert!(refused(&tiled[..2880 * 2 + 100], &Hdu::First).contains("truncated"));
}

#[test]
fn headers_that_contradict_themselves() {
    let with = |cards: &[&str]| refused(&hdu(&[&["SIMPLE  = T"], cards].concat(), &[0; 64]), &Hdu::Number(0));
    for (cards, expected) in [
        (&["BITPIX  = 12", "NAXIS   = 0"][..], "BITPIX = 12: expected 8, 16, 32, 64, -32 or -64"),
        (&["NAXIS   = 0"], "BITPIX is missing"),
        (&["BITPIX  = '8'", "NAXIS   = 0"], "expected a whole number"),
        (&["BITPIX  = 8"], "NAXIS is missing"),
        (&["BITPIX  = 8", "NAXIS   = 0"], "holds no data (NAXIS = 0)"),
        (&["BITPIX  = 8", "NAXIS   = -1"], "NAXIS = -1: expected 0 or more"),
        (&["BITPIX  = 8", "NAXIS   = 1000"], "expected at most 999"),
        (&["BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 3"], "NAXIS2 is missing"),
        (&["BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 3", "NAXIS2  = -3"], "NAXIS2 = -3"),
        (&["BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 3", "NAXIS2  = 0"], "holds no pixels (NAXIS2 = 0)"),
        (&["BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 3"], "an image has at least 2"),
        (&["BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 9000000000000000", "NAXIS2  = 9000000000000000"], "absurd"),
        (&["BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 99999999999999999999", "NAXIS2  = 1"], "expected a whole number"),
        (&["BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 1000000", "NAXIS2  = 1000000"], "truncated"),
        (&["BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 2", "NAXIS2  = 2", "BSCALE  = 'x'"], "BSCALE"),
        (&["BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 2", "NAXIS2  = 2", "BSCALE  = 0.0"], "BSCALE = 0"),
        (
            &["BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 0", "NAXIS2  = 2", "GROUPS  = T", "PCOUNT  = 1", "GCOUNT  = 2"],
            "random groups",
        ),
    ] {
        let message = with(cards);
        assert!(message.contains(expected) && message.contains("HDU 0"), "{expected}: {message}");
    }
    assert!(refused(&hdu(&EMPTY_PRIMARY, &[]), &Hdu::First).contains("the file has no image"));
    // No END card in the whole file.
    let endless: Vec<u8> = format!("{:<80}", "SIMPLE  = T").into_bytes().into_iter().chain(vec![b' '; 2800]).collect();
    assert!(refused(&endless, &Hdu::First).contains("no END card"));
}

#[test]
fn the_image_may_be_in_an_extension_and_junk_may_follow() {
    let extension =
        ["XTENSION= 'IMAGE'", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 2", "NAXIS2  = 1", "PCOUNT  = 0", "GCOUNT  = 1"];
    let other = ["XTENSION= 'FOREIGN'", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 5000", "PCOUNT  = 0", "GCOUNT  = 1"];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("extension.fits");
    let bytes =
        [hdu(&EMPTY_PRIMARY, &[]), hdu(&other, &[0; 5000]), hdu(&extension, &[3, 4]), vec![b'?'; 2880]].concat();
    fs::write(&path, &bytes).unwrap();
    let image = FitsImage::open(&path, &Hdu::First).unwrap();
    assert_eq!((image.number(), image.shape()), (2, &[1, 2][..]));
    assert_eq!(image.read::<f32>().unwrap().into_raw_vec_and_offset().0, [3.0, 4.0]);
    assert_eq!(FitsImage::open_all(&path).unwrap().len(), 1);
    assert!(refused(&bytes, &Hdu::Number(1)).contains("extension of type FOREIGN"));
}

#[test]
fn a_file_that_changes_after_it_was_opened_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("changing.fits");
    fs::write(&path, small()).unwrap();
    let image = FitsImage::open(&path, &Hdu::First).unwrap();
    fs::write(&path, &small()[..2880]).unwrap();
    assert!(image.read::<f32>().unwrap_err().to_string().contains("has changed"));
}

#[test]
fn an_output_is_read_back_and_appears_only_when_finished() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mosaic.fits");
    let mut header =
        Header::parse("CTYPE1  = 'RA---TAN'\nNAXIS   = 7\nNAXIS1  = 99\nBSCALE  = 2.0\nBITPIX  = 8\nEXTNAME = 'X'")
            .unwrap();
    header.push_history("made by a test");
    let footprint = array![[0.5_f64, 1.0], [f64::NAN, 2.0]];
    let mut output = FitsOutput::<f32>::create(&path, &header, &[2, 3, 4], false).unwrap();
    let mut pixels = Array3::from_shape_fn((2, 3, 4), |(plane, y, x)| (100 * plane + 10 * y + x) as f32);
    pixels[[1, 2, 3]] = f32::NAN;
    output.write_array(pixels.view()).unwrap();
    output.append_image("FOOTPRINT", &header, footprint.view().into_dyn()).unwrap();
    assert!(!path.exists());
    output.publish().unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(fs::metadata(&path).unwrap().len() % 2880, 0);

    let images = FitsImage::open_all(&path).unwrap();
    assert_eq!(images.len(), 2);
    let cube = images[0].read::<f32>().unwrap();
    assert_eq!((cube.shape(), cube[[1, 1, 3]], cube[[1, 2, 2]]), (&[2, 3, 4][..], 113.0, 122.0));
    assert!(cube[[1, 2, 3]].is_nan());
    assert_eq!(images[0].header().text("CTYPE1").unwrap(), Some("RA---TAN"));
    assert_eq!(images[0].header().get("BSCALE"), None);
    assert_eq!(images[0].header().all("NAXIS").count(), 1);
    assert_eq!((images[1].name(), images[1].header().all("EXTNAME").count()), ("FOOTPRINT", 1));
    worst("footprint", &images[1].read().unwrap(), footprint.view().into_dyn());
}

#[test]
fn an_existing_output_is_kept_unless_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mosaic.fits");
    fs::write(&path, "precious").unwrap();
    let create = |path: &Path, overwrite| FitsOutput::<f64>::create(path, &Header::new(), &[2, 2], overwrite);
    let error = create(&path, false).unwrap_err();
    assert!(matches!(error, Error::Output { .. }) && error.to_string().contains("exists already"), "{error}");
    drop(create(&path, true).unwrap());
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    // It appears while ours is being written.
    let other = dir.path().join("other.fits");
    let output = create(&other, false).unwrap();
    fs::write(&other, "precious").unwrap();
    assert!(matches!(output.publish(), Err(Error::Output { .. })));
    assert_eq!(fs::read(&other).unwrap(), b"precious");
    // Through a symbolic link, which stays one.
    let link = dir.path().join("link.fits");
    std::os::unix::fs::symlink("mosaic.fits", &link).unwrap();
    create(&link, true).unwrap().publish().unwrap();
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(FitsImage::open(&path, &Hdu::First).unwrap().shape(), [2, 2]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn outputs_that_cannot_be() {
    let dir = tempfile::tempdir().unwrap();
    let create =
        |path: &Path, shape: &[usize]| FitsOutput::<f64>::create(path, &Header::new(), shape, false).unwrap_err();
    let path = dir.path().join("mosaic.fits");
    assert!(matches!(create(&path, &[]), Error::Shape { .. }));
    assert!(matches!(create(&path, &[2, 0]), Error::Shape { .. }));
    assert!(matches!(create(&path, &[usize::MAX, 2]), Error::Shape { .. }));
    assert!(matches!(create(&path, &[1 << 28, 1 << 28]), Error::DiskFull { .. }));
    assert!(matches!(create(&dir.path().join("no/folder.fits"), &[2, 2]), Error::Io { .. }));
    assert!(matches!(create(dir.path(), &[2, 2]), Error::Output { .. }));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn npy_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a [1].npy");
    let mut array = MappedArray::<f32>::create(&path, &[3, 4], false).unwrap();
    array.view_mut().unwrap()[[2, 3]] = 7.0;
    array.flush().unwrap();
    assert!(matches!(MappedArray::<f32>::create(&path, &[3, 4], false), Err(Error::Output { .. })));
    // Overwriting does not disturb who has the old one.
    MappedArray::<f64>::create(&path, &[5], true).unwrap();
    assert_eq!(array.view()[[2, 3]], 7.0);
    let mut again = MappedArray::<f64>::open_mut(&path).unwrap();
    assert_eq!(again.shape(), [5]);
    again.view_mut().unwrap()[[4]] = 1.0;
    drop(again);
    let mut reading = MappedArray::<f64>::open(&path).unwrap();
    assert_eq!(reading.view().as_slice().unwrap(), [0.0, 0.0, 0.0, 0.0, 1.0]);
    assert!(reading.view_mut().unwrap_err().to_string().contains("open_mut"));
    drop(reading);
    assert!(MappedArray::<f32>::open(&path).unwrap_err().to_string().contains(r#"holds "<f8", expected "<f4""#));
    for shape in [&[][..], &[0, 3], &[1, 2, 3, 4, 5]] {
        let path = dir.path().join("shape.npy");
        MappedArray::<i16>::create(&path, shape, true).unwrap();
        assert_eq!(MappedArray::<i16>::open(&path).unwrap().view().shape(), shape);
    }
    assert!(matches!(MappedArray::<f64>::create(&path, &[1 << 55], true), Err(Error::DiskFull { .. })));
    for shape in [&[usize::MAX, 8][..], &[0, usize::MAX, 8], &[1; 65]] {
        assert!(matches!(MappedArray::<f64>::create(&path, shape, true), Err(Error::Shape { .. })), "{shape:?}");
    }
}

#[test]
fn npy_files_are_locked() {
    let dir = tempfile::tempdir().unwrap();
    let [path, another] = ["a.npy", "another name"].map(|name| dir.path().join(name));
    let open = |path: &Path| MappedArray::<f32>::open(path);
    let open_mut = |path: &Path| MappedArray::<f32>::open_mut(path);
    let created = MappedArray::<f32>::create(&path, &[4], false).unwrap();
    fs::hard_link(&path, &another).unwrap();
    let is_refused = |array: Result<MappedArray<f32>, Error>, path: &Path| {
        let error = array.unwrap_err();
        assert!(matches!(&error, Error::InUse { path: named, .. } if named == path), "{error:?}");
        assert!(error.to_string().contains("drop that one first"), "{error}");
    };
    // One writes.
    for path in [&path, &another] {
        is_refused(open(path), path);
        is_refused(open_mut(path), path);
    }
    drop(created);
    // Several read.
    let readers = [&path, &another].map(|path| open(path).unwrap());
    is_refused(open_mut(&path), &path);
    // Whoever does not ask for the lock can read.
    assert_eq!(fs::read(&path).unwrap().len(), 128 + 16);
    // What replaces the file is another one.
    let replacing = MappedArray::<f32>::create(&path, &[4], true).unwrap();
    is_refused(open(&path), &path);
    is_refused(open_mut(&another), &another);
    drop(readers);
    open_mut(&another).unwrap();
    drop(replacing);
    // A file that turns out to be wrong is not in use.
    assert!(matches!(MappedArray::<f64>::open_mut(&path), Err(Error::Npy { .. })));
    open_mut(&path).unwrap();
}

#[test]
fn npy_files_that_are_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.npy");
    let npy = |version: u8, dictionary: &str, data: usize| {
        let mut bytes = [b"\x93NUMPY", &[version, 0, 118, 0][..]].concat();
        bytes.extend(format!("{dictionary:<117}\n").into_bytes());
        bytes.extend(vec![0; data]);
        bytes
    };
    let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
    fs::write(&path, npy(1, good, 24)).unwrap();
    assert_eq!(MappedArray::<f32>::open(&path).unwrap().shape(), [2, 3]);
    for (bytes, expected) in [
        (npy(1, good, 23), "truncated"),
        (npy(1, good, 0)[..60].to_vec(), "truncated"),
        (b"\x93NUM".to_vec(), "not a .npy"),
        (vec![], "not a .npy"),
        (npy(9, good, 24), "version 9"),
        (npy(1, &good.replace('<', ">"), 24), r#"">f4""#),
        (npy(1, &good.replace("f4", "f8"), 48), r#""<f8""#),
        (npy(1, &good.replace("False", "None"), 24), "in which order"),
        (npy(1, &good.replace("(2, 3)", "(2, -3)"), 24), "no shape"),
        (npy(1, &good.replace("(2, 3)", "(99999999999, 99999999999)"), 24), "truncated"),
        (npy(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3), }", 24), "structured"),
        (npy(1, "nothing", 24), "structured or unknown"),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = MappedArray::<f32>::open(&path).unwrap_err();
        assert!(matches!(error, Error::Npy { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains(expected), "{expected}: {message}");
    }
    // Columns first is as good.
    let mut bytes = npy(1, &good.replace("False", "True"), 0);
    bytes.extend((0..6).flat_map(|k| (k as f32).to_le_bytes()));
    fs::write(&path, bytes).unwrap();
    assert_eq!(MappedArray::<f32>::open(&path).unwrap().view()[[0, 1]], 2.0);
    assert!(MappedArray::<f32>::open(dir.path()).is_err());
}

#[test]
fn threads_decode_at_the_same_time() {
    let expected = MappedArray::<f64>::open(golden("tiled.DITHER1.npy")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let image = FitsImage::open(golden("tiled.fits.fz"), &"DITHER1".parse().unwrap()).unwrap();
                    worst("DITHER1", &image.read().unwrap(), expected.view());
                }
            });
        }
    });
}

fn read_all(bytes: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mutated.fits");
    fs::write(&path, bytes).unwrap();
    if let Ok(images) = FitsImage::open_all(&path) {
        for image in images {
            // A header may promise more than is worth allocating here.
            if image.data_bytes() < 1 << 24 {
                let _ = image.read::<f32>();
            }
            let _ = image.header().to_string();
        }
    }
    let _ = FitsImage::open(&path, &Hdu::Name("SCI,2".to_owned()));
}

proptest! {
    #[test]
    fn no_damage_to_a_file_panics(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        length in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        for name in ["named.fits", "zipped.fits.gz"] {
            let mut bytes = fs::read(golden(name)).unwrap();
            for (at, byte) in &damage {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if cut {
                bytes.truncate(length.index(bytes.len()));
            }
            read_all(&bytes);
        }
    }

    #[test]
    fn no_damage_to_a_header_panics(
        card in 0_usize..8, column in 8_usize..80, byte in prop::sample::select(&b"0123456789-+.E' T/\xff"[..]), hdu in 0_usize..3,
    ) {
        let mut bytes = fs::read(golden("named.fits")).unwrap();
        bytes[hdu * 5760 + card * 80 + column] = byte;
        read_all(&bytes);
    }
}

/// Where the data of the tables of a file begins and ends.
fn data_spans(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let blocks = || bytes.chunks(2880).enumerate();
    let begins =
        |name: &'static str| move |(at, block): (usize, &[u8])| block.starts_with(name.as_bytes()).then_some(at * 2880);
    let headers: Vec<usize> = blocks().filter_map(begins("XTENSION")).chain([bytes.len()]).collect();
    let ends = |block: &[u8]| block.chunks(80).any(|card| card.trim_ascii_end() == b"END");
    let span = |pair: &[usize]| {
        let last = blocks().find(|(at, block)| at * 2880 >= pair[0] && ends(block)).unwrap().0;
        (last + 1) * 2880..pair[1]
    };
    headers.windows(2).map(span).collect()
}

proptest! {
    // cfitsio writes outside its memory for damaged HCOMPRESS and PLIO tiles, if it gets to see them.
    #[test]
    fn no_damage_to_tiles_does_harm(
        damage in proptest::collection::vec((0_usize..1000, any::<u8>()), 1..5),
        cards in proptest::collection::vec((0_usize..32, 10_usize..30, prop::sample::select(&b"0129 -'TPQBIJ"[..])), 0..3),
        hdu in 0_usize..20,
    ) {
        let mut bytes = fs::read(golden("tiled.fits.fz")).unwrap();
        let span = data_spans(&bytes)[hdu].clone();
        for (card, column, byte) in cards {
            bytes[span.start - 2880 + card * 80 + column] = byte;
        }
        for (at, byte) in damage {
            bytes[span.start + at] = byte;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("damaged.fits");
        fs::write(&path, &bytes).unwrap();
        if let Ok(image) = FitsImage::open(&path, &Hdu::Number(hdu + 1))
            && image.data_bytes() < 1 << 22
        {
            let _ = image.read::<f32>();
        }
    }
}

#[test]
fn arrays_of_any_strides_are_written_and_others_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.fits");
    let mut output = FitsOutput::<f64>::create(&path, &Header::new(), &[400, 500], false).unwrap();
    let pixels = Array2::from_shape_fn((500, 400), |(x, y)| (1000 * y + x) as f64);
    let error = output.write_array(pixels.view()).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
    output.write_array(pixels.t()).unwrap();
    output.publish().unwrap();
    worst("x", &FitsImage::open(&path, &Hdu::First).unwrap().read().unwrap(), pixels.t().into_dyn());
}
