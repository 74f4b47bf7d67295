//! The native part of the Python package `skymosaic`: the crate's plans, inputs and coordinates for numpy arrays.
//!
//! Nothing is computed here. Python says what the inputs are (`input`), which options (`options`) and where to
//! write (`plan`, `healpix`, `hips`); a WCS that only astropy understands comes in as a map (`map`).

mod array;
mod error;
mod healpix;
mod hips;
mod input;
mod map;
mod options;
mod plan;
mod watch;
mod wcs;

use pyo3::prelude::*;

/// The module `skymosaic._core`.
#[pymodule]
mod _core {
    #[pymodule_export]
    use crate::healpix::{HealpixMap, healpix_plane, run_to_healpix};
    #[pymodule_export]
    use crate::hips::write_hips;
    #[pymodule_export]
    use crate::input::Input;
    #[pymodule_export]
    use crate::plan::Plan;
    #[pymodule_export]
    use crate::wcs::{Wcs, find_optimal_celestial_wcs};
}
