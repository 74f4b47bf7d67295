"""A pytest plugin: the tests of reproject.mosaicking and reproject.healpix get the functions of skymosaic.

The tests are read from the installed reproject as they are; only what they import is replaced. `NOT_APPLICABLE` lists those that
cannot apply, with the reason.
"""

import pytest
import reproject.healpix._high_level
import reproject.mosaicking._coadd
import reproject.mosaicking._wcs_helpers

import skymosaic

NOT_APPLICABLE = {}

reproject.mosaicking._coadd.reproject_and_coadd = skymosaic.reproject_and_coadd
reproject.mosaicking._wcs_helpers.find_optimal_celestial_wcs = skymosaic.find_optimal_celestial_wcs

reproject.healpix._high_level.reproject_from_healpix = skymosaic.reproject_from_healpix
reproject.healpix._high_level.reproject_to_healpix = skymosaic.reproject_to_healpix


def pytest_collection_modifyitems(items):
    for item in items:
        reason = NOT_APPLICABLE.get(item.name)
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
