"""Astronomical images: reprojected onto a target WCS, one by one or co-added to a mosaic.

`reproject_interp`, `reproject_adaptive`, `reproject_exact`, `reproject_and_coadd`, `find_optimal_celestial_wcs`, `reproject_from_healpix`,
`reproject_to_healpix` and `reproject_to_hips` have the signatures and the meaning of those of the package reproject; ``skymosaic.reproject`` has its names. The work is done by the Rust crate ``skymosaic``.
"""

from ._coadd import reproject_and_coadd
from ._healpix import reproject_from_healpix, reproject_to_healpix
from ._hips import reproject_to_hips
from ._optimal import find_optimal_celestial_wcs
from ._plan import Plan
from ._reproject import reproject_adaptive, reproject_exact, reproject_interp

__all__ = [
    "Plan",
    "find_optimal_celestial_wcs",
    "reproject_adaptive",
    "reproject_and_coadd",
    "reproject_exact",
    "reproject_from_healpix",
    "reproject_interp",
    "reproject_to_healpix",
    "reproject_to_hips",
]
__version__ = "0.1.0"
