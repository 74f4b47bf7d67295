//! `skymosaic hips`: images in, a hierarchical progressive survey out.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::{Args, ValueEnum};
use skymosaic::{
    AtomicFile, Frame, HipsCuts, HipsExisting, HipsFormat, HipsOptions, HipsPixels, HipsReduction, HipsStretch, Input,
    Parallel, check_hips, same_file, write_hips,
};

use crate::{
    Failure,
    args::{How, Names, fits_file},
    inputs::{self, Companions, Entry, Sources},
    interrupt, outputs, print, warn,
};

const STRETCH: Names<HipsStretch> = Names(&[
    ("linear", || HipsStretch::Linear),
    ("log", || HipsStretch::Log),
    ("sqrt", || HipsStretch::Sqrt),
    ("asinh", || HipsStretch::Asinh),
]);

const REDUCE: Names<HipsReduction> = Names(&[("mean", || HipsReduction::Mean), ("median", || HipsReduction::Median)]);

const FORMAT: Names<HipsFormat> = Names(&[
    ("fits", || HipsFormat::Fits),
    ("png", || HipsFormat::Png),
    ("jpeg", || HipsFormat::Jpeg),
    ("webp", || HipsFormat::Webp),
]);

const FRAME: Names<Frame> = Names(&[
    ("equatorial", || Frame::Icrs),
    ("galactic", || Frame::Galactic),
    ("ecliptic", || Frame::Ecliptic { equinox: 2000.0 }),
]);

/// Arguments of `hips`.
#[derive(Args, Debug)]
pub(crate) struct HipsArgs {
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    companions: Companions,
    /// Folder to write: new or empty. Until it is whole, all is in .DIR.skymosaic-part beside it
    #[arg(short, long, value_name = "DIR", required_unless_present = "check")]
    output: Option<PathBuf>,
    /// Check a HiPS, whoever made it, and do nothing else: its properties, the places of its tiles, and whether they are whole
    #[arg(long, value_name = "DIR", exclusive = true)]
    check: Option<PathBuf>,
    /// File for the coverage of the HiPS, which its folder has as Moc.fits too
    #[arg(long, value_name = "FILE.fits", value_parser = fits_file())]
    moc: Option<PathBuf>,
    /// Finest order. Default: the first whose pixels are at most a tenth larger than the smallest pixels of the images
    #[arg(long, value_name = "K")]
    order: Option<u8>,
    /// Pixels along the side of a tile: 64, 128, 256, 512 or 1024
    #[arg(long, value_name = "PIXELS", default_value = "512")]
    tile_width: usize,
    /// Frame of the tiles
    #[arg(long, value_name = "FRAME", default_value = "equatorial", value_parser = FRAME)]
    frame: Frame,
    /// Kinds of tiles to keep
    #[arg(long, value_name = "A,B", value_delimiter = ',', default_value = "fits,png", value_parser = FORMAT)]
    format: Vec<HipsFormat>,
    /// Type of the pixels of FITS tiles
    #[arg(long, value_name = "TYPE", default_value = "f32")]
    dtype: Dtype,
    /// With i16 and u8: the step from one integer to the next. Default: BSCALE of the first image, or 1
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    bscale: Option<f64>,
    /// With i16 and u8: the value of integer 0. Default: BZERO of the first image, or 0
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    bzero: Option<f64>,
    /// What four pixels become in the order above
    #[arg(long, value_name = "HOW", default_value = "mean", value_parser = REDUCE)]
    reduce: HipsReduction,
    /// Values that are black and white in pictures
    #[arg(long, value_name = "LOW,HIGH", value_parser = pair, allow_hyphen_values = true, conflicts_with = "percentiles")]
    cuts: Option<Pair>,
    /// Percentiles of the values that are black and white in pictures. Default: 0.5,99.5
    #[arg(long, value_name = "LOW,HIGH", value_parser = pair)]
    percentiles: Option<Pair>,
    /// How values become brightness in pictures
    #[arg(long, value_name = "HOW", default_value = "asinh", value_parser = STRETCH)]
    stretch: HipsStretch,
    /// Title of the survey. Default: the name of the folder
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Identifier of the survey, ivo://AUTHORITY/P/NAME. Default: ivo://UNKNOWN/P/ and the name of the folder
    #[arg(long, value_name = "ID")]
    creator_did: Option<String>,
    #[command(flatten)]
    how: How,
    /// Replace a HiPS that is in the folder
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// Finish what a run with the same images and options has begun
    #[arg(long)]
    resume: bool,
    /// Keep the sums of all pixels, 16 bytes each, so that images can be added later. With --combine mean, sum, first, last, min or max
    #[arg(long)]
    appendable: bool,
    /// Add the images to a HiPS that was made with --appendable and these options: the result is that of one run with all images. What was begun is finished
    #[arg(long, conflicts_with_all = ["overwrite", "resume"])]
    append: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Dtype {
    /// 32-bit floating point
    F32,
    /// 64-bit floating point
    F64,
    /// 16-bit integers
    I16,
    /// 8-bit integers
    U8,
}

/// Two numbers.
#[derive(Clone, Copy, Debug)]
struct Pair([f64; 2]);

fn pair(text: &str) -> Result<Pair, String> {
    let numbers =
        text.split_once(',').and_then(|(low, high)| Some([low.trim().parse().ok()?, high.trim().parse().ok()?]));
    numbers.map(Pair).ok_or_else(|| "expected two numbers with a comma between them, such as 0.5,99.5".to_owned())
}

/// `skymosaic hips`, on as many threads as are asked for.
pub(crate) fn run(args: &HipsArgs) -> Result<(), Failure> {
    match &args.check {
        Some(dir) => check(dir),
        // Without a folder clap has refused the arguments.
        None => args.how.on_threads(|| args.output.as_deref().map_or(Ok(()), |output| hips(args, output))),
    }
}

fn check(dir: &Path) -> Result<(), Failure> {
    let problems = check_hips(dir, Parallel::Current)?;
    if problems.is_empty() {
        return print(&format!("{}: no problems\n", dir.display()));
    }
    print(&problems.iter().map(|problem| format!("{problem}\n")).collect::<String>())?;
    Err(Failure::new(format!("{}: {} problems", dir.display(), problems.len())))
}

/// Copies `Moc.fits` of a HiPS.
fn copy_moc(hips: &Path, path: &Path, overwrite: bool) -> Result<(), Failure> {
    let from = hips.join("Moc.fits");
    let failed =
        |action: &str, path: &Path, error| Failure::new(format!("cannot {action} {}: {error}", path.display()));
    let bytes = fs::read(&from).map_err(|error| failed("read", &from, error))?;
    let file = AtomicFile::create(path, overwrite)?;
    file.file().write_all(&bytes).map_err(|error| failed("write", path, error))?;
    Ok(file.publish().map(drop)?)
}

fn hips(args: &HipsArgs, output: &Path) -> Result<(), Failure> {
    let started = Instant::now();
    let options = args.how.options()?.exclude_bits(args.companions.exclude_bits(&args.sources));
    let entries = inputs::entries(&args.sources, Some(&args.companions))?;
    let sources: Vec<&Path> = args.sources.files().chain(entries.iter().flat_map(Entry::files)).collect();
    if let Some(input) = sources.iter().find(|input| same_file(input, output)) {
        return Err(Failure::new(format!("--output {} is also read", input.display())).help("choose another name"));
    }
    if let Some(path) = &args.moc {
        outputs::check(&[("--moc", path)], &sources, args.overwrite)?;
    }
    inputs::warn_of_repetition(&entries);
    let images = inputs::open(&entries, &inputs::Opening::default())?;
    let inputs: Vec<Input<'_>> = images.into_iter().map(|image| image.input).collect();
    let first = |keyword: &str, default: f64| {
        let header = inputs.first().and_then(|input| input.header());
        header.and_then(|header| header.f64(keyword).ok().flatten()).unwrap_or(default)
    };
    let (bscale, bzero) =
        (args.bscale.unwrap_or_else(|| first("BSCALE", 1.0)), args.bzero.unwrap_or_else(|| first("BZERO", 0.0)));
    let name = output.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut hips = HipsOptions::default()
        .width(args.tile_width)
        .frame(args.frame.clone())
        .formats(args.format.clone())
        .reduction(args.reduce)
        .stretch(args.stretch)
        .pixels(match args.dtype {
            Dtype::F32 => HipsPixels::F32,
            Dtype::F64 => HipsPixels::F64,
            Dtype::I16 => HipsPixels::I16 { bscale, bzero },
            Dtype::U8 => HipsPixels::U8 { bscale, bzero },
        })
        .cuts(match (args.cuts, args.percentiles) {
            (Some(Pair(values)), _) => HipsCuts::Values(values),
            (None, Some(Pair(percentiles))) => HipsCuts::Percentiles(percentiles),
            (None, None) => HipsCuts::default(),
        })
        .appendable(args.appendable)
        .existing(match args {
            HipsArgs { overwrite: true, .. } => HipsExisting::Overwrite,
            HipsArgs { resume: true, .. } => HipsExisting::Resume,
            HipsArgs { append: true, .. } => HipsExisting::Append,
            _ => HipsExisting::Refuse,
        })
        .title(args.title.clone().unwrap_or_else(|| name.clone()))
        .creator_did(args.creator_did.clone().unwrap_or_else(|| format!("ivo://UNKNOWN/P/{name}")));
    hips.order = args.order;
    interrupt::hold();
    let made = write_hips(output, &inputs, &hips, &options)?;
    if let Some(path) = &args.moc {
        copy_moc(output, path, args.overwrite)?;
    }
    warn(&format!(
        "{}: {} tiles of order {}, {} of all orders, from {} images; {:.2} s",
        output.display(),
        made.finest_tiles,
        made.order,
        made.tiles,
        inputs.len(),
        started.elapsed().as_secs_f64(),
    ));
    Ok(())
}
