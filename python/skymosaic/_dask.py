"""The windows of a plan as tasks of whatever dask scheduler is active.

A task gets the job (what to do: paths, coordinates and options as bytes), the arrays that its window needs, and the window. It makes the
plan once for its process, and computes. Every window has the bytes that a local run gives it, so it does not matter who computes what, or how
often.
"""

import collections
import contextlib
import importlib
import itertools
import os
import threading
import uuid
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import _core
from ._arrays import is_dask, native
from ._inputs import build
from ._portable import dumps, loads

# Bytes of output and footprint that a window has by default.
_WINDOW = 64 << 20
# Windows lie on this lattice, that of the engine's tiles.
_TILE = 256
# Plans that a process keeps, and jobs that it remembers.
_PLANS = 4
# How often what a lost worker held is sent again.
_TRIES = 5


@dataclass
class Key:
    """Stands for an array that travels by itself."""

    index: int


@dataclass
class Job:
    """All that a worker needs to know, but for pixels."""

    # Pairs of image and weights, if any.
    images: list
    target: Any
    settings: dict
    roundtrip: bool
    dtype: str
    shapes: list
    types: list
    # What tells astropy about further frames has to be imported where the coordinates are used.
    modules: list


def _frame_modules():
    from astropy.wcs.utils import WCS_FRAME_MAPPINGS

    return sorted({function.__module__ for functions in WCS_FRAME_MAPPINGS for function in functions})


def _job_of(text):
    """The job, in a process that knows its frames."""
    job = loads(text)
    for module in job.modules:
        importlib.import_module(module)
    return job


class Windows:
    """A mosaic cut into windows: the job, the arrays that it needs and who needs which."""

    def __init__(self, images, target, settings, roundtrip, dtype, side):
        self.token = uuid.uuid4().hex
        self.arrays = []
        self.dtype = np.dtype(dtype)
        self.shape = target.shape
        places = {}
        by_astropy = any(needs_astropy(image, target) for pair in images for image in pair if image is not None)
        job = Job(
            images=[tuple(self._without_pixels(image, places, target) for image in pair) for pair in images],
            target=target if by_astropy else replace(target, wcs=None),
            settings={**settings, "threads": 1},
            roundtrip=roundtrip,
            dtype=self.dtype.str,
            shapes=[array.shape for array in self.arrays],
            types=[str(array.dtype) for array in self.arrays],
            modules=_frame_modules() if by_astropy else [],
        )
        self.job = dumps(job)
        # Knows which input touches which window; reads no pixel.
        self._plan = _make_plan(job, {})
        self._needed = [
            {part.array.index for part in pair if part is not None and isinstance(part.array, Key)}
            for pair in job.images
        ]
        ny, nx = side
        rows, columns = self.shape[-2:]
        self.rows = [(y, min(ny, rows - y)) for y in range(0, rows, ny)]
        self.columns = [(x, min(nx, columns - x)) for x in range(0, columns, nx)]

    def _without_pixels(self, image, places, target):
        if image is None:
            return None
        image = replace(image)
        if target.cards is not None and image.cards is not None:
            # Header text says it all.
            image.wcs = None
        if image.array is None:
            return image
        if id(image.array) not in places:
            array = image.array if is_dask(image.array) else native(image.array)
            places[id(image.array)] = len(self.arrays)
            self.arrays.append(array)
        image.array = Key(places[id(image.array)])
        return image

    def __iter__(self):
        """The windows (y0, x0, ny, nx) in sweep order."""
        return ((y, x, ny, nx) for (y, ny), (x, nx) in itertools.product(self.rows, self.columns))

    def needs(self, window):
        """The arrays that a window needs, in order."""
        return sorted(set().union(*(self._needed[index] for index in self._plan.inputs_in(window))))

    def measured(self, progress=None):
        """The backgrounds, if all pixels are here; None if they are elsewhere and workers had better measure them."""
        if len(set().union(*self._needed)) < len(self._needed) or any(is_dask(array) for array in self.arrays):
            return None
        plan = _make_plan(loads(self.job), dict(enumerate(self.arrays)), threads=None)
        return bytes(plan.match_backgrounds(self.dtype == np.float64, progress))


def needs_astropy(image, target):
    """Whether an image is placed by astropy."""
    return target.cards is None or (image.wcs is not None and image.cards is None)


def _make_plan(job, arrays, **settings):
    """The plan of a job. Arrays that are not there are stood in for by ones without memory, which must not be read."""

    def filled(image):
        if image is None or not isinstance(image.array, Key):
            return image
        index = image.array.index
        array = arrays.get(index)
        if array is None:
            array = np.broadcast_to(np.zeros((), _native_type(job.types[index])), job.shapes[index])
        return replace(image, array=native(array))

    inputs = [build(filled(image), filled(weight), job.target, job.roundtrip) for image, weight in job.images]
    return _core.Plan(inputs, job.target.native(), job.target.shape, {**job.settings, **settings})


def _native_type(name):
    return native(np.zeros(1, name)).dtype


_lock = threading.Lock()
_jobs = collections.OrderedDict()
_plans = collections.OrderedDict()


def _plan_of(token, job, arrays, backgrounds):
    """The plan, made once for each process and set of arrays."""
    key = (token, tuple(sorted(arrays)))
    with _lock:
        if key not in _plans:
            if token not in _jobs:
                _jobs[token] = _job_of(job)
            plan = _make_plan(_jobs[token], arrays)
            if backgrounds is not None:
                plan.use_backgrounds(backgrounds, np.dtype(_jobs[token].dtype) == np.float64)
            _plans[key] = plan
        for cache, most in ((_jobs, _PLANS), (_plans, _PLANS)):
            while len(cache) > most:
                cache.popitem(last=False)
        return _plans[key], np.dtype(_jobs[token].dtype)


def _forget(token):
    """Drops the plans of a job, and with them its arrays."""
    with _lock:
        _jobs.pop(token, None)
        for key in [key for key in _plans if key[0] == token]:
            del _plans[key]


def _compute(token, job, keys, arrays, backgrounds, window):
    """Output and footprint of a window: the task."""
    plan, dtype = _plan_of(token, job, dict(zip(keys, arrays, strict=True)), backgrounds)
    shape = (*plan.shape[:-2], *window[2:])
    output, footprint = np.empty(shape, dtype), np.empty(shape, dtype)
    plan.run(output, footprint, window=window)
    return output, footprint


def _store(token, job, keys, arrays, backgrounds, window, path):
    """Computes a window and writes it into a zarr store: the task."""
    import zarr

    output, footprint = _compute(token, job, keys, arrays, backgrounds, window)
    group = zarr.open_group(path, mode="r+")
    y, x, ny, nx = window
    group["array"][..., y : y + ny, x : x + nx] = output
    group["footprint"][..., y : y + ny, x : x + nx] = footprint


def _measure(job, keys, arrays):
    """The backgrounds of the whole, as bytes: the task. Nothing else can go on meanwhile, so it takes all threads of its worker."""
    try:
        from distributed import get_worker

        threads = get_worker().state.nthreads
    except (ImportError, ValueError):
        threads = None
    job = _job_of(job)
    plan = _make_plan(job, dict(zip(keys, arrays, strict=True)), threads=threads)
    return bytes(plan.match_backgrounds(np.dtype(job.dtype) == np.float64))


def side_of(shape, block_size):
    """Shape (ny, nx) of the windows: that of the blocks asked for, or such that a window has a good size."""
    ny, nx = shape[-2:]
    if isinstance(block_size, (tuple, list)) and len(block_size) >= 2 and all(np.ndim(n) == 0 for n in block_size):
        wanted = [int(length) for length in block_size[-2:]]
        return tuple(n if length < 1 else min(length, n) for length, n in zip(wanted, (ny, nx), strict=True))
    planes = int(np.prod(shape[:-2]))
    side = int(np.sqrt(_WINDOW / (16 * planes))) // _TILE * _TILE
    side = max(_TILE, min(side, 2048))
    return min(side, ny), min(side, nx)


def active_client():
    """The dask.distributed client that computes would go to, or None."""
    from dask.base import get_scheduler

    client = getattr(get_scheduler(), "__self__", None)
    return client if type(client).__module__.partition(".")[0] == "distributed" else None


def run(windows, output, footprint, matching, bar=None, zarr_path=None):
    """Computes all windows on the active scheduler: into arrays of this process, or by the workers into a zarr store."""
    client = active_client()
    crew = _Cluster(client, windows) if client is not None else _Scheduler(windows)
    task, further = (_compute, ()) if zarr_path is None else (_store, (os.fspath(zarr_path),))
    total = len(windows.rows) * len(windows.columns)
    with contextlib.closing(crew):
        backgrounds = None
        if matching:
            backgrounds = windows.measured(bar)
            if backgrounds is None:
                backgrounds = crew.measure()
        for done, (window, result) in enumerate(crew.each(task, backgrounds, further), 1):
            if zarr_path is None:
                y, x, ny, nx = window
                for whole, part in zip((output, footprint), result, strict=True):
                    whole[..., y : y + ny, x : x + nx] = part
            del result
            if bar is not None:
                bar("combining", done / total)


class _Scheduler:
    """Any scheduler of dask that is no cluster: a few windows at a time."""

    def __init__(self, windows):
        self._windows = windows
        self._arrays = None

    def _data(self, keys):
        import dask

        if self._arrays is None:
            # Those of dask once, by the scheduler; they are in memory afterwards, as the others.
            self._arrays = list(dask.compute(*self._windows.arrays))
        return [self._arrays[key] for key in keys]

    def measure(self):
        keys = list(range(len(self._windows.arrays)))
        return _measure(self._windows.job, keys, self._data(keys))

    def each(self, task, backgrounds, further):
        import dask

        windows = self._windows
        call = dask.delayed(_opened, pure=False, traverse=False)
        at_once = 2 * (os.cpu_count() or 1)
        waiting = iter(windows)
        while some := list(itertools.islice(waiting, at_once)):
            tasks = []
            for window in some:
                keys = windows.needs(window)
                arguments = (windows.token, windows.job, keys, self._data(keys), backgrounds, window, *further)
                tasks.append(call(task, _Opaque(arguments)))
            yield from zip(some, dask.compute(*tasks), strict=True)

    def close(self):
        _forget(self._windows.token)


class _Opaque:
    """Something that dask is not to look into."""

    def __init__(self, content):
        self.content = content


def _opened(task, opaque):
    return task(*opaque.content)


class _Cluster:
    """A dask.distributed cluster: arrays are scattered once, a bounded number of windows is on its way at a time, and what a lost worker held is sent
    again."""

    def __init__(self, client, windows):
        self._client, self._windows = client, windows
        self._held = {}
        # Kept by the scheduler, so that it can be given to any worker at any time.
        self._job = client.submit(bytes, windows.job, pure=False, key=f"skymosaic-job-{windows.token}")

    def _data(self, keys):
        """Futures of the arrays, sent where they are not held any more."""
        for key in keys:
            future = self._held.get(key)
            if future is None or future.status in ("lost", "cancelled", "error"):
                array = self._windows.arrays[key]
                if is_dask(array):
                    self._held[key] = self._client.compute(array)
                else:
                    self._held[key] = self._client.scatter(array, hash=False)
        return [self._held[key] for key in keys]

    def _submit(self, task, *arguments):
        return self._client.submit(task, *arguments, pure=False, retries=_TRIES)

    def measure(self):
        keys = list(range(len(self._windows.arrays)))
        for tries in itertools.count():
            future = self._submit(_measure, self._job, keys, self._data(keys))
            try:
                return future.result()
            except Exception as error:
                if not _is_loss(error) or tries >= _TRIES:
                    raise

    def each(self, task, backgrounds, further):
        from distributed import as_completed

        windows = self._windows
        given = backgrounds
        if backgrounds is not None:
            given = self._client.submit(bytes, backgrounds, pure=False, key=f"skymosaic-backgrounds-{windows.token}")
        waiting = collections.deque(windows)
        tries = collections.Counter()
        pending = {}
        completed = as_completed()

        def start():
            most = 2 * max(1, sum(self._client.nthreads().values()))
            while waiting and len(pending) < most:
                window = waiting.popleft()
                keys = windows.needs(window)
                future = self._submit(task, windows.token, self._job, keys, self._data(keys), given, window, *further)
                pending[future] = window
                completed.add(future)

        try:
            start()
            while pending:
                future = next(completed)
                window = pending.pop(future)
                try:
                    result = future.result()
                except Exception as error:
                    tries[window] += 1
                    if not _is_loss(error) or tries[window] > _TRIES:
                        raise
                    waiting.appendleft(window)
                else:
                    yield window, result
                    del result
                del future
                start()
        finally:
            self._client.cancel(list(pending))

    def close(self):
        self._held.clear()
        with contextlib.suppress(Exception):
            self._client.run(_forget, self._windows.token, on_error="ignore")


def _is_loss(error):
    """Whether this says that a worker is gone, not that the work cannot be done."""
    from concurrent.futures import CancelledError

    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    return isinstance(error, (KilledWorker, CancelledError, CommClosedError))


def lazy(windows, matching):
    """Output and footprint as dask arrays that nobody has computed yet."""
    import dask
    import dask.array as da

    job = dask.delayed(windows.job, name=f"skymosaic-job-{windows.token}")
    arrays = [
        dask.delayed(array, name=None if is_dask(array) else f"skymosaic-array-{windows.token}-{key}")
        for key, array in enumerate(windows.arrays)
    ]
    backgrounds = None
    if matching:
        keys = list(range(len(arrays)))
        backgrounds = dask.delayed(_measure, pure=False)(job, keys, arrays)
    call = dask.delayed(_compute, pure=False, nout=2)
    pieces = [[], []]
    for y, ny in windows.rows:
        rows = [[], []]
        for x, nx in windows.columns:
            window = (y, x, ny, nx)
            keys = windows.needs(window)
            both = call(windows.token, job, keys, [arrays[key] for key in keys], backgrounds, window)
            shape = (*windows.shape[:-2], ny, nx)
            for row, piece in zip(rows, both, strict=True):
                row.append(da.from_delayed(piece, shape, windows.dtype))
        for piece, row in zip(pieces, rows, strict=True):
            piece.append(da.concatenate(row, axis=-1))
    return tuple(da.concatenate(piece, axis=-2) for piece in pieces)


def create_store(path, windows):
    """An empty zarr store for output and footprint, one chunk a window."""
    import zarr

    if os.path.exists(path) and (not os.path.isdir(path) or os.listdir(path)):
        raise FileExistsError(f"zarr_path = {os.fspath(path)!r} exists: remove it, or choose another")
    group = zarr.open_group(os.fspath(path), mode="w-")
    chunks = (*windows.shape[:-2], windows.rows[0][1], windows.columns[0][1])
    for name in ("array", "footprint"):
        group.create_array(name, shape=windows.shape, chunks=chunks, dtype=windows.dtype)
    return group
