#!/usr/bin/env python3
"""Which pixels reproject_interp fills, over the full grid, for images at poles, seams and all over the sky.

Writes filled/index.json (headers, shapes, versions) and filled/masks.npy: the bits of all masks one after the other.
usage: make_filled.py           (needs numpy astropy reproject)
"""
import json, os, warnings
import astropy, numpy as np, reproject
from astropy.wcs import WCS

warnings.simplefilter("ignore")
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "filled")
os.makedirs(here, exist_ok=True)


def header(code, crval, shape, scale, rotation=0.0, frame=("RA", "DEC"), pv=(), crpix=None):
    w = WCS(naxis=2)
    lon, lat = frame
    w.wcs.ctype = [f"{lon:-<4}-{code}", f"{lat:-<4}-{code}"]
    w.wcs.crval, w.wcs.cdelt = crval, [-scale, scale]
    w.wcs.crpix = crpix or [shape[1] / 2 + 0.5, shape[0] / 2 + 0.5]
    c, s = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    w.wcs.pc = [[c, -s], [s, c]]
    w.wcs.set_pv(list(pv))
    w.array_shape = shape
    return w


GAL = ("GLON", "GLAT")
car = lambda n=90, lon=0.0: header("CAR", [lon, 0], (n, 2 * n), 180 / n)
ait = lambda n=90, frame=GAL: header("AIT", [0, 0], (n, 2 * n), 162.1 / n, frame=frame)
tan = lambda ra, dec, rot=20.0, n=60, scale=0.5: header("TAN", [ra, dec], (n, n), scale, rot)
hpx = header("HPX", [0, 0], (180, 180), 2.2, 45.0, pv=[(2, 1, 4.0), (2, 2, 3.0)])
CASES = [
    ("tan at north pole on car", tan(30, 90), car()), ("tan at south pole on car", tan(200, -90, 70), car()),
    ("tan near north pole on car", tan(100, 86), car()), ("tan across 0h on car about 180", tan(0.3, 10), car(90, 180.0)),
    ("tan across 180 on car", tan(180, -30), car()), ("tan at the corner of car", tan(179, 88, 33), car()),
    ("car on tan at pole", car(), tan(77, 89.5, 13)), ("car on tan across 180", car(), tan(180.2, 5)),
    ("ait galactic on car", ait(), car()), ("car on ait galactic", car(), ait()), ("ait on car turned", ait(90, ("RA", "DEC")), car(80, 77.0)),
    ("hpx on car", hpx, car()), ("car on hpx", car(), hpx),
    ("zea all sky on car", header("ZEA", [40, 55], (120, 120), 2.0), car()), ("car on zea all sky", car(), header("ZEA", [40, 55], (120, 120), 2.0)),
    ("sin on car", header("SIN", [120, -50], (120, 120), 1.0), car()), ("car on sin", car(), header("SIN", [120, -50], (120, 120), 1.0)),
    ("sin on sin beyond the horizon", header("SIN", [120, -50], (120, 120), 1.0), header("SIN", [200, 30], (120, 120), 1.0, 30)),
    ("mol on zea", header("MOL", [10, 0], (90, 180), 1.8), header("ZEA", [190, -80], (100, 100), 1.9)),
    ("car wrapped on tan", header("CAR", [0, 0], (90, 180), 2.0, crpix=[0.5, 45.5]), tan(100, 40)),
    ("tan on ait galactic", tan(266, -29, 10, 80, 0.8), ait()), ("stg beyond a hemisphere on car", header("STG", [300, 70], (120, 120), 2.5), car()),
    ("arc all sky on ait", header("ARC", [15, -20], (140, 140), 2.6), ait(80, ("RA", "DEC"))), ("sfl on hpx", header("SFL", [0, 0], (90, 180), 2.0), hpx),
    ("cea on tan at south pole", header("CEA", [0, 0], (58, 180), 2.0), tan(0, -89)), ("mer on zea", header("MER", [50, 0], (140, 180), 2.0), header("ZEA", [50, 90], (100, 100), 2.2)),
]
index, bits = [], []
for name, image, target in CASES:
    _, footprint = reproject.reproject_interp((np.ones(image.array_shape), image), target, shape_out=target.array_shape, order="nearest-neighbor")
    mask = footprint > 0
    bits.append(mask.ravel())
    cards = lambda w: w.to_header(relax=True).tostring(sep="\n", padding=False)
    # Beyond native longitude 180 reproject finds nothing; an image that lies there is on the sky all the same.
    index.append(dict(name=name, more="wrapped" in name, image=cards(image), image_shape=image.array_shape, target=cards(target), shape=target.array_shape, filled=int(mask.sum())))
np.save(os.path.join(here, "masks.npy"), np.packbits(np.concatenate(bits)))
json.dump(dict(versions=dict(astropy=astropy.__version__, reproject=reproject.__version__, numpy=np.__version__), cases=index), open(os.path.join(here, "index.json"), "w"), indent=1)
for case in index:
    print(case["name"], case["filled"])
