//! HiPS: tiles against reproject on their own pixels, orders above against all covered pixels in them, what is resumed against what was not interrupted.

mod common;

use std::{
    collections::BTreeMap,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use common::Golden;
use ndarray::Array2;
use skymosaic::{
    Column, Combine, CoordinateError, Error, FitsImage, Frame, Hdu, Header, HipsCuts, HipsExisting, HipsFormat,
    HipsGrid, HipsOptions, HipsPixels, HipsProperties, HipsReduction, HipsTile, Input, Options, Parallel, Phase,
    Resample, Wcs, check_hips, read_table, write_hips,
};

fn values(dir: &Path, tile: HipsTile) -> Option<Vec<f64>> {
    let path = dir.join(tile.path("fits"));
    path.exists()
        .then(|| FitsImage::open(&path, &Hdu::First).unwrap().read::<f64>().unwrap().into_raw_vec_and_offset().0)
}

fn tiles(dir: &Path, order: u8) -> Vec<HipsTile> {
    let all = (0..12 << (2 * order)).map(|number| HipsTile::new(order, number).unwrap());
    all.filter(|tile| dir.join(tile.path("fits")).exists()).collect()
}

/// All files of a folder with their bytes; of the properties what does not depend on the time.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(dir: &Path, root: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                let mut bytes = fs::read(&path).unwrap();
                if path.ends_with("properties") {
                    let text = String::from_utf8(bytes).unwrap();
                    bytes = text
                        .lines()
                        .filter(|line| !line.contains("_date "))
                        .collect::<Vec<_>>()
                        .join("\n")
                        .into_bytes();
                }
                found.insert(path.strip_prefix(root).unwrap().to_owned(), bytes);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(dir, dir, &mut found);
    found
}

fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (files(a), files(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    let differ: Vec<_> = a.iter().filter(|(name, bytes)| b[*name] != **bytes).map(|(name, _)| name).collect();
    assert!(differ.is_empty(), "{differ:?}");
}

fn wcs(lon: f64, lat: f64, scale: f64, angle: f64, centre: f64) -> Wcs {
    let (sin, cos) = angle.to_radians().sin_cos();
    let text = format!(
        "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = {lon}\nCRVAL2 = {lat}\nCRPIX1 = {centre}\nCRPIX2 = {centre}\n\
         CD1_1 = {}\nCD1_2 = {}\nCD2_1 = {}\nCD2_2 = {}\n",
        -scale * cos,
        scale * sin,
        scale * sin,
        scale * cos,
    );
    Wcs::from_header(&Header::parse(&text).unwrap()).unwrap()
}

/// Images that overlap, over several tiles of order 4.
fn field() -> Vec<(Array2<f32>, Wcs)> {
    let image = |k: usize| {
        Array2::from_shape_fn((60, 60), |(y, x)| {
            if (x * 7 + y * 3 + k).is_multiple_of(101) { f32::NAN } else { ((x * 31 + y * 17 + k * 7) % 97) as f32 }
        })
    };
    (0..5).map(|k| (image(k), wcs(178.5 + 1.1 * k as f64, 0.3 * k as f64, 0.05, 20.0 * k as f64, 30.5))).collect()
}

fn inputs(field: &[(Array2<f32>, Wcs)]) -> Vec<Input<'_>> {
    field.iter().map(|(image, wcs)| Input::from_array(image.view(), wcs.clone())).collect()
}

#[test]
fn tiles_equal_reproject_on_their_own_pixels() {
    let golden = Golden::open("hips");
    let (mut worst, mut compared) = ((0.0_f64, String::new()), 0);
    for case in golden.cases() {
        let dir = tempfile::tempdir().unwrap();
        let (name, width) = (case["name"].as_str().unwrap(), case["width"].as_u64().unwrap() as usize);
        let order = case["order"].as_u64().unwrap() as u8;
        let frame = if case["frame"] == "galactic" { Frame::Galactic } else { Frame::Icrs };
        let input = Input::from_fits(golden.path(&case["image"]), &Hdu::First).unwrap();
        let hips = HipsOptions::default().order(order).width(width).frame(frame).pixels(HipsPixels::F64);
        let options = Options::default().coordinate_error(CoordinateError::Exact);
        let out = dir.path().join("hips");
        write_hips(&out, &[input], &hips, &options).unwrap();
        let expected: Vec<HipsTile> = case["tiles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tile| HipsTile::new(order, tile["number"].as_u64().unwrap()).unwrap())
            .collect();
        assert_eq!(tiles(&out, order), expected, "{name}");
        for (tile, golden_tile) in expected.iter().zip(case["tiles"].as_array().unwrap()) {
            let covered = golden.array(&golden_tile["covered"]);
            let mut reference = golden.array(&golden_tile["values"]).into_iter();
            let ours = values(&out, *tile).unwrap();
            for (at, (value, covered)) in ours.iter().zip(&covered).enumerate() {
                let place = format!("{name} tile {} ({}, {})", tile.number(), at % width, at / width);
                assert_eq!(!value.is_nan(), *covered == 1.0, "{place}: {value}");
                if *covered == 1.0 {
                    let off = (value - reference.next().unwrap()).abs();
                    compared += 1;
                    if off > worst.0 {
                        worst = (off, place);
                    }
                }
            }
        }
    }
    println!("{compared} pixels; the worst is {:.2e} off: {}", worst.0, worst.1);
    assert!(worst.0 <= 1e-9 && compared > 8_000);
}

#[test]
fn coverage_equals_that_of_mocpy() {
    let golden = Golden::open("hips");
    let maps: serde_json::Value = serde_json::from_str(include_str!("golden/hips_moc.json")).unwrap();
    for case in golden.cases() {
        let dir = tempfile::tempdir().unwrap();
        let (name, width) = (case["name"].as_str().unwrap(), case["width"].as_u64().unwrap() as usize);
        let frame = if case["frame"] == "galactic" { Frame::Galactic } else { Frame::Icrs };
        let input = Input::from_fits(golden.path(&case["image"]), &Hdu::First).unwrap();
        let hips = HipsOptions::default().order(case["order"].as_u64().unwrap() as u8).width(width).frame(frame);
        let options = Options::default().coordinate_error(CoordinateError::Exact);
        let out = dir.path().join("hips");
        write_hips(&out, &[input], &hips, &options).unwrap();
        let map = &maps["maps"][name];
        let expected: Vec<f64> = map["ranges"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|range| [range[0].as_f64().unwrap(), range[1].as_f64().unwrap()])
            .collect();
        let ours: Vec<f64> = match &read_table(out.join("Moc.fits"), &Hdu::First).unwrap()[..] {
            [Column::Integer { rows, .. }] => rows.iter().map(|bound| *bound as f64).collect(),
            [Column::Float { rows, .. }] => rows.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(ours, expected, "{name}");
        let fraction: f64 = HipsProperties::read(&out).unwrap().get("moc_sky_fraction").unwrap().parse().unwrap();
        assert!((fraction / map["fraction"].as_f64().unwrap() - 1.0).abs() < 1e-3, "{name}: {fraction}");
    }
}

/// Every covered pixel of the finest order in a pixel of another, by tile.
fn covered_below(dir: &Path, order: u8, width: usize) -> BTreeMap<(u8, HipsTile, usize), Vec<f64>> {
    let mut found: BTreeMap<(u8, HipsTile, usize), Vec<f64>> = BTreeMap::new();
    let grids: Vec<HipsGrid> = (0..=order).map(|order| HipsGrid::new(order, width, &Frame::Icrs).unwrap()).collect();
    for tile in tiles(dir, order) {
        let window = grids[usize::from(order)].window(tile).unwrap();
        for (at, value) in values(dir, tile).unwrap().into_iter().enumerate().filter(|(_, value)| !value.is_nan()) {
            let (x, y) = (window.x0 + at % width, window.y0 + at / width);
            for above in 0..order {
                let (x, y) = (x >> (order - above), y >> (order - above));
                let tile = grids[usize::from(above)].tile_at(x, y).unwrap();
                found.entry((above, tile, y % width * width + x % width)).or_default().push(value);
            }
        }
    }
    found
}

#[test]
fn pixels_of_all_orders_are_means_of_the_covered_pixels_in_them() {
    let dir = tempfile::tempdir().unwrap();
    let (field, out) = (field(), dir.path().join("hips"));
    let hips = HipsOptions::default().order(4).width(64).pixels(HipsPixels::F64);
    let made = write_hips(&out, &inputs(&field), &hips, &Options::default()).unwrap();
    assert_eq!(made.order, 4);
    assert_eq!(made.finest_tiles, tiles(&out, 4).len());
    let below = covered_below(&out, 4, 64);
    let (mut worst, mut count) = ((0.0, String::new()), 0);
    for order in 0..4 {
        for tile in tiles(&out, order) {
            for (at, value) in values(&out, tile).unwrap().into_iter().enumerate() {
                let place = format!("order {order} tile {} pixel {at}", tile.number());
                match below.get(&(order, tile, at)) {
                    None => assert!(value.is_nan(), "{place}: {value}"),
                    Some(all) => {
                        count += 1;
                        let off = (value - all.iter().sum::<f64>() / all.len() as f64).abs();
                        if !(off <= worst.0) {
                            worst = (off, place);
                        }
                    }
                }
            }
        }
    }
    println!("{count} pixels; the worst is {:.2e} off: {}", worst.0, worst.1);
    assert!(worst.0 <= 1e-11, "values up to 97");
    assert_eq!(count, below.len());
}

#[test]
fn medians_are_those_of_four_pixels() {
    let dir = tempfile::tempdir().unwrap();
    let (field, out) = (field(), dir.path().join("hips"));
    let hips = HipsOptions::default().order(4).width(64).pixels(HipsPixels::F64).reduction(HipsReduction::Median);
    write_hips(&out, &inputs(&field), &hips, &Options::default()).unwrap();
    let mut count = 0;
    for parent in tiles(&out, 3) {
        let ours = values(&out, parent).unwrap();
        // Row 0 is the lowest: the first and third quarters are the upper ones.
        let quarters =
            parent.children().unwrap().map(|child| values(&out, child).unwrap_or_else(|| vec![f64::NAN; 64 * 64]));
        for (at, value) in ours.into_iter().enumerate() {
            let (x, y) = (at % 64, at / 64);
            let quarter = &quarters[2 * (x / 32) + usize::from(y < 32)];
            let first = y % 32 * 2 * 64 + x % 32 * 2;
            let mut four: Vec<f64> =
                [0, 1, 64, 65].map(|k| quarter[first + k]).into_iter().filter(|v| !v.is_nan()).collect();
            four.sort_by(f64::total_cmp);
            let n = four.len();
            if n == 0 {
                assert!(value.is_nan());
                continue;
            }
            count += 1;
            assert_eq!(value, 0.5 * (four[(n - 1) / 2] + four[n / 2]), "tile {} ({x}, {y})", parent.number());
        }
    }
    assert!(count > 1000);
}

#[test]
fn integers_are_the_nearest_and_missing_pixels_blank() {
    let field = field();
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str, pixels: HipsPixels| {
        let hips = HipsOptions::default().order(4).width(64).pixels(pixels).formats(vec![HipsFormat::Fits]);
        write_hips(dir.path().join(name), &inputs(&field), &hips, &Options::default()).unwrap();
        dir.path().join(name)
    };
    let floats = make("floats", HipsPixels::F32);
    for (name, pixels, step, [low, high], blank) in [
        ("short", HipsPixels::I16 { bscale: 0.01, bzero: 50.0 }, 0.01, [-277.67, 377.67], -32768),
        ("byte", HipsPixels::U8 { bscale: 0.25, bzero: 10.0 }, 0.25, [10.25, 73.75], 0),
    ] {
        let out = make(name, pixels);
        assert_eq!(tiles(&out, 4), tiles(&floats, 4));
        for tile in tiles(&out, 4) {
            let header = FitsImage::open(out.join(tile.path("fits")), &Hdu::First).unwrap().header().clone();
            assert_eq!(header.i64("BLANK").unwrap(), Some(blank));
            for (float, rounded) in values(&floats, tile).unwrap().into_iter().zip(values(&out, tile).unwrap()) {
                assert_eq!(float.is_nan(), rounded.is_nan());
                let nearest = float.clamp(low, high);
                assert!(float.is_nan() || (rounded - nearest).abs() <= 0.500001 * step, "{float} became {rounded}");
            }
        }
    }
}

#[test]
fn bytes_depend_on_neither_threads_nor_memory() {
    let (field, dir) = (field(), tempfile::tempdir().unwrap());
    let hips = HipsOptions::default().order(5).width(64);
    let make = |name: &str, options: Options| {
        let options = options.combine(Combine::Median).resample(Resample::Lanczos3);
        write_hips(dir.path().join(name), &inputs(&field), &hips, &options).unwrap();
        dir.path().join(name)
    };
    let serial = make("serial", Options::default().parallel(Parallel::Serial));
    let threads = std::num::NonZeroUsize::new(4).unwrap();
    assert_same(&serial, &make("threads", Options::default().parallel(Parallel::Threads(threads))));
    assert_same(
        &serial,
        &make("little", Options::default().parallel(Parallel::Threads(threads)).memory_limit(40 << 20)),
    );
}

#[test]
fn what_was_interrupted_is_finished_with_the_same_bytes() {
    let (field, dir) = (field(), tempfile::tempdir().unwrap());
    for formats in [vec![HipsFormat::Fits, HipsFormat::Png], vec![HipsFormat::Png]] {
        let hips = HipsOptions::default().order(5).width(64).formats(formats.clone());
        let whole = dir.path().join(format!("whole{}", formats.len()));
        write_hips(&whole, &inputs(&field), &hips, &Options::default()).unwrap();
        let is_tile = |name: &PathBuf| name.starts_with("Norder5") && name.extension().is_some_and(|e| e == "fits");
        assert_eq!(files(&whole).keys().any(is_tile), formats.len() == 2);
        let (out, mut runs) = (dir.path().join(format!("resumed{}", formats.len())), 0);
        loop {
            let calls = AtomicUsize::new(0);
            // Each run is stopped after a few tiles or pictures.
            let options = Options::default().parallel(Parallel::Serial).progress(move |progress| {
                let counts = matches!(progress.phase, Phase::Combining | Phase::Encoding);
                if counts && calls.fetch_add(1, Ordering::Relaxed) == 12 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
            let made = write_hips(&out, &inputs(&field), &hips.clone().existing(HipsExisting::Resume), &options);
            runs += 1;
            match made {
                Ok(_) => break,
                Err(Error::Cancelled) => assert!(!out.exists()),
                Err(error) => panic!("{error}"),
            }
            assert!(runs < 100);
        }
        println!("{runs} runs");
        assert!(runs > 3);
        assert_same(&whole, &out);
    }
}

/// What differs between a HiPS of images made at once and one that they were added to.
fn without_history(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = files(dir);
    assert!(files.remove(Path::new("Sums/made-of.json")).is_some());
    files
}

#[test]
fn images_added_later_give_what_one_run_gives() {
    let (field, dir) = (field(), tempfile::tempdir().unwrap());
    let all = inputs(&field);
    let combinations = [
        (Combine::Mean, HipsCuts::Percentiles([1.0, 99.0])),
        (Combine::Sum, HipsCuts::Values([0.0, 100.0])),
        (Combine::First, HipsCuts::default()),
        (Combine::Last, HipsCuts::default()),
        (Combine::Min, HipsCuts::default()),
        (Combine::Max, HipsCuts::default()),
    ];
    for (k, (combine, cuts)) in combinations.into_iter().enumerate() {
        let options = Options::default().combine(combine);
        let hips = HipsOptions::default().order(5).width(64).cuts(cuts).appendable(true);
        let [whole, out] = ["whole", "added"].map(|name| dir.path().join(format!("{name}{k}")));
        write_hips(&whole, &all, &hips, &options).unwrap();
        write_hips(&out, &all[..2], &hips, &options).unwrap();
        let first = files(&out);
        write_hips(&out, &all[2..4], &hips.clone().existing(HipsExisting::Append), &options).unwrap();
        // One that is interrupted again and again.
        let mut runs = 0;
        loop {
            let calls = AtomicUsize::new(0);
            let stopping = options.clone().parallel(Parallel::Serial).progress(move |progress| {
                let counts = matches!(progress.phase, Phase::Combining | Phase::Encoding);
                if counts && calls.fetch_add(1, Ordering::Relaxed) == 20 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
            runs += 1;
            match write_hips(&out, &all[4..], &hips.clone().existing(HipsExisting::Append), &stopping) {
                Ok(_) => break,
                Err(Error::Cancelled) => assert!(runs < 100),
                Err(error) => panic!("{error}"),
            }
        }
        let (whole, added) = (without_history(&whole), without_history(&out));
        assert_eq!(whole.keys().collect::<Vec<_>>(), added.keys().collect::<Vec<_>>());
        let differ: Vec<_> =
            whole.iter().filter(|(name, bytes)| added[*name] != **bytes).map(|(name, _)| name).collect();
        assert!(differ.is_empty(), "{combine:?}: {differ:?}");
        let changed =
            first.iter().filter(|(name, bytes)| name.starts_with("Norder5") && added[*name] != **bytes).count();
        println!("{combine:?}: {runs} runs for the last; {changed} of {} first files changed", first.len());
        assert!(runs > 1 && changed > 0);
    }
}

#[test]
fn what_cannot_be_added_to_is_refused_and_stays() {
    let (field, dir) = (field(), tempfile::tempdir().unwrap());
    let out = dir.path().join("hips");
    let hips = HipsOptions::default().order(4).width(64);
    let append = hips.clone().existing(HipsExisting::Append);
    let refused = |hips: &HipsOptions, options: Options, text: &str| {
        let error = write_hips(&out, &inputs(&field), hips, &options).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    };
    refused(&append, Options::default(), "no HiPS");
    refused(&hips.clone().appendable(true), Options::default().combine(Combine::Median), "Median");
    refused(&hips.clone().appendable(true).formats(vec![HipsFormat::Png]), Options::default(), "formats");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    write_hips(&out, &inputs(&field[..2]), &hips, &Options::default()).unwrap();
    refused(&append, Options::default(), "no sums");
    write_hips(
        &out,
        &inputs(&field[..2]),
        &hips.clone().appendable(true).existing(HipsExisting::Overwrite),
        &Options::default(),
    )
    .unwrap();
    let before = files(&out);
    refused(&append, Options::default().resample(Resample::Nearest), "other options");
    refused(&append.clone().width(128), Options::default(), "other hips");
    assert_eq!(before, files(&out));
}

#[test]
fn a_check_finds_what_is_wrong() {
    let (field, dir) = (field(), tempfile::tempdir().unwrap());
    let out = dir.path().join("hips");
    let formats = vec![HipsFormat::Fits, HipsFormat::Png, HipsFormat::Jpeg, HipsFormat::Webp];
    write_hips(&out, &inputs(&field), &HipsOptions::default().order(4).width(64).formats(formats), &Options::default())
        .unwrap();
    let check = || check_hips(&out, Parallel::Current).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(check(), Vec::<String>::new());
    let tile = tiles(&out, 4)[0];
    let at = |extension: &str| out.join(tile.path(extension));
    let damages: [(&str, &dyn Fn(), &str); 7] = [
        ("fits", &|| fs::write(at("fits"), &fs::read(at("fits")).unwrap()[..5000]).unwrap(), "truncated"),
        ("png", &|| fs::write(at("png"), &fs::read(at("png")).unwrap()[..300]).unwrap(), "not a whole PNG"),
        ("jpg", &|| fs::write(at("jpg"), &fs::read(at("jpg")).unwrap()[..300]).unwrap(), "not a whole JPEG"),
        ("webp", &|| fs::write(at("webp"), &fs::read(at("webp")).unwrap()[..100]).unwrap(), "not a whole WebP"),
        ("png", &|| fs::remove_file(at("png")).unwrap(), "is missing"),
        (
            "fits",
            &|| fs::write(at("fits").with_file_name("Npix99999999.fits"), "").unwrap(),
            "not a tile of this order",
        ),
        (
            "properties",
            &|| fs::write(out.join("properties"), "hips_order = 4\nhips_frame = C").unwrap(),
            "creator_did is missing",
        ),
    ];
    for (extension, damage, text) in damages {
        let path = if extension == "properties" { out.join("properties") } else { at(extension) };
        let kept = fs::read(&path).unwrap();
        damage();
        let found = check();
        assert!(found.iter().any(|problem| problem.contains(text)), "{text}: {found:?}");
        fs::write(&path, kept).unwrap();
        let _ = fs::remove_file(at("fits").with_file_name("Npix99999999.fits"));
        assert_eq!(check(), Vec::<String>::new(), "after {text}");
    }
    let parent = tile.parent().unwrap();
    for extension in ["fits", "png", "jpg", "webp"] {
        fs::remove_file(out.join(parent.path(extension))).unwrap();
    }
    assert!(check().iter().any(|problem| problem.contains("no tile above it")));
    assert!(matches!(check_hips(dir.path(), Parallel::Serial), Err(Error::Io { .. })));
}

#[test]
fn nothing_that_is_there_is_lost() {
    let (field, dir) = (field(), tempfile::tempdir().unwrap());
    let out = dir.path().join("hips");
    let hips = HipsOptions::default().order(3).width(64);
    let make = |hips: &HipsOptions| write_hips(&out, &inputs(&field), hips, &Options::default());
    let refused = |hips: &HipsOptions, text: &str| {
        let error = make(hips).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    };
    fs::create_dir(&out).unwrap();
    fs::write(out.join("thesis.tex"), "all of it").unwrap();
    for existing in [HipsExisting::Refuse, HipsExisting::Overwrite, HipsExisting::Resume] {
        refused(&hips.clone().existing(existing), "other files");
    }
    assert_eq!(fs::read(out.join("thesis.tex")).unwrap(), b"all of it");
    fs::remove_file(out.join("thesis.tex")).unwrap();
    make(&hips).unwrap();
    let before = files(&out);
    refused(&hips, "has a HiPS already");
    refused(&hips.clone().existing(HipsExisting::Resume), "has a HiPS already");
    assert_eq!(before, files(&out));
    make(&hips.clone().order(4).existing(HipsExisting::Overwrite)).unwrap();
    assert_eq!(HipsProperties::read(&out).unwrap().order().unwrap(), 4);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the old one and all traces are gone");
    // An unfinished one is not mixed with another.
    let stopped = Options::default().progress(|progress| {
        if progress.phase == Phase::Combining { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let other = dir.path().join("other");
    write_hips(&other, &inputs(&field), &hips, &stopped).unwrap_err();
    let error = write_hips(&other, &inputs(&field), &hips, &Options::default()).unwrap_err().to_string();
    assert!(error.contains("unfinished HiPS"), "{error}");
    let resumed = hips.clone().existing(HipsExisting::Resume);
    let error = write_hips(&other, &inputs(&field[1..]), &resumed, &Options::default()).unwrap_err().to_string();
    assert!(error.contains("other inputs"), "{error}");
    write_hips(&other, &inputs(&field), &resumed, &Options::default()).unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    write_hips(&file, &inputs(&field), &hips, &Options::default()).unwrap_err();
    assert_eq!(fs::read(&file).unwrap(), b"x");
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let (field, dir) = (field(), tempfile::tempdir().unwrap());
    let refused = |hips: HipsOptions, text: &str| {
        let error =
            write_hips(dir.path().join("hips"), &inputs(&field), &hips, &Options::default()).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    };
    let hips = HipsOptions::default;
    refused(hips().order(21), "hips_order");
    refused(hips().width(100), "hips_tile_width");
    refused(hips().frame(Frame::FK5_J2000), "hips_frame");
    refused(hips().formats(Vec::new()), "formats");
    refused(hips().cuts(HipsCuts::Values([1.0, 1.0])), "cuts");
    refused(hips().cuts(HipsCuts::Percentiles([-1.0, 50.0])), "cuts");
    refused(hips().pixels(HipsPixels::I16 { bscale: 0.0, bzero: 0.0 }), "bscale");
    // 12 · 4^20 tiles would be needed for the whole sky, and some millions for these images.
    let wide = Array2::<f32>::zeros((100, 100));
    let input = [Input::from_array(wide.view(), wcs(10.0, 10.0, 0.5, 0.0, 50.5))];
    let error =
        write_hips(dir.path().join("hips"), &input, &hips().order(10).width(1024), &Options::default()).unwrap_err();
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
}
