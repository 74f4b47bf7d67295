#!/usr/bin/env python3
"""HEALPix maps by reproject and by skymosaic in one run: user CPU of each, the median of three, and their ratio.

usage: healpix_against_reproject.py [--nside 1024] [--side 2048]
"""

import argparse
import os
import statistics
import warnings

import numpy as np
import reproject
from astropy.wcs import WCS

import skymosaic


def user_seconds(work):
    before = os.times().user
    work()
    return os.times().user - before


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nside", type=int, default=1024, help="of the maps")
    parser.add_argument("--side", type=int, default=2048, help="of the images, in pixels")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    nside, side = arguments.nside, arguments.side
    rng = np.random.default_rng(1)
    values = rng.normal(size=12 * nside**2)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.cdelt = ("RA---TAN", "DEC--TAN"), (150.0, 40.0), (-30 / side, 30 / side)
    wcs.wcs.crpix = [side / 2 + 0.5] * 2
    image = (rng.normal(size=(side, side)), wcs)
    for order in ("bilinear", "nearest-neighbor"):
        jobs = {
            "from": lambda m, order=order: m.reproject_from_healpix(
                (values, "galactic"), wcs, shape_out=(side, side), nested=True, order=order
            ),
            "to": lambda m, order=order: m.reproject_to_healpix(image, "galactic", nside=nside, nested=True, order=order),
        }
        for name, job in jobs.items():
            times = {m: [] for m in (reproject, skymosaic)}
            for _ in range(3):
                for module, found in times.items():
                    found.append(user_seconds(lambda module=module, job=job: job(module)))
            theirs, ours = (statistics.median(found) for found in times.values())
            print(f"{name} HEALPix, {order}: reproject {theirs:.2f} s, skymosaic {ours:.2f} s, {theirs / ours:.0f} times less")


if __name__ == "__main__":
    main()
