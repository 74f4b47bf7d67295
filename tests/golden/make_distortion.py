"""Golden table of distortions: headers, distortion tables, pixels, and what wcslib (through astropy) makes of them.

Writes distortion.json: {"versions", "cases": [{"name", "header" (cards, one a line), "tables": [{"extname", "extver", "header", "data"}],
"pixel" (0-based), "focal" (0-based pixels after the pixel-side distortions), "plane" (projection plane, degrees, in the order of the axes),
"sky" (degrees, in the order of the axes)}]}.  Every case was also inverted by all_world2pix here; it says where that fails
(all_world2pix does not invert D2IM).
Run: python3 make_distortion.py
"""

import json
import logging
import warnings
from pathlib import Path

import astropy
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

warnings.simplefilter("ignore")
logging.getLogger("astropy").setLevel(logging.ERROR)
rng = np.random.default_rng(20261123)
SIZE = 1000


def base(code="TAN", lon="RA--", lat="DEC-", swap=False, **cards):
    header = fits.Header()
    header["NAXIS"], header["NAXIS1"], header["NAXIS2"] = 2, SIZE, SIZE
    names = [f"{lon}-{code}", f"{lat}-{code}"]
    values = [float(rng.uniform(0, 360)), float(rng.uniform(-70, 70))]
    scale, angle = 10 ** rng.uniform(-4.5, -3.3), rng.uniform(0, 2 * np.pi)
    cd = scale * np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    cd += 0.05 * scale * rng.normal(size=(2, 2))
    if swap:
        names, values, cd = names[::-1], values[::-1], cd[::-1]
    for i in range(2):
        header[f"CTYPE{i + 1}"] = names[i]
        header[f"CRVAL{i + 1}"] = values[i]
        header[f"CRPIX{i + 1}"] = float(rng.uniform(300, 700))
        for j in range(2):
            header[f"CD{i + 1}_{j + 1}"] = float(cd[i, j])
    header.update(cards)
    return header, scale


def sip(order, order_b=None, inverse=False, code="TAN-SIP", terms_below_two=False, **kw):
    header, _ = base(code, **kw)
    for name, m in [("A", order), ("B", order_b or order)]:
        header[f"{name}_ORDER"] = m
        for i in range(m + 1):
            for j in range(m + 1 - i):
                if i + j >= (0 if terms_below_two else 2):
                    header[f"{name}_{i}_{j}"] = float(rng.normal() * 2 / 600.0 ** (i + j))
        if inverse:
            header[f"{name}P_ORDER"] = m
            for i in range(m + 1):
                for j in range(m + 1 - i):
                    if i + j and f"{name}_{i}_{j}" in header:
                        # As good as first order: the inverse is a first guess only.
                        header[f"{name}P_{i}_{j}"] = -header[f"{name}_{i}_{j}"]
    return header


def tpv(degree, radial=True, code="TPV", key="", **kw):
    header, scale = base(code, **kw)
    field = scale * SIZE
    powers, m = {}, 0
    for d in range(8):
        for i in range(d + 1):
            powers[m] = d
            m += 1
        if d % 2:
            powers[m] = d if radial else -1
            m += 1
    for axis in (1, 2):
        header[f"PV{axis}_1{key}"] = 1.0 + 0.01 * rng.normal()
        for m, d in powers.items():
            if m != 1 and 0 <= d <= degree:
                header[f"PV{axis}_{m}{key}"] = float(0.004 * rng.normal() * field ** (1 - d))
    return header


def wat(code, kinds, orders, cross, **kw):
    header, scale = base(code, **kw)
    field = scale * SIZE
    header["WAT0_001"] = "system=image"
    projp = "projp0=0. projp1=1. projp3=%r projp5=%r " % (rng.uniform(0, 30), rng.uniform(0, 100)) if code == "ZPX" else ""
    for axis in (0, 1):
        nx, ny = orders[axis]
        keep = [(i, j) for j in range(ny) for i in range(nx)
                if cross[axis] == 1 or (cross[axis] == 0 and not (i and j))
                or (cross[axis] == 2 and i + j < max(nx, ny))]
        limits = [-0.8 * field, 0.7 * field, -0.75 * field, 0.85 * field]
        if kinds[axis] == 3:
            numbers = [0.005 * rng.normal() * field ** (1 - i - j) for i, j in keep]
        else:
            numbers = [0.003 * rng.normal() * field for _ in keep]
        text = (f"wtype={code.lower()} axtype={('ra', 'dec')[axis]} {projp}{('lngcor', 'latcor')[axis]} = \"{kinds[axis]}. {nx}. {ny}. "
                f"{cross[axis]}. " + " ".join(repr(float(x)) for x in limits + numbers) + ' "')
        # A piece that ends in a blank loses it, and wcslib then reads two numbers as one.
        while any(text[n - 1] == " " for n in range(68, len(text), 68)):
            text = text.replace("axtype", " axtype", 1)
        for n in range(0, len(text), 68):
            header[f"WAT{axis + 1}_{n // 68 + 1:03d}"] = text[n:n + 68]
    return header


def table(extname, extver, shape, amplitude=0.7, **cards):
    data = (amplitude * rng.normal(size=shape)).astype(np.float32)
    hdu = fits.ImageHDU(data, name=extname, ver=extver)
    step = [(SIZE - 200) / max(n - 1, 1) for n in shape[::-1]]
    for i in (1, 2):
        hdu.header[f"CRPIX{i}"] = float(rng.integers(0, 3))
        hdu.header[f"CRVAL{i}"] = float(rng.uniform(1, 200))
        hdu.header[f"CDELT{i}"] = float(step[i - 1])
    hdu.header.update(cards)
    return hdu


def lookup(header, kinds):
    hdus = []
    for kind, axis, shape in kinds:
        record, extname = {"CPDIS": ("DP", "WCSDVARR"), "D2IMDIS": ("D2IM", "D2IMARR")}[kind]
        extver = 1 + sum(h.name == extname for h in hdus)
        hdus.append(table(extname, extver, shape, amplitude=0.7 if kind == "CPDIS" else 0.1))
        header[f"{kind}{axis}"] = "Lookup"
        header.append(fits.Card.fromstring(f"{record}{axis:<{8 - len(record)}}= 'EXTVER: {float(extver)}'"), end=True)
        header.append(fits.Card.fromstring(f"{record}{axis:<{8 - len(record)}}= 'NAXES: 2.0'"), end=True)
        header.append(fits.Card.fromstring(f"{record}{axis:<{8 - len(record)}}= 'AXIS.1: 1.0'"), end=True)
        header.append(fits.Card.fromstring(f"{record}{axis:<{8 - len(record)}}= 'AXIS.2: 2.0'"), end=True)
    return header, hdus


def with_pc(header):
    """The same linear part in PCi_j and CDELTi."""
    for i in (1, 2):
        header[f"CDELT{i}"] = float(np.hypot(header[f"CD{i}_1"], header[f"CD{i}_2"]))
        for j in (1, 2):
            header[f"PC{i}_{j}"] = header.pop(f"CD{i}_{j}") / header[f"CDELT{i}"]
    return header


def dss(fifth):
    header = fits.Header()
    header["NAXIS"], header["NAXIS1"], header["NAXIS2"] = 2, SIZE, SIZE
    cards = dict(CNPIX1=5200, CNPIX2=6100, XPIXELSZ=25.28445, YPIXELSZ=25.28445, PPO1=0.0, PPO2=0.0, PPO3=177500.0, PPO4=0.0,
                 PPO5=0.0, PPO6=177500.0, PLTLABEL="E3", PLATEID="06UQ", PLTRAH=5, PLTRAM=34, PLTRAS=12.3, PLTDECSN="-",
                 PLTDECD=5, PLTDECM=12, PLTDECS=30.0, PLTSCALE=67.2, EQUINOX=2000.0)
    for name, sign in (("AMDX", 1), ("AMDY", -1)):
        terms = [67.2 + 0.05 * rng.normal(), sign * -0.12, 20 * rng.normal(), *(1e-5 * rng.normal(size=3)), 1e-6 * rng.normal(),
                 *(2e-6 * rng.normal(size=4)), 1e-7 * rng.normal(), 1e-11 * rng.normal() if fifth else 0.0]
        cards.update({f"{name}{m + 1}": float(x) for m, x in enumerate(terms)})
        cards.update({f"{name}{m}": 0.0 for m in range(14, 21)})
    header.update(cards)
    # The approximation that modern DSS headers have beside the plate solution.
    header.update(dict(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRPIX1=500.5, CRPIX2=500.5, CRVAL1=83.6, CRVAL2=-5.2,
                       CD1_1=-4.7e-4, CD1_2=0.0, CD2_1=0.0, CD2_2=4.7e-4))
    return header


def alternative():
    header = tpv(3, key="A")
    for card in list(header.cards):
        if card.keyword[:5] in ("CTYPE", "CRPIX", "CRVAL") or card.keyword[:2] == "CD":
            header[card.keyword + "A"] = card.value
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    return header


CASES = [
    *[(f"sip order {m}", sip(m), []) for m in range(2, 10)],
    ("sip orders 2 and 5", sip(2, 5), []),
    ("sip with inverse", sip(4, inverse=True), []),
    ("sip without suffix", sip(3, code="TAN"), []),
    ("sip with terms below two", sip(3, terms_below_two=True), []),
    ("sip zea", sip(3, code="ZEA-SIP"), []),
    ("sip galactic", sip(3, lon="GLON", lat="GLAT"), []),
    ("sip swapped", sip(3, swap=True), []),
    ("cpdis both", *lookup(base()[0], [("CPDIS", 1, (8, 9)), ("CPDIS", 2, (5, 12))])),
    ("cpdis second", *lookup(base()[0], [("CPDIS", 2, (5, 7))])),
    ("cpdis one column", *lookup(base()[0], [("CPDIS", 1, (6, 1)), ("CPDIS", 2, (1, 1))])),
    ("d2im first", *lookup(base()[0], [("D2IMDIS", 1, (8, 9))])),
    ("d2im one row", *lookup(base()[0], [("D2IMDIS", 1, (1, 30))])),
    ("d2im sip cpdis", *lookup(sip(4, inverse=True), [("D2IMDIS", 1, (8, 9)), ("D2IMDIS", 2, (6, 7)), ("CPDIS", 1, (9, 9)),
                                                       ("CPDIS", 2, (9, 9))])),
    *[(f"tpv degree {d}", tpv(d), []) for d in range(1, 8)],
    *[(f"tpv degree {d} without radius", tpv(d, radial=False), []) for d in (3, 4, 7)],
    ("tpv galactic", tpv(3, lon="GLON", lat="GLAT"), []),
    ("sip with pc", with_pc(sip(3)), []),
    # Not so TPV, TNX and ZPX: wcslib puts their polynomials before CDELTi, the conventions mean degrees.
    ("scamp before 2012", tpv(3, code="TAN"), []),
    ("scamp before 2012 and sip", fits.Header(tpv(3, code="TAN") + fits.Header({"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-5, "B_0_2": 1e-5})), []),
    ("sip and scamp", fits.Header(sip(2) + fits.Header({f"PV{i}_{m}": 0.01 * m for i in (1, 2) for m in range(12)})), []),
    ("tpv and sip", fits.Header(tpv(4) + fits.Header({"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-5, "B_0_2": 1e-5})), []),
    ("alternative A tpv", alternative(), []),
    *[(f"{code.lower()} {kind} {cross}", wat(code, (k, k), ((4, 4), (4, 4)), (c, c)), [])
      for code in ("TNX", "ZPX") for k, kind in ((1, "chebyshev"), (2, "legendre"), (3, "polynomial"))
      for c, cross in ((0, "none"), (1, "full"), (2, "half"))],
    # wcslib takes the greater order of latcor for the half cross terms of both, so the greater orders are equal here.
    ("tnx mixed", wat("TNX", (1, 3), ((5, 3), (2, 5)), (2, 2)), []),
    ("zpx mixed", wat("ZPX", (2, 1), ((3, 5), (5, 2)), (2, 1)), []),
    # WCS cards of the file sip-wcs.fits, an astrometry.net solution from reproject's test data.
    ("real file", fits.Header.fromtextfile(Path(__file__).with_name("sip-wcs.txt")), []),
    ("dss", dss(False), []),
    ("dss fifth order", dss(True), []),
]


def run(name, header, hdus):
    key = "A" if name.startswith("alternative A") else " "
    primary = fits.PrimaryHDU()
    fobj = fits.HDUList([primary, *hdus]) if hdus else None
    wcs = WCS(header, fobj, key=key)
    pixel = rng.uniform(-0.5, SIZE - 0.5, size=(16, 2))
    if hdus:
        pixel[:4] = [[-0.5, -0.5], [SIZE - 0.5, -0.5], [-0.5, SIZE - 0.5], [SIZE - 0.5, SIZE - 0.5]]
    focal = wcs.pix2foc(pixel, 0)
    plane = wcs.wcs.p2s(focal + 1, 1)["imgcrd"]  # with origin 0 astropy shifts the plane, too
    sky = wcs.all_pix2world(pixel, 0)
    assert np.allclose(sky, wcs.wcs_pix2world(focal, 0), rtol=0, atol=1e-12)
    start = {"tolerance": 1e-10, "maxiter": 200, "adaptive": False, "detect_divergence": False, "quiet": True}
    back = wcs.all_world2pix(sky, 0, **start)
    worst = np.abs(back - pixel).max()
    if worst > 1e-6:
        print(f"{name}: all_world2pix is off by {worst:.2g} pixel")
    cards = "\n".join(str(card).rstrip() for card in header.cards)
    tables = [{"extname": hdu.name, "extver": hdu.ver, "data": hdu.data.astype(float).tolist(),
               "header": "\n".join(str(c).rstrip() for c in hdu.header.cards)} for hdu in hdus]
    return {"name": name, "header": cards, "tables": tables, "pixel": pixel.tolist(), "focal": focal.tolist(),
            "plane": plane.tolist(), "sky": sky.tolist()}


result = {"versions": {"astropy": astropy.__version__, "wcslib": astropy.wcs._wcs.WCSLIB_VERSION,
                       "numpy": np.__version__},
          "cases": [run(*case) for case in CASES]}
text = json.dumps(result).replace('{"name"', '\n{"name"')
Path(__file__).with_name("distortion.json").write_text(text + "\n")
print(len(result["cases"]), "cases", result["versions"], len(text), "bytes")
