//! Where finished pixels go: the trait of sinks, several sinks in one pass, statistics and pictures.

mod order;
#[cfg(feature = "preview")]
mod preview;
mod several;
mod statistics;
mod sum;
mod tile_sink;

pub(crate) use order::InOrder;
#[cfg(feature = "preview")]
pub use preview::Preview;
pub use several::Sinks;
pub use statistics::{PlaneStatistics, Statistics};
pub(crate) use tile_sink::StopUnlessDone;
#[cfg(feature = "fits")]
pub(crate) use tile_sink::rows;
pub use tile_sink::{FinishedTile, SinkLayout, TileOrder, TileSink, TileSums};
