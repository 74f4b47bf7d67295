#!/usr/bin/env python3
"""Golden data for the kernels beyond bilinear, from the programs that define them: reproject, the drizzle package and SWarp.

    python3 tests/golden/make_kernels.py

writes tests/golden/kernels/ and needs SWarp on the PATH. Fields of a case: `kernel` (spline, adaptive, exact, drizzle, swarp), its
`options` under the peer's own names, `inputs` (`file`, `weights`), `target`, `shape`, `output`, `footprint` (null: 1 where the output is
not NaN), for drizzle also `weight` (out_wht) and `context` (out_ctx), for SWarp `weight` (0 where it has no pixel; the output there
is 0 or rubbish). Input pixels are f32 numbers, so that every peer sees the same; drizzle and SWarp put out f32, reproject f64.
"""

import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from drizzle.resample import Drizzle
from drizzle.utils import calc_pixmap
from golden import Folder
from reproject import reproject_adaptive, reproject_exact, reproject_interp

HERE = Path(__file__).parent
ARCSEC = 1 / 3600


def header(shape, crval, scale, rotation=0.0, code="TAN", crpix=(0.0, 0.0), flip=1):
    """An ICRS header; `crpix` is the offset of the reference point from the middle of the image, in pixels."""
    c, s = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    h = fits.Header()
    h["NAXIS"], h["NAXIS1"], h["NAXIS2"] = 2, shape[1], shape[0]
    h["CTYPE1"], h["CTYPE2"] = f"RA---{code}", f"DEC--{code}"
    h["CRVAL1"], h["CRVAL2"] = crval
    h["CRPIX1"], h["CRPIX2"] = (shape[1] + 1) / 2 + crpix[0], (shape[0] + 1) / 2 + crpix[1]
    h["CD1_1"], h["CD1_2"], h["CD2_1"], h["CD2_2"] = -flip * scale * c, scale * s, flip * scale * s, scale * c
    h["RADESYS"], h["EQUINOX"] = "ICRS", 2000.0
    return h


def pixels(shape, seed):
    """A sky with structure down to the pixel: waves, stars and noise, around 100."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    image = 100 + 20 * np.sin(0.5 * x + 0.23 * y) + rng.normal(0, 3, shape)
    for _ in range(8):
        x0, y0 = rng.uniform(2, shape[1] - 2), rng.uniform(2, shape[0] - 2)
        image += rng.uniform(100, 900) * np.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * 1.1**2))
    return image.astype(">f4")


class Pair:
    """An image and a target."""

    def __init__(self, folder, image, target_name, target):
        self.file, self.values, self.wcs = image
        self.target_file, self.target = folder.header(target_name, target), WCS(target)
        self.target_header, self.shape = target, (target["NAXIS2"], target["NAXIS1"])

    def common(self, **weights):
        return {"inputs": [{"file": self.file, **weights}], "target": self.target_file, "shape": self.shape}


def image(folder, name, raw, h):
    file = folder.image(name, raw, h)
    return file, raw.astype(float), WCS(fits.getheader(folder.path / file))


def peer(folder, name, pair, family, function, **options):
    """A case from one of reproject's functions."""
    output, footprint = function((pair.values, pair.wcs), pair.target, shape_out=pair.shape, **options)
    assert np.isfinite(output).mean() > 0.1, name
    covered = np.array_equal(footprint, ~np.isnan(output))
    folder.case(name, kernel=family, options=options, **pair.common(), output=folder.array(name, output),
                footprint=None if covered else folder.array(f"{name}_footprint", footprint))


def splines(folder, pairs):
    for grid, pair in pairs.items():
        for order in ("biquadratic", "bicubic"):
            peer(folder, f"{order}_{grid}", pair, "spline", reproject_interp, order=order)


def adaptive(folder, pairs, wide, holed, mirrored, around):
    def case(name, pair, **options):
        peer(folder, f"adaptive_{name}", pair, "adaptive", reproject_adaptive, **options)

    for kernel in ("hann", "gaussian"):
        for grid in ("same", "down", "up"):
            case(f"{kernel}_{grid}", pairs[grid], kernel=kernel)
        for centred in (False, True):
            case(f"{kernel}_wide_{'centred' if centred else 'mean'}", wide, kernel=kernel, center_jacobian=centred, conserve_flux=True)
        case(f"{kernel}_flux", pairs["down"], kernel=kernel, conserve_flux=True)
        case(f"{kernel}_centred", pairs["down"], kernel=kernel, center_jacobian=True)
        for mode in ("constant", "grid-constant", "ignore", "ignore_threshold", "nearest"):
            case(f"{kernel}_boundary_{mode}", pairs["down"], kernel=kernel, boundary_mode=mode, boundary_fill_value=30.0,
                 boundary_ignore_threshold=0.3)
        # reproject takes the negative singular value of a mirrored map for a small one and widens the kernel along one axis only:
        # its result is stored to be known, not to be equalled.
        case(f"{kernel}_mirrored_reproject_wrong", mirrored, kernel=kernel)
    case("narrow", pairs["down"], kernel="gaussian", kernel_width=0.9, sample_region_width=3.0)
    case("broad", pairs["down"], kernel="gaussian", kernel_width=1.3, sample_region_width=6.5)
    case("despiked", wide, kernel="gaussian", despike_jacobian=True)
    for mode in ("strict", "ignore", "constant"):
        case(f"bad_{mode}", holed, kernel="gaussian", boundary_mode="ignore", bad_value_mode=mode, bad_fill_value=50.0)
    for kernel in ("hann", "gaussian"):
        case(f"{kernel}_around", around, kernel=kernel, x_cyclic=True)
        case(f"{kernel}_cyclic", pairs["down"], kernel=kernel, x_cyclic=True, y_cyclic=True, conserve_flux=True)
    case("around_centred", around, x_cyclic=True, center_jacobian=True, boundary_mode="nearest")
    for mode in ("strict", "constant", "grid-constant", "ignore", "ignore_threshold", "nearest"):
        axis = "x" if mode in ("strict", "ignore", "grid-constant") else "y"
        case(f"{axis}_cyclic_{mode}", pairs["down"], boundary_mode=mode, boundary_fill_value=30.0, boundary_ignore_threshold=0.3,
             **{f"{axis}_cyclic": True})
    case("cyclic_bad", holed, x_cyclic=True, y_cyclic=True, bad_value_mode="ignore")


def exact(folder):
    """From 0.05" to 2° a pixel, the target rotated, off and 1.3 times as coarse; and a few finer or beside the pole."""
    for name, scale, lat in (("50mas", 0.05 * ARCSEC, 35.0), ("1arcsec", ARCSEC, 35.0), ("1arcmin", 60 * ARCSEC, -60.0),
                             ("half_degree", 0.5, 35.0), ("2degrees", 2.0, 35.0), ("pole", 0.5, 89.0)):
        shape, out = (12, 13), (13, 12)
        source = image(folder, f"exact_{name}_in", pixels(shape, 7), header(shape, (40.0, lat), scale))
        target = header(out, (40.0, lat), 1.3 * scale, rotation=27.0, crpix=(0.31, -0.17), code="TAN")
        peer(folder, f"exact_{name}", Pair(folder, source, f"exact_{name}", target), "exact", reproject_exact)
    source = image(folder, "exact_fine_in", pixels((8, 8), 8), header((8, 8), (40.0, 35.0), 60 * ARCSEC))
    target = header((16, 15), (40.0, 35.0), 22 * ARCSEC, rotation=-33.0, crpix=(0.31, -0.17))
    peer(folder, "exact_fine", Pair(folder, source, "exact_fine", target), "exact", reproject_exact)


def drizzle(folder, first):
    """Two images on a grid of 0.8 of their pixel, the second shifted and turned, each with weights.

    The package drops input pixels that lie half outside of its output, so it works on a grid with a margin that is cut off.
    """
    margin = 4
    shape = first[1].shape
    second = image(folder, "second", pixels(shape, 2), header(shape, (150.0015, 20.001), ARCSEC, rotation=11.0))
    target = header((24, 26), (150.002, 20.0012), 0.8 * ARCSEC, rotation=38.0, crpix=(0.2, 0.4))
    pairs = [Pair(folder, source, "drizzle", target) for source in (first, second)]
    ny, nx = pairs[0].shape
    inner = (slice(margin, margin + ny), slice(margin, margin + nx))
    rng = np.random.default_rng(5)
    maps = []
    for index, pair in enumerate(pairs):
        weights = rng.integers(1, 9, pair.values.shape).astype("u1")
        weights[20:23, 17] = weights[9, 12:15] = 0
        maps.append((weights, folder.array(f"drizzle_weights_{index}", weights)))
    for kernel in ("square", "point", "turbo", "gaussian"):
        for pixfrac in (1.0, 0.6):
            for weighted in (False, True):
                if weighted and (pixfrac == 1.0) == (kernel == "point"):
                    continue
                result = Drizzle(kernel=kernel, fillval="nan", out_shape=(ny + 2 * margin, nx + 2 * margin))
                for pair, (weights, _) in zip(pairs, maps, strict=True):
                    pixmap = calc_pixmap(pair.wcs, pair.target, shape=pair.values.shape) + margin
                    result.add_image(
                        pair.values.astype("f4"), exptime=1.0, pixmap=pixmap,
                        weight_map=weights.astype("f4") if weighted else None, pixfrac=pixfrac, pixel_scale_ratio=0.8)
                name = f"drizzle_{kernel}_{pixfrac}{'_weighted' if weighted else ''}"
                folder.case(
                    name, kernel="drizzle",
                    options={"kernel": kernel, "pixfrac": pixfrac, "pixel_scale_ratio": 0.8, "iscale": 1.0, "exptime": 1.0},
                    inputs=[{"file": pair.file, **({"weights": file} if weighted else {})}
                            for pair, (_, file) in zip(pairs, maps, strict=True)],
                    target=pairs[0].target_file, shape=pairs[0].shape, output=folder.array(name, result.out_img[inner]),
                    footprint=None, weight=folder.array(f"{name}_weight", result.out_wht[inner]),
                    context=folder.array(f"{name}_context", np.squeeze(result.out_ctx)[inner].astype("u1")))


SWARP = {"RESAMPLE": "Y", "COMBINE": "N", "OVERSAMPLING": "1", "SUBTRACT_BACK": "N", "FSCALASTRO_TYPE": "NONE", "PROJECTION_ERR": "0",
         "INTERPOLATE": "N", "WRITE_XML": "N", "VERBOSE_TYPE": "QUIET", "NTHREADS": "1"}


def swarp_frame(folder, pair, kernel):
    """SWarp's resampled frame and its weights; the target goes in as the .head file of the output."""
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        fits.writeto(scratch / "in.fits", pair.values.astype("f4"), fits.getheader(folder.path / pair.file))
        head = fits.Header([("SIMPLE", True), ("BITPIX", -32), *pair.target_header.cards])
        (scratch / "out.head").write_text(head.tostring(sep="\n", endcard=True, padding=False) + "\n")
        options = [word for key, value in {**SWARP, "RESAMPLING_TYPE": kernel}.items() for word in (f"-{key}", value)]
        subprocess.run(["SWarp", "in.fits", "-IMAGEOUT_NAME", "out.fits", *options], cwd=scratch, check=True, capture_output=True)
        frame, h = fits.getdata(scratch / "in.resamp.fits", header=True)
        weight = fits.getdata(scratch / "in.resamp.weight.fits")
    for key in ("NAXIS1", "NAXIS2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD1_2", "CD2_1", "CD2_2"):
        assert abs(h[key] - pair.target_header[key]) <= 1e-11 * abs(h[key]), f"SWarp chose another target: {key}"
    assert h["CTYPE1"] == pair.target_header["CTYPE1"]
    return frame.astype("f4"), weight.astype("f4")


def swarp(folder, pairs):
    for grid, kernels in (("same", ("NEAREST", "BILINEAR", "LANCZOS2", "LANCZOS3", "LANCZOS4")), ("up", ("LANCZOS3", "LANCZOS4")),
                          ("down", ("LANCZOS3",))):
        for kernel in kernels:
            frame, weight = swarp_frame(folder, pairs[grid], kernel)
            name = f"swarp_{kernel.lower()}_{grid}"
            folder.case(name, kernel="swarp", options={"RESAMPLING_TYPE": kernel, **SWARP}, **pairs[grid].common(),
                        output=folder.array(name, frame), footprint=None,
                        weight=folder.array(f"{name}_weight", (weight > 0).astype("u1")))


if __name__ == "__main__":
    swarp_version = subprocess.run(["SWarp", "-v"], capture_output=True, text=True, check=True).stdout.split()[2]
    folder = Folder(HERE / "kernels", __file__, drizzle=version("drizzle"), swarp=swarp_version)
    shape = (36, 38)
    first = image(folder, "first", pixels(shape, 1), header(shape, (150.0, 20.0), ARCSEC, rotation=-17.0, crpix=(0.4, -0.3)))
    pairs = {
        "same": Pair(folder, first, "same", header((24, 26), (150.0012, 20.0007), 1.07 * ARCSEC, rotation=9.0)),
        "down": Pair(folder, first, "down", header((16, 18), (150.001, 20.0004), 2.3 * ARCSEC, rotation=-40.0)),
        "up": Pair(folder, first, "up", header((20, 21), (150.003, 20.002), 0.41 * ARCSEC, rotation=63.0)),
    }
    mirrored = Pair(folder, first, "mirrored", header((16, 18), (150.001, 20.0004), 2.3 * ARCSEC, rotation=-40.0, flip=-1))
    splines(folder, pairs)
    source = image(folder, "wide_in", pixels(shape, 3), header(shape, (150.0, 20.0), 2.5))
    wide = Pair(folder, source, "wide", header((20, 21), (158.0, 31.0), 4.0, rotation=20.0, code="ZEA"))
    raw = pixels(shape, 1)
    raw[12, 20] = raw[25:27, 10:14] = raw[:, 30] = np.nan
    holed = Pair(folder, image(folder, "holed", raw, header(shape, (150.0, 20.0), ARCSEC, rotation=-17.0, crpix=(0.4, -0.3))),
                 "down_holed", pairs["down"].target_header)
    # The whole sky, its edge at right ascension 0: in the middle of the target.
    shape = (18, 36)
    source = image(folder, "around_in", pixels(shape, 4), header(shape, (0.0, 0.0), 10.0, code="CAR", crpix=(-18.0, 0.0)))
    around = Pair(folder, source, "around", header((20, 21), (4.0, 17.0), 4.3, rotation=20.0, code="ZEA"))
    adaptive(folder, pairs, wide, holed, mirrored, around)
    exact(folder)
    drizzle(folder, first)
    swarp(folder, pairs)
    folder.finish()
