#!/usr/bin/env python3
"""Three spectral cubes with different channels onto one grid, co-added, and the moment maps of the result: writes moments.png.

Each cube is an observation of the same rotating disk in the 21 cm line: a pointing, a rotation, a channel width and a first channel of its own, and noise. Channels of the output that lie between
those of an observation are interpolated; pixels and channels that an observation does not reach do not count.

usage: cubes.py [--out moments.png]
"""

import argparse
import warnings

import numpy as np
from astropy import constants
from astropy import units as u
from astropy.wcs import WCS

from skymosaic import reproject_and_coadd

CENTRE = 150.1, 2.2
PIXEL = 4 / 3600
REST = 1.420405752e9


def grid(shape, angle=0.0, offset=(0.0, 0.0), first=-300.0, width=10.0):
    """A WCS: a tangential plane and radio velocities in km/s."""
    wcs = WCS(naxis=3)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN", "VRAD"
    wcs.wcs.cunit = "deg", "deg", "m/s"
    wcs.wcs.crval = CENTRE[0] + offset[0], CENTRE[1] + offset[1], 1e3 * first
    wcs.wcs.crpix = shape[2] / 2 + 0.5, shape[1] / 2 + 0.5, 1
    wcs.wcs.cdelt = -PIXEL, PIXEL, 1e3 * width
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.pc = [[c, -s, 0], [s, c, 0], [0, 0, 1]]
    wcs.wcs.restfrq, wcs.wcs.specsys = REST, "LSRK"
    wcs.array_shape = shape
    return wcs


def observed(wcs, rng, noise=0.02):
    """What a telescope with these pixels and channels sees of the disk."""
    channels, ny, nx = wcs.array_shape
    y, x = np.indices((ny, nx))
    lon, lat = wcs.celestial.all_pix2world(x, y, 0)
    # Along and across the disk, in arc minutes; it is inclined by 55 degrees.
    along = (lon - CENTRE[0]) * np.cos(np.radians(CENTRE[1])) * 60
    across = (lat - CENTRE[1]) * 60 / np.cos(np.radians(55))
    radius = np.hypot(along, across)
    brightness = np.exp(-((radius / 3.0) ** 2)) * (1 - np.exp(-((radius / 0.8) ** 2)))
    velocity = 180 * np.tanh(radius / 1.2) * along / np.maximum(radius, 1e-9)
    at = (wcs.wcs.crval[2] + wcs.wcs.cdelt[2] * np.arange(channels)) / 1e3
    line = np.exp(-0.5 * ((at[:, None, None] - velocity) / 15) ** 2)
    return (brightness * line + rng.normal(0, noise, (channels, ny, nx))).astype("f4")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="moments.png")
    out = parser.parse_args().out
    # astropy says for every cube that it has no observer.
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(1)
    observations = [
        grid((70, 120, 140), 20, (0.02, 0.01), -305, 9.0),
        grid((120, 130, 130), -35, (-0.015, -0.005), -280, 5.0),
        grid((50, 100, 160), 75, (0.0, -0.01), -310, 13.0),
    ]
    cubes = [(observed(wcs, rng), wcs) for wcs in observations]
    target = grid((90, 180, 200), first=-260.0, width=6.0)
    mosaic = reproject_and_coadd(
        cubes, target, reproject_function="bilinear", blank_pixel_value=np.nan, parallel=True, planes=("count",)
    )
    velocity = (target.wcs.crval[2] + target.wcs.cdelt[2] * np.arange(target.array_shape[0])) / 1e3 * u.km / u.s
    frequency = (REST * u.Hz * (1 - velocity / constants.c)).to(u.MHz)
    line = np.where(mosaic.array > 0.06, mosaic.array, 0)
    zeroth = line.sum(axis=0) * 6.0
    with np.errstate(invalid="ignore", divide="ignore"):
        first = np.where(zeroth > 2, (line * velocity.value[:, None, None]).sum(axis=0) * 6.0 / zeroth, np.nan)
    print(f"{[cube.shape for cube, _ in cubes]} onto {mosaic.array.shape}, {frequency[-1]:.3f} to {frequency[0]:.3f}")
    print(f"pixels with one, two and three observations: {[int((mosaic.count == n).sum()) for n in (1, 2, 3)]}")

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    titles = "integrated line", "velocity (km/s)", "observations, channel 45"
    for axis, title, picture, colours in zip(axes, titles, (zeroth, first, mosaic.count[45]), ("inferno", "RdBu_r", "viridis"), strict=True):
        shown = axis.imshow(picture, origin="lower", cmap=colours)
        axis.set(title=title, xticks=[], yticks=[])
        figure.colorbar(shown, ax=axis)
    figure.savefig(out, dpi=90)


if __name__ == "__main__":
    main()
