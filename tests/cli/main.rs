//! The program `skymosaic` as a user meets it: what it makes, what it says, what it leaves behind.
mod bad;
mod cubes;
mod good;
mod hips;
mod inputs;
mod kernels;
mod maps;

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use ndarray::ArrayD;
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
        file.write_array(pixels.view()).unwrap();
        file.publish().unwrap();
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
