//! What goes wrong.

use std::{
    fs,
    io::Read,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use ndarray::ArrayD;

use crate::{Done, Folder, PROGRAM, raw, wcs};

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
    folder.refuse(
        &format!("mosaic {outputs} a.fits b.fits c.fits"),
        1,
        &["times the area of the inputs", "c.fits", "--target"],
    );
}

#[test]
fn outputs_lose_nothing() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    for (option, end) in [
        ("-o", "fits"),
        ("-o x.fits --footprint", "FIT"),
        ("-o x.fits --count-out", "fts"),
        ("-o x.fits --preview", "png"),
        ("-o x.fits --report", "json"),
    ] {
        fs::write(folder.path(&format!("precious.{end}")), "precious").unwrap();
        fs::create_dir(folder.path(&format!("folder.{end}"))).unwrap();
        std::os::unix::fs::symlink("a.fits", folder.path(&format!("input.{end}"))).unwrap();
        std::os::unix::fs::symlink("/dev/null", folder.path(&format!("null.{end}"))).unwrap();
        let refuse = |arguments: &str, words: &[&str]| {
            folder.refuse(
                &format!(
                    "mosaic a.fits {}",
                    arguments.replace("-o ", &format!("{option} ")).replace(".end", &format!(".{end}"))
                ),
                1,
                words,
            );
        };
        refuse("-o precious.end", &["precious.", "exists already", "--overwrite"]);
        refuse("--overwrite -o input.end", &["input.", "also read"]);
        refuse("--overwrite -o folder.end", &["folder.", "is a folder"]);
        refuse("-o no/such/file.end", &["no/such", "folder"]);
        refuse("-o a.fits/file.end", &["a.fits"]);
        refuse("--overwrite -o null.end", &["null.", "regular file"]);
        refuse("-o /proc/skymosaic.end", &["/proc"]);
    }
    folder.refuse("mosaic a.fits -o x.fits --footprint ./x.fits", 1, &["x.fits", "--output"]);
    folder.refuse("mosaic a.fits -o x.fits --report y.png --preview y.png", 1, &["y.png", "--preview"]);
    folder.refuse(
        "mosaic --target precious.fits --overwrite -o precious.fits a.fits",
        1,
        &["precious.fits", "also read"],
    );
    folder.make("mosaic --overwrite a.fits -o x.fits --preview precious.png");
    assert!(fs::read(folder.path("precious.png")).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn forms_that_cannot_be_written_are_refused() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    for name in ["x.fits.fz", "x.fits.gz", "x.zarr", "x.tif", "x", "."] {
        folder.refuse(&format!("mosaic a.fits -o {name}"), 2, &[name, ".fits or .fit or .fts"]);
        folder.refuse(&format!("mosaic a.fits --plan -o {name}"), 2, &[name, ".fits or .fit or .fts"]);
        folder.refuse(&format!("mosaic a.fits -o x.fits --mask-out {name}"), 2, &[name, ".fits or .fit or .fts"]);
        folder.refuse(&format!("mosaic a.fits -o x.fits --preview {name}"), 2, &[name, ".png"]);
    }
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
    while !writes_in(child.id(), folder.0.path()) {
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

/// Whether a process has a file in a folder open that is not finished: without a name, or with one for the time being.
fn writes_in(process: u32, folder: &Path) -> bool {
    let folder = folder.canonicalize().unwrap();
    let open =
        fs::read_dir(format!("/proc/{process}/fd")).unwrap().filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    let mut names = open.filter_map(|path| Some(path.strip_prefix(&folder).ok()?.to_str()?.to_owned()));
    names.any(|name| name.ends_with(" (deleted)") || name.ends_with(".part"))
}

#[test]
fn a_killed_run_leaves_nothing_unfinished() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    let large = format!("NAXIS1 = 1500\nNAXIS2 = 1500\n{}", wcs(150.0)).replace("E-4", "E-6").replace("E-04", "E-06");
    fs::write(folder.path("large.txt"), large).unwrap();
    let before = folder.contents();
    let arguments = "mosaic --target large.txt --coordinate-error exact --threads 1 -o x.fits --footprint f.fits --preview p.png a.fits";
    let started = Instant::now();
    folder.make(arguments);
    let (duration, whole) = (started.elapsed(), folder.contents());
    let outputs = ["x.fits", "f.fits", "p.png"];
    let mut killed = 0;
    for tenth in 0..10 {
        for name in outputs {
            let _ = fs::remove_file(folder.path(name));
        }
        let mut child = folder.command(PROGRAM).args(arguments.split(' ')).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(duration * tenth / 10);
        child.kill().unwrap();
        killed += usize::from(child.wait().unwrap().code().is_none());
        let after = folder.contents();
        assert!(before.keys().all(|path| after.contains_key(path)));
        for (path, bytes) in after {
            assert!(whole.get(&path) == Some(&bytes), "leaves {}", path.display());
        }
    }
    assert!(killed > 5);
}

#[test]
fn inputs_that_are_truncated_during_a_run_are_named() {
    let folder = Folder::new();
    let names = ["a.fits", "b.fits", "c.fits"];
    let images: Vec<Vec<u8>> = (0..)
        .zip(names)
        .map(|(k, name)| {
            let mut header = wcs(150.0);
            header.set("CRPIX1", 150.5, "");
            header.set("CRPIX2", 450.5 - 300.0 * f64::from(k), "");
            folder.write(name, &header, &ArrayD::from_elem(vec![300, 300], 1.0));
            fs::read(folder.path(name)).unwrap()
        })
        .collect();
    // From south to north, so that the last image is not read before the end.
    let mut header = wcs(150.0);
    header.set("NAXIS1", 900, "");
    header.set("NAXIS2", 2700, "");
    for (keyword, value) in
        [("CRPIX1", 450.5), ("CRPIX2", 1350.5), ("CDELT1", -1.0 / 10800.0), ("CDELT2", 1.0 / 10800.0)]
    {
        header.set(keyword, value, "");
    }
    fs::write(folder.path("large.txt"), header.to_string()).unwrap();
    let arguments = "mosaic --target large.txt --coordinate-error exact --threads 1 -o x.fits a.fits b.fits c.fits";
    let started = Instant::now();
    folder.make(arguments);
    let duration = started.elapsed();
    fs::remove_file(folder.path("x.fits")).unwrap();
    let mut failed = 0;
    for tenth in 1..10 {
        for (name, bytes) in names.iter().zip(&images) {
            fs::write(folder.path(name), bytes).unwrap();
        }
        let mut child = folder.command(PROGRAM).args(arguments.split(' ')).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(duration * tenth / 10);
        for name in names {
            fs::File::options().write(true).open(folder.path(name)).unwrap().set_len(5000).unwrap();
        }
        let status = child.wait().unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let written = folder.path("x.fits").exists();
        if status.success() {
            fs::remove_file(folder.path("x.fits")).unwrap();
        } else {
            assert_eq!((status.code(), written), (Some(1), false), "{stderr}");
            assert!(names.iter().any(|name| stderr.contains(name)), "{stderr}");
            assert!(stderr.contains("truncated") || stderr.contains("has changed"), "{stderr}");
            failed += 1;
        }
    }
    assert!(failed > 3, "{failed}");
}

#[test]
fn mistakes_in_usage_are_explained() {
    let folder = Folder::new();
    folder.image("a.fits", 150.0);
    folder.refuse("mosaic -o x.fits", 2, &["INPUT"]);
    folder.refuse("mosaic a.fits", 2, &["--output"]);
    folder.refuse("header", 2, &["INPUT"]);
    folder.refuse("", 2, &["Usage"]);
    for (arguments, word) in [
        ("--resample best", "bilinear"),
        ("--combine best", "median"),
        ("--combine clipped --clip-iterations many", "clip-iterations"),
        ("--exclude-bits 0x1FFFFFFFF", "32 bits"),
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
