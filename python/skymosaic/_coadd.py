"""The main job."""

import numpy as np

from . import _core
from ._arrays import is_dask, writable
from ._inputs import build, check, parse_image, parse_target, parse_weights
from ._options import resampling, threads

_COMBINE = ("mean", "sum", "first", "last", "min", "max", "median", "weighted_median", "clipped")
# Arguments of the combination "clipped", named as those of astropy.stats.sigma_clip.
CLIPPING = ("sigma_lower", "sigma_upper", "maxiters")
# Pixels of a strip that is computed beside an array that cannot be written in place.
_STRIP = 1 << 22


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
        ``reproject_interp``, ``reproject_adaptive`` or ``reproject_exact`` of the package reproject, or a `functools.partial` of one, or a name: ``'interp'``,
        ``'adaptive'``, ``'exact'``, ``'nearest'``, ``'bilinear'``, ``'biquadratic'``, ``'bicubic'``, ``'cubic'``, ``'lanczos2'`` to
        ``'lanczos5'``, ``'drizzle'``. Their values agree with reproject's; other functions cannot be run.
    combine_function : str
        ``'mean'``, ``'sum'``, ``'first'``, ``'last'``, ``'min'``, ``'max'``, ``'median'``, ``'weighted_median'``, or ``'clipped'``: the mean without
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
    intermediate_memmap : bool
        Whether resampled images are kept in temporary memory maps while backgrounds are matched. Nothing else needs intermediates. Default:
        False, they are resampled twice.
    non_reprojected_dims : tuple, optional
        Leading dimensions that are mapped one to one without a look at their WCS axes: ``(0,)`` or ``(0, 1)``, .... Without it these axes have to be
        the same in images and output.
    return_type : {'numpy', 'dask', 'zarr'}, optional
        Numpy arrays; dask arrays that nobody has computed yet; or two arrays in a zarr store, which the workers of the active dask scheduler write, so
        that no process holds more than a few windows. Default: ``'numpy'``.
    zarr_path : str, optional
        The folder of the new store, with arrays ``array`` and ``footprint``, for ``return_type='zarr'``. Workers must be able to write there.
    **kwargs
        Arguments of the reprojection function, as in reproject: ``order``, ``kernel``, ``kernel_width``, ``conserve_flux``, ``boundary_mode``, ...;
        and for any of them

        parallel : bool, int or 'current-scheduler'
            One thread (False, the default), all, so many, or the windows as tasks of the active dask scheduler, dask.distributed included: files are opened by
            the workers, arrays are sent once to those that need them, windows of lost workers are computed again.
        coordinate_error : float
            How far in input pixels coordinates may be off; 0 is exact. Default: 1e-4.
        memory_limit : int
            Bytes that the engine may hold at once.
        min_weight : float
            Smallest part of the kernel (above 0, at most 1) that valid pixels must hold for a sample near a missing pixel to be computed from them.
            Default: a sample that needs a missing pixel is missing.

    Returns
    -------
    array, footprint : `~numpy.ndarray`, `dask.array.Array` or `zarr.Array`
        The mosaic, and the sum over the images of geometric coverage × weight, whatever the combination; 0 where there is no sample. (reproject gives
        for 'first', 'last', 'min' and 'max' that of the image chosen.)

    Raises
    ------
    ValueError, TypeError, FileNotFoundError, OSError, MemoryError
        With a message that names the image, HDU or card.
    NotImplementedError
        For axes beyond the celestial ones that differ between image and output: planes are combined one to one.

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
    if combine_function not in _COMBINE:
        raise ValueError(f"combine_function should be one of {'/'.join(_COMBINE)}")
    if reproject_function is None:
        raise ValueError("reprojection function should be specified with the reproject_function argument")
    if return_type not in (None, "numpy", "dask", "zarr"):
        raise ValueError("return_type should be set to 'numpy', 'dask' or 'zarr'")
    if kwargs.get("block_size") is not None and block_sizes is not None:
        raise ValueError("Cannot specify block_sizes= and block_size= at the same time")
    if intermediate_memmap not in (False, True):
        raise ValueError(
            f"intermediate_memmap = {intermediate_memmap!r}: expected a bool; no intermediate array is stored unless backgrounds are matched, and "
            "return_type='zarr' writes the output to zarr"
        )
    if non_reprojected_dims is not None and non_reprojected_dims != tuple(range(len(non_reprojected_dims))):
        raise ValueError("non_reprojected_dims should be a tuple with values increasing sequentially from zero")
    clipping = {name: kwargs.pop(name) for name in CLIPPING if combine_function == "clipped" and name in kwargs}
    settings, scheduling, roundtrip = resampling(reproject_function, kwargs)
    settings |= matching(match_background, background_reference)
    settings |= {"combine": combine_function, "blank": float(blank_pixel_value), **clipping}

    images = [parse_image(data, hdu_in) for data in input_data]
    if not images:
        raise ValueError("no input data was given")
    weights = [None] * len(images)
    if input_weights is not None:
        weights = [parse_weights(one, hdu_weights) for one in input_weights]
        if len(weights) != len(images):
            raise ValueError(f"input_weights has {len(weights)} entries for {len(images)} input datasets")
    target = parse_target(output_projection, shape_out)
    for image in images:
        check(image, target, len(non_reprojected_dims or ()))
    for given, name in ((output_array, ""), (output_footprint, "footprint ")):
        if given is not None and given.shape != target.shape:
            raise ValueError(
                f"If you specify an output {name}array, it must have a shape matching the output shape {target.shape}"
            )

    images = list(zip(images, weights, strict=True))
    if scheduling.get("parallel") == "current-scheduler" or return_type in ("dask", "zarr"):
        given = (output_array, output_footprint)
        return _by_windows(images, target, settings, roundtrip, scheduling, block_sizes, given, progress_bar, return_type, zarr_path)
    settings["threads"] = threads(scheduling.get("parallel", False))
    if intermediate_memmap and match_background:
        settings["intermediate"] = "mapped"
    inputs = [build(computed(image), weight, target, roundtrip) for image, weight in images]
    plan = _core.Plan(inputs, target.native(), target.shape, settings)
    output_array, output_footprint = outputs(target.shape, output_array, output_footprint)
    with Bar(progress_bar, len(inputs), 2 if match_background else 1) as bar:
        run(plan, output_array, output_footprint, bar)
    return output_array, output_footprint


def _by_windows(images, target, settings, roundtrip, scheduling, block_sizes, given, progress_bar, return_type, zarr_path):
    """The mosaic by windows, on the active dask scheduler."""
    from . import _dask

    if return_type in ("dask", "zarr") and any(array is not None for array in given):
        raise ValueError(f"Cannot use return_type='{return_type}' together with output_array or output_footprint")
    if (zarr_path is None) == (return_type == "zarr"):
        raise ValueError("zarr_path is where return_type='zarr' writes: give both or neither")
    output, footprint = given if return_type in ("dask", "zarr") else outputs(target.shape, *given)
    side = _dask.side_of(target.shape, scheduling.get("block_size", block_sizes))
    dtype = "f8" if output is None else sample_type(output)
    windows = _dask.Windows(images, target, settings, roundtrip, dtype, side)
    matched = "match_background" in settings
    if return_type == "dask":
        return _dask.lazy(windows, matched)
    group = _dask.create_store(zarr_path, windows) if return_type == "zarr" else None
    with Bar(progress_bar, len(images), 2 if matched else 1) as bar:
        _dask.run(windows, output, footprint, matched, bar, zarr_path)
    return (output, footprint) if group is None else (group["array"], group["footprint"])


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


def computed(image):
    """The image with its pixels in memory, if they are those of a dask array."""
    if image.array is not None and is_dask(image.array):
        image.array = image.array.compute()
    return image


def outputs(shape, output_array, output_footprint):
    """The arrays to be filled, made where they are not given."""
    given = [array for array in (output_array, output_footprint) if array is not None]
    dtype = given[0].dtype if given and writable(given[0]) else np.dtype(float)
    made = [np.empty(shape, dtype) if array is None else array for array in (output_array, output_footprint)]
    return tuple(made)


def sample_type(output):
    """The type of resampled samples: float32 for outputs of that type in any byte order, and float64."""
    return np.dtype("f4") if output.dtype.newbyteorder("=") == np.dtype("f4") else np.dtype("f8")


def run(plan, output, footprint, progress=None):
    """Fills both arrays: in place if they are float32 or float64 alike, by strips through such ones otherwise."""
    if writable(output) and writable(footprint) and output.dtype == footprint.dtype:
        return plan.run(output, footprint, progress=progress)
    *leading, ny, nx = output.shape
    dtype = sample_type(output)
    rows = max(1, _STRIP // (nx * int(np.prod(leading))))
    for y0 in range(0, ny, rows):
        window = (y0, 0, min(rows, ny - y0), nx)
        strip = [np.empty((*leading, window[2], nx), dtype) for _ in range(2)]
        plan.run(*strip, window=window)
        for whole, part in zip((output, footprint), strip, strict=True):
            whole[..., y0 : y0 + window[2], :] = part
        if progress is not None:
            progress("combining", (y0 + window[2]) / ny)


class Bar:
    """A progress bar over the images, as reproject has it, moved on by the part of the work that is done."""

    def __init__(self, progress_bar, count, phases):
        self._bar = None if progress_bar is None else iter(progress_bar(range(count)))
        self._count, self._phases, self._phase, self._name, self._done = count, phases, 0, None, 0

    def __enter__(self):
        return None if self._bar is None else self

    def __call__(self, name, fraction):
        if self._name not in (None, name):
            self._phase = min(self._phase + 1, self._phases - 1)
        self._name = name
        self._to(int(self._count * (self._phase + fraction) / self._phases))

    def _to(self, done):
        while self._done < done:
            next(self._bar, None)
            self._done += 1

    def __exit__(self, kind, value, traceback):
        if self._bar is None:
            return
        if kind is None:
            # One more than there are: generators close their bar after the last.
            self._to(self._count + 1)
        elif hasattr(self._bar, "close"):
            self._bar.close()
