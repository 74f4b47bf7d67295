//! What goes right.

use std::{collections::BTreeMap, fs};

use ndarray::{ArrayD, Axis};
use skymosaic::{FitsImage, FitsOutput, Hdu, Header};

use crate::{Done, Folder, PROGRAM, east, pixels, raw, wcs};

#[test]
fn one_image_onto_its_own_grid_is_itself() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    folder.make("mosaic --resample nearest --dtype f64 --target a.fits -o out.fits --footprint foot.fits a.fits");
    assert_eq!(folder.pixels("out.fits"), pixels().mapv(f64::from));
    assert_eq!(folder.pixels("foot.fits"), ArrayD::from_elem(vec![30, 40], 1.0));
    let image = FitsImage::open(folder.path("out.fits"), &Hdu::First).unwrap();
    let header = image.header();
    assert_eq!(header.text("BUNIT").unwrap(), Some("Jy/beam"));
    assert_eq!(header.i64("NCOMBINE").unwrap(), Some(1));
    assert_eq!(header.text("CREATOR").unwrap(), Some(concat!("skymosaic ", env!("CARGO_PKG_VERSION"))));
    for option in ["resample Nearest", "combine Mean"] {
        assert!(header.to_string().contains(option), "{header}");
    }
    assert!(FitsImage::open(folder.path("foot.fits"), &Hdu::First).unwrap().header().get("BUNIT").is_none());
}

#[test]
fn several_images_become_one() {
    let folder = Folder::new();
    for (name, shift) in [("a.fits", 0.0), ("b.fits", 25.0), ("c.fits", 50.0)] {
        folder.image(name, east(shift));
    }
    let done = folder.make(
        "mosaic -o out.fits --footprint foot.fits --preview out.png --report out.json --combine median a.fits b.fits c.fits",
    );
    let (out, foot) = (folder.pixels("out.fits"), folder.pixels("foot.fits"));
    assert!(out.shape()[1] >= 89 && out.shape() == foot.shape(), "{:?}", out.shape());
    assert_eq!(foot.iter().copied().fold(0.0, f64::max), 2.0);
    assert!(out.iter().zip(&foot).all(|(value, weight)| value.is_nan() == (*weight == 0.0)));
    assert!(done.stdout.is_empty() && done.stderr.lines().count() == 1, "{}{}", done.stdout, done.stderr);
    for word in ["out.fits", "3 of 3 inputs", "% covered", "asked: 1.0e-4", "exact"] {
        assert!(done.stderr.contains(word), "{word}: {}", done.stderr);
    }

    let report: serde_json::Value = serde_json::from_slice(&fs::read(folder.path("out.json")).unwrap()).unwrap();
    assert_eq!(report["skymosaic"], env!("CARGO_PKG_VERSION"));
    assert_eq!(report["options"]["combine"], "median");
    assert_eq!(report["options"]["blank"], "NaN");
    assert_eq!(report["outputs"]["preview"], "out.png");
    assert_eq!(report["shape"], serde_json::json!(out.shape()));
    assert_eq!(report["covered_pixels"], foot.iter().filter(|weight| **weight > 0.0).count());
    assert_eq!(report["resampled_pixels"], foot.sum() as u64);
    assert_eq!(report["inputs"].as_array().unwrap().len(), 3);
    assert_eq!(report["inputs"][1]["status"], "used");
    assert!(report["inputs"][1]["name"].as_str().unwrap().contains("b.fits"));
    assert!(report["inputs"][1]["bounds"][0]["nx"].as_u64().unwrap() >= 39);
    assert!(report["max_coordinate_error_pixels"].as_f64().unwrap() <= 1e-4);
    assert!(report["seconds"]["total"].as_f64().unwrap() > 0.0);

    let png = png::Decoder::new(std::io::BufReader::new(fs::File::open(folder.path("out.png")).unwrap()));
    let mut png = png.read_info().unwrap();
    let mut picture = vec![0; png.output_buffer_size().unwrap()];
    png.next_frame(&mut picture).unwrap();
    assert_eq!([png.info().height as usize, png.info().width as usize], out.shape());
    // The last row of the array is the first of the picture; what has no value is transparent.
    let alpha = picture.chunks(4).map(|pixel| pixel[3] == 255);
    let flipped: Vec<bool> = out.axis_iter(Axis(0)).rev().flat_map(|row| row.mapv(|v| !v.is_nan())).collect();
    assert_eq!(alpha.collect::<Vec<_>>(), flipped);
}

#[test]
fn the_header_command_prints_a_target() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    folder.image("b.fits", east(30.0));
    let target = folder.make("header a.fits b.fits").stdout;
    assert!(target.ends_with(&format!("{:<80}\n", "END")) && target.lines().all(|card| card.len() == 80), "{target}");
    fs::write(folder.path("target.txt"), &target).unwrap();
    folder.make("mosaic -o one.fits a.fits b.fits");
    folder.make("mosaic -o two.fits --target target.txt a.fits b.fits");
    // A FITS file is a target as well, and so is a header without data.
    folder.make("mosaic -o three.fits --target one.fits a.fits b.fits");
    let cards: Vec<&str> = target.lines().map(str::trim_end).filter(|card| *card != "END").collect();
    let cards = [&["SIMPLE  =                    T", "BITPIX  =                  -32"], &cards[..]].concat();
    fs::write(folder.path("bare.fits"), raw(&cards, &[])).unwrap();
    folder.make("mosaic -o four.fits --target bare.fits a.fits b.fits");
    let one = fs::read(folder.path("one.fits")).unwrap();
    for other in ["two.fits", "three.fits", "four.fits"] {
        assert!(fs::read(folder.path(other)).unwrap() == one, "{other}");
    }

    let galactic =
        folder.make("header --frame galactic --projection CAR --resolution 2arcsec --auto-rotate a.fits").stdout;
    let galactic = Header::parse(&galactic).unwrap();
    assert_eq!(galactic.text("CTYPE1").unwrap(), Some("GLON-CAR"));
    folder.refuse("header --frame zodiac a.fits", 2, &["zodiac", "galactic"]);
    folder.refuse("header --resolution 0 a.fits", 2, &["arcsec"]);
    folder.refuse("header --projection XYZ a.fits", 1, &["XYZ"]);
}

#[test]
fn storage_threads_and_memory_change_no_byte() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    folder.image("b.fits", east(30.3));
    folder.make("mosaic -o 0.fits a.fits b.fits");
    let plain = fs::read(folder.path("0.fits")).unwrap();
    for (number, options) in
        ["--intermediate memory", "--intermediate mapped --temp-dir .", "--threads 3", "--memory-limit 64MiB"]
            .iter()
            .enumerate()
    {
        let name = format!("{}.fits", number + 1);
        folder.make(&format!("mosaic {options} -o {name} a.fits b.fits"));
        assert!(fs::read(folder.path(&name)).unwrap() == plain, "{options}");
    }
    assert_eq!(folder.contents().len(), 7, "temporary files are left: {:?}", folder.contents().keys());
    folder.refuse("mosaic --memory-limit 1kB -o x.fits a.fits b.fits", 1, &["memory_limit", "--memory-limit"]);
}

#[test]
fn all_hdus_of_a_file_are_inputs() {
    let folder = Folder::new();
    let image = pixels();
    let mut file = FitsOutput::<f32>::create(folder.path("a.fits"), &wcs(150.0), image.shape(), false).unwrap();
    file.write_array(image.view()).unwrap();
    file.append_image("SECOND", &wcs(east(30.0)), image.view()).unwrap();
    file.publish().unwrap();
    for (hdu, count) in [("all", 2), ("1", 1), ("second", 1), ("PRIMARY", 1)] {
        let done = folder.make(&format!("mosaic --hdu {hdu} --overwrite -o out.fits a.fits"));
        assert!(done.stderr.contains(&format!("{count} of {count} inputs")), "{hdu}: {}", done.stderr);
    }
    folder.refuse("mosaic --hdu THIRD -o x.fits a.fits", 1, &["a.fits", "THIRD", "SECOND", "--hdu"]);
    folder.refuse("mosaic --hdu 2 -o x.fits a.fits", 1, &["a.fits", "no such HDU"]);
}

#[test]
fn weights_count() {
    let folder = Folder::new();
    folder.write("a.fits", &wcs(150.0), &ArrayD::from_elem(vec![30, 40], 1.0));
    folder.write("b.fits", &wcs(150.0), &ArrayD::from_elem(vec![30, 40], 4.0));
    folder.write("wa.fits", &wcs(150.0), &ArrayD::from_elem(vec![30, 40], 2.0));
    // Without a WCS weights lie pixel on pixel.
    folder.write("wb.fits", &Header::new(), &ArrayD::from_elem(vec![30, 40], 1.0));
    folder.make("mosaic --target a.fits --weights wa.fits wb.fits -o out.fits --footprint foot.fits a.fits b.fits");
    assert_eq!(folder.pixels("out.fits"), ArrayD::from_elem(vec![30, 40], 2.0));
    assert_eq!(folder.pixels("foot.fits"), ArrayD::from_elem(vec![30, 40], 3.0));

    folder.write("small.fits", &Header::new(), &ArrayD::from_elem(vec![30, 39], 1.0));
    folder.refuse("mosaic --weights wa.fits small.fits -o x.fits a.fits b.fits", 1, &["weights", "[30, 39]", "b.fits"]);
    folder.refuse("mosaic --weights wa.fits -o x.fits a.fits b.fits", 2, &["--weights: 1 files for 2 inputs"]);
    folder.refuse("mosaic --weights wa.fits no.fits -o x.fits a.fits b.fits", 1, &["no.fits"]);
    folder.refuse(
        "mosaic --weights wa.fits wb.fits --overwrite -o wa.fits a.fits b.fits",
        1,
        &["wa.fits", "also read"],
    );
}

#[test]
fn a_cube_keeps_its_third_axis() {
    let folder = Folder::new();
    let mut header = wcs(150.0);
    for (keyword, value) in [("CRVAL3", 1.4e9), ("CRPIX3", 1.0), ("CDELT3", 1e6), ("RESTFRQ", 1.420_405_75e9)] {
        header.set(keyword, value, "");
    }
    header.set("CTYPE3", "FREQ", "");
    header.set("CUNIT3", "Hz", "");
    let cube = ArrayD::from_shape_fn(vec![3, 30, 40], |at| at[0] as f32);
    folder.write("cube.fits", &header, &cube);
    folder.make("mosaic -o out.fits --preview out.png cube.fits");
    let out = FitsImage::open(folder.path("out.fits"), &Hdu::First).unwrap();
    assert_eq!(out.shape()[0], 3);
    for keyword in ["CTYPE3", "CUNIT3", "CRVAL3", "CRPIX3", "CDELT3", "RESTFRQ"] {
        assert_eq!(out.header().get(keyword), header.get(keyword), "{keyword}");
    }
    folder.image("flat.fits", 150.0);
    folder.refuse("mosaic -o x.fits cube.fits flat.fits", 1, &["flat.fits", "shape"]);
}

#[test]
fn names_are_names() {
    let folder = Folder::new();
    let names = ["a[1].fits", "two words.fits", "Ångström ☉.fits", "+[3:4,2].fits", "-dash.fits"];
    for (number, name) in names.iter().enumerate() {
        folder.image(name, east(20.0 * number as f64));
    }
    let mut words = vec!["mosaic", "-o", "out [2] ♄.fits", "--"];
    words.extend(names);
    let done = folder.run_words(&words);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("5 of 5 inputs") && folder.path("out [2] ♄.fits").exists(), "{}", done.stderr);
}

#[test]
fn links_are_followed_and_kept() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    std::os::unix::fs::symlink("a.fits", folder.path("link.fits")).unwrap();
    folder.image("old.fits", 150.0);
    std::os::unix::fs::symlink("old.fits", folder.path("out.fits")).unwrap();
    folder.refuse("mosaic -o out.fits link.fits", 1, &["out.fits", "exists already", "--overwrite"]);
    folder.make("mosaic --overwrite -o out.fits link.fits");
    assert!(folder.path("out.fits").is_symlink());
    assert!(FitsImage::open(folder.path("old.fits"), &Hdu::First).unwrap().header().get("CREATOR").is_some());
    // A link to an input is that input.
    folder.refuse("mosaic --overwrite -o link.fits a.fits", 1, &["link.fits", "also read", "a.fits"]);
}

#[test]
fn the_same_input_twice_counts_twice() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    let done =
        folder.make("mosaic --resample nearest --target a.fits -o out.fits --footprint foot.fits a.fits ./a.fits");
    assert!(done.stderr.contains("warning: ./a.fits is given more than once"), "{}", done.stderr);
    assert_eq!(folder.pixels("out.fits"), pixels().mapv(f64::from));
    assert_eq!(folder.pixels("foot.fits"), ArrayD::from_elem(vec![30, 40], 2.0));
}

#[test]
fn missing_pixels_everywhere_are_warned_of() {
    let folder = Folder::new();
    folder.write("a.fits", &wcs(150.0), &ArrayD::from_elem(vec![30, 40], f32::NAN));
    let done = folder.make("mosaic --blank -1 -o out.fits --preview out.png a.fits");
    assert!(done.stderr.contains("warning: no pixel of the mosaic has a value"), "{}", done.stderr);
    assert!(folder.pixels("out.fits").iter().all(|value| *value == -1.0));
}

#[test]
fn the_plan_writes_nothing() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    folder.image("b.fits", east(30.0));
    let before = folder.contents();
    let done = folder.make("mosaic --plan -o a.fits --intermediate mapped a.fits b.fits");
    for word in ["target", "a.fits", "meets 1 other", "[1:", "disk", "memory", "intermediates"] {
        assert!(done.stdout.contains(word), "{word}: {}", done.stdout);
    }
    assert!(folder.contents() == before);
}

#[test]
fn nobody_has_to_read_to_the_end() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    let script = "\"$0\" mosaic --plan -o x.fits a.fits a.fits | true; exit ${PIPESTATUS[0]}";
    let done = Done::of(folder.command("bash").args(["-c", script, PROGRAM]));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
}

#[test]
fn the_demo_is_always_the_same() {
    let folders = [Folder::new(), Folder::new()];
    let [first, second] = folders.each_ref().map(|folder| {
        let done = folder.make("demo sky");
        assert!(done.stdout.contains("sky/mosaic.png") && done.stderr.contains("12 of 12 inputs"), "{}", done.stderr);
        let names = folder.contents().into_iter();
        names
            .map(|(path, bytes)| (path.strip_prefix(folder.0.path()).unwrap().to_owned(), bytes))
            .collect::<BTreeMap<_, _>>()
    });
    // The folder, twelve exposures, the mosaic, its footprint and its picture, and mosaic and picture with unmatched backgrounds.
    assert_eq!(first.len(), 18, "{:?}", first.keys());
    assert!(first == second);
    folders[0].refuse("demo sky", 1, &["sky", "not empty"]);
    folders[0].refuse("demo no/such/folder", 1, &["no/such/folder"]);
}

#[test]
fn variances_masks_and_clipping() {
    let folder = Folder::new();
    for name in ["a.fits", "b.fits", "c.fits"] {
        folder.image(name, 150.0);
        let (variance, flags) = (ArrayD::from_elem(vec![30, 40], 4.0_f32), ArrayD::from_elem(vec![30, 40], 6_i32));
        let mut file =
            FitsOutput::<f32>::create(folder.path(&format!("v{name}")), &Header::new(), &[30, 40], false).unwrap();
        file.write_array(variance.view()).unwrap();
        file.append_image("DQ", &Header::new(), flags.view()).unwrap();
        file.publish().unwrap();
    }
    let mut outlier = pixels();
    outlier[[7, 9]] = 1e6;
    folder.write("d.fits", &wcs(150.0), &outlier);
    folder.make(
        "mosaic --resample nearest --target a.fits -o out.fits --combine inverse-variance --variance-out var.fits --mask-out mask.fits \
         --count-out count.fits --context-out context.fits --report out.json a.fits b.fits c.fits --variance va.fits vb.fits vc.fits \
         --mask va.fits vb.fits vc.fits --mask-hdu DQ",
    );
    assert_eq!(folder.pixels("out.fits"), pixels().mapv(f64::from));
    assert!(folder.pixels("var.fits").iter().all(|v| (v - 4.0 / 3.0).abs() < 1e-6));
    assert_eq!(folder.pixels("mask.fits"), ArrayD::from_elem(vec![30, 40], 6.0));
    assert_eq!(folder.pixels("count.fits"), ArrayD::from_elem(vec![30, 40], 3.0));
    assert_eq!(folder.pixels("context.fits"), ArrayD::from_elem(vec![1, 30, 40], 7.0));
    let unit = |name: &str| {
        FitsImage::open(folder.path(name), &Hdu::First).unwrap().header().text("BUNIT").unwrap().map(str::to_owned)
    };
    assert_eq!(unit("var.fits").as_deref(), Some("(Jy/beam)**2"));
    assert_eq!(unit("mask.fits"), None);
    let report: serde_json::Value = serde_json::from_slice(&fs::read(folder.path("out.json")).unwrap()).unwrap();
    assert_eq!(report["outputs"]["variance-out"], "var.fits");
    assert!((report["noise_correlation"].as_f64().unwrap() - 1.0).abs() < 1e-9);

    folder.make("mosaic --resample nearest --target a.fits -o clip.fits --combine clipped --clip-high 1.2 --clip-iterations 1 a.fits b.fits c.fits d.fits");
    assert_eq!(folder.pixels("clip.fits"), pixels().mapv(f64::from));
    let header = FitsImage::open(folder.path("clip.fits"), &Hdu::First).unwrap().header().to_string();
    assert!(header.contains("high: 1.2"), "{header}");
    folder.make("mosaic --resample nearest --target a.fits -o wm.fits --combine weighted-median a.fits b.fits d.fits");
    assert_eq!(folder.pixels("wm.fits"), pixels().mapv(f64::from));
    folder.make("mosaic --resample nearest --target a.fits -o none.fits --exclude-bits 0x4 --mask va.fits vb.fits --mask-hdu DQ a.fits b.fits");
    assert!(folder.pixels("none.fits").iter().all(|v| v.is_nan()));

    folder.refuse("mosaic -o x.fits --clip-low 2 a.fits", 2, &["--combine clipped"]);
    folder.refuse("mosaic -o x.fits --combine clipped --clip-low -2 a.fits", 2, &["low -2", "above 0"]);
    folder.refuse("mosaic -o x.fits --combine clipped --clip-low 0 a.fits", 2, &["low 0", "above 0"]);
    folder.refuse("mosaic -o x.fits --variance-out v.fits a.fits", 2, &["--variance-out needs --variance"]);
    folder.refuse("mosaic -o x.fits --combine inverse-variance a.fits", 1, &["InverseVariance", "variance"]);
    folder.refuse("mosaic -o x.fits a.fits b.fits --variance va.fits", 2, &["--variance: 1 files for 2 inputs"]);
    folder.refuse("mosaic -o x.fits a.fits --mask va.fits", 1, &["a.fits", "flags in integers"]);
    folder.refuse("mosaic -o x.fits --variance-out x.fits a.fits --variance va.fits", 1, &["is also the file of"]);
    folder.refuse("mosaic -o x.fits --exclude-bits lots a.fits", 2, &["32 bits"]);
}
