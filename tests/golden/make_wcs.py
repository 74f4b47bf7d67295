"""Golden data of tests/wcs_golden.rs: random FITS headers and what wcslib, through astropy.wcs, makes of them.

Writes wcs.txt (first line: versions; then one header a line, cards separated by ';', values as in FITS),
wcs_in.npy (float32, shape (headers, 2, POINTS, 2): pixels, 0-based, then sky positions in degrees) and wcs_out.npy (float64,
same shape: the sky positions of the pixels, then the pixels of the sky positions; NaN where wcslib, with its bounds checks on,
as is astropy's default, says undefined).

What is left out, because wcslib itself cannot decide it to the precision of the comparison: points that it does not carry
there and back to 1e-10 degree (it has iterations that end at 1e-13 of the radius, and arcsines close to poles), and points so near
the edge of what is defined that a step of 1e-10 degree crosses it; nor points where the last digits of the position (1e-13 degree,
or a few units in the last place of the pixel) move the answer by a fifth of the tolerance of the comparison. Pixels beyond 1e6 are left out too.
A header that wcslib refuses is kept as a line starting with '!', without points.
"""

import os
import sys
import warnings

import astropy
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS, _wcs

warnings.simplefilter("ignore")
HEADERS_PER_CODE, POINTS, SEED = 64, 4, 20021105
HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(SEED)

ZENITHAL = "AZP SZP TAN STG SIN ARC ZPN ZEA AIR".split()
CODES = ZENITHAL + "CYP CEA CAR MER SFL PAR MOL AIT COP COE COD COO BON PCO TSC CSC QSC HPX XPH NCP GLS".split()
FRAMES = [("RA--", "DEC-"), ("GLON", "GLAT"), ("ELON", "ELAT"), ("SLON", "SLAT"), ("HPLN", "HPLT"), ("TLON", "TLAT")]


def r(low, high, digits=5):
    return float(f"{rng.uniform(low, high):.{digits}g}")


def pick(*options):
    return options[rng.integers(len(options))]


def parameters(code):
    """PVi_m of the latitude axis."""
    pv = {}
    chance = rng.random
    if code == "AZP":
        pv = {1: pick(r(-3, 3), r(0, 5), 0.0, 2.0, 1.0), 2: pick(r(-80, 80), 0.0, 30.0)}
        if pv[1] == -1.0:
            pv[1] = 1.5
    elif code == "SZP":
        pv = {1: pick(r(-3, 3), r(0, 5), 2.0), 2: pick(r(-180, 180), 0.0, 180.0), 3: pick(r(-90, 90), 90.0, 60.0)}
    elif code == "SIN" and chance() < 0.6:
        pv = {1: r(-1, 1), 2: r(-1, 1)}
    elif code == "ZPN":
        kind = rng.integers(4)
        if kind == 0:
            pv = {1: r(0.5, 2)}
        elif kind == 1:
            pv = {1: r(0.5, 2), 2: pick(r(-1, 1), r(0, 0.5))}
        elif kind == 2:
            pv = {0: r(0, 0.05), 1: r(0.5, 2), 2: r(-0.5, 0.5), 3: r(-0.3, 0.3)}
        else:
            pv = {0: 0.050, 1: 0.975, 2: -0.807, 3: 0.337, 4: -0.065, 5: 0.010, 6: 0.003, 7: -0.001}
            if chance() < 0.7:
                pv = {1: r(0.9, 1.1), 3: r(-50, 50), 5: r(-100, 100), int(rng.integers(6, 25)): r(-10, 10)}
    elif code == "AIR":
        pv = pick({}, {1: r(-60, 89)}, {1: 45.0}, {1: 90.0})
    elif code == "CYP":
        pv = pick({}, {1: r(0, 3), 2: r(0.2, 2)}, {1: 0.0, 2: 1.0}, {1: r(-3, -1.1), 2: r(0.2, 1)}, {1: 1.0, 2: 0.7071})
    elif code == "CEA":
        pv = pick({}, {1: r(0.1, 1)}, {1: 1.0})
    elif code in ("COP", "COE", "COD", "COO"):
        theta_a = pick(r(5, 85), r(-85, -5), 45.0)
        pv = {1: theta_a, 2: pick(0.0, r(0, 89 - abs(theta_a)), r(0, 5))}
        if pv[2] == 0.0 and chance() < 0.5:
            del pv[2]
    elif code == "BON":
        pv = {1: pick(r(5, 89), r(-89, -5), 45.0, 0.0, 90.0)}
    elif code == "HPX":
        pv = pick({}, {}, {1: 4.0, 2: 3.0}, {1: float(rng.integers(1, 9)), 2: float(rng.integers(1, 6))})
    return pv


def header(code):
    h = {}
    lon, lat = FRAMES[rng.integers(len(FRAMES))] if rng.random() < 0.5 else FRAMES[0]
    naxis = int(pick(2, 2, 2, 3, 4))
    axes = [1, 2] if naxis == 2 or rng.random() < 0.5 else list(rng.permutation(np.arange(1, naxis + 1))[:2])
    if naxis == 2 and rng.random() < 0.3:
        axes = [2, 1]
    i, j = int(axes[0]), int(axes[1])
    alt = pick("", "", "", "", "A", "Z")
    h["NAXIS"] = naxis
    if rng.random() < 0.5:
        h["WCSAXES" + alt] = naxis
    for k in range(1, naxis + 1):
        if k not in (i, j):
            h[f"CTYPE{k}{alt}"] = pick("FREQ", "STOKES", "VELO-LSR", "LINEAR")
            h[f"CRPIX{k}{alt}"] = 1.0
    blanks = pick("", "", "  ")
    h[f"CTYPE{i}{alt}"] = f"{lon}-{code}{blanks}"
    h[f"CTYPE{j}{alt}"] = f"{lat}-{code}{blanks}"
    crval = [pick(r(0, 360), r(-180, 180), 0.0, 180.0, 90.0), pick(r(-90, 90), r(-90, 90), r(-89, 89), 0.0, 90.0, -90.0, 45.0)]
    if code == "NCP" and crval[1] == 0.0:
        crval[1] = 30.0
    if code == "GLS":
        crval[1] = r(-80, 80)
    wide = rng.random() < 0.5
    scale = 10 ** (rng.uniform(-1, 0.3) if wide else rng.uniform(-4, -1))
    units = {"deg": 1.0, "arcmin": 60.0, "arcsec": 3600.0, "mas": 3.6e6, "rad": np.pi / 180, "DEGREE": 1.0, "mrad": np.pi / 0.18}
    unit = [pick("", "", "deg", *units), pick("", "", "deg", *units)]
    factor = [units.get(u, 1.0) for u in unit]
    for axis, u in zip((i, j), unit):
        if u:
            h[f"CUNIT{axis}{alt}"] = u
    h[f"CRVAL{i}{alt}"], h[f"CRVAL{j}{alt}"] = (float(f"{c * f:.15g}") if f != 1 else c for c, f in zip(crval, factor))
    h[f"CRPIX{i}{alt}"], h[f"CRPIX{j}{alt}"] = r(-100, 200), r(-100, 200)
    cdelt = [float(f"{pick(-1, 1) * scale * f * rng.uniform(0.7, 1.4):.5g}") for f in factor]
    angle = np.deg2rad(pick(0.0, r(-180, 180), r(-180, 180), 90.0))
    c, s = np.cos(angle), np.sin(angle)
    m = np.array([[c, -s], [s, c]]) @ np.diag([1.0, pick(1.0, -1.0, r(0.7, 1.4))]) + rng.normal(0, 0.05, (2, 2))
    kind = rng.integers(4)
    names = [(i, i, 0, 0), (i, j, 0, 1), (j, i, 1, 0), (j, j, 1, 1)]
    if kind == 0:  # CD
        for a, b, p, q in names:
            h[f"CD{a}_{b}{alt}"] = float(f"{abs(cdelt[p]) * m[p, q]:.5g}")
        for k in range(1, naxis + 1):
            if k not in (i, j):
                h[f"CD{k}_{k}{alt}"] = 1.0
    else:
        h[f"CDELT{i}{alt}"], h[f"CDELT{j}{alt}"] = cdelt
        if kind == 1:  # PC
            for a, b, p, q in names:
                if rng.random() < 0.9:
                    h[f"PC{a}_{b}{alt}"] = float(f"{m[p, q]:.5g}")
        elif kind == 2 and not alt:
            h[f"CROTA{j}"] = r(-180, 180)
    for index, value in parameters(code).items():
        h[f"PV{j}_{index}{alt}"] = value
    if rng.random() < 0.4:
        h["LONPOLE" + alt] = pick(r(-180, 180), 180.0, 0.0, 90.0, 999.0)
    if rng.random() < 0.4:
        h["LATPOLE" + alt] = pick(r(-90, 90), 90.0, -90.0, 0.0)
    if rng.random() < 0.25 and code not in ("GLS", "NCP"):
        # HPX with PVi_0 is left out: wcslib finds the facet without the offset, and loses the polar facets by it.
        if code != "HPX":
            h[f"PV{i}_0{alt}"] = pick(0.0, 1.0)
        h[f"PV{i}_1{alt}"] = pick(0.0, r(-90, 90))
        h[f"PV{i}_2{alt}"] = pick(r(-60, 60), r(0, 90), 90.0 if code in ZENITHAL else 0.0)
        if rng.random() < 0.5:
            h[f"PV{i}_3{alt}"] = pick(r(-180, 180), 180.0)
            h[f"PV{i}_4{alt}"] = r(-90, 90)
    return h, (i, j), alt, scale


def fits_header(h):
    out = fits.Header()
    for key, value in h.items():
        out[key] = value
    return out


class Oracle:
    """wcslib on the two celestial axes; other axes stay at their reference."""

    def __init__(self, h, axes, alt):
        self.w = WCS(fits_header(h), key=alt or " ")
        self.w.wcs.set()
        self.lng, self.lat = self.w.wcs.lng, self.w.wcs.lat
        assert (self.lng, self.lat) == (axes[0] - 1, axes[1] - 1), (self.lng, self.lat, axes)
        self.plane = sorted((self.lng, self.lat))
        self.n = self.w.wcs.naxis
        self.code = self.w.wcs.ctype[self.lng][5:8]

    def to_sky(self, xy):
        full = np.zeros((len(xy), self.n))
        full[:, self.plane] = xy
        return self.w.wcs_pix2world(full, 0)[:, [self.lng, self.lat]]

    def to_pixel(self, sky):
        full = np.zeros((len(sky), self.n))
        full[:, [self.lng, self.lat]] = sky
        return self.w.wcs_world2pix(full, 0)[:, self.plane]

    def native_to_pixel(self, phi, theta):
        """Pixels of native positions, by wcslib's projection and the matrix."""
        prj = self.w.wcs.cel.prj
        try:
            x, y = prj.prjs2x(np.array(phi), np.array(theta))
        except Exception:
            return None
        if not np.all(np.isfinite([x, y])):
            return None
        m = self.w.wcs.get_pc() * self.w.wcs.get_cdelt()[:, None]
        m = m[np.ix_([self.lng, self.lat], self.plane)]
        return np.linalg.solve(m, [x[0], y[0]]) + self.w.wcs.crpix[self.plane] - 1


def separation(a, b):
    def vector(p):
        lon, lat = np.deg2rad(p[..., 0]), np.deg2rad(p[..., 1])
        return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], -1)
    return np.rad2deg(np.linalg.norm(vector(a) - vector(b), axis=-1))


JITTER = np.array([[0, 0], [1, 0.3], [-1, -0.7], [0.4, 1], [-0.2, -1]])


def decided(value, neighbours, back, scale, small):
    """Whether wcslib stands by its answer; see the top of the file."""
    undefined = np.isnan(neighbours).any(axis=1)
    if undefined.any() != undefined.all():
        return False
    if undefined.all():
        return True
    # Neighbours on two sides of a seam: the answer hangs on the last bit.
    if not (np.abs(neighbours - value) < small).all():
        return False
    return not (1e-10 < back < 1e-3)


def pixel_points(o, scale, size):
    points = []
    while len(points) < POINTS:
        size += 1
        if size > 400:
            return None
        kind = rng.random()
        if kind < 0.35:
            p = rng.uniform(-100, 300, 2)
        elif kind < 0.7:
            p = rng.uniform(-250, 250, 2) / scale
        else:
            d = 10 ** rng.uniform(-8, -1)
            phi = pick(0.0, 180.0, -180.0, 90.0, -90.0, 45.0, -135.0, r(-180, 180)) + pick(0, d, -d)
            theta = pick(90 - d, -90 + d, d, -d, 0.0, 41.8103148957786 + d, r(-90, 90))
            p = o.native_to_pixel([np.clip(phi, -180, 180)], [theta])
            if p is None:
                continue
        p = np.asarray(p, np.float32).astype(float)
        if not (np.abs(p) < 1e6).all():
            continue
        last = o.to_sky(p * (1 + JITTER * 6e-16))
        if separation(last, last[0]).max() > 2e-10:
            continue
        sky = o.to_sky(p + JITTER * 1e-10 / scale)
        back = 0.0
        if np.isfinite(sky[0]).all():
            again = o.to_pixel(sky[:1])[0]
            back = np.hypot(*(again - p)) * scale if np.isfinite(again).all() else 0.0
        seps = separation(sky, sky[0])
        ok = decided(sky[0] * 0, np.where(np.isnan(sky), np.nan, np.stack([seps, seps], 1)), back, scale, 1e-6)
        if ok:
            points.append((p, sky[0]))
    return points


def sky_points(o, scale, size):
    points = []
    while len(points) < POINTS:
        size += 1
        if size > 400:
            return None
        kind = rng.random()
        if kind < 0.3:
            s = np.array([rng.uniform(0, 360), np.rad2deg(np.arcsin(rng.uniform(-1, 1)))])
        elif kind < 0.4:
            s = np.array([pick(0.0, 90.0, 180.0, 270.0, 360.0, r(0, 360)), pick(0.0, 45.0, 90.0, -90.0, r(-90, 90))])
        else:
            if kind < 0.7:
                p = rng.uniform(-100, 300, 2)
            else:
                d = 10 ** rng.uniform(-6, -1)
                phi = pick(0.0, 180.0, -180.0, 90.0, -90.0, 45.0, r(-180, 180)) + pick(d, -d)
                theta = pick(90 - d, -90 + d, d, -d, r(-90, 90))
                p = o.native_to_pixel([np.clip(phi, -180, 180)], [theta])
                if p is None:
                    continue
            s = o.to_sky(np.asarray(p)[None])[0]
            if np.isnan(s).any():
                continue
        s = s.astype(np.float32).astype(float)
        s[1] = np.clip(s[1], -90, 90)
        j = JITTER * 1e-10
        j = np.stack([j[:, 0] / max(np.cos(np.deg2rad(s[1])), 1e-12), j[:, 1]], 1)
        last = o.to_pixel(np.stack([s[0] + j[:, 0] * 1e-3, np.clip(s[1] + j[:, 1] * 1e-3, -90, 90)], 1))
        if np.abs(last - last[0]).max() > 2e-7:
            continue
        near = s + j
        near[:, 1] = np.clip(near[:, 1], -90, 90)
        p = o.to_pixel(near)
        back = 0.0
        if np.isfinite(p[0]).all():
            if not (np.abs(p[0]) < 1e6).all():
                continue
            again = o.to_sky(p[:1])
            back = separation(again, s[None])[0] if np.isfinite(again).all() else 0.0
            if np.isfinite(again).all():
                twice = o.to_pixel(again)[0]
                shift = np.hypot(*(twice - p[0]))
                if shift > 1e-7 and o.code != "CSC":
                    continue
        if decided(p[0], p, back, scale, 1e-2 / scale + 1e-3):
            points.append((s, p[0]))
    return points


def main():
    lines, inputs, outputs, left = [], [], [], 0
    for code in CODES:
        kept = 0
        while kept < HEADERS_PER_CODE:
            h, axes, alt, scale = header(code)
            line = ";".join(f"{k}={v!r}" if isinstance(v, str) else f"{k}={v}" for k, v in h.items()) + f"|{alt}"
            try:
                o = Oracle(h, axes, alt)
                o.to_pixel(np.array([[1.0, 2.0]]))
                o.to_sky(np.array([[1.0, 2.0]]))
            except Exception as error:
                if "assert" in type(error).__name__.lower():
                    raise
                if rng.random() < 0.3:
                    lines.append("!" + line)
                continue
            a, b = pixel_points(o, scale, 0), sky_points(o, scale, 0)
            if a is None or b is None:
                left += 1
                continue
            kept += 1
            lines.append(line)
            inputs.append([[p for p, _ in a], [p for p, _ in b]])
            outputs.append([[q for _, q in a], [q for _, q in b]])
        print(code, kept, file=sys.stderr)
    versions = f"# astropy {astropy.__version__} wcslib {_wcs.WCSLIB_VERSION} numpy {np.__version__} seed {SEED}"
    with open(os.path.join(HERE, "wcs.txt"), "w") as f:
        f.write("\n".join([versions, *lines]) + "\n")
    np.save(os.path.join(HERE, "wcs_in.npy"), np.array(inputs, "<f4"))
    np.save(os.path.join(HERE, "wcs_out.npy"), np.array(outputs, "<f8"))
    print(len(inputs), "headers,", left, "without enough points that wcslib decides", file=sys.stderr)


main()
