#!/usr/bin/env python3
"""docs/background.png: the mosaic of `skymosaic demo DIR` without and with the matching of backgrounds, under one stretch.

    cargo run --release --features cli -- demo demo && python3 docs/make_background.py demo

Needs numpy, astropy and Pillow."""

import sys
from pathlib import Path

import numpy as np
from astropy.io import fits
from PIL import Image

# The colours of the previews.
TONES = np.array([[7, 8, 17], [28, 32, 66], [92, 66, 108], [196, 118, 104], [246, 203, 150], [255, 252, 245]], float)
LOW, SOFT, HIGH = -7, 6, 900


def picture(path):
    values = fits.getdata(path)[::-1]
    ny, nx = (length // 2 for length in values.shape)
    values = values[: 2 * ny, : 2 * nx].reshape(ny, 2, nx, 2).mean(axis=(1, 3))
    values = values - np.nanmedian(values)
    at = np.clip(np.arcsinh((values - LOW) / SOFT) / np.arcsinh((HIGH - LOW) / SOFT), 0, 1) * 5
    low = np.clip(np.nan_to_num(at).astype(int), 0, 4)
    part = (np.nan_to_num(at) - low)[..., None]
    colours = TONES[low] * (1 - part) + TONES[low + 1] * part
    colours[np.isnan(values)] = 255
    return colours.astype("u1")


demo = Path(sys.argv[1])
before, after = picture(demo / "unmatched.fits"), picture(demo / "mosaic.fits")
gap = np.full((before.shape[0], 12, 3), 255, "u1")
image = Image.fromarray(np.hstack([before, gap, after])).quantize(96, dither=0)
image.save(Path(__file__).with_name("background.png"), optimize=True)
