//! Where pixels come from: the trait of sources, and what a run lends to them.

mod array;
mod blended;
mod cache;
mod context;
mod derived;
#[cfg(feature = "fits")]
mod fits;

pub(crate) use array::ArraySource;
pub(crate) use blended::{Blend, Blended};
pub(crate) use cache::BlockCache;
pub use cache::BlockRequest;
pub use context::ReadContext;
pub(crate) use derived::{Derived, Rule};

use std::{fmt, path::Path};

use crate::{Error, Header, PixelType, PixelsMut, Window};

/// A source of pixels: one image, or a cube of images, whose rectangles can be read in any order by many threads at once.
///
/// Implement it for data that is neither an array nor a FITS file, and make an input of it with
/// [`Input::from_source`](crate::Input::from_source). A source is asked for rectangles of single planes, as large as a tile of the output needs; the same
/// rectangle may be asked for more than once. What it returns must not depend on the order of the calls, or the mosaic depends on the number of threads.
///
/// ```
/// use skymosaic::{Error, PixelSource, PixelType, PixelsMut, ReadContext, Window};
///
/// /// An image whose pixels are computed when they are read: the sum of row and column.
/// #[derive(Debug)]
/// struct Ramp([usize; 2]);
///
/// impl PixelSource for Ramp {
///     fn shape(&self) -> &[usize] {
///         &self.0
///     }
///     fn element(&self) -> PixelType {
///         PixelType::F64
///     }
///     fn read(&self, _plane: usize, window: Window, out: PixelsMut<'_>, _run: &ReadContext<'_>) -> Result<(), Error> {
///         out.fill_with(|index| (window.y0 + index / window.nx + window.x0 + index % window.nx) as f64);
///         Ok(())
///     }
/// }
/// let mut pixels = [0.0_f64; 6];
/// let ramp = Ramp([100, 100]);
/// ReadContext::alone(|run| ramp.read(0, Window::new(10, 20, 3, 2), PixelsMut::F64(&mut pixels), run))?;
/// assert_eq!(pixels, [30.0, 31.0, 32.0, 31.0, 32.0, 33.0]);
/// # Ok::<(), Error>(())
/// ```
pub trait PixelSource: Send + Sync + fmt::Debug {
    /// Length of the axes, slowest first: (ny, nx) or (..., ny, nx). It never changes.
    fn shape(&self) -> &[usize];

    /// The type of the numbers as they are stored. Masks have to be of integers.
    fn element(&self) -> PixelType;

    /// Whether `f32` represents every pixel value exactly; the pixels are then read as `f32`, and as `f64` otherwise. The default follows from
    /// [`element`](Self::element): `true` for `U8`, `I16` and `F32`.
    fn is_exact_in_f32(&self) -> bool {
        matches!(self.element(), PixelType::U8 | PixelType::I16 | PixelType::F32)
    }

    /// Reads a rectangle of a plane into `out`, row by row (`window.ny` rows of `window.nx` numbers): physical values, with NaN for missing pixels. The
    /// leading dimensions are counted together, the last one fastest, to number the planes. The window lies in the image.
    ///
    /// No lock may be held while pixels are fetched or decoded that another thread does not need. A source that decodes keeps what it decoded in the
    /// cache of the run ([`ReadContext::blocks`]), where it counts against the memory limit.
    ///
    /// # Errors
    /// Whatever hinders the reading, as one of the variants of [`Error`]; [`Error::external`] makes one for sources outside of this crate.
    fn read(&self, plane: usize, window: Window, out: PixelsMut<'_>, run: &ReadContext<'_>) -> Result<(), Error>;

    /// A hint that these rectangles of a plane are going to be read soon, by a thread that has nothing better to do: the source may load them into
    /// the cache of the run ([`ReadContext::load_early`]). The default does nothing.
    fn will_read(&self, plane: usize, windows: &[Window], run: &ReadContext<'_>) {
        let _ = (plane, windows, run);
    }

    /// File and number of the HDU, if the pixels are in a FITS file. Default: none.
    fn file(&self) -> Option<(&Path, usize)> {
        None
    }

    /// The FITS header of the image, if it has one. Default: none.
    fn header(&self) -> Option<&Header> {
        None
    }
}
