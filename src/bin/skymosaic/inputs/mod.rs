//! What is to be mosaicked: files and tables, HDUs, and what belongs to each image.

mod hdus;
mod names;
mod preset;
mod table;

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use rayon::prelude::*;
use skymosaic::{Error, FitsImage, Hdu, Header, Input, Wcs};

use hdus::Without;
pub(crate) use hdus::{HDU_FORMS, Hdus, hdus};
pub(crate) use names::FORMS;
pub(crate) use preset::Preset;
pub(crate) use table::COLUMNS;

use crate::{Failure, maps, warn};

/// Which files and HDUs; of every command that reads images.
#[derive(Args, Debug)]
pub(crate) struct Sources {
    #[arg(required = true, value_name = "INPUT", help = format!("FITS images (plain, .gz or .fz) and HEALPix maps: {FORMS}, or a table @name.csv, .ecsv or .fits with the columns {COLUMNS}"))]
    pub(crate) inputs: Vec<PathBuf>,
    /// HDU of every input, and of every file that belongs to one unless an option says otherwise: number (0 is the primary), EXTNAME,
    /// EXTNAME,EXTVER, a pattern of these ('SCI,*') or all. Default: the first with an image
    #[arg(long, value_name = HDU_FORMS, value_parser = hdus)]
    pub(crate) hdu: Option<Hdus>,
    /// What the files mean, where no option or table says it; it is printed
    #[arg(long, value_name = "KIND")]
    pub(crate) preset: Option<Preset>,
}

impl Sources {
    /// The lists and tables that are read.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.inputs.iter().filter_map(|name| names::list(name))
    }
}

/// What belongs to images; of commands that combine them.
#[derive(Args, Debug)]
pub(crate) struct Companions {
    /// Weights: one file per input, in the same order
    #[arg(long, value_name = "FILE", num_args = 1..)]
    weights: Vec<PathBuf>,
    /// HDU of every weights file; without --weights, of the inputs themselves. Default: as --hdu
    #[arg(long, value_name = HDU_FORMS, value_parser = hdus)]
    weights_hdu: Option<Hdus>,
    /// Variances: one file per input, in the same order
    #[arg(long, value_name = "FILE", num_args = 1..)]
    variance: Vec<PathBuf>,
    /// HDU of every variance file; without --variance, of the inputs themselves. Default: as --hdu
    #[arg(long, value_name = HDU_FORMS, value_parser = hdus)]
    variance_hdu: Option<Hdus>,
    /// Standard deviations, whose squares are the variances: one file per input, in the same order
    #[arg(long, value_name = "FILE", num_args = 1..)]
    error: Vec<PathBuf>,
    /// HDU of every file of standard deviations; without --error, of the inputs themselves. Default: as --hdu
    #[arg(long, value_name = HDU_FORMS, value_parser = hdus)]
    error_hdu: Option<Hdus>,
    /// Masks of integer flags: one file per input, in the same order
    #[arg(long, value_name = "FILE", num_args = 1..)]
    mask: Vec<PathBuf>,
    /// HDU of every mask file; without --mask, of the inputs themselves. Default: as --hdu
    #[arg(long, value_name = HDU_FORMS, value_parser = hdus)]
    mask_hdu: Option<Hdus>,
    /// Flags, added up, that make a pixel of an input missing; also hexadecimal, such as 0x11. Default: 0, or what the preset says
    #[arg(long, value_name = "BITS", value_parser = bits)]
    exclude_bits: Option<u32>,
    /// Multiply each image by the number that this keyword of its header holds, such as FLXSCALE; where a table has a scale, that is taken
    #[arg(long, value_name = "KEYWORD")]
    scale_keyword: Option<String>,
}

/// Flags as a number.
fn bits(text: &str) -> Result<u32, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| "expected a number of 32 bits, such as 17 or 0x11".to_owned())
}

/// What can belong to an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    Weights,
    Variance,
    Error,
    Mask,
}

impl Role {
    const ALL: [Role; 4] = [Role::Weights, Role::Variance, Role::Error, Role::Mask];

    /// The name of its option, and of its column in tables.
    fn option(self) -> &'static str {
        match self {
            Role::Weights => "weights",
            Role::Variance => "variance",
            Role::Error => "error",
            Role::Mask => "mask",
        }
    }

    fn attach(self, input: Input<'static>, path: &Path, hdu: &Hdu) -> Result<Input<'static>, Error> {
        match self {
            Role::Weights => input.with_weights_fits(path, hdu),
            Role::Variance => input.with_variance_fits(path, hdu),
            Role::Error => input.with_error_fits(path, hdu),
            Role::Mask => input.with_mask_fits(path, hdu),
        }
    }
}

impl Companions {
    fn of(&self, role: Role) -> (&[PathBuf], Option<&Hdus>) {
        match role {
            Role::Weights => (&self.weights, self.weights_hdu.as_ref()),
            Role::Variance => (&self.variance, self.variance_hdu.as_ref()),
            Role::Error => (&self.error, self.error_hdu.as_ref()),
            Role::Mask => (&self.mask, self.mask_hdu.as_ref()),
        }
    }

    /// Flags that make a pixel missing.
    pub(crate) fn exclude_bits(&self, sources: &Sources) -> u32 {
        self.exclude_bits.or(sources.preset.and_then(Preset::exclude_bits)).unwrap_or(0)
    }

    fn is_given(&self, role: Role) -> bool {
        let (files, hdus) = self.of(role);
        !files.is_empty() || hdus.is_some()
    }
}

/// A file that holds what belongs to the images of another, or other HDUs of the same.
#[derive(Clone, Debug)]
pub(crate) struct Companion {
    path: PathBuf,
    hdus: Option<Hdus>,
}

/// A file with images, and what belongs to them.
#[derive(Debug)]
pub(crate) struct Entry {
    path: PathBuf,
    hdus: Option<Hdus>,
    companions: Vec<(Role, Companion)>,
    /// A text file of cards that replace those of the headers, as SCAMP writes it.
    head: Option<PathBuf>,
    scale: Option<f64>,
    scale_keyword: Option<String>,
    /// Whether images without that keyword are left as they are.
    scale_is_optional: bool,
    sky: Option<f64>,
    exposure: Option<String>,
}

impl Entry {
    fn of(path: PathBuf) -> Entry {
        Entry {
            path,
            hdus: None,
            companions: Vec::new(),
            head: None,
            scale: None,
            scale_keyword: None,
            scale_is_optional: false,
            sky: None,
            exposure: None,
        }
    }

    fn has(&self, role: Role) -> bool {
        self.companions.iter().any(|(own, _)| *own == role)
    }

    fn set(&mut self, role: Role, companion: Companion) {
        self.companions.push((role, companion));
    }

    /// The files that are read.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let companions = self.companions.iter().map(|(_, companion)| &companion.path);
        std::iter::once(&self.path).chain(companions).chain(&self.head).map(PathBuf::as_path)
    }
}

/// The inputs that are named, in their order, with all that options, tables and the preset say of them.
pub(crate) fn entries(sources: &Sources, companions: Option<&Companions>) -> Result<Vec<Entry>, Failure> {
    let mut entries = names::entries(&sources.inputs)?;
    for entry in &mut entries {
        if entry.hdus.is_none() {
            entry.hdus.clone_from(&sources.hdu);
        }
    }
    if let Some(companions) = companions {
        for role in Role::ALL {
            give(&mut entries, role, companions)?;
        }
        for entry in &mut entries {
            entry.scale_keyword.clone_from(&companions.scale_keyword);
        }
    }
    if let Some(preset) = sources.preset {
        warn(&format!("preset: {}", preset.options()));
        let given = |role: Role| companions.is_none_or(|companions| companions.is_given(role));
        for entry in &mut entries {
            preset.complete(entry, &given)?;
            if entry.scale_keyword.is_none() && companions.is_some() {
                entry.scale_keyword = preset.scale_keyword().map(str::to_owned);
                entry.scale_is_optional = true;
            }
        }
    }
    let both = entries.iter().find(|entry| entry.has(Role::Variance) && entry.has(Role::Error));
    if let Some(entry) = both {
        let problem = format!("{} has variances and standard deviations: give one of them", entry.path.display());
        return Err(Failure::usage(problem));
    }
    Ok(entries)
}

/// Gives each input the file of the same place in an option, or other HDUs of its own.
fn give(entries: &mut [Entry], role: Role, companions: &Companions) -> Result<(), Failure> {
    let (files, hdus) = companions.of(role);
    let option = role.option();
    if !companions.is_given(role) {
        return Ok(());
    }
    if let Some(entry) = entries.iter().find(|entry| entry.has(role)) {
        let problem = format!("--{option} and a table both say what belongs to {}", entry.path.display());
        return Err(Failure::usage(problem));
    }
    let files = names::all_files(files)?;
    if !files.is_empty() && files.len() != entries.len() {
        let counts = format!("--{option}: {} files for {} inputs", files.len(), entries.len());
        return Err(Failure::usage(format!("{counts}; it takes one file per input, in the same order")));
    }
    let mut files = files.into_iter();
    for entry in entries {
        let path = files.next().unwrap_or_else(|| entry.path.clone());
        entry.set(role, Companion { path, hdus: hdus.cloned() });
    }
    Ok(())
}

/// The same images twice count twice, which is rarely meant.
pub(crate) fn warn_of_repetition(entries: &[Entry]) {
    let mut seen = HashSet::new();
    for entry in entries {
        let hdus = entry.hdus.as_ref().map(ToString::to_string);
        if fs::canonicalize(&entry.path).is_ok_and(|path| !seen.insert((path, hdus))) {
            warn(&format!("warning: {} is given more than once, and counts as often", entry.path.display()));
        }
    }
}

/// An image that is to be mosaicked.
pub(crate) struct Image {
    pub(crate) input: Input<'static>,
    /// Whether it is a map of the whole sky, which no optimal target suits.
    is_map: bool,
}

/// What is to be known to open HEALPix maps and HiPS.
#[derive(Clone, Copy, Default)]
pub(crate) struct Opening<'o> {
    /// The target, if one is given, which HiPS are chosen an order for.
    pub(crate) target: Option<&'o Wcs>,
    /// The column of values of HEALPix maps.
    pub(crate) field: usize,
}

/// Refuses maps of the whole sky, where the inputs are to tell the target.
pub(crate) fn refuse_maps(images: &[Image]) -> Result<(), Failure> {
    match images.iter().find(|image| image.is_map) {
        None => Ok(()),
        Some(map) => Err(Failure::new(format!("{}: a map of the whole sky tells no target", map.input.name()))
            .help("give the --target of a mosaic, which tells the part of the sky and the scale")),
    }
}

/// Opens the images and maps of all files; they are in the order of the files, and of files that cannot be opened the first is named.
pub(crate) fn open(entries: &[Entry], how: &Opening<'_>) -> Result<Vec<Image>, Failure> {
    let opened: Vec<Result<Vec<Image>, Failure>> = entries.par_iter().map(|entry| entry.open(how)).collect();
    let mut images = Vec::with_capacity(entries.len());
    for opened in opened {
        images.extend(opened?);
    }
    Ok(images)
}

impl Entry {
    fn open(&self, how: &Opening<'_>) -> Result<Vec<Image>, Failure> {
        if let Some(folder) = maps::hips_folder(&self.path) {
            return self.map(maps::open_hips(folder, how.target)?);
        }
        let first = Hdus::One(Hdu::First);
        let hdus = self.hdus.as_ref().unwrap_or(&first);
        let found = match hdus::images(&self.path, hdus) {
            Err(Without::Image(error)) => return self.map(maps::open_healpix(&self.path, hdus, how.field, error)?),
            found => found?,
        };
        let versions: Vec<i64> = found.iter().map(FitsImage::version).collect();
        let mut heads = self.heads()?.into_iter();
        let mut images = Vec::with_capacity(found.len());
        for image in found {
            images.push(self.image(image, heads.next())?);
        }
        for (role, companion) in &self.companions {
            let hdus = companion.hdus.as_ref().unwrap_or(hdus);
            self.attach(&mut images, &versions, *role, (&companion.path, hdus))?;
        }
        Ok(images)
    }

    /// A map of the whole sky.
    fn map(&self, input: Input<'static>) -> Result<Vec<Image>, Failure> {
        if let Some((role, _)) = self.companions.first() {
            let problem = format!("{} is a map of the whole sky, which has no --{}", input.name(), role.option());
            return Err(Failure::usage(problem));
        }
        Ok(vec![Image { input: self.described(input, None)?, is_map: true }])
    }

    /// An image, with the cards that replace some of its header.
    fn image(&self, image: FitsImage, head: Option<Header>) -> Result<Image, Failure> {
        let number = image.number();
        let about = |error| Failure::from(error).about(format!("{} HDU {number}", self.path.display()));
        let mut header = None;
        if let Some(head) = head {
            let mut whole = image.header().clone();
            head.cards().for_each(|(keyword, value, comment)| whole.set(keyword, value.clone(), comment));
            header = Some(whole);
        }
        let wcs = match &header {
            None => image.wcs(None),
            Some(header) => Wcs::from_header(header),
        };
        let wcs = wcs.map_err(about)?;
        let input = self.described(Input::from_image(image, wcs), header.as_ref())?;
        Ok(Image { input, is_map: false })
    }

    /// An input with what is known of it beyond its file; `header` is the one that replaces its own.
    fn described(&self, mut input: Input<'static>, header: Option<&Header>) -> Result<Input<'static>, Failure> {
        input = match (self.scale, &self.scale_keyword) {
            (Some(scale), _) => input.scaled(scale),
            (None, Some(keyword)) => {
                let own = header.and_then(|header| header.f64(keyword).ok().flatten());
                let is_there = input.header().is_some_and(|header| header.get(keyword).is_some());
                match own {
                    Some(scale) => input.scaled(scale),
                    None if self.scale_is_optional && !is_there => input,
                    None => input.scaled_by_keyword(keyword)?,
                }
            }
            (None, None) => input,
        };
        if let Some(level) = self.sky {
            input = input.with_sky(level);
        }
        if let Some(exposure) = &self.exposure {
            input = input.of_exposure(exposure);
        }
        Ok(input)
    }

    /// The headers of the .head file: one after the other for the images of the file, each up to END.
    fn heads(&self) -> Result<Vec<Header>, Failure> {
        let Some(path) = &self.head else { return Ok(Vec::new()) };
        let about = |problem: String| Failure::new(problem).about(path.display());
        let bytes = fs::read(path).map_err(|error| about(format!("cannot read: {error}")))?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        let mut heads: Vec<&[&str]> = lines.split(|line| line.trim_end() == "END").collect();
        // What follows the last END.
        if heads.last().is_some_and(|rest| rest.iter().all(|line| line.trim().is_empty())) {
            heads.pop();
        }
        heads.iter().map(|cards| Header::parse(&cards.join("\n")).map_err(|error| about(error.to_string()))).collect()
    }

    /// Gives each image the image of the same place in other HDUs.
    fn attach(
        &self,
        images: &mut [Image],
        versions: &[i64],
        role: Role,
        (path, hdus): (&Path, &Hdus),
    ) -> Result<(), Failure> {
        let option = role.option();
        let about = |failure: Failure| failure.about(format!("--{option} {}", path.display()));
        let given = hdus::images(path, hdus).map_err(|without| about(without.into()))?;
        if given.len() != images.len() {
            let counts =
                format!("{} images of --{option} for {} images of {}", given.len(), images.len(), self.path.display());
            return Err(about(Failure::new(counts).help(format!("HDU {hdus} has to hold one for each image"))));
        }
        let pattern = |hdus: &Hdus| matches!(hdus, Hdus::Matching(_));
        let named = pattern(hdus) && self.hdus.as_ref().is_some_and(pattern);
        for ((image, version), given) in images.iter_mut().zip(versions).zip(given) {
            if named && given.version() != *version {
                let problem = format!("version {} is found for version {version} of the image", given.version());
                return Err(about(Failure::new(problem)));
            }
            let with = role.attach(image.input.clone(), path, &Hdu::Number(given.number()));
            image.input = with.map_err(|error| {
                Failure::from(error).about(format!("--{option} {} HDU {}", path.display(), given.number()))
            })?;
        }
        Ok(())
    }
}
