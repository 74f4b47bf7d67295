#!/usr/bin/env python3
"""Golden data for the matching of backgrounds, from reproject_and_coadd(match_background=True).

    python3 tests/golden/make_background.py

writes tests/golden/background/. tests/background.rs runs the cases. The first are reproject's own tests (mosaicking/tests/test_coadd.py:
test_coadd_background_matching, .._one_array, .._with_nan), on an array cropped to every third pixel; the last are the real images of
tests/golden/coadd with offsets added, whose differences contradict each other.

Fields of a case: `inputs` (.npy and its WCS as header text), `target`, `shape`, `offsets` (added to each input), `corrections` (what reproject subtracts from each),
`least_squares` (numpy's solution for reproject's differences, to which reproject's stochastic descent should converge), `unconverged` (how
far it is from there), `output`.
"""

import json
import random
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from golden import Folder, scaled
from reproject import reproject_interp
from reproject.mosaicking import _coadd, reproject_and_coadd

HERE = Path(__file__).parent
random.seed(5)
np.random.seed(5)
seen = {}
original = _coadd.solve_corrections_sgd


def watched(matrix):
    """reproject's solution, and that of least squares on the same differences: how far its own has come."""
    corrections = original(matrix)
    pairs = [(i, j) for i in range(len(matrix)) for j in range(i) if not np.isnan(matrix[i, j])]
    system, right = np.zeros((len(pairs), len(matrix))), np.zeros(len(pairs))
    for row, (i, j) in enumerate(pairs):
        system[row, i], system[row, j], right[row] = 1, -1, matrix[i, j]
    exact = np.linalg.lstsq(system, right, rcond=None)[0]
    exact -= exact.mean()
    seen.update(corrections=corrections.tolist(), exact=exact.tolist(), worst=float(abs(corrections - exact).max()))
    return corrections


_coadd.solve_corrections_sgd = watched
folder = Folder(HERE / "background", __file__)


def case(name, images, wcs, shape, offsets, **kwargs):
    # Inputs in f4, which halves the files: both programs see the same.
    images = [(values.astype("f4"), own) for values, own in images]
    seen.clear()
    seen.update(corrections=[0.0] * len(images), exact=[0.0] * len(images), worst=0.0)
    array, footprint = reproject_and_coadd(
        images, wcs, shape_out=shape, combine_function="mean", reproject_function=reproject_interp, match_background=True,
        blank_pixel_value=np.nan, **kwargs
    )
    inputs = []
    for number, (values, own) in enumerate(images):
        header = own.to_header()
        inputs.append({"array": folder.array(f"{name}_{number}", values), "wcs": folder.header(f"{name}_{number}", header)})
    folder.case(
        name, inputs=inputs, target=folder.header(f"{name}_target", wcs.to_header()), shape=list(shape), offsets=offsets,
        corrections=seen["corrections"], least_squares=seen["exact"], unconverged=seen["worst"], output=folder.array(f"{name}_output", array),
    )
    print(name, "not converged by", seen["worst"])


# setup_method of reproject's tests, a third as large.
wcs = WCS(naxis=2)
wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
wcs.wcs.crpix = 107, 50
wcs.wcs.crval = 43, 23
wcs.wcs.cdelt = -0.3, 0.3
wcs.wcs.equinox = 2000.0
sky = np.random.random((133, 111))
ie, je = (0, 41, 78, 82, 111), (0, 15, 16, 111, 112, 133)
views = [
    np.s_[max(je[j] - 10, 0) : je[j + 1] + 10, max(ie[i] - 10, 0) : ie[i + 1] + 10] for i in range(4) for j in range(5)
]
tiles, offsets = [], []
for view in views:
    offsets.append(random.uniform(-3, 3))
    tiles.append((sky[view] + offsets[-1], wcs.deepcopy()[view]))
case("tiles", tiles, wcs, sky.shape, offsets)
case("one_array", [(sky, wcs)], wcs, sky.shape, [0.0])

offsets = [random.uniform(-3, 3) for _ in range(3)]
holed = [sky + offset for offset in offsets]
holed[0][:, 41:] = np.nan
holed[1][:, :17] = np.nan
holed[1][:, 89:] = np.nan
holed[2][:, :66] = np.nan
case("with_nan", [(array, wcs) for array in holed], wcs, sky.shape, offsets)

# Real and inconsistent.
names = ["j", "h", "k", "e"]
headers = {name: fits.getheader(HERE / "coadd" / f"{name}.fits") for name in names}
values = {name: scaled(fits.getdata(HERE / "coadd" / f"{name}.fits", do_not_scale_image_data=True), headers[name]) for name in names}
text = (HERE / "coadd" / "tan.hdr").read_text()
target = WCS(fits.Header.fromstring(text, sep="\n"), naxis=2)
cases = json.loads((HERE / "coadd" / "index.json").read_text())["cases"]
shape = next(tuple(entry["shape"]) for entry in cases if entry["target"] == "tan.hdr")
offsets = [random.uniform(-300, 300) for _ in names]
images = [(values[name] + offset, WCS(headers[name], naxis=2)) for name, offset in zip(names, offsets)]
case("real", images, target, shape, offsets)
folder.finish()
