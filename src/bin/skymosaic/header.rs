//! Target headers: the optimal one of some images, and those given in files.

use std::{fs::File, io::Read, path::Path};

use clap::Args;
use skymosaic::{Error, FitsImage, Frame, Hdu, Header, Input, OptimalOptions, Wcs, find_optimal_celestial_wcs_of};

use crate::{Failure, args, inputs, print, warn};

/// What the optimal target is to be like.
#[derive(Args, Debug)]
pub(crate) struct Sky {
    /// icrs, fk5, fk4, galactic, supergalactic or ecliptic. Default: that of the first input
    #[arg(long, value_name = "FRAME", value_parser = frame)]
    frame: Option<Frame>,
    /// Three letters: TAN, CAR, AIT, …
    #[arg(long, value_name = "CODE", default_value = TANGENT)]
    projection: String,
    /// Size of a pixel: 1.5arcsec, 2arcmin, 0.001deg. Default: the smallest of the inputs
    #[arg(long, value_name = "ANGLE", value_parser = angle)]
    resolution: Option<f64>,
    /// Turn the target so that it is as small as possible. Default: north is up
    #[arg(long)]
    auto_rotate: bool,
}

const TANGENT: &str = "TAN";

impl Default for Sky {
    fn default() -> Sky {
        Sky { frame: None, projection: TANGENT.to_owned(), resolution: None, auto_rotate: false }
    }
}

/// `skymosaic header`.
pub(crate) fn run(args: &args::Header) -> Result<(), Failure> {
    let images = inputs::open(&inputs::entries(&args.sources, None)?, &inputs::Opening::default())?;
    inputs::refuse_maps(&images)?;
    let inputs: Vec<_> = images.into_iter().map(|image| image.input).collect();
    let (target, _) = with_planes_for(optimal(&inputs, &args.sky)?, &inputs);
    print(&target_text(&target))
}

/// The target with the planes that the mosaic has, and the shape of the mosaic. Of images it has none. Of cubes it has those of the target's own leading axes, or
/// if it has none, or does not tell how long they are, those of the first cube.
pub(crate) fn with_planes_for(target: Wcs, inputs: &[Input<'_>]) -> (Wcs, Vec<usize>) {
    let leading = |shape: &[usize]| shape.get(..shape.len().saturating_sub(2)).unwrap_or_default().to_vec();
    let cube = inputs.iter().find(|input| leading(&input.shape()).iter().product::<usize>() > 1);
    let (target, mut shape) = match (cube, target.leading_shape()) {
        (None, _) => (target.celestial(), Vec::new()),
        (Some(_), Some(shape)) if !shape.is_empty() => (target, shape),
        (Some(cube), _) => {
            let own = cube.wcs().map_or(target.clone(), |wcs| target.with_leading_axes_of(wcs));
            (own, leading(&cube.shape()))
        }
    };
    shape.extend(target.shape().unwrap_or_default());
    (target, shape)
}

/// The channels of the first cube need not hold those of the others.
pub(crate) fn warn_of_channels_left_out(target: &Wcs, inputs: &[Input<'_>]) {
    for input in inputs {
        let axes = target.leading_axes().iter().zip(input.wcs().map(Wcs::leading_axes).unwrap_or_default());
        for (axis, own) in axes {
            let (Some(length), Some(count)) = (axis.length(), own.length()) else { continue };
            let Ok(positions) = axis.positions(own, count) else { continue };
            let outside = positions.iter().filter(|at| !(**at >= -0.5 && **at < length as f64 - 0.5)).count();
            if outside > 0 {
                warn(&format!(
                    "warning: {outside} of {count} {} planes of {} lie outside of those of the first cube; a target (--target) can hold them",
                    own.ctype(),
                    input.name()
                ));
            }
        }
    }
}

/// A target as header text: size and WCS.
pub(crate) fn target_text(target: &Wcs) -> String {
    let mut header = Header::new();
    if let Some([ny, nx]) = target.shape() {
        let leading = target.leading_shape().unwrap_or_default();
        header.set("NAXIS", 2 + leading.len() as i64, "number of axes");
        header.set("NAXIS1", nx as i64, "columns");
        header.set("NAXIS2", ny as i64, "rows");
        for (axis, length) in (3..).zip(leading.iter().rev()) {
            header.set(&format!("NAXIS{axis}"), *length as i64, "planes");
        }
    }
    for (keyword, value, comment) in target.to_header().cards() {
        header.set(keyword, value.clone(), comment);
    }
    header.to_string()
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
    if let Some([ny, nx]) = wcs.shape().filter(|[ny, nx]| *ny as f64 * *nx as f64 > MOST_PIXELS) {
        let problem =
            format!("has {nx} × {ny} pixels, which cannot be meant: the whole sky has fewer pixels of 1 arcsec");
        return Err(about(Failure::new(problem).help("correct NAXIS1 and NAXIS2 of the target")));
    }
    Ok(wcs)
}

/// More pixels than any target has, as for optimal ones: 2⁴⁰.
const MOST_PIXELS: f64 = (1_u64 << 40) as f64;

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
pub(crate) fn optimal(inputs: &[Input<'_>], sky: &Sky) -> Result<Wcs, Failure> {
    let mut options = OptimalOptions::default().projection(&sky.projection).auto_rotate(sky.auto_rotate);
    options.frame = sky.frame.clone();
    options.resolution = sky.resolution;
    let places = inputs.iter().filter_map(|input| match input.shape()[..] {
        [.., ny, nx] => Some((input.wcs()?, [ny, nx])),
        _ => None,
    });
    let name = |index: usize| inputs.get(index).map_or("input", Input::name);
    match find_optimal_celestial_wcs_of(places, &options) {
        Ok((wcs, shape)) => Ok(wcs.with_shape(shape)),
        Err(Error::Input { index, cause, .. }) => Err(Failure::from(*cause).about(name(index))),
        Err(error) => Err(match error {
            Error::TooLarge { input, .. } => {
                let help = format!("input {input} is {}; leave it out, or give a target with --target", name(input));
                Failure::from(error).help(help)
            }
            error => Failure::from(error),
        }),
    }
}

/// A frame by name.
pub(crate) fn frame(text: &str) -> Result<Frame, String> {
    Ok(match &*text.to_ascii_lowercase() {
        "icrs" => Frame::Icrs,
        "fk5" => Frame::FK5_J2000,
        "fk4" => Frame::fk4(1950.0),
        "galactic" => Frame::Galactic,
        "supergalactic" => Frame::Supergalactic,
        "ecliptic" => Frame::Ecliptic { equinox: 2000.0 },
        _ => return Err("expected icrs, fk5, fk4, galactic, supergalactic or ecliptic".to_owned()),
    })
}

/// An angle in degrees: a number and a unit; seconds of arc without one.
fn angle(text: &str) -> Result<f64, String> {
    let unit_at =
        text.find(|c: char| c.is_ascii_alphabetic() && c != 'e' || "\"'°′″".contains(c)).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let per_degree = match unit.trim() {
        "" | "arcsec" | "as" | "\"" | "″" => 3600.0,
        "arcmin" | "'" | "′" => 60.0,
        "deg" | "d" | "°" => 1.0,
        "mas" => 3.6e6,
        _ => f64::NAN,
    };
    match number.trim().parse::<f64>().map(|number| number / per_degree) {
        Ok(degrees) if degrees > 0.0 && degrees.is_finite() => Ok(degrees),
        _ => Err("expected an angle above 0, such as 1.5arcsec, 2arcmin or 0.001deg".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_have_units() {
        for (text, degrees) in [("3600", 1.0), ("1.8e3arcsec", 0.5), ("6'", 0.1), ("0.25deg", 0.25), ("36 mas", 1e-5)] {
            assert_eq!(angle(text), Ok(degrees), "{text}");
        }
        for text in ["", "deg", "-1", "0", "1 parsec", "nan", "inf"] {
            assert!(angle(text).is_err(), "{text}");
        }
    }
}
