"""Golden table of the celestial frames: headers, the frame astropy takes them for, and positions in all pairs of frames.

Writes frames.json: {"versions", "frames": [{"cards", "name"}], "pairs": [[from, to, [[lon, lat, lon', lat'], ...]], ...],
"headers": [[cards, astropy's frame or null], ...]}.  Run: python3 make_frames.py
"""

import json
import warnings
from pathlib import Path

import astropy
import astropy.units as u
import numpy as np
from astropy.coordinates import (FK4, FK5, ICRS, BarycentricMeanEcliptic, FK4NoETerms, Galactic, SkyCoord,
                                 Supergalactic)
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame

warnings.simplefilter("ignore")
rng = np.random.default_rng(20261122)


def b(year):
    return Time(year, format="byear")


def j(year):
    return Time(year, format="jyear")


FRAMES = [
    ("icrs", {}, ICRS()),
    ("fk5", {"equinox": 2000.0}, FK5(equinox=j(2000.0))),
    ("fk5", {"equinox": 1975.3}, FK5(equinox=j(1975.3))),
    ("fk5", {"equinox": 1950.0}, FK5(equinox=j(1950.0))),
    ("fk5", {"equinox": 2034.0}, FK5(equinox=j(2034.0))),
    ("fk4", {"equinox": 1950.0}, FK4(equinox=b(1950.0))),
    ("fk4", {"equinox": 1975.0}, FK4(equinox=b(1975.0))),
    ("fk4", {"equinox": 1900.0}, FK4(equinox=b(1900.0))),
    ("fk4", {"equinox": 1950.0, "obstime": 1983.5}, FK4(equinox=b(1950.0), obstime=j(1983.5))),
    ("fk4-no-e", {"equinox": 1950.0}, FK4NoETerms(equinox=b(1950.0))),
    ("fk4-no-e", {"equinox": 1979.9}, FK4NoETerms(equinox=b(1979.9))),
    ("galactic", {}, Galactic()),
    ("supergalactic", {}, Supergalactic()),
    ("ecliptic", {"equinox": 2000.0}, BarycentricMeanEcliptic(equinox=j(2000.0))),
    ("ecliptic", {"equinox": 1950.0}, BarycentricMeanEcliptic(equinox=j(1950.0))),
    ("ecliptic", {"equinox": 2015.5}, BarycentricMeanEcliptic(equinox=j(2015.5))),
]


def pairs():
    for i, (_, _, source) in enumerate(FRAMES):
        for k, (_, _, target) in enumerate(FRAMES):
            lon = rng.uniform(0, 360, 6)
            lat = np.degrees(np.arcsin(rng.uniform(-1, 1, 6)))
            lat[0], lat[1] = 89.9997, -89.99
            # Without SkyCoord's merging of attributes, which would give a default equinox that of the other frame.
            out = source.realize_frame(SkyCoord(lon * u.deg, lat * u.deg).data).transform_to(target)
            out = out.represent_as("unitspherical")
            rows = np.round(np.stack([lon, lat, out.lon.deg, out.lat.deg], axis=1), 12)
            yield [i, k, rows.tolist()]


def describe(frame):
    if frame is None:
        return None
    kind = {ICRS: "icrs", FK5: "fk5", FK4: "fk4", FK4NoETerms: "fk4-no-e", Galactic: "galactic"}[type(frame)]
    if kind.startswith("fk4"):
        return [kind, float(frame.equinox.byear), float(frame.obstime.jyear)]
    return [kind, float(frame.equinox.jyear)] if kind == "fk5" else [kind]


def headers():
    equinoxes = [{}, {"EQUINOX": 2000.0}, {"EQUINOX": 1950}, {"EPOCH": 1950.0}, {"EPOCH": 2000.0}, {"EQUINOX": 1984.0},
                 {"EQUINOX": 1983.9}, {"EPOCH": 1975.0, "EQUINOX": 2010.5}]
    systems = [{}, {"RADESYS": "ICRS"}, {"RADESYS": "FK5"}, {"RADESYS": "FK4"}, {"RADESYS": "FK4-NO-E"},
               {"RADECSYS": "FK4"}, {"RADECSYS": "FK4", "RADESYS": "FK5"}, {"RADESYS": "GAPPT"}, {"RADESYS": "J2000"},
               {"RADESYS": ""}]
    dates = [{}, {"MJD-OBS": 45000.0}, {"DATE-OBS": "1983-01-01"}]
    cases = [(e, s, {}) for e in equinoxes for s in systems] + [({}, s, d) for s in systems for d in dates[1:]]
    for lon, lat in [("RA--", "DEC-"), ("GLON", "GLAT")]:
        for e, s, d in cases:
            cards = {"CTYPE1": f"{lon}-TAN", "CTYPE2": f"{lat}-TAN", **e, **s, **d}
            header = fits.Header({**cards, "CRPIX1": 1.0, "CRPIX2": 1.0, "CRVAL1": 10.0, "CRVAL2": 10.0,
                                  "CDELT1": 1.0, "CDELT2": 1.0})
            try:
                frame = wcs_to_celestial_frame(WCS(header))
            except ValueError:
                frame = None
            yield [cards, describe(frame)]


table = {"versions": {"astropy": astropy.__version__, "numpy": np.__version__},
         "frames": [{"kind": kind, **attributes} for kind, attributes, _ in FRAMES],
         "pairs": list(pairs()), "headers": list(headers())}
text = json.dumps(table).replace('[[', '\n[[').replace('}, {"kind"', '},\n{"kind"')
Path(__file__).with_name("frames.json").write_text(text + "\n")
