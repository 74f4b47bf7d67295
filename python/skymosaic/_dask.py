"""A mosaic by windows: computed on whatever dask scheduler is active, as lazy arrays, or into a zarr store."""

import contextlib
import math
import os
from dataclasses import dataclass, replace

import numpy as np

from . import _crews, _mosaic, _tasks
from ._arrays import is_dask, native

# Bytes of output and footprint that a window has by default.
_WINDOW = 64 << 20
# Windows lie on this lattice, that of the engine's tiles.
_TILE = 256


def blocks_of(job, shape, block_size, n):
    """What a task computes, with axes as the engine takes them: how many planes along each leading axis, and the shape (ny, nx) of the windows.

    Parameters
    ----------
    job : Job
        What is to be computed.
    shape : tuple
        Shape of the output as the caller sees it.
    block_size : tuple, 'auto' or None
        See `check_block_size`. None and ``'auto'`` give windows of a good size, with all planes.
    n : int
        Axes of the WCS.
    """
    wanted = _mosaic.check_block_size(block_size, shape, n)
    if wanted is None:
        ny, nx = job.shape[-2:]
        lead = job.lead()
        side = int(np.sqrt(_WINDOW / (16 * int(np.prod(lead))))) // _TILE * _TILE
        side = max(_TILE, min(side, 2048))
        return lead, (min(side, ny), min(side, nx))
    if job.target.order is not None:
        wanted = [wanted[axis] for axis in job.target.order]
    return tuple(wanted[:-2]), tuple(wanted[-2:])


@dataclass
class Piece:
    """A window of a part of the job, to be computed."""

    windows: _tasks.Windows
    window: tuple
    backgrounds: bytes | None
    # Further arguments of the task.
    further: tuple
    # The part's place in the output: slices along the leading axes.
    leading: tuple


def run(job, arrays, lead, side, matching, bar=None, store=None):
    """Computes a job window by window on the active scheduler.

    Parameters
    ----------
    job : Job
        What is to be computed.
    arrays : dict
        Arrays of this process by name, with the axes of the output; with a store those that are in it.
    lead, side : tuple
        From `blocks_of`.
    matching : bool
        Whether backgrounds are matched.
    bar : callable, optional
        Told of the part that is done.
    store : str, optional
        Path of a zarr store into which the workers write.
    """
    dtype = _mosaic.sample_type(arrays["mosaic"])
    names = [name for name in arrays if name != "mosaic"]
    stored = [array.basename for array in arrays.values()] if store is not None else None
    total = math.prod(-(-n // step) for n, step in zip(job.shape, (*lead, *side), strict=True))

    def work():
        for leading, part in job.parts(lead):
            windows = _tasks.Windows(part, dtype, names, side)
            backgrounds = None
            if matching:
                backgrounds = windows.measured(bar)
                if backgrounds is None:
                    backgrounds = crew.measure(windows)
            further = () if store is None else (store, stored, leading, job.target.order)
            for window in windows:
                yield Piece(windows, window, backgrounds, further, leading)

    task = _tasks.compute if store is None else _tasks.store
    with contextlib.closing(_crews.crew()) as crew:
        for done, (piece, results) in enumerate(crew.each(task, work()), 1):
            if store is None:
                for array, result in zip(arrays.values(), results, strict=True):
                    place, result = _tasks.placed(piece.window, piece.leading, job.target.order, result)
                    array[place] = result
            del results
            if bar is not None:
                bar("combining", done / total)


def lazy(job, dtype, names, lead, side, matching):
    """The mosaic and further planes as dask arrays that nobody has computed yet, with the axes of the output.

    Parameters
    ----------
    job : Job
        What is to be computed.
    dtype : `~numpy.dtype`
        Type of the samples.
    names : iterable of str
        Planes beside the mosaic.
    lead, side : tuple
        From `blocks_of`.
    matching : bool
        Whether backgrounds are matched.
    """
    import dask.array as da

    grid = np.empty([-(-n // step) for n, step in zip(job.shape, lead, strict=False)], dtype=object)
    for place, (_, part) in zip(np.ndindex(grid.shape), _lazily(job).parts(lead), strict=True):
        grid[place] = _lazy(_tasks.Windows(part, dtype, names, side), matching)
    whole = []
    for k, name in enumerate(("mosaic", *names)):
        blocks = np.empty(grid.shape, dtype=object)
        for place in np.ndindex(grid.shape):
            blocks[place] = grid[place][k]
        extra = int(name == "context")
        joined = blocks.item() if blocks.ndim == 0 else _joined(blocks, extra)
        if job.target.order is not None:
            joined = da.transpose(joined, (*range(extra), *(int(axis) + extra for axis in np.argsort(job.target.order))))
        whole.append(joined)
    return tuple(whole)


def _lazily(job):
    """The job, with arrays that are interpolated between when they are needed, and not before."""
    import dask.array as da

    if job.plain:
        return job

    def wrapped(image):
        if image is None or not image.interpolated or is_dask(image.array):
            return image
        return replace(image, array=da.from_array(native(image.array), name=False))

    return replace(job, pairs=[tuple(map(wrapped, pair)) for pair in job.pairs])


def _joined(blocks, axis):
    """Blocks along leading axes, the first of which is ``axis`` of the arrays, as one array."""
    import dask.array as da

    inner = [block if blocks.ndim == 1 else _joined(block, axis + 1) for block in blocks]
    return inner[0] if len(inner) == 1 else da.concatenate(inner, axis=axis)


def _lazy(windows, matching):
    """The planes of one part."""
    import dask
    import dask.array as da

    order = dask.delayed(windows.order, name=f"skymosaic-order-{windows.token}")
    arrays = [
        dask.delayed(array, name=None if is_dask(array) else f"skymosaic-array-{windows.token}-{key}")
        for key, array in enumerate(windows.arrays)
    ]
    backgrounds = None
    if matching:
        keys = list(range(len(arrays)))
        backgrounds = dask.delayed(_tasks.measure, pure=False)(order, keys, arrays)
    names = ("mosaic", *windows.names)
    call = dask.delayed(_tasks.compute, pure=False, nout=len(names))
    pieces = [[] for _ in names]
    for y, ny in windows.rows:
        rows = [[] for _ in names]
        for x, nx in windows.columns:
            window = (y, x, ny, nx)
            keys = windows.needs(window)
            results = call(windows.token, order, keys, [arrays[key] for key in keys], backgrounds, window)
            for name, row, piece in zip(names, rows, results, strict=True):
                shape, dtype = _tasks.plane(name, (*windows.shape[:-2], ny, nx), windows.dtype, windows.inputs)
                row.append(da.from_delayed(piece, shape, dtype))
        for piece, row in zip(pieces, rows, strict=True):
            piece.append(da.concatenate(row, axis=-1))
    return tuple(da.concatenate(piece, axis=-2) for piece in pieces)


def create_store(path, job, shape, names, lead, side, dtype):
    """An empty zarr store for the mosaic, as ``array``, and further planes; one chunk a window. Returns its arrays by name."""
    import zarr

    if os.path.exists(path) and (not os.path.isdir(path) or os.listdir(path)):
        raise FileExistsError(f"zarr_path = {os.fspath(path)!r} exists: remove it, or choose another")
    group = zarr.open_group(os.fspath(path), mode="w-")
    order = job.target.order
    chunks = (*lead, *side) if order is None else tuple((*lead, *side)[axis] for axis in np.argsort(order))
    made = {}
    for name in ("mosaic", *names):
        whole, kind = _tasks.plane(name, shape, dtype, len(job.pairs))
        stored = "array" if name == "mosaic" else name
        made[name] = group.create_array(stored, shape=whole, chunks=(1,) * (len(whole) - len(chunks)) + chunks, dtype=kind)
    return made


def opened(planes):
    """Arrays of a zarr store by name, as dask arrays on it."""
    import dask.array as da

    return {name: da.from_zarr(array) for name, array in planes.items()}
