//! `skymosaic hips`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use skymosaic::{FitsOutput, Header};

fn skymosaic() -> Command {
    Command::new(env!("CARGO_BIN_EXE_skymosaic"))
}

/// Overlapping images in a folder.
fn exposures(dir: &Path) -> Vec<PathBuf> {
    let exposure = |k: usize| {
        let path = dir.join(format!("exposure{k}.fits"));
        let mut header = Header::new();
        for (keyword, value) in [("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN")] {
            header.set(keyword, value, "");
        }
        let numbers = [
            ("CRPIX1", 150.5),
            ("CRPIX2", 150.5),
            ("CRVAL1", 83.0 + 0.2 * k as f64),
            ("CRVAL2", -5.0),
            ("CDELT1", -0.001),
            ("CDELT2", 0.001),
        ];
        numbers.iter().for_each(|(keyword, value)| header.set(keyword, *value, ""));
        let mut file = FitsOutput::<f32>::create(&path, &header, &[300, 300], false).unwrap();
        let image = ndarray::Array2::from_shape_fn((300, 300), |(y, x)| ((x * 13 + y * 29 + k * 5) % 83) as f32);
        file.write_array(image.view()).unwrap();
        file.publish().unwrap();
        path
    };
    (0..6).map(exposure).collect()
}

/// All files of a folder with their bytes, but for the dates in `properties`.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let mut bytes = fs::read(&path).unwrap();
            if path.ends_with("properties") {
                let text = String::from_utf8(bytes).unwrap();
                bytes =
                    text.lines().filter(|line| !line.contains("_date ")).collect::<Vec<_>>().join("\n").into_bytes();
            }
            found.insert(path.strip_prefix(dir).unwrap().to_owned(), bytes);
        }
    }
    found
}

/// Files below a folder that may be changing.
fn count(dir: &Path) -> usize {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
}

fn hips(dir: &Path, inputs: &[PathBuf], options: &[&str]) -> Command {
    let mut command = skymosaic();
    let fixed =
        ["--tile-width", "64", "--order", "10", "--threads", "2", "--title", "Test", "--creator-did", "ivo://T/P/t"];
    command.arg("hips").arg("-o").arg(dir).args(fixed).args(options).arg("--").args(inputs);
    command
}

#[test]
fn what_was_killed_is_resumed_with_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = exposures(dir.path());
    let whole = dir.path().join("whole");
    assert!(hips(&whole, &inputs, &[]).status().unwrap().success());
    let expected = files(&whole);
    let all = expected.len();
    for part in 1..6 {
        let (out, made) = (dir.path().join("out"), dir.path().join(".out.skymosaic-part"));
        let mut child = hips(&out, &inputs, &[]).stderr(Stdio::null()).spawn().unwrap();
        // Killed when so many files are there, or, if it is quicker than that, when it has ended.
        while child.try_wait().unwrap().is_none() && count(&made) < part * all / 6 {
            std::thread::sleep(Duration::from_micros(200));
        }
        let _ = child.kill();
        child.wait().unwrap();
        let left = count(&made);
        println!("killed with {left} of {all} files");
        if !out.exists() {
            let refused = hips(&out, &inputs, &[]).output().unwrap();
            assert!(String::from_utf8_lossy(&refused.stderr).contains("unfinished HiPS"));
            assert!(hips(&out, &inputs, &["--resume"]).status().unwrap().success());
        } else {
            // It was named; whatever comes next tidies up, and finds it.
            assert!(!hips(&out, &inputs, &["--resume"]).stderr(Stdio::null()).status().unwrap().success());
        }
        assert!(!made.exists());
        assert!(files(&out) == expected, "after {left} files");
        fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn images_are_added_and_the_result_checked() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = exposures(dir.path());
    let [whole, out, moc] = ["whole", "out", "moc.fits"].map(|name| dir.path().join(name));
    assert!(hips(&whole, &inputs, &["--appendable"]).status().unwrap().success());
    assert!(hips(&out, &inputs[..4], &["--appendable"]).status().unwrap().success());
    assert!(hips(&out, &inputs[4..], &["--append", "--moc", moc.to_str().unwrap()]).status().unwrap().success());
    let [mut whole_files, mut out_files] = [&whole, &out].map(|dir| files(dir));
    [&mut whole_files, &mut out_files].map(|files| files.remove(Path::new("Sums/made-of.json")).unwrap());
    assert!(whole_files == out_files);
    assert_eq!(fs::read(&moc).unwrap(), out_files[Path::new("Moc.fits")]);
    let again = hips(&out, &inputs[3..], &["--append"]).output().unwrap();
    assert!(String::from_utf8_lossy(&again.stderr).contains("exposure3.fits"), "{again:?}");
    let checked = skymosaic().args(["hips", "--check"]).arg(&out).output().unwrap();
    assert!(
        checked.status.success() && String::from_utf8_lossy(&checked.stdout).contains("no problems"),
        "{checked:?}"
    );
    fs::remove_dir_all(out.join("Norder9")).unwrap();
    let checked = skymosaic().args(["hips", "--check"]).arg(&out).output().unwrap();
    assert_eq!(checked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("no tile above it"), "{checked:?}");
}

#[test]
fn a_folder_with_other_files_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = exposures(dir.path());
    for options in [&[][..], &["--overwrite"], &["--resume"], &["--append"]] {
        let refused = hips(dir.path(), &inputs, options).output().unwrap();
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("other files"), "{refused:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), inputs.len());
}
