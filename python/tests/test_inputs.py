"""Everything that may be an image, a weight or a target."""

from pathlib import Path

import astropy.units as u
import dask.array as da
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData, NDData
from conftest import same_bytes, smooth, tan, worst

from skymosaic import reproject_and_coadd


def mosaic(images, target, **arguments):
    arguments = {"shape_out": target.array_shape, "reproject_function": "interp", **arguments}
    return reproject_and_coadd(images, target, **arguments)


@pytest.fixture
def image():
    return smooth((60, 80)).astype("f4"), tan()


@pytest.fixture
def expected(image, target):
    return mosaic([image], target)


def test_forms(image, target, expected, tmp_path):
    array, wcs = image
    header = wcs.to_header()
    path = tmp_path / "[odd] name.fits"
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(array, header, name="SCI"), fits.ImageHDU(0 * array, header, name="DQ")])
    hdus.writeto(path)
    packed = tmp_path / "packed.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(array, header, compression_type="GZIP_2", quantize_level=0)]).writeto(packed)
    with fits.open(path) as opened, fits.open(path, memmap=False) as read:
        read["SCI"].data += 0
        forms = {
            "tuple": (array, wcs),
            "header": (array, header),
            "big-endian": (array.astype(">f4"), wcs),
            "fortran": (np.asfortranarray(array), wcs),
            "backwards": (array[::-1, ::-1].copy()[::-1, ::-1], wcs),
            "double": (array.astype("f8"), wcs),
            "dask": (da.from_array(array, chunks=32), wcs),
            "nddata": NDData(array, wcs=wcs),
            "nddata of dask": NDData(da.from_array(array), wcs=wcs),
            "ccddata": CCDData(array, wcs=wcs, unit=u.adu),
            "quantity": (array * u.Jy, wcs),
            "memory": fits.ImageHDU(array, header),
            "in a file": opened["SCI"],
            "read": read["SCI"],
        }
        found = {name: mosaic([form], target) for name, form in forms.items()}
        for hdu in ("SCI", 1, ("sci", 1)):
            found[f"path, {hdu}"] = mosaic([str(path)], target, hdu_in=hdu)
            found[f"list, {hdu}"] = mosaic([opened], target, hdu_in=hdu)
        found["pathlib"] = mosaic([Path(path)], target, hdu_in=1)
        found["compressed"] = mosaic([packed], target)
    for name, (result, footprint) in found.items():
        print(name)
        # Headers of files have 14 digits.
        assert worst(result, expected[0]) < 1e-9
        assert np.array_equal(footprint, expected[1])
    for name in ("big-endian", "fortran", "backwards", "dask", "nddata", "quantity"):
        assert same_bytes(found[name], expected), name


@pytest.mark.parametrize("kind", ["b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">i2", ">f8", "g"])
def test_types(target, kind):
    pixels = (smooth((60, 80)) > 0.5).astype(kind)
    expected = mosaic([(pixels.astype("f8"), tan())], target)
    assert worst(mosaic([(pixels, tan())], target)[0], expected[0]) < 1e-15


def test_masked(image, target):
    array, wcs = image
    mask = np.zeros(array.shape, bool)
    mask[10:15, 20:30] = True
    missing = np.where(mask, np.nan, array)
    assert same_bytes(mosaic([(np.ma.array(array, mask=mask), wcs)], target), mosaic([(missing, wcs)], target))
    assert same_bytes(mosaic([NDData(array, mask=mask, wcs=wcs)], target), mosaic([(missing, wcs)], target))


def test_changed_in_memory(image, target, tmp_path):
    """What the caller sees counts, not the file."""
    array, wcs = image
    path = tmp_path / "file.fits"
    fits.writeto(path, array, wcs.to_header())
    moved = tan((43.02, 23.0))
    for change in ("in place", "replaced", "header"):
        with fits.open(path) as hdus:
            if change == "in place":
                hdus[0].data[...] = 5
            elif change == "replaced":
                hdus[0].data = np.full_like(array, 5)
            else:
                hdus[0].header["CRVAL1"] = 43.02
            found, footprint = mosaic([hdus[0]], target)
        if change == "header":
            assert worst(found, mosaic([(array, moved)], target)[0]) < 1e-9
        else:
            assert np.all(found[footprint > 0] == 5)


def test_weights(image, target, tmp_path):
    array, wcs = image
    weights = np.linspace(0.5, 2, array.size).reshape(array.shape)
    fits.writeto(tmp_path / "plain.fits", weights)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(weights), fits.ImageHDU(weights)]).writeto(tmp_path / "two.fits")
    expected = mosaic([image], target, input_weights=[weights])
    forms = [
        str(tmp_path / "plain.fits"),
        tmp_path / "plain.fits",
        fits.ImageHDU(weights),
        fits.HDUList([fits.PrimaryHDU(weights)]),
        weights.astype(">f8"),
    ]
    for form in forms:
        assert same_bytes(mosaic([image], target, input_weights=[form]), expected)
    assert same_bytes(mosaic([image], target, input_weights=[tmp_path / "two.fits"], hdu_weights=2), expected)
    with pytest.raises(ValueError, match="please specify HDU to use with ``hdu_weights=`` option"):
        mosaic([image], target, input_weights=[tmp_path / "two.fits"])
    with pytest.raises(TypeError, match="input_weights should either be an HDU object or a Numpy array"):
        mosaic([image], target, input_weights=[3])
    with pytest.raises(ValueError, match="2 entries for 1 input"):
        mosaic([image], target, input_weights=[weights, weights])
    with pytest.raises(ValueError, match="weights has shape"):
        mosaic([image], target, input_weights=[weights[:-1]])
    # On a WCS of their own, in a file and in memory.
    other = tan(shape=(40, 50), scale=0.025)
    map_ = smooth((40, 50)) + 3
    hdu = fits.PrimaryHDU(map_, other.to_header())
    hdu.writeto(tmp_path / "map.fits")
    in_memory = mosaic([image], target, input_weights=[hdu])
    in_file = mosaic([image], target, input_weights=[tmp_path / "map.fits"])
    assert all(worst(a, b) < 1e-9 for a, b in zip(in_file, in_memory, strict=True))
    assert np.ptp(in_memory[1][in_memory[1] > 0]) > 0.5


def test_errors(image, target, tmp_path):
    array, wcs = image
    cases = [
        (TypeError, "input_data should either be an HDU object or a tuple", {"images": [3]}),
        (TypeError, "input_data should either be an HDU object or a tuple", {"images": [(array, 3)]}),
        (TypeError, "cannot mosaic an array of type complex128", {"images": [(array.astype(complex), wcs)]}),
        (FileNotFoundError, "missing.fits", {"images": [str(tmp_path / "missing.fits")]}),
        (ValueError, "no input data was given", {"images": []}),
        (ValueError, "combine_function should be one of mean/sum/first/last/min/max", {"combine_function": "mode"}),
        (ValueError, "reprojection function should be specified", {"reproject_function": None}),
        (TypeError, "reproject_function = .spline.", {"reproject_function": "spline"}),
        (TypeError, r"interp\(\) got an unexpected keyword argument 'kernel'", {"kernel": "hann"}),
        (ValueError, "order = 'quintic'", {"order": "quintic"}),
        (ValueError, "Cannot specify block_sizes= and block_size=", {"block_size": (8, 8), "block_sizes": (8, 8)}),
        (ValueError, "must have a shape matching", {"output_array": np.zeros((3, 3))}),
        (ValueError, "must have a shape matching", {"output_footprint": np.zeros((3, 3))}),
        (ValueError, "Number of dimensions in input and output data should match", {"shape_out": (2, 110, 130)}),
        (ValueError, "processors to use must be strictly positive", {"parallel": 0}),
        (ValueError, "coordinate_error", {"coordinate_error": -1}),
        (ValueError, "background_reference|match_background", {"match_background": True, "background_reference": 3}),
        (ValueError, "return_type should be set", {"return_type": "xarray"}),
        (ValueError, "zarr_path", {"return_type": "zarr"}),
        (ValueError, "intermediate_memmap", {"intermediate_memmap": "disk"}),
    ]
    for kind, message, arguments in cases:
        images = arguments.pop("images", [image])
        print(message)
        with pytest.raises(kind, match=message):
            mosaic(images, target, **arguments)
    with pytest.raises(ValueError, match="Need to specify shape_out"):
        reproject_and_coadd([image], _without_shape(), reproject_function="interp")
    with pytest.raises(ValueError, match="Need to specify shape since output header"):
        reproject_and_coadd([image], _without_shape().to_header(), reproject_function="interp")
    with pytest.raises(TypeError, match="output_projection should either be"):
        reproject_and_coadd([image], 3, reproject_function="interp")
    (tmp_path / "text.fits").write_text("no FITS")
    with pytest.raises(OSError, match="text.fits"):
        mosaic([tmp_path / "text.fits"], target)
    fits.HDUList([fits.PrimaryHDU(array, wcs.to_header()), fits.ImageHDU(array, wcs.to_header())]).writeto(tmp_path / "two.fits")
    with pytest.raises(ValueError, match="More than one HDU is present, please specify HDU to use with ``hdu_in=`` option"):
        mosaic([tmp_path / "two.fits"], target)
    with fits.open(tmp_path / "two.fits") as hdus, pytest.raises(ValueError, match="More than one HDU is present"):
        mosaic([hdus], target)


def _without_shape():
    wcs = tan()
    wcs.array_shape = None
    return wcs
