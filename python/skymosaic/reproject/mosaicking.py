"""`reproject_and_coadd` and `find_optimal_celestial_wcs`, where reproject has them."""

from .. import find_optimal_celestial_wcs, reproject_and_coadd

__all__ = ["find_optimal_celestial_wcs", "reproject_and_coadd"]
