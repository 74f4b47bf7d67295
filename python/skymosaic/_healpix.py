"""HEALPix maps: onto the pixels of an image, and from images."""

import operator
import os
import tempfile
from pathlib import Path

import numpy as np
from astropy.coordinates import (
    FK5,
    ICRS,
    BarycentricMeanEcliptic,
    BaseCoordinateFrame,
    Galactic,
    SkyCoord,
    Supergalactic,
    frame_transform_graph,
)
from astropy.io import fits
from astropy.io.fits import BinTableHDU, HDUList, Header, TableHDU
from astropy.wcs import WCS
from astropy.wcs.utils import celestial_frame_to_wcs, wcs_to_celestial_frame
from astropy.wcs.wcsapi import HighLevelWCSWrapper
from astropy.wcs.wcsapi.wrappers.base import BaseWCSWrapper

from . import _core
from ._coadd import CLIPPING, images_and_weights, matching
from ._inputs import Target, parse_target
from ._mosaic import Job
from ._options import resampling, threads
from ._wcs import fits_wcs, native_cards

# Letters of COORDSYS.
_LETTERS = {"c": ICRS, "g": Galactic, "q": FK5, "e": BarycentricMeanEcliptic}
_WHICH_ORDER = (
    "Could not determine whether the data follows the 'ring' or 'nested' ordering, so you should set nested=True or nested=False explicitly."
)
# Pixels that astropy transforms at once.
_STRIP = 1 << 20


def reproject_from_healpix(
    input_data,
    output_projection,
    shape_out=None,
    hdu_in=1,
    order="bilinear",
    nested=None,
    field=0,
    *,
    parallel=False,
):
    """Sample a HEALPix map at the pixels of an image.

    Signature and meaning are those of ``reproject.reproject_from_healpix``. Positions are exact, and the result has the same bytes for any ``parallel``.

    Parameters
    ----------
    input_data : str, `~pathlib.Path`, `~astropy.io.fits.BinTableHDU`, `~astropy.io.fits.TableHDU` or tuple
        The name of a FITS file with a HEALPix table, such a table, or a tuple of values and frame: an array of ``12 nside²`` values in the order of the pixels
        and a `~astropy.coordinates.BaseCoordinateFrame` or the name of one, or a letter of COORDSYS (``'C'``, ``'G'``, ``'Q'``, ``'E'``). Tables may hold a part
        of the sky (a column of pixel numbers) or pixels of several orders (NUNIQ). NaN is a missing pixel, and in tables also UNSEEN (-1.6375e30) and BAD_DATA.
    output_projection : WCS, `~astropy.io.fits.Header` or str
        The output's coordinates; a file gives those, and the shape, of its first HDU.
    shape_out : tuple, optional
        Shape (ny, nx) of the output. Default: that of the WCS or header.
    hdu_in : int, str or tuple
        The HDU of a file. Default: 1.
    order : {'bilinear', 'nearest-neighbor', 1, 0}
        ``'bilinear'``: between the two pixels next on each of the two rings around the direction, as healpy's ``get_interp_val``. A value that needs a
        missing pixel is NaN. Default: ``'bilinear'``.
    nested : bool, optional
        Whether the pixels are in NESTED order and not in RING order; for arrays, and tables without ORDERING.
    field : int
        The column of values, from 0, without the column of pixel numbers.
    parallel : bool or int
        One thread (False, the default), all, or so many. Not in reproject.

    Returns
    -------
    array, footprint : `~numpy.ndarray`
        Two float64 arrays of ``shape_out``: the values, and 1 where there is one and 0 where there is NaN. (reproject's footprint for ``'nearest-neighbor'`` is
        1 at missing pixels too, and UNSEEN is a value to it.)

    Raises
    ------
    ValueError, TypeError, FileNotFoundError, OSError, MemoryError
        With a message that names the file, HDU, keyword or column.

    Examples
    --------
    >>> from skymosaic import reproject_from_healpix
    >>> array, footprint = reproject_from_healpix("map.fits", header)  # doctest: +SKIP
    """
    orders = {"bilinear": False, 1: False, "nearest-neighbor": True, 0: True}
    if isinstance(order, bool) or order not in orders:
        raise ValueError("Only nearest-neighbor and bilinear interpolation are supported")
    nearest = orders[order]
    threads_wanted = threads(parallel)
    target = parse_target(output_projection, shape_out)
    if len(target.shape) != 2 or target.wcs.pixel_n_dim != 2:
        raise ValueError(f"a HEALPix map is sampled at the pixels of an image with two axes, not at {target.shape}")
    healpix, frame = _parse_map(input_data, hdu_in, nested, field)
    output, footprint = np.empty(target.shape), np.empty(target.shape)
    if target.cards is not None and native_frame(frame) is not None:
        healpix.reproject(target.native(), output, footprint, nearest, threads_wanted)
        return output, footprint
    ny, nx = target.shape
    rows = max(1, _STRIP // max(nx, 1))
    for y0 in range(0, ny, rows):
        y, x = np.indices((min(rows, ny - y0), nx), dtype=float)
        at = target.wcs.pixel_to_world(x, y + y0).transform_to(frame).represent_as("unitspherical")
        lon, lat = (np.ascontiguousarray(angle.to_value("deg"), dtype=float).ravel() for angle in (at.lon, at.lat))
        output[y0 : y0 + rows] = healpix.sample(lon, lat, nearest).reshape(-1, nx)
    np.logical_not(np.isnan(output), out=footprint)
    return output, footprint


def reproject_to_healpix(
    input_data,
    coord_system_out,
    hdu_in=0,
    order="bilinear",
    nested=False,
    nside=128,
    *,
    input_weights=None,
    hdu_weights=None,
    reproject_function=None,
    combine_function="mean",
    match_background=False,
    background_reference=None,
    blank_pixel_value=np.nan,
    **kwargs,
):
    """Reproject an image, or many, onto the pixels of a HEALPix map.

    Signature and meaning are those of ``reproject.reproject_to_healpix``; lists of images and all that is keyword-only are not in reproject: they have the
    meaning that they have in `reproject_and_coadd`.

    Parameters
    ----------
    input_data : object or list
        An image as for `reproject_and_coadd`, or a list of images, which are co-added.
    coord_system_out : str or `~astropy.coordinates.BaseCoordinateFrame`
        The frame of the map: a frame, the name of one, or a letter of COORDSYS (``'C'``, ``'G'``, ``'Q'``, ``'E'``).
    hdu_in : int, str or tuple, optional
        The HDU of files and HDULists. Default: 0; None is the only one that holds an image.
    order : int or str
        0 to 3, ``'nearest-neighbor'``, ``'bilinear'``, ``'biquadratic'`` or ``'bicubic'``. Default: ``'bilinear'``.
    nested : bool
        Whether the map is in NESTED order and not in RING order. Default: False.
    nside : int
        Pixels along the side of a base cell; the map has ``12 nside²`` pixels. Default: 128.
    input_weights, hdu_weights, combine_function, match_background, background_reference
        As in `reproject_and_coadd`.
    reproject_function : callable or str, optional
        As in `reproject_and_coadd`, instead of ``order``.
    blank_pixel_value : float
        Value where no image has a sample. Default: NaN, as in reproject.
    **kwargs
        ``parallel``, ``coordinate_error``, ``memory_limit``, ``min_weight`` and the arguments of the reprojection function, as in `reproject_and_coadd`.

    Returns
    -------
    array, footprint : `~numpy.ndarray`
        Two float64 arrays of ``12 nside²`` values: the map, and the sum over the images of coverage × weight; 0 where there is no sample.

    Raises
    ------
    ValueError, TypeError, FileNotFoundError, OSError, MemoryError
        With a message that names the image, HDU or card.
    NotImplementedError
        For cubes.

    Examples
    --------
    >>> from skymosaic import reproject_to_healpix
    >>> array, footprint = reproject_to_healpix(files, "galactic", nside=2048, nested=True, parallel=True)  # doctest: +SKIP
    """
    if reproject_function is None:
        reproject_function, kwargs = "interp", {"order": order, **kwargs}
    elif order not in ("bilinear", 1):
        raise ValueError(f"order = {order!r}: an argument of reproject_function = {reproject_function!r}, or instead of it")
    frame = _frame(coord_system_out)
    nside = operator.index(nside)
    clipping = {name: kwargs.pop(name) for name in CLIPPING if combine_function == "clipped" and name in kwargs}
    settings, scheduling, roundtrip = resampling(reproject_function, kwargs)
    settings |= matching(match_background, background_reference)
    settings |= {"combine": combine_function, "blank": float(blank_pixel_value), **clipping}
    settings["threads"] = threads(scheduling.get("parallel", False))

    pairs = image_pairs(input_data, hdu_in, input_weights, hdu_weights)
    for image, _ in pairs:
        if len(image.shape) != 2 or (image.wcs is not None and not _is_celestial(image.wcs)):
            raise NotImplementedError("Only data with a 2-d celestial WCS can be reprojected to a HEALPIX projection")
    target = _plane(nside, nested, frame)
    plan = Job.of(pairs, target, settings, roundtrip, None).plan()
    return tuple(_core.run_to_healpix(plan, nside, bool(nested), float(blank_pixel_value)))


def image_pairs(input_data, hdu_in, input_weights, hdu_weights):
    """Images, one or a list, and the weights of each, or None."""
    several = isinstance(input_data, list) and not isinstance(input_data, HDUList)
    if not several:
        input_data, input_weights = [input_data], None if input_weights is None else [input_weights]
    return images_and_weights(input_data, hdu_in, input_weights, hdu_weights, {})


def _is_celestial(wcs):
    if wcs.pixel_n_dim != 2 or wcs.world_n_dim != 2:
        return False
    fits_of = fits_wcs(wcs)
    return fits_of.has_celestial if fits_of is not None else isinstance(wcs.pixel_to_world(0, 0), SkyCoord)


def _frame(system):
    """The frame that a name means, with the messages of reproject."""
    if isinstance(system, BaseCoordinateFrame):
        return system.replicate_without_data()
    if not isinstance(system, str):
        raise TypeError(f"a coordinate system is a frame or the name of one, not {type(system).__name__}")
    found = _LETTERS.get(system.lower()) or frame_transform_graph.lookup_name(system.lower())
    if found is None:
        raise ValueError(f"Could not determine frame for system={system}")
    return found()


def native_frame(frame):
    """Some WCS in a frame, for the native part; None if only astropy knows the frame."""
    if isinstance(frame, (BarycentricMeanEcliptic, Supergalactic)):
        ecliptic = isinstance(frame, BarycentricMeanEcliptic)
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ("ELON-CAR", "ELAT-CAR") if ecliptic else ("SLON-CAR", "SLAT-CAR")
        if ecliptic:
            wcs.wcs.equinox = frame.equinox.jyear
        wcs.wcs.set()
    else:
        try:
            wcs = celestial_frame_to_wcs(frame)
        except ValueError:
            return None
        # What a header does not tell, such as the time of observation.
        if not wcs_to_celestial_frame(wcs).is_equivalent_frame(frame):
            return None
    cards = native_cards(wcs)
    return None if cards is None else _core.Wcs(cards)


class _InFrame(BaseWCSWrapper):
    """Celestial coordinates of a WCS as those of another frame."""

    def __init__(self, wcs, frame):
        super().__init__(wcs)
        self._frame = frame

    def pixel_to_world_values(self, *pixels):
        return self._wcs.pixel_to_world_values(*pixels)

    def world_to_pixel_values(self, *world):
        return self._wcs.world_to_pixel_values(*world)

    @property
    def world_axis_object_classes(self):
        ((name, (kind, arguments, keywords)),) = self._wcs.world_axis_object_classes.items()
        return {name: (kind, arguments, {**keywords, "frame": self._frame})}


def _plane(nside, nested, frame):
    """The pixels of a map as the target of a plan. astropy does not know ecliptic and supergalactic axes of headers, so the frame is put in."""
    native = native_frame(frame)
    cards = _core.healpix_plane(nside, bool(nested), native or native_frame(ICRS()))
    header = Header.fromstring(_core.healpix_plane(nside, bool(nested), native_frame(ICRS())), sep="\n")
    wcs = HighLevelWCSWrapper(_InFrame(WCS(header), frame))
    return Target(wcs=wcs, shape=(5 * nside, 5 * nside), cards=None if native is None else cards)


def _parse_map(data, hdu, nested, field):
    """A native map and its frame from any of the forms that reproject takes."""
    if isinstance(data, (str, Path)):
        path, number = os.fspath(data), 1 if hdu is None else hdu
        with fits.open(path) as hdus:
            found = hdus[number]
            if not _can_be_read(found):
                return _from_table(found, nested, field)
        return _with_frame(_core.HealpixMap.read(path, number, field))
    if isinstance(data, (TableHDU, BinTableHDU)):
        return _from_table(data, nested, field)
    if isinstance(data, tuple) and len(data) == 2 and isinstance(data[0], np.ndarray):
        if nested is None:
            raise ValueError(_WHICH_ORDER)
        frame = _frame(data[1])
        values = np.ascontiguousarray(np.ma.filled(np.ma.asarray(data[0], dtype=float), np.nan)).ravel()
        return _core.HealpixMap(values, bool(nested), native_frame(frame) or native_frame(ICRS())), frame
    raise TypeError("input_data should either be an HDU object or a tuple of (array, frame)")


def _can_be_read(hdu):
    """Whether the native part reads the table as it stands in the file; if it is none it says so."""
    return not isinstance(hdu, TableHDU) and (not isinstance(hdu, BinTableHDU) or "ORDERING" in hdu.header)


def _from_table(hdu, nested, field):
    """A table as a file of its own, as the native part reads them: with the order of its pixels, and binary."""
    if "ORDERING" not in hdu.header and nested is None:
        raise ValueError(_WHICH_ORDER)
    if isinstance(hdu, TableHDU):
        arrays = {name: hdu.data[name] for name in hdu.columns.names if hdu.data[name].dtype.kind in "if"}
        forms = {"i": "K", "f": "D"}
        columns = [fits.Column(name, forms[array.dtype.kind], array=array) for name, array in arrays.items()]
        hdu = BinTableHDU.from_columns(columns, hdu.header.copy(strip=True))
    else:
        hdu = BinTableHDU(hdu.data, hdu.header)
    if "ORDERING" not in hdu.header:
        hdu.header["ORDERING"] = "NESTED" if nested else "RING"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "map.fits")
        hdu.writeto(path)
        return _with_frame(_core.HealpixMap.read(path, 1, field))


def _with_frame(healpix):
    header = Header.fromstring(healpix.plane, sep="\n")
    ecliptic = header["CTYPE1"].startswith("ELON")
    return healpix, BarycentricMeanEcliptic() if ecliptic else wcs_to_celestial_frame(WCS(header))
