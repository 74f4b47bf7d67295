"""Golden cubes: what reproject_interp makes of cubes whose channels are not those of the target.

Writes cubes/: index.json with cases {"name", "image" (.npy, f8), "header" (.hdr), "target" (.hdr), "order", "array" (.npy), "refused"}. reproject refuses different
types of spectral axes ("refused"); there its own code runs with that check left out. Air wavelengths are compared with air wavelengths only: astropy takes
them for wavelengths in vacuum.
Run: python3 make_cubes.py
"""

import warnings

import numpy as np
import reproject.interpolation._core as core
from astropy.io import fits
from golden import Folder
from reproject import reproject_interp

warnings.simplefilter("ignore")
rng = np.random.default_rng(20261126)
folder = Folder("cubes", __file__)
C = 299792458.0
LINE = 115.2712018e9
CHANNELS, TARGET = 9, 13
validate = core._validate_wcs


def celestial(shape, lon=10.0, lat=-5.0, rotation=0.0, galactic=False):
    ny, nx = shape
    h = fits.Header()
    h["CTYPE1"], h["CTYPE2"] = ("GLON-CAR", "GLAT-CAR") if galactic else ("RA---TAN", "DEC--TAN")
    h["CRVAL1"], h["CRVAL2"] = lon, lat
    h["CRPIX1"], h["CRPIX2"] = nx / 2 + 0.3, ny / 2 - 0.2
    s, c = 0.01 * np.sin(np.radians(rotation)), 0.01 * np.cos(np.radians(rotation))
    h["CD1_1"], h["CD1_2"], h["CD2_1"], h["CD2_2"] = -c, s, s, c
    return h


def cube(h, channels, shape, axis, number=3):
    """Adds a spectral axis: type, value of the middle channel, step, unit and further cards."""
    ctype, value, step, unit, cards = axis
    for i, length in enumerate((shape[1], shape[0], channels), 1):
        h[f"NAXIS{i}"] = length
    h["NAXIS"] = number
    h["CTYPE3"], h["CRVAL3"], h["CD3_3"], h["CRPIX3"] = ctype, value, step, (channels + 1) / 2
    if unit:
        h["CUNIT3"] = unit
    h.update(cards)
    return h


def run(name, image, header, target, shape, order, refused=False):
    core._validate_wcs = (lambda *args: None) if refused else validate
    array, _ = reproject_interp((image, header), target, shape_out=shape, order=order)
    core._validate_wcs = validate
    known = np.isfinite(array)
    assert 0.2 < known.mean() < 0.99, (name, known.mean())
    folder.case(name, image=folder.array("image" if image.ndim == 3 else "image-stokes", image), header=folder.header(f"{name}-in", header),
                target=folder.header(f"{name}-out", target), order=order, array=folder.array(name, array), refused=refused)


# By type: input and target, each (type, value, step, unit, cards), around one line.
rest = {"RESTFRQ": LINE}
optical = {"RESTWAV": 656.461e-9}
v, w = 2.5e3, LINE * 0.99
AXES = {
    "FREQ": (("FREQ", w, -1e6, "Hz", {}), ("FREQ", w / 1e9 + 1e-4, 7.5e-4, "GHz", {})),
    "FREQ-W2F": (("FREQ-W2F", w, -1e9, "Hz", {}), ("FREQ", w, 7e8, "Hz", {})),
    "FREQ-V2F": (("FREQ-V2F", w, -1e9, "Hz", rest), ("FREQ-LOG", w, 7e8, "Hz", rest)),
    "VRAD": (("VRAD", 12e3, 400.0, "m/s", rest), ("VRAD", 12.1, 0.29, "km/s", rest)),
    "VRAD-W2F": (("VRAD-W2F", 1e6, 4e5, "m/s", rest), ("VRAD", 1e6, 3e5, "m/s", rest)),
    "WAVE": (("WAVE", 656.0, 0.4, "nm", {}), ("WAVE", 6560.3, -2.7, "Angstrom", {})),
    "WAVE-F2W": (("WAVE-F2W", 656.0, 20.0, "nm", {}), ("WAVE-LOG", 656.0, 15.0, "nm", {})),
    "AWAV": (("AWAV", 656.0, 0.4, "nm", {}), ("AWAV-W2A", 656.1, 0.27, "nm", {})),
    "VOPT": (("VOPT", 5e3, 20.0, "km/s", optical), ("VOPT-F2W", 5.01e6, 1.4e4, "m/s", optical)),
    "ZOPT": (("ZOPT", 0.1, 0.001, "", optical), ("ZOPT-F2W", 0.1003, 0.0007, "", optical)),
    "VELO": (("VELO", 5e3, 20.0, "km/s", optical), ("VELO-W2V", 5.01e6, 1.4e4, "m/s", optical)),
    "BETA": (("BETA", 0.1, 0.001, "", optical), ("BETA-F2V", 0.1003, 0.0007, "", optical)),
    "ENER": (("ENER", 1e-15, 1e-18, "J", {}), ("ENER-W2F", 1.0003e-15, 0.7e-18, "J", {})),
    "WAVN": (("WAVN", 15000.0, 10.0, "cm-1", {}), ("WAVN-W2F", 1.5002e6, 700.0, "/m", {})),
}
PAIRS = {
    "FREQ-VRAD": (("FREQ", LINE * (1 - v / C), -2e5, "Hz", rest), ("VRAD", v, 350.0, "m/s", rest)),
    "VRAD-VOPT": (("VRAD", 1e6, 2e3, "m/s", rest), ("VOPT", 1e6 / (1 - 1e6 / C), 1.4e3, "m/s", rest)),
    "VELO-FREQ": (("VELO", 1e6, 2e3, "m/s", rest), ("FREQ", LINE * np.sqrt((C - 1e6) / (C + 1e6)), 5.5e5, "Hz", rest)),
    "VOPT-WAVE": (("VOPT-F2W", 5e6, 2e4, "m/s", optical), ("WAVE", 656.461 * (1 + 5e6 / C), 0.03, "nm", optical)),
    "WAVE-FREQ": (("WAVE", 656.0, 1.0, "nm", {}), ("FREQ-W2F", C / 656e-9, 5e11, "Hz", {})),
    "ENER-WAVN": (("ENER", 1e-15, 1e-18, "J", {}), ("WAVN", 1e-15 / 6.62607015e-34 / C, 3.5e6, "/m", {})),
}
shape_in, shape_out = (14, 15), (12, 13)
image = rng.normal(100, 30, (CHANNELS, *shape_in))
image[rng.random(image.shape) < 0.003] = np.nan
for refused, axes in ((False, AXES), (True, PAIRS)):
    for k, (name, (own, other)) in enumerate(axes.items()):
        h = cube(celestial(shape_in, rotation=20.0 + k), CHANNELS, shape_in, own)
        t = cube(celestial(shape_out, lon=10.01), TARGET, shape_out, other)
        for order in ("bilinear", "nearest-neighbor")[: 2 if k in (0, 3) else 1]:
            run(f"{name}-{order[:8]}", image, h, t, (TARGET, *shape_out), order, refused)
# Onto a galactic target; a cube with Stokes parameters.
h = cube(celestial(shape_in, rotation=33.0), CHANNELS, shape_in, AXES["VRAD"][0])
t = cube(celestial(shape_out, lon=117.3456, lat=-67.9, galactic=True), TARGET, shape_out, AXES["VRAD"][1])
from astropy.coordinates import SkyCoord  # noqa: E402

centre = SkyCoord(10.0, -5.0, unit="deg").galactic
t["CRVAL1"], t["CRVAL2"], t["CRPIX2"] = centre.l.deg, 0.0, shape_out[0] / 2 - centre.b.deg / 0.01
run("galactic", image, h, t, (TARGET, *shape_out), "bilinear")
# reproject multiplies a missing pixel with its weight of 0, between parameters too.
stokes = np.stack([np.nan_to_num(image, nan=70.0), rng.normal(60, 5, image.shape)])
for header, length, value in ((h := h.copy(), 2, 1.0), (t := cube(celestial(shape_out, lon=10.01), TARGET, shape_out, AXES["VRAD"][1]), 3, 2.0)):
    header["NAXIS"], header["NAXIS4"] = 4, length
    header["CTYPE4"], header["CRVAL4"], header["CD4_4"], header["CRPIX4"] = "STOKES", value, 1.0, 2.0 if value == 2.0 else 1.0
run("stokes", stokes, h, t, (3, TARGET, *shape_out), "bilinear")
folder.finish()
