//! Target headers: the optimal one of some images, and those given in files.

use std::{fs::File, io::Read, path::Path};

use clap::Args;
use skymosaic::{FitsImage, Hdu, Header, Wcs};

use crate::{Failure, args, mosaic, say};

/// What the optimal target is to be like.
#[derive(Args, Debug, Default)]
pub(crate) struct Sky {
}

/// `skymosaic header`.
pub(crate) fn run(args: &args::Header) -> Result<(), Failure> {
    let images = mosaic::open(&args.inputs, &args.hdu)?;
    let inputs: Vec<_> = images.into_iter().map(|image| image.input).collect();
    say(&optimal(&inputs, &args.sky)?.to_header().to_string())
}

/// Reads a target: FITS (its first image, or a bare header) or header text.
pub(crate) fn read_target(path: &Path) -> Result<Wcs, Failure> {
    let about = |failure: Failure| failure.about(format!("--target {}", path.display()));
    let header = target_header(path).map_err(about)?;
    let wcs = Wcs::from_header(&header).map_err(|error| about(Failure::from(error).help("correct the target")))?;
    if wcs.shape().is_none_or(|shape| shape.contains(&0)) {
        let missing = "has no size: the cards NAXIS, NAXIS1 and NAXIS2 say how many columns and rows the mosaic has";
        return Err(about(Failure::new(missing).help("add NAXIS1 and NAXIS2, above 0, to the target")));
    }
    Ok(wcs)
}

/// Longest header text that is read.
const LONGEST: u64 = 64 << 20;

fn target_header(path: &Path) -> Result<Header, Failure> {
    let io = |error| Failure::new(format!("cannot read: {error}"));
    let mut start = Vec::new();
    let mut file = File::open(path).map_err(io)?;
    file.by_ref().take(82).read_to_end(&mut start).map_err(io)?;
    let gzip = start.starts_with(&[0x1f, 0x8b]);
    let is_text = start.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    let is_fits = gzip || start.starts_with(b"SIMPLE  =") && !is_text;
    let not_fits = match is_fits.then(|| FitsImage::open(path, &Hdu::First)) {
        Some(Ok(image)) => return Ok(image.header().clone()),
        // Headers without data are often saved as FITS records.
        Some(Err(error)) if gzip => return Err(error.into()),
        Some(Err(error)) => Some(error),
        None => None,
    };
    let mut text = start;
    file.take(LONGEST).read_to_end(&mut text).map_err(io)?;
    match (Header::parse(&String::from_utf8_lossy(&text)), not_fits) {
        (Ok(header), None) => Ok(header),
        (Ok(header), Some(_)) if header.get("CTYPE1").is_some() => Ok(header),
        (_, Some(error)) => Err(error.into()),
        (Err(error), None) => Err(Failure::new(format!("is neither FITS nor header text: {error}"))),
    }
}

/// The optimal target of some images.
pub(crate) fn optimal(inputs: &[skymosaic::Input<'_>], _sky: &Sky) -> Result<Wcs, Failure> {
    Ok(skymosaic::find_optimal_celestial_wcs(inputs)?)
}
