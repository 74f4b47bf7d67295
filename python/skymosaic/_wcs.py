"""World coordinate systems of astropy: as header cards where the native part understands them, as maps elsewhere."""

import itertools
import threading

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_pixel
from astropy.wcs.wcsapi import BaseHighLevelWCS, HighLevelWCSWrapper

from . import _core

# Frames that the directions alone determine; solar, planetary and terrestrial ones depend on observer and time.
_SKY_AXES = ("RA--", "DEC-", "GLON", "GLAT", "ELON", "ELAT", "SLON", "SLAT")
# Distortions that wcslib reads from keywords and does not tell about afterwards.
_HIDDEN = ("TNX", "ZPX", "DSS", "TPD", "TPU", "TAB")
# How far from astropy's a native WCS may put a pixel, in degrees.
_AGREEMENT = 1e-9


def high_level(wcs):
    """A WCS with the high-level interface of APE 14."""
    return wcs if isinstance(wcs, BaseHighLevelWCS) else HighLevelWCSWrapper(wcs)


def fits_wcs(wcs):
    """The FITS WCS behind a WCS, or None."""
    if isinstance(wcs, WCS):
        return wcs
    if isinstance(wcs, HighLevelWCSWrapper) and isinstance(wcs.low_level_wcs, WCS):
        return wcs.low_level_wcs
    return None


def understood(header):
    """The native WCS of header text, or None if the native part cannot answer for it."""
    try:
        wcs = _core.Wcs(header)
    except ValueError:
        return None
    return None if wcs.frame.startswith("Unknown") else wcs


def native_cards(wcs):
    """Header text for the native part of a WCS of two celestial axes, exact to the last bit of every parameter, or None if it cannot
    answer for it."""
    wcs = fits_wcs(wcs)
    if wcs is None or wcs.pixel_n_dim != 2 or not wcs.has_celestial:
        return None
    if any(table is not None for table in (wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2)):
        return None
    key = _state(wcs)
    if key not in _known:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = _found_cards(wcs.deepcopy())
    return _known[key]


# Header text of WCS by their state: most programs have few WCS and many images.
_known = {}
_MOST_KNOWN = 1024


def _state(wcs):
    """All that the header text of a WCS depends on."""
    w = wcs.wcs
    numbers = [w.crpix, w.crval, w.get_cdelt(), w.get_pc(), (w.lonpole, w.latpole, w.equinox)]
    if wcs.sip is not None:
        numbers += [matrix for matrix in (wcs.sip.a, wcs.sip.b, wcs.sip.ap, wcs.sip.bp, wcs.sip.crpix) if matrix is not None]
    # What the header that wcslib writes does not have to the last bit is beside it.
    return w.to_header(True), *(np.asarray(one, dtype=float).tobytes() for one in numbers), tuple(w.get_pv()), wcs.array_shape


def _found_cards(wcs):
    """`native_cards` of a WCS that may be changed."""
    wcs.wcs.set()
    if not all(ctype.startswith(_SKY_AXES) for ctype in wcs.wcs.ctype):
        return None
    if any(ctype[5:8] in _HIDDEN for ctype in wcs.wcs.ctype):
        return None
    cards = _cards(wcs)
    native = understood(cards)
    return cards if native is not None and _agree(wcs, native) else None


def _cards(wcs):
    """Header text of a two-dimensional celestial WCS. Values are written so that they are read back as they are."""
    w = wcs.wcs
    # wcslib shows a distorted projection as the plain one; the header that it writes tells.
    header = wcs.to_header(relax=True)
    distorted = wcs.sip is None and any(header[f"CTYPE{axis}"].strip() != ctype.strip() for axis, ctype in enumerate(w.ctype, 1))
    suffix = "-SIP" if wcs.sip is not None else ""
    cards = {}
    for axis, ctype in enumerate(w.ctype, 1):
        cards[f"CTYPE{axis}"] = header[f"CTYPE{axis}"] if distorted else ctype.removesuffix("-SIP") + suffix
        cards[f"CUNIT{axis}"] = "deg"
        cards[f"CRPIX{axis}"] = w.crpix[axis - 1]
        cards[f"CRVAL{axis}"] = w.crval[axis - 1]
        cards[f"CDELT{axis}"] = w.get_cdelt()[axis - 1]
        for other, value in enumerate(w.get_pc()[axis - 1], 1):
            cards[f"PC{axis}_{other}"] = value
    if distorted:
        cards |= {keyword: header[keyword] for keyword in header if keyword.startswith(("PV1_", "PV2_"))}
    for axis, m, value in w.get_pv():
        cards[f"PV{axis}_{m}"] = value
    cards["LONPOLE"], cards["LATPOLE"] = w.lonpole, w.latpole
    if w.radesys:
        cards["RADESYS"] = w.radesys
    if not np.isnan(w.equinox):
        cards["EQUINOX"] = w.equinox
    if wcs.sip is not None:
        for name in ("a", "b", "ap", "bp"):
            matrix = getattr(wcs.sip, name)
            if matrix is None:
                continue
            cards[f"{name.upper()}_ORDER"] = len(matrix) - 1
            for (p, q), value in np.ndenumerate(matrix):
                if value != 0:
                    cards[f"{name.upper()}_{p}_{q}"] = value
    if _shape(wcs) is not None:
        cards["NAXIS"], cards["NAXIS2"], cards["NAXIS1"] = 2, *_shape(wcs)
    return "\n".join(f"{keyword:8}= {_value(value)}" for keyword, value in cards.items())


def _shape(wcs):
    """The shape (ny, nx) that a WCS has, or None: one that was made of some axes of a header may have the shape of all of them."""
    shape = wcs.array_shape
    return None if shape is None or len(shape) != 2 else shape


def _value(value):
    if isinstance(value, str):
        return f"'{value:8}'"
    return repr(int(value)) if isinstance(value, (int, np.integer)) else repr(float(value)).upper()


def _agree(wcs, native):
    """Whether astropy and the native part put a few pixels at the same place, undefined ones included."""
    ny, nx = _shape(wcs) or (2 * np.abs(wcs.wcs.crpix[::-1]) + 100)
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(0, nx - 1, 4), np.linspace(0, ny - 1, 4)))
    expected = np.array(wcs.all_pix2world(x, y, 0))
    found = np.array(native.pixel_to_celestial(x, y))
    if wcs.wcs.lng == 1:
        expected = expected[::-1]
    same = np.isfinite(expected).all(axis=0) == np.isfinite(found).all(axis=0)
    turn = np.abs((expected - found + 180) % 360 - 180) * [[1], [0]] * np.cos(np.radians(expected[1]))
    off = np.maximum(turn[0], np.abs(expected[1] - found[1]))
    return bool(same.all() and not np.any(off > _AGREEMENT))


def has_celestial(wcs):
    """Whether some axes of a high-level WCS are on the sky."""
    fits = fits_wcs(wcs)
    if fits is not None:
        return fits.has_celestial
    return any(issubclass(kind[0], SkyCoord) for kind in wcs.low_level_wcs.world_axis_object_classes.values())


def check_coordinates(wcs_in, wcs_out):
    """Checks that two WCS have coordinates of the same kinds, with the messages of reproject."""
    if has_celestial(wcs_in) and not has_celestial(wcs_out):
        raise ValueError("Input WCS has celestial components but output WCS does not")
    if has_celestial(wcs_out) and not has_celestial(wcs_in):
        raise ValueError("Output WCS has celestial components but input WCS does not")
    fits_in, fits_out = fits_wcs(wcs_in), fits_wcs(wcs_out)
    if fits_in is None or fits_out is None:
        return
    if fits_in.wcs.spec >= 0 and fits_out.wcs.spec >= 0:
        kinds = [wcs.wcs.ctype[wcs.wcs.spec] for wcs in (fits_in, fits_out)]
        if kinds[0][:4] != kinds[1][:4]:
            raise ValueError(f"The input ({kinds[0]}) and output ({kinds[1]}) spectral coordinate types are not equivalent.")
    elif fits_in.wcs.spec >= 0:
        raise ValueError("Input WCS has a spectral component but output WCS does not")
    elif fits_out.wcs.spec >= 0:
        raise ValueError("Output WCS has a spectral component but input WCS does not")


class PixelMap:
    """Pixels of an output to those of an input and back, as astropy relates them: two WCS of two axes.

    A call of astropy takes milliseconds, however few the points. So answers are kept for when the same question is asked again (by the plan, the run and the summary), and where
    rows of pixels are asked for one after the other, many are computed together.
    """

    def __init__(self, wcs_out, wcs_in, roundtrip=True):
        self._out, self._in = wcs_out, wcs_in
        self._roundtrip = roundtrip
        # FITS WCS of astropy are not safe to use from several threads (astropy issue 16244).
        self._lock = threading.Lock()
        self._answers = _Answers()

    def to_input(self, x, y):
        row = _row(x, y)
        key = row or (x.tobytes(), y.tobytes())
        with self._lock, np.errstate(all="ignore"):
            found = self._answers.get(key)
            if found is not None:
                return found
            if row is None or self._answers.get((*row[:2], row[2] - 1)) is None:
                found = self._to_pixels(x, y) or self._to_input(x, y)
                self._answers.keep(key, found, len(x))
                return found
            x0, n, y0 = row
            several = self._to_input(np.tile(x0 + np.arange(n), _ROWS), np.repeat(y0 + np.arange(_ROWS), n))
            rows = [[axis[k * n : (k + 1) * n] for axis in several] for k in range(_ROWS)]
            for k, one in enumerate(rows):
                self._answers.keep((x0, n, y0 + k), one, n)
            return rows[0]

    def _to_pixels(self, x, y):
        """The positions of many centres of pixels, out of those of the rectangle around them; None if they are not, or few in it."""
        if len(x) < _MANY or (x != np.floor(x)).any() or (y != np.floor(y)).any():
            return None
        low, high = (int(x.min()), int(y.min())), (int(x.max()), int(y.max()))
        (x0, y0), (x1, y1), all_of_them = self._answers.get("rectangle") or (low, (-1, -1), None)
        if not (x0 <= low[0] and y0 <= low[1] and high[0] <= x1 and high[1] <= y1):
            (x0, y0), (x1, y1) = low, high
            nx, ny = x1 - x0 + 1, y1 - y0 + 1
            if nx * ny > 2 * len(x):
                return None
            all_of_them = self._to_input(np.tile(np.arange(x0, x1 + 1.0), ny), np.repeat(np.arange(y0, y1 + 1.0), nx))
            self._answers.keep("rectangle", (low, high, all_of_them), nx * ny)
        at = (y.astype(int) - y0) * (x1 - x0 + 1) + x.astype(int) - x0
        return [axis[at] for axis in all_of_them]

    def _to_input(self, x, y):
        found = _pixels(pixel_to_pixel(self._out, self._in, x, y))
        if self._roundtrip:
            back = _pixels(pixel_to_pixel(self._in, self._out, *found))
            lost = (np.abs(back[0] - x) > 1) | (np.abs(back[1] - y) > 1)
            for axis in found:
                axis[lost] = np.nan
        return found

    def to_output(self, x, y):
        with self._lock, np.errstate(all="ignore"):
            return _pixels(pixel_to_pixel(self._in, self._out, x, y))

    # Areas are taken in the plane of the input's pixels.
    output_to_sky = None
    input_to_sky = None


class Shift:
    """Pixels of an output to those of an image whose first pixel is the pixel (y0, x0) of the output."""

    def __init__(self, y0, x0):
        self._x0, self._y0 = x0, y0

    def to_input(self, x, y):
        return [x - self._x0, y - self._y0]

    def to_output(self, x, y):
        return [x + self._x0, y + self._y0]

    output_to_sky = None
    input_to_sky = None


# Rows that are computed together.
_ROWS = 64
# Points that are worth a rectangle.
_MANY = 1024


class _Answers:
    """Positions by what was asked of one map. All maps together keep so many points; when there are more, all is forgotten."""

    _MOST = 1 << 22
    _lock = threading.Lock()
    _kept = {}
    _points = 0
    _maps = itertools.count()

    def __init__(self):
        self._map = next(_Answers._maps)

    def get(self, key):
        return _Answers._kept.get((self._map, key))

    def keep(self, key, found, points):
        with _Answers._lock:
            _Answers._points += points
            if _Answers._points > self._MOST:
                _Answers._kept, _Answers._points = {}, points
            _Answers._kept[self._map, key] = found


def _row(x, y):
    """First x, number and y of points that are a row of pixels, or None."""
    n = len(x)
    if n < 2 or x[-1] - x[0] != n - 1 or y[0] != y[-1] or not (np.diff(x) == 1).all() or (y != y[0]).any():
        return None
    return float(x[0]), n, float(y[0])


def _pixels(coordinates):
    return [np.array(axis, dtype=float) for axis in coordinates]
