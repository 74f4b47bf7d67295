"""What the golden-data scripts share: writing small files, and the index that names every case.

An index is `{"versions": {...}, "cases": [{"name": ..., ...}]}`; all file names in it are relative to its folder.
Arrays are .npy (C order, little endian, f8, f4 or u1), targets are header text with one card a line, images are FITS.
"""

import json
import platform
import shutil
from pathlib import Path

import astropy
import numpy as np
import reproject
import scipy
from astropy.io import fits


class Folder:
    """A folder of golden data, written anew; equal arrays are stored once."""

    def __init__(self, path, script, **versions):
        self.path = Path(path)
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(parents=True)
        self.cases = []
        self.stored = {}
        self.versions = {
            "script": Path(script).name, "python": platform.python_version(), "numpy": np.__version__,
            "scipy": scipy.__version__, "astropy": astropy.__version__, "reproject": reproject.__version__, **versions,
        }

    def array(self, name, array):
        """Writes an array and returns its file name, which may be that of an equal array written before."""
        array = np.ascontiguousarray(array)
        key = (array.shape, array.dtype.str, array.tobytes())
        if key not in self.stored:
            np.save(self.path / f"{name}.npy", array)
            self.stored[key] = f"{name}.npy"
        return self.stored[key]

    def coverage(self, name, footprint):
        """Writes a footprint, as bytes where it counts whole images."""
        whole = np.all(footprint == footprint.astype(np.uint8))
        return self.array(name, footprint.astype(np.uint8) if whole else footprint)

    def header(self, name, header):
        text = header.tostring(sep="\n", endcard=True, padding=False)
        (self.path / f"{name}.hdr").write_text("\n".join(line.rstrip() for line in text.split("\n")) + "\n")
        return f"{name}.hdr"

    def image(self, name, raw, header):
        """Writes raw (unscaled) pixels under a header that may hold BSCALE, BZERO and BLANK."""
        hdu = fits.PrimaryHDU(raw)
        for card in header.cards:
            if card.keyword not in hdu.header:
                hdu.header.append(card)
        hdu.writeto(self.path / f"{name}.fits", output_verify="exception")
        return f"{name}.fits"

    def case(self, name, **fields):
        assert all(case["name"] != name for case in self.cases), name
        self.cases.append({"name": name, **fields})

    def finish(self):
        lines = ",\n".join("  " + json.dumps(case) for case in self.cases)
        text = f'{{"versions": {json.dumps(self.versions)},\n "cases": [\n{lines}\n]}}\n'
        (self.path / "index.json").write_text(text)
        size = sum(file.stat().st_size for file in self.path.iterdir())
        print(f"{self.path}: {len(self.cases)} cases, {len(list(self.path.iterdir()))} files, {size / 1000:.0f} kB")


def scaled(raw, header):
    """Physical values in f64: BZERO + BSCALE × raw, BLANK as NaN. astropy's own scaling gives f32 for 16-bit pixels."""
    values = raw.astype(float) * header.get("BSCALE", 1.0) + header.get("BZERO", 0.0)
    if "BLANK" in header:
        values[raw == header["BLANK"]] = np.nan
    return values
