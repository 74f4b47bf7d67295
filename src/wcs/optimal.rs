//! The target WCS that suits a set of images: reproject's `find_optimal_celestial_wcs`.

mod extent;
mod hull;
#[cfg(test)]
mod tests;

use super::celestial::Wcs;
use super::frame::Frame;
use super::refusal::refuse;
use crate::direction::Vector;
use crate::error::Error;
use crate::header::Header;
use extent::{Bounds, Probe};

/// More pixels than any mosaic has: 4 TiB in f32.
const MOST_PIXELS: f64 = (1_u64 << 40) as f64;
/// Below this a sparse mosaic is never refused: 1 GiB in f32.
const SPARSE_PIXELS: f64 = (1_u64 << 28) as f64;
/// Above [`SPARSE_PIXELS`], how many times the area of the inputs the mosaic may have.
const SPARSE_RATIO: f64 = 1000.0;

/// Options of [`find_optimal_celestial_wcs`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OptimalOptions {
    /// The celestial frame of the target. Default: `None`, the frame of the first input.
    pub frame: Option<Frame>,
    /// The three-letter code of the projection, as in CTYPE. Default: `"TAN"`.
    pub projection: String,
    /// The pixel scale in degrees per pixel: above 0, at most 360. Default: `None`, the smallest pixel side of all inputs at their reference pixels.
    pub resolution: Option<f64>,
    /// Longitude and latitude of the reference point in degrees of the target's frame. Default: `None`, the mean direction of the
    /// reference pixels of the inputs.
    pub reference: Option<[f64; 2]>,
    /// Whether the target is rotated to the orientation of smallest area. Default: `false`; latitude then increases along y.
    pub auto_rotate: bool,
    /// Whether longitude increases to the left, towards smaller x. Default: `None`, which means yes for RA, GLON, ELON, HLON and SLON and no for
    /// other axes (`'auto'` of reproject).
    pub negative_lon_cdelt: Option<bool>,
}

impl Default for OptimalOptions {
    fn default() -> OptimalOptions {
        OptimalOptions {
            frame: None,
            projection: "TAN".to_owned(),
            resolution: None,
            reference: None,
            auto_rotate: false,
            negative_lon_cdelt: None,
        }
    }
}

impl OptimalOptions {
    /// Sets [`frame`](Self#structfield.frame).
    #[must_use]
    pub fn frame(mut self, frame: Frame) -> OptimalOptions {
        self.frame = Some(frame);
        self
    }

    /// Sets [`projection`](Self#structfield.projection).
    #[must_use]
    pub fn projection(mut self, code: &str) -> OptimalOptions {
        self.projection = code.to_owned();
        self
    }

    /// Sets [`resolution`](Self#structfield.resolution).
    #[must_use]
    pub fn resolution(mut self, degrees: f64) -> OptimalOptions {
        self.resolution = Some(degrees);
        self
    }

    /// Sets [`reference`](Self#structfield.reference).
    #[must_use]
    pub fn reference(mut self, lon: f64, lat: f64) -> OptimalOptions {
        self.reference = Some([lon, lat]);
        self
    }

    /// Sets [`auto_rotate`](Self#structfield.auto_rotate).
    #[must_use]
    pub fn auto_rotate(mut self, yes: bool) -> OptimalOptions {
        self.auto_rotate = yes;
        self
    }

    /// Sets [`negative_lon_cdelt`](Self#structfield.negative_lon_cdelt).
    #[must_use]
    pub fn negative_lon_cdelt(mut self, yes: bool) -> OptimalOptions {
        self.negative_lon_cdelt = Some(yes);
        self
    }
}

/// Computes a target for a set of images: a WCS, and the shape (ny, nx) of the smallest image with this WCS that contains all inputs. Each input
/// is a WCS with the shape (ny, nx) of its image.
///
/// The function is modelled on `find_optimal_celestial_wcs` of reproject. Reference point, resolution, rotation and reference pixel are equal to
/// reproject's up to rounding wherever the four corners of the inputs determine the extent. Here the edges of the inputs are followed as well,
/// so that the target also contains inputs with curved edges (from distortions or other projections), inputs that contain a pole of the target
/// or cross its seam, and inputs with pixels that lie on no point of the sky. The target contains every pixel whose centre lies in an input; up
/// to half a pixel at the border of an input may be outside, because the shape is rounded.
///
/// # Errors
/// - [`Error::NoInputs`] if there are no inputs;
/// - [`Error::Input`] for an input that has no pixels, lies on no point of the sky, or has a frame with no relation to the target's;
/// - [`Error::Wcs`] if the projection is unknown or needs parameters;
/// - [`Error::Option`] if the resolution or the reference point is out of range;
/// - [`Error::TooLarge`], which names the outermost input, if the target would have more than 2⁴⁰ pixels, or more than 2²⁸ pixels and more than
///   1000 times the area of the inputs, or if the projection cannot show an input.
pub fn find_optimal_celestial_wcs(
    inputs: &[(Wcs, [usize; 2])],
    options: &OptimalOptions,
) -> Result<(Wcs, [usize; 2]), Error> {
    find_optimal_celestial_wcs_of(inputs.iter().map(|(wcs, shape)| (wcs, *shape)), options)
}

/// Computes a target as [`find_optimal_celestial_wcs`] does, from an iterator over borrowed WCS with the shapes (ny, nx) of their images.
///
/// # Errors
/// As [`find_optimal_celestial_wcs`].
pub fn find_optimal_celestial_wcs_of<'w>(
    inputs: impl IntoIterator<Item = (&'w Wcs, [usize; 2])>,
    options: &OptimalOptions,
) -> Result<(Wcs, [usize; 2]), Error> {
    let inputs: Vec<(&Wcs, [usize; 2])> = inputs.into_iter().collect();
    let (first, _) = inputs.first().ok_or(Error::NoInputs)?;
    let frame = options.frame.clone().unwrap_or_else(|| first.frame().clone());
    for (index, (_, shape)) in inputs.iter().enumerate() {
        if shape.contains(&0) {
            let got = shape.to_vec();
            let error = Error::Shape { what: "an image".to_owned(), got, expected: "at least one pixel".to_owned() };
            return Err(error.of_input(index, "image"));
        }
    }
    let directions = directions(&inputs, &frame)?;
    let draft = Draft {
        resolution: resolution(&inputs, options)?,
        reference: reference(&directions, options)?,
        frame,
        options,
    };

    let mut angle = 0.0;
    let mut target = draft.wcs(angle, [1.0; 2], None)?;
    let mut bounds = all_bounds(&inputs, &directions, &target, &draft, options.auto_rotate)?;
    if options.auto_rotate {
        let points: Vec<[f64; 2]> = bounds.iter().flat_map(|bounds| bounds.outline.iter().copied()).collect();
        angle = hull::smallest_rectangle(points);
        target = draft.wcs(angle, [1.0; 2], None)?;
        bounds = all_bounds(&inputs, &directions, &target, &draft, false)?;
    }
    let whole = bounds.iter().fold(Bounds::default(), |whole, bounds| whole.union(bounds));
    let [width, height] = [0, 1].map(|axis| (whole.max[axis] - whole.min[axis]).round().max(1.0));
    let area: f64 = inputs.iter().map(|(wcs, [ny, nx])| *ny as f64 * *nx as f64 * wcs.pixel_scale().powi(2)).sum();
    let covered = area / draft.resolution.powi(2);
    let pixels = width * height;
    // Finite, as the bounds are.
    if pixels > MOST_PIXELS || (pixels > SPARSE_PIXELS && pixels > SPARSE_RATIO * covered) {
        let problem = if pixels > MOST_PIXELS {
            "more than 2^40 pixels".to_owned()
        } else {
            format!("{:.0} times the area of the inputs", pixels / covered)
        };
        return Err(too_large([width, height], problem, farthest(&directions), &directions));
    }
    let crpix = [0, 1].map(|axis| 0.5 - whole.min[axis]);
    // Below 2^40 by the check above.
    let shape = [height as usize, width as usize];
    Ok((draft.wcs(angle, crpix, Some(shape))?, shape))
}

/// The target but for its rotation and extent.
struct Draft<'o> {
    frame: Frame,
    resolution: f64,
    reference: [f64; 2],
    options: &'o OptimalOptions,
}

impl Draft<'_> {
    fn wcs(&self, angle: f64, crpix: [f64; 2], shape: Option<[usize; 2]>) -> Result<Wcs, Error> {
        let (lon, lat) = self.frame.axis_types();
        let code = self.options.projection.trim().to_ascii_uppercase();
        let left = matches!(lon, "RA" | "GLON" | "ELON" | "HLON" | "SLON");
        let left = self.options.negative_lon_cdelt.unwrap_or(left);
        let mut header = Header::new();
        if let Some([ny, nx]) = shape {
            header.set("NAXIS", 2_i64, "number of axes");
            for (keyword, length) in [("NAXIS1", nx), ("NAXIS2", ny)] {
                header.set(keyword, i64::try_from(length).unwrap_or(i64::MAX), "");
            }
        }
        let step = if left { -self.resolution } else { self.resolution };
        for (axis, name, crpix, cdelt, crval) in
            [(1, lon, crpix[0], step, self.reference[0]), (2, lat, crpix[1], self.resolution, self.reference[1])]
        {
            header.set(&format!("CTYPE{axis}"), format!("{name:-<4}-{code}"), "");
            header.set(&format!("CUNIT{axis}"), "deg", "");
            header.set(&format!("CRPIX{axis}"), crpix, "");
            header.set(&format!("CDELT{axis}"), cdelt, "");
            header.set(&format!("CRVAL{axis}"), crval, "");
        }
        if angle != 0.0 {
            let (sin, cos) = angle.sin_cos();
            for (keyword, value) in [("PC1_1", cos), ("PC1_2", -sin), ("PC2_1", sin), ("PC2_2", cos)] {
                header.set(keyword, value, "");
            }
        }
        self.frame.write(&mut header);
        Wcs::from_header(&header)
    }
}

/// Unit vectors of the inputs' reference pixels in the target's frame; of the middle of the image where the reference pixel is off
/// the sky.
fn directions(inputs: &[(&Wcs, [usize; 2])], frame: &Frame) -> Result<Vec<Vector>, Error> {
    let direction = |(index, (wcs, [ny, nx])): (usize, &(&Wcs, [usize; 2]))| {
        let map = wcs.frame().to(frame).map_err(|error| error.of_input(index, "image"))?;
        let [x, y] = wcs.linear.origin;
        let centre = [(*nx as f64 - 1.0) / 2.0, (*ny as f64 - 1.0) / 2.0];
        let vector = wcs.pixel_to_vector(x, y).or_else(|| wcs.pixel_to_vector(centre[0], centre[1]));
        let vector = vector.ok_or_else(|| off_sky(index))?;
        Ok(map.apply(vector))
    };
    inputs.iter().enumerate().map(direction).collect()
}

fn off_sky(index: usize) -> Error {
    let problem = "neither the reference pixel nor the middle of the image, nor anything else found, lies on the sky";
    refuse("CRPIX1", "(image)", problem).of_input(index, "image")
}

fn resolution(inputs: &[(&Wcs, [usize; 2])], options: &OptimalOptions) -> Result<f64, Error> {
    let resolution = options.resolution.unwrap_or_else(|| {
        let side = |wcs: &Wcs, column: usize| wcs.linear.matrix[0][column].hypot(wcs.linear.matrix[1][column]);
        inputs.iter().flat_map(|(wcs, _)| [side(wcs, 0), side(wcs, 1)]).fold(f64::INFINITY, f64::min)
    });
    if resolution > 0.0 && resolution <= 360.0 {
        return Ok(resolution);
    }
    let expected = "degrees a pixel, above 0 and at most 360".to_owned();
    Err(Error::Option { option: "resolution", got: resolution.to_string(), expected })
}

/// Longitude and latitude in degrees.
fn reference(directions: &[Vector], options: &OptimalOptions) -> Result<[f64; 2], Error> {
    let refuse =
        |got: String, expected: &str| Error::Option { option: "reference", got, expected: expected.to_owned() };
    if let Some([lon, lat]) = options.reference {
        if lon.is_finite() && lat.abs() <= 90.0 {
            return Ok([lon, lat]);
        }
        return Err(refuse(format!("({lon}, {lat})"), "longitude and latitude in degrees"));
    }
    let mean = mean(directions);
    let length = mean.iter().map(|c| c * c).sum::<f64>().sqrt();
    // Images all around the sky have no middle, only one of rounding errors.
    if length < 1e-9 {
        return Err(refuse("(not given)".to_owned(), "a reference point, as the inputs have no mean direction"));
    }
    let (lon, lat) = super::trig::longitude_latitude(mean.map(|c| c / length));
    Ok([lon.rem_euclid(360.0), lat])
}

fn mean(directions: &[Vector]) -> Vector {
    [0, 1, 2].map(|axis| directions.iter().map(|v| v[axis]).sum::<f64>() / directions.len() as f64)
}

/// The input farthest from the others: from the median of the directions, which one stray input does not move.
fn farthest(directions: &[Vector]) -> usize {
    let median = [0, 1, 2].map(|axis| {
        let mut values: Vec<f64> = directions.iter().map(|v| v[axis]).collect();
        values.sort_by(f64::total_cmp);
        values.get((values.len() - 1) / 2).copied().unwrap_or(0.0)
    });
    let distance = |v: &Vector| (0..3).map(|i| (v[i] - median[i]).powi(2)).sum::<f64>();
    let by_distance = |a: &(usize, f64), b: &(usize, f64)| a.1.total_cmp(&b.1);
    directions.iter().map(distance).enumerate().max_by(by_distance).map_or(0, |(index, _)| index)
}

fn too_large([width, height]: [f64; 2], problem: String, index: usize, directions: &[Vector]) -> Error {
    let (lon, lat) = super::trig::longitude_latitude(directions.get(index).copied().unwrap_or([1.0, 0.0, 0.0]));
    let cause = format!(
        "input {index} lies farthest out, at longitude {:.4}, latitude {lat:.4}: check its WCS or leave it out, or choose a coarser \
         resolution or another projection",
        lon.rem_euclid(360.0)
    );
    // Saturates.
    Error::TooLarge { what: "the target", nx: width as u64, ny: height as u64, problem, cause, input: index }
}

/// Bounds in pixels of the target for every input.
fn all_bounds(
    inputs: &[(&Wcs, [usize; 2])],
    directions: &[Vector],
    target: &Wcs,
    draft: &Draft<'_>,
    keep_outline: bool,
) -> Result<Vec<Bounds>, Error> {
    let bounds = |(index, (wcs, shape)): (usize, &(&Wcs, [usize; 2]))| {
        let probe = Probe::new(wcs, *shape, target).map_err(|error| error.of_input(index, "image"))?;
        let bounds = probe.bounds(keep_outline);
        if bounds.beyond || !bounds.is_finite() {
            if !probe.on_sky() {
                return Err(off_sky(index));
            }
            let sky = [360.0, 180.0].map(|degrees| (degrees / draft.resolution).ceil());
            let problem = format!("and {} cannot show all of input {index} at any size", draft.options.projection);
            return Err(too_large(sky, problem, index, directions));
        }
        Ok(bounds)
    };
    inputs.iter().enumerate().map(bounds).collect()
}
