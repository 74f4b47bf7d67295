//! Astronomical mosaicking: images and a target WCS in, one mosaic and its footprint out.
//!
//! [`reproject_and_coadd`] reprojects every image onto the minimal sub-grid of the output that it covers and co-adds them, on
//! all cores, into buffers that the caller owns, in memory or in a memory map. The model is `reproject_and_coadd` of the
//! Python package reproject. Coordinates are those of wcslib, pixel values those of reproject, and the bytes of the result
//! are the same for any number of threads, tile size, memory limit and intermediate storage.
//!
//! ```
//! use ndarray::Array2;
//! use skymosaic::{Header, Input, Options, Wcs, reproject_and_coadd};
//!
//! # fn main() -> Result<(), skymosaic::Error> {
//! let wcs = |crval1: f64, rotation: f64| {
//!     let (sin, cos) = rotation.to_radians().sin_cos();
//!     Wcs::from_header(&Header::parse(&format!(
//!         "CTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRVAL1 = {crval1}\nCRVAL2 = 2.2\nCRPIX1 = 50.5\nCRPIX2 = 50.5\n\
//!          CDELT1 = -0.001\nCDELT2 = 0.001\nPC1_1 = {cos}\nPC1_2 = {sin}\nPC2_1 = {}\nPC2_2 = {cos}\n",
//!         -sin
//!     ))?)
//! };
//! let (left, right) = (Array2::from_elem((100, 100), 1.0_f32), Array2::from_elem((100, 100), 3.0_f32));
//! let inputs = [
//!     Input::from_array(left.view(), wcs(150.03, 10.0)?),
//!     Input::from_array(right.view(), wcs(149.97, -5.0)?),
//! ];
//! let mut mosaic = Array2::<f32>::zeros((120, 200));
//! let mut footprint = Array2::<f32>::zeros((120, 200));
//! let target = wcs(150.0, 0.0)?;
//! let summary =
//!     reproject_and_coadd(&inputs, &target, mosaic.view_mut(), footprint.view_mut(), &Options::default())?;
//! assert_eq!(mosaic[[50, 50]], 2.0); // Where both overlap: their mean,
//! assert_eq!(footprint[[50, 50]], 2.0); // and how many there are.
//! assert!(summary.max_coordinate_error < 1e-4);
//! # Ok(())
//! # }
//! ```
//!
//! Files go in with [`Input::from_fits`]; [`FitsOutput`] and [`MappedArray`] make outputs larger than memory;
//! [`find_optimal_celestial_wcs`] makes the target; a [`Plan`] can be inspected before anything is computed and run window by
//! window. The command line is the binary `skymosaic` (feature `cli`).
//!
//! # Conventions
//!
//! - Arrays are (…, ny, nx), row-major or with any strides. Pixel (0, 0) is the centre of the first pixel, FITS pixel (1, 1).
//!   Coordinates are `f64`; angles are degrees.
//! - Leading dimensions (the planes of a cube) share coordinates. They are mapped one to one, unless the WCS of input and target both describe them
//!   ([`Wcs::leading_axes`]) and differ: then planes are interpolated ([`Options::spectral_interpolation`]).
//! - Pixels are samples of surface brightness; [`Options::flux`] says otherwise.
//! - NaN, `BLANK` and weight 0 mean missing; [`Missing`] says what a missing pixel does to the samples near it. The outer half
//!   pixel of an image is valid and has the value of the edge pixel.
//! - The footprint is the sum over the inputs of geometric coverage × weight, the coverage being 1 for kernels that interpolate
//!   and the fraction of the output pixel that is covered for [`Resample::Exact`]. Where it is 0 the mosaic has
//!   [`Options::blank`].
//! - [`Planes`] tell of the samples that a value is made of: variance (with squared kernel weights), flags, number, and which inputs. They
//!   come from the same coordinates and kernel weights, in the same pass, and nothing is paid for those that are not asked for.
//! - A resampled sample has the type of the output, every sum is `f64`, an output pixel is written once. Output buffers are
//!   overwritten, whatever they held.
//! - All that is approximated is anchored to absolute pixels, and inputs meet in input order, so nothing depends on who computes
//!   what when.
//! - Nothing panics on any input: errors are [`Error`], which names the input, HDU or card.
//!
//! # Cargo features
//!
//! - `cli`: the binary `skymosaic`.
//! - `healpix`: HEALPix maps, read from and written to FITS tables, as inputs and outputs.
//! - `hips`: hierarchical progressive surveys (HiPS).
//! - `serde`: `Serialize` and `Deserialize` for [`Options`] and the types in it (except for the progress callback, which is skipped), [`Window`], [`Summary`],
//!   [`GridReport`], [`Backgrounds`] and the types in them. In formats for people, such as JSON, NaN and infinities are the strings `NaN`, `inf` and `-inf`;
//!   options that are absent have their defaults, and unknown ones are errors.
//!
//! # Architecture
//!
//! Data goes one way:
//!
//! ```text
//! arrays, FITS, … ─ PixelSource ─ Input ┐
//! target header ─ Wcs ──────────────────┼─ PixelMap ─ CoordGrid ─ Plan ─ [tile: patch → resample → combine] ─ arrays or TileSink
//!                                       exact map   certified   which inputs
//!                                       out→in px   cheap map   touch which tile
//! ```
//!
//! The output is cut into tiles. A worker takes the next tile in sweep order and goes through the inputs that touch it in input order:
//! it reads the patch of input pixels that the tile needs, resamples it, and accumulates; then it finishes the pixels and
//! writes the tile once. Workers share a queue and the cache of decoded pixels, so memory grows neither with the number of inputs nor
//! with the size of the mosaic. Combinations that need all samples of a pixel cut the tile into blocks small enough to hold them.
//!
//! The modules, from the ground up; each imports only those above it in this list (`tests/layers.rs` checks it):
//!
//! | module | contents |
//! |---|---|
//! | `error` | [`Error`], the one error type |
//! | `floats` | how floats are serialised (feature `serde`) |
//! | `direction` | unit vectors, rotations, and caps of the sphere |
//! | `simd` | run-time dispatch to the processor's widest instructions |
//! | `window` | [`Window`]: rectangles of pixels, tiles, blocks |
//! | `pixel` | [`Pixel`], [`InputPixel`]: the element types |
//! | `progress` | [`Progress`], cancellation |
//! | `options` | [`Options`]: what the user chooses |
//! | `stats` | counts and times gathered during a run |
//! | `corrections` | [`Backgrounds`]: what is subtracted to match the inputs |
//! | `header` | [`Header`]: FITS cards, without any file |
//! | `memory` | the tracker of all bytes that a run holds |
//! | `storage` | buffers in memory or in mapped files, `.npy` files, files that appear when they are whole; with `fits` the only `unsafe` |
//! | `planes` | [`Planes`], [`PlaneSet`]: variance, mask, count, context |
//! | `sink` | [`TileSink`]: where finished pixels go; [`Statistics`], [`Preview`], [`Sinks`] |
//! | `wcs` | [`Wcs`]: header to sky; `celestial` with the steps `linear`, `distortion`, `projection`, `rotation`; `frame`; `optimal` targets; `axis`: [`LeadingAxis`] |
//! | `map` | [`PixelMap`], the exact map; [`CoordGrid`], the cheap one with a certificate; which planes make a plane |
//! | `fits` | [`FitsImage`], [`FitsOutput`]: files of the format; the only module that names cfitsio |
//! | `source` | [`PixelSource`]: where pixels come from; the cache of decoded pixels; pixels changed and planes interpolated as they are read |
//! | `input` | [`Input`]: pixels, their WCS, weights, variances, flags |
//! | `resample` | the kernels, which see pixels and coordinates only |
//! | `threads` | thread pools and the queue of jobs |
//! | `plan` | [`Plan`]: which inputs touch which tiles, decided on the sphere |
//! | `summary` | [`Summary`]: what a run did |
//! | `sample` | the samples of one input in one block: patch → resample → weight |
//! | `combine` | from samples to the value of a pixel and its auxiliary planes |
//! | `exec` | what a run works with: threads, memory, cache, counts of what is still to be read |
//! | `background` | differences in overlaps → corrections of each input |
//! | `engine` | a plan carried out |
//! | `coadd` | [`reproject_and_coadd`]: plan, then run |
//! | `healpix` | [`HealpixMap`]: HEALPix maps of FITS tables; as inputs; as outputs (feature `healpix`) |
//! | `hips` | [`write_hips`]: hierarchical progressive surveys of mosaics; their tiles [`HipsGrid`], [`HipsTile`] and [`HipsProperties`] (feature `hips`) |
//! | `provenance` | what a mosaic says about itself: cards and a table of its inputs |

#[cfg(not(all(unix, target_pointer_width = "64")))]
compile_error!(
    "skymosaic needs a 64-bit Unix system: mosaics are larger than 32-bit addresses reach, and files are written with the calls of POSIX"
);

mod error;
#[cfg(feature = "serde")]
mod floats;
mod direction;
mod simd;
mod window;
mod pixel;
mod progress;
mod options;
mod stats;
mod corrections;
// Most of what reads and writes headers is for files.
#[cfg_attr(not(all(feature = "fits", feature = "tile-compression")), allow(dead_code, unused_imports))]
mod header;
mod memory;
mod storage;
mod planes;
mod sink;
mod wcs;
mod map;
#[cfg(feature = "fits")]
mod fits;
mod source;
mod input;
mod resample;
mod threads;
mod plan;
mod summary;
mod sample;
mod combine;
mod exec;
mod background;
mod engine;
mod coadd;
#[cfg(feature = "healpix")]
mod healpix;
#[cfg(feature = "hips")]
mod hips;
mod provenance;

pub use ndarray;

pub use coadd::reproject_and_coadd;
pub use corrections::{Backgrounds, Correction, Pair, PlaneBackgrounds};
pub use error::Error;
#[cfg(feature = "fits")]
pub use fits::{Column, FitsElement, FitsImage, FitsOutput, Hdu, read_table, same_file};
pub use header::{Header, Value};
#[cfg(feature = "healpix")]
pub use healpix::{HealpixGrid, HealpixInterpolation, HealpixMap, HealpixOrder, HealpixOutput, reproject_to_healpix};
#[cfg(feature = "hips")]
pub use hips::{
    HipsCuts, HipsExisting, HipsFormat, HipsGrid, HipsOptions, HipsPixels, HipsProblem, HipsProperties, HipsReduction,
    HipsStretch, HipsSummary, HipsTile, check_hips, write_hips,
};
pub use input::Input;
pub use map::{CoordGrid, PixelMap, WcsMap};
pub use options::{
    Adaptive, AdaptiveKernel, Boundary, Clip, Combine, CoordinateError, Drizzle, DrizzleKernel, Flux, Intermediate,
    MatchBackground, Matching, Missing, Options, PairWeight, Parallel, Resample, SpectralInterpolation,
};
pub use pixel::{InputPixel, Pixel, PixelType, PixelsMut, PixelsRef};
pub use plan::Plan;
pub use planes::{IntegerPlane, PlaneSet, Planes, ValuePlane};
pub use progress::{Phase, Progress, ProgressCallback};
pub use provenance::{COPIED_KEYWORDS, common_cards};
#[cfg(feature = "preview")]
pub use sink::Preview;
pub use sink::{FinishedTile, PlaneStatistics, SinkLayout, Sinks, Statistics, TileOrder, TileSink, TileSums};
pub use source::{BlockRequest, PixelSource, ReadContext};
pub use stats::{GridReport, Stages};
pub use storage::{AtomicFile, MappedArray, MappedElement, free_disk_space};
pub use summary::{InputSummary, Status, Summary};
pub use wcs::{
    Frame, LeadingAxis, LookupTables, OptimalOptions, Wcs, WcsOptions, find_optimal_celestial_wcs,
    find_optimal_celestial_wcs_of,
};
pub use window::Window;
