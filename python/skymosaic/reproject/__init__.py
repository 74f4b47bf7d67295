"""The names of the package reproject 0.21, so that ``import skymosaic.reproject as reproject`` runs a program as it is.

Everything here is computed by skymosaic and nothing by reproject, which need not be installed. What skymosaic does not have (HiPS, the modules that reproject
calls private) is not here, and asking for it says so.
"""

from .. import (
    reproject_adaptive,
    reproject_exact,
    reproject_from_healpix,
    reproject_interp,
    reproject_to_healpix,
)
from . import adaptive, healpix, interpolation, mosaicking, spherical_intersect, utils
from ._missing import missing

__all__ = [
    "adaptive",
    "healpix",
    "interpolation",
    "mosaicking",
    "reproject_adaptive",
    "reproject_exact",
    "reproject_from_healpix",
    "reproject_interp",
    "reproject_to_healpix",
    "spherical_intersect",
    "utils",
]
# The release of reproject whose names and meaning these are.
__version__ = "0.21.0"

__getattr__ = missing(__name__)
