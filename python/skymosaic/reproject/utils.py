"""How the arguments of the reprojection functions are understood, as functions of their own, where reproject has them."""

import numpy as np

from .._inputs import parse_image, parse_shape, parse_target, parse_weights

__all__ = ["as_transparent_rgb", "parse_input_data", "parse_input_shape", "parse_input_weights", "parse_output_projection"]


def parse_input_data(input_data, hdu_in=None):
    """Array and WCS of an image.

    Parameters
    ----------
    input_data : object
        An image in any of the forms that `skymosaic.reproject_interp` takes.
    hdu_in : int, str or tuple, optional
        The HDU of files and HDULists. Default: the only one that holds an image.

    Returns
    -------
    array : `~numpy.ndarray` or `dask.array.Array`
        The pixels, of shape (..., ny, nx); those of a file are mapped where that is possible.
    wcs : `~astropy.wcs.wcsapi.BaseHighLevelWCS`
        Their WCS.

    Raises
    ------
    TypeError
        If it is no image.
    ValueError
        If it is not clear which HDU is meant.
    """
    image = parse_image(input_data, hdu_in)
    return image.pixels(), image.astropy_wcs()


def parse_input_shape(input_shape, hdu_in=None):
    """Shape and WCS of an image, or of a tuple of shape and WCS or header, or of a WCS that has an ``array_shape``.

    Parameters
    ----------
    input_shape : object
        What has a shape and a WCS.
    hdu_in : int, str or tuple, optional
        The HDU of files and HDULists. Default: the only one that holds an image.

    Returns
    -------
    shape : tuple
        (..., ny, nx).
    wcs : `~astropy.wcs.wcsapi.BaseHighLevelWCS`
        The WCS.

    Raises
    ------
    TypeError
        If it has no shape or no WCS.
    """
    return parse_shape(input_shape, hdu_in)


def parse_input_weights(input_weights, hdu_weights=None):
    """Array and WCS of weights.

    Parameters
    ----------
    input_weights : object
        The name of a FITS file, an HDUList, an HDU or an array.
    hdu_weights : int, str or tuple, optional
        The HDU of files and HDULists. Default: the only one that holds an image.

    Returns
    -------
    array : `~numpy.ndarray`
        The weights.
    wcs : `~astropy.wcs.WCS` or None
        Their WCS, if the header has one.

    Raises
    ------
    TypeError
        If these are no weights.
    """
    weights = parse_weights(input_weights, hdu_weights)
    return weights.pixels(), weights.wcs


def parse_output_projection(output_projection, shape_in=None, shape_out=None, output_array=None):
    """WCS and shape of an output.

    Parameters
    ----------
    output_projection : WCS, `~astropy.io.fits.Header` or str
        The output's coordinates; a header or a file gives the shape too.
    shape_in : tuple, optional
        Shape of the image, whose leading dimensions without a WCS the output gets.
    shape_out : tuple, optional
        Shape of the output.
    output_array : `~numpy.ndarray`, optional
        An array to be filled, which has the shape of the output.

    Returns
    -------
    wcs : `~astropy.wcs.wcsapi.BaseHighLevelWCS`
        The WCS.
    shape : tuple
        The shape.

    Raises
    ------
    ValueError
        If the shape is not known, or not the same everywhere.
    TypeError
        If it is no WCS, header or name of a file.
    """
    target = parse_target(output_projection, shape_out, shape_in, output_array)
    return target.wcs, target.shape


def as_transparent_rgb(data, alpha=None):
    """A picture of an RGB image whose missing pixels are transparent.

    Parameters
    ----------
    data : `~numpy.ndarray`
        Shape (3, ny, nx), or (4, ny, nx) with opacities, of values from 0 to 255; the first row is the lowest of the picture.
    alpha : `~numpy.ndarray`, optional
        Opacities from 0 to 1 by which the others are multiplied, of shape (ny, nx). Default: 1. NaN in ``data`` are transparent whatever they are.

    Returns
    -------
    picture : `PIL.Image.Image`
        In mode RGBA.

    Raises
    ------
    ValueError
        For other shapes.
    """
    from PIL import Image

    if data.ndim != 3 or data.shape[0] not in (3, 4):
        raise ValueError(f"Data needs to be three-dimensional, of shape (3, ny, nx) or (4, ny, nx), to return an RGB image: got {data.shape}")
    if alpha is not None and alpha.shape != data.shape[1:]:
        raise ValueError(f"alpha layer shape {alpha.shape} does not match data spatial shape {data.shape[1:]}")
    opacity = np.full(data.shape[1:], 255.0) if data.shape[0] == 3 else np.nan_to_num(data[3])
    opacity = np.where(np.isnan(data).any(axis=0), 0, opacity * (1 if alpha is None else alpha))
    planes = np.stack([*np.nan_to_num(data[:3]), opacity]).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)[::-1]))
