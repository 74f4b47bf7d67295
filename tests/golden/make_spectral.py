"""Golden table of spectral axes: headers, pixels, and what wcslib (through astropy) makes of them.

Writes spectral.json: {"versions", "cases": [{"header" (cards, one a line), "pixel" (0-based), "world" (SI), "same": [[CTYPE3, CRVAL3, CDELT3], ...]}]}.
Those under "same", in SI, describe the same pixels by another type of spectral axis, as wcslib's spctrn translates them (astropy's Wcsprm.sptr).
Run: python3 make_spectral.py
"""

import json
import logging
import platform
import warnings
from pathlib import Path

import astropy
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS, _wcs

warnings.simplefilter("ignore")
logging.getLogger("astropy").setLevel(logging.ERROR)
rng = np.random.default_rng(20261125)
C = 299792458.0
CHANNELS = 101

# Reference value, step and unit of each type: a radio line at 115 GHz, an optical one at 656 nm.
RADIO, OPTICAL = 115.2712018e9, C / 656.461e-9
AXES = [
    ("FREQ", 115.2e9, 3.1e5, "Hz", RADIO), ("FREQ", 1.42e3, -0.7, "MHz", 1.420405752e9), ("AFRQ", 7.2e11, 1e6, "rad/s", RADIO),
    ("ENER", 1.025e-15, 1.6e-19, "J", None), ("WAVN", 15233.0, 3.0, "cm-1", OPTICAL), ("VRAD", 12e3, 250.0, "m/s", RADIO),
    ("VRAD", -30.0, -1.5, "km/s", RADIO), ("WAVE", 650.0, 0.25, "nm", OPTICAL), ("WAVE", 2.6e-3, 1e-7, "m", RADIO),
    ("VOPT", 5100.0, 20.0, "km s-1", OPTICAL), ("ZOPT", 0.3, 1e-4, "", OPTICAL), ("AWAV", 6500.0, 1.25, "Angstrom", OPTICAL),
    ("VELO", 4e5, -2e3, "m/s", OPTICAL), ("BETA", 0.1, 1e-4, "", OPTICAL),
]
BASES = {"F": ("FREQ", "AFRQ", "ENER", "WAVN", "VRAD"), "W": ("WAVE", "VOPT", "ZOPT"), "A": ("AWAV",), "V": ("VELO", "BETA")}


def header(ctype, value, step, unit, rest, wavelength=False, **cards):
    h = fits.Header()
    h["NAXIS"] = 3
    for axis, length in enumerate((8, 8, CHANNELS), 1):
        h[f"NAXIS{axis}"] = length
    h["CTYPE1"], h["CTYPE2"], h["CTYPE3"] = "RA---TAN", "DEC--TAN", ctype
    h["CDELT1"], h["CDELT2"], h["CDELT3"] = -1e-3, 1e-3, step
    h["CRVAL1"], h["CRVAL2"], h["CRVAL3"] = 10.0, 20.0, value
    h["CRPIX1"], h["CRPIX2"], h["CRPIX3"] = 4.0, 4.0, round(float(rng.uniform(-20, 120)), 3)
    if unit:
        h["CUNIT3"] = unit
    if rest is not None:
        h["RESTWAV" if wavelength else "RESTFRQ"] = C / rest if wavelength else rest
    h.update(cards)
    return h


def wcs(h):
    return WCS(h)


def world(h, pixel):
    w = wcs(h)
    out = w.wcs_pix2world(np.column_stack([np.full((len(pixel), 2), 3.0), pixel]), 0)[:, 2]
    assert np.isfinite(out).all(), h
    back = w.wcs_world2pix(np.column_stack([np.full(len(pixel), 10.0), np.full(len(pixel), 20.0), out]), 0)[:, 2]
    assert np.abs(back - pixel).max() < 1e-4, (h["CTYPE3"], np.abs(back - pixel).max())
    return out


def text(h):
    return "\n".join(f"{c.keyword} = {c.value!r}" if not isinstance(c.value, str) else f"{c.keyword} = '{c.value}'" for c in h.cards)


def translations(h):
    """The same axis in other types. wcslib cannot translate logarithmic ones and grisms."""
    found = []
    for kinds in BASES.values():
        for kind in kinds:
            w = wcs(h)
            try:
                w.wcs.sptr(f"{kind}-???")
            except Exception as error:
                assert "rest" in str(error).lower() or kind == "ENER", (h["CTYPE3"], kind, error)
                continue
            # Energies come with Planck's constant of 1986 there.
            if kind != "ENER" and not h["CTYPE3"].startswith("ENER"):
                found.append([w.wcs.ctype[2].strip(), float(w.wcs.crval[2]), float(w.wcs.cdelt[2])])
    return found


cases = []


def case(h, same=True):
    pixel = np.sort(np.concatenate([[0.0, CHANNELS - 1.0], rng.uniform(-0.5, CHANNELS - 0.5, 8)]))
    cases.append({"header": text(h), "pixel": pixel.tolist(), "world": world(h, pixel).tolist(), "same": translations(h) if same else []})


for kind, value, step, unit, rest in AXES:
    p = next(p for p, kinds in BASES.items() if kind in kinds)
    case(header(kind, value, step, unit, rest))
    if value > 0:
        case(header(f"{kind}-LOG", value, step, unit, rest), same=False)
    for x in BASES:
        if "A" in (x, p) and rest == RADIO:
            continue
        if "V" in (x, p) and rest is None:
            continue
        case(header(f"{kind}-{x}2{p}", value, step, unit, rest, wavelength=x == "W"))
# A rest frequency by its old name, a CD matrix, a PC matrix.
h = header("VRAD", 1e4, 300.0, "m/s", None)
h["RESTFREQ"] = RADIO
case(h, same=False)
h = header("FREQ-W2F", 1.4, -2e-4, "GHz", None)
for key in ("CDELT1", "CDELT2", "CDELT3"):
    del h[key]
h.update({"CD1_1": -1e-3, "CD2_2": 1e-3, "CD3_3": -2e-4})
case(h, same=False)
case(header("WAVE-F2W", 650.0, 0.25, "nm", None, PC3_3=0.5))
# Types of the AIPS convention.
for ctype, velref in (("VELO-LSR", 257), ("VELO-HEL", 2), ("FELO-HEL", 258), ("FREQ-OBS", 0), ("VELO", 258), ("VELO-LSR", 0)):
    case(header(ctype, *((1.4e9, 1e4, "Hz") if ctype[0] == "F" and ctype[1] == "R" else (2e6, 1e4, "m/s")), 1.420405752e9, VELREF=velref), same=False)
# Grisms: in vacuum and in air (paper III, section 5).
for ctype, value, unit in (("WAVE-GRI", 690.0, "nm"), ("AWAV-GRA", 690.0, "nm"), ("WAVE-GRA", 690.0, "nm"), ("FREQ-GRI", C / 690e-9, "Hz")):
    step = 0.45 if unit == "nm" else -3e11
    grism = {"PV3_0": 3.16e5, "PV3_1": 1.0, "PV3_2": 27.0, "PV3_3": 1.765, "PV3_4": -1.077e6, "PV3_5": 3.0, "PV3_6": 5.0}
    case(header(ctype, value, step, unit, None, **grism), same=False)
# Axes that are not spectral.
case(header("STOKES", 1.0, 1.0, None, None), same=False)
case(header("TIME", 55000.25, 0.5, "d", None), same=False)
case(header("TIME-LOG", 100.0, 0.5, "s", None), same=False)
case(header("DEPTH", -3.0, 0.25, "km", None), same=False)

versions = {"script": Path(__file__).name, "python": platform.python_version(), "numpy": np.__version__, "astropy": astropy.__version__,
            "wcslib": _wcs.WCSLIB_VERSION if hasattr(_wcs, "WCSLIB_VERSION") else astropy.wcs._wcs.WCSLIB_VERSION}
lines = ",\n".join("  " + json.dumps(c) for c in cases)
out = Path(__file__).with_name("spectral.json")
out.write_text(f'{{"versions": {json.dumps(versions)},\n "cases": [\n{lines}\n]}}\n')
print(len(cases), "cases,", sum(len(c["same"]) for c in cases), "translations,", out.stat().st_size, "bytes")
