"""Golden data for tests/hips.rs: what reproject_interp makes of images on the pixels of HiPS tiles, at seams of base cells and at the poles.

    /work/py/bin/python tests/golden/make_hips.py
"""

from pathlib import Path

import astropy_healpix
import numpy as np
from astropy.coordinates import ICRS, Galactic
from astropy.wcs import WCS
from golden import Folder
from reproject import reproject_interp
from reproject.hips._utils import tile_header

FOLDER = Folder(Path(__file__).parent / "hips", __file__, astropy_healpix=astropy_healpix.__version__)
WIDTH = 64
FRAMES = {"equatorial": ICRS(), "galactic": Galactic()}
# Centre of the image in ICRS, order, frame of the HiPS.
CASES = {
    "inside": (100.0, 12.0, 3, "equatorial"),
    "corner-of-cells": (0.3, 41.81, 3, "equatorial"),
    "edge-of-cap": (90.2, 60.0, 3, "equatorial"),
    "north-pole": (10.0, 89.7, 3, "equatorial"),
    "south-pole": (200.0, -89.7, 3, "equatorial"),
    "longitude-180": (180.1, 0.4, 3, "equatorial"),
    "galactic-180": (86.4, 28.9, 3, "galactic"),
    "order-0": (180.0, 3.0, 0, "equatorial"),
}

for name, (lon, lat, order, frame) in CASES.items():
    scale = 0.2 if order else 1.3
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ("RA---TAN", "DEC--TAN"), (lon, lat), (12.2, 12.9)
    angle = np.radians(25)
    wcs.wcs.cd = scale * np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    header = wcs.to_header()
    header["NAXIS"], header["NAXIS1"], header["NAXIS2"] = 2, 25, 24
    image = np.random.default_rng(len(name)).uniform(1, 2, (24, 25))
    image[5, 7] = np.nan
    tiles = []
    for number in range(12 * 4**order):
        headers = tile_header(level=order, index=number, frame=FRAMES[frame], tile_dims=WIDTH)
        result = np.full((WIDTH, WIDTH), np.nan)
        # A tile that longitude 180 degrees halves has a header for each half.
        for half in headers if isinstance(headers, tuple) else (headers,):
            part, footprint = reproject_interp((image, WCS(header)), WCS(half), shape_out=(WIDTH, WIDTH), roundtrip_coords=False)
            result = np.where((footprint > 0) & np.isfinite(part), part, result)
        if np.isfinite(result).any():
            label = f"{name}-{number}"
            covered = np.isfinite(result)
            tiles.append(dict(number=number, covered=FOLDER.array(f"{label}-covered", covered.astype(np.uint8)),
                              values=FOLDER.array(label, result[covered])))
    FOLDER.case(name, order=order, frame=frame, width=WIDTH, image=FOLDER.image(f"image-{name}", image, header), tiles=tiles)
    print(name, [tile["number"] for tile in tiles])
FOLDER.finish()
