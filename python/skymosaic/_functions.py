"""Reprojection functions that the caller has written: the images are reprojected by them, and the engine combines what they return."""

import warnings

import numpy as np
from astropy.wcs.wcsapi import SlicedLowLevelWCS

from ._inputs import Image, check
from ._mosaic import Job, computed
from ._wcs import fits_wcs, high_level

# Pixels around what an image covers, for functions whose kernels reach beyond it.
_MARGIN = 1


def reprojected(pairs, target, function, arguments):
    """Images on the pixels of the target.

    Parameters
    ----------
    pairs : list of tuple of Image
        Images and their weights, or None.
    target : Target
        The output, whose WCS has two axes.
    function : callable
        Called as reproject calls it: ``function((array, wcs), output_projection=..., shape_out=..., hdu_in=None, output_array=None, output_footprint=None,
        block_size=None, **arguments)`` returns array and footprint, and with ``return_footprint=False``, for weights, the array alone.
    arguments : dict
        Further arguments of it.

    Returns
    -------
    pairs : list of tuple of Image
        What it has returned, with weights that are footprint × weights, for the kernel "nearest".
    """
    if target.wcs.pixel_n_dim != 2:
        raise NotImplementedError(f"{_name(function)} with a WCS of {target.wcs.pixel_n_dim} axes: give a WCS of the two axes to be reprojected")
    warnings.warn(
        f"{_name(function)} is not a function of skymosaic or reproject: it is called for one image after the other, and only what it returns is combined by the engine",
        UserWarning,
        stacklevel=4,
    )
    arguments = {"hdu_in": None, "output_array": None, "output_footprint": None, "block_size": None, **arguments}
    made = []
    for image, weights in pairs:
        check(image, target)
        y, x = _covered(image, target)
        if image.variance is not None or image.mask is not None:
            raise NotImplementedError(f"input_variance and input_mask with {_name(function)}: what they become is known of functions of skymosaic only")
        named = {"output_projection": _cut(target.wcs, y, x), "shape_out": (*target.shape[:-2], y.stop - y.start, x.stop - x.start), **arguments}
        wcs = high_level(image.astropy_wcs())
        array, footprint = function((computed(image).pixels(), wcs), **named)
        weight = np.where(np.isnan(array), 0, footprint)
        if weights is not None:
            own = wcs if weights.wcs is None else high_level(weights.wcs)
            of_weights = function((np.nan_to_num(weights.pixels()), own), **named, return_footprint=False)
            weight = weight * np.nan_to_num(of_weights)
        corner = (y.start, x.start)
        made.append((Image(array.shape, array=array, corner=corner, scale=image.scale), Image(weight.shape, array=weight)))
    return made


def _name(function):
    return getattr(function, "__name__", None) or repr(function)


def _covered(image, target):
    """The rows and columns of the output around what an image covers; one pixel if there are none."""
    bounds = Job([(computed(image), None)], target, {"resample": "bilinear"}).plan().bounds(0) or [(0, 0, 1, 1)]
    y0, x0, y1, x1 = (
        min(window[0] for window in bounds),
        min(window[1] for window in bounds),
        max(window[0] + window[2] for window in bounds),
        max(window[1] + window[3] for window in bounds),
    )
    ny, nx = target.shape[-2:]
    return slice(max(0, y0 - _MARGIN), min(ny, y1 + _MARGIN)), slice(max(0, x0 - _MARGIN), min(nx, x1 + _MARGIN))


def _cut(wcs, y, x):
    """The WCS of a part of the output."""
    fits = fits_wcs(wcs)
    return fits[y, x] if fits is not None else high_level(SlicedLowLevelWCS(wcs.low_level_wcs, (y, x)))
