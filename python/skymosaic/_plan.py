"""What a mosaic will take, before it is computed."""

import functools
import inspect

from ._coadd import prepare, reproject_and_coadd
from ._mosaic import INTEGERS
from ._results import Mosaic, Summary


class Plan:
    """A mosaic that can be looked at before it is computed.

    Nothing of the pixels is read until `run`.

    Parameters
    ----------
    *arguments, **named
        Those of `reproject_and_coadd`.

    Raises
    ------
    ValueError, TypeError, FileNotFoundError, NotImplementedError
        As `reproject_and_coadd`, for all that can be known without reading pixels.

    Examples
    --------
    >>> plan = skymosaic.Plan(files, wcs, shape, reproject_function="bilinear")  # doctest: +SKIP
    >>> plan.overlapping, plan.output_bytes  # doctest: +SKIP
    >>> array, footprint = plan.run()  # doctest: +SKIP
    """

    def __init__(self, *arguments, **named):
        self._arguments = arguments, named
        bound = inspect.signature(reproject_and_coadd).bind(*arguments, **named)
        bound.apply_defaults()
        del bound.arguments["zarr_batch_size"]
        self._prepared = prepare(**bound.arguments)

    def __reduce__(self):
        arguments, named = self._arguments
        return functools.partial(Plan, *arguments, **named), ()

    @functools.cached_property
    def _native(self):
        job = self._prepared.job
        if not job.plain:
            # Planes share their coordinates: one tells of all.
            job = next(job.parts((1,) * (len(job.shape) - 2)))[1]
        return job.plan()

    @property
    def shape(self):
        """Shape (..., ny, nx) of the output."""
        return self._prepared.shape

    @functools.cached_property
    def bounds(self):
        """For each image the sub-grids of the output that hold all that it covers, as tuples of slices (y, x): several where a seam or a pole splits it, none if it
        lies outside. They may be a few pixels larger than needed."""
        return [
            [(slice(y0, y0 + ny), slice(x0, x0 + nx)) for y0, x0, ny, nx in self._native.bounds(index)]
            for index in range(len(self._prepared.job.pairs))
        ]

    @property
    def overlapping(self):
        """How many images reach into the output."""
        return sum(map(bool, self.bounds))

    @property
    def output_bytes(self):
        """Bytes of the arrays that a run fills and that it has not been given."""
        prepared = self._prepared
        pixels = 1
        for length in self.shape:
            pixels *= length
        known = next((array for array in prepared.given.values() if array is not None), None)
        value = 8 if known is None else known.dtype.itemsize
        words = {"context": -(-len(prepared.job.pairs) // 32)}
        missing = [name for name in ("mosaic", *prepared.names) if prepared.given.get(name) is None]
        return sum(pixels * (4 * words.get(name, 1) if name in INTEGERS else value) for name in missing)

    @property
    def intermediate_bytes(self):
        """Bytes on disk of the resampled images that a run keeps while backgrounds are matched; 0 unless ``intermediate_memmap`` is set."""
        names = self._prepared.names
        return self._native.intermediate_bytes(True, "variance" in names, "mask" in names)

    def run(self):
        """Computes the mosaic.

        Returns
        -------
        mosaic : Mosaic
            What `reproject_and_coadd` returns.
        """
        planes, summaries = self._prepared.run()
        return Mosaic(planes, Summary.of(summaries))
