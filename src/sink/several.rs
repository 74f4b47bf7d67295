//! Several sinks in one pass.

use super::{
    order::InOrder,
    tile_sink::{FinishedTile, SinkLayout, TileOrder, TileSink, TileSums},
};
use crate::{Error, Pixel, PlaneSet};

/// Several sinks that get the tiles of one run: a mosaic file, its footprint, statistics.
///
/// The run computes every plane that any of them asks for; each gets those that it asked for itself, in the order that it asked for. The sinks are started
/// and finished, and get each tile, in the order in which they were added. The first error of any of them stops the run.
///
/// ```
/// # #[cfg(feature = "fits")] {
/// # use skymosaic::{FitsOutput, Header, Input, Options, Plan, Sinks, Statistics, ValuePlane, Wcs};
/// # let wcs = Wcs::from_header(&Header::parse(
/// #     "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 5.5\nCRPIX2 = 5.5\nCDELT1 = -0.001\nCDELT2 = 0.001",
/// # )?)?;
/// # let image = ndarray::Array2::<f32>::zeros((10, 10));
/// # let dir = tempfile::tempdir()?;
/// # let (header, path) = (wcs.to_header(), |name: &str| dir.path().join(name));
/// let plan = Plan::new(&[Input::from_array(image.view(), wcs.clone())], &wcs, &[10, 20], &Options::default())?;
/// let mut mosaic = FitsOutput::<f32>::create(path("mosaic.fits"), &header, &[10, 20], false)?;
/// let mut footprint = FitsOutput::<f32>::create(path("footprint.fits"), &header, &[10, 20], false)?.plane(ValuePlane::Footprint);
/// let mut statistics = Statistics::default();
/// plan.run_to(&mut Sinks::new().with(&mut mosaic).with(&mut footprint).with(&mut statistics))?;
/// mosaic.publish()?;
/// footprint.publish()?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Sinks<'s, T: Pixel> {
    members: Vec<Box<dyn TileSink<T> + 's>>,
}

impl<T: Pixel> std::fmt::Debug for Sinks<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sinks").field("members", &self.members.len()).finish()
    }
}

impl<'s, T: Pixel> Sinks<'s, T> {
    /// No sink.
    #[must_use]
    pub fn new() -> Self {
        Sinks { members: Vec::new() }
    }

    /// Adds a sink.
    #[must_use]
    pub fn with(mut self, sink: &'s mut dyn TileSink<T>) -> Self {
        self.add(sink);
        self
    }

    /// Adds a sink.
    pub fn add(&mut self, sink: &'s mut dyn TileSink<T>) {
        self.members.push(match sink.order() {
            TileOrder::Any => Box::new(sink),
            TileOrder::Sweep => Box::new(InOrder::new(sink)),
        });
    }
}

impl<T: Pixel> TileSink<T> for Sinks<'_, T> {
    fn planes(&self) -> PlaneSet {
        self.members.iter().map(|member| member.planes()).collect()
    }

    fn start(&mut self, layout: &SinkLayout<'_>) -> Result<u64, Error> {
        let mut bytes: u64 = 0;
        for member in &mut self.members {
            let available = layout.available.saturating_sub(bytes);
            bytes = bytes.saturating_add(member.start(&SinkLayout { available, ..*layout })?);
        }
        Ok(bytes)
    }

    fn write(&self, tile: &FinishedTile<'_, T>) -> Result<(), Error> {
        self.members.iter().try_for_each(|member| member.write(&tile.only(member.planes())))
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.members.iter_mut().try_for_each(|member| member.finish())
    }

    /// The place of the first that has one.
    fn sums(&self) -> Option<&dyn TileSums> {
        self.members.iter().find_map(|member| member.sums())
    }

    fn stop(&self) {
        self.members.iter().for_each(|member| member.stop());
    }
}
