"""Golden FITS files whose distortion tables lie in HDUs of their own, and what astropy makes of them.

Writes distortion/tables.fits (an exposure of two chips as the Hubble Space Telescope's instruments write them: SIP, CPDISja with
WCSDVARR, D2IMDISj with D2IMARR; then a third image that names no EXTVER of its table, as 1 is meant) and distortion/old.fits (AXISCORR, as before
2012), and distortion/index.json: {"versions", "cases": [{"file", "hdu", "pixel" (0-based), "sky" (degrees)}]}.
usage: make_distortion_file.py           (needs numpy astropy)
"""
import json, os, warnings
import astropy, numpy as np
from astropy.io import fits
from astropy.wcs import WCS, _wcs

warnings.simplefilter("ignore")
here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "distortion")
os.makedirs(here, exist_ok=True)
rng = np.random.default_rng(20261122)
NX, NY = 24, 20


def image(name, ver, sip):
    """A small image that stands for a chip of 2400 × 2000 pixels: what matters is its WCS."""
    hdu = fits.ImageHDU(rng.normal(size=(NY, NX)).astype(np.float32), name=name, ver=ver)
    h = hdu.header
    angle = rng.uniform(0, 2 * np.pi)
    cd = 1.4e-5 * np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    h["CTYPE1"], h["CTYPE2"] = ("RA---TAN-SIP", "DEC--TAN-SIP") if sip else ("RA---TAN", "DEC--TAN")
    h["CRVAL1"], h["CRVAL2"], h["CRPIX1"], h["CRPIX2"] = 83.6 + ver, -5.4, 11.3, 9.1
    for i in range(2):
        for j in range(2):
            h[f"CD{i + 1}_{j + 1}"] = cd[i, j]
    if sip:
        for name in "AB":
            h[f"{name}_ORDER"] = 3
            for p, q in [(2, 0), (1, 1), (0, 2), (3, 0), (1, 2)]:
                h[f"{name}_{p}_{q}"] = 0.3 * rng.normal() / 12.0 ** (p + q)
    return hdu


def table(name, ver, shape, amplitude):
    hdu = fits.ImageHDU((amplitude * rng.normal(size=shape)).astype(np.float32), name=name, ver=ver)
    for axis, (n, size) in enumerate(zip(shape[::-1], (NX, NY)), 1):
        hdu.header[f"CRPIX{axis}"], hdu.header[f"CRVAL{axis}"] = 1.0, 1.0
        hdu.header[f"CDELT{axis}"] = (size - 1) / max(n - 1, 1)
    return hdu


def refer(hdu, kind, axis, extver):
    record = {"CPDIS": "DP", "D2IMDIS": "D2IM"}[kind]
    hdu.header[f"{kind}{axis}"] = "Lookup"
    fields = ["NAXES: 2.0", "AXIS.1: 1.0", "AXIS.2: 2.0"] + ([f"EXTVER: {float(extver)}"] if extver else [])
    for field in fields:
        hdu.header.append(fits.Card.fromstring(f"{record}{axis:<{8 - len(record)}}= '{field}'"), end=True)


chips = [image("SCI", 1, True), image("SCI", 2, True), image("LONE", 1, False)]
tables = []
for chip, extvers in ((0, (1, 2)), (1, (3, 4))):
    for axis, extver in zip((1, 2), extvers):
        refer(chips[chip], "CPDIS", axis, extver)
        tables.append(table("WCSDVARR", extver, (5, 7), 0.4))
        refer(chips[chip], "D2IMDIS", axis, extver)
        tables.append(table("D2IMARR", extver, (4, 6), 0.1))
refer(chips[2], "CPDIS", 2, None)
fits.HDUList([fits.PrimaryHDU(), *chips[:2], *tables, chips[2]]).writeto(os.path.join(here, "tables.fits"), overwrite=True)

old = image("SCI", 1, True)
old.header["AXISCORR"] = 1
row = fits.ImageHDU((0.2 * rng.normal(size=NX)).astype(np.float32), name="D2IMARR")
row.header["CRPIX1"], row.header["CRVAL1"], row.header["CDELT1"] = 0.0, 0.0, 1.0
fits.HDUList([fits.PrimaryHDU(), old, row]).writeto(os.path.join(here, "old.fits"), overwrite=True)

cases = []
for file, hdu in [("tables.fits", 1), ("tables.fits", 2), ("tables.fits", 11), ("old.fits", 1)]:
    with fits.open(os.path.join(here, file)) as hdus:
        wcs = WCS(hdus[hdu].header, hdus)
        assert wcs.cpdis1 or wcs.cpdis2 or wcs.det2im1
        pixel = np.column_stack([rng.uniform(-0.5, n - 0.5, size=40) for n in (NX, NY)])
        cases.append(dict(file=file, hdu=hdu, pixel=pixel.tolist(), sky=wcs.all_pix2world(pixel, 0).tolist()))
versions = dict(astropy=astropy.__version__, wcslib=_wcs.WCSLIB_VERSION, numpy=np.__version__)
with open(os.path.join(here, "index.json"), "w") as out:
    out.write(json.dumps(dict(versions=versions, cases=cases)).replace('{"file"', '\n{"file"') + "\n")
