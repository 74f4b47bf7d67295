//! FITS world coordinate systems: pixels to celestial coordinates and back.
//!
//! A [`Wcs`] is read from a [`Header`](crate::Header) and transforms slices of points. The steps from a pixel to the sky are
//!
//! | step | source | module |
//! |---|---|---|
//! | pixel → corrected pixel: SIP, CPDISi, D2IMDISi | Shupe et al. (2005), WCS paper IV (draft) | `distortion` |
//! | pixel → plane: CRPIXi, CDi_j or PCi_j and CDELTi or CROTAi, CUNITi | Greisen & Calabretta (2002) | `linear` |
//! | plane → corrected plane: TPV, TNX, ZPX, DSS plate solutions | FITS registry of conventions | `distortion` |
//! | plane → native direction: the projection of CTYPEi with PVi_m | Calabretta & Greisen (2002), Calabretta & Roukema (2007) | `projection` |
//! | native → celestial: CRVALi, LONPOLE, LATPOLE as one 3 × 3 matrix | Calabretta & Greisen (2002), section 2.4 | `rotation` |
//!
//! The axes beyond the celestial ones are read by `axis`: Greisen et al. (2006).
//!
//! Directions are unit vectors in all steps, so that poles and the ends of longitude need no special treatment.
//! The reference is wcslib, as astropy calls it: positions agree to 1e-9 degree and 1e-6 pixel, and a point is undefined
//! where wcslib says so with its bounds checks on.

// `!(a < b)` is meant where it stands: NaN has to take the branch of what is out of bounds.
#![allow(clippy::neg_cmp_op_on_partial_ord)]

mod axis;
mod celestial;
mod distortion;
mod frame;
mod frame_matrix;
mod header;
mod linear;
mod optimal;
mod projection;
mod refusal;
mod rotation;
mod smooth;
mod trig;
mod write;

pub use axis::LeadingAxis;
pub(crate) use celestial::BATCH;
pub use celestial::{Wcs, WcsOptions};
pub use distortion::LookupTables;
pub use frame::Frame;
pub(crate) use frame::FrameMap;
pub use optimal::{OptimalOptions, find_optimal_celestial_wcs, find_optimal_celestial_wcs_of};
pub(crate) use smooth::Disc;
