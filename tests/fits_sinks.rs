//! FITS files, statistics and previews as sinks of a run.

mod common;

use std::{fs, num::NonZeroUsize, path::Path};

use common::{
    field::tan,
    sinks::{Bits, COMBINATIONS, arrays, plan, shape},
};
use ndarray::{Array2, ArrayD, IxDyn};
use skymosaic::{
    Error, FitsElement, FitsOutput, Header, Input, IntegerPlane, Intermediate, Options, Parallel, Pixel, Plan,
    Resample, Sinks, Statistics, ValuePlane, Window,
};

/// A FITS file as anybody would write it.
fn naive(bitpix: i64, shape: &[usize], cards: &[&str], numbers: &[u64]) -> Vec<u8> {
    let mut head = vec![
        format!("{:<9}{:>21} / conforms to FITS standard", "SIMPLE  =", "T"),
        format!("{:<9}{bitpix:>21} / bits per pixel, negative: floating point", "BITPIX  ="),
        format!("{:<9}{:>21} / number of axes", "NAXIS   =", shape.len()),
    ];
    for (axis, length) in (1..).zip(shape.iter().rev()) {
        head.push(format!("{:<9}{length:>21}", format!("NAXIS{axis:<3}=")));
    }
    head.push(format!("{:<9}{:>21} / there may be extensions", "EXTEND  =", "T"));
    head.extend(cards.iter().map(|card| card.to_string()));
    head.push("END".to_owned());
    let mut bytes: Vec<u8> = head.iter().flat_map(|card| format!("{card:<80}").into_bytes()).collect();
    bytes.resize(bytes.len().next_multiple_of(2880), b' ');
    for bits in numbers {
        match bitpix {
            -64 => bytes.extend(bits.to_be_bytes()),
            -32 => bytes.extend((f64::from_bits(*bits) as f32).to_be_bytes()),
            _ => bytes.extend((*bits as i32).to_be_bytes()),
        }
    }
    bytes.resize(bytes.len().next_multiple_of(2880), 0);
    bytes
}

const CARD: &str = "OBJECT  = 'a test  '";

/// Has a run write all planes into files at once, and compares them with those of the naive writer.
fn check<T: Pixel + FitsElement>(plan: &Plan<'_>, window: Window, wanted: &Bits) {
    let dir = tempfile::tempdir().unwrap();
    let header = Header::parse(CARD).unwrap();
    let mut shape = plan.shape().to_vec();
    let n = shape.len();
    (shape[n - 2], shape[n - 1]) = (window.ny, window.nx);
    let words: Vec<usize> = [plan.inputs().len().div_ceil(32)].into_iter().chain(shape.iter().copied()).collect();
    let path = |name: &str| dir.path().join(name);
    let values = |name, plane| FitsOutput::<T>::create(path(name), &header, &shape, false).unwrap().plane(plane);
    let integers = |name, shape: &[usize], plane| {
        FitsOutput::<i32>::create(path(name), &header, shape, false).unwrap().plane(plane)
    };
    let mut files = [
        values("mosaic", ValuePlane::Mosaic),
        values("footprint", ValuePlane::Footprint),
        values("variance", ValuePlane::Variance),
    ];
    let mut others = [
        integers("mask", &shape, IntegerPlane::Mask),
        integers("count", &shape, IntegerPlane::Count),
        integers("context", &words, IntegerPlane::Context),
    ];
    let mut sinks = Sinks::<T>::new();
    files.iter_mut().for_each(|file| sinks.add(file));
    others.iter_mut().for_each(|file| sinks.add(file));
    plan.run_window_to(window, &mut sinks).unwrap();
    drop(sinks);
    assert_eq!(fs::read_dir(dir.path()).unwrap().filter(|file| is_named(&file.as_ref().unwrap().path())).count(), 0);
    files.into_iter().for_each(|file| file.publish().unwrap());
    others.into_iter().for_each(|file| file.publish().unwrap());
    for (name, numbers) in wanted {
        let (bitpix, shape) = match *name {
            "mask" | "count" => (32, &shape),
            "context" => (32, &words),
            _ => (T::BITPIX, &shape),
        };
        let same = fs::read(path(name)).unwrap() == naive(bitpix, shape, &[CARD], numbers);
        assert!(same, "{name} of {shape:?}, {:?}", plan.options());
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 6, "nothing else is left");
}

fn is_named(path: &Path) -> bool {
    path.extension().is_none_or(|extension| extension != "part")
}

fn threads(n: usize) -> Parallel {
    Parallel::Threads(NonZeroUsize::new(n).unwrap())
}

const WHOLE: Window = Window::new(0, 0, 300, 200);

#[test]
fn files_have_the_bytes_of_a_naive_writer() {
    for combine in COMBINATIONS {
        for blank in [f64::NAN, 0.0, -0.0, 7.5] {
            let options = Options::default().combine(combine).blank(blank);
            let wanted = arrays::<f32>(&plan(1, &options), WHOLE);
            let doubles = arrays::<f64>(&plan(1, &options), WHOLE);
            for (tile, n) in [(16, 8), (50, 3), (256, 2), (4096, 1)] {
                let options = options.clone().tile(tile).parallel(threads(n));
                check::<f32>(&plan(1, &options), WHOLE, &wanted);
                let options = options.intermediate(Intermediate::Memory);
                check::<f64>(&plan(1, &options), WHOLE, &doubles);
            }
            // So little that strips are single tiles, and those are cut.
            let tight = options.clone().tile(256).parallel(threads(2)).memory_limit(5 << 20);
            check::<f32>(&plan(1, &tight), WHOLE, &wanted);
        }
    }
}

#[test]
fn cubes_and_windows_have_the_bytes_of_a_naive_writer() {
    for (planes, window) in
        [(3, WHOLE), (11, WHOLE), (1, Window::new(31, 17, 201, 97)), (9, Window::new(0, 60, 300, 70))]
    {
        let options = Options::default().blank(0.0).tile(32).parallel(threads(4));
        let wanted = arrays::<f32>(&plan(planes, &options), window);
        check::<f32>(&plan(planes, &options), window, &wanted);
        check::<f32>(&plan(planes, &options.memory_limit(20 << 20)), window, &wanted);
    }
}

#[test]
fn windows_fill_a_file_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::default().blank(0.0).tile(64);
    let plan = plan(2, &options);
    let path = dir.path().join("mosaic.fits");
    let mut file = FitsOutput::<f32>::create(&path, &Header::new(), &shape(2), false).unwrap();
    // Nothing of it stays.
    file.write_array(ArrayD::from_elem(IxDyn(&shape(2)), 5.0).view()).unwrap();
    for window in [Window::new(0, 0, 100, 200), Window::new(100, 0, 200, 77), Window::new(100, 77, 200, 123)] {
        plan.run_window_to(window, &mut file).unwrap();
    }
    file.publish().unwrap();
    let wanted = &arrays::<f32>(&plan, WHOLE)[0].1;
    assert!(fs::read(&path).unwrap() == naive(-32, &shape(2), &[], wanted));
}

#[test]
fn zeros_take_no_disk_space() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let target = tan(10.0, 40.0, [4000, 4000], 0.0003, 0.0);
    let image = Array2::<f32>::from_elem((100, 100), 1.0);
    let input = Input::from_array(image.view(), tan(10.0, 40.0, [100, 100], 0.0003, 0.0));
    let inputs = [input.with_variance(image.view())];
    for (blank, most) in [(0.0, 8 << 20), (f64::NAN, 65 << 20)] {
        let plan = Plan::new(&inputs, &target, &[4000, 4000], &Options::default().blank(blank)).unwrap();
        let path = dir.path().join("mosaic.fits");
        let mut file = FitsOutput::<f32>::create(&path, &Header::new(), &[4000, 4000], true).unwrap();
        plan.run_to(&mut file).unwrap();
        file.publish().unwrap();
        let found = fs::metadata(&path).unwrap();
        assert!(found.len() > 64_000_000 && found.blocks() * 512 < most, "{blank}: {} bytes", found.blocks() * 512);
        assert!(fs::read(&path).unwrap() == naive(-32, &[4000, 4000], &[], &arrays::<f32>(&plan, plan.whole())[0].1));
    }
}

#[test]
fn files_that_do_not_fit_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(1, &Options::default());
    let path = dir.path().join("x.fits");
    let mut wrong = FitsOutput::<f32>::create(&path, &Header::new(), &[200, 299], false).unwrap();
    let error = plan.run_to(&mut wrong).unwrap_err();
    assert!(matches!(&error, Error::Shape { got, .. } if *got == [200, 299]), "{error}");
    let error = plan.run_window_to(Window::new(0, 0, 10, 20), &mut wrong).unwrap_err().to_string();
    assert!(error.contains("[200, 300] as planned, or [20, 10] as the window"), "{error}");
    let mut unsaid = FitsOutput::<i32>::create(&path, &Header::new(), &[200, 300], false).unwrap();
    let error = plan.run_to::<f32>(&mut unsaid).unwrap_err();
    assert!(error.to_string().contains("FitsOutput::plane"), "{error}");
    let mut context = unsaid.plane(IntegerPlane::Context);
    let error = plan.run_to::<f32>(&mut context).unwrap_err();
    assert!(error.to_string().contains("[2, 200, 300]"), "{error}");
    drop((wrong, context));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn statistics_are_those_of_the_pixels() {
    for (blank, planes) in [(f64::NAN, 1), (0.0, 3)] {
        let options = Options::default().blank(blank);
        let wanted = arrays::<f64>(&plan(planes, &options), WHOLE);
        let (values, footprint) = (&wanted[0].1, &wanted[1].1);
        let mut first: Option<Statistics> = None;
        for (tile, n) in [(256, 1), (16, 8), (64, 2), (4096, 3)] {
            let mut statistics = Statistics::default();
            assert!(statistics.get(0).is_none());
            let options = options.clone().tile(tile).parallel(threads(n));
            plan(planes, &options).run_to::<f64>(&mut statistics).unwrap();
            for plane in 0..planes {
                let of = plane * WHOLE.area()..(plane + 1) * WHOLE.area();
                let pixels = values[of.clone()].iter().zip(&footprint[of]);
                let pixels = pixels.map(|(v, w)| (f64::from_bits(*v), f64::from_bits(*w)));
                let valid: Vec<f64> = pixels.filter(|(v, w)| *w > 0.0 && v.is_finite()).map(|(v, _)| v).collect();
                let n = valid.len() as f64;
                let mean = valid.iter().sum::<f64>() / n;
                let deviation = (valid.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
                let got = statistics.get(plane).unwrap();
                assert_eq!(got.valid as usize, valid.len());
                assert_eq!((got.valid + got.missing) as usize, WHOLE.area());
                assert_eq!(got.min, valid.iter().copied().fold(f64::INFINITY, f64::min));
                assert_eq!(got.max, valid.iter().copied().fold(f64::NEG_INFINITY, f64::max));
                assert!((got.mean - mean).abs() < 1e-13 * mean.abs(), "{} {mean}", got.mean);
                let error = (got.standard_deviation - deviation).abs() / deviation;
                assert!(error < 1e-13, "{} {deviation}", got.standard_deviation);
                if let Some(first) = first.as_ref().and_then(|first| first.get(plane)) {
                    assert_eq!((got.min, got.max, got.mean), (first.min, first.max, first.mean), "whatever the tiles");
                }
            }
            assert!(statistics.get(planes).is_none());
            first.get_or_insert(statistics);
        }
    }
}

#[test]
fn statistics_do_not_depend_on_threads() {
    let statistics = |n: usize| {
        let mut statistics = Statistics::default();
        plan(1, &Options::default().tile(16).parallel(threads(n))).run_to::<f32>(&mut statistics).unwrap();
        statistics.get(0).unwrap()
    };
    let first = statistics(1);
    (0..5).for_each(|_| assert_eq!(statistics(8), first));
    // A large constant takes nothing from the deviation.
    let image = Array2::from_shape_fn((50, 50), |(y, _)| 1e9 + if y % 2 == 0 { 0.5 } else { -0.5 });
    let wcs = tan(10.0, 40.0, [50, 50], 0.0003, 0.0);
    let plan = Plan::new(
        &[Input::from_array(image.view(), wcs.clone())],
        &wcs,
        &[50, 50],
        &Options::default().resample(Resample::Nearest).tile(16),
    );
    let mut statistics = Statistics::default();
    plan.unwrap().run_to::<f64>(&mut statistics).unwrap();
    let got = statistics.get(0).unwrap();
    assert_eq!((got.mean, got.standard_deviation), (1e9, 0.5));
}

#[cfg(feature = "preview")]
#[test]
fn previews_do_not_depend_on_tiles_or_threads() {
    use skymosaic::Preview;
    let png = |longest: usize, planes: usize, options: &Options, window: Window| {
        let mut preview = Preview::default().longest(longest);
        plan(planes, options).run_window_to::<f32>(window, &mut preview).unwrap();
        let mut png = Vec::new();
        preview.write_png(&mut png).unwrap();
        png
    };
    for (longest, planes, window) in
        [(2048, 1, WHOLE), (100, 1, WHOLE), (47, 3, WHOLE), (7, 1, Window::new(13, 29, 222, 111)), (1, 1, WHOLE)]
    {
        let options = Options::default().parallel(Parallel::Serial);
        let first = png(longest, planes, &options, window);
        for (tile, n) in [(16, 8), (50, 3), (64, 2), (4096, 1)] {
            let options = options.clone().tile(tile).parallel(threads(n));
            assert!(png(longest, planes, &options, window) == first, "{longest} {planes} {window:?} {tile} {n}");
        }
    }
    assert!(Preview::default().write_png(Vec::new()).is_err());
}

/// The means of blocks, as anybody would compute them: they are the grey values of a picture with a linear ramp.
#[cfg(feature = "preview")]
#[test]
fn previews_show_the_means_of_blocks() {
    use skymosaic::Preview;
    let wcs = tan(10.0, 40.0, [60, 90], 0.0003, 0.0);
    let mean = |y: usize, x: usize| ((y / 10) * 9 + x / 10) as f64;
    let image = Array2::from_shape_fn((60, 90), |(y, x)| mean(y, x) + if (x + y) % 2 == 0 { 0.25 } else { -0.25 });
    let blocks = Array2::from_shape_fn((6, 9), |(y, x)| mean(10 * y, 10 * x));
    let small = tan(10.0, 40.0, [6, 9], 0.003, 0.0);
    let options = Options::default().resample(Resample::Nearest);
    let picture = |image: &Array2<f64>, wcs: &skymosaic::Wcs, shape: [usize; 2]| {
        let plan = Plan::new(&[Input::from_array(image.view(), wcs.clone())], wcs, &shape, &options).unwrap();
        let (mut preview, mut png) = (Preview::default().longest(9), Vec::new());
        plan.run_to::<f64>(&mut preview).unwrap();
        preview.write_png(&mut png).unwrap();
        png
    };
    assert!(picture(&image, &wcs, [60, 90]) == picture(&blocks, &small, [6, 9]));
}
