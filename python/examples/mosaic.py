#!/usr/bin/env python3
"""A mosaic from Python: nine exposures of a synthetic sky under night skies of their own, their backgrounds matched, outliers clipped; a picture of it.

usage: mosaic.py [PICTURE.png]        needs matplotlib; takes seconds
"""

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from astropy.wcs import WCS

from skymosaic import find_optimal_celestial_wcs, reproject_and_coadd

SIDE, SCALE = 400, 0.5 / 3600
rng = np.random.default_rng(7)
stars = np.column_stack([rng.uniform(149.85, 150.15, 1500), rng.uniform(2.05, 2.35, 1500), 10 ** rng.uniform(1.5, 4, 1500)])


def exposure(ra, dec, angle):
    """Stars, a nebula, noise, a night sky and cosmic rays, where a telescope points."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ("RA---TAN", "DEC--TAN"), (ra, dec), ((SIDE + 1) / 2, (SIDE + 1) / 2)
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.cd = SCALE * np.array([[-cos, sin], [sin, cos]])
    y, x = np.indices((SIDE, SIDE))
    sky_ra, sky_dec = wcs.wcs_pix2world(x, y, 0)
    image = 60 * np.exp(-((sky_ra - 150) ** 2 + (sky_dec - 2.2) ** 2) / 0.05**2 / (1 + 0.5 * np.sin(60 * sky_ra)))
    for (px, py), flux in zip(wcs.wcs_world2pix(stars[:, :2], 0), stars[:, 2], strict=True):
        x0, y0 = int(px), int(py)
        if 8 < x0 < SIDE - 8 and 8 < y0 < SIDE - 8:
            part = np.s_[y0 - 7 : y0 + 8, x0 - 7 : x0 + 8]
            image[part] += flux / 16 * np.exp(-((x[part] - px) ** 2 + (y[part] - py) ** 2) / 5)
    image += rng.normal(rng.uniform(80, 140), 4, image.shape)
    image[rng.integers(0, SIDE, 60), rng.integers(0, SIDE, 60)] += 3000
    return image.astype("f4"), wcs


def main():
    images = [
        exposure(150 + dx * 0.028, 2.2 + dy * 0.028, rng.uniform(-30, 30)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)
    ]
    target, shape = find_optimal_celestial_wcs(images)
    common = {"shape_out": shape, "reproject_function": "bilinear", "blank_pixel_value": np.nan, "parallel": True}
    plain, footprint = reproject_and_coadd(images, target, **common)
    clipping = {"combine_function": "clipped", "sigma_lower": 2, "sigma_upper": 2}
    matched, _ = reproject_and_coadd(images, target, match_background=True, **clipping, **common)
    assert np.nanmax(footprint) >= 4 and np.isfinite(matched).mean() > 0.6

    figure, axes = plt.subplots(1, 2, figsize=(12, 6), subplot_kw={"projection": target}, layout="tight")
    titles = ("mean", "backgrounds matched, outliers clipped")
    for axis, array, title in zip(axes, (plain, matched), titles, strict=True):
        low, high = np.nanpercentile(array, (2, 99))
        axis.imshow(array, origin="lower", cmap="magma", vmin=low, vmax=high)
        axis.set_title(title)
        axis.set_xlabel("right ascension")
        axis.set_ylabel("declination")
    picture = sys.argv[1] if len(sys.argv) > 1 else "mosaic.png"
    figure.savefig(picture, dpi=60, bbox_inches="tight")
    print(f"{len(images)} exposures onto {shape[1]} × {shape[0]} pixels: {picture}")


if __name__ == "__main__":
    main()
