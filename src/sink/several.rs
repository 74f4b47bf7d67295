//! Several sinks in one pass.

use super::{FinishedTile, InOrder, SinkLayout, TileOrder, TileSink};
use crate::{Error, Pixel, PlaneSet};

/// Several sinks that get the tiles of one run: a mosaic file, its footprint, statistics.
///
/// The run computes every plane that any of them asks for; each gets those that it asked for itself, in the order that it asked for. The sinks are started
/// and finished, and get each tile, in the order in which they were added. The first error of any of them stops the run.
///
/// ```
/// use skymosaic::{Sinks, Statistics, TileSink};
/// let (mut first, mut second) = (Statistics::default(), Statistics::default());
/// let sinks = Sinks::<f32>::new().with(&mut first).with(&mut second);
/// assert_eq!(sinks.planes(), first.planes());
/// # fn planes() {}
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

    fn stop(&self) {
        self.members.iter().for_each(|member| member.stop());
    }
}
