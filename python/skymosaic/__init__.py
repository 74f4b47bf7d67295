"""Astronomical mosaics: images and a target WCS in, one mosaic and its footprint out.

`reproject_and_coadd` and `find_optimal_celestial_wcs` have the signatures and the meaning of those of
``reproject.mosaicking``, `reproject_from_healpix`, `reproject_to_healpix` and `reproject_to_hips` those of ``reproject``. The work is done by the Rust crate ``skymosaic``.
"""

from ._coadd import reproject_and_coadd
from ._healpix import reproject_from_healpix, reproject_to_healpix
from ._hips import reproject_to_hips
from ._optimal import find_optimal_celestial_wcs

__all__ = ["find_optimal_celestial_wcs", "reproject_and_coadd", "reproject_from_healpix", "reproject_to_healpix", "reproject_to_hips"]
__version__ = "0.1.0"
