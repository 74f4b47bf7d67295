"""The main job."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._axes import DEGREES
from ._functions import reprojected
from ._inputs import parse_image, parse_target, parse_weights
from ._mosaic import Job, deliver
from ._options import is_known, resampling
from ._results import Mosaic, Summary

_COMBINE = ("mean", "sum", "first", "last", "min", "max", "median", "weighted_median", "clipped", "inverse_variance")
# Arguments of the combination "clipped", named as those of astropy.stats.sigma_clip.
CLIPPING = ("sigma_lower", "sigma_upper", "maxiters")
# Planes that can be had beside the mosaic and its footprint.
_PLANES = ("variance", "mask", "count", "context")


def reproject_and_coadd(
    input_data,
    output_projection,
    shape_out=None,
    input_weights=None,
    hdu_in=None,
    hdu_weights=None,
    reproject_function=None,
    combine_function="mean",
    match_background=False,
    background_reference=None,
    output_array=None,
    output_footprint=None,
    block_sizes=None,
    progress_bar=None,
    blank_pixel_value=0,
    intermediate_memmap=False,
    *,
    non_reprojected_dims=None,
    return_type=None,
    zarr_path=None,
    return_footprint=True,
    input_variance=None,
    input_mask=None,
    input_scale=None,
    input_sky=None,
    input_exposure=None,
    exclude_bits=0,
    planes=(),
    zarr_batch_size=None,
    **kwargs,
):
    """Reproject images onto the pixels of an output and co-add them.

    Signature and meaning are those of ``reproject.mosaicking.reproject_and_coadd``. The result has the same bytes for any ``parallel``,
    ``block_size``, ``memory_limit`` and ``return_type``.

    Parameters
    ----------
    input_data : iterable
        The images, each one of: the name of a FITS file (or of a PNG or JPEG picture with AVM metadata); an `~astropy.io.fits.HDUList`; an image
        HDU; a tuple of array (numpy or dask) and WCS (any with the interface of APE 14) or `~astropy.io.fits.Header`; an
        `~astropy.nddata.NDData`. Files, and HDUs of open files that nobody has read or changed, are read by path while the mosaic is made; other
        pixels are used where they are, without a copy if they are uint8, int16, int32, int64, float32 or float64 in native byte order.
        NaN, masked and BLANK pixels are missing. Shapes are (..., ny, nx).
    output_projection : WCS, `~astropy.io.fits.Header` or str
        The output's coordinates; a file gives those, and the shape, of its first HDU.
    shape_out : tuple, optional
        Shape (..., ny, nx) of the output. Default: that of the WCS or header.
    input_weights : iterable, optional
        For each image weights: file, HDUList, HDU or array. Those with a WCS are resampled by it, others lie pixel on pixel. NaN and
        negative weights count as 0. Splines take weights linearly, as weights that overshoot would be negative.
    hdu_in, hdu_weights : int, str or tuple, optional
        The HDU of files and HDULists. Default: the only one that holds an image.
    reproject_function : callable or str
        ``reproject_interp``, ``reproject_adaptive`` or ``reproject_exact``, skymosaic's or reproject's, or a `functools.partial` of one, or a name: ``'interp'``,
        ``'adaptive'``, ``'exact'``, ``'nearest'``, ``'bilinear'``, ``'biquadratic'``, ``'bicubic'``, ``'cubic'``, ``'lanczos2'`` to
        ``'lanczos5'``, ``'drizzle'``. Another callable is called for one image after the other with the arguments with which reproject calls it, slowly and with a warning, and what
        it returns is combined.
    combine_function : str
        ``'mean'``, ``'sum'``, ``'first'``, ``'last'``, ``'min'``, ``'max'``, ``'median'``, ``'weighted_median'``, ``'inverse_variance'``, or ``'clipped'``: the mean without
        outliers, with ``sigma_lower=3``, ``sigma_upper=3`` and ``maxiters=5`` as in `astropy.stats.sigma_clip`.
    match_background : bool or {'constant', 'plane'}
        Whether to subtract from each image what brings the backgrounds to a common level: True is a constant by the median differences, every pair of images
        counting alike as in reproject; ``'constant'`` weighs pairs by their pixels, ``'plane'`` fits a plane to each image.
    background_reference : int, optional
        The image that stays as it is, from 0. Default: none; the corrections have mean zero.
    output_array, output_footprint : `~numpy.ndarray`, optional
        Arrays to be filled, memory maps included, with any strides. Both float32 or both float64 are written in place; others through strips. Samples
        are float32 where ``output_array`` is. Default: new arrays of float64.
    block_sizes : tuple, optional
        The last two numbers are the shape of the windows that dask schedules and that zarr has as chunks. Default: 64 MB a window.
        ``block_size`` is the same. Without dask they have no effect.
    progress_bar : callable, optional
        Called with the range of the images, such as `tqdm.tqdm`; it moves on as the part of the work that is done.
    blank_pixel_value : float
        Value where no image has a sample. Default: 0, as in reproject.
    intermediate_memmap : bool or 'zarr'
        Whether resampled images are kept in temporary files while backgrounds are matched: memory maps, whichever is asked for. Nothing else needs intermediates. Default:
        False, they are resampled twice.
    non_reprojected_dims : tuple, optional
        Leading dimensions that are mapped one to one without a look at their WCS axes: ``(0,)`` or ``(0, 1)``, .... Without it planes of the output that lie between
        those of an image are interpolated: linearly, by the nearest for 'nearest', by splines for 'biquadratic' and 'bicubic'.
    return_type : {'numpy', 'dask', 'zarr'}, optional
        Numpy arrays; dask arrays that nobody has computed yet; or dask arrays on a zarr store, which the workers of the active dask scheduler have written, so
        that no process holds more than a few windows. Default: ``'numpy'``.
    zarr_path : str, optional
        The folder of the new store, with arrays ``array``, ``footprint`` and so on, for ``return_type='zarr'``. Workers must be able to write there.
    return_footprint : bool
        Whether to compute and return the footprint. Default: True.
    input_variance, input_mask : iterable, optional
        For each image its variances, and its flags (integers of up to 32 bits): files, HDULists, HDUs or arrays on the pixels of the image, or None. A pixel whose variance
        is negative, infinite or NaN is missing.
    input_scale, input_sky, input_exposure : iterable, optional
        For each image the photometric scale that multiplies it (1), the sky level that is subtracted from its pixels before (0), and the name of the exposure that
        it belongs to, all images of which get the same background (an exposure of its own); or None.
    exclude_bits : int
        Bits of the flags that make a pixel missing. Default: 0, none.
    planes : tuple of {'variance', 'mask', 'count', 'context'}
        What is computed beside the mosaic, of the samples that a value is made of: the variance of the value, the flags of its pixels, how many there are, and from
        which images. Default: none.
    zarr_batch_size : int, optional
        Taken for programs that pass it to reproject, and without effect: the images of a window are combined as they are read.
    **kwargs
        Arguments of the reprojection function, as in reproject: ``order``, ``kernel``, ``kernel_width``, ``conserve_flux``, ``boundary_mode``, ...;
        and for any of them

        parallel : bool, int or 'current-scheduler'
            One thread (False, the default), all, so many, or the windows as tasks of the active dask scheduler, dask.distributed included: files are opened by
            the workers, arrays are sent once to those that need them, windows of lost workers are computed again.
        coordinate_error : float
            How far in input pixels coordinates may be off; 0 is exact. Default: 1e-8.
        memory_limit : int
            Bytes that the engine may hold at once.
        min_weight : float
            Smallest part of the kernel (above 0, at most 1) that valid pixels must hold for a sample near a missing pixel to be computed from them.
            Default: a sample that needs a missing pixel is missing.

    Returns
    -------
    mosaic : Mosaic
        The pair ``array, footprint`` of `~numpy.ndarray` or `dask.array.Array`: the mosaic, and the sum over the images of geometric coverage × weight, whatever the combination; 0 where
        there is no sample. (reproject gives for 'first', 'last', 'min' and 'max' that of the image chosen.) It has ``planes`` as attributes, and a ``summary`` of
        what was done. With ``return_footprint=False`` and no ``planes`` the array alone.

    Raises
    ------
    ValueError, TypeError, FileNotFoundError, OSError, MemoryError
        With a message that names the image, HDU or card.
    NotImplementedError
        For axes that cannot be told apart.

    Notes
    -----
    Celestial FITS WCS in frames of directions (RA and Dec, galactic, ecliptic, supergalactic) are computed natively. All others, such as GWCS and solar
    frames, go through astropy at the nodes of a grid that is checked against them, to the same ``coordinate_error``; areas
    for 'exact' are then taken in the plane of the image's pixels. ``roundtrip_coords=False`` has an effect on those only.

    Ctrl-C stops the work; the arrays then hold an unfinished mosaic.

    Examples
    --------
    >>> from skymosaic import find_optimal_celestial_wcs, reproject_and_coadd
    >>> wcs, shape = find_optimal_celestial_wcs(files)  # doctest: +SKIP
    >>> array, footprint = reproject_and_coadd(
    ...     files, wcs, shape, reproject_function="lanczos3", combine_function="clipped", parallel=True
    ... )  # doctest: +SKIP
    """
    prepared = prepare(
        input_data, output_projection, shape_out, input_weights, hdu_in, hdu_weights, reproject_function, combine_function, match_background,
        background_reference, output_array, output_footprint, block_sizes, progress_bar, blank_pixel_value, intermediate_memmap, non_reprojected_dims,
        return_type, zarr_path, return_footprint, input_variance, input_mask, input_scale, input_sky, input_exposure, exclude_bits, planes, kwargs,
    )
    made, summaries = prepared.run()
    if not return_footprint and not planes:
        return made["mosaic"]
    return Mosaic(made, Summary.of(summaries))


@dataclass
class Prepared:
    """A mosaic of which everything is known but its pixels: what `deliver` takes."""

    job: Job
    shape: tuple
    axes: int
    given: dict
    names: tuple
    scheduling: dict
    return_type: str | None
    zarr_path: str | None
    progress_bar: Any

    def run(self):
        """The planes by name, and what was done."""
        return deliver(
            self.job, self.shape, self.axes, self.given, self.names, self.scheduling, self.return_type, self.zarr_path, self.progress_bar
        )


def prepare(
    input_data, output_projection, shape_out, input_weights, hdu_in, hdu_weights, reproject_function, combine_function, match_background,
    background_reference, output_array, output_footprint, block_sizes, progress_bar, blank_pixel_value, intermediate_memmap, non_reprojected_dims,
    return_type, zarr_path, return_footprint, input_variance, input_mask, input_scale, input_sky, input_exposure, exclude_bits, planes, kwargs,
):
    """The arguments of `reproject_and_coadd`, checked and understood."""
    if combine_function not in _COMBINE:
        raise ValueError(f"combine_function should be one of {'/'.join(_COMBINE)}")
    if reproject_function is None:
        raise ValueError("reprojection function should be specified with the reproject_function argument")
    if return_type not in (None, "numpy", "dask", "zarr"):
        raise ValueError("return_type should be set to 'numpy', 'dask' or 'zarr'")
    if kwargs.get("block_size") is not None and block_sizes is not None:
        raise ValueError("Cannot specify block_sizes= and block_size= at the same time")
    if intermediate_memmap not in (False, True, "zarr"):
        raise ValueError(f"intermediate_memmap = {intermediate_memmap!r}: expected a bool or 'zarr'")
    if non_reprojected_dims is not None and non_reprojected_dims != tuple(range(len(non_reprojected_dims))):
        raise ValueError("non_reprojected_dims should be a tuple with values increasing sequentially from zero")
    unknown = [name for name in planes if name not in _PLANES]
    if unknown:
        raise ValueError(f"planes = {planes!r}: expected some of {', '.join(map(repr, _PLANES))}")
    check_destination(return_type, zarr_path, (output_array, output_footprint))
    clipping = {name: kwargs.pop(name) for name in CLIPPING if combine_function == "clipped" and name in kwargs}
    known = is_known(reproject_function)
    settings, scheduling, roundtrip = resampling(reproject_function if known else "nearest", kwargs if known else {})
    settings |= matching(match_background, background_reference)
    settings |= {"combine": combine_function, "blank": float(blank_pixel_value), "exclude_bits": exclude_bits, **clipping}
    if intermediate_memmap and match_background:
        settings["intermediate"] = "mapped"
    scheduling["block_size"] = scheduling.get("block_size") or _one_block(block_sizes)

    each = {"variance": input_variance, "mask": input_mask, "scale": input_scale, "sky": input_sky, "exposure": input_exposure}
    pairs = images_and_weights(input_data, hdu_in, input_weights, hdu_weights, each)
    target = parse_target(output_projection, shape_out)
    for given, name in ((output_array, ""), (output_footprint, "footprint ")):
        if given is not None and given.shape != target.shape:
            raise ValueError(
                f"If you specify an output {name}array, it must have a shape matching the output shape {target.shape}"
            )
    if not known:
        pairs = reprojected(pairs, target, reproject_function, kwargs)
    n = target.wcs.pixel_n_dim
    job = Job.of(pairs, target, settings, roundtrip, DEGREES.get(settings["resample"]), len(non_reprojected_dims or ()))
    names = (*(("footprint",) if return_footprint else ()), *planes)
    given = {"mosaic": output_array, "footprint": output_footprint}
    return Prepared(job, target.shape, n, given, names, scheduling, return_type, zarr_path, progress_bar)


def images_and_weights(input_data, hdu_in, input_weights, hdu_weights, each):
    """Images and their weights, as `Image`; ``each`` has what else there is of every image, by name."""
    images = [parse_image(data, hdu_in) for data in input_data]
    if not images:
        raise ValueError("no input data was given")

    def checked(name, given):
        given = list(given)
        if len(given) != len(images):
            raise ValueError(f"input_{name} has {len(given)} entries for {len(images)} input datasets")
        return given

    weights = [None] * len(images)
    if input_weights is not None:
        weights = [None if one is None else parse_weights(one, hdu_weights) for one in checked("weights", input_weights)]
    for name, given in each.items():
        if given is None:
            continue
        for image, one in zip(images, checked(name, given), strict=True):
            if one is not None:
                setattr(image, name, _EACH[name](one))
    return list(zip(images, weights, strict=True))


# How what there is of every image is understood.
_EACH = {
    "variance": lambda given: parse_weights(given).pixels(),
    "mask": lambda given: parse_weights(given).pixels(),
    "scale": float,
    "sky": float,
    "exposure": str,
}


def check_destination(return_type, zarr_path, given):
    if return_type in ("dask", "zarr") and any(array is not None for array in given):
        raise ValueError(f"Cannot use return_type='{return_type}' together with output_array or output_footprint")
    if (zarr_path is None) == (return_type == "zarr"):
        raise ValueError("zarr_path is where return_type='zarr' writes: give both or neither")


def _one_block(block_sizes):
    """One block size for all images, if that is what is given."""
    if isinstance(block_sizes, (tuple, list)) and len(block_sizes) >= 2 and all(np.ndim(n) == 0 for n in block_sizes):
        return tuple(block_sizes)
    return None


def matching(match_background, reference):
    """Options of background matching: True means what it means in reproject, where every pair of images counts alike."""
    if match_background is True:
        settings = {"match_background": "constant", "pair_weight": "equal"}
    elif match_background in ("constant", "plane"):
        settings = {"match_background": match_background}
    elif not match_background:
        return {}
    else:
        raise ValueError(f"match_background = {match_background!r}: expected a bool, 'constant' or 'plane'")
    return settings | {"background_reference": reference}
