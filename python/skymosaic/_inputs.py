"""What the caller calls an image, as what the native part takes."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import astropy.nddata
import numpy as np
from astropy.io import fits
from astropy.io.fits import CompImageHDU, HDUList, Header, ImageHDU, PrimaryHDU
from astropy.wcs import WCS
from astropy.wcs.wcsapi import BaseHighLevelWCS, BaseLowLevelWCS

from . import _core
from ._arrays import is_array, native
from ._axes import (
    Axes,
    is_identity,
    needed,
    paired,
    planar,
    planes_at,
    positions,
    snapped,
)
from ._wcs import (
    PixelMap,
    Shift,
    check_coordinates,
    high_level,
    native_cards,
    understood,
)

_IMAGE_HDU = (PrimaryHDU, ImageHDU, CompImageHDU)


@dataclass
class Image:
    """Pixels, in a file or in an array, and where they lie.

    ``wcs`` is astropy's and None for a file that the native part understands by itself; ``cards`` is header text that the native part
    understands, or None. ``variance`` and ``mask`` are arrays on the pixels of the image; ``sky`` is subtracted from its pixels, ``scale`` multiplies its
    samples, and images of an ``exposure`` have one background.
    """

    shape: tuple
    path: str | None = None
    hdu: Any = None
    array: Any = None
    wcs: Any = None
    cards: str | None = None
    variance: Any = None
    mask: Any = None
    scale: float = 1.0
    sky: float = 0.0
    exposure: str | None = None
    # The output pixel (y, x) of the first pixel, for an image that lies on pixels of the output; it has no WCS.
    corner: tuple | None = None
    # Where the planes of the output lie along the leading axes, in pixels of the image; None for an axis that is mapped one to one.
    planes: tuple = ()
    # Degree of the spline between planes, where they are interpolated here; None where the engine does it, linearly or by the nearest.
    spline: int | None = None

    @property
    def interpolated(self):
        """Whether planes are to be interpolated here, before the engine sees them."""
        return self.spline is not None and any(at is not None for at in self.planes)

    def pixels(self):
        """The array of the image, that of a file being mapped or read."""
        if self.array is not None:
            return self.array
        with fits.open(self.path) as hdus:
            return hdus[self.hdu if self.hdu is not None else _only_image(hdus, "hdu_in")].data

    def astropy_wcs(self):
        """The WCS as astropy understands it."""
        if self.wcs is None:
            with fits.open(self.path) as hdus:
                index = hdus.index_of(self.hdu) if self.hdu is not None else _only_image(hdus, "hdu_in")
                return WCS(hdus[index].header, fobj=hdus)
        return self.wcs


def parse_image(data, hdu_in=None):
    """An image from any of the forms that reproject takes."""
    if isinstance(data, (str, Path)):
        return _from_path(os.fspath(data), hdu_in)
    if isinstance(data, HDUList):
        hdu = _only_image(data, "hdu_in") if hdu_in is None else data.index_of(hdu_in)
        return _from_hdu(data[hdu], data)
    if isinstance(data, _IMAGE_HDU):
        return _from_hdu(data, None)
    if isinstance(data, astropy.nddata.NDDataBase):
        pixels = np.ma.MaskedArray(data.data, data.mask) if isinstance(data.mask, np.ndarray) else data.data
        return _from_array(pixels, data.wcs)
    if isinstance(data, tuple) and len(data) == 2 and is_array(data[0]):
        return _from_array(*data)
    raise TypeError("input_data should either be an HDU object or a tuple of (array, WCS) or (array, Header)")


def parse_shape(data, hdu_in=None):
    """Shape and WCS of an image, or of what has a shape and a WCS but no pixels."""
    if isinstance(data, tuple) and len(data) == 2 and isinstance(data[0], tuple):
        wcs = WCS(data[1]) if isinstance(data[1], Header) else data[1]
        return data[0], high_level(wcs)
    if isinstance(data, (BaseLowLevelWCS, BaseHighLevelWCS)):
        wcs = high_level(data)
        if wcs.low_level_wcs.array_shape is not None:
            return wcs.low_level_wcs.array_shape, wcs
    try:
        image = parse_image(data, hdu_in)
    except TypeError:
        raise TypeError(
            "input_shape should either be an HDU object or a tuple of (array-or-shape, WCS) or (array-or-shape, Header)"
        ) from None
    return image.shape, image.astropy_wcs()


def parse_weights(weights, hdu_weights=None):
    """Weights from any of the forms that reproject takes. Without a WCS they lie pixel on pixel."""
    if isinstance(weights, (str, Path)):
        with fits.open(weights) as hdus:
            hdu = hdus[_only_image(hdus, "hdu_weights") if hdu_weights is None else hdu_weights]
            wcs = _wcs_of_weights(hdu.header)
            place = {"shape": hdu.shape, "path": os.fspath(weights), "hdu": hdus.index(hdu)}
            cards = None if wcs is None else native_cards(wcs)
            return Image(**place, wcs=wcs, cards=cards) if wcs is None or cards else Image(shape=hdu.shape, array=hdu.data, wcs=wcs)
    if isinstance(weights, HDUList):
        hdu = _only_image(weights, "hdu_weights") if hdu_weights is None else hdu_weights
        weights = weights[hdu]
    if isinstance(weights, _IMAGE_HDU):
        wcs = _wcs_of_weights(weights.header)
        return Image(shape=weights.shape, array=weights.data, wcs=wcs, cards=None if wcs is None else native_cards(wcs))
    if is_array(weights):
        return Image(shape=weights.shape, array=weights)
    raise TypeError("input_weights should either be an HDU object or a Numpy array")


def _wcs_of_weights(header):
    # Every WCS that says anything has a CTYPE1.
    wcs = WCS(header) if "CTYPE1" in header else None
    return wcs if wcs is not None and wcs.has_celestial else None


def _only_image(hdus, option):
    images = [index for index, hdu in enumerate(hdus) if isinstance(hdu, _IMAGE_HDU) and hdu.header.get("NAXIS", 0) > 0]
    if len(images) > 1:
        raise ValueError(f"More than one HDU is present, please specify HDU to use with ``{option}=`` option")
    return images[0] if images else 0


def _from_path(path, hdu):
    if _is_picture(path):
        from PIL import Image as Picture
        from pyavm import AVM

        return _from_array(np.array(Picture.open(path)).transpose(2, 0, 1)[:, ::-1], AVM.from_image(path).to_wcs())
    try:
        opened = _core.Input.fits(path, hdu)
    except ValueError as error:
        # Not a WCS for the native part, perhaps; if there is no such image, astropy says so.
        with fits.open(path) as hdus:
            if hdu is None:
                hdu = _only_image(hdus, "hdu_in")
            header = hdus[hdu].header
            wcs = WCS(header, fobj=hdus)
            if not isinstance(hdus[hdu], _IMAGE_HDU) or header["NAXIS"] < 2:
                raise error
            return Image(shape=hdus[hdu].shape, path=path, hdu=hdus.index_of(hdu), wcs=wcs)
    shape = tuple(opened.shape)
    if len(shape) == 2 and not opened.wcs.frame.startswith("Unknown"):
        return Image(shape=shape, path=path, hdu=hdu)
    image = Image(shape=shape, path=path, hdu=hdu)
    wcs = image.astropy_wcs()
    return Image(shape=shape, path=path, hdu=hdu, wcs=wcs, cards=native_cards(wcs))


def _from_hdu(hdu, hdus):
    wcs = WCS(hdu.header, fobj=hdus)
    place = _place_in_file(hdu)
    if place is None:
        return _from_array(hdu.data, wcs)
    path, number = place
    return Image(shape=hdu.shape, path=path, hdu=number, wcs=wcs, cards=native_cards(wcs))


def _place_in_file(hdu):
    """Path and number of an HDU whose pixels and header are as they are in its file."""
    info = hdu.fileinfo() if not isinstance(hdu, CompImageHDU) else None
    if not info or not info["file"].name or not os.path.isfile(info["file"].name):
        return None
    if hdu._data_loaded or hdu.header._modified:
        return None
    with fits.open(info["file"].name) as hdus:
        for number, other in enumerate(hdus):
            if other.fileinfo()["hdrLoc"] == info["hdrLoc"]:
                return info["file"].name, number
    return None


def _from_array(array, wcs):
    if isinstance(wcs, Header):
        cards = wcs.tostring(sep="\n")
        simple = wcs.get("NAXIS", 2) <= 2 and "CTYPE3" not in wcs and understood(cards) is not None
        wcs = WCS(wcs)
        return Image(shape=array.shape, array=array, wcs=wcs, cards=cards if simple else native_cards(wcs))
    if not isinstance(wcs, (BaseLowLevelWCS, BaseHighLevelWCS)):
        raise TypeError(
            "input_data should either be an HDU object or a tuple of (array, WCS) or (array, Header)"
        )
    return Image(shape=array.shape, array=array, wcs=high_level(wcs), cards=native_cards(wcs))


def _is_picture(path):
    with open(path, "rb") as file:
        start = file.read(8)
    return start == b"\x89PNG\r\n\x1a\n" or start[:3] == b"\xff\xd8\xff"


@dataclass
class Target:
    """The pixels of the output. ``cards`` is header text for the native part, or None if only astropy understands the WCS."""

    wcs: Any
    shape: tuple
    cards: str | None
    # The transposition that brought the arrays of the output to this shape, if any.
    order: tuple | None = None

    def native(self):
        """The native WCS, or None."""
        return None if self.cards is None else _core.Wcs(self.cards)


def parse_target(projection, shape_out=None, shape_in=None, output_array=None):
    """The target from a header, a WCS or the name of a FITS file, as in reproject.

    With ``shape_in``, that of the image, leading axes that have no WCS are those of the image if ``shape_out`` does not have them.
    """
    if output_array is not None:
        if shape_out is None:
            shape_out = output_array.shape
        elif tuple(shape_out) != output_array.shape:
            raise ValueError("shape_out does not match shape of output_array")
    cards = None
    if isinstance(projection, Header):
        wcs = WCS(projection)
        try:
            shape_out = [projection[f"NAXIS{axis + 1}"] for axis in range(projection["NAXIS"])][::-1]
        except KeyError:
            if shape_out is None:
                raise ValueError(
                    "Need to specify shape since output header does not contain complete shape information"
                ) from None
        text = projection.tostring(sep="\n")
        if wcs.pixel_n_dim == 2 and understood(text) is not None:
            cards = text
    elif isinstance(projection, (BaseLowLevelWCS, BaseHighLevelWCS)):
        wcs = high_level(projection)
        if shape_out is None:
            shape_out = wcs.low_level_wcs.array_shape
            if shape_out is None:
                raise ValueError("Need to specify shape_out when specifying output_projection as WCS object")
    elif isinstance(projection, (str, Path)):
        with fits.open(projection) as hdus:
            shape_out, wcs = hdus[0].shape, WCS(hdus[0].header, fobj=hdus)
    else:
        raise TypeError("output_projection should either be a Header, a WCS object, or a filename")
    if len(shape_out) == 0:
        raise ValueError("The shape of the output image should not be an empty tuple")
    shape = tuple(int(length) for length in shape_out)
    if shape_in is not None and len(shape) < len(shape_in) and len(shape) == wcs.pixel_n_dim:
        shape = (*shape_in[: -len(shape)], *shape)
    return Target(wcs=wcs, shape=shape, cards=cards or native_cards(wcs))


def check(image, target):
    """Checks that an image and the output can be related, with the messages of reproject."""
    n_out = target.wcs.pixel_n_dim
    n_in = 2 if image.wcs is None else image.wcs.pixel_n_dim
    if n_in != n_out:
        raise ValueError("Number of dimensions in input and output WCS should match")
    if len(target.shape) < n_out:
        raise ValueError("Too few dimensions in shape_out")
    if len(image.shape) < n_in:
        raise ValueError("Too few dimensions in input data")
    if len(image.shape) != len(target.shape):
        raise ValueError("Number of dimensions in input and output data should match")
    if image.shape[:-n_in] != target.shape[:-n_out]:
        raise ValueError("Dimensions to be looped over must match exactly")
    if target.cards is None or (image.wcs is not None and image.cards is None):
        check_coordinates(high_level(image.astropy_wcs()), target.wcs)


def arranged(pairs, target, degree, non_reprojected=0, tolerance=1e-4):
    """Images, their weights and the target with their arrays as the engine takes them: (..., ny, nx), the plane that is resampled last.

    Parameters
    ----------
    pairs : list of tuple of Image
        Images and their weights, or None. The images fit the target, see `check`.
    target : Target
        The output.
    degree : int or None
        Degree of the spline of the kernel, 0 to 3; None for other kernels, which interpolate linearly between planes.
    non_reprojected : int
        So many leading axes are mapped one to one, whatever their WCS says.
    tolerance : float
        Planes that are so close, in pixels, are the same.
    """
    if target.wcs.pixel_n_dim == 2:
        return pairs, target
    axes_out = Axes.of(target.wcs)
    order = axes_out.order(len(target.shape))
    wcs = planar(target.wcs, axes_out)
    flat = replace(target, wcs=wcs, shape=tuple(target.shape[axis] for axis in order), cards=native_cards(wcs), order=order)
    # The engine interpolates between planes linearly, and by the nearest.
    spline = degree if degree in (2, 3) else None
    of_weights = 0 if degree == 0 else 1
    made = []
    for image, weights in pairs:
        lay = _lay(image, target, axes_out, non_reprojected, tolerance)
        if weights is not None:
            own = weights.wcs is not None and weights.wcs.pixel_n_dim == target.wcs.pixel_n_dim
            of_own = _lay(weights, target, axes_out, non_reprojected, tolerance) if own else lay
            weights = _laid(weights, *of_own, of_weights if own or spline is not None else None)
        made.append((_laid(image, *lay, spline), weights))
    return made, flat


def _lay(image, target, axes_out, non_reprojected, tolerance):
    """How the axes of an image lie to the output's: a transposition of its array, where the planes of the output are along leading axes, and the WCS of the plane."""
    wcs_in, n, ndim = high_level(image.wcs), target.wcs.pixel_n_dim, len(target.shape)
    axes = Axes.of(wcs_in)
    if non_reprojected < n - 2:
        axes = paired(axes_out, target.wcs, axes, wcs_in)
    order, order_out = axes.order(ndim), axes_out.order(ndim)
    planes = [None] * (ndim - 2)
    for place in range(ndim - 2):
        length, length_out = image.shape[order[place]], target.shape[order_out[place]]
        if place >= max(ndim - n, non_reprojected):
            axis_out, axis_in = ndim - 1 - order_out[place], ndim - 1 - order[place]
            at = snapped(positions(axis_out, target.wcs, axis_in, wcs_in, target.shape[ndim - n :]), tolerance)
            if not is_identity(at, length):
                planes[place] = at
        if planes[place] is None and length != length_out:
            raise ValueError("Dimensions to be looped over must match exactly")
    return order, tuple(planes), planar(wcs_in, axes)


def _laid(image, order, planes, wcs, spline):
    """An image, or weights, as `_lay` says."""
    whole = len(image.shape) == len(order)
    image = replace(image, planes=planes if whole else (), spline=spline)
    if image.wcs is not None:
        image = replace(image, wcs=wcs, cards=native_cards(wcs))
    if order == tuple(range(len(order))) and not image.interpolated:
        return image

    def turned(array):
        # Arrays of one plane stand for all.
        if array is None or array.ndim == len(order):
            return None if array is None else array.transpose(order)
        return array.T if order[-1] < order[-2] else array

    array = turned(image.pixels())
    return replace(image, array=array, path=None, shape=array.shape, variance=turned(image.variance), mask=turned(image.mask))


def cut(image, chosen):
    """An image with those planes only that a part of the output needs.

    Parameters
    ----------
    image : Image or None
        From `arranged`.
    chosen : tuple of slice
        Planes of the output along each leading axis.
    """
    if image is None or len(image.shape) == 2:
        return image
    if image.interpolated and (image.variance is not None or image.mask is not None):
        raise NotImplementedError("variances and masks of planes between which a spline is laid: use another kernel, or resample that axis first")
    arrays = {"array": image.pixels(), "variance": image.variance, "mask": image.mask}
    planes = list(image.planes or (None,) * (len(image.shape) - 2))
    for axis, (part, at) in enumerate(zip(chosen, planes, strict=True)):
        if at is not None and image.spline is not None:
            arrays["array"], planes[axis] = planes_at(arrays["array"], axis, at[part], image.spline), None
            continue
        if at is not None:
            at = at[part]
            part = needed(at, image.shape[axis])
            planes[axis] = at - part.start
        for name, array in arrays.items():
            if array is not None and array.ndim == len(image.shape):
                arrays[name] = array[(slice(None),) * axis + (part,)]
    return replace(image, path=None, shape=arrays["array"].shape, planes=tuple(planes), **arrays)


def build(image, weights, target, roundtrip=True):
    """The native input of an image with its weights, if any, on a target."""

    def place(image):
        if image.corner is not None:
            return {"map": Shift(*image.corner)}
        if target.cards is None or (image.wcs is not None and image.cards is None):
            return {"map": PixelMap(target.wcs, high_level(image.astropy_wcs()), roundtrip)}
        return {"wcs": None if image.cards is None else _core.Wcs(image.cards)}

    if image.path is not None:
        made = _core.Input.fits(image.path, image.hdu, **place(image))
    else:
        made = _core.Input.array(native(image.array), **place(image))
    if any(at is not None for at in image.planes):
        lengths = zip(image.planes, image.shape, strict=False)
        made = made.with_leading_positions([list(range(n)) if at is None else at.tolist() for at, n in lengths])
    if image.variance is not None:
        made = made.with_variance(native(image.variance))
    if image.mask is not None:
        made = made.with_mask(native(image.mask))
    if image.scale != 1 or image.sky != 0 or image.exposure is not None:
        made = made.adjusted(image.scale, image.sky, image.exposure)
    if weights is None:
        return made
    if weights.path is not None and (weights.wcs is None or target.cards is not None):
        return made.with_weights_fits(weights.path, weights.hdu)
    if weights.path is not None:
        weights = Image(shape=weights.shape, array=fits.getdata(weights.path, weights.hdu), wcs=weights.wcs)
    return made.with_weights(native(weights.array), **({} if weights.wcs is None and weights.cards is None else place(weights)))
