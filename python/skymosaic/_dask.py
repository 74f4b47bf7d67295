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

from . import _mosaic
from ._arrays import is_dask, native
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
class Order:
    """All that a worker needs to know, but for pixels."""

    # Its images hold `Key`s instead of arrays.
    job: _mosaic.Job
    dtype: str
    # Planes beside the mosaic.
    names: tuple
    shapes: list
    types: list
    # What tells astropy about further frames has to be imported where the coordinates are used.
    modules: list


def _frame_modules():
    from astropy.wcs.utils import WCS_FRAME_MAPPINGS

    return sorted({function.__module__ for functions in WCS_FRAME_MAPPINGS for function in functions})


def _order_of(text):
    """The order, in a process that knows its frames."""
    order = loads(text)
    for module in order.modules:
        importlib.import_module(module)
    return order


class Windows:
    """A mosaic cut into windows: what is to be done, the arrays that it needs and who needs which."""

    def __init__(self, job, dtype, names, side):
        self.token = uuid.uuid4().hex
        self.arrays = []
        self.dtype = np.dtype(dtype)
        self.names = tuple(names)
        self.shape = job.shape
        self.inputs = len(job.pairs)
        places = {}
        target = job.target
        by_astropy = any(needs_astropy(image, target) for pair in job.pairs for image in pair if image is not None)
        pairs = [tuple(self._without_pixels(image, places, target) for image in pair) for pair in job.pairs]
        order = Order(
            job=replace(
                job,
                pairs=pairs,
                target=target if by_astropy else replace(target, wcs=None),
                settings={**job.settings, "threads": 1},
            ),
            dtype=self.dtype.str,
            names=self.names,
            shapes=[array.shape for array in self.arrays],
            types=[str(array.dtype) for array in self.arrays],
            modules=_frame_modules() if by_astropy else [],
        )
        self.order = dumps(order)
        # Knows which input touches which window; reads no pixel.
        self._plan = _make_plan(order, {})
        self._needed = [{key.index for part in pair for key in _keys(part)} for pair in pairs]
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
        for field in _PIXELS:
            array = getattr(image, field)
            if array is None:
                continue
            if id(array) not in places:
                places[id(array)] = len(self.arrays)
                self.arrays.append(array if is_dask(array) else native(array))
            setattr(image, field, Key(places[id(array)]))
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
        plan = _make_plan(loads(self.order), dict(enumerate(self.arrays)), threads=None)
        return bytes(plan.match_backgrounds(self.dtype == np.float64, progress))


# What of an image may be an array.
_PIXELS = ("array", "variance", "mask")


def _keys(image):
    """The keys that an image holds."""
    fields = [] if image is None else [getattr(image, field) for field in _PIXELS]
    return [field for field in fields if isinstance(field, Key)]


def needs_astropy(image, target):
    """Whether an image is placed by astropy."""
    return target.cards is None or (image.wcs is not None and image.cards is None)


def _make_plan(order, arrays, **settings):
    """The plan of an order. Arrays that are not there are stood in for by ones without memory, which must not be read."""

    def filled(image):
        if image is None:
            return None
        found = {}
        for field in _PIXELS:
            key = getattr(image, field)
            if not isinstance(key, Key):
                continue
            array = arrays.get(key.index)
            if array is None:
                array = np.broadcast_to(np.zeros((), _native_type(order.types[key.index])), order.shapes[key.index])
            found[field] = native(array)
        return replace(image, **found)

    pairs = [tuple(filled(image) for image in pair) for pair in order.job.pairs]
    return replace(order.job, pairs=pairs).plan(**settings)


def _native_type(name):
    return native(np.zeros(1, name)).dtype


_lock = threading.Lock()
_orders = collections.OrderedDict()
_plans = collections.OrderedDict()


def _plan_of(token, text, arrays, backgrounds):
    """The plan, made once for each process and set of arrays, and its order."""
    key = (token, tuple(sorted(arrays)))
    with _lock:
        if key not in _plans:
            if token not in _orders:
                _orders[token] = _order_of(text)
            plan = _make_plan(_orders[token], arrays)
            if backgrounds is not None:
                plan.use_backgrounds(backgrounds, np.dtype(_orders[token].dtype) == np.float64)
            _plans[key] = plan
        for cache in (_orders, _plans):
            while len(cache) > _PLANS:
                cache.popitem(last=False)
        return _plans[key], _orders[token]


def _forget(token):
    """Drops the plans of a job, and with them its arrays."""
    with _lock:
        _orders.pop(token, None)
        for key in [key for key in _plans if key[0] == token]:
            del _plans[key]


def _compute(token, text, keys, arrays, backgrounds, window):
    """The mosaic and the further planes of a window: the task."""
    plan, order = _plan_of(token, text, dict(zip(keys, arrays, strict=True)), backgrounds)
    shape = (*plan.shape[:-2], *window[2:])
    made = {name: np.empty(*_plane(name, shape, order.dtype, len(order.job.pairs))) for name in ("mosaic", *order.names)}
    plan.run(made["mosaic"], {name: made[name] for name in order.names}, window=window)
    return tuple(made.values())


def _plane(name, shape, dtype, inputs):
    """Shape and type of a plane by its name."""
    first = (-(-inputs // 32),) if name == "context" else ()
    return (*first, *shape), np.dtype(np.int32 if name in _mosaic.INTEGERS else dtype)


def _store(token, text, keys, arrays, backgrounds, window, path, names, leading, turn):
    """Computes a window and writes it into arrays of a zarr store, with the axes of the output: the task."""
    import zarr

    results = _compute(token, text, keys, arrays, backgrounds, window)
    group = zarr.open_group(path, mode="r+")
    for name, result in zip(names, results, strict=True):
        place, result = _placed(window, leading, turn, result)
        group[name][place] = result


def _placed(window, leading, turn, result):
    """Where a result of a window goes in an array of the output, and the result with the axes of that."""
    y, x, ny, nx = window
    place = (*leading, slice(y, y + ny), slice(x, x + nx))
    extra = result.ndim - len(place)
    if turn is not None:
        back = [int(axis) for axis in np.argsort(turn)]
        place = tuple(place[axis] for axis in back)
        result = result.transpose((*range(extra), *(axis + extra for axis in back)))
    return (slice(None),) * extra + place, result


def _measure(text, keys, arrays):
    """The backgrounds of the whole, as bytes: the task. Nothing else can go on meanwhile, so it takes all threads of its worker."""
    try:
        from distributed import get_worker

        threads = get_worker().state.nthreads
    except (ImportError, ValueError):
        threads = None
    order = _order_of(text)
    plan = _make_plan(order, dict(zip(keys, arrays, strict=True)), threads=threads)
    return bytes(plan.match_backgrounds(np.dtype(order.dtype) == np.float64))


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


def active_client():
    """The dask.distributed client that computes would go to, or None."""
    from dask.base import get_scheduler

    client = getattr(get_scheduler(), "__self__", None)
    return client if type(client).__module__.partition(".")[0] == "distributed" else None


def run(job, arrays, lead, side, matching, bar=None, store=None):
    """Computes a job window by window on the active scheduler.

    Parameters
    ----------
    job : Job
        What is to be computed.
    arrays : dict
        Arrays of this process by name, with the axes of the output; with a store those that are in it, by their names there.
    lead, side : tuple
        From `blocks_of`.
    matching : bool
        Whether backgrounds are matched.
    bar : callable, optional
        Told of the part that is done.
    store : str, optional
        Path of a zarr store into which the workers write.
    """
    client = active_client()
    dtype = _mosaic.sample_type(arrays["mosaic"])
    pieces = list(itertools.product(*(range(0, n, step) for n, step in zip(job.shape, lead, strict=False))))
    done = 0
    for leading, part in job.parts(lead):
        windows = Windows(part, dtype, [name for name in arrays if name != "mosaic"], side)
        total = len(pieces) * len(windows.rows) * len(windows.columns)
        task, further = _compute, ()
        if store is not None:
            names = [array.basename for array in arrays.values()]
            task, further = _store, (store, names, leading, job.target.order)
        with contextlib.closing(_Cluster(client, windows) if client is not None else _Scheduler(windows)) as crew:
            backgrounds = None
            if matching:
                backgrounds = windows.measured(bar)
                if backgrounds is None:
                    backgrounds = crew.measure()
            for window, results in crew.each(task, backgrounds, further):
                if store is None:
                    for array, result in zip(arrays.values(), results, strict=True):
                        place, result = _placed(window, leading, job.target.order, result)
                        array[place] = result
                del results
                done += 1
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
        return _measure(self._windows.order, keys, self._data(keys))

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
                arguments = (windows.token, windows.order, keys, self._data(keys), backgrounds, window, *further)
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
        self._order = client.submit(bytes, windows.order, pure=False, key=f"skymosaic-order-{windows.token}")

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
            future = self._submit(_measure, self._order, keys, self._data(keys))
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
                future = self._submit(task, windows.token, self._order, keys, self._data(keys), given, window, *further)
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
        grid[place] = _lazy(Windows(part, dtype, names, side), matching)
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
        if image is None or all(at is None for at in image.planes) or is_dask(image.array):
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
        backgrounds = dask.delayed(_measure, pure=False)(order, keys, arrays)
    names = ("mosaic", *windows.names)
    call = dask.delayed(_compute, pure=False, nout=len(names))
    pieces = [[] for _ in names]
    for y, ny in windows.rows:
        rows = [[] for _ in names]
        for x, nx in windows.columns:
            window = (y, x, ny, nx)
            keys = windows.needs(window)
            results = call(windows.token, order, keys, [arrays[key] for key in keys], backgrounds, window)
            for name, row, piece in zip(names, rows, results, strict=True):
                shape, dtype = _plane(name, (*windows.shape[:-2], ny, nx), windows.dtype, windows.inputs)
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
        whole, kind = _plane(name, shape, dtype, len(job.pairs))
        stored = "array" if name == "mosaic" else name
        made[name] = group.create_array(stored, shape=whole, chunks=(1,) * (len(whole) - len(chunks)) + chunks, dtype=kind)
    return made


def opened(planes):
    """Arrays of a zarr store by name, as dask arrays on it."""
    import dask.array as da

    return {name: da.from_zarr(array) for name, array in planes.items()}
