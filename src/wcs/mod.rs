//! FITS world coordinate systems: pixels to celestial coordinates and back.
//!
//! A [`Wcs`] is read from a [`Header`] and answers for slices of points. The way from a pixel to the sky is
//!
//! | step | source | module |
//! |---|---|---|
//! | pixel → corrected pixel: SIP, CPDISi, D2IMDISi | Shupe et al. (2005), WCS paper IV (draft) | `distortion` |
//! | pixel → plane: CRPIXi, CDi_j or PCi_j and CDELTi or CROTAi, CUNITi | Greisen & Calabretta (2002) | `linear` |
//! | plane → corrected plane: TPV, TNX, ZPX, DSS plate solutions | FITS registry of conventions | `distortion` |
//! | plane → native direction: the projection of CTYPEi with PVi_m | Calabretta & Greisen (2002), Calabretta & Roukema (2007) | `projection` |
//! | native → celestial: CRVALi, LONPOLE, LATPOLE as one 3 × 3 matrix | Calabretta & Greisen (2002), section 2.4 | `rotation` |
//!
//! Directions are unit vectors all along, so that poles and the ends of longitude need no care.
//! The reference is wcslib, as astropy calls it: positions agree to 1e-9 degree and 1e-6 pixel, and a point is undefined
//! where wcslib says so with its bounds checks on.

// `!(a < b)` is meant where it stands: NaN has to take the branch of what is out of bounds.
#![allow(clippy::neg_cmp_op_on_partial_ord)]

mod distortion;
mod frame;
mod frame_matrix;
mod header;
mod linear;
mod optimal;

mod projection;
mod rotation;
mod smooth;
mod trig;
mod write;

pub use distortion::LookupTables;
pub use frame::Frame;
pub use optimal::{OptimalOptions, find_optimal_celestial_wcs, find_optimal_celestial_wcs_of};

use crate::direction::{Matrix, Vector, multiply, rotate, transpose};
use crate::error::Error;
use crate::header::Header;
use distortion::{Interpreted, PixelDistortion, PlaneDistortion, interpret};
use header::{Description, refuse};
use linear::LinearTransform;
use projection::Projection;
use std::sync::Arc;
use trig::{longitude_latitude, unit_vector};

pub(crate) use frame::FrameMap;
pub(crate) use smooth::Disc;

/// Points that are worked on together: their coordinates stay in the first-level cache between the steps.
pub(crate) const BATCH: usize = 256;

/// How a header is read.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct WcsOptions<'t> {
    /// Letter of the alternative description to use, `'A'` to `'Z'`. Default: `None`, the primary description.
    pub alternative: Option<char>,
    /// Where distortion tables in other HDUs are found. Default: `None`, which refuses a header that needs one.
    pub tables: Option<&'t dyn LookupTables>,
}

impl std::fmt::Debug for WcsOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tables = self.tables.map(|_| "LookupTables");
        f.debug_struct("WcsOptions").field("alternative", &self.alternative).field("tables", &tables).finish()
    }
}

impl<'t> WcsOptions<'t> {
    /// Uses the alternative description of this letter. Default: the primary description.
    #[must_use]
    pub fn alternative(mut self, letter: char) -> WcsOptions<'t> {
        self.alternative = Some(letter);
        self
    }

    /// Reads distortion tables from here. Default: none.
    #[must_use]
    pub fn tables(mut self, tables: &'t dyn LookupTables) -> WcsOptions<'t> {
        self.tables = Some(tables);
        self
    }
}

/// A celestial world coordinate system: the map between the pixels of a plane and the sky.
///
/// Pixel (0, 0) is the centre of the first pixel (FITS pixel (1, 1)). Cheap to clone; `Send` and `Sync`.
///
/// ```
/// use skymosaic::{Header, Wcs};
///
/// let header = Header::parse(
///     "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 50.5\nCRPIX2 = 50.5\n\
///      CRVAL1 = 83.8\nCRVAL2 = -5.4\nCDELT1 = -0.001\nCDELT2 = 0.001",
/// )?;
/// let wcs = Wcs::from_header(&header)?;
/// let (mut lon, mut lat) = ([49.5], [49.5]);
/// wcs.pixel_to_celestial(&mut lon, &mut lat);
/// assert!((lon[0] - 83.8).abs() < 1e-12 && (lat[0] + 5.4).abs() < 1e-12);
/// # Ok::<(), skymosaic::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Wcs {
    description: Arc<Description>,
    /// The header as it was read, if it has distortions.
    original: Option<Arc<Header>>,
    frame: Frame,
    pixel_distortion: Option<PixelDistortion>,
    linear: LinearTransform,
    plane_distortion: Option<PlaneDistortion>,
    /// Plane position of the fiducial point: added to what the linear part gives.
    offset: [f64; 2],
    projection: Projection,
    native_to_celestial: Matrix,
    celestial_to_native: Matrix,
}

impl Wcs {
    /// Reads the primary description of a header.
    ///
    /// # Errors
    /// [`Error::Wcs`] with the keyword and value if there is no pair of celestial axes, or they are described in a way
    /// that is malformed, contradictory, singular or not supported.
    pub fn from_header(header: &Header) -> Result<Wcs, Error> {
        Wcs::from_header_with(header, &WcsOptions::default())
    }

    /// Reads the description that the options name.
    ///
    /// # Errors
    /// As [`from_header`](Self::from_header).
    pub fn from_header_with(header: &Header, options: &WcsOptions<'_>) -> Result<Wcs, Error> {
        Wcs::interpreted(header, options).map_err(Error::of_wcs)
    }

    fn interpreted(original: &Header, options: &WcsOptions<'_>) -> Result<Wcs, Error> {
        let Interpreted { header, pixel, plane } = interpret(original, options.alternative, options.tables)?;
        let description = Description::read(&header, options.alternative)?;
        let [first, second] = description.axes;
        if pixel.is_some() && first.max(second) > 1 {
            let keyword = format!("CTYPE{}", first.max(second) + 1);
            return Err(refuse(
                keyword,
                "celestial",
                "distortions of pixels need the celestial axes to be axes 1 and 2",
            ));
        }
        let (projection, offset) = description.projection()?;
        let native_to_celestial = description.rotation()?;
        let [lon, lat] = &description.types;
        Ok(Wcs {
            frame: Frame::from_header(&header, lon, lat, description.alternative)?,
            original: (pixel.is_some() || plane.is_some()).then(|| Arc::new(original.clone())),
            pixel_distortion: pixel,
            linear: description.linear.clone(),
            plane_distortion: plane,
            offset,
            projection,
            native_to_celestial,
            celestial_to_native: transpose(&native_to_celestial),
            description: Arc::new(description),
        })
    }

    /// Shape (ny, nx) of the image along the celestial axes, if the header gives it (NAXISi, or ZNAXISi of a compressed image).
    #[must_use]
    pub fn shape(&self) -> Option<[usize; 2]> {
        self.description.shape
    }

    /// The same description for an image of shape (ny, nx).
    #[must_use]
    pub fn with_shape(mut self, shape: [usize; 2]) -> Wcs {
        Arc::make_mut(&mut self.description).shape = Some(shape);
        self
    }

    /// The FITS axes, counted from 0, that x and y of the plane are: [0, 1] unless the celestial axes come after others.
    #[must_use]
    pub fn celestial_axes(&self) -> [usize; 2] {
        let [lon, lat] = self.description.axes;
        [lon.min(lat), lon.max(lat)]
    }

    /// The frame that longitude and latitude refer to.
    #[must_use]
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// Degrees a pixel: the square root of the area of a pixel at the reference point.
    #[must_use]
    pub fn pixel_scale(&self) -> f64 {
        self.linear.scale()
    }

    /// Turns pixels into longitude in [0, 360) and latitude, in degrees of [`frame`](Self::frame), in place: `x`
    /// becomes longitude and `y` latitude. Points without a place on the sky become NaN. Where one slice is longer
    /// its rest is left as it is.
    pub fn pixel_to_celestial(&self, x: &mut [f64], y: &mut [f64]) {
        let mut buffer = [0.0; BATCH];
        for (x, y) in x.chunks_mut(BATCH).zip(y.chunks_mut(BATCH)) {
            let n = x.len().min(y.len());
            let (Some(x), Some(y), Some(z)) = (x.get_mut(..n), y.get_mut(..n), buffer.get_mut(..n)) else { return };
            self.pixels_to_native(x, y, z);
            for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter()) {
                let (lon, lat) = longitude_latitude(rotate(&self.native_to_celestial, [*x, *y, *z]));
                *x = if lon < 0.0 { (lon + 360.0) % 360.0 } else { lon };
                *y = lat;
            }
        }
    }

    /// Turns longitude and latitude in degrees of [`frame`](Self::frame) into pixels, in place: `lon` becomes x and
    /// `lat` y. Directions that the projection does not show become NaN.
    pub fn celestial_to_pixel(&self, lon: &mut [f64], lat: &mut [f64]) {
        let mut buffer = [0.0; BATCH];
        for (x, y) in lon.chunks_mut(BATCH).zip(lat.chunks_mut(BATCH)) {
            let n = x.len().min(y.len());
            let (Some(x), Some(y), Some(z)) = (x.get_mut(..n), y.get_mut(..n), buffer.get_mut(..n)) else { return };
            for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter_mut()) {
                [*x, *y, *z] = rotate(&self.celestial_to_native, unit_vector(*x, *y));
            }
            self.native_to_pixels(x, y, z);
        }
    }

    /// Pixels in x and y to native unit vectors in x, y and z; NaN where undefined.
    pub(crate) fn pixels_to_native(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        if let Some(distortion) = &self.pixel_distortion {
            each(x, y, |[x, y]| distortion.forward(x, y));
        }
        if let Some(distortion) = &self.plane_distortion {
            each(x, y, |pixel| {
                let [x, y] = self.linear.to_plane(pixel);
                distortion.forward(x, y).map(|[x, y]| [x + self.offset[0], y + self.offset[1]])
            });
        } else {
            for (x, y) in x.iter_mut().zip(y.iter_mut()) {
                let plane = self.linear.to_plane([*x, *y]);
                [*x, *y] = [plane[0] + self.offset[0], plane[1] + self.offset[1]];
            }
        }
        self.projection.deproject_slice(x, y, z);
    }

    /// Native unit vectors in x, y and z to pixels in x and y; NaN where undefined.
    pub(crate) fn native_to_pixels(&self, x: &mut [f64], y: &mut [f64], z: &[f64]) {
        self.projection.project_slice(x, y, z);
        if let Some(distortion) = &self.plane_distortion {
            each(x, y, |[x, y]| {
                distortion.inverse(x - self.offset[0], y - self.offset[1]).map(|plane| self.linear.to_pixel(plane))
            });
        } else {
            for (x, y) in x.iter_mut().zip(y.iter_mut()) {
                [*x, *y] = self.linear.to_pixel([*x - self.offset[0], *y - self.offset[1]]);
            }
        }
        if let Some(distortion) = &self.pixel_distortion {
            each(x, y, |[x, y]| distortion.inverse(x, y));
        }
    }

    /// Native direction of a pixel as a unit vector.
    pub(crate) fn pixel_to_native(&self, x: f64, y: f64) -> Option<Vector> {
        let (mut x, mut y, mut z) = ([x], [y], [0.0]);
        self.pixels_to_native(&mut x, &mut y, &mut z);
        let v = [x[0], y[0], z[0]];
        v.iter().all(|c| c.is_finite()).then_some(v)
    }

    /// Pixel of a native direction.
    pub(crate) fn native_to_pixel(&self, v: Vector) -> Option<[f64; 2]> {
        let (mut x, mut y) = ([v[0]], [v[1]]);
        self.native_to_pixels(&mut x, &mut y, &[v[2]]);
        (x[0].is_finite() && y[0].is_finite()).then_some([x[0], y[0]])
    }

    /// Pixel of a unit vector of [`frame`](Self::frame).
    pub(crate) fn vector_to_pixel(&self, v: Vector) -> Option<[f64; 2]> {
        self.native_to_pixel(rotate(&self.celestial_to_native, v))
    }

    /// Direction of a pixel as a unit vector of [`frame`](Self::frame).
    pub(crate) fn pixel_to_vector(&self, x: f64, y: f64) -> Option<Vector> {
        Some(rotate(&self.native_to_celestial, self.pixel_to_native(x, y)?))
    }

    /// The same coordinates for an image that extends beyond native longitude ±180° and spans at most 360°, with the seam
    /// moved to the edge of the image. wcslib leaves positions beyond ±180° undefined, and half of a plate carrée whose reference pixel is at
    /// its edge would be lost as an input. `None` if the image does not extend beyond ±180° or the projection is not cylindrical.
    pub(crate) fn unwrapped(&self) -> Option<Wcs> {
        let per_longitude = self.projection.x_per_longitude()?;
        let [ny, nx] = self.shape().filter(|_| self.pixel_distortion.is_none() && self.plane_distortion.is_none())?;
        let (right, top) = (nx as f64 - 0.5, ny as f64 - 0.5);
        let corners = [[-0.5, -0.5], [right, -0.5], [-0.5, top], [right, top]];
        let phi = corners.map(|corner| (self.linear.to_plane(corner)[0] + self.offset[0]) / per_longitude);
        let (low, high) = phi.into_iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p), h.max(p)));
        const SLACK: f64 = 1e-6;
        if (low >= -180.0 - SLACK && high <= 180.0 + SLACK) || !(high - low <= 360.0 + SLACK) {
            return None;
        }
        let middle = 0.5 * (low + high);
        let (sin, cos) = trig::sin_cos(middle);
        let rotation = [[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]];
        let mut wcs = self.clone();
        wcs.offset[0] -= per_longitude * middle;
        wcs.native_to_celestial = multiply(&self.native_to_celestial, &rotation);
        wcs.celestial_to_native = transpose(&wcs.native_to_celestial);
        Some(wcs)
    }

    /// Makes those pixels NaN that show a direction a second time and are not where the sky is projected to: the
    /// equatorial faces of a cube repeated on the left. reproject leaves them empty as well, by its round trip.
    pub(crate) fn mask_copies(&self, x: &mut [f64], y: &mut [f64]) {
        let Some(left) = self.projection.copies_left_of() else { return };
        for (x, y) in x.iter_mut().zip(y.iter_mut()) {
            if self.linear.to_plane([*x, *y])[0] + self.offset[0] < left {
                [*x, *y] = [f64::NAN; 2];
            }
        }
    }

    /// Whether the projection is defined and smooth over a disc of native directions, as far as it can tell.
    pub(crate) fn is_smooth(&self, disc: &Disc) -> bool {
        self.projection.is_smooth(disc)
    }

    /// The rotation from native to celestial unit vectors.
    pub(crate) fn native_to_celestial(&self) -> &Matrix {
        &self.native_to_celestial
    }
}

/// Maps points in place; those without an image become NaN.
fn each(x: &mut [f64], y: &mut [f64], map: impl Fn([f64; 2]) -> Option<[f64; 2]>) {
    for (x, y) in x.iter_mut().zip(y.iter_mut()) {
        [*x, *y] = map([*x, *y]).unwrap_or([f64::NAN; 2]);
    }
}
