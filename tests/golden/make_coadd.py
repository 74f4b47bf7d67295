#!/usr/bin/env python3
"""Golden data for nearest and bilinear resampling and for every combination, from reproject's reproject_interp and reproject_and_coadd.

    python3 tests/golden/make_coadd.py FOLDER_WITH_THE_REAL_IMAGES

writes tests/golden/coadd/. tests/golden_coadd.rs runs the cases. The real images are crops of public survey images
(2MASS J, H, K and MSX band E of the Galactic Centre, from astropy/astropy-data).

Fields of a case: `inputs` (`file`, and `weights`: an .npy on the pixels of the image or a FITS image with a WCS of its own),
`target`, `shape`, `resample`, `combine`, `output` and `footprint` (sum over the inputs of
coverage × weight; null: 1 where the output is not NaN), and lists of output pixels
[y, x] that prove nothing, because the last bit of a coordinate decides them: `ties` (a coordinate of an
input within 1e-6 of a half-integer: only nearest is undecided, except at the outer edge, which is in `edges`), and
`zero_weight_nan` (reproject lets a NaN spoil a bilinear sample to which it contributes with weight 0; we do not).
"""

import sys
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel
from golden import Folder, scaled
from reproject import reproject_interp
from reproject._array_utils import map_coordinates
from reproject.mosaicking import reproject_and_coadd

HERE = Path(__file__).parent
ORDERS = {"nearest": 0, "bilinear": 1}
COMBINES = ["mean", "sum", "first", "last", "min", "max", "median"]


class Image:
    """An input: physical pixels in f64, its WCS, its file, and perhaps weights."""

    def __init__(self, folder, name, raw, header, weights=None, weights_file=None):
        self.file = folder.image(name, raw, header)
        header = fits.getheader(folder.path / self.file)
        self.values, self.wcs = scaled(raw, header), WCS(header, naxis=2)
        self.weights, self.weights_file = weights, weights_file

    def weighted(self, weights, weights_file):
        image = object.__new__(Image)
        image.__dict__ = {**self.__dict__, "weights": weights, "weights_file": weights_file}
        return image

    @property
    def entry(self):
        return {"file": self.file, **({"weights": self.weights_file} if self.weights_file else {})}


def header(ctype, crval, scale, shape, rotation=0.0, form="CD", **cards):
    """A celestial header with the linear part written as CD, PC + CDELT or CDELT + CROTA2; the plane is centred on the image."""
    h = fits.Header()
    h["NAXIS"], h["NAXIS1"], h["NAXIS2"] = 2, shape[1], shape[0]
    h["CTYPE1"], h["CTYPE2"] = ctype
    h["CRVAL1"], h["CRVAL2"] = crval
    h["CRPIX1"], h["CRPIX2"] = shape[1] / 2 + 0.37, shape[0] / 2 - 0.21
    c, s = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    if form == "CD":
        h["CD1_1"], h["CD1_2"], h["CD2_1"], h["CD2_2"] = -scale * c, scale * s, scale * s, scale * c
    else:
        h["CDELT1"], h["CDELT2"] = -scale, scale
        if form == "CROTA2":
            h["CROTA2"] = rotation
        else:
            h["PC1_1"], h["PC1_2"], h["PC2_1"], h["PC2_2"] = c, -s, s, c
    h.update(cards)
    return h


def centred_on(h, sky):
    """Moves CRPIX so that a position on the sky falls near the middle of the image, off any half-integer."""
    x, y = WCS(h).world_to_pixel(sky)
    h["CRPIX1"] += (h["NAXIS1"] - 1) / 2 + 0.13 - float(x)
    h["CRPIX2"] += (h["NAXIS2"] - 1) / 2 - 0.29 - float(y)
    return h


def with_blank(h):
    return fits.Header([*h.cards, ("BLANK", -32768)])


def undecided(images, target, shape, order):
    """Output pixels (see the module's text) on which the comparison proves nothing, as the three lists of a case."""
    ties, edges, zero = (np.zeros(shape, bool) for _ in range(3))
    y, x = np.indices(shape, dtype=float)
    for image in images:
        xi, yi = pixel_to_pixel(target, image.wcs, x, y)
        ny, nx = image.values.shape[-2:]
        for c, n in ((xi, nx), (yi, ny)):
            near_half = np.abs(c - np.floor(c) - 0.5) < 1e-6
            ties |= near_half
            edges |= near_half & ((np.abs(c + 0.5) < 1e-6) | (np.abs(c - n + 0.5) < 1e-6))
        if order == 1 and image.values.ndim == 2:
            theirs = reproject_interp((image.values, image.wcs), target, shape_out=shape, order=1)[0]
            xc, yc = np.clip(xi, 0, nx - 1), np.clip(yi, 0, ny - 1)
            inside = (xi >= -0.5) & (xi < nx - 0.5) & (yi >= -0.5) & (yi < ny - 0.5)
            spoilt = np.zeros(shape, bool)
            for dy in (0, 1):
                for dx in (0, 1):
                    i, j = np.floor(np.nan_to_num(yc)).astype(int) + dy, np.floor(np.nan_to_num(xc)).astype(int) + dx
                    weight = (1 - np.abs(yc - i)) * (1 - np.abs(xc - j))
                    spoilt |= (weight > 0) & np.isnan(image.values[np.clip(i, 0, ny - 1), np.clip(j, 0, nx - 1)])
            zero |= inside & np.isnan(theirs) & ~spoilt
    lists = {"ties": ties & (order == 0), "edges": edges, "zero_weight_nan": zero}
    return {name: np.argwhere(mask).tolist() for name, mask in lists.items()}


def coadd(images, target, shape, order, combine):
    """reproject_and_coadd's mosaic, and the sum of coverage × weight. It has no median: that is taken over reproject_interp's results."""
    samples, weights = [], []
    for image in images:
        a = reproject_interp((image.values, image.wcs), target, shape_out=shape, order=order)[0]
        w = np.ones(shape)
        if image.weights is not None:
            pixels, wcs = image.weights if isinstance(image.weights, tuple) else (image.weights, image.wcs)
            w = reproject_interp((pixels, wcs), target, shape_out=shape, order=order)[0]
        missing = np.isnan(a) | np.isnan(w)
        samples.append(np.where(missing, np.nan, a))
        weights.append(np.where(missing, 0, w))
    samples, weights = np.array(samples), np.array(weights)
    footprint = weights.sum(axis=0)
    used = footprint > 0
    ours = np.full(shape, np.nan)
    first = np.argmax(weights > 0, axis=0)
    last = len(images) - 1 - np.argmax(weights[::-1] > 0, axis=0)
    ours[used] = {
        "sum": lambda: np.nansum(samples * weights, axis=0),
        "mean": lambda: np.nansum(samples * weights, axis=0) / np.where(used, footprint, 1),
        "first": lambda: np.take_along_axis(samples, first[None], 0)[0],
        "last": lambda: np.take_along_axis(samples, last[None], 0)[0],
        "min": lambda: np.nanmin(np.where(used, samples, 0), axis=0),
        "max": lambda: np.nanmax(np.where(used, samples, 0), axis=0),
        "median": lambda: np.nanmedian(np.where(used, samples, 0), axis=0),
    }[combine]()[used]
    if combine == "median":
        return ours, footprint

    def hdu(image):
        if isinstance(image.weights, tuple):
            return fits.ImageHDU(image.weights[0], image.weights[1].to_header())
        return image.weights

    weighted = any(image.weights is not None for image in images)
    theirs, their_footprint = reproject_and_coadd(
        [(image.values, image.wcs) for image in images], target, shape_out=shape, order=order,
        input_weights=[hdu(image) for image in images] if weighted else None,
        reproject_function=reproject_interp, combine_function=combine, blank_pixel_value=np.nan)
    # If this fails, reproject_and_coadd lost pixels through its bounding boxes: choose another grid.
    np.testing.assert_allclose(theirs, ours, rtol=1e-9, atol=0)
    if combine in ("mean", "sum"):
        np.testing.assert_allclose(their_footprint, footprint, rtol=1e-9, atol=0)
    return theirs, footprint


def coadd_cases(folder, variant, images, targets, resamples, combines):
    for grid, (file, target, shape) in targets.items():
        for resample in resamples:
            order = ORDERS[resample]
            for combine in combines:
                mosaic, footprint = coadd(images, target, shape, order, combine)
                name = f"{variant}_{grid}_{resample}"
                folder.case(
                    f"{name}_{combine}", inputs=[image.entry for image in images], target=file, shape=shape, resample=resample,
                    combine=combine, output=folder.array(f"{name}_{combine}", mosaic),
                    footprint=folder.coverage(f"{name}_footprint", footprint), **undecided(images, target, shape, order))


def interp_case(folder, name, image, target_header, resample, least=0.2):
    """One image, one plane or more, through reproject_interp."""
    order, shape = ORDERS[resample], (target_header["NAXIS2"], target_header["NAXIS1"])
    target = WCS(target_header)
    values, _ = reproject_interp(
        (image.values, image.wcs), target, shape_out=image.values.shape[:-2] + shape, order=order)
    assert least < np.isfinite(values).mean(), (name, np.isfinite(values).mean())
    exact = np.array_equal(values.astype("f4"), values, equal_nan=True)
    folder.case(
        f"{name}_{resample}", inputs=[image.entry], target=folder.header(name, target_header), shape=values.shape,
        resample=resample, combine="mean", output=folder.array(f"{name}_{resample}", values.astype("f4") if exact else values),
        footprint=None, **undecided([image], target, shape, order))


def crop(folder, source, name, x0, y0, nx, ny):
    """A crop of a FITS image with its pixels as stored; the header keeps what describes pixels and WCS."""
    with fits.open(source, do_not_scale_image_data=True) as hdus:
        raw, h = hdus[0].data[y0:y0 + ny, x0:x0 + nx].copy(), hdus[0].header.copy()
    kept = fits.Header()
    for key in ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CDELT1", "CDELT2", "CROTA2", "LONPOLE", "EQUINOX",
                "BSCALE", "BZERO"):
        if key in h:
            kept[key] = h[key]
    kept["CRPIX1"] -= x0
    kept["CRPIX2"] -= y0
    return raw, kept, Image(folder, name, raw, kept)


def real_images(folder, data):
    """2MASS and MSX crops on a Galactic CAR grid and on a rotated equatorial TAN grid."""
    raw_j, header_j, j = crop(folder, data / "gc_2mass_j.fits", "j", 330, 340, 56, 46)
    raw_h, header_h, h = crop(folder, data / "gc_2mass_h.fits", "h", 351, 352, 48, 50)
    _, _, k = crop(folder, data / "gc_2mass_k.fits", "k", 316, 327, 52, 52)
    _, _, e = crop(folder, data / "gc_msx_e.fits", "e", 67, 66, 18, 16)
    images = [j, h, k, e]

    rng = np.random.default_rng(2)
    shape = (22, 26)
    car = header(("GLON-CAR", "GLAT-CAR"), (0.0, 0.0), 0.0051, shape, form="CDELT")
    car["CRPIX1"] += 0.5
    tan = header(("RA---TAN", "DEC--TAN"), (266.41, -28.94), 0.0043, shape, rotation=31.0, RADESYS="ICRS")
    targets = {name: (folder.header(name, h), WCS(h), shape) for name, h in (("car", car), ("tan", tan))}
    coadd_cases(folder, "real", images, targets, ["bilinear"], COMBINES)
    coadd_cases(folder, "real", images, {"car": targets["car"]}, ["nearest"], COMBINES)
    coadd_cases(folder, "real", images, {"tan": targets["tan"]}, ["nearest"], ["mean", "first", "median"])

    weighted = []
    for name, image in zip("jhke", images, strict=True):
        ny, nx = image.values.shape
        y, x = np.indices((ny, nx))
        weights = np.round(20 + 180 * np.sin(np.pi * (x + 1) / (nx + 1)) * np.sin(np.pi * (y + 1) / (ny + 1)))
        weights = (weights + rng.integers(0, 20, (ny, nx))).astype(np.uint8)
        weighted.append(image.weighted(weights.astype(float), folder.array(f"weights_{name}", weights)))
    only_car = {"car": targets["car"]}
    coadd_cases(folder, "weighted", weighted, only_car, ORDERS, ["mean", "sum", "first", "max"])
    coadd_cases(folder, "weighted", weighted, {"tan": targets["tan"]}, ["bilinear"], ["mean", "sum"])

    # Missing pixels, as BLANK: a column, a row, a block, single pixels, and pixels beside and on the edge.
    def holed(name, raw, h, rng):
        raw = raw.copy()
        raw[:, 17] = raw[29, :] = -32768
        raw[8:14, 30:37] = raw[:, 0] = -32768
        raw[rng.integers(0, raw.shape[0], 12), rng.integers(0, raw.shape[1], 12)] = -32768
        raw[20, raw.shape[1] - 2] = raw[raw.shape[0] - 2, 24] = raw[1, 5] = -32768
        return Image(folder, name, raw, with_blank(h))

    nan_j, nan_h = holed("j_blank", raw_j, header_j, rng), holed("h_blank", raw_h, header_h, rng)
    missing = [nan_j.weighted(weighted[0].weights, weighted[0].weights_file),
               nan_h.weighted(weighted[1].weights, weighted[1].weights_file)]
    coadd_cases(folder, "missing", [nan_j, nan_h], only_car, ["bilinear"], COMBINES)
    coadd_cases(folder, "missing", [nan_j, nan_h], only_car, ["nearest"], ["mean", "median"])
    coadd_cases(folder, "missing_weighted", missing, only_car, ["bilinear"], ["mean", "sum"])

    # Weights on a grid of their own: coarser, Galactic, not covering the image.
    shape_w = (14, 15)
    h_w = header(("GLON-TAN", "GLAT-TAN"), (0.005, 0.002), 0.0051, shape_w, rotation=-12.0)
    y, x = np.indices(shape_w)
    raw_w = (20 + 3 * x + 5 * y + rng.integers(0, 9, shape_w)).astype(np.uint8)
    file_w = folder.image("weights_own_wcs", raw_w, h_w)
    own = [j.weighted((raw_w.astype(float), WCS(h_w)), file_w), weighted[1]]
    coadd_cases(folder, "weights_own_wcs", own, only_car, ["bilinear"], ["mean", "sum"])


def synthetic(shape, seed):
    """Whole numbers 100 to 2600 with structure at the scale of a pixel and missing pixels; exact in f32."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape[-2:])
    raw = 1200 + 600 * np.sin(0.7 * x + 0.3 * y) + 400 * np.cos(0.45 * y - 0.2 * x) + rng.integers(0, 200, shape)
    raw = np.round(raw).astype(np.int16)
    raw[..., 6, 9] = raw[..., 14:17, 18:20] = raw[..., 17, 3] = -32768
    return raw


def projections(folder):
    """Every projection as output with TAN as input, and as input with TAN as output, in mixed frames and header forms."""
    shape_tan, shape_x = (20, 23), (21, 22)
    sky = SkyCoord(40.0, 35.0, unit="deg", frame="icrs")
    frames = {
        "icrs": (("RA---", "DEC--"), sky, {"RADESYS": "ICRS"}),
        "fk5": (("RA---", "DEC--"), sky.fk5, {"RADESYS": "FK5", "EQUINOX": 2000.0}),
        "galactic": (("GLON-", "GLAT-"), sky.galactic, {}),
    }
    tans = {}
    for seed, (frame, ((lon, lat), centre, radesys)) in enumerate(frames.items()):
        at = centre.spherical
        h = header((lon + "TAN", lat + "TAN"), (round(at.lon.deg, 1), round(at.lat.deg, 1)), 1.37, shape_tan,
                   rotation=33.0 - 70.0 * seed, **radesys)
        tans[frame] = h, Image(folder, f"tan_in_{frame}", synthetic(shape_tan, seed), with_blank(h))
    # name, projection, frame of it, frame of TAN, form, rotation, CRVAL2 (None: near the field), further cards
    pairs = [
        ("tan_galactic", "TAN", "galactic", "icrs", "PC", 25.0, None, {}),
        ("sin", "SIN", "icrs", "galactic", "CD", -70.0, None, {"LONPOLE": 150.0}),
        ("arc", "ARC", "fk5", "icrs", "CROTA2", 10.0, None, {}),
        ("zea", "ZEA", "galactic", "fk5", "CD", 200.0, None, {}),
        ("stg", "STG", "icrs", "icrs", "PC", 95.0, None, {"LONPOLE": 45.0}),
        ("cea", "CEA", "icrs", "galactic", "CROTA2", 0.0, 0.0, {"PV2_1": 0.8}),
        ("mer", "MER", "galactic", "galactic", "CD", 15.0, 0.0, {}),
        ("sfl", "SFL", "icrs", "fk5", "CDELT", 0.0, 0.0, {}),
        ("ait", "AIT", "galactic", "icrs", "PC", 5.0, 0.0, {}),
        ("mol", "MOL", "fk5", "galactic", "CD", 0.0, 0.0, {}),
        ("hpx", "HPX", "icrs", "icrs", "CD", 45.0, 0.0, {"PV2_1": 4.0, "PV2_2": 3.0}),
        ("car", "CAR", "galactic", "fk5", "CDELT", 0.0, 0.0, {}),
        ("car_oblique", "CAR", "icrs", "galactic", "PC", 12.0, 28.0, {"LONPOLE": 12.0, "LATPOLE": -40.0}),
        ("ait_oblique", "AIT", "icrs", "icrs", "CD", 0.0, 50.0, {}),
    ]
    for seed, (name, code, frame_x, frame_tan, form, rotation, crval2, cards) in enumerate(pairs):
        (lon, lat), centre, radesys = frames[frame_x]
        at = centre.spherical
        crval = (0.0, 0.0) if code == "HPX" else (
            round(at.lon.deg + 9, 1), round(at.lat.deg - 6, 1) if crval2 is None else crval2)
        other = header((lon + code, lat + code), crval, 1.53, shape_x, rotation=rotation, form=form, **radesys, **cards)
        other = centred_on(other, centre)
        for resample in ORDERS:
            interp_case(folder, f"tan_to_{name}", tans[frame_tan][1], other, resample)
        image = Image(folder, name, synthetic(shape_x, 100 + seed), with_blank(other))
        for resample in ORDERS:
            interp_case(folder, f"{name}_to_tan", image, tans[frame_tan][0], resample)


def special(folder):
    """Axes swapped, other units, poles and seams, and a cube."""
    shape = (20, 23)
    swapped = fits.Header()
    swapped.update({
        "CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN", "CRVAL1": 61.0 * 60, "CRVAL2": 83.0 * 60, "CRPIX1": 12.7, "CRPIX2": 13.4,
        "CDELT1": 6.0, "CDELT2": -6.0, "CUNIT1": "arcmin", "CUNIT2": "arcmin", "RADESYS": "ICRS"})
    image = Image(folder, "swapped", synthetic(shape, 50), with_blank(swapped))
    target = header(("RA---TAN", "DEC--TAN"), (83.4, 60.8), 0.087, shape, rotation=52.0, RADESYS="ICRS")
    interp_case(folder, "swapped_to_tan", image, target, "bilinear")
    image = Image(folder, "for_swapped", synthetic(shape, 51), with_blank(target))
    swapped["NAXIS"], swapped["NAXIS1"], swapped["NAXIS2"] = 2, 23, 20
    interp_case(folder, "tan_to_swapped", image, swapped, "bilinear")

    shape_sky = (36, 72)
    sky = header(("RA---CAR", "DEC--CAR"), (0.0, 0.0), 5.0, shape_sky, form="CDELT", RADESYS="ICRS")
    sky["CRPIX1"], sky["CRPIX2"] = 36.5, 18.5
    all_sky = Image(folder, "all_sky", synthetic(shape_sky, 52), with_blank(sky))
    for name, crval in (("pole", (30.0, 89.0)), ("seam", (179.2, 12.0))):
        tan = header(("RA---TAN", "DEC--TAN"), crval, 1.7, shape, rotation=20.0, RADESYS="ICRS")
        interp_case(folder, f"all_sky_to_{name}", all_sky, tan, "bilinear")
        image = Image(folder, f"tan_{name}", synthetic(shape, 53), with_blank(tan))
        tall = header(("RA---CAR", "DEC--CAR"), (0.0, 0.0), 5.0, (14, 72), form="CDELT", RADESYS="ICRS")
        tall["CRPIX1"], tall["CRPIX2"] = 36.5, (-4.7 if name == "pole" else 6.3)
        interp_case(folder, f"{name}_to_sky", image, tall, "bilinear", least=0.02)

    shape_cube = (3, 20, 23)
    tan = header(("RA---TAN", "DEC--TAN"), (83.4, 60.8), 0.1, shape, rotation=20.0, RADESYS="ICRS")
    del tan["NAXIS"], tan["NAXIS1"], tan["NAXIS2"]
    tan.insert(0, ("WCSAXES", 2))
    raw = synthetic(shape_cube, 54)
    raw[1, 3:6, 12] = -32768
    cube = Image(folder, "cube", raw, with_blank(tan))
    for resample in ORDERS:
        interp_case(folder, "cube_to_tan", cube, target, resample)


def points(folder):
    """reproject's sampler itself at chosen positions of one small image with missing pixels, in `points`: edges, ties, centres, random ones."""
    rng = np.random.default_rng(4)
    image = rng.uniform(1, 9, (5, 6))
    image[1, 2] = image[3, 5] = image[4, 0] = np.nan
    ny, nx = image.shape
    special_x = [-0.5, np.nextafter(-0.5, -1), 0.0, np.nextafter(0.5, 0), 0.5, 1.5, 2.0, 2.5, nx - 1.0, nx - 0.75, np.nextafter(nx - 0.5, 0), nx - 0.5]
    special_y = [-0.5, -0.25, 0.0, 0.5, 1.0, 1.5, 2.7, ny - 1.0, np.nextafter(ny - 0.5, 0), ny - 0.5]
    y, x = (c.ravel() for c in np.meshgrid(special_y, special_x, indexing="ij"))
    x, y = np.append(x, rng.uniform(-1, nx, 200)), np.append(y, rng.uniform(-1, ny, 200))
    sampled = {name: map_coordinates(image, np.array([y, x]), order=order, cval=np.nan, mode="constant")
               for name, order in ORDERS.items()}
    files = {"image": image, "x": x, "y": y, **sampled}
    folder.case("points", **{name: folder.array(f"points_{name}", array) for name, array in files.items()})


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    data = Path(sys.argv[1])
    folder = Folder(HERE / "coadd", __file__)
    real_images(folder, data)
    projections(folder)
    special(folder)
    points(folder)
    folder.finish()
    for case in folder.cases:
        left_out = {key: len(case[key]) for key in ("ties", "edges", "zero_weight_nan") if case.get(key)}
        if left_out:
            print(case["name"], left_out)
