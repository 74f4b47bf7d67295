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


def crew():
    """Whoever computes."""
    client = active_client()
    return _Scheduler() if client is None else _Cluster(client)


class _Scheduler:
    """Any scheduler of dask that is no cluster: a few windows at a time."""

    def __init__(self):
        self._arrays = {}

    def _data(self, windows, keys):
        import dask

        if windows.token not in self._arrays:
            # Those of dask once, by the scheduler; they are in memory afterwards, as the others.
            self._arrays[windows.token] = list(dask.compute(*windows.arrays))
        return [self._arrays[windows.token][key] for key in keys]

    def measure(self, windows):
        """The backgrounds of the whole."""
        keys = list(range(len(windows.arrays)))
        return _tasks.measure(windows.order, keys, self._data(windows, keys))

    def each(self, task, work):
        """Computes pieces of work as they come, in order; yields each with its result. See `_dask.run` for what a piece is."""
        import dask

        call = dask.delayed(_opened, pure=False, traverse=False)
        at_once = 2 * (os.cpu_count() or 1)
        while some := list(itertools.islice(work, at_once)):
            tasks = []
            for piece in some:
                keys = piece.windows.needs(piece.window)
                arguments = (piece.windows.token, piece.windows.order, keys, self._data(piece.windows, keys), piece.backgrounds, piece.window, *piece.further)
                tasks.append(call(task, _Opaque(arguments)))
            yield from zip(some, dask.compute(*tasks), strict=True)
            last = some[-1].windows.token
            _tasks.forget([token for token in self._arrays if token != last])
            self._arrays = {last: self._arrays[last]}

    def close(self):
        _tasks.forget(self._arrays)


class _Opaque:
    """Something that dask is not to look into."""

    def __init__(self, content):
        self.content = content


def _opened(task, opaque):
    return task(*opaque.content)


class _Cluster:
    """A dask.distributed cluster: arrays are scattered once, a bounded number of windows is on its way at a time, and what a lost worker held is sent
    again."""

    def __init__(self, client):
        self._client = client
        # Of the windows that are not done: futures of the arrays by key, and of the order by its token alone.
        self._held = {}
        self._tokens = []

    def _order(self, windows):
        """The order, kept by the scheduler, so that it can be given to any worker at any time."""
        return self._once(windows.token, f"skymosaic-order-{windows.token}", windows.order)

    def _once(self, key, name, content):
        if key not in self._held:
            self._held[key] = self._client.submit(bytes, content, pure=False, key=name)
        return self._held[key]

    def _data(self, windows, keys):
        """Futures of the arrays, sent where they are not held any more."""
        for key in keys:
            future = self._held.get((windows.token, key))
            if future is None or future.status in ("lost", "cancelled", "error"):
                array = windows.arrays[key]
                sent = self._client.compute(array) if is_dask(array) else self._client.scatter(array, hash=False)
                self._held[windows.token, key] = sent
        return [self._held[windows.token, key] for key in keys]

    def _submit(self, task, *arguments):
        return self._client.submit(task, *arguments, pure=False, retries=_TRIES)

    def measure(self, windows):
        """The backgrounds of the whole."""
        keys = list(range(len(windows.arrays)))
        for tries in itertools.count():
            future = self._submit(_tasks.measure, self._order(windows), keys, self._data(windows, keys))
            try:
                return future.result()
            except Exception as error:
                if not _is_loss(error) or tries >= _TRIES:
                    raise

    def each(self, task, work):
        """Computes pieces of work, in any order; yields each with its result. See `_dask.run` for what a piece is."""
        from distributed import as_completed

        again = collections.deque()
        tries = collections.Counter()
        left = {}
        pending = {}
        completed = as_completed()

        def start():
            most = 2 * max(1, sum(self._client.nthreads().values()))
            while len(pending) < most:
                piece = again.popleft() if again else next(work, None)
                if piece is None:
                    return
                windows, given = piece.windows, piece.backgrounds
                if windows.token not in left:
                    left[windows.token] = len(windows)
                    self._tokens.append(windows.token)
                if given is not None:
                    given = self._once((windows.token, "backgrounds"), f"skymosaic-backgrounds-{windows.token}", given)
                keys = windows.needs(piece.window)
                future = self._submit(
                    task, windows.token, self._order(windows), keys, self._data(windows, keys), given, piece.window, *piece.further
                )
                pending[future] = piece
                completed.add(future)

        try:
            start()
            while pending:
                future = next(completed)
                piece = pending.pop(future)
                token = piece.windows.token
                try:
                    result = future.result()
                except Exception as error:
                    tries[token, piece.window] += 1
                    if not _is_loss(error) or tries[token, piece.window] > _TRIES:
                        raise
                    again.append(piece)
                else:
                    yield piece, result
                    del result
                    left[token] -= 1
                    if left[token] == 0:
                        for key in [key for key in self._held if key == token or key[0] == token]:
                            del self._held[key]
                del future
                start()
        finally:
            self._client.cancel(list(pending))

    def close(self):
        self._held.clear()
        with contextlib.suppress(Exception):
            self._client.run(_tasks.forget, self._tokens, on_error="ignore")


def _is_loss(error):
    """Whether this says that a worker is gone, not that the work cannot be done."""
    from concurrent.futures import CancelledError

    from distributed import KilledWorker
    from distributed.comm import CommClosedError

    return isinstance(error, (KilledWorker, CancelledError, CommClosedError))
