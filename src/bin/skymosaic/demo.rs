//! `skymosaic demo`: twelve exposures of an invented field, and their mosaic.

mod sky;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Parser;
use skymosaic::{FitsOutput, Header, Wcs};

use crate::{
    Failure,
    args::{self, Cli, Command},
    interrupt, mosaic, print,
};
use sky::{Random, Sky};

/// Where the telescope points, in pixels of the field; position angle of the detector in degrees; size of its pixels
/// in those of the field; brightness of the night, which falls off across the detector (see [`GLOW`]).
const EXPOSURES: [(f64, f64, f64, f64, f64); 12] = [
    (196.0, 184.0, 4.0, 1.00, 20.0),
    (452.0, 204.0, -7.0, 1.04, 26.5),
    (726.0, 190.0, 2.0, 0.97, 16.0),
    (985.0, 206.0, 11.0, 1.02, 23.5),
    (188.0, 450.0, -3.0, 0.98, 29.0),
    (462.0, 462.0, 91.0, 1.05, 14.5),
    (718.0, 446.0, -5.0, 1.00, 21.5),
    (992.0, 455.0, 6.0, 0.95, 17.0),
    (201.0, 712.0, 183.0, 1.03, 25.0),
    (448.0, 706.0, 8.0, 0.99, 18.5),
    (730.0, 718.0, -10.0, 1.01, 28.0),
    (981.0, 704.0, -2.0, 1.04, 15.5),
];
/// How much the brightness of the night changes from one side of a detector to the other, at most.
const GLOW: f64 = 7.0;
/// Pixels on a side of an exposure.
const SIDE: usize = 400;
/// The exposure whose detector has dead columns, and the one that has dead pixels.
const DEAD_COLUMNS: usize = 3;
const DEAD_PIXELS: usize = 6;

/// `skymosaic demo DIR`.
pub(crate) fn run(args: &args::Demo) -> Result<(), Failure> {
    let dir = &args.dir;
    let fail = |action: &str, error| Failure::new(format!("{}: cannot {action}: {error}", dir.display()));
    let is_new = !dir.exists();
    if is_new {
        fs::create_dir(dir).map_err(|error| fail("create this folder", error))?;
    } else if fs::read_dir(dir).map_err(|error| fail("read this folder", error))?.next().is_some() {
        let problem = format!("{}: this folder is not empty, and the demo replaces nothing", dir.display());
        return Err(Failure::new(problem).help("name a folder that is new or empty"));
    }
    let exposures: Vec<PathBuf> =
        (1..=EXPOSURES.len()).map(|number| dir.join(format!("exposure_{number:02}.fits"))).collect();
    let files = ["mosaic.fits", "footprint.fits", "mosaic.png", "unmatched.fits", "unmatched.png"];
    let files @ [mosaic, footprint, picture, unmatched, before] = &files.map(|name| dir.join(name));
    let made = make(&exposures, files);
    if made.is_err() {
        // The folder was empty: what has one of these names was made here.
        for path in exposures.iter().chain(files) {
            let _ = fs::remove_file(path);
        }
        if is_new {
            let _ = fs::remove_dir(dir);
        }
        return made;
    }
    print(&format!(
        "Twelve exposures of {SIDE} × {SIDE} pixels, rotated, each under a night sky of its own, with noise, dead columns and pixels:\n\
         \x20 {}\n\
         have become, on the optimal target,\n\
         \x20 {}  the mosaic\n\
         \x20 {}  how many exposures each pixel has\n\
         \x20 {}  a picture to look at\n\
         by\n\
         \x20 skymosaic mosaic --match-background plane -o {} --footprint {} --preview {} {}\n\
         and, for comparison, without the matching of backgrounds\n\
         \x20 {} and {}\n\
         Try next:\n\
         \x20 skymosaic header {}\n\
         \x20 skymosaic mosaic --combine median --report report.json -o median.fits {}\n\
         \x20 skymosaic mosaic --help\n",
        dir.join("exposure_*.fits").display(),
        mosaic.display(),
        footprint.display(),
        picture.display(),
        mosaic.display(),
        footprint.display(),
        picture.display(),
        dir.join("exposure_*.fits").display(),
        unmatched.display(),
        before.display(),
        dir.join("exposure_*.fits").display(),
        dir.join("exposure_*.fits").display(),
    ))
}

fn make(exposures: &[PathBuf], [mosaic, footprint, picture, unmatched, before]: &[PathBuf; 5]) -> Result<(), Failure> {
    interrupt::hold();
    let sky = Sky::new()?;
    for (number, path) in exposures.iter().enumerate() {
        interrupt::check()?;
        expose(&sky, number, path)?;
    }
    let word = Path::new;
    let matched = [word("--match-background"), word("plane"), word("--footprint"), footprint];
    mosaic_of(exposures, mosaic, picture, &matched)?;
    mosaic_of(exposures, unmatched, before, &[])
}

/// What the command line would do.
fn mosaic_of(exposures: &[PathBuf], output: &Path, picture: &Path, options: &[&Path]) -> Result<(), Failure> {
    let words = ["skymosaic", "mosaic", "--preview"].map(Path::new);
    let named = [picture, Path::new("-o"), output];
    let end = [Path::new("--")];
    let words = words.iter().chain(&named).chain(options).chain(&end);
    let words = words.map(|word| word.as_os_str()).chain(exposures.iter().map(|path| path.as_os_str()));
    match Cli::try_parse_from(words) {
        Ok(Cli { command: Command::Mosaic(args) }) => mosaic::run(&args),
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::usage(error.to_string())),
    }
}

/// Takes one exposure.
fn expose(sky: &Sky, number: usize, path: &Path) -> Result<(), Failure> {
    let Some(&(u, v, angle, size, background)) = EXPOSURES.get(number) else { return Ok(()) };
    let (lon, lat) = sky.position(u, v);
    let (sin, cos) = f64::to_radians(angle).sin_cos();
    let step = sky::SCALE * size;
    let mut header = Header::new();
    header.set("OBJECT", "skymosaic demo", "invented");
    header.set("BUNIT", "adu", "unit of the pixels");
    header.set("RADESYS", "ICRS", "frame of the coordinates");
    for (axis, kind, value) in [(1, "RA---TAN", lon), (2, "DEC--TAN", lat)] {
        header.set(&format!("CTYPE{axis}"), kind, "gnomonic projection");
        header.set(&format!("CUNIT{axis}"), "deg", "unit of CRVAL and CD");
        header.set(&format!("CRVAL{axis}"), value, "reference position");
        header.set(&format!("CRPIX{axis}"), (SIDE + 1) as f64 / 2.0, "reference pixel");
    }
    for (keyword, value) in [("CD1_1", -cos), ("CD1_2", sin), ("CD2_1", sin), ("CD2_2", cos)] {
        header.set(keyword, step * value, "degrees a pixel");
    }
    let mut described = header.clone();
    described.set("NAXIS", 2, "");
    let wcs = Wcs::from_header(&described)?;
    let mut image = sky.through(&wcs, SIDE);
    let mut random = Random::new(1000 + number as u64);
    let [east, north] = [random.uniform() - 0.5, random.uniform() - 0.5].map(|slope| GLOW * slope / SIDE as f64);
    for (y, mut row) in image.outer_iter_mut().enumerate() {
        for (x, pixel) in row.iter_mut().enumerate() {
            let noise = (sky::NOISE.powi(2) + 0.04 * *pixel).sqrt() * random.gauss();
            let dead = match number {
                DEAD_COLUMNS => x == 52 || x == 53,
                DEAD_PIXELS => x < 110 && random.uniform() < 0.01 || (x as f64 - 40.0).hypot(y as f64 - 250.0) < 7.0,
                _ => false,
            };
            let half = SIDE as f64 / 2.0;
            let background = background + 2.0 * (east * (x as f64 - half) + north * (y as f64 - half));
            *pixel = if dead { f64::NAN } else { background + *pixel + noise };
        }
    }
    let mut file = FitsOutput::<f32>::create(path, &header, image.shape(), false)?;
    file.write_array(image.mapv(|value| value as f32).view())?;
    Ok(file.publish()?)
}
