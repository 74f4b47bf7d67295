//! What inputs can be given as, and what belongs to them.

use std::{fs, io::Write, process::Stdio};

use ndarray::ArrayD;
use skymosaic::{FitsImage, Hdu, Header};

use crate::{Done, Folder, PROGRAM, east, pixels, raw, wcs};

/// Two images in a folder of their own, and a target that holds both.
fn two() -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.path("in")).unwrap();
    folder.image("in/a.fits", 150.0);
    folder.image("in/b.fits", east(25.0));
    folder.image("target.fits", east(12.0));
    folder
}

/// An extension of f32 or i16.
fn extension(name: &str, version: usize, header: &Header, pixels: &ArrayD<f32>, integers: bool) -> Vec<u8> {
    let [ny, nx] = pixels.shape() else { panic!("an image has two axes") };
    let text = header.to_string();
    let mut cards = vec!["XTENSION= 'IMAGE   '".to_owned(), format!("BITPIX  = {}", if integers { 16 } else { -32 })];
    cards.extend(["NAXIS   = 2".to_owned(), format!("NAXIS1  = {nx}"), format!("NAXIS2  = {ny}")]);
    cards.extend(["PCOUNT  = 0".to_owned(), "GCOUNT  = 1".to_owned()]);
    cards.extend([format!("EXTNAME = '{name}'"), format!("EXTVER  = {version}")]);
    cards.extend(text.lines().map(str::to_owned));
    let cards: Vec<&str> = cards.iter().map(String::as_str).collect();
    let data: Vec<u8> = match integers {
        true => pixels.iter().flat_map(|pixel| (*pixel as i16).to_be_bytes()).collect(),
        false => pixels.iter().flat_map(|pixel| pixel.to_be_bytes()).collect(),
    };
    raw(&cards, &data)
}

fn primary() -> Vec<u8> {
    raw(&["SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0"], &[])
}

#[test]
fn names_lists_folders_patterns_and_tables_are_the_same() {
    let folder = two();
    let by_names = "mosaic --target target.fits --overwrite -o out.fits in/a.fits in/b.fits";
    folder.make(by_names);
    let expected = fs::read(folder.path("out.fits")).unwrap();
    fs::copy(folder.path("out.fits"), folder.path("before.fits")).unwrap();
    for (name, text) in [
        ("list.txt", "# both\nin/a.fits\n\n  in/b.fits \n"),
        ("table.csv", "scale,FILE,note\n,in/a.fits,x\n--,in/b.fits,\"y, z\"\n"),
        (
            "blank.ecsv",
            "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: file, datatype: string}\nfile hdu\nin/a.fits 0\n\"in/b.fits\" 0\n",
        ),
        ("comma.ecsv", "# %ECSV 1.0\n# ---\n# delimiter: ','\n# datatype:\nfile,sky\nin/a.fits,0\nin/b.fits,\n"),
    ] {
        fs::write(folder.path(name), text).unwrap();
    }
    for inputs in
        ["in", "in/*.fits", "in/[ab].fits", "@list.txt", "@table.csv", "@blank.ecsv", "@comma.ecsv", "@before.fits"]
    {
        folder.make(&format!("mosaic --target target.fits --overwrite -o out.fits {inputs}"));
        let found = fs::read(folder.path("out.fits")).unwrap();
        assert!(found == expected, "{inputs}: {} bytes, expected {}", found.len(), expected.len());
    }
    let mut child = folder
        .command(PROGRAM)
        .args("mosaic --target target.fits --overwrite -o out.fits -".split(' '))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"in/a.fits\nin/b.fits\n").unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(fs::read(folder.path("out.fits")).unwrap() == expected);
    // A file of this name is no pattern.
    folder.image("[ab].fits", 150.0);
    folder.make("mosaic --resample nearest --target [ab].fits -o literal.fits [ab].fits");
    assert_eq!(folder.pixels("literal.fits"), pixels().mapv(f64::from));
    assert!(folder.make("header in").stdout == folder.make("header in/a.fits in/b.fits").stdout);
}

#[test]
fn images_errors_and_flags_of_one_file_belong_together() {
    let folder = two();
    let errors = ArrayD::from_shape_fn(vec![30, 40], |at| 1.0 + (at[0] % 7) as f32 * 0.3);
    let flags = ArrayD::from_shape_fn(vec![30, 40], |at| [0.0, 1.0, 16.0, 4.0][(at[0] + at[1]) % 4]);
    let mut bytes = primary();
    for (version, lon) in [(1, 150.0), (2, east(25.0))] {
        let pixels = pixels().mapv(|pixel| pixel + version as f32);
        bytes.extend(extension("SCI", version, &wcs(lon), &pixels, false));
        bytes.extend(extension("ERR", version, &Header::new(), &(&errors * version as f32), false));
        bytes.extend(extension("DQ", version, &Header::new(), &flags, true));
        let squares = errors.mapv(|error| (error * version as f32).powi(2));
        folder.write(&format!("sci{version}.fits"), &wcs(lon), &pixels);
        folder.write(&format!("var{version}.fits"), &wcs(lon), &squares);
        fs::write(
            folder.path(&format!("dq{version}.fits")),
            [primary(), extension("DQ", 1, &Header::new(), &flags, true)].concat(),
        )
        .unwrap();
    }
    fs::write(folder.path("exposure.fits"), &bytes).unwrap();
    let common = "mosaic --resample nearest --dtype f64 --overwrite --target target.fits --combine inverse-variance";
    let planes = |name: &str| format!("-o {name}.fits --variance-out {name}_v.fits --mask-out {name}_m.fits");
    folder.make(&format!(
        "{common} {} --exclude-bits 1 sci1.fits sci2.fits --variance var1.fits var2.fits --mask dq1.fits dq2.fits",
        planes("apart")
    ));
    let options = "--hdu SCI,* --error-hdu err,* --mask-hdu DQ,[12] --exclude-bits 1";
    folder.make(&format!("{common} {} {options} exposure.fits", planes("pattern")));
    let done = folder.make(&format!("{common} {} --preset jwst exposure.fits", planes("preset")));
    for word in ["--hdu 'SCI,*'", "--error-hdu 'ERR,*'", "--mask-hdu 'DQ,*'", "--exclude-bits 0x1"] {
        assert!(done.stderr.contains(word), "{word}: {}", done.stderr);
    }
    fs::write(
        folder.path("rows.csv"),
        "file,hdu,error_hdu,mask_hdu\nexposure.fits,\"SCI,1\",2,\"DQ,1\"\nexposure.fits,\"SCI,2\",\"ERR,2\",6\n",
    )
    .unwrap();
    folder.make(&format!("{common} {} --exclude-bits 1 @rows.csv", planes("rows")));
    for plane in ["", "_v", "_m"] {
        let expected = folder.pixels(&format!("apart{plane}.fits"));
        assert!(expected.iter().filter(|value| value.is_finite()).count() > 1000);
        for name in ["pattern", "preset", "rows"] {
            let found = folder.pixels(&format!("{name}{plane}.fits"));
            // Squares of f32 are rounded in a file of f32, and not otherwise.
            let worst = found.iter().zip(&expected).map(|(a, b)| ((a - b) / b).abs()).fold(0.0, f64::max);
            let alike = found.iter().zip(&expected).all(|(a, b)| a.is_nan() == b.is_nan());
            println!("{name}{plane}: worst {worst:.1e}");
            assert!(alike && worst < 1e-7, "{name}{plane}: {worst:e}");
        }
    }
    // What a preset says is what no option says.
    let done = folder.make(&format!("{common} {} --preset jwst --exclude-bits 0 exposure.fits", planes("own")));
    assert!(done.stderr.contains("preset"), "{}", done.stderr);
    assert!(folder.pixels("own_m.fits").iter().any(|flags| *flags as i64 & 1 == 1));
    folder.refuse("mosaic -o x.fits --hdu FLUX,* exposure.fits", 1, &["FLUX,*", "SCI", "DQ", "--hdu"]);
    folder.refuse("mosaic -o x.fits --hdu SCI,* --mask-hdu DQ,2 exposure.fits", 1, &["1 images", "2 images"]);
    folder.refuse(
        "mosaic -o x.fits --hdu SCI,1 --error-hdu ERR,1 --variance-hdu ERR,1 exposure.fits",
        2,
        &["variances and"],
    );
}

#[test]
fn a_table_gives_scale_sky_and_exposure() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    fs::write(folder.path("t.csv"), "file,scale,sky,exposure\na.fits,2.5,7,night 1\n").unwrap();
    folder.make("mosaic --resample nearest --dtype f64 --target a.fits -o out.fits @t.csv");
    assert_eq!(folder.pixels("out.fits"), pixels().mapv(|pixel| (f64::from(pixel) - 7.0) * 2.5));
    // The table in the mosaic says the same again.
    folder.make("mosaic --resample nearest --dtype f64 --target a.fits -o again.fits @out.fits");
    assert!(fs::read(folder.path("again.fits")).unwrap() == fs::read(folder.path("out.fits")).unwrap());
    let columns = skymosaic::read_table(folder.path("out.fits"), &Hdu::Name("INPUTS".to_owned())).unwrap();
    let text = format!("{columns:?}");
    for word in ["SKY", "EXPOSURE", "night 1"] {
        assert!(text.contains(word), "{text}");
    }
}

/// SWarp's headers and weights beside the images, DECam's and ZTF's weights and flags by their names.
#[test]
fn presets_find_what_lies_beside() {
    let folder = Folder::new();
    folder.image("target.fits", 150.0);
    let onto = "mosaic --resample nearest --dtype f64 --overwrite --target target.fits -o out.fits";
    let half = ArrayD::from_shape_fn(vec![30, 40], |at| if at[1] < 20 { 1.0 } else { 0.0 });
    let expect = |scale: f64, message: &str| {
        let expected = pixels().mapv(|pixel| f64::from(pixel) * scale);
        for (at, value) in folder.pixels("out.fits").indexed_iter() {
            let wanted = if at[1] < 20 { expected[&at] } else { f64::NAN };
            assert!(*value == wanted || value.is_nan() && wanted.is_nan(), "{message} {at:?}: {value} for {wanted}");
        }
    };
    // The image's own header puts it elsewhere.
    folder.image("s.fits", east(500.0));
    folder.write("s.weight.fits", &Header::new(), &half);
    let mut head = wcs(150.0);
    head.set("FLXSCALE", 0.5, "");
    fs::write(folder.path("s.head"), format!("{}\nEND\n", head.to_string().replace("END", ""))).unwrap();
    let done = folder.make(&format!("{onto} --preset swarp s.fits"));
    assert!(done.stderr.contains("FLXSCALE"), "{}", done.stderr);
    expect(0.5, "swarp");
    folder.image("c4d_ooi_g.fits", 150.0);
    folder.write("c4d_oow_g.fits", &Header::new(), &half);
    folder.make(&format!("{onto} --preset decam c4d_ooi_g.fits"));
    expect(1.0, "decam");
    folder.image("z_sciimg.fits", 150.0);
    let bad = half.mapv(|good| if good > 0.0 { 2.0 } else { 4.0 });
    let mask = [primary(), extension("M", 1, &Header::new(), &bad, true)].concat();
    fs::write(folder.path("z_mskimg.fits"), mask).unwrap();
    folder.make(&format!("{onto} --preset ztf z_sciimg.fits"));
    expect(1.0, "ztf");
}

#[test]
fn wrong_lists_and_tables_are_refused() {
    let folder = two();
    fs::create_dir(folder.path("empty")).unwrap();
    for (name, text) in [
        ("none.txt", "# nothing\n"),
        ("lost.txt", "in/a.fits\nin/lost.fits\n"),
        ("names.csv", "name,hdu\nin/a.fits,0\n"),
        ("rows.csv", "file,hdu\n"),
        ("cell.csv", "file,scale\nin/a.fits,1\nin/b.fits,bright\n"),
        ("ragged.csv", "file,scale\nin/a.fits,1,2\n"),
        ("nofile.csv", "file,scale\n,1\n"),
        ("weights.csv", "file,weights\nin/a.fits,in/a.fits\n"),
        ("zero.csv", "file,scale\nin/a.fits,0\n"),
    ] {
        fs::write(folder.path(name), text).unwrap();
    }
    for (inputs, code, words) in [
        ("@none.txt", 1, &["none.txt", "names no file"][..]),
        ("@lost.txt", 1, &["in/lost.fits"]),
        ("@nowhere.txt", 1, &["nowhere.txt", "cannot open"]),
        ("empty", 1, &["empty", "no FITS file"]),
        ("in/*.fit", 1, &["in/*.fit", "no file matches"]),
        ("@names.csv", 1, &["names.csv", "no column file", "name, hdu", "exposure"]),
        ("@rows.csv", 1, &["rows.csv", "no row"]),
        ("@cell.csv", 1, &["cell.csv", "row 2", "scale", "bright"]),
        ("@ragged.csv", 1, &["ragged.csv", "no table of text"]),
        ("@nofile.csv", 1, &["nofile.csv", "row 1", "column file"]),
        ("@zero.csv", 1, &["in/a.fits", "scale"]),
        ("@in/a.fits", 1, &["in/a.fits", "no such binary table"]),
        ("@weights.csv --weights in/b.fits", 2, &["--weights and a table"]),
        ("in --weights in/a.fits", 2, &["--weights: 1 files for 2 inputs"]),
    ] {
        folder.refuse(&format!("mosaic -o out.fits {inputs}"), code, words);
    }
    // A list is read, and not written over.
    fs::write(folder.path("list.fits"), fs::read(folder.path("in/a.fits")).unwrap()).unwrap();
    folder.refuse("mosaic --overwrite -o list.fits in @list.fits", 1, &["list.fits"]);
    let done = Done::of(folder.command(PROGRAM).args(["mosaic", "-o", "out.fits", "in", "in/a.fits", "--overwrite"]));
    assert!(done.stderr.contains("more than once") && done.code == Some(0), "{}", done.stderr);
    assert!(FitsImage::open(folder.path("out.fits"), &Hdu::First).is_ok());
}
