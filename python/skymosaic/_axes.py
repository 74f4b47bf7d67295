"""Axes beyond the two that are resampled together: which there are, how those of an image lie to those of an output, and planes between planes.

A WCS of n pixel axes is cut into a plane (its celestial axes, or the first two) and further axes, each on its own. The arrays of image and output are
transposed so that the plane comes last and the further axes before it in the same order; the engine then sees (..., ny, nx). Where planes of the output lie between those
of the image, the image is interpolated along that axis first: the kernels that interpolate are products of one for each axis, so the order does not matter.
"""

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import pixel_to_pixel
from astropy.wcs.wcsapi import HighLevelWCSWrapper, SlicedLowLevelWCS

from ._arrays import is_dask
from ._wcs import fits_wcs

# Degrees of the splines that interpolate; with other kernels interpolation between planes is linear.
DEGREES = {"nearest": 0, "bilinear": 1, "biquadratic": 2, "bicubic": 3}


@dataclass
class Axes:
    """Pixel axes of a WCS, counted from 0 in the order of FITS: the two of the plane, and the others in the order of the array."""

    plane: tuple
    further: tuple

    @classmethod
    def of(cls, wcs):
        """The axes of a high-level WCS of at least two pixel axes."""
        low = wcs.low_level_wcs
        matrix = np.asarray(low.axis_correlation_matrix)
        kinds = _world_axes(low)
        celestial = [axis for axis, (kind, _) in enumerate(kinds) if issubclass(kind, SkyCoord)]
        if celestial:
            plane = np.flatnonzero(matrix[celestial].any(axis=0))
        else:
            coupled = [np.flatnonzero(row) for row in matrix if np.count_nonzero(row) > 1]
            plane = coupled[0] if coupled else np.array([0, 1])
        further = [axis for axis in range(low.pixel_n_dim)[::-1] if axis not in plane]
        world = matrix[:, plane].any(axis=1)
        alone = not matrix[np.ix_(world, further)].any() and (matrix[:, further].sum(axis=1) <= 1).all()
        if len(plane) != 2 or not alone:
            raise NotImplementedError(
                f"the pixel axes of the {type(low).__name__} are coupled: a plane of two axes, and further ones that each have a world coordinate "
                f"of their own, can be reprojected. Its axis_correlation_matrix is {matrix.astype(int).tolist()}"
            )
        return cls(tuple(map(int, plane)), tuple(further))

    def order(self, ndim):
        """The transposition of an array of so many axes that brings the plane to its end; leading axes without a WCS stay first."""
        last = ndim - 1
        leading = range(ndim - 2 - len(self.further))
        return (*leading, *(last - axis for axis in self.further), last - self.plane[1], last - self.plane[0])


def _world_axes(low):
    """What each world axis is: the class of its coordinate object, and which part of that it is."""
    classes = low.world_axis_object_classes
    seen, kinds = {}, []
    for name, part, _ in low.world_axis_object_components:
        objects = seen.setdefault(classes[name][0], [])
        if name not in objects:
            objects.append(name)
        kinds.append((classes[name][0], (objects.index(name), part)))
    return kinds


def paired(axes_out, wcs_out, axes_in, wcs_in):
    """The further axes of an input in the order of those of the output, by the world coordinates that they lead to."""
    low_out, low_in = wcs_out.low_level_wcs, wcs_in.low_level_wcs
    kinds_out, kinds_in = _world_axes(low_out), _world_axes(low_in)
    if sorted(map(repr, kinds_out)) != sorted(map(repr, kinds_in)):
        raise ValueError("The world coordinate types of the two WCS do not match")
    at_out = np.array([kinds_out.index(kind) for kind in kinds_in])
    matrix_out = np.asarray(low_out.axis_correlation_matrix)[at_out]
    related = np.asarray(low_in.axis_correlation_matrix).T.astype(int) @ matrix_out.astype(int)
    found = []
    for axis in axes_out.further:
        partners = [partner for partner in axes_in.further if related[partner, axis]]
        if len(partners) != 1 or related[axes_in.plane, axis].any():
            raise NotImplementedError(f"FITS axis {axis + 1} of the output has no axis of its own in the input")
        found.append(partners[0])
    return Axes(axes_in.plane, tuple(found))


def positions(axis_out, wcs_out, axis_in, wcs_in, shape):
    """Where the planes of the output along a further axis lie on that of the input, in its pixels. ``shape`` is that of the output's WCS axes."""
    length = shape[::-1][axis_out]
    pixels = [np.broadcast_to((n - 1) / 2, length) for n in shape[::-1]]
    pixels[axis_out] = np.arange(length, dtype=float)
    return np.array(pixel_to_pixel(wcs_out, wcs_in, *pixels)[axis_in], dtype=float)


def planar(wcs, axes):
    """The WCS of the plane alone."""
    fits = fits_wcs(wcs)
    if fits is not None:
        return fits.sub([axis + 1 for axis in axes.plane])
    slices = [slice(None) if axis in axes.plane else 0 for axis in range(wcs.pixel_n_dim)][::-1]
    return HighLevelWCSWrapper(SlicedLowLevelWCS(wcs.low_level_wcs, slices))


def snapped(positions, tolerance):
    """Positions moved to the centres of planes that are no farther than ``tolerance``."""
    near = np.round(positions)
    return np.where(np.abs(positions - near) <= max(tolerance, 1e-9), near, positions)


def is_identity(positions, length):
    """Whether the planes of the output are those of the input, one to one."""
    return len(positions) == length and np.array_equal(positions, np.arange(length))


def needed(positions, length):
    """The planes, out of so many, that linear interpolation at positions needs: one at least."""
    inside = positions[(positions >= -0.5) & (positions <= length - 0.5)]
    if not inside.size:
        return slice(0, 1)
    at = np.clip([inside.min(), inside.max()], 0, length - 1)
    return slice(int(at[0]), int(np.ceil(at[1])) + 1)


def planes_at(array, axis, positions, degree):
    """An array interpolated along one axis.

    Parameters
    ----------
    array : `~numpy.ndarray` or `dask.array.Array`
        Any shape.
    axis : int
        The axis that is interpolated along.
    positions : `~numpy.ndarray`
        Positions in pixels; 0 is the centre of the first. The outer half pixels have the value of the edge; what lies beyond is NaN, as is what needs a pixel that is NaN.
    degree : int
        0 (nearest) to 3, of the spline that goes through the pixels, mirrored at the edges.

    Returns
    -------
    array : `~numpy.ndarray` or `dask.array.Array`
        A view where positions are consecutive pixels; of float64 otherwise.
    """
    length = array.shape[axis]
    inside = (positions >= -0.5) & (positions <= length - 0.5)
    at = np.clip(positions, 0, length - 1)
    if degree == 0:
        at = np.minimum(np.floor(at + 0.5), length - 1)
    whole = inside.all() and np.array_equal(at, np.round(at))
    if whole and (np.diff(at) == 1).all():
        return array[(slice(None),) * axis + (slice(int(at[0]), int(at[-1]) + 1),)]
    if degree <= 1:
        # Others depend on all planes.
        first, last = int(at.min()), int(np.ceil(at.max()))
        array, at = array[(slice(None),) * axis + (slice(first, last + 1),)], at - first
    if is_dask(array):
        joined = array.rechunk({axis: -1})
        chunks = joined.chunks[:axis] + ((len(at),),) + joined.chunks[axis + 1 :]
        return joined.map_blocks(_interpolated, axis, at, inside, degree, dtype=float, chunks=chunks)
    return _interpolated(array, axis, at, inside, degree)


def _interpolated(array, axis, at, inside, degree):
    planes = np.moveaxis(np.asarray(array), axis, 0)
    if isinstance(array, np.ma.MaskedArray):
        planes = np.moveaxis(array.astype(float).filled(np.nan), axis, 0)
    length = len(planes)
    missing = None
    if degree >= 2:
        missing = ~np.isfinite(planes)
        planes = _coefficients(_without_gaps(planes, missing), degree)
    made = np.full((len(at), *planes.shape[1:]), np.nan)
    for plane, position, known in zip(made, at, inside, strict=True):
        if not known:
            continue
        plane[...] = 0
        for tap, weight in _taps(position, degree, length):
            if weight != 0:
                plane += weight * planes[tap]
                if missing is not None:
                    plane[missing[tap]] = np.nan
    return np.moveaxis(made, 0, axis)


def _taps(position, degree, length):
    """Pixels and their weights at a position; pixels beyond the edges are mirrored about the outer ones."""
    if degree <= 1:
        first = int(np.floor(position))
        part = position - first
        weights = (1 - part, part)
    elif degree == 2:
        first = int(np.floor(position + 0.5))
        part = position - first
        weights = (0.5 * (0.5 - part) ** 2, 0.75 - part**2, 0.5 * (0.5 + part) ** 2)
        first -= 1
    else:
        first = int(np.floor(position))
        part = position - first
        rest = 1 - part
        inner = [2 / 3 - u * u * (1 - u / 2) for u in (part, rest)]
        weights = (rest**3 / 6, *inner, part**3 / 6)
        first -= 1
    period = max(2 * (length - 1), 1)
    for offset, weight in enumerate(weights):
        tap = (first + offset) % period
        yield min(tap, period - tap) if length > 1 else 0, weight


def _without_gaps(planes, missing):
    """Planes with missing pixels replaced by the nearest ones before them, or else after them, along the first axis, so that splines do not ring there."""
    made = np.where(missing, np.nan, planes.astype(float))
    for k in range(1, len(made)):
        made[k] = np.where(missing[k], made[k - 1], made[k])
    for k in range(len(made) - 2, -1, -1):
        made[k] = np.where(np.isnan(made[k]), made[k + 1], made[k])
    return np.nan_to_num(made)


def _coefficients(planes, degree):
    """Coefficients of the spline through planes along the first axis, with mirrored edges: the tridiagonal system by elimination."""
    side = 1 / 8 if degree == 2 else 1 / 6
    middle = 1 - 2 * side
    length = len(planes)
    if length == 1:
        return planes.astype(float)
    # The planes beyond the edges are those inside: the outer rows have twice the side.
    above = [2 * side] + [side] * (length - 2) + [0.0]
    below = [0.0] + [side] * (length - 2) + [2 * side]
    made = planes.astype(float)
    factors = np.empty(length)
    pivot = middle
    made[0] /= pivot
    factors[0] = above[0] / pivot
    for k in range(1, length):
        pivot = middle - below[k] * factors[k - 1]
        factors[k] = above[k] / pivot
        made[k] = (made[k] - below[k] * made[k - 1]) / pivot
    for k in range(length - 2, -1, -1):
        made[k] -= factors[k] * made[k + 1]
    return made
