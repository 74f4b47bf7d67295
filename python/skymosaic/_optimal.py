"""The target WCS that suits a set of images."""

import warnings

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, frame_transform_graph
from astropy.io.fits import Header
from astropy.wcs import WCS
from astropy.wcs.utils import (
    celestial_frame_to_wcs,
    proj_plane_pixel_scales,
    wcs_to_celestial_frame,
)
from astropy.wcs.wcsapi import BaseHighLevelWCS, BaseLowLevelWCS

from . import _core
from ._inputs import parse_shape
from ._wcs import native_cards

# Longitudes that grow to the left.
_NEGATIVE = ("RA--", "GLON", "ELON", "HLON", "SLON")


def find_optimal_celestial_wcs(
    input_data,
    hdu_in=None,
    frame=None,
    auto_rotate=False,
    projection="TAN",
    resolution=None,
    reference=None,
    negative_lon_cdelt=None,
):
    """The WCS and shape that suit a set of images.

    Signature and meaning are those of ``reproject.mosaicking.find_optimal_celestial_wcs``. For FITS WCS in frames of directions the edges of the images are
    followed, where reproject looks at their corners: images whose edges curve in the output, that hold a pole of it or cross its seam are
    held whole.

    Parameters
    ----------
    input_data : iterable or a single image
        As for `reproject_and_coadd`; or tuples of shape and WCS or header; or WCS that have an ``array_shape``.
    hdu_in : int, str or tuple, optional
        The HDU of files and HDULists. Default: the only one that holds an image.
    frame : str or `~astropy.coordinates.BaseCoordinateFrame`, optional
        Frame of the output. Default: that of the first image.
    auto_rotate : bool
        Whether to turn the output so that its area is the smallest. Frames that only astropy knows need shapely for this. Default: False.
    projection : str
        Three-letter code. Default: ``'TAN'``.
    resolution : `~astropy.units.Quantity`, optional
        Size of a pixel. Default: the smallest pixel side of any image.
    reference : `~astropy.coordinates.SkyCoord`, optional
        Reference point of the output. Default: the mean of those of the images (their centres, for WCS that are not FITS).
    negative_lon_cdelt : bool or 'auto', optional
        Whether longitude grows to the left; ``'auto'`` is yes for RA, GLON, ELON, HLON and SLON. Default: yes, with a DeprecationWarning where
        ``'auto'`` says no, as in reproject 0.21.

    Returns
    -------
    wcs : `~astropy.wcs.WCS`
        The output's WCS.
    shape : tuple
        Its shape (ny, nx).

    Raises
    ------
    ValueError, TypeError
        For images that are not two-dimensional or not on the sky, and outputs that no projection can show or no machine can hold.
    """
    if isinstance(frame, str):
        frame = frame_transform_graph.lookup_name(frame)()
    images = [parse_shape(one, hdu_in) for one in _several(input_data)]
    if not images:
        raise ValueError("no input data was given")
    images = [(_celestial_shape(shape, wcs), wcs) for shape, wcs in images]
    if frame is None:
        frame = _frame(images[0][1])
    cards = _all_native(images)
    draft = celestial_frame_to_wcs(frame, projection=projection)
    like = native_cards(celestial_frame_to_wcs(frame))
    negative = _negative(negative_lon_cdelt, draft)
    if reference is not None:
        reference = reference.transform_to(frame)
    if resolution is not None:
        resolution = resolution.to(u.deg)
    if cards is None or like is None:
        return _by_astropy(images, frame, draft, negative, auto_rotate, resolution, reference)
    if reference is not None:
        at = reference.represent_as("unitspherical")
        reference = (at.lon.to_value(u.deg), at.lat.to_value(u.deg))
    found, shape = _core.find_optimal_celestial_wcs(
        [(_core.Wcs(text), shape) for text, (shape, _) in zip(cards, images, strict=True)],
        frame=_core.Wcs(like),
        projection=projection,
        resolution=None if resolution is None else resolution.value,
        reference=reference,
        auto_rotate=auto_rotate,
        negative_lon_cdelt=negative,
    )
    return _with_cdelt(WCS(Header.fromstring(found.to_header(), sep="\n")), negative), tuple(shape)


def _several(data):
    """The inputs as a list, as reproject tells one from several."""
    if isinstance(data, str) or not np.iterable(data):
        return [data]
    if len(data) == 2 and isinstance(data[1], (BaseLowLevelWCS, BaseHighLevelWCS, Header)):
        return [data]
    return list(data)


def _celestial_shape(shape, wcs):
    """The shape (ny, nx), after the checks of reproject."""
    shape = tuple(int(length) for length in shape)
    if len(shape) > wcs.pixel_n_dim:
        shape = shape[-wcs.pixel_n_dim :]
    if len(shape) != 2:
        raise ValueError(f"Input data is not 2-dimensional (got shape {shape!r})")
    if wcs.pixel_n_dim != 2 or wcs.world_n_dim != 2:
        raise ValueError("Input WCS is not 2-dimensional")
    celestial = wcs.has_celestial if isinstance(wcs, WCS) else isinstance(wcs.pixel_to_world(0, 0), SkyCoord)
    if not celestial:
        raise TypeError("WCS does not have celestial components")
    return shape


def _with_cdelt(wcs, negative):
    """The same WCS with a CD matrix written as PC and CDELT, as reproject has it: a rotation and the resolution."""
    if not wcs.wcs.has_cd():
        return wcs
    cd = wcs.wcs.cd.copy()
    resolution = np.sqrt(abs(np.linalg.det(cd)))
    cdelt = np.array([-resolution if negative else resolution, resolution])
    header = wcs.to_header()
    for keyword in [keyword for keyword in header if keyword.startswith(("CD1_", "CD2_", "PC1_", "PC2_", "CDELT"))]:
        del header[keyword]
    turned = WCS(header)
    turned.wcs.crpix, turned.wcs.crval = wcs.wcs.crpix, wcs.wcs.crval
    turned.wcs.cdelt, turned.wcs.pc = cdelt, cd / cdelt[:, None]
    turned.array_shape = wcs.array_shape
    return turned


def _frame(wcs):
    if isinstance(wcs, WCS):
        return wcs_to_celestial_frame(wcs)
    return wcs.pixel_to_world(0, 0).frame.replicate_without_data()


def _all_native(images):
    """Header text of every WCS, or None. A WCS with the interface of APE 14 tells no reference pixel and is left to astropy."""
    cards = []
    for _, wcs in images:
        cards.append(native_cards(wcs) if isinstance(wcs, WCS) else None)
        if cards[-1] is None:
            return None
    return cards


def _negative(choice, draft):
    automatic = draft.wcs.ctype[0][:4] in _NEGATIVE
    if choice == "auto":
        return automatic
    if choice is None:
        if not automatic:
            warnings.warn(
                "negative_lon_cdelt is not set, and currently defaults to True, but in future will change to 'auto', and for this WCS "
                "this will evaluate to False in future. It is recommended that you set negative_lon_cdelt explicitly, either to 'auto', "
                "or to True/False.",
                DeprecationWarning,
                stacklevel=3,
            )
        return True
    return bool(choice)


def _by_astropy(images, frame, target, negative, auto_rotate, resolution, reference):
    """The same for coordinates that only astropy knows: reproject's own recipe, by the corners of the images."""
    corners, references, scales = [], [], []
    for (ny, nx), wcs in images:
        x, y = [-0.5, nx - 0.5, nx - 0.5, -0.5], [-0.5, -0.5, ny - 0.5, ny - 0.5]
        corners.append(wcs.pixel_to_world(x, y).transform_to(frame).frame)
        at = wcs.wcs.crpix - 1 if isinstance(wcs, WCS) else ((nx - 1) / 2, (ny - 1) / 2)
        references.append(wcs.pixel_to_world(*at).transform_to(frame).frame)
        scales.append(_scale(wcs, (ny, nx)))
    corners, references = SkyCoord(corners), SkyCoord(references)
    if reference is None:
        reference = SkyCoord(references.data.mean(), frame=references.frame).transform_to(frame)
    if resolution is None:
        resolution = min(scales)
    target.wcs.cunit = [unit if str(unit) else "deg" for unit in target.wcs.cunit]
    lon, lat = target.wcs.cunit
    at = reference.represent_as("unitspherical")
    target.wcs.crval = at.lon.to_value(lon), at.lat.to_value(lat)
    target.wcs.cdelt = (-1 if negative else 1) * resolution.to_value(lon), resolution.to_value(lat)
    target.wcs.crpix = 1, 1
    points = np.array(target.world_to_pixel(corners)).reshape(2, -1)
    if auto_rotate:
        angle = _angle(points)
        target.wcs.pc = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        points = np.array(target.world_to_pixel(corners)).reshape(2, -1)
    if not np.isfinite(points).all():
        raise ValueError(
            "the corners of an image have no place in the target's projection: choose another frame, reference or projection"
        )
    low, high = points.min(axis=1), points.max(axis=1)
    target.wcs.crpix = 0.5 - low
    nx, ny = (int(round(length)) for length in high - low)
    return target, (ny, nx)


def _angle(points):
    """The angle of the smallest rectangle around points, nearest to 0."""
    from shapely.geometry import MultiPoint

    x, y = np.array(MultiPoint(points.T).minimum_rotated_rectangle.exterior.coords.xy)[:, :4]
    first, second = np.argsort(y)[:2]
    angle = np.arctan2(y[second] - y[first], x[second] - x[first]) % (np.pi / 2)
    return angle if angle <= np.pi / 4 else angle - np.pi / 2


def _scale(wcs, shape):
    """The smaller side of a pixel, at the reference pixel of a FITS WCS and at the centre of others."""
    if isinstance(wcs, WCS):
        return min(abs(s) * u.Unit(unit) for s, unit in zip(proj_plane_pixel_scales(wcs), wcs.wcs.cunit, strict=True))
    x, y = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    centre, right, above = wcs.pixel_to_world([x, x + 1, x], [y, y, y + 1])
    return min(centre.separation(right), centre.separation(above)).to(u.deg)
