//! What goes wrong.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use crate::{Done, Folder, PROGRAM, east, raw, wcs};

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
                &format!("mosaic a.fits {}", arguments.replace("-o", option).replace(".end", &format!(".{end}"))),
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
    while !is_writing(child.id(), folder.0.path()) {
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

/// Whether a process has a file of a folder open, with or without a name, that is not an input.
fn is_writing(process: u32, folder: &Path) -> bool {
    let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let mut files = files.filter_map(|file| fs::read_link(file.path()).ok());
    files.any(|file| file.starts_with(folder) && !file.ends_with("a.fits"))
}

/// What a killed program leaves is left for good.
#[test]
#[ignore = "needs unnamed files (branch storage)"]
fn kill_leaves_nothing() {
    let folder = Folder::new();
    for (number, name) in ["a.fits", "b.fits", "c.fits"].into_iter().enumerate() {
        folder.image(name, east(15.0 * number as f64));
    }
    let large = format!("NAXIS1 = 6000\nNAXIS2 = 6000\n{}", wcs(150.0)).replace("E-4", "E-6").replace("E-04", "E-06");
    fs::write(folder.path("large.txt"), large).unwrap();
    let outputs = "-o x.fits --footprint f.fits --count-out n.fits --preview p.png --report r.json";
    let arguments = format!("mosaic --overwrite --target large.txt {outputs} a.fits b.fits c.fits");
    let clock = std::time::Instant::now();
    folder.make(&arguments);
    let whole = clock.elapsed();
    let names = ["x.fits", "f.fits", "n.fits", "p.png", "r.json"];
    let outputs = names.map(|name| fs::read(folder.path(name)).unwrap());
    names.iter().for_each(|name| fs::remove_file(folder.path(name)).unwrap());
    let before = folder.contents();
    let mut random = u64::from(std::process::id());
    let mut killed = 0;
    for _ in 0..10 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let after = whole.mul_f64((random >> 40) as f64 / (1 << 24) as f64);
        let mut child = folder.command(PROGRAM).args(arguments.split(' ')).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(after);
        // SIGKILL.
        child.kill().unwrap();
        killed += usize::from(!child.wait().unwrap().success());
        let mut left = folder.contents();
        for (name, output) in names.iter().zip(&outputs) {
            // At the very end files get their names, one after the other, and are whole then. The report tells times.
            if let Some(found) = left.remove(&folder.path(name)) {
                assert!(found == *output || *name == "r.json" && found.ends_with(b"}\n"), "{name} after {after:?}");
                fs::remove_file(folder.path(name)).unwrap();
            }
        }
        assert!(left == before, "after {after:?} of {whole:?}: leaves {:?}", left.keys());
    }
    assert!(killed >= 5, "{killed} of 10 were killed in time");
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
