//! Variances and masks of the inputs, the planes that are written beside the mosaic, and clipping.

use std::path::{Path, PathBuf};

use clap::Args;
use skymosaic::{
    Clip, Column, Combine, Error, FitsElement, FitsOutput, Hdu, Header, Input, IntegerPlane, Pixel, PlaneSet, Sinks,
    ValuePlane,
};

use crate::{
    Failure,
    args::{Hdus, Mosaic, fits_file, hdus},
    mosaic::{Image, images_of},
};

/// Arguments of `mosaic` about variances, masks and clipping.
#[derive(Args, Debug)]
pub(crate) struct PlaneArgs {
    /// Variances: one FITS file per input, in the same order
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) variance: Vec<PathBuf>,
    /// HDU of every variance file; without --variance, of the inputs themselves. Default: as --hdu
    #[arg(long, value_name = "N|NAME|all", value_parser = hdus)]
    pub(crate) variance_hdu: Option<Hdus>,
    /// Masks of integer flags: one FITS file per input, in the same order
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) mask: Vec<PathBuf>,
    /// HDU of every mask file; without --mask, of the inputs themselves. Default: as --hdu
    #[arg(long, value_name = "N|NAME|all", value_parser = hdus)]
    pub(crate) mask_hdu: Option<Hdus>,
    /// Flags, added up, that make a pixel of an input missing; also hexadecimal, such as 0x11
    #[arg(long, value_name = "BITS", default_value = "0", value_parser = bits)]
    pub(crate) exclude_bits: u32,
    /// FITS file for the variance of the mosaic
    #[arg(long, value_name = "FILE", value_parser = fits_file())]
    pub(crate) variance_out: Option<PathBuf>,
    /// FITS file for the flags of all pixels that a pixel of the mosaic is made of
    #[arg(long, value_name = "FILE", value_parser = fits_file())]
    pub(crate) mask_out: Option<PathBuf>,
    /// FITS file for the number of images that a pixel of the mosaic is made of
    #[arg(long, value_name = "FILE", value_parser = fits_file())]
    pub(crate) count_out: Option<PathBuf>,
    /// FITS file for which images these are: a bit for each, 32 to a plane
    #[arg(long, value_name = "FILE", value_parser = fits_file())]
    pub(crate) context_out: Option<PathBuf>,
    /// With --combine clipped: standard deviations below the median that are kept. Default: 3
    #[arg(long, value_name = "KAPPA", allow_negative_numbers = true)]
    pub(crate) clip_low: Option<f64>,
    /// With --combine clipped: standard deviations above the median that are kept. Default: 3
    #[arg(long, value_name = "KAPPA", allow_negative_numbers = true)]
    pub(crate) clip_high: Option<f64>,
    /// With --combine clipped: how often at most. Default: 5
    #[arg(long, value_name = "N")]
    pub(crate) clip_iterations: Option<usize>,
}

/// Flags as a number.
fn bits(text: &str) -> Result<u32, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| "expected a number of 32 bits, such as 17 or 0x11".to_owned())
}

impl PlaneArgs {
    /// The planes asked for beside the mosaic and its footprint.
    pub(crate) fn planes(&self) -> PlaneSet {
        let mut planes = PlaneSet::NONE;
        planes.set(PlaneSet::VARIANCE, self.variance_out.is_some());
        planes.set(PlaneSet::MASK, self.mask_out.is_some());
        planes.set(PlaneSet::COUNT, self.count_out.is_some());
        planes.set(PlaneSet::CONTEXT, self.context_out.is_some());
        planes
    }

    /// The combination, clipping as asked for.
    pub(crate) fn combine(&self, combine: Combine) -> Result<Combine, Failure> {
        let Combine::Clipped(default) = combine else {
            if self.clip_low.is_some() || self.clip_high.is_some() || self.clip_iterations.is_some() {
                return Err(Failure::usage("--clip-low, --clip-high and --clip-iterations go with --combine clipped"));
            }
            return Ok(combine);
        };
        let Clip { low, high, iterations, .. } = default;
        Ok(Combine::Clipped(
            Clip::default()
                .low(self.clip_low.unwrap_or(low))
                .high(self.clip_high.unwrap_or(high))
                .iterations(self.clip_iterations.unwrap_or(iterations)),
        ))
    }

    /// The files to be written, by option.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let files = [
            ("--variance-out", &self.variance_out),
            ("--mask-out", &self.mask_out),
            ("--count-out", &self.count_out),
            ("--context-out", &self.context_out),
        ];
        files.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)))
    }

    /// The files that are read beside inputs and weights.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &PathBuf> {
        self.variance.iter().chain(&self.mask)
    }

    /// Gives variances and masks to the images of the inputs.
    pub(crate) fn attach(&self, mut images: Vec<Image>, given: (&[PathBuf], &Hdus)) -> Result<Vec<Image>, Failure> {
        if self.variance_out.is_some() && self.variance.is_empty() && self.variance_hdu.is_none() {
            return Err(Failure::usage("--variance-out needs --variance or --variance-hdu"));
        }
        let variance = (&self.variance[..], &self.variance_hdu);
        attach(&mut images, given, ["--variance", "variances"], variance, |input, path, hdu| {
            input.with_variance_fits(path, hdu)
        })?;
        let mask = (&self.mask[..], &self.mask_hdu);
        attach(&mut images, given, ["--mask", "masks"], mask, |input, path, hdu| input.with_mask_fits(path, hdu))?;
        Ok(images)
    }
}

type With = fn(Input<'static>, &Path, &Hdu) -> Result<Input<'static>, Error>;

/// Gives each image of the inputs, which are in these files and HDUs, the image of the same place in other files, or in other HDUs of the same.
pub(crate) fn attach(
    images: &mut [Image],
    (inputs, own_hdu): (&[PathBuf], &Hdus),
    [option, what]: [&str; 2],
    (files, hdu): (&[PathBuf], &Option<Hdus>),
    with: With,
) -> Result<(), Failure> {
    let files = match (files, hdu) {
        ([], None) => return Ok(()),
        ([], Some(_)) => inputs,
        _ => files,
    };
    if files.len() != inputs.len() {
        let counts = format!("{} {what} for {} inputs", files.len(), inputs.len());
        return Err(Failure::usage(format!("{counts}: {option} takes one file per input, in the same order")));
    }
    let mut given = Vec::with_capacity(images.len());
    for path in files {
        let found = images_of(path, hdu.as_ref().unwrap_or(own_hdu))?;
        given.extend(found.iter().map(|image| (path, image.number())));
    }
    if given.len() != images.len() {
        let counts = format!("{} images of {what} for {} images", given.len(), images.len());
        return Err(
            Failure::new(counts).help(format!("with HDU all, a file of {what} has as many images as its input"))
        );
    }
    for (image, (path, number)) in images.iter_mut().zip(given) {
        let about = |error| Failure::from(error).about(format!("{option} {} HDU {number}", path.display()));
        image.input = with(image.input.clone(), path, &Hdu::Number(number)).map_err(about)?;
    }
    Ok(())
}

/// The FITS files of the planes of a run.
pub(crate) struct Files<P> {
    mosaic: FitsOutput<P>,
    values: Vec<FitsOutput<P>>,
    integers: Vec<FitsOutput<i32>>,
}

impl<P: Pixel + FitsElement> Files<P> {
    pub(crate) fn create(args: &Mosaic, header: &Header, shape: &[usize], inputs: usize) -> Result<Files<P>, Failure> {
        let asked = &args.planes;
        let mut plain = header.clone();
        plain.remove("BUNIT");
        let mut squared = plain.clone();
        if let Ok(Some(unit)) = header.text("BUNIT") {
            squared.set("BUNIT", format!("({unit})**2"), "unit of the pixels");
        }
        let words: Vec<usize> = std::iter::once(inputs.div_ceil(32)).chain(shape.iter().copied()).collect();
        let overwrite = args.overwrite;
        let mosaic = FitsOutput::create(&args.output, header, shape, overwrite)?;
        let mut values = Vec::new();
        for (path, header, plane) in
            [(&args.footprint, &plain, ValuePlane::Footprint), (&asked.variance_out, &squared, ValuePlane::Variance)]
        {
            if let Some(path) = path {
                values.push(FitsOutput::<P>::create(path, header, shape, overwrite)?.plane(plane));
            }
        }
        let mut integers = Vec::new();
        for (path, shape, plane) in [
            (&asked.mask_out, shape, IntegerPlane::Mask),
            (&asked.count_out, shape, IntegerPlane::Count),
            (&asked.context_out, &words, IntegerPlane::Context),
        ] {
            if let Some(path) = path {
                integers.push(FitsOutput::<i32>::create(path, &plain, shape, overwrite)?.plane(plane));
            }
        }
        Ok(Files { mosaic, values, integers })
    }

    /// Adds the files to the sinks of a run.
    pub(crate) fn add_to<'s>(&'s mut self, sinks: &mut Sinks<'s, P>) {
        sinks.add(&mut self.mosaic);
        self.values.iter_mut().for_each(|file| sinks.add(file));
        self.integers.iter_mut().for_each(|file| sinks.add(file));
    }

    pub(crate) fn publish(mut self, inputs: &[Column]) -> Result<(), Failure> {
        self.mosaic.append_table("INPUTS", &Header::new(), inputs)?;
        self.mosaic.publish()?;
        self.values.into_iter().try_for_each(FitsOutput::publish)?;
        Ok(self.integers.into_iter().try_for_each(FitsOutput::publish)?)
    }
}
