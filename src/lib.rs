//! Astronomical mosaicking engine.
mod coadd;
mod combine;
mod engine;
mod error;
mod fits;
mod input;
mod map;
mod options;
mod pixel;
mod plan;
mod progress;
mod resample;
mod sample;
mod schedule;
mod storage;
mod summary;
mod wcs;

pub use coadd::reproject_and_coadd;
pub use error::Error;
pub use fits::{FitsElement, FitsImage, FitsOutput, Hdu, Header, PixelType, Value, same_file};
pub use input::Input;
pub use map::{CoordGrid, CoordinateError, GridReport, PixelMap, WcsMap};
pub use options::{
    Adaptive, AdaptiveKernel, Boundary, Combine, Drizzle, DrizzleKernel, Flux, Intermediate, Missing, Options,
    Parallel, ProgressCallback, Resample,
};
pub use pixel::{InputPixel, Pixel};
pub use plan::{Plan, Window};
pub use progress::{Phase, Progress};
pub use storage::{MappedArray, MappedElement};
pub use summary::{InputSummary, Status, Summary};
pub use wcs::{
    Frame, LookupTables, OptimalOptions, Wcs, WcsOptions, find_optimal_celestial_wcs, find_optimal_celestial_wcs_of,
};
