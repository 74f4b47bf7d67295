"""Golden data of HPX with a native reference point and the plane's origin moved to it (PVi_0 = 1, PVi_1, PVi_2).

With PVi_0 = 1 wcslib finds the facets of the polar caps from x without its offset, and so loses them. What it means is unambiguous, though: the same
header with PVi_0 = 0 and CRPIXj moved by what PVi_0 adds, the place of (PVi_1, PVi_2) in the plane, which is taken from wcslib too. That
header is the oracle. Where all lies between the caps wcslib is also asked directly, and the two agree to 1e-9 degree and 1e-6 pixel (asserted here).
Writes hpx.json: {"versions", "headers": [{"header" (cards, one a line), "pixel" (0-based), "sky" (degrees), "back" (0-based pixels of those positions)}]};
null is what wcslib does not define.
usage: make_hpx.py           (needs numpy astropy)
"""
import json, os, warnings
import astropy, numpy as np
from astropy.io import fits
from astropy.wcs import WCS, _wcs

warnings.simplefilter("ignore")
here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20261122)


def r(low, high):
    return float(f"{rng.uniform(low, high):.6g}")


def random_header():
    h = fits.Header()
    h["CTYPE1"], h["CTYPE2"] = "RA---HPX", "DEC--HPX"
    h["CRVAL1"], h["CRVAL2"], h["CRPIX1"], h["CRPIX2"] = r(0, 360), r(-90, 90), r(-50, 150), r(-50, 150)
    h["CDELT1"], h["CDELT2"] = r(-2, -0.5), r(0.5, 2)
    angle = np.deg2rad(rng.choice([0.0, 45.0, rng.uniform(0, 360)]))
    for i, j, value in ((1, 1, np.cos(angle)), (1, 2, -np.sin(angle)), (2, 1, np.sin(angle)), (2, 2, np.cos(angle))):
        h[f"PC{i}_{j}"] = float(f"{value:.6g}")
    h["PV1_0"], h["PV1_1"], h["PV1_2"] = 1.0, r(-170, 170), r(-85, 85)
    if rng.random() < 0.5:
        h["PV2_1"], h["PV2_2"] = float(rng.integers(2, 7)), float(rng.integers(1, 5))
    if rng.random() < 0.5:
        h["LONPOLE"] = r(-180, 180)
    if rng.random() < 0.3:
        h["LATPOLE"] = r(-90, 90)
    return h


def without_offset(h):
    h = h.copy()
    h["PV1_0"] = 0.0
    w = WCS(h)
    w.wcs.set()
    origin = [float(v[0]) for v in w.wcs.cel.prj.prjs2x(np.array([h["PV1_1"]]), np.array([h["PV1_2"]]))]
    matrix = w.wcs.get_pc() * w.wcs.get_cdelt()[:, None]
    shift = np.linalg.solve(matrix, origin)
    h["CRPIX1"], h["CRPIX2"] = h["CRPIX1"] - shift[0], h["CRPIX2"] - shift[1]
    return h, matrix


headers, direct = [], 0
while len(headers) < 40:
    h = random_header()
    try:
        moved, matrix = without_offset(h)
        oracle, given = WCS(moved), WCS(h)
        points = []
        while len(points) < 16:
            native = np.array([[rng.uniform(-179, 179), np.rad2deg(np.arcsin(rng.uniform(-1, 1)))]])
            plane = np.column_stack(oracle.wcs.cel.prj.prjs2x(native[:, 0], native[:, 1]))
            pixel = np.linalg.solve(matrix, plane[0]) + [moved["CRPIX1"], moved["CRPIX2"]] - 1
            if rng.random() < 0.2:
                pixel = rng.uniform(-300, 300, 2)
            near = pixel + 1e-7 * np.array([[0, 0], [1, 0.3], [-1, -0.7], [0.4, 1], [-0.2, -1]])
            sky = oracle.wcs_pix2world(near, 0)
            # Seams and edges of what is defined hang on the last digit.
            if np.isnan(sky).any() != np.isnan(sky).all():
                continue
            back = oracle.wcs_world2pix(sky, 0)
            if np.isfinite(sky).all() and not np.abs(back - back[0]).max() < 1e-5:
                continue
            k = float(h.get("PV2_2", 3))
            if abs(np.sin(np.deg2rad(oracle.wcs.p2s(near[:1] + 1, 1)["theta"][0]))) < (k - 1) / k - 1e-9:
                assert np.allclose(given.wcs_pix2world(near[:1], 0), sky[:1], rtol=0, atol=1e-9), (h, near)
                assert np.allclose(given.wcs_world2pix(sky[:1], 0), back[:1], rtol=0, atol=1e-6), (h, near)
                direct += 1
            points.append((near[0].tolist(), sky[0].tolist(), back[0].tolist()))
    except astropy.wcs.InvalidTransformError as error:  # no pole fits
        continue
    none = lambda v: [None if not np.isfinite(x) else x for x in v]
    headers.append(dict(header="\n".join(str(c).rstrip() for c in h.cards), pixel=[p for p, _, _ in points],
                        sky=[none(s) for _, s, _ in points], back=[none(b) for _, _, b in points]))
versions = dict(astropy=astropy.__version__, wcslib=_wcs.WCSLIB_VERSION, numpy=np.__version__)
with open(os.path.join(here, "hpx.json"), "w") as out:
    out.write(json.dumps(dict(versions=versions, headers=headers)).replace('{"header"', '\n{"header"') + "\n")
print(len(headers), "headers;", direct, "points that wcslib carries directly")
