use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::symlink,
    process::{Child, Command, Stdio},
};

use super::*;

/// With the unfinished file unnamed, where that is possible, and with it hidden.
const WAYS: [fn(&Path, u32) -> Option<File>; 2] = [unnamed, hidden_only];

fn hidden_only(_folder: &Path, _mode: u32) -> Option<File> {
    None
}

fn names(folder: &Path) -> Vec<OsString> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
#[cfg_attr(miri, ignore = "Miri has no files without a name")]
fn nothing_is_seen_until_it_is_whole() {
    for way in WAYS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let new = AtomicFile::create_with(&path, false, way).unwrap();
        new.file().write_all(b"one").unwrap();
        assert_eq!(names(dir.path()).len(), usize::from(new.temporary.is_some()));
        drop(new);
        assert!(names(dir.path()).is_empty());

        let new = AtomicFile::create_with(&path, false, way).unwrap();
        new.file().write_all(b"two").unwrap();
        // What is returned is the file itself.
        new.publish().unwrap().write_all(b" and more").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two and more");
        let error = AtomicFile::create_with(&path, false, way).unwrap_err();
        assert!(matches!(error, Error::Output { .. }), "{error}");

        let new = AtomicFile::create_with(&path, true, way).unwrap();
        new.file().write_all(b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two and more");
        new.publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(names(dir.path()), ["a"]);
    }
}

#[test]
#[cfg_attr(miri, ignore = "Miri has no files without a name")]
fn permissions_are_those_of_any_file_or_of_the_one_replaced() {
    for way in WAYS {
        let dir = tempfile::tempdir().unwrap();
        let [path, other] = ["a", "b"].map(|name| dir.path().join(name));
        fs::write(&other, "").unwrap();
        AtomicFile::create_with(&path, false, way).unwrap().publish().unwrap();
        assert_eq!(mode(&path), mode(&other));
        for kept in [0o400, 0o640, 0o666] {
            fs::set_permissions(&path, Permissions::from_mode(kept)).unwrap();
            AtomicFile::create_with(&path, true, way).unwrap().publish().unwrap();
            assert_eq!(mode(&path), kept);
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "Miri has no files without a name")]
fn a_file_that_appears_meanwhile_is_kept_unless_overwritten() {
    for way in WAYS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let kept = AtomicFile::create_with(&path, false, way).unwrap();
        let replaced = AtomicFile::create_with(&path, true, way).unwrap();
        fs::write(&path, "another's").unwrap();
        let error = kept.publish().unwrap_err();
        assert!(matches!(error, Error::Output { .. }) && error.to_string().contains("exists already"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"another's");
        replaced.publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        assert_eq!(names(dir.path()), ["a"]);
    }
}

#[test]
#[cfg_attr(miri, ignore = "Miri has no files without a name")]
fn a_link_stays_a_link() {
    for way in WAYS {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        let [link, next, target] = ["link", "folder/next", "there"].map(|name| dir.path().join(name));
        symlink("folder/next", &link).unwrap();
        symlink("../there", &next).unwrap();
        for contents in [b"one", b"two"] {
            let new = AtomicFile::create_with(&link, true, way).unwrap();
            assert_eq!(
                new.target(),
                dir.path().canonicalize().unwrap().join("folder/..").canonicalize().unwrap().join("there")
            );
            new.file().write_all(contents).unwrap();
            new.publish().unwrap();
            assert_eq!(fs::read(&target).unwrap(), contents);
        }
        assert!([link, next].iter().all(|link| link.symlink_metadata().unwrap().is_symlink()));
    }
}

#[test]
fn what_cannot_be_a_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let circle = dir.path().join("circle");
    symlink("circle", &circle).unwrap();
    let refused: [(&Path, &str); 6] = [
        (dir.path(), "is a folder"),
        (Path::new("/"), "is not the name of a file"),
        (Path::new(".."), "is not the name of a file"),
        (Path::new(""), "is not the name of a file"),
        (&circle, "too many symbolic links"),
        (Path::new("/dev/null"), "is not a regular file"),
    ];
    for (path, problem) in refused {
        let error = AtomicFile::create(path, true).unwrap_err();
        assert!(matches!(&error, Error::Output { path: named, .. } if named == path), "{error}");
        assert!(error.to_string().contains(problem), "{error}");
    }
    let error = AtomicFile::create(dir.path().join("no/file"), true).unwrap_err();
    assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("find the folder"), "{error}");
    assert_eq!(names(dir.path()), ["circle"]);
}

#[test]
fn paths_of_one_file_are_resolved_to_one_path() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().canonicalize().unwrap();
    symlink(".", folder.join("here")).unwrap();
    for path in ["a", "./a", "here/a", "here/here/a"] {
        assert_eq!(AtomicFile::resolve(folder.join(path)).unwrap(), folder.join("a"));
    }
    assert_eq!(AtomicFile::resolve("a").unwrap(), std::env::current_dir().unwrap().join("a"));
}

/// The variable that makes `a_child_that_does_not_finish` one; its value is the path to be written.
const UNFINISHED: &str = "SKYMOSAIC_TEST_UNFINISHED";

/// Not a test by itself.
#[test]
fn a_child_that_does_not_finish() {
    let Some(path) = std::env::var_os(UNFINISHED) else { return };
    let new = AtomicFile::create(path, true).unwrap();
    new.reserve(1 << 20, "a test").unwrap();
    new.file().write_all(&[1; 1 << 16]).unwrap();
    println!("\n{UNFINISHED} {}", new.temporary.is_none());
    std::thread::sleep(std::time::Duration::from_secs(600));
}

#[test]
#[cfg_attr(miri, ignore = "Miri starts no processes")]
fn a_process_that_is_killed_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let old = dir.path().join("old");
    fs::write(&old, "as it was").unwrap();
    for path in [&dir.path().join("new"), &old] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "storage::atomic_file::tests::a_child_that_does_not_finish", "--nocapture"])
            .env(UNFINISHED, path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let is_unnamed = wait_until_it_writes(&mut child);
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        if is_unnamed {
            assert_eq!(names(dir.path()), ["old"]);
        } else {
            eprintln!("{} has no files without a name: not tested", dir.path().display());
        }
        assert_eq!(fs::read(&old).unwrap(), b"as it was");
    }
}

/// Whether the file is one without a name.
fn wait_until_it_writes(child: &mut Child) -> bool {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = lines.map_while(Result::ok).filter_map(|line| Some(line.strip_prefix(UNFINISHED)?.trim() == "true"));
    said.next().expect("the child has ended")
}
