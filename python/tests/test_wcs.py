"""Coordinates: exact on their way to the native part, and astropy's where only astropy knows them."""

import os

import astropy.units as u
import astropy.wcs
import gwcs
import numpy as np
import pytest
import reproject
from astropy.coordinates import ICRS
from astropy.io import fits
from astropy.modeling import models
from astropy.wcs import WCS
from astropy.wcs.wcsapi import HighLevelWCSWrapper, SlicedLowLevelWCS
from conftest import same_bytes, smooth, tan, worst
from gwcs import coordinate_frames
from reproject.mosaicking import reproject_and_coadd as theirs

from skymosaic import _core, reproject_and_coadd
from skymosaic._portable import dumps, loads
from skymosaic._wcs import native_cards

PROJECTIONS = ["TAN", "SIN", "ARC", "ZEA", "STG", "CAR", "MER", "AIT", "MOL", "SFL", "COE", "ZPN", "SZP", "TSC", "HPX"]


@pytest.mark.parametrize("projection", PROJECTIONS)
@pytest.mark.parametrize("frame", ["icrs", "fk5", "fk4", "galactic", "ecliptic", "swapped"])
def test_cards_are_exact(projection, frame):
    """astropy and the native part put pixels at the same place, from headers whose numbers do not end."""
    names = {"galactic": ("GLON", "GLAT"), "ecliptic": ("ELON", "ELAT"), "swapped": ("DEC-", "RA--")}.get(frame, ("RA--", "DEC-"))
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"{name}-{projection}" for name in names]
    crval = (43 + 1 / 7, 22 + 1 / 3)
    wcs.wcs.crval = crval[::-1] if frame == "swapped" else crval
    wcs.wcs.crpix = 30 + 1 / 3, 40 + 1 / 7
    wcs.wcs.cunit = "arcsec", "arcsec"
    wcs.wcs.crval = wcs.wcs.crval * 3600
    angle = 1 / 3
    wcs.wcs.cd = np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * (100 / 3)
    if frame in ("fk5", "fk4"):
        wcs.wcs.radesys, wcs.wcs.equinox = frame.upper(), 1975.0
    lat = 1 if frame == "swapped" else 2
    pv = {"ZPN": [(lat, 1, 1 / 0.99), (lat, 3, 0.1)], "COE": [(lat, 1, 40 + 1 / 3), (lat, 2, 10.0)], "SZP": [(lat, 1, 2.0), (lat, 2, 30 + 1 / 3)]}
    wcs.wcs.set_pv(pv.get(projection, []))
    cards = native_cards(wcs)
    assert cards is not None
    x, y = (axis.ravel().astype(float) for axis in np.meshgrid(np.linspace(-20, 80, 9), np.linspace(-20, 80, 9)))
    expected = wcs.all_pix2world(x, y, 0)
    found = _core.Wcs(cards).pixel_to_celestial(x, y)
    for ours, reference in zip(found, expected[::-1] if frame == "swapped" else expected, strict=True):
        assert worst(ours, np.asarray(reference)) < 1e-12


def test_tpv():
    """A distortion that wcslib keeps to itself."""
    plain = tan()
    plain.wcs.cd = plain.pixel_scale_matrix
    header = plain.to_header()
    # With CDELT wcslib would take the coefficients in pixels.
    for keyword in ("PC1_1", "PC1_2", "PC2_1", "PC2_2"):
        header[keyword.replace("PC", "CD")] = header.pop(keyword, 0.0)
    del header["CDELT*"]
    header["CTYPE1"], header["CTYPE2"] = "RA---TPV", "DEC--TPV"
    header["PV1_1"], header["PV1_4"], header["PV2_1"], header["PV2_6"] = 1.0, 1e-3 / 3, 1.0, -2e-3 / 7
    wcs = WCS(header)
    assert list(wcs.wcs.ctype) == ["RA---TAN", "DEC--TAN"]
    x, y = np.arange(70.0), np.arange(70.0)[::-1].copy()
    expected = np.array(wcs.all_pix2world(x, y, 0))
    assert worst(np.array(_core.Wcs(native_cards(wcs)).pixel_to_celestial(x, y)), expected) < 1e-12
    assert worst(np.array(loads(dumps(wcs)).all_pix2world(x, y, 0)), expected) < 1e-12


def test_what_is_left_to_astropy():
    solar = tan(ctype=("HPLN-TAN", "HPLT-TAN"))
    plain = WCS(naxis=2)
    table = tan()
    table.cpdis1 = astropy.wcs.DistortionLookupTable(np.ones((2, 2), "f4"), (1, 1), (1, 1), (100, 100))
    assert [native_cards(wcs) for wcs in (solar, plain, table)] == [None] * 3
    assert native_cards(HighLevelWCSWrapper(tan())) is not None


def test_portable():
    """Coordinates that travel to a worker are the same to the last bit."""
    wcs = tan(ctype=("HPLN-TAN", "HPLT-TAN"), crval=(1 / 3, 1 / 7), angle=100 / 3)
    wcs.wcs.dateobs, wcs.wcs.mjdobs = "2011-02-15T00:14:03.654", 55607 + 1 / 3
    wcs.wcs.aux.dsun_obs, wcs.wcs.aux.hgln_obs, wcs.wcs.aux.hglt_obs = 1.5e11 / 3, 1 / 3, -7 / 3
    wcs.wcs.aux.rsun_ref = 695700000.0
    distorted = tan()
    distorted.wcs.ctype = "RA---TAN-SIP", "DEC--TAN-SIP"
    a = np.zeros((3, 3))
    a[2, 0], a[1, 1] = 1e-4 / 3, 1e-5 / 7
    distorted.sip = astropy.wcs.Sip(a, -a, None, None, distorted.wcs.crpix)
    turned = tan(angle=20)
    turned.wcs.cd, turned.wcs.equinox, turned.wcs.radesys = np.array([[1 / 3, 1 / 7], [1 / 9, 1 / 11]]), 1950.0, "FK4"
    x, y = np.arange(50) * 1.7, np.arange(50) * 0.9
    for wcs in (wcs, distorted, turned, HighLevelWCSWrapper(turned)):
        back = loads(dumps(wcs))
        low, low_back = (getattr(one, "low_level_wcs", one) for one in (wcs, back))
        assert np.array_equal(low.all_pix2world(x, y, 0), low_back.all_pix2world(x, y, 0))
        assert low_back.wcs.radesys == low.wcs.radesys and low_back.array_shape == low.array_shape
        for name in ("dsun_obs", "hgln_obs", "hglt_obs", "rsun_ref"):
            assert getattr(low.wcs.aux, name) == getattr(low_back.wcs.aux, name)
        assert (low.wcs.mjdobs == low_back.wcs.mjdobs or np.isnan(low.wcs.mjdobs)) and low.wcs.dateobs == low_back.wcs.dateobs


def generalized(wcs):
    """A GWCS of the same coordinates as a tangential FITS WCS."""
    (x, y), matrix = wcs.wcs.crpix - 1, wcs.pixel_scale_matrix
    steps = models.Shift(-x) & models.Shift(-y) | models.AffineTransformation2D(matrix) | models.Pix2Sky_TAN()
    steps |= models.RotateNative2Celestial(*wcs.wcs.crval, 180)
    detector = coordinate_frames.Frame2D(name="detector", axes_names=("x", "y"), unit=(u.pix, u.pix))
    sky = coordinate_frames.CelestialFrame(reference_frame=ICRS(), name="icrs")
    found = gwcs.WCS([(detector, steps), (sky, None)])
    found.array_shape = wcs.array_shape
    return found


@pytest.mark.parametrize("kernel", ["bilinear", "bicubic", "drizzle"])
def test_gwcs(images, target, kernel):
    """Inputs and targets that astropy maps, by their nodes, against the native way."""
    images = images[:3] if kernel == "bilinear" else images[1:3]
    common = {"shape_out": target.array_shape, "reproject_function": kernel}
    expected = reproject_and_coadd(images, target, coordinate_error=0, **common)
    mapped = [(array, generalized(wcs)) for array, wcs in images]
    for inputs, output in ((mapped, target), ([*images[:1], *mapped[1:]], generalized(target))):
        exact = reproject_and_coadd(inputs, output, coordinate_error=0, **common)
        assert all(worst(a, b) < 2e-9 for a, b in zip(exact, expected, strict=True))
        cheap = reproject_and_coadd(inputs, output, **common)
        assert worst(cheap[0], expected[0]) < 1e-4
        assert same_bytes(reproject_and_coadd(inputs, output, parallel=2, **common), cheap)


def test_wrapped(images, target):
    """Other classes around FITS WCS."""
    common = {"shape_out": target.array_shape, "reproject_function": "bilinear"}
    expected = reproject_and_coadd(images, target, **common)
    wrapped = [(array, HighLevelWCSWrapper(wcs)) for array, wcs in images]
    assert same_bytes(reproject_and_coadd(wrapped, HighLevelWCSWrapper(target), **common), expected)
    part = HighLevelWCSWrapper(SlicedLowLevelWCS(target, np.s_[10:60, 20:90]))
    found = reproject_and_coadd(images, part, shape_out=(50, 70), reproject_function="bilinear", coordinate_error=0)
    exact = reproject_and_coadd(images, target, coordinate_error=0, **common)
    assert all(worst(a, b[10:60, 20:90]) < 1e-9 for a, b in zip(found, exact, strict=True))


def test_file_with_a_solar_wcs(tmp_path):
    """Pixels of a file by path, its coordinates by astropy."""
    pytest.importorskip("sunpy")
    import sunpy.coordinates  # noqa: F401

    wcs = tan(crval=(0, 0), ctype=("HPLN-TAN", "HPLT-TAN"), scale=5 / 3600)
    wcs.wcs.dateobs = "2011-02-15T00:00:00"
    wcs.wcs.aux.dsun_obs, wcs.wcs.aux.hgln_obs, wcs.wcs.aux.hglt_obs, wcs.wcs.aux.rsun_ref = 1.48e11, 0.0, -6.8, 6.957e8
    array = smooth((60, 80))
    fits.writeto(tmp_path / "sun.fits", array, wcs.to_header())
    target = tan(crval=(0.01, 0.005), ctype=("HPLN-TAN", "HPLT-TAN"), scale=6 / 3600, angle=20)
    target.wcs.dateobs, target.wcs.aux.rsun_ref = "2011-02-15T00:00:00", 6.957e8
    target.wcs.aux.dsun_obs, target.wcs.aux.hgln_obs, target.wcs.aux.hglt_obs = 1.48e11, 0.0, -6.8
    common = {"shape_out": (60, 80), "reproject_function": reproject.reproject_interp}
    expected = theirs([str(tmp_path / "sun.fits")], target, **common)
    found = reproject_and_coadd([str(tmp_path / "sun.fits")], target, coordinate_error=0, **common)
    assert np.count_nonzero(expected[1]) > 1000
    assert all(worst(a, b) < 1e-9 for a, b in zip(found, expected, strict=True))


def test_solar_maps():
    """Three views of the Sun onto one map of it: reproject's own test, against its stored result."""
    pytest.importorskip("sunpy")
    from reproject.mosaicking.tests import test_coadd
    from sunpy.map import Map, all_coordinates_from_map

    maps = [Map(os.path.join(test_coadd.DATA, name)) for name in ("secchi_l0_a.fits", "aia_171_level1.fits", "secchi_l0_b.fits")]
    weights = [all_coordinates_from_map(map_).transform_to("heliocentric").z.value for map_ in maps]
    weights = [(w / np.nanmax(w)) ** 4 for w in weights]
    images = [(map_.data * scale, map_.wcs) for map_, scale in zip(maps, [1 / 6, 1, 1 / 6], strict=True)]
    target = WCS(fits.Header.fromstring(test_coadd.HEADER_SOLAR_OUT, sep="\n"))
    reference = os.path.join(os.path.dirname(test_coadd.__file__), "reference", "test_coadd_solar_map.fits")
    found = reproject_and_coadd(
        images, target, [90, 180], input_weights=weights, reproject_function="interp", match_background=True, coordinate_error=0
    )
    for ours, name in zip(found, (0, 1), strict=True):
        expected = fits.getdata(reference, name)
        print(ours.shape)
        assert worst(ours, expected) < 1e-6


def test_a_map_that_fails(images, target):
    class Broken(SlicedLowLevelWCS):
        def pixel_to_world_values(self, *pixel):
            raise RuntimeError("this telescope is closed")

    broken = HighLevelWCSWrapper(Broken(target, Ellipsis))
    with pytest.raises(RuntimeError, match="this telescope is closed"):
        reproject_and_coadd(images, broken, shape_out=target.array_shape, reproject_function="interp")
