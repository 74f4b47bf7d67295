"""What the tasks of a dask scheduler do: windows of a mosaic.

A task gets the order (what to do: paths, coordinates and options as bytes), the arrays that its window needs, and the window. It makes the plan once for its process, and
computes. Every window has the bytes that a local run gives it, so it does not matter who computes what, or how often.
"""

import collections
import importlib
import itertools
import threading
import uuid
from dataclasses import dataclass, replace

import numpy as np

from . import _mosaic
from ._arrays import is_dask, native
from ._portable import dumps, loads

# Plans that a process keeps, and orders that it remembers.
_PLANS = 4


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

    def __len__(self):
        return len(self.rows) * len(self.columns)

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


def forget(tokens):
    """Drops the plans of orders, and with them their arrays."""
    with _lock:
        for token in tokens:
            _orders.pop(token, None)
            for key in [key for key in _plans if key[0] == token]:
                del _plans[key]


def compute(token, text, keys, arrays, backgrounds, window):
    """The mosaic and the further planes of a window: the task."""
    plan, order = _plan_of(token, text, dict(zip(keys, arrays, strict=True)), backgrounds)
    shape = (*plan.shape[:-2], *window[2:])
    made = {name: np.empty(*plane(name, shape, order.dtype, len(order.job.pairs))) for name in ("mosaic", *order.names)}
    plan.run(made["mosaic"], {name: made[name] for name in order.names}, window=window)
    return tuple(made.values())


def plane(name, shape, dtype, inputs):
    """Shape and type of a plane by its name."""
    first = (-(-inputs // 32),) if name == "context" else ()
    return (*first, *shape), np.dtype(np.int32 if name in _mosaic.INTEGERS else dtype)


def store(token, text, keys, arrays, backgrounds, window, path, names, leading, turn):
    """Computes a window and writes it into arrays of a zarr store, with the axes of the output: the task."""
    import zarr

    results = compute(token, text, keys, arrays, backgrounds, window)
    group = zarr.open_group(path, mode="r+")
    for name, result in zip(names, results, strict=True):
        place, result = placed(window, leading, turn, result)
        group[name][place] = result


def placed(window, leading, turn, result):
    """Where a result of a window goes in an array of the output, and the result with the axes of that."""
    y, x, ny, nx = window
    place = (*leading, slice(y, y + ny), slice(x, x + nx))
    extra = result.ndim - len(place)
    if turn is not None:
        back = [int(axis) for axis in np.argsort(turn)]
        place = tuple(place[axis] for axis in back)
        result = result.transpose((*range(extra), *(axis + extra for axis in back)))
    return (slice(None),) * extra + place, result


def measure(text, keys, arrays):
    """The backgrounds of the whole, as bytes: the task. Nothing else can go on meanwhile, so it takes all threads of its worker."""
    try:
        from distributed import get_worker

        threads = get_worker().state.nthreads
    except (ImportError, ValueError):
        threads = None
    order = _order_of(text)
    plan = _make_plan(order, dict(zip(keys, arrays, strict=True)), threads=threads)
    return bytes(plan.match_backgrounds(np.dtype(order.dtype) == np.float64))
