"""Hierarchical progressive surveys (HiPS) of images."""

import os
from pathlib import Path

import numpy as np
from astropy.coordinates import ICRS, BarycentricMeanEcliptic, Galactic

from . import _core
from ._coadd import CLIPPING, matching
from ._healpix import image_pairs, native_frame
from ._inputs import Target, build
from ._mosaic import computed
from ._options import resampling
from ._options import threads as threads_of

_FRAMES = {"equatorial": ICRS(), "galactic": Galactic(), "ecliptic": BarycentricMeanEcliptic()}
# The native part knows where tiles are.
_TILES = Target(wcs=None, shape=(), cards="")
# What the tiles decide.
_RESERVED = ("dataproduct_type", "hips_version", "hips_tile_format", "hips_tile_width", "hips_order", "hips_frame")


def reproject_to_hips(
    input_data,
    *,
    coord_system_out,
    reproject_function,
    output_directory,
    level=None,
    level_depth=None,
    hdu_in=0,
    tile_size=512,
    tile_depth=16,
    progress_bar=None,
    threads=False,
    properties=None,
    input_weights=None,
    hdu_weights=None,
    combine_function="mean",
    match_background=False,
    background_reference=None,
    **kwargs,
):
    """Reproject an image, or many, to the tiles of a hierarchical progressive survey (HiPS).

    Signature and meaning are those of ``reproject.hips.reproject_to_hips``, for images; lists of images, weights, combinations and background matching are not in
    reproject and have the meaning that they have in `reproject_and_coadd`. Beside the tiles of all orders, ``properties`` and ``index.html`` the folder gets
    ``Moc.fits`` and Allsky files.

    Parameters
    ----------
    input_data : object or list
        An image as for `reproject_and_coadd`, or a list of images, which are co-added.
    coord_system_out : {'equatorial', 'galactic', 'ecliptic'}
        Frame of the tiles.
    reproject_function : callable or str
        As in `reproject_and_coadd`.
    output_directory : str or `~pathlib.Path`
        The folder, which must not exist. It appears when it is whole.
    level : int, optional
        The finest order. Default: the first whose pixels are not larger, or a tenth at most, than the smallest pixels of the images.
    level_depth, tile_depth
        Of cubes, which cannot be written: ``level_depth`` has to be None.
    hdu_in : int, str or tuple, optional
        The HDU of files and HDULists. Default: 0; None is the only one that holds an image.
    tile_size : int
        Pixels along the side of a tile: 64, 128, 256, 512 or 1024. Default: 512.
    progress_bar : callable, optional
        Called with the range of the images, such as `tqdm.tqdm`; it moves on when all is done.
    threads : bool or int
        One thread (False, the default), all, or so many.
    properties : dict, optional
        More lines of the file ``properties``, or others in place of those that are written.
    input_weights, hdu_weights, combine_function, match_background, background_reference
        As in `reproject_and_coadd`.
    **kwargs
        Arguments of the reprojection function, ``coordinate_error``, ``memory_limit`` and ``min_weight``, as in `reproject_and_coadd`.

    Raises
    ------
    FileExistsError
        If the folder exists.
    NotImplementedError
        For cubes, pictures in colour, and WCS that only astropy knows.
    ValueError, TypeError, FileNotFoundError, OSError, MemoryError
        With a message that names the image, HDU or card.
    """
    if coord_system_out not in _FRAMES:
        raise ValueError("coord_system_out should be one of " + "/".join(_FRAMES))
    if tile_size % 2 != 0:
        raise ValueError("tile_size should be even")
    if level_depth is not None:
        raise NotImplementedError("level_depth: a HiPS of cubes cannot be written")
    for key in properties or {}:
        if key in _RESERVED:
            raise ValueError(f"Cannot override property {key}")
    folder = Path(output_directory)
    if folder.exists():
        raise FileExistsError(f"{folder}: exists already")
    clipping = {name: kwargs.pop(name) for name in CLIPPING if combine_function == "clipped" and name in kwargs}
    settings, scheduling, _ = resampling(reproject_function, kwargs)
    if scheduling:
        raise TypeError(f"{min(scheduling)} is not an argument of reproject_to_hips: give threads")
    settings |= matching(match_background, background_reference) | {"combine": combine_function, **clipping}
    settings |= {"blank": np.nan, "threads": threads_of(threads)}

    pairs = image_pairs(input_data, hdu_in, input_weights, hdu_weights)
    for image, _ in pairs:
        if len(image.shape) != 2:
            raise NotImplementedError(f"an image of shape {image.shape}: only images with two axes become tiles of a HiPS")
        if image.cards is None and image.wcs is not None:
            raise NotImplementedError(f"a HiPS is made of images with FITS WCS on the sky, not of {type(image.wcs).__name__}")
    inputs = [build(computed(image), weight, _TILES) for image, weight in pairs]
    folder.parent.mkdir(parents=True, exist_ok=True)
    frame = native_frame(_FRAMES[coord_system_out])
    _core.write_hips(folder, inputs, settings, order=level, width=tile_size, frame=frame)
    if properties:
        _add(folder / "properties", properties)
    if progress_bar is not None:
        for _ in progress_bar(range(len(inputs))):
            pass


def _add(path, properties):
    """Sets lines of the file of properties, which is replaced as a whole."""
    lines = dict(line.split("=", 1) for line in path.read_text().splitlines())
    lines = {key.strip(): value.strip() for key, value in lines.items()}
    lines |= {key: " ".join(str(value).split()) for key, value in properties.items()}
    new = path.with_name("properties.new")
    new.write_text("".join(f"{key:20} = {value}\n" for key, value in lines.items()))
    os.replace(new, path)
