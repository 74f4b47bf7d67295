"""Writes tests/golden/fits/: FITS files and the values that astropy reads from them, as .npy (f64, NaN = missing).

Made with astropy 8.0.2 and numpy (versions are printed). An HDU of X.fits with EXTNAME Y has its values in X.Y.npy.
"""

import gzip
import shutil
import sys
import warnings
from pathlib import Path

import astropy
import numpy as np
from astropy.io import fits

warnings.simplefilter("ignore")
HERE = Path(__file__).parent / "fits"
shutil.rmtree(HERE, ignore_errors=True)
HERE.mkdir()
print("python", sys.version.split()[0], "numpy", np.__version__, "astropy", astropy.__version__)
rng = np.random.default_rng(1)
NY, NX = 16, 20


def integers(dtype, shape=(NY, NX)):
    info = np.iinfo(dtype)
    data = rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    data.flat[0], data.flat[1] = info.min, info.max
    return data


def smooth(shape=(NY, NX), noise=1.0):
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    return 50 * np.exp(-((x - 9) ** 2 + (y - 7) ** 2) / 20) + 100 + noise * rng.normal(size=shape)


def expect(stem, name, values):
    np.save(HERE / f"{stem}.{name}.npy", np.ascontiguousarray(values, dtype="f8"))


def raw(name, data, **cards):
    """An HDU that stores these numbers as they are, with BSCALE, BZERO, BLANK as given."""
    hdu = fits.ImageHDU(data, name=name)
    for keyword, value in cards.items():
        hdu.header[keyword] = value
    values = data.astype("f8") * cards.get("BSCALE", 1) + cards.get("BZERO", 0)
    if "BLANK" in cards:
        values[data == cards["BLANK"]] = np.nan
    return hdu, values


# --- every BITPIX, scaling, BLANK, unsigned conventions; one multi-extension file --------------------------------
floats = smooth().astype("f4")
floats[3, 4:6] = np.nan, np.inf
doubles = smooth() * 1e200
doubles[0, 0] = np.nan
blanked = integers("i2")
blanked[2, 3:7] = -32768
plain = [
    raw("U8", integers("u1")),
    raw("I16", integers("i2")),
    raw("I32", integers("i4")),
    raw("I64", integers("i8")),
    raw("F32", floats),
    raw("F64", doubles),
    raw("CUBE", integers("i2", (3, 7, 5))),
    raw("HYPER", integers("u1", (2, 3, 4, 5))),
    raw("SCALED", blanked, BSCALE=0.25, BZERO=-3.5, BLANK=-32768),
    raw("BLANKED", np.tile(np.arange(20, dtype="u1"), (16, 1)), BLANK=7),
    raw("BLANK32", np.tile(np.arange(20, dtype="i4"), (16, 1)), BLANK=9),
    raw("SCALEDF", floats, BSCALE=2.0, BZERO=1.0),
]
hdus = [fits.PrimaryHDU()]
for hdu, values in plain:
    hdus.append(hdu)
    expect("plain", hdu.name, values)
for name, dtype in [("U16", "u2"), ("U32", "u4"), ("U64", "u8"), ("S8", "i1")]:
    data = integers(dtype)
    hdus.append(fits.ImageHDU(data, name=name))
    expect("plain", name, data)
with open(HERE / "plain.fits", "wb") as file:
    # astropy applies BSCALE when it writes: the bytes of `raw` are put together by hand.
    for hdu in hdus:
        if hdu.name in {h.name for h, _ in plain}:
            header = hdu.header.tostring().encode()
            data = hdu.data.astype(hdu.data.dtype.newbyteorder(">")).tobytes()
            file.write(header + data + bytes(-len(data) % 2880))
        else:
            hdu.writeto(HERE / "one.fits", overwrite=True)
            with fits.open(HERE / "one.fits", do_not_scale_image_data=True) as one:
                index = 1 if hdu.name != "PRIMARY" else 0
                span = one[index].fileinfo()
                whole = (HERE / "one.fits").read_bytes()
                file.write(whole[span["hdrLoc"] : span["datLoc"] + span["datSpan"]])
(HERE / "one.fits").unlink()
with fits.open(HERE / "plain.fits") as check:  # astropy itself reads the same values
    for hdu in check[1:]:
        expected = np.load(HERE / f"plain.{hdu.name}.npy")
        np.testing.assert_allclose(hdu.data.astype("f8"), expected, rtol=1e-6)

# --- whole file gzipped -------------------------------------------------------------------------------------------
data = integers("i2")
primary = fits.PrimaryHDU(data)
primary.writeto(HERE / "zipped.fits")
second = fits.ImageHDU(smooth().astype("f4"), name="SECOND")
fits.append(HERE / "zipped.fits", second.data, second.header)
(HERE / "zipped.fits.gz").write_bytes(gzip.compress((HERE / "zipped.fits").read_bytes(), mtime=0))
(HERE / "zipped.fits").unlink()
expect("zipped", "PRIMARY", data)
expect("zipped", "SECOND", second.data)

# --- tile compression ---------------------------------------------------------------------------------------------
small = (smooth() * 10).astype("i2")
nans = smooth().astype("f4")
nans[4:6, 7:9] = np.nan
zeros = smooth().astype("f4")
zeros[:, 3] = 0
cube = smooth((3, NY, NX)).astype("f4")
unsigned = (smooth() * 300).astype("u2")
tiles = [
    ("RICE16", small, dict(compression_type="RICE_1")),
    ("RICE32", small.astype("i4") * 1000, dict(compression_type="RICE_1")),
    ("RICE8", (small % 256).astype("u1"), dict(compression_type="RICE_1")),
    ("RICEU16", unsigned, dict(compression_type="RICE_1")),
    ("RICEU32", unsigned.astype("u4") * 60000, dict(compression_type="RICE_1")),
    ("GZIP16", small, dict(compression_type="GZIP_1")),
    ("GZIP32", integers("i4"), dict(compression_type="GZIP_2")),
    ("GZIPF32", nans, dict(compression_type="GZIP_1", quantize_level=0)),
    ("GZIPF64", smooth(), dict(compression_type="GZIP_2", quantize_level=0)),
    ("HCOMP16", small, dict(compression_type="HCOMPRESS_1", tile_shape=(16, 20))),
    ("HCOMP32", small.astype("i4") * 50, dict(compression_type="HCOMPRESS_1", tile_shape=(8, 10))),
    ("PLIO", np.abs(small) // 64, dict(compression_type="PLIO_1")),
    ("NODITHER", nans, dict(compression_type="RICE_1", quantize_method=-1)),
    ("DITHER1", nans, dict(compression_type="RICE_1", quantize_method=1, dither_seed=42)),
    ("DITHER2", zeros, dict(compression_type="RICE_1", quantize_method=2, dither_seed=7)),
    ("DITHERGZ", nans, dict(compression_type="GZIP_1", quantize_method=1, dither_seed=99)),
    ("DITHERHC", smooth().astype("f4"), dict(compression_type="HCOMPRESS_1", tile_shape=(16, 20), quantize_method=1, dither_seed=3)),
    ("FLOAT64", smooth(), dict(compression_type="RICE_1", quantize_method=1, dither_seed=5, tile_shape=(5, 7))),
    ("CUBE", cube, dict(compression_type="RICE_1", quantize_method=1, dither_seed=5, tile_shape=(1, 6, 20))),
]
hdus = fits.HDUList([fits.PrimaryHDU()])
for name, data, options in tiles:
    hdu = fits.CompImageHDU(data, name=name, **options)
    hdu.header["CRPIX1"] = (10.5, "reference pixel")
    hdus.append(hdu)
blank = fits.CompImageHDU(np.where(small > 1200, np.int16(-1), small), name="BLANK16", compression_type="RICE_1")
blank.header["BLANK"] = -1
hdus.append(blank)
hdus.writeto(HERE / "tiled.fits.fz")
with fits.open(HERE / "tiled.fits.fz") as check:
    for hdu in check[1:]:
        expect("tiled", hdu.name, hdu.data)
fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(small, name="BOTH")]).writeto(HERE / "both.fits")
(HERE / "both.fits.gz").write_bytes(gzip.compress((HERE / "both.fits").read_bytes(), mtime=0))
(HERE / "both.fits").unlink()
expect("both", "BOTH", small)

# --- headers and names --------------------------------------------------------------------------------------------
primary = fits.PrimaryHDU()
primary.header["LONG"] = "A string that is much longer than one card can take, with 'quotes' in it, and so goes on " * 2
primary.header["HIERARCH ESO DET CHIP1 NAME"] = "CCD-44"
primary.header["HIERARCH ESO DET CHIP1 GAIN"] = 1.25
primary.header["HISTORY"] = "made for tests"
named = [primary]
for version in (1, 2):
    for number, name in enumerate(("SCI", "WHT")):
        named.append(fits.ImageHDU(np.full((2, 3), 10 * version + number, "i2"), name=name, ver=version))
named.append(fits.BinTableHDU.from_columns([fits.Column("x", "D", array=[1.0])], name="CATALOG"))
fits.HDUList(named).writeto(HERE / "named.fits")

print("bytes in all:", sum(path.stat().st_size for path in HERE.iterdir()))
