"""Golden data for tests/hips_grid.rs: where astropy-healpix has the pixels of HiPS tiles, and where reproject's header of the tile has them.

    /work/py/bin/python tests/golden/make_hips_grid.py
"""

import json
from pathlib import Path

import astropy
import astropy_healpix
import numpy as np
import reproject
from astropy.coordinates import Galactic, ICRS
from astropy.wcs import WCS
from astropy_healpix import HEALPix
from reproject.hips._utils import tile_filename, tile_header

FRAMES = {"equatorial": ICRS(), "galactic": Galactic()}
# Columns and rows of a FITS tile, in parts of its side: pixels near the corners, the sides and the middle.
PARTS = [0.0, 0.5, 1.0]


def numbers(order):
    """Of each base cell the corners, the middle, and tiles along the diagonal that longitude 180 degrees is in base cell 6."""
    per_cell = 4**order
    within = {0, per_cell - 1, per_cell // 3, (7 * per_cell) // 11}
    return [cell * per_cell + k for cell in range(12) for k in sorted(within)]


cases = []
for order, width, frame in [(0, 64, "equatorial"), (1, 64, "galactic"), (3, 512, "equatorial"), (9, 256, "galactic"), (18, 1024, "equatorial")]:
    nside = width * 2**order
    healpix = HEALPix(nside=nside, order="nested", frame=FRAMES[frame])
    for number in numbers(order):
        places, pixels = [], []
        for u in PARTS:
            for v in PARTS:
                column, row = min(int(u * width), width - 1), min(int(v * width), width - 1)
                # HEALPix x grows against the rows, y along the columns; the bits of both are interleaved.
                x, y = width - 1 - row, column
                within = sum(((x >> k) & 1) << (2 * k) | ((y >> k) & 1) << (2 * k + 1) for k in range(width.bit_length()))
                places.append([column, row])
                pixels.append(number * width**2 + within)
        lon, lat = healpix.healpix_to_lonlat(np.array(pixels))
        case = dict(order=order, width=width, frame=frame, number=number, path=tile_filename(level=order, index=number, output_directory="", extension="fits"),
                    places=places, lon=lon.deg.tolist(), lat=lat.deg.tolist())
        headers = tile_header(level=order, index=number, frame=FRAMES[frame], tile_dims=width)
        if not isinstance(headers, tuple) and order < 12:
            wcs = WCS(headers)
            case["reproject"] = np.transpose(wcs.wcs_pix2world(np.array(places), 0)).tolist()
        cases.append(case)

index = dict(made_by=Path(__file__).name, astropy=astropy.__version__, astropy_healpix=astropy_healpix.__version__, reproject=reproject.__version__, cases=cases)
Path(__file__).with_name("hips_grid.json").write_text(json.dumps(index) + "\n")
