//! The program `skymosaic` as a user meets it: what it makes, what it says, what it leaves behind.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use ndarray::{ArrayD, Axis};
use skymosaic::{FitsImage, FitsOutput, Hdu, Header};

const PROGRAM: &str = env!("CARGO_BIN_EXE_skymosaic");

/// A folder to run the program in.
struct Folder(tempfile::TempDir);

/// What a run came to.
struct Done {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // Temporary files left behind would be seen.
        command.current_dir(self.0.path()).env("TMPDIR", self.0.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &str) -> Done {
        self.run_words(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    fn run_words(&self, words: &[&str]) -> Done {
        Done::of(self.command(PROGRAM).args(words))
    }

    /// Runs what has to succeed.
    fn make(&self, arguments: &str) -> Done {
        let done = self.run(arguments);
        assert_eq!(done.code, Some(0), "{arguments}: {}", done.stderr);
        done
    }

    /// Runs what has to fail in a way: with this exit code, in words that contain these, changing nothing.
    fn refuse(&self, arguments: &str, code: i32, words: &[&str]) {
        let before = self.contents();
        let done = self.run(arguments);
        assert_eq!(done.code, Some(code), "{arguments}: {}{}", done.stdout, done.stderr);
        for word in words {
            assert!(done.stderr.contains(word), "{arguments}: {word:?} is not in {}", done.stderr);
        }
        assert!(self.contents() == before, "{arguments}: leaves {:?}", self.contents().keys());
    }

    /// Every file with what is in it.
    fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path.clone());
                    files.insert(path, Vec::new());
                } else {
                    files.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        files
    }

    fn pixels(&self, name: &str) -> ArrayD<f64> {
        FitsImage::open(self.path(name), &Hdu::First).unwrap().read().unwrap()
    }

    /// An image of 40 columns and 30 rows of 1″, north up, centred on a right ascension, declination 10°.
    fn image(&self, name: &str, lon: f64) {
        self.write(name, &wcs(lon), &pixels());
    }

    fn write(&self, name: &str, header: &Header, pixels: &ArrayD<f32>) {
        let mut file = FitsOutput::<f32>::create(self.path(name), header, pixels.shape(), false).unwrap();
        file.view_mut().assign(pixels);
        file.finish().unwrap();
    }
}

impl Done {
    fn of(command: &mut Command) -> Done {
        let output = command.output().unwrap();
        let done = Done {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!done.stderr.contains("panicked"), "{}", done.stderr);
        done
    }
}

fn wcs(lon: f64) -> Header {
    let text = format!(
        "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = {lon:?}\nCRVAL2 = 10.0\nCRPIX1 = 20.5\nCRPIX2 = 15.5\n\
         CDELT1 = -2.7777777777777778E-4\nCDELT2 = 2.7777777777777778E-4\nRADESYS = 'ICRS'\nBUNIT = 'Jy/beam'"
    );
    Header::parse(&text).unwrap()
}

/// Right ascension so many pixels of 1″ east of 150°.
fn east(pixels: f64) -> f64 {
    150.0 + pixels / 3600.0 / 10_f64.to_radians().cos()
}

fn pixels() -> ArrayD<f32> {
    ArrayD::from_shape_fn(vec![30, 40], |at| 100.0 + (at[0] * 40 + at[1]) as f32)
}

/// Cards and data as a file has them.
fn raw(cards: &[&str], data: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = cards.iter().chain(&["END"]).flat_map(|card| format!("{card:<80}").into_bytes()).collect();
    bytes.resize(bytes.len().next_multiple_of(2880), b' ');
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(2880), 0);
    bytes
}

// What goes right.

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
    assert!(header.to_string().contains("resample Nearest, combine Mean"), "{header}");
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
    file.view_mut().assign(&image);
    file.append_image("SECOND", &wcs(east(30.0)), image.view()).unwrap();
    file.finish().unwrap();
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
    folder.refuse("mosaic --weights wa.fits -o x.fits a.fits b.fits", 2, &["1 weights for 2 inputs"]);
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
    // The folder, twelve exposures, the mosaic, its footprint and its picture.
    assert_eq!(first.len(), 16, "{:?}", first.keys());
    assert!(first == second);
    folders[0].refuse("demo sky", 1, &["sky", "not empty"]);
    folders[0].refuse("demo no/such/folder", 1, &["no/such/folder"]);
}

// What goes wrong.

#[test]
fn bad_files_are_refused() {
    let folder = Folder::new();
    folder.image("good.fits", 150.0);
    let good = fs::read(folder.path("good.fits")).unwrap();
    let image = ["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 4", "NAXIS2  = 4"];
    let with = |cards: &[&str]| raw(&[&image[..], cards].concat(), &[0; 16]);
    let sky = ["CTYPE1  = 'RA---TAN'", "CTYPE2  = 'DEC--TAN'", "CRVAL1  = 10.0", "CRVAL2  = 10.0"];
    let on_sky = |cards: &[&str]| with(&[&sky[..], cards].concat());
    let empty = raw(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0"], &[]);
    let mut table = empty.clone();
    table.extend(raw(
        &[
            "XTENSION= 'BINTABLE'",
            "BITPIX  = 8",
            "NAXIS   = 2",
            "NAXIS1  = 4",
            "NAXIS2  = 1",
            "PCOUNT  = 0",
            "GCOUNT  = 1",
            "TFIELDS = 1",
            "TFORM1  = '1J'",
        ],
        &[0; 4],
    ));
    let absurd =
        raw(&["SIMPLE  = T", "BITPIX  = -64", "NAXIS   = 2", "NAXIS1  = 4000000000", "NAXIS2  = 4000000000"], &[]);
    let none = raw(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 0", "NAXIS2  = 4"], &[]);
    let cases: [(&str, Vec<u8>, &[&str]); 12] = [
        ("truncated.fits", good[..good.len() - 2880].to_vec(), &["truncated"]),
        ("short.fits", good[..1000].to_vec(), &[]),
        ("empty.fits", Vec::new(), &["empty"]),
        ("text.fits", b"The quick brown fox jumps over the lazy dog.\n".repeat(100), &["FITS"]),
        ("table.fits", table, &["no image"]),
        ("nodata.fits", empty, &["no image"]),
        ("zero.fits", none, &["no image"]),
        ("absurd.fits", absurd, &["HDU 0", "absurd"]),
        ("nowcs.fits", with(&[]), &["HDU 0", "CTYPE"]),
        ("nancd.fits", on_sky(&["CD1_1   = NaN", "CD2_2   = 1e-4"]), &["CD1_1", "HDU 0"]),
        (
            "zerocd.fits",
            on_sky(&["CD1_1   = 0.0", "CD1_2   = 0.0", "CD2_1   = 0.0", "CD2_2   = 0.0"]),
            &["CD", "HDU 0"],
        ),
        ("kind.fits", with(&["CTYPE1  = 'RA---XYZ'", "CTYPE2  = 'DEC--XYZ'"]), &["XYZ", "HDU 0"]),
    ];
    for (name, bytes, words) in cases {
        fs::write(folder.path(name), bytes).unwrap();
        let words = [&[name], words].concat();
        let outputs = "-o out.fits --footprint foot.fits --preview out.png --report out.json";
        folder.refuse(&format!("mosaic {outputs} good.fits {name}"), 1, &words);
        folder.refuse(&format!("header good.fits {name}"), 1, &words);
    }
    folder.refuse("mosaic -o out.fits good.fits missing.fits", 1, &["missing.fits", "No such file"]);
    folder.refuse("mosaic -o out.fits good.fits .", 1, &["."]);
    folder.refuse("mosaic --hdu 1 -o out.fits table.fits", 1, &["table.fits", "HDU 1", "table"]);
}

#[test]
fn bad_targets_are_refused() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    let target = |name: &str, lon: f64, size: &str| {
        fs::write(
            folder.path(name),
            format!("{}{size}\n", wcs(lon).to_string().replace(&format!("{:<80}\n", "END"), "")),
        )
        .unwrap();
    };
    target("far.txt", 20.0, "NAXIS1 = 50\nNAXIS2 = 50");
    let outputs = "-o out.fits --footprint foot.fits --preview out.png --report out.json";
    folder.refuse(&format!("mosaic --target far.txt {outputs} a.fits"), 1, &["no input overlaps the target"]);
    target("size.txt", 150.0, "");
    folder.refuse(&format!("mosaic --target size.txt {outputs} a.fits"), 1, &["size.txt", "NAXIS1"]);
    target("zero.txt", 150.0, "NAXIS1 = 0\nNAXIS2 = 50");
    folder.refuse(&format!("mosaic --target zero.txt {outputs} a.fits"), 1, &["zero.txt", "NAXIS1"]);
    target("huge.txt", 150.0, "NAXIS1 = 3000000\nNAXIS2 = 3000000");
    folder.refuse(&format!("mosaic --target huge.txt {outputs} a.fits"), 1, &["3000000", "cannot be meant"]);
    target("absurd.txt", 150.0, "NAXIS1 = 3000000000000\nNAXIS2 = 3000000000000");
    folder.refuse(&format!("mosaic --target absurd.txt {outputs} a.fits"), 1, &["3000000000000", "target"]);
    fs::write(folder.path("text.txt"), "To whom it may concern\nthis = is 'no header\n").unwrap();
    folder.refuse(&format!("mosaic --target text.txt {outputs} a.fits"), 1, &["text.txt", "card"]);
    fs::write(folder.path("empty.txt"), "").unwrap();
    folder.refuse(&format!("mosaic --target empty.txt {outputs} a.fits"), 1, &["empty.txt", "CTYPE"]);
    folder.refuse(&format!("mosaic --target missing.txt {outputs} a.fits"), 1, &["missing.txt", "No such file"]);
    // Tiny images far from each other.
    folder.image("b.fits", 170.0);
    folder.image("c.fits", 250.0);
    folder.refuse(&format!("mosaic {outputs} a.fits b.fits c.fits"), 1, &["times the area of the inputs", "c.fits", "--target"]);
}

#[test]
fn outputs_lose_nothing() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    fs::write(folder.path("precious.png"), "precious").unwrap();
    for option in ["-o", "-o x.fits --footprint", "-o x.fits --preview", "-o x.fits --report"] {
        folder.refuse(
            &format!("mosaic a.fits {option} precious.png"),
            1,
            &["precious.png", "exists already", "--overwrite"],
        );
        folder.refuse(&format!("mosaic --overwrite a.fits {option} a.fits"), 1, &["a.fits", "also read"]);
        folder.refuse(&format!("mosaic --overwrite a.fits {option} ."), 1, &["."]);
        folder.refuse(&format!("mosaic a.fits {option} no/such/file"), 1, &["no/such", "folder"]);
        folder.refuse(&format!("mosaic a.fits {option} a.fits/file"), 1, &["a.fits"]);
        folder.refuse(&format!("mosaic --overwrite a.fits {option} /dev/null"), 1, &["/dev/null", "regular file"]);
        folder.refuse(&format!("mosaic a.fits {option} /proc/skymosaic"), 1, &["/proc/skymosaic"]);
    }
    folder.refuse("mosaic a.fits -o x.fits --footprint ./x.fits", 1, &["x.fits", "--output"]);
    folder.refuse("mosaic a.fits -o x.fits --report y --preview y", 1, &["y", "--preview"]);
    folder.refuse("mosaic --target precious.png --overwrite -o precious.png a.fits", 1, &["precious.png", "also read"]);
    folder.make("mosaic --overwrite a.fits -o x.fits --preview precious.png");
    assert!(fs::read(folder.path("precious.png")).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn an_unwritable_folder_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    let locked = folder.path("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    // Nothing is locked for the superuser.
    if fs::write(locked.join("probe"), "").is_err() {
        folder.refuse("mosaic a.fits -o locked/x.fits", 1, &["locked/x.fits", "Permission denied"]);
        folder.refuse("mosaic a.fits -o x.fits --preview locked/x.png", 1, &["locked/x.png", "Permission denied"]);
        folder.refuse("demo locked", 1, &["locked"]);
    }
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_full_disk_leaves_nothing() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    fs::write(folder.path("big.txt"), format!("NAXIS1 = 3000\nNAXIS2 = 3000\n{}", wcs(150.0))).unwrap();
    let before = folder.contents();
    // A limit to the size of files stands in for a full disk: for the output, then for the intermediates.
    for options in
        ["-o x.fits --target big.txt", "-o x.fits --target big.txt --footprint f.fits --preview p.png --report r.json"]
    {
        let words = options.split(' ').collect::<Vec<_>>();
        let script = "trap '' XFSZ; ulimit -f 1000; exec \"$0\" mosaic a.fits \"$@\"";
        let done = Done::of(folder.command("bash").args(["-c", script, PROGRAM]).args(words));
        assert_eq!(done.code, Some(1), "{options}: {}", done.stderr);
        assert!(done.stderr.contains("disk"), "{options}: {}", done.stderr);
        assert!(folder.contents() == before, "{options}: leaves {:?}", folder.contents().keys());
    }
}

#[test]
fn ctrl_c_leaves_nothing() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    // Long enough to be interrupted: every position of a large target through the exact map, on one thread.
    let large = format!("NAXIS1 = 12000\nNAXIS2 = 12000\n{}", wcs(150.0)).replace("E-4", "E-7").replace("E-04", "E-07");
    fs::write(folder.path("large.txt"), large).unwrap();
    let before = folder.contents();
    let arguments = "mosaic --target large.txt --coordinate-error exact --threads 1 -o x.fits --footprint f.fits --preview p.png a.fits";
    let child = folder.command(PROGRAM).args(arguments.split(' ')).stderr(Stdio::piped()).spawn().unwrap();
    while !fs::read_dir(folder.0.path()).unwrap().any(|entry| is_unfinished(&entry.unwrap().path())) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(100));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("interrupted"), "{stderr}");
    assert!(folder.contents() == before, "leaves {:?}", folder.contents().keys());
}

fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "part")
}

#[test]
fn mistakes_in_usage_are_explained() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    folder.refuse("mosaic -o x.fits", 2, &["INPUT"]);
    folder.refuse("mosaic a.fits", 2, &["--output"]);
    folder.refuse("header", 2, &["INPUT"]);
    folder.refuse("", 2, &["Usage"]);
    for arguments in ["--resample adaptive", "--combine clipped", "--match-background", "--background-reference 0"] {
        let value = arguments.rsplit(' ').next().unwrap();
        folder.refuse(&format!("mosaic -o x.fits a.fits {arguments}"), 2, &["not available in this version", value]);
    }
    for (arguments, word) in [
        ("--resample best", "bilinear"),
        ("--combine best", "median"),
        ("--memory-limit lots", "2GiB"),
        ("--coordinate-error -1", "1e-4"),
        ("--coordinate-error none", "exact"),
        ("--threads 0", "threads"),
        ("--blank dark", "blank"),
        ("--dtype i16", "f64"),
        ("--intermediate disk", "mapped"),
    ] {
        folder.refuse(&format!("mosaic -o x.fits a.fits {arguments}"), 2, &[word]);
    }
    assert_eq!(folder.make("--version").stdout.trim(), concat!("skymosaic ", env!("CARGO_PKG_VERSION")));
    assert!(folder.make("mosaic --help").stdout.contains("--coordinate-error"));
}
