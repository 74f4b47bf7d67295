#!/usr/bin/env python3
"""reproject_interp and the command line `skymosaic` on one cube in one run: CPU seconds of a regrid in all three axes, and the worst difference.

A cube of 200 × 512² float32 (TAN, radio velocity) onto the same sky turned by 20° and channels 0.97 as wide, bilinear. skymosaic reads and writes FITS files, and its
median of five runs counts; reproject gets its input and the arrays that it writes in memory, and runs once (a minute of CPU, 13 GB).

usage: spectral_regrid.py BINARY [--channels 200] [--size 512] [--rotation 20]
"""

import argparse
import resource
import statistics
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits


def header(channels, size, rotation, first, step):
    h = fits.Header([("SIMPLE", True), ("BITPIX", -32), ("NAXIS", 3), ("NAXIS1", size), ("NAXIS2", size), ("NAXIS3", channels)])
    h["CTYPE1"], h["CTYPE2"], h["CTYPE3"] = "RA---TAN", "DEC--TAN", "VRAD"
    h["CUNIT3"], h["RESTFRQ"], h["SPECSYS"] = "m/s", 1.1e11, "LSRK"
    h["CRVAL1"], h["CRVAL2"], h["CRVAL3"] = 10.0, 20.0, first
    h["CRPIX1"], h["CRPIX2"], h["CRPIX3"] = size / 2 + 0.5, size / 2 + 0.5, (channels + 1) / 2
    h["CDELT1"], h["CDELT2"], h["CDELT3"] = -2e-4, 2e-4, step
    cos, sin = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    h["PC1_1"], h["PC1_2"], h["PC2_1"], h["PC2_2"] = cos, -sin, sin, cos
    return h


def cpu(function, who):
    before = resource.getrusage(who)
    result = function()
    after = resource.getrusage(who)
    return after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime, result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--channels", type=int, default=200)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rotation", type=float, default=20.0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    from reproject import reproject_interp

    channels, size = arguments.channels, arguments.size
    own = header(channels, size, 0.0, 5000.0, 100.0)
    target = header(channels, size, arguments.rotation, 5013.0, 97.0)
    cube = np.random.default_rng(1).normal(10, 1, (channels, size, size)).astype(np.float32)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        folder = Path(folder)
        fits.writeto(folder / "in.fits", cube, own)
        (folder / "target.hdr").write_text(target.tostring(sep="\n", padding=False))
        command = [arguments.binary, "mosaic", "--target", folder / "target.hdr", "-o", folder / "out.fits", "--overwrite"]
        command += [folder / "in.fits"]
        quiet = {"check": True, "stderr": subprocess.DEVNULL}
        runs = [cpu(lambda: subprocess.run(command, **quiet), resource.RUSAGE_CHILDREN)[:2] for _ in range(5)]
        user, system = (statistics.median(run[k] for run in runs) for k in range(2))
        ours = fits.getdata(folder / "out.fits").astype(float)
        print(f"skymosaic  user {user:.2f} s, system {system:.2f} s (runs: {', '.join(f'{u:.2f} + {s:.2f}' for u, s in runs)})")
        arrays = {name: np.zeros(ours.shape, np.float32) for name in ("output_array", "output_footprint")}
        regrid = lambda: reproject_interp((cube, own), target, **arrays)  # noqa: E731
        their_user, their_system, (theirs, _) = cpu(regrid, resource.RUSAGE_SELF)
        print(f"reproject  user {their_user:.2f} s, system {their_system:.2f} s")
        print(f"user CPU: {their_user / user:.0f} times less; user and system: {(their_user + their_system) / (user + system):.0f} times less")
        print(f"worst difference {np.nanmax(np.abs(ours - theirs)):.1e}; NaN in one only: {np.count_nonzero(np.isnan(ours) != np.isnan(theirs))}")


if __name__ == "__main__":
    main()
