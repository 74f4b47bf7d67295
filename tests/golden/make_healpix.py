"""Golden data for tests/healpix.rs: what reproject makes of HEALPix maps, and into such; maps as other programs write them.

    /work/py/bin/python tests/golden/make_healpix.py
"""

from pathlib import Path

import astropy_healpix
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from golden import Folder
from reproject import reproject_from_healpix, reproject_to_healpix

FOLDER = Folder(Path(__file__).parent / "healpix", __file__, astropy_healpix=astropy_healpix.__version__)
UNSEEN = -1.6375e30


def values(nside):
    return np.random.default_rng(nside).uniform(1, 2, 12 * nside**2)


def header(ctype, shape, crval, cdelt, crpix=None):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.cdelt = ctype, crval, (-cdelt, cdelt)
    wcs.wcs.crpix = crpix or ((shape[1] + 1) / 2 + 0.13, (shape[0] + 1) / 2 - 0.21)
    cards = wcs.to_header()
    cards["NAXIS"], cards["NAXIS1"], cards["NAXIS2"] = 2, shape[1], shape[0]
    return cards


TARGETS = {
    # All of the sky, seams and corners of the plane included.
    "car": header(("RA---CAR", "DEC--CAR"), (36, 72), (0, 0), 5.017),
    "moll": header(("GLON-MOL", "GLAT-MOL"), (30, 60), (10, 0), 5.45),
    "north": header(("RA---ZEA", "DEC--ZEA"), (31, 33), (20, 90), 1.9),
    "south": header(("GLON-ARC", "GLAT-ARC"), (31, 33), (20, -90), 1.9),
    "seam": header(("RA---TAN", "DEC--TAN"), (30, 30), (180, 41.81), 0.7),
}

for nside, order, system in [(1, "RING", "C"), (2, "NESTED", "C"), (8, "RING", "G"), (8, "NESTED", "C")]:
    array = FOLDER.array(f"map{nside}", values(nside))
    for name, target in TARGETS.items():
        for interpolation in ("nearest-neighbor", "bilinear"):
            result, footprint = reproject_from_healpix(
                (values(nside), system), WCS(target), shape_out=(target["NAXIS2"], target["NAXIS1"]),
                order=interpolation, nested=order == "NESTED",
            )
            label = f"from-{nside}-{order}-{system}-{name}-{interpolation}"
            FOLDER.case(
                label, kind="from", nside=nside, order=order, system=system, map=array, interpolation=interpolation,
                target=FOLDER.header(f"target-{name}", target), output=FOLDER.array(label, np.where(footprint > 0, result, np.nan)),
            )

image = header(("RA---CAR", "DEC--CAR"), (40, 80), (0, 0), 4.5, (40.5, 20.5))
pole = header(("RA---TAN", "DEC--TAN"), (40, 40), (33, 88), 1.3)
for name, cards in {"allsky": image, "pole": pole}.items():
    pixels = np.random.default_rng(7).uniform(1, 2, (cards["NAXIS2"], cards["NAXIS1"]))
    file = FOLDER.image(f"image-{name}", pixels, cards)
    for nside, order, system, interpolation in [
        (8, "RING", "C", "bilinear"), (16, "NESTED", "G", "bilinear"), (4, "NESTED", "C", "nearest-neighbor"),
    ]:
        frame = {"C": "icrs", "G": "galactic"}[system]
        result, footprint = reproject_to_healpix(
            (pixels, WCS(cards)), frame, nside=nside, order=interpolation, nested=order == "NESTED"
        )
        label = f"to-{nside}-{order}-{system}-{name}-{interpolation}"
        FOLDER.case(
            label, kind="to", nside=nside, order=order, system=system, image=file, interpolation=interpolation,
            output=FOLDER.array(label, result),
        )


def table(name, columns, **cards):
    hdu = fits.BinTableHDU.from_columns([fits.Column(name=n, format=f, array=a) for n, f, a in columns])
    hdu.header.update({"PIXTYPE": "HEALPIX", **cards})
    hdu.writeto(FOLDER.path / name)
    return name


full = values(16).astype("f4")
full[5] = UNSEEN
wanted = np.where(full == np.float32(UNSEEN), np.nan, full)
other = np.arange(3072).astype("i4")
full_columns = [("T", "1024E", full.reshape(3, 1024)), ("N", "1024J", other.reshape(3, 1024))]
cards = {"ORDERING": "NESTED", "NSIDE": 16, "COORDSYS": "G", "INDXSCHM": "IMPLICIT"}
FOLDER.case("full", kind="read", file=table("full.fits", full_columns, **cards), field=0, order="NESTED", values=FOLDER.array("full", wanted.astype(float)))
FOLDER.case("second", kind="read", file="full.fits", field=1, order="NESTED", values=FOLDER.array("second", other.astype(float)))
FOLDER.case("gzip", kind="read", file=table("full.fits.gz", full_columns, **cards), field=0, order="NESTED", values=FOLDER.array("full", wanted.astype(float)))
pixels = np.array([700, 3, 41, 12])
partial = np.full(768, np.nan)
partial[pixels] = [1.5, 2.5, 3.5, 4.5]
cards = {"ORDERING": "RING", "NSIDE": 8, "COORDSYS": "C", "INDXSCHM": "EXPLICIT", "OBJECT": "PARTIAL"}
columns = [("PIXEL", "J", pixels), ("SIGNAL", "D", partial[pixels])]
FOLDER.case("partial", kind="read", file=table("partial.fits", columns, **cards), field=0, order="RING", values=FOLDER.array("partial", partial))
uniq = np.array([4 + 11, 16 + 3, 4 * 4**2 + 20, 4 * 4**2 + 23])
multi = np.full(192, np.nan)
multi[176:192], multi[12:16], multi[20], multi[23] = 1.0, 2.0, 3.0, 4.0
columns = [("UNIQ", "K", uniq), ("PROBDENSITY", "D", [1.0, 2.0, 3.0, 4.0])]
FOLDER.case("multi-order", kind="read", file=table("multi.fits", columns, ORDERING="NUNIQ", COORDSYS="C"), field=0, order="NESTED", values=FOLDER.array("multi", multi))
FOLDER.finish()
