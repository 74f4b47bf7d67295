//! What can be asked on the command line: names, values, defaults.

use std::{ffi::OsStr, num::NonZeroUsize, path::PathBuf};

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    builder::{PathBufValueParser, PossibleValue, TypedValueParser},
};
use skymosaic::{Adaptive, Clip, Combine, CoordinateError, Drizzle, Resample, SpectralInterpolation};

use crate::inputs::{Companions, Sources};

/// `--resample`.
pub(crate) const RESAMPLE: Names<Resample> = Names(&[
    ("nearest", || Resample::Nearest),
    ("bilinear", || Resample::Bilinear),
    ("biquadratic", || Resample::Biquadratic),
    ("bicubic", || Resample::Bicubic),
    ("cubic", || Resample::Cubic),
    ("lanczos2", || Resample::Lanczos2),
    ("lanczos3", || Resample::Lanczos3),
    ("lanczos4", || Resample::Lanczos4),
    ("lanczos5", || Resample::Lanczos5),
    ("adaptive", || Resample::Adaptive(Adaptive::default())),
    ("exact", || Resample::Exact),
    ("drizzle", || Resample::Drizzle(Drizzle::default())),
]);

/// `--combine`.
const COMBINE: Names<Combine> = Names(&[
    ("mean", || Combine::Mean),
    ("sum", || Combine::Sum),
    ("first", || Combine::First),
    ("last", || Combine::Last),
    ("min", || Combine::Min),
    ("max", || Combine::Max),
    ("median", || Combine::Median),
    ("clipped", || Combine::Clipped(Clip::default())),
    ("weighted-median", || Combine::WeightedMedian),
    ("inverse-variance", || Combine::InverseVariance),
]);

/// `--spectral-interpolation`.
const SPECTRAL: Names<SpectralInterpolation> =
    Names(&[("linear", || SpectralInterpolation::Linear), ("nearest", || SpectralInterpolation::Nearest)]);

/// Mosaics astronomical images: reprojects FITS images onto one grid of the sky and co-adds them.
#[derive(Debug, Parser)]
#[command(name = "skymosaic", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make one mosaic of FITS images
    Mosaic(Box<Mosaic>),
    /// Print the optimal target header of FITS images, which mosaic --target takes
    Header(Box<Header>),
    /// Make a hierarchical progressive survey (HiPS) of FITS images, for sky browsers to zoom into
    Hips(Box<crate::hips::HipsArgs>),
    /// Write a small invented sky as FITS files, mosaic it, and leave FITS and PNG to look at
    Demo(Demo),
}

/// Arguments of `mosaic`.
#[derive(Args, Debug)]
pub(crate) struct Mosaic {
    #[command(flatten)]
    pub(crate) sources: Sources,
    #[command(flatten)]
    pub(crate) companions: Companions,
    /// FITS file to write
    #[arg(short, long, value_name = "OUT.fits", value_parser = fits_file())]
    pub(crate) output: PathBuf,
    /// Target WCS and shape: header text (one card a line) or FITS. Without it an optimal one is computed
    #[arg(long, value_name = "FILE")]
    pub(crate) target: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) planes: crate::planes::PlaneArgs,
    /// FITS file for the footprint (sum of coverage × weight)
    #[arg(long, value_name = "FILE", value_parser = fits_file())]
    pub(crate) footprint: Option<PathBuf>,
    /// PNG picture of the mosaic, at most 2048 pixels long
    #[arg(long, value_name = "FILE.png", value_parser = png_file())]
    pub(crate) preview: Option<PathBuf>,
    /// JSON report of what was done, with statistics of the mosaic
    #[arg(long, value_name = "FILE.json")]
    pub(crate) report: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) healpix: crate::maps::HealpixArgs,
    #[command(flatten)]
    pub(crate) how: How,
    /// How planes of a cube are interpolated where its channels are not those of the target: nearest or linear
    #[arg(long, value_name = "HOW", default_value = "linear", value_parser = SPECTRAL)]
    pub(crate) spectral_interpolation: SpectralInterpolation,
    /// Keywords that the mosaic takes from the images where all agree. Default: OBJECT,TELESCOP,INSTRUME,FILTER,OBSERVER,BUNIT,DATE-OBS
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    pub(crate) copy_keywords: Option<Vec<String>>,
    /// Value of pixels that no input covers
    #[arg(long, value_name = "VALUE", default_value = "nan", allow_hyphen_values = true)]
    pub(crate) blank: f64,
    /// Type of the pixels written
    #[arg(long, value_name = "TYPE", default_value = "f32")]
    pub(crate) dtype: Dtype,
    /// Replace output files that exist
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Print what would be done, and write nothing
    #[arg(long)]
    pub(crate) plan: bool,
}

/// Arguments about how images become one.
#[derive(Args, Debug)]
pub(crate) struct How {
    #[command(flatten)]
    pub(crate) kernel: crate::kernel::Kernel,
    /// How the samples of a pixel become its value
    #[arg(long, value_name = "HOW", default_value = "mean", value_parser = COMBINE)]
    pub(crate) combine: Combine,
    /// Bring the backgrounds to a common level first, by what differs where images overlap: subtract a constant from each, or a plane
    #[arg(long, value_name = "constant|plane", num_args = 0..=1, default_missing_value = "constant")]
    pub(crate) match_background: Option<Background>,
    /// The image, counted from 0 in the order given, whose background stays; with --match-background. Default: the mean stays
    #[arg(long, value_name = "N", requires = "match_background")]
    pub(crate) background_reference: Option<usize>,
    /// Where resampled inputs are kept before they are combined. The mosaic is the same
    #[arg(long, value_name = "WHERE", default_value = "none")]
    pub(crate) intermediate: Storage,
    /// Folder for temporary files. Default: $TMPDIR or /tmp
    #[arg(long, value_name = "DIR")]
    pub(crate) temp_dir: Option<PathBuf>,
    /// Memory to work in, such as 500MB or 2GiB. Default: about 100 MB a thread, and what the intermediates need
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) memory_limit: Option<u64>,
    /// Threads. Default: one per processor
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// How far positions may be off, in input pixels, or exact
    #[arg(long, value_name = "PX|exact", default_value = "1e-4", allow_negative_numbers = true, value_parser = coordinate_error)]
    pub(crate) coordinate_error: CoordinateError,
}

/// Arguments of `header`.
#[derive(Args, Debug)]
pub(crate) struct Header {
    #[command(flatten)]
    pub(crate) sources: Sources,
    #[command(flatten)]
    pub(crate) sky: crate::header::Sky,
}

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Folder to write: new or empty
    pub(crate) dir: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Background {
    /// A number
    Constant,
    /// A plane in the pixels of the mosaic
    Plane,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Storage {
    /// Nowhere: resampled and combined at once
    None,
    /// In memory
    Memory,
    /// In temporary files
    Mapped,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Dtype {
    /// 32-bit floating point
    F32,
    /// 64-bit floating point
    F64,
}

/// The values that an option can have, by name.
#[derive(Clone)]
pub(crate) struct Names<T: 'static>(pub(crate) &'static [Named<T>]);

pub(crate) type Named<T> = (&'static str, fn() -> T);

impl<T> Names<T> {
    fn names(&self) -> impl Iterator<Item = &'static str> + use<T> {
        self.0.iter().map(|(name, _)| *name)
    }

    fn find(&self, text: &str) -> Result<T, String> {
        let found = self.0.iter().find(|(name, _)| *name == text).map(|(_, value)| value());
        found.ok_or_else(|| format!("no such value; available: {}", self.names().collect::<Vec<_>>().join(", ")))
    }
}

impl<T: Clone + Send + Sync> TypedValueParser for Names<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<T, clap::Error> {
        let names = self.clone();
        (move |text: &str| names.find(text)).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names().map(PossibleValue::new)))
    }
}

/// The name of a FITS file to be written.
pub(crate) fn fits_file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| named(path, &["fits", "fit", "fts"], "FITS is written, uncompressed"))
}

fn png_file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| named(path, &["png"], "the picture is a PNG"))
}

/// A path, if its ending says one of the forms that can be written.
fn named(path: PathBuf, endings: &[&str], form: &str) -> Result<PathBuf, String> {
    let known = |found: &str| endings.iter().any(|ending| found.eq_ignore_ascii_case(ending));
    if path.extension().and_then(OsStr::to_str).is_some_and(known) {
        return Ok(path);
    }
    let endings: Vec<String> = endings.iter().map(|ending| format!(".{ending}")).collect();
    Err(format!("{form}: the name must end in {}", endings.join(" or ")))
}

fn coordinate_error(text: &str) -> Result<CoordinateError, String> {
    if text == "exact" {
        return Ok(CoordinateError::Exact);
    }
    match text.parse() {
        Ok(bound) if bound > 0.0 && f64::is_finite(bound) => Ok(CoordinateError::Pixels(bound)),
        _ => Err("expected a number of input pixels above 0, such as 1e-4, or exact".to_owned()),
    }
}

/// Bytes: a number and a unit, decimal (kB, MB) or binary (KiB, MiB; a letter alone is binary too).
fn size(text: &str) -> Result<u64, String> {
    let wrong = || "expected a number of bytes, such as 500MB, 2GiB or 1.5G".to_owned();
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let unit = unit.to_ascii_lowercase();
    let (letter, base) = match unit.strip_suffix("ib") {
        Some(letter) => (letter, 1024_f64),
        None => match unit.strip_suffix('b') {
            Some(letter) => (letter, 1000_f64),
            None => (&*unit, 1024_f64),
        },
    };
    let power = ["", "k", "m", "g", "t"].iter().position(|known| *known == letter).ok_or_else(wrong)?;
    let bytes = number * base.powi(power as i32);
    if (1.0..=1e18).contains(&bytes) { Ok(bytes as u64) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in
            [("4096", 4096), ("1k", 1024), ("500MB", 500_000_000), ("2GiB", 2 << 30), ("1.5 g", 3 << 29), ("7B", 7)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MB", "-1", "0", "1 parsec", "1e40", "nan", "1ib2"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn outputs_are_of_a_form_that_can_be_written() {
        let form = |name: &str| named(PathBuf::from(name), &["fits", "fit", "fts"], "FITS").is_ok();
        for name in ["a.fits", "a.FITS", "a.b.fit", "dir.zarr/a.Fts", "/a [1].fits"] {
            assert!(form(name), "{name}");
        }
        for name in ["a", "fits", ".fits", "a.fits.fz", "a.fits.gz", "a.zarr", "a.fits/", "a.png", "a."] {
            assert_eq!(form(name), name == "a.fits/", "{name}");
        }
    }
}
