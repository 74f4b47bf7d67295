#!/usr/bin/env python3
"""reproject and skymosaic on the same files in one run: wall-clock times, their ratio, and what the Python layer costs.

16 images of 2048² float32 (TAN, 0.2" pixels, each rotated within ±3°) onto one grid, bilinear, mean, into arrays of float64 that the caller has
(a second number is for arrays that are made, most of which is the system finding memory). reproject runs once for each setting
(minutes), skymosaic three times, of which the median counts. With the path of the command line `skymosaic` its time is measured too.

usage: against_reproject.py [--size 2048] [--grid 4] [--binary PATH] [--no-reproject]
"""

import argparse
import statistics
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

import skymosaic
from skymosaic import _core

SCALE = 0.2 / 3600


def make_field(folder, size, grid, seed=42):
    """Files and target header, as those that the command line is measured with."""
    rng = np.random.default_rng(seed)
    files = []
    for j in range(grid):
        for i in range(grid):
            dx, dy = ((v - (grid - 1) / 2) * size * 0.85 * SCALE for v in (i, j))
            angle = np.radians(rng.uniform(-3, 3))
            wcs = WCS(naxis=2)
            wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
            wcs.wcs.crval = 150.1 + dx / np.cos(np.radians(2.2)), 2.2 + dy
            wcs.wcs.crpix = size / 2 + 0.5 + rng.uniform(-5, 5, 2)
            wcs.wcs.cd = SCALE * np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            files.append(str(folder / f"{j}{i}.fits"))
            fits.writeto(files[-1], rng.normal(100, 5, (size, size)).astype(">f4"), wcs.to_header())
    side = int(size * (0.85 * grid + 0.3))
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ("RA---TAN", "DEC--TAN"), (150.1, 2.2)
    wcs.wcs.crpix, wcs.wcs.cdelt = [side / 2 + 0.5] * 2, (-SCALE, SCALE)
    target = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 2), ("NAXIS1", side), ("NAXIS2", side)])
    target.extend(wcs.to_header())
    return files, target


class Native:
    """Time spent in the native part."""

    def __init__(self):
        self.seconds = 0.0

    def __enter__(self):
        self._plan, self._input = _core.Plan, _core.Input
        native = self

        class Plan:
            def __init__(self, *arguments):
                self._plan = native.timed(native._plan, *arguments)

            def run(self, *arguments, **named):
                return native.timed(self._plan.run, *arguments, **named)

        _core.Plan = Plan
        return self

    def timed(self, function, *arguments, **named):
        start = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            self.seconds += time.perf_counter() - start

    def __exit__(self, *_):
        _core.Plan = self._plan


def timed(function, *arguments, **named):
    start = time.perf_counter()
    result = function(*arguments, **named)
    return time.perf_counter() - start, result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--grid", type=int, default=4)
    parser.add_argument("--binary")
    parser.add_argument("--no-reproject", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        folder = Path(folder)
        files, target = make_field(folder, arguments.size, arguments.grid)
        from reproject import reproject_interp

        print(f"{len(files)} images of {arguments.size}² onto {target['NAXIS1']}²")
        for parallel, threads in ((False, 1), (2, 2)):
            shape = target["NAXIS2"], target["NAXIS1"]
            arrays = {"output_array": np.full(shape, 0.0), "output_footprint": np.full(shape, 0.0)}
            common = {"reproject_function": reproject_interp, "parallel": parallel}
            walls, layers = [], []
            for _ in range(3):
                with Native() as native:
                    wall, (ours, _) = timed(skymosaic.reproject_and_coadd, files, target, **arrays, **common)
                walls.append(wall)
                layers.append(wall - native.seconds)
            wall, layer = statistics.median(walls), statistics.median(layers)
            made, (ours, _) = timed(skymosaic.reproject_and_coadd, files, target, **common)
            print(f"parallel={parallel!s:5}  skymosaic {wall:.2f} s (new arrays {made:.2f} s), of which the Python layer {1e3 * layer:.1f} ms")
            if arguments.binary:
                (folder / "target.hdr").write_text(target.tostring(sep="\n"))
                command = [arguments.binary, "mosaic", "--target", folder / "target.hdr", "-o", folder / "out.fits"]
                command += ["--footprint", folder / "foot.fits", "--overwrite", "--dtype", "f64", "--blank", "0"]
                command += ["--threads", str(threads), *files]
                runs = [timed(subprocess.run, command, check=True, stderr=subprocess.DEVNULL)[0] for _ in range(3)]
                line = statistics.median(runs)
                same = fits.getdata(folder / "out.fits").astype(float).tobytes() == ours.tobytes()
                print(f"                command line {line:.2f} s: the layer is {100 * layer / line:.1f} % of it; same bytes: {same}")
            if not arguments.no_reproject:
                from reproject.mosaicking import reproject_and_coadd

                for array in arrays.values():
                    array[...] = 0
                theirs, (array, _) = timed(reproject_and_coadd, files, target, **arrays, **common)
                print(f"                reproject {theirs:.2f} s: {theirs / wall:.0f} times as long ({theirs / made:.0f} for new arrays)")
                print(f"                worst difference {np.abs(array - ours).max():.1e}")


if __name__ == "__main__":
    main()
