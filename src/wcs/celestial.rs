//! The map between pixels and celestial coordinates that a header describes.

use std::sync::Arc;

use super::axis::{LeadingAxes, LeadingAxis};
use super::distortion::{Interpreted, LookupTables, PixelDistortion, PlaneDistortion, interpret};
use super::frame::Frame;
use super::header::Description;
use super::linear::LinearTransform;
use super::projection::Projection;
use super::refusal::refuse;
use super::smooth::Disc;
use super::trig::{self, longitude_latitude, unit_vector};
use crate::direction::{Cap, Matrix, Vector, multiply, rotate, transpose};
use crate::error::Error;
use crate::header::Header;

/// Points that are transformed together: their coordinates stay in the first-level cache between the steps.
pub(crate) const BATCH: usize = 256;

/// Options for reading a [`Wcs`] from a header with [`Wcs::from_header_with`].
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct WcsOptions<'t> {
    /// The letter of the alternative description to read, `'A'` to `'Z'`. Default: `None`, the primary description.
    pub alternative: Option<char>,
    /// The source of distortion tables that are stored in other HDUs. Default: `None`; a header that needs a table is then an error.
    pub tables: Option<&'t dyn LookupTables>,
}

impl std::fmt::Debug for WcsOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tables = self.tables.map(|_| "LookupTables");
        f.debug_struct("WcsOptions").field("alternative", &self.alternative).field("tables", &tables).finish()
    }
}

impl<'t> WcsOptions<'t> {
    /// Sets [`alternative`](Self#structfield.alternative).
    #[must_use]
    pub fn alternative(mut self, letter: char) -> WcsOptions<'t> {
        self.alternative = Some(letter);
        self
    }

    /// Sets [`tables`](Self#structfield.tables).
    #[must_use]
    pub fn tables(mut self, tables: &'t dyn LookupTables) -> WcsOptions<'t> {
        self.tables = Some(tables);
        self
    }
}

/// A celestial world coordinate system (WCS): the transformation between the pixels of an image and celestial coordinates, as described by a
/// FITS header. That of a cube has [`leading_axes`](Self::leading_axes) as well.
///
/// Pixel coordinates are 0-based: (0, 0) is the centre of the first pixel, which is FITS pixel (1, 1). Celestial coordinates are longitude and
/// latitude in degrees of [`frame`](Self::frame). All projections of the FITS standard and the distortions SIP, TPV, TNX, ZPX, CPDIS, D2IMDIS
/// and DSS plate solutions are supported. Positions agree with wcslib's to 1e-9 degree and 1e-6 pixel. Clones share their data and are cheap.
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
    pub(super) description: Arc<Description>,
    /// The header as it was read, if it has distortions.
    pub(super) original: Option<Arc<Header>>,
    frame: Frame,
    pixel_distortion: Option<PixelDistortion>,
    pub(super) linear: LinearTransform,
    plane_distortion: Option<PlaneDistortion>,
    /// Plane position of the fiducial point: added to what the linear part gives.
    offset: [f64; 2],
    pub(super) projection: Projection,
    native_to_celestial: Matrix,
    celestial_to_native: Matrix,
    pub(super) leading: Arc<LeadingAxes>,
}

impl Wcs {
    /// Reads the primary WCS description of a header.
    ///
    /// # Errors
    /// [`Error::Wcs`] with the keyword and value if there is no pair of celestial axes, or they are described in a way
    /// that is malformed, contradictory, singular or not supported.
    pub fn from_header(header: &Header) -> Result<Wcs, Error> {
        Wcs::from_header_with(header, &WcsOptions::default())
    }

    /// Reads a WCS description of a header, which the options choose.
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
            leading: Arc::new(LeadingAxes::read(original, description.alternative, description.axes)),
            description: Arc::new(description),
        })
    }

    /// The axes of a cube beyond the celestial ones, in the order of the leading dimensions of an array: slowest first, which are the last ones of the header.
    #[must_use]
    pub fn leading_axes(&self) -> &[LeadingAxis] {
        &self.leading.axes
    }

    /// Lengths of the [leading axes](Self::leading_axes), slowest first: the leading dimensions of the image. `None` if the header does not give all of them.
    #[must_use]
    pub fn leading_shape(&self) -> Option<Vec<usize>> {
        self.leading.axes.iter().map(LeadingAxis::length).collect()
    }

    /// Gives it the axes beyond the celestial ones of another WCS, in place of those that it has.
    #[must_use]
    pub fn with_leading_axes_of(mut self, other: &Wcs) -> Wcs {
        self.leading = Arc::clone(&other.leading);
        self
    }

    /// The celestial axes alone.
    #[must_use]
    pub fn celestial(mut self) -> Wcs {
        self.leading = Arc::default();
        self
    }

    /// The shape (ny, nx) of the image along the celestial axes from NAXISi, or ZNAXISi of a compressed image; `None` if the header has neither.
    #[must_use]
    pub fn shape(&self) -> Option<[usize; 2]> {
        self.description.shape
    }

    /// Sets the shape (ny, nx) of the image.
    #[must_use]
    pub fn with_shape(mut self, shape: [usize; 2]) -> Wcs {
        Arc::make_mut(&mut self.description).shape = Some(shape);
        self
    }

    /// The indices of the FITS axes that are x and y, counted from 0: [0, 1] unless other axes come before the celestial ones.
    #[must_use]
    pub fn celestial_axes(&self) -> [usize; 2] {
        let [lon, lat] = self.description.axes;
        [lon.min(lat), lon.max(lat)]
    }

    /// The celestial reference frame of longitude and latitude.
    #[must_use]
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The pixel scale in degrees per pixel: the square root of the area of a pixel at the reference point.
    #[must_use]
    pub fn pixel_scale(&self) -> f64 {
        self.linear.scale()
    }

    /// Transforms pixel coordinates in place to celestial ones: `x` becomes longitude in [0, 360) and `y` latitude, both in degrees of
    /// [`frame`](Self::frame). Pixels that the projection maps to no point of the sky become NaN in both. If the slices differ in length, the
    /// excess elements of the longer one are not changed.
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

    /// Transforms celestial coordinates, in degrees of [`frame`](Self::frame), in place to pixel coordinates: `lon` becomes x and `lat` becomes y.
    /// Points of the sky that the projection does not show become NaN in both. If the slices differ in length, the excess elements of the longer one
    /// are not changed.
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

    /// Sets pixels to NaN that repeat a direction outside of the region to which the sky is projected: the equatorial faces of a cube
    /// repeated on the left. reproject leaves them empty as well, by its round trip.
    pub(crate) fn mask_copies(&self, x: &mut [f64], y: &mut [f64]) {
        let Some(left) = self.projection.copies_left_of() else { return };
        for (x, y) in x.iter_mut().zip(y.iter_mut()) {
            if self.linear.to_plane([*x, *y])[0] + self.offset[0] < left {
                [*x, *y] = [f64::NAN; 2];
            }
        }
    }

    /// The same coordinates on an HPX plane whose twelve base cells are whole squares ([`Hpx::with_whole_cells`](super::projection::Hpx)); `None` on
    /// other planes.
    pub(crate) fn with_whole_cells(mut self) -> Option<Wcs> {
        let Projection::Hpx(projection) = self.projection else { return None };
        self.projection = Projection::Hpx(projection.with_whole_cells()?);
        Some(self)
    }

    /// Whether the pixels of a block, up to its edges, are known to have no place on the sky. Only of planes with whole base cells is anything known.
    pub(crate) fn is_off_sky(&self, block: [[f64; 2]; 2]) -> bool {
        let Projection::Hpx(projection) = &self.projection else { return false };
        projection.is_off_cells(&self.corners_in_plane(block))
    }

    /// A cap that holds the pixels of a block in one of the whole base cells of a plane; `None` of all other blocks.
    pub(crate) fn cap_in_cell(&self, block: [[f64; 2]; 2]) -> Option<Cap> {
        let Projection::Hpx(projection) = &self.projection else { return None };
        let corners = self.corners_in_plane(block);
        if !projection.is_in_cell(&corners) {
            return None;
        }
        let [x, y] = block.map(|[low, high]| 0.5 * (low + high));
        let middle = self.linear.to_plane([x, y]);
        let reach = corners.map(|corner| (corner[0] - middle[0]).hypot(corner[1] - middle[1]));
        // A radian of the plane is nowhere more than 1.62 on the sky: the norm of the Jacobian is largest at the transition of a polar facet to the equator,
        // (2/3 + 2/3 + 1.297)^(1/2).
        let radius = 1.63 * reach.into_iter().fold(0.0, f64::max).to_radians() + 1e-12;
        Cap::around(std::iter::once(self.pixel_to_vector(x, y)?), radius)
    }

    fn corners_in_plane(&self, [x, y]: [[f64; 2]; 2]) -> [[f64; 2]; 4] {
        [[x[0], y[0]], [x[1], y[0]], [x[0], y[1]], [x[1], y[1]]].map(|corner| self.linear.to_plane(corner))
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
