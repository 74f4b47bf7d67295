"""Golden table of optimal target WCS: inputs (headers) and what reproject.mosaicking.find_optimal_celestial_wcs makes of them.

Writes optimal.json: {"versions", "cases": [{"name", "inputs": [[header cards, [ny, nx]], ...], "options", "header" {keyword: number},
"shape": [ny, nx]}]}.  The cases are such that the four corners, which are all that reproject looks at, tell the extent.
Not among them: latitude on the first axis, where reproject takes the reference pixel with its coordinates exchanged.
Run: python3 make_optimal.py
"""

import json
import warnings
from pathlib import Path

import astropy
import astropy.units as u
import numpy as np
import reproject
from astropy.coordinates import FK4, FK5, ICRS, Galactic, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from reproject.mosaicking import find_optimal_celestial_wcs

warnings.simplefilter("ignore")
rng = np.random.default_rng(20261124)
FRAMES = {"icrs": ICRS(), "galactic": Galactic(), "fk5": FK5(equinox="J1975"), "fk4": FK4(equinox="B1950"), None: None}


def image(lon, lat, scale, shape, angle, names=("RA--", "DEC-"), code="TAN", **cards):
    cos, sin = np.cos(angle), np.sin(angle)
    header = fits.Header({"NAXIS": 2, "NAXIS1": shape[1], "NAXIS2": shape[0], "CTYPE1": f"{names[0]}-{code}",
                          "CTYPE2": f"{names[1]}-{code}", "CRVAL1": lon, "CRVAL2": lat,
                          "CRPIX1": float(rng.uniform(0, shape[1])), "CRPIX2": float(rng.uniform(0, shape[0])),
                          "CD1_1": -scale * cos, "CD1_2": scale * sin, "CD2_1": scale * sin, "CD2_2": scale * cos})
    header.update(cards)
    return header, shape


def field(n, centre, spread, scale, **kw):
    return [image((centre[0] + spread * rng.normal() / np.cos(np.radians(centre[1]))) % 360, centre[1] + spread * rng.normal(),
                  scale * rng.uniform(1, 1.3), tuple(int(x) for x in rng.integers(20, 400, 2)), rng.uniform(0, 6.28), **kw)
            for _ in range(n)]


CASES = [
    ("one image", field(1, (30, 40), 0, 1e-3), {}),
    ("one image turned", field(1, (30, 40), 0, 1e-3), {"auto_rotate": True}),
    ("five images", field(5, (210, -30), 0.1, 3e-4), {}),
    ("five images turned", field(5, (210, -30), 0.1, 3e-4), {"auto_rotate": True}),
    ("across 0h", field(4, (0.02, 10), 0.1, 3e-4), {}),
    ("near the pole", field(4, (50, 88), 0.3, 3e-4), {}),
    ("galactic", field(4, (266, -29), 0.1, 3e-4), {"frame": "galactic"}),
    ("galactic turned", field(4, (266, -29), 0.1, 3e-4), {"frame": "galactic", "auto_rotate": True}),
    ("from galactic to icrs", field(4, (120, 5), 0.1, 3e-4, names=("GLON", "GLAT")), {"frame": "icrs"}),
    ("stays galactic", field(3, (120, 5), 0.1, 3e-4, names=("GLON", "GLAT")), {}),
    ("fk5 1975", field(3, (80, -60), 0.1, 3e-4, RADESYS="FK5", EQUINOX=2000.0), {"frame": "fk5"}),
    ("from fk4", field(3, (80, -60), 0.1, 3e-4, RADESYS="FK4", EQUINOX=1950.0), {"frame": "icrs"}),
    ("to fk4", field(3, (80, 20), 0.1, 3e-4), {"frame": "fk4"}),
    ("stays fk4", field(3, (80, 20), 0.1, 3e-4, RADESYS="FK4", EQUINOX=1975.0), {}),
    ("resolution", field(3, (80, 20), 0.1, 3e-4), {"resolution": 1e-3}),
    ("reference", field(3, (80, 20), 0.1, 3e-4), {"reference": [80.3, 19.5]}),
    ("longitude to the right", field(3, (80, 20), 0.1, 3e-4), {"negative_lon_cdelt": False}),
    ("not square", [image(80, 20, 3e-4, (300, 200), 0.3, CD1_1=-2e-4, CD2_2=5e-4)], {}),
]
def run(name, inputs, options):
    given = dict(options)
    given["frame"] = FRAMES[given.get("frame")]
    given.setdefault("negative_lon_cdelt", "auto")
    frame = given["frame"]
    if "resolution" in given:
        given["resolution"] *= u.deg
    if "reference" in given:
        given["reference"] = SkyCoord(*given["reference"], unit="deg", frame=frame or "icrs")
    wcs, shape = find_optimal_celestial_wcs([(shape, WCS(header)) for header, shape in inputs], **given)
    w = wcs.wcs
    numbers = {"CRPIX1": w.crpix[0], "CRPIX2": w.crpix[1], "CRVAL1": w.crval[0], "CRVAL2": w.crval[1], "CDELT1": w.cdelt[0],
               "CDELT2": w.cdelt[1], "PC1_1": w.get_pc()[0, 0], "PC1_2": w.get_pc()[0, 1], "PC2_1": w.get_pc()[1, 0],
               "PC2_2": w.get_pc()[1, 1]}
    cards = [["\n".join(str(c).rstrip() for c in header.cards), list(shape)] for header, shape in inputs]
    return {"name": name, "inputs": cards, "options": options, "header": {k: float(v) for k, v in numbers.items()},
            "ctype": list(w.ctype), "radesys": w.radesys, "equinox": None if np.isnan(w.equinox) else float(w.equinox),
            "shape": [int(n) for n in shape]}


table = {"versions": {"astropy": astropy.__version__, "reproject": reproject.__version__, "numpy": np.__version__},
         "cases": [run(*case) for case in CASES]}
text = json.dumps(table).replace('{"name"', '\n{"name"')
Path(__file__).with_name("optimal.json").write_text(text + "\n")
print(len(table["cases"]), "cases", table["versions"], len(text), "bytes")
