//! The planes that are written beside the mosaic, and clipping.

use std::path::{Path, PathBuf};

use clap::Args;
use skymosaic::{
    Clip, Column, Combine, FitsElement, FitsOutput, Header, IntegerPlane, Pixel, PlaneSet, Sinks, ValuePlane,
};

use crate::{
    Failure,
    args::{Mosaic, fits_file},
};

/// Arguments of `mosaic` about variances, masks and clipping.
#[derive(Args, Debug)]
pub(crate) struct PlaneArgs {
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

    /// Checks that all is known that the planes are computed from.
    pub(crate) fn check(&self, have_variances: bool) -> Result<(), Failure> {
        if self.variance_out.is_some() && !have_variances {
            return Err(Failure::usage("--variance-out needs --variance, --error or their HDUs, for all inputs"));
        }
        Ok(())
    }
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
