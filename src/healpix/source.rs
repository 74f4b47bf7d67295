//! HEALPix maps as inputs of a mosaic.

use std::sync::Arc;

use super::{map::HealpixMap, map::Values, plane::Plane};
use crate::{Error, Input, PixelSource, PixelType, PixelsMut, ReadContext, Window};

/// Squares beyond the plane that a kernel may look into: its support is smaller than a base cell.
pub(crate) const MARGIN: u64 = 1;

/// A map as the all-sky HPX image turned by 45°, whose gaps continue what is beside them.
#[derive(Debug)]
struct HealpixSource {
    map: HealpixMap,
    plane: Plane,
    shape: [usize; 2],
}

impl PixelSource for HealpixSource {
    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn element(&self) -> PixelType {
        match &*self.map.values {
            Values::F32(_) => PixelType::F32,
            Values::F64(_) => PixelType::F64,
        }
    }

    fn read(&self, _plane: usize, window: Window, out: PixelsMut<'_>, _run: &ReadContext<'_>) -> Result<(), Error> {
        let grid = self.map.grid();
        out.fill_with(|index| {
            let cell = self.plane.continued(window.x0 + index % window.nx, window.y0 + index / window.nx);
            cell.map_or(f64::NAN, |[face, x, y]| self.map.value(grid.of_cell(face, x, y)))
        });
        Ok(())
    }
}

impl Input<'_> {
    /// A HEALPix map as an image of the whole sky, for every kernel that interpolates: its pixels are those of the HPX projection turned by 45°, and across
    /// the edges of base cells kernels see the pixels that follow on the sky. Near the eight corners at which only three base cells meet, they see the
    /// nearer of the two that could follow. The grid has a kink along the edges between base cells of a cap (|latitude| > 41.8°): samples within the support of
    /// the kernel from there are right to half a pixel only. [`HealpixMap::reproject`], which goes by rings, has no such places.
    ///
    /// Planning refuses kernels that do not interpolate ([`Exact`](crate::Resample::Exact), [`Adaptive`](crate::Resample::Adaptive),
    /// [`Drizzle`](crate::Resample::Drizzle)).
    ///
    /// # Errors
    /// If there is no HPX projection in the frame of the map.
    pub fn from_healpix(map: HealpixMap) -> Result<Self, Error> {
        let plane = Plane::new(map.grid().nside(), MARGIN);
        let wcs = plane.wcs(map.frame())?;
        let shape = [plane.side(); 2];
        Ok(Self::from_source(Arc::new(HealpixSource { map, plane, shape }), wcs)
            .named("HEALPix map")
            .for_interpolation_only())
    }
}
