"""Parts of docstrings that functions share."""

import inspect

_PARTS = {
    "image": """
    input_data : object
        The image or cube: the name of a FITS file (or of a PNG or JPEG picture with AVM metadata); an `~astropy.io.fits.HDUList`; an image HDU; a tuple of
        array (numpy or dask) and WCS (any with the interface of APE 14) or `~astropy.io.fits.Header`; an `~astropy.nddata.NDData`. NaN, masked and BLANK
        pixels are missing. Shape (..., ny, nx); leading dimensions that the WCS does not have are planes that share its coordinates.
    output_projection : WCS, `~astropy.io.fits.Header` or str
        The output's coordinates; a header or the name of a FITS file gives its shape too.
    shape_out : tuple, optional
        Shape of the output; leading dimensions without a WCS may be left out. Default: that of ``output_projection`` or ``output_array``.
    hdu_in : int, str or tuple, optional
        The HDU of files and HDULists; None is the only one that holds an image. Default: 0.
""",
    "outputs": """
    output_array, output_footprint : `~numpy.ndarray`, optional
        Arrays to be filled, memory maps included, of float32 or float64 in any byte order and with any strides. Where both have one type they are written in place, otherwise
        through strips. Samples are float32 where ``output_array`` is. Default: new arrays of float64.
    return_footprint : bool
        Whether to compute and return the footprint. Default: True.
    block_size : tuple or 'auto', optional
        The part of the output that a task of dask computes, for ``return_type`` 'dask' and 'zarr' and ``parallel='current-scheduler'``: lengths along its
        axes, -1 for all, the first of which may be left out. Pixels do not depend on it. Default: blocks of 64 MB.
    parallel : bool, int or 'current-scheduler'
        One thread (False, the default), all (True), so many, or blocks as tasks of the active dask scheduler, dask.distributed included.
    return_type : {'numpy', 'dask', 'zarr'}, optional
        Numpy arrays; dask arrays that nobody has computed yet; or dask arrays on a zarr store into which the tasks have written. Default: ``'numpy'``.
    dask_method : {'memmap', 'none'}, optional
        Whether an image that is a dask array is computed into a temporary file that is mapped, or into memory.
    non_reprojected_dims : tuple, optional
        Leading dimensions that are mapped one to one without a look at their WCS axes: ``(0,)`` or ``(0, 1)``, ....
    zarr_path : str, optional
        The folder of the new store, for ``return_type='zarr'``.
    **further
        ``coordinate_error``: how far in input pixels coordinates may be off; 0 is exact (default 1e-8). ``memory_limit``: bytes that the engine may hold at once.
        ``min_weight``: the smallest part of the kernel, above 0 and at most 1, that valid pixels must hold for a sample near a missing pixel to be computed
        from them (default: a sample that needs a missing pixel is missing).
""",
    "returns": """
    array : `~numpy.ndarray` or `dask.array.Array`
        The reprojected image, NaN where there is none.
    footprint : `~numpy.ndarray` or `dask.array.Array`
        {footprint} Not with ``return_footprint=False``.
""",
    "raises": """
    ValueError, TypeError, FileNotFoundError, OSError, MemoryError
        With a message that names what is wrong: image, HDU, card, argument.
    NotImplementedError
        For axes that cannot be told apart.
""",
}


def documented(**parts):
    """Fills the parts of a docstring that are named in braces."""

    def fill(function):
        text = inspect.cleandoc(function.__doc__)
        for name, part in {**_PARTS, **parts}.items():
            for key, value in parts.items():
                part = part.replace("{" + key + "}", value)
            text = text.replace("{" + name + "}", inspect.cleandoc(part))
        function.__doc__ = text
        return function

    return fill
