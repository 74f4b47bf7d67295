"""HEALPix maps: against reproject in frames and WCS of all kinds, tables of all kinds, and bad input."""

from pathlib import Path

import numpy as np
import pytest
import reproject
from astropy.coordinates import (
    FK4,
    FK5,
    BarycentricMeanEcliptic,
    GeocentricTrueEcliptic,
    Supergalactic,
)
from astropy.io import fits
from astropy.wcs.wcsapi import HighLevelWCSWrapper, SlicedLowLevelWCS
from conftest import overlapping, smooth, tan, worst

from skymosaic import reproject_from_healpix, reproject_to_healpix

GOLDEN = Path(__file__).parents[2] / "tests" / "golden" / "healpix"
# Positions of astropy and of the native part differ in their last bits.
LIMIT = 1e-11
# By name, of headers, of headers that astropy does not read, and of none.
FRAMES = ["icrs", "galactic", FK5(equinox="J1980"), FK4(), BarycentricMeanEcliptic(), Supergalactic(), GeocentricTrueEcliptic()]


def numbers(nside):
    """Values that differ wholly from pixel to pixel."""
    return np.random.default_rng(nside).normal(size=12 * nside**2)


def opaque(wcs):
    """The WCS behind the interface of APE 14."""
    return HighLevelWCSWrapper(SlicedLowLevelWCS(wcs, Ellipsis))


def wide(**kwargs):
    return tan(crval=(100.0, 58.0), scale=0.7, **kwargs)


@pytest.mark.parametrize("frame", FRAMES, ids=str)
@pytest.mark.parametrize("kind", [lambda wcs: wcs, opaque], ids=["native", "astropy"])
@pytest.mark.parametrize("order", ["bilinear", "nearest-neighbor"])
def test_from_healpix_equals_reproject(frame, kind, order):
    wcs = kind(wide())
    given = (numbers(16), frame)
    arguments = {"shape_out": (60, 80), "order": order, "nested": True}
    found, footprint = reproject_from_healpix(given, wcs, **arguments, parallel=2)
    expected, footprint_expected = reproject.reproject_from_healpix(given, wcs, **arguments)
    assert worst(found, expected) < LIMIT
    assert np.array_equal(footprint, footprint_expected)


@pytest.mark.parametrize("frame", FRAMES, ids=str)
@pytest.mark.parametrize("kind", [lambda wcs: wcs, opaque], ids=["native", "astropy"])
@pytest.mark.parametrize("order", ["bilinear", "nearest-neighbor"])
def test_to_healpix_equals_reproject(frame, kind, order):
    image = (smooth((60, 80)), kind(wide(angle=30.0)))
    arguments = {"nside": 32, "order": order}
    found, footprint = reproject_to_healpix(image, frame, **arguments, coordinate_error=0)
    expected, footprint_expected = reproject.reproject_to_healpix(image, frame, **arguments)
    assert np.isfinite(expected).sum() > 500
    assert worst(found, expected) < LIMIT
    assert np.array_equal(footprint, footprint_expected)


def test_many_images_are_their_mean():
    images = overlapping(scale=0.1)
    weights = [np.full(array.shape, 0.5 + number) for number, (array, _) in enumerate(images)]
    found, footprint = reproject_to_healpix(images, "icrs", nside=512, nested=True, input_weights=weights, parallel=2)
    total, weight = np.zeros(12 * 512**2), np.zeros(12 * 512**2)
    for number, image in enumerate(images):
        alone, covered = reproject_to_healpix(image, "icrs", nside=512, nested=True)
        total += np.where(covered > 0, (0.5 + number) * alone, 0)
        weight += (0.5 + number) * covered
    assert np.array_equal(footprint, weight)
    with np.errstate(invalid="ignore"):
        assert worst(found, total / weight) < 1e-12


def test_options_are_those_of_reproject_and_coadd():
    images = overlapping(scale=0.1)
    arguments = {"coord_system_out": "galactic", "nside": 256, "reproject_function": "lanczos3"}
    highest, _ = reproject_to_healpix(images, combine_function="max", blank_pixel_value=-9.0, **arguments)
    singles = [reproject_to_healpix(image, **arguments)[0] for image in images]
    expected = np.fmax.reduce(singles)
    assert np.array_equal(highest, np.where(np.isnan(expected), -9.0, expected))
    with pytest.raises(TypeError, match="unexpected keyword argument 'kernl'"):
        reproject_to_healpix(images, kernl="hann", **arguments)
    with pytest.raises(ValueError, match="order = 'bicubic'"):
        reproject_to_healpix(images, order="bicubic", **arguments)


@pytest.mark.parametrize("name", ["full", "partial", "multi"])
def test_a_table_is_the_same_as_file_and_as_hdu(name):
    path, sky = GOLDEN / f"{name}.fits", fits.Header.fromtextfile(GOLDEN / "target-car.hdr")
    from_file = reproject_from_healpix(path, sky, order="nearest-neighbor")
    with fits.open(path) as hdus:
        from_hdu = reproject_from_healpix(hdus[1], sky, order="nearest-neighbor")
    assert np.isfinite(from_file[0]).any()
    for one, other in zip(from_file, from_hdu, strict=True):
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("kind", [fits.BinTableHDU, fits.TableHDU])
def test_a_table_without_order_takes_the_one_given(kind, tmp_path):
    values = numbers(16)
    hdu = kind.from_columns([fits.Column("T", "E" if kind is fits.BinTableHDU else "E15.7", array=values.astype("f4"))])
    hdu.header["COORDSYS"] = "G"
    hdu.writeto(tmp_path / "map.fits")
    expected, _ = reproject_from_healpix((values, "galactic"), wide(), nested=True)
    for given in (hdu, tmp_path / "map.fits"):
        with pytest.raises(ValueError, match="Could not determine whether"):
            reproject_from_healpix(given, wide())
        found, _ = reproject_from_healpix(given, wide(), nested=True)
        assert worst(found, expected) < 1e-6


def test_missing_pixels_have_no_footprint():
    values = numbers(16)
    values[::7] = np.nan
    for order in ("bilinear", "nearest-neighbor"):
        array, footprint = reproject_from_healpix((values, "icrs"), wide(), nested=False, order=order)
        assert 0 < np.isnan(array).sum() < array.size
        assert np.array_equal(footprint, np.isfinite(array))


def test_bad_input_is_refused(tmp_path):
    wcs, map_of_48 = wide(), (np.zeros(48), "icrs")
    with pytest.raises(ValueError, match="12"):
        reproject_from_healpix((np.zeros(47), "icrs"), wcs, nested=False)
    with pytest.raises(ValueError, match="NSIDE = 3"):
        reproject_from_healpix((np.zeros(108), "icrs"), wcs, nested=True)
    with pytest.raises(ValueError, match="set nested=True or nested=False"):
        reproject_from_healpix(map_of_48, wcs)
    with pytest.raises(ValueError, match="Only nearest-neighbor and bilinear"):
        reproject_from_healpix(map_of_48, wcs, nested=False, order=2)
    with pytest.raises(ValueError, match="system=marsian"):
        reproject_from_healpix((np.zeros(48), "marsian"), wcs, nested=False)
    with pytest.raises(TypeError, match="HDU object or a tuple"):
        reproject_from_healpix(np.zeros(48), wcs, nested=False)
    with pytest.raises(ValueError, match="two axes"):
        reproject_from_healpix(map_of_48, wcs, shape_out=(3, 60, 80), nested=False)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        reproject_from_healpix(tmp_path / "nowhere.fits", wcs)
    with pytest.raises(OSError, match="no column 7"):
        reproject_from_healpix(GOLDEN / "full.fits", wcs, field=7)
    image = (smooth((60, 80)), wcs)
    with pytest.raises(ValueError, match="NSIDE = 12"):
        reproject_to_healpix(image, "icrs", nside=12, nested=True)
    with pytest.raises(ValueError, match="2\\^29"):
        reproject_to_healpix(image, "icrs", nside=1 << 30)
    with pytest.raises(NotImplementedError, match="2-d celestial WCS"):
        reproject_to_healpix((np.zeros((2, 60, 80)), wcs), "icrs")
    with pytest.raises(ValueError, match="no input data"):
        reproject_to_healpix([], "icrs")
