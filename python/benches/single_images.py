#!/usr/bin/env python3
"""reproject and skymosaic on single images and cubes in one run: user and system CPU of each, their ratio, and what the Python layer costs.

An image of float64 (TAN, turned by 20°) onto the same number of pixels, with every function; a cube of float32 onto the same channels and onto channels in between. Both
packages use one thread; skymosaic runs several times, of which the median counts, reproject once. Output arrays are made by the functions unless said otherwise.

usage: single_images.py [--size 2048] [--channels 200] [--side 512] [--repeats 5] [--no-reproject]
"""

import argparse
import resource
import statistics
import time
import warnings

import numpy as np
from astropy.wcs import WCS

import skymosaic
from skymosaic import _core


def plane(side, angle=0.0, crval=(150.1, 2.2)):
    """A tangential WCS of 0.2" pixels with the reference pixel in the middle."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ("RA---TAN", "DEC--TAN"), crval
    wcs.wcs.crpix, wcs.wcs.cdelt = [side / 2 + 0.5] * 2, (-0.2 / 3600, 0.2 / 3600)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.pc = [[c, -s], [s, c]]
    wcs.array_shape = (side, side)
    return wcs


def cube(side, channels, angle=0.0, shift=0.0):
    """The same with a frequency axis; ``shift`` is in channels."""
    header = plane(side, angle).to_header()
    header["WCSAXES"], header["CTYPE3"], header["CUNIT3"], header["CRPIX3"] = 3, "FREQ", "Hz", 1.0
    header["CRVAL3"], header["CDELT3"] = 1.4e9 + shift * 1e6, 1e6
    wcs = WCS(header)
    wcs.array_shape = (channels, side, side)
    return wcs


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measured(function, *arguments, repeats=1, **named):
    """Median CPU and wall-clock seconds, and the result."""
    seconds = []
    for _ in range(repeats):
        started = cpu(), time.perf_counter()
        result = function(*arguments, **named)
        seconds.append((cpu() - started[0], time.perf_counter() - started[1]))
    return *(statistics.median(column) for column in zip(*seconds, strict=True)), result


class Engine:
    """Wall-clock seconds spent in the native part."""

    def __enter__(self):
        self.seconds, self._plan = 0.0, _core.Plan
        engine = self

        class Plan:
            def __init__(self, *arguments):
                started = time.perf_counter()
                self._plan = engine._plan(*arguments)
                engine.seconds += time.perf_counter() - started

            def run(self, *arguments, **named):
                started = time.perf_counter()
                result = self._plan.run(*arguments, **named)
                engine.seconds += time.perf_counter() - started
                return result

        _core.Plan = Plan
        return self

    def __exit__(self, *_):
        _core.Plan = self._plan


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--channels", type=int, default=200)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-reproject", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(42)
    image = rng.normal(100, 5, (options.size, options.size))
    lines = rng.normal(100, 5, (options.channels, options.side, options.side)).astype("f4")
    whole = (lines, cube(options.side, options.channels))
    side = (options.channels, options.side, options.side)
    cases = [
        (f"bilinear {options.size}²", "reproject_interp", (image, plane(options.size)), plane(options.size, 20), {"order": "bilinear"}),
        (f"bicubic {options.size}²", "reproject_interp", (image, plane(options.size)), plane(options.size, 20), {"order": "bicubic"}),
        (f"adaptive {options.size}²", "reproject_adaptive", (image, plane(options.size)), plane(options.size, 20), {}),
        (f"exact {options.size}²", "reproject_exact", (image, plane(options.size)), plane(options.size, 20), {}),
        (f"cube {side[0]} × {options.side}²", "reproject_interp", whole, cube(options.side, options.channels, 20), {"shape_out": side}),
        (f"channels between {side[0]} × {options.side}²", "reproject_interp", whole, cube(options.side, options.channels, 20, 0.3), {"shape_out": side}),
    ]
    print("| case | skymosaic CPU | wall | reproject CPU | times | worst difference |\n|---|---|---|---|---|---|")
    for name, function, data, target, arguments in cases:
        spent, wall, ours = measured(getattr(skymosaic, function), data, target, repeats=options.repeats, **arguments)
        line = f"| {name} | {spent:.3f} s | {wall:.3f} s |"
        if not options.no_reproject:
            import reproject

            theirs, _, reference = measured(getattr(reproject, function), data, target, **arguments)
            off = np.nanmax(np.abs(ours[0] - reference[0]))
            line += f" {theirs:.2f} s | {theirs / spent:.0f} | {off:.1e} |"
        print(line, flush=True)
    for size in (256, options.size):
        data, target = (image[:size, :size].copy(), plane(size)), plane(size, 20)
        given = {name: np.zeros((size, size)) for name in ("output_array", "output_footprint")}
        walls, layers = [], []
        for _ in range(200 if size == 256 else 3 * options.repeats):
            with Engine() as engine:
                _, wall, _ = measured(skymosaic.reproject_interp, data, target, **given)
            walls.append(wall)
            layers.append(wall - engine.seconds)
        wall, layer = statistics.median(walls), statistics.median(layers)
        print(f"bilinear {size}² into given arrays: {1e3 * wall:.2f} ms, of which the Python layer {1e3 * layer:.2f} ms ({wall / (wall - layer):.2f} of the engine)")


if __name__ == "__main__":
    main()
