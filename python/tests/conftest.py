"""Small skies and what compares mosaics."""

import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

sys.path.insert(0, str(Path(__file__).parent))


def tan(crval=(43.0, 23.0), shape=(60, 80), scale=0.01, angle=0.0, ctype=("RA---TAN", "DEC--TAN")):
    """A tangential WCS with the reference pixel in the middle."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ctype
    wcs.wcs.crval = crval
    wcs.wcs.crpix = shape[1] / 2 + 0.3, shape[0] / 2 + 0.6
    wcs.wcs.cdelt = -scale, scale
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.pc = [[c, -s], [s, c]]
    wcs.array_shape = shape
    return wcs


def smooth(shape, phase=0.0):
    """An image without edges, of which interpolation makes no more error than coordinates do."""
    y, x = np.indices(shape[-2:])
    plane = np.sin(0.21 * x + phase) + np.cos(0.17 * y - phase) + 0.002 * x * y
    return np.broadcast_to(plane, shape).copy()


@pytest.fixture
def target():
    return tan(shape=(110, 130))


def overlapping(scale=0.01):
    """Four overlapping images as (array, WCS)."""
    places = [((0, 0), 10.0), ((-40, 20), -20.0), ((30, -20), 75.0), ((-10, 30), 0.0)]
    made = []
    for phase, ((dx, dy), angle) in enumerate(places):
        made.append((smooth((60, 80), phase), tan((43 + dx * scale, 23 + dy * scale), scale=scale, angle=angle)))
    return made


@pytest.fixture
def images():
    """Four overlapping images, the third with missing pixels."""
    made = overlapping()
    made[2][0][20:25, 30:33] = np.nan
    return made


@pytest.fixture
def files(images, tmp_path):
    """The images as files, float32 and the last as scaled 16-bit integers."""
    paths = []
    for number, (array, wcs) in enumerate(images):
        hdu = fits.PrimaryHDU(array.astype("f4"), wcs.to_header())
        if number == 3:
            hdu = fits.PrimaryHDU(np.round(100 * array).astype("i2"), wcs.to_header())
            hdu.header["BSCALE"] = 0.01
        paths.append(str(tmp_path / f"image{number}.fits"))
        hdu.writeto(paths[-1])
    return paths


def worst(found, expected):
    """The largest difference relative to 1 + |expected|, after a check that NaN are the same; printed with its place."""
    assert found.shape == expected.shape
    assert np.array_equal(np.isnan(found), np.isnan(expected)), "other pixels are NaN"
    off = np.nan_to_num(np.abs(found - expected) / (1 + np.abs(expected)))
    place = np.unravel_index(np.argmax(off), off.shape)
    print(f"worst {off[place]:.2e} at {tuple(map(int, place))}: {found[place]!r}, expected {expected[place]!r}")
    return off[place]


def same_bytes(one, other):
    """Whether two mosaics are the same to the last bit, array and footprint."""
    return all(a.dtype == b.dtype and np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in zip(one, other, strict=True))
