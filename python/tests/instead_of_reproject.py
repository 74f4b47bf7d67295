"""A pytest plugin: the tests of reproject get the functions of skymosaic.

The tests are read from the installed reproject as they are; only the functions that they import are replaced, in every module that the tests import them from. The
references of reproject are compared with by pytest-arraydiff, as reproject does it.
"""

import importlib
import tempfile
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.utils.data import get_pkg_data_filename

import skymosaic
from skymosaic.reproject import utils

# Where tests import functions from, and what they get.
REPLACED = {
    "reproject": ("reproject_interp", "reproject_adaptive", "reproject_exact"),
    "reproject.interpolation._high_level": ("reproject_interp",),
    "reproject.adaptive._high_level": ("reproject_adaptive",),
    "reproject.spherical_intersect._high_level": ("reproject_exact",),
    "reproject.healpix._high_level": ("reproject_from_healpix", "reproject_to_healpix"),
    "reproject.mosaicking._coadd": ("reproject_and_coadd",),
    "reproject.mosaicking._wcs_helpers": ("find_optimal_celestial_wcs",),
    "reproject.utils": ("parse_input_data", "parse_input_shape", "parse_output_projection"),
}

# Tests that cannot pass, and why. One that passes is an error.
_LIMB = (
    "beside pixels that have no position, as at the edge of the solar disk, the derivatives of the map are taken on the side that has positions; reproject, whose derivatives "
    "are undefined there, gives NaN (astropy/reproject#195, #275)"
)
EXCEPTIONS = {
    "test_reproject_adaptive_despike_jacobian": "the derivatives of a periodic image are taken across its seam: there are no spikes, and no strip of NaN without the option "
    "(astropy/reproject#366)",
    "test_reproject_adaptive_high_aliasing_potential_rotation": "it wants exactly 0 where pixels lie at the very end of the kernel; positions from polynomials are off by 1e-14 "
    "pixel, which gives 1e-27 (with coordinate_error=0 it is 0). What it tests came with astropy/reproject#274",
    "test_reproject_adaptive_roundtrip": _LIMB,
    "test_reproject_adaptive_uncentered_jacobian": _LIMB,
    "test_reproject_parallel_broadcasting": "it reads what reproject's private module _common logs; the chunks that it tests too are tested in test_single.py "
    "(astropy/reproject#390)",
}

# Files that tests get from data.astropy.org: images of the same place, size and coordinates stand in for them.
_COMMON = {"CRPIX1": 360.5, "CRPIX2": 360.5, "CDELT1": -0.001388889, "CDELT2": 0.001388889}
_STANDING_IN = {
    "galactic_center/gc_2mass_k.fits": (
        (720, 721),
        {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 266.4, "CRVAL2": -28.93333, "RADESYS": "FK5", **_COMMON},
    ),
    "galactic_center/gc_msx_e.fits": (
        (149, 149),
        {"CTYPE1": "GLON-CAR", "CTYPE2": "GLAT-CAR", "CRVAL1": 0.0, "CRVAL2": 0.0, "CRPIX1": 75.5, "CRPIX2": 75.5, "CDELT1": -0.0067, "CDELT2": 0.0067},
    ),
}
_folder = tempfile.TemporaryDirectory()


def _data_filename(name, **named):
    if name not in _STANDING_IN:
        return get_pkg_data_filename(name, **named)
    path = Path(_folder.name) / Path(name).name
    if not path.exists():
        shape, header = _STANDING_IN[name]
        y, x = np.indices(shape)
        fits.writeto(path, (np.sin(0.1 * x) + np.cos(0.07 * y) + 0.01 * x).astype(">f4"), fits.Header(header.items()))
    return str(path)


def _reproject_celestial(array, wcs_in, wcs_out, shape_out):
    """What tests call of reproject_exact instead of the whole."""
    return skymosaic.reproject_exact((array, wcs_in), wcs_out, shape_out=shape_out)


for module, names in REPLACED.items():
    for name in names:
        setattr(importlib.import_module(module), name, getattr(utils if module == "reproject.utils" else skymosaic, name))
importlib.import_module("reproject.spherical_intersect._core")._reproject_celestial = _reproject_celestial


def pytest_collection_modifyitems(items):
    for item in items:
        if hasattr(item.module, "test_blocked_against_single"):
            item.module.get_pkg_data_filename = _data_filename
        reason = EXCEPTIONS.get(item.originalname)
        if reason:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
