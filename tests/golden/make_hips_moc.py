"""Golden data for tests/hips.rs: what mocpy makes of the pixels that the tiles in tests/golden/hips cover.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install mocpy astropy-healpix
    /tmp/venv/bin/python tests/golden/make_hips_moc.py
"""

import json
from pathlib import Path

import astropy
import astropy.units as u
import astropy_healpix
import mocpy
import numpy as np
from astropy.coordinates import SkyCoord
from astropy_healpix import HEALPix
from mocpy import MOC

HERE = Path(__file__).parent
FINER = 3
maps = {}
for case in json.loads((HERE / "hips/index.json").read_text())["cases"]:
    order, width = case["order"], case["width"]
    depth = order + FINER
    cells = set()
    for tile in case["tiles"]:
        covered = np.load(HERE / "hips" / tile["covered"]).astype(bool)
        for row, column in np.argwhere(covered):
            # HEALPix x grows against the rows, y along the columns.
            x, y = (width - 1 - row) * 2**FINER // width, column * 2**FINER // width
            cell = sum(((int(x) >> k) & 1) << (2 * k) | ((int(y) >> k) & 1) << (2 * k + 1) for k in range(FINER))
            cells.add(tile["number"] * 4**FINER + cell)
    cells = np.array(sorted(cells), dtype=np.uint64)
    if case["frame"] == "galactic":
        # The cells in ICRS that hold the centre of a sixteenth of a galactic one.
        parts = (cells[:, None] * 16 + np.arange(16, dtype=np.uint64)).ravel()
        l, b = HEALPix(2 ** (depth + 2), order="nested").healpix_to_lonlat(parts.astype(np.int64))
        icrs = SkyCoord(l, b, frame="galactic").icrs
        moc = MOC.from_lonlat(icrs.ra, icrs.dec, max_norder=depth)
    else:
        moc = MOC.from_healpix_cells(cells, np.full(len(cells), depth, dtype=np.uint8), depth)
    maps[case["name"]] = dict(order=depth, ranges=moc.to_depth29_ranges.tolist(), fraction=moc.sky_fraction)
index = dict(made_by=Path(__file__).name, mocpy=mocpy.__version__, astropy=astropy.__version__, astropy_healpix=astropy_healpix.__version__, maps=maps)
(HERE / "hips_moc.json").write_text(json.dumps(index) + "\n")
