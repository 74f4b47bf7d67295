"""A mosaic from what the callers have parsed: in this process, or by windows on dask."""

import itertools
import tempfile
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import _core
from ._arrays import is_dask, writable
from ._inputs import arranged, build, check, cut
from ._options import COORDINATE_ERROR, threads

# Pixels of a strip that is computed beside an array that cannot be written in place.
_STRIP = 1 << 22
# Bytes of planes that are interpolated at once, unless the memory is limited.
_PLANES = 256 << 20
# Planes of integers; the others are of the type of the mosaic.
INTEGERS = ("mask", "count", "context")


@dataclass
class Job:
    """Images with their weights, a target and options of the native part: all that determines the pixels of a mosaic."""

    pairs: list
    target: Any
    settings: dict
    roundtrip: bool = True
    # Whether dask arrays are computed into temporary files, and not into memory.
    mapped: bool = False

    @classmethod
    def of(cls, pairs, target, settings, roundtrip, degree, non_reprojected=0):
        """A job whose arrays are as the engine takes them."""
        for image, _ in pairs:
            if image.corner is None:
                check(image, target)
        tolerance = settings.get("coordinate_error", COORDINATE_ERROR)
        settings = {**settings, "nearest_planes": degree == 0}
        return cls(*arranged(pairs, target, degree, non_reprojected, tolerance), settings, roundtrip)

    @property
    def shape(self):
        """Shape (..., ny, nx) of the output as the engine takes it."""
        return self.target.shape

    @property
    def plain(self):
        """Whether the engine can be given the images as they are: no splines between planes."""
        return not any(image.interpolated for pair in self.pairs for image in pair if image is not None)

    def part(self, chosen):
        """The job of some planes of the output, a slice for each leading axis."""
        pairs = [tuple(cut(image, chosen) for image in pair) for pair in self.pairs]
        leading = (len(range(*part.indices(length))) for part, length in zip(chosen, self.shape, strict=False))
        settings = self.settings
        if not self.plain and settings.get("memory_limit") is not None:
            settings = {**settings, "memory_limit": settings["memory_limit"] - self._room()}
        return replace(self, pairs=pairs, target=replace(self.target, shape=(*leading, *self.shape[-2:])), settings=settings)

    def _room(self):
        """Bytes that planes which are interpolated at once may take; the engine gets the rest of a limit."""
        limit = self.settings.get("memory_limit")
        return _PLANES if limit is None else limit // 2

    def lead(self):
        """How many planes of the output, along each leading axis, are interpolated at once: all where nothing is."""
        lead = list(self.shape[:-2])
        if not self.plain:
            laid = [image.planes for pair in self.pairs for image in pair if image is not None and image.interpolated]
            axis = next(k for k in range(len(lead)) for planes in laid if planes[k] is not None)
            held = sum(8 * int(np.prod(image.shape[-2:])) for image, _ in self.pairs)
            others = int(np.prod(lead)) // lead[axis]
            lead[axis] = max(1, min(lead[axis], self._room() // max(1, held * others)))
        return tuple(lead)

    def parts(self, lead):
        """The job in blocks of so many planes along the leading axes, in order: pairs of slices, one for each of these axes, and job."""
        starts = [range(0, length, step) for length, step in zip(self.shape, lead, strict=False)]
        whole = tuple(lead) == self.shape[:-2]
        for start in itertools.product(*starts):
            chosen = tuple(slice(at, min(at + step, n)) for at, step, n in zip(start, lead, self.shape, strict=False))
            yield chosen, self if whole and self.plain else self.part(chosen)

    def plan(self, **settings):
        """The native plan. Dask arrays are computed."""
        pairs = [[computed(image, self.mapped) for image in pair] for pair in self.pairs]
        inputs = [build(image, weights, self.target, self.roundtrip) for image, weights in pairs]
        return _core.Plan(inputs, self.target.native(), self.shape, {**self.settings, **settings})


def computed(image, mapped=False):
    """The image with its pixels in memory, or in a temporary file without a name, if they are those of a dask array."""
    if image is None or image.array is None or not is_dask(image.array):
        return image
    array = image.array
    if not mapped:
        return replace(image, array=array.compute())
    import dask.array as da

    dtype = array.dtype.newbyteorder("=")
    with tempfile.TemporaryFile() as file:
        pixels = np.memmap(file, dtype, "w+", shape=array.shape)
    da.store(array, pixels, scheduler="threads")
    return replace(image, array=pixels)


def turned(array, order, extra=0):
    """An array of the output as the engine takes it; ``extra`` axes come first and stay there."""
    if order is None:
        return array
    return array.transpose((*range(extra), *(axis + extra for axis in order)))


def outputs(job, shape, given, wanted):
    """The arrays to be filled, by name: those that are given, and new ones for the others.

    Parameters
    ----------
    job : Job
        What will fill them.
    shape : tuple
        Shape of the output as the caller sees it.
    given : dict
        Arrays of the caller, or None.
    wanted : iterable of str
        Planes beside the mosaic.
    """
    known = next((array for array in given.values() if array is not None and writable(array)), None)
    dtype = np.dtype(float) if known is None else known.dtype
    made = {}
    for name in ("mosaic", *wanted):
        array = given.get(name)
        if array is None:
            first = (-(-len(job.pairs) // 32),) if name == "context" else ()
            array = np.empty((*first, *shape), np.int32 if name in INTEGERS else dtype)
        elif array.dtype.kind != "f" and (array.dtype.kind not in "iu" or np.isnan(job.settings["blank"])):
            raise TypeError(f"the {name} is an array of {array.dtype}: expected one of float32 or float64, which holds the NaN of pixels without a sample")
        made[name] = array
    return made


def sample_type(output):
    """The type of resampled samples: float32 for outputs of that type in any byte order, and float64."""
    return np.dtype("f4") if output.dtype.newbyteorder("=") == np.dtype("f4") else np.dtype("f8")


def fill(job, arrays, progress=None):
    """Computes a job in this process, into arrays by name with the axes of the output.

    Returns
    -------
    summaries : list of dict
        Of each part that was computed.
    """
    arrays = {name: turned(array, job.target.order, name == "context") for name, array in arrays.items()}
    summaries = []
    for chosen, part in job.parts(job.lead()):
        views = {name: array[(slice(None),) * (name == "context") + chosen] for name, array in arrays.items()}
        summaries += _run(part.plan(), views, progress)
    return summaries


def _run(plan, arrays, progress):
    """Fills arrays: in place if they are such as the native part writes, by strips through such ones otherwise."""
    mosaic = arrays["mosaic"]
    dtype = sample_type(mosaic)
    types = {name: np.dtype(np.int32) if name in INTEGERS else dtype for name in arrays}
    planes = {name: array for name, array in arrays.items() if name != "mosaic"}
    if all(writable(array, types[name]) for name, array in arrays.items()):
        return [plan.run(mosaic, planes, progress=progress)]
    *_, ny, nx = mosaic.shape
    rows = max(1, _STRIP // (nx * int(np.prod(mosaic.shape[:-2]))))
    summaries = []
    for y0 in range(0, ny, rows):
        window = (y0, 0, min(rows, ny - y0), nx)
        strips = {name: np.empty((*array.shape[:-2], window[2], nx), types[name]) for name, array in arrays.items()}
        planes = {name: strip for name, strip in strips.items() if name != "mosaic"}
        summaries.append(plan.run(strips["mosaic"], planes, window=window))
        for name, array in arrays.items():
            array[..., y0 : y0 + window[2], :] = strips[name]
        if progress is not None:
            progress("combining", (y0 + window[2]) / ny)
    return summaries


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


def check_block_size(block_size, shape, n):
    """The block size as lengths along each axis of the output, checked as reproject does; None if it is to be chosen.

    Parameters
    ----------
    block_size : tuple, 'auto' or None
        As in reproject: -1 is the whole axis, and leading axes may be left out.
    shape : tuple
        Shape of the output.
    n : int
        Axes of the WCS; what comes before is cut into blocks only if these are whole.
    """
    if block_size is None or (isinstance(block_size, str) and block_size == "auto"):
        return None
    if len(block_size) > len(shape):
        raise ValueError(
            f"block_size {len(block_size)} cannot have more elements than the dimensionality of the output ({len(shape)})"
        )
    wanted = [-1] * (len(shape) - len(block_size)) + [int(length) for length in block_size]
    wanted = [length if side < 1 else min(side, length) for side, length in zip(wanted, shape, strict=True)]
    free = len(shape) - n
    if wanted[free:] != list(shape[free:]) and wanted[:free] != list(shape[:free]):
        raise ValueError(
            "block shape should either match output data shape along broadcasted dimension or non-broadcasted dimensions"
        )
    return wanted


def deliver(job, shape, n, given, names, scheduling, return_type=None, zarr_path=None, progress_bar=None):
    """Computes a job wherever it is to be computed.

    Parameters
    ----------
    job : Job
        What is to be computed.
    shape : tuple
        Shape of the output as the caller sees it.
    n : int
        Axes of its WCS.
    given : dict
        Arrays of the caller by name, or None.
    names : tuple of str
        Planes beside the mosaic.
    scheduling : dict
        ``parallel``, ``block_size`` and ``dask_method`` as in reproject, as far as given.
    return_type, zarr_path, progress_bar
        As for `reproject_and_coadd`.

    Returns
    -------
    planes : dict
        The mosaic and what was asked for beside it.
    summaries : list of dict
        Of each part that was computed in this process.
    """
    parallel, block_size = scheduling.get("parallel", False), scheduling.get("block_size")
    matching = "match_background" in job.settings
    phases = 2 if matching else 1
    if return_type in (None, "numpy") and parallel != "current-scheduler":
        job = replace(job, settings={**job.settings, "threads": threads(parallel)}, mapped=scheduling.get("dask_method") == "memmap")
        planes = outputs(job, shape, given, names)
        with Bar(progress_bar, len(job.pairs), phases) as bar:
            return planes, fill(job, planes, bar)

    from . import _dask

    lead, side = _dask.blocks_of(job, shape, block_size, n)
    known = given.get("mosaic")
    dtype = np.dtype("f8") if known is None else sample_type(known)
    if return_type == "dask":
        return dict(zip(("mosaic", *names), _dask.lazy(job, dtype, names, lead, side, matching), strict=True)), []
    stored = return_type == "zarr"
    planes = _dask.create_store(zarr_path, job, shape, names, lead, side, dtype) if stored else outputs(job, shape, given, names)
    with Bar(progress_bar, len(job.pairs), phases) as bar:
        _dask.run(job, planes, lead, side, matching, bar, zarr_path if stored else None)
    return (_dask.opened(planes) if stored else planes), []
