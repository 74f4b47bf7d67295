"""Who computes windows: the cluster of dask.distributed that computes would go to, or any other scheduler of dask."""

import collections
import contextlib
import itertools
import os

from . import _tasks
from ._arrays import is_dask

# How often what a lost worker held is sent again.
_TRIES = 5


def active_client():
    """The dask.distributed client that computes would go to, or None."""
    from dask.base import get_scheduler

    client = getattr(get_scheduler(), "__self__", None)
    return client if type(client).__module__.partition(".")[0] == "distributed" else None


def crew(windows):
    """The crew for windows."""
    client = active_client()
    return _Scheduler(windows) if client is None else _Cluster(client, windows)


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
        return _tasks.measure(self._windows.order, keys, self._data(keys))

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
        _tasks.forget(self._windows.token)


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
            future = self._submit(_tasks.measure, self._order, keys, self._data(keys))
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
            self._client.run(_tasks.forget, self._windows.token, on_error="ignore")


def _is_loss(error):
    """Whether this says that a worker is gone, not that the work cannot be done."""
    from concurrent.futures import CancelledError

    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    return isinstance(error, (KilledWorker, CancelledError, CommClosedError))
