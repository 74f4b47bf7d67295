"""Single images and cubes: reproject_interp, reproject_adaptive and reproject_exact."""

import pickle

import dask
import dask.array as da
import numpy as np
import pytest
import reproject as theirs
import scipy.ndimage
from astropy.io import fits
from astropy.wcs import WCS
from conftest import same_bytes, smooth, tan, worst

import skymosaic
from skymosaic import reproject_adaptive, reproject_exact, reproject_interp
from skymosaic._axes import planes_at

CASES = {
    "nearest": ("reproject_interp", {"order": 0}),
    "bilinear": ("reproject_interp", {}),
    "biquadratic": ("reproject_interp", {"order": "biquadratic"}),
    "bicubic": ("reproject_interp", {"order": 3}),
    "adaptive": ("reproject_adaptive", {}),
    "adaptive, hann": ("reproject_adaptive", {"kernel": "Hann", "boundary_mode": "ignore", "center_jacobian": True, "conserve_flux": True}),
    "exact": ("reproject_exact", {}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["f8", "f4", ">f4", "i2"])
def test_against_reproject(case, dtype):
    name, arguments = CASES[case]
    # reproject's areas of small pixels are off.
    scale = 0.1 if case == "exact" else 0.01
    image = np.round(100 * smooth((60, 80))).astype(dtype), tan(scale=scale)
    target = tan(shape=(110, 130), scale=scale, angle=20)
    expected = getattr(theirs, name)(image, target, **arguments)
    found = getattr(skymosaic, name)(image, target, **arguments)
    for ours, reference in zip(found, expected, strict=True):
        assert ours.dtype == "f8"
        # reproject rounds samples to float32 where the image is not float64.
        assert worst(ours, reference) < (1e-6 if case == "exact" else 1e-9 if dtype == "f8" else 2**-24)
    assert np.count_nonzero(found[1]) > 1000
    alone = getattr(skymosaic, name)(image, target, return_footprint=False, **arguments)
    assert alone.tobytes() == found[0].tobytes()


def test_outputs():
    image, target = (smooth((60, 80)), tan()), tan(shape=(110, 130), angle=20)
    expected = reproject_interp(image, target)
    for dtype, tolerance in (("f8", 0), ("f4", 1e-6), (">f8", 0), (">f4", 1e-6)):
        array, footprint = np.full((110, 130), 7, dtype), np.full((110, 260), 7, dtype)[:, ::2]
        found = reproject_interp(image, target, output_array=array, output_footprint=footprint)
        assert found[0] is array and found[1] is footprint
        assert worst(array.astype(float), expected[0]) <= tolerance and np.array_equal(footprint, expected[1])
    assert reproject_interp(image, target, output_array=array, return_footprint=False) is array
    with pytest.raises(TypeError, match="array of int64: expected one of float32 or float64, which holds the NaN"):
        reproject_interp(image, target, output_array=np.zeros((110, 130), int))
    with pytest.raises(ValueError, match="shape_out does not match"):
        reproject_interp(image, target, shape_out=(3, 4), output_array=array)


def test_every_way_gives_the_same_bytes(tmp_path):
    """Threads, blocks, lazy arrays, stores, and blocks along leading dimensions."""
    cube = smooth((5, 60, 80)) * np.arange(1, 6)[:, None, None]
    target = tan(shape=(110, 130), angle=20)
    for function in (reproject_interp, reproject_adaptive, reproject_exact):
        expected = function((cube, tan()), target)
        assert expected[0].shape == (5, 110, 130)
        assert same_bytes(function((cube, tan()), target, parallel=2), expected)
        assert same_bytes(function((cube, tan()), target, block_size=(30, 40)), expected)
        assert same_bytes(function((cube, tan()), target, parallel="current-scheduler", block_size=(50, 40)), expected)
        for given in (cube, da.from_array(cube, chunks=(2, 30, 40))):
            for block, chunks in (((30, 40), (5, 30, 40)), ((2, 110, 130), (2, 110, 130)), ((5, 110, 40), (5, 110, 40))):
                lazy = function((given, tan()), target, return_type="dask", block_size=block)
                assert lazy[0].chunksize == chunks
                assert same_bytes(dask.compute(*lazy), expected)
        assert same_bytes(function((da.from_array(cube), tan()), target, dask_method="memmap"), expected)
        path = tmp_path / f"{function.__name__}.zarr"
        stored = function((cube, tan()), target, return_type="zarr", zarr_path=path, block_size=(1, 110, 130))
        assert all(isinstance(array, da.Array) for array in stored) and stored[0].chunksize == (1, 110, 130)
        assert same_bytes(dask.compute(*stored), expected)
    with pytest.raises(ValueError, match="block shape should either match output"):
        reproject_interp((cube, tan()), target, block_size=(1, 50, 50))
    with pytest.raises(ValueError, match="cannot be returned as dask"):
        reproject_interp((cube, tan()), target, return_type="dask")


def spectral(wcs, kind="FREQ", crval=1.4e9, step=1e6, shape=None):
    """A cube's WCS."""
    header = wcs.to_header()
    header["WCSAXES"], header["CTYPE3"], header["CRPIX3"], header["CRVAL3"], header["CDELT3"] = 3, kind, 1.0, crval, step
    made = WCS(header)
    made.array_shape = shape
    return made


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_cubes(order, tmp_path):
    """Channels between channels, axes in any order, from an array and from a file; against reproject."""
    rng = np.random.default_rng(3)
    cube = smooth((7, 60, 80)) * rng.uniform(1, 2, (7, 1, 1))
    wcs = spectral(tan(), shape=(7, 60, 80))
    target = spectral(tan(shape=(50, 60), angle=20), crval=1.4e9 - 0.2e6, step=0.7e6, shape=(11, 50, 60))
    expected = theirs.reproject_interp((cube, wcs), target, order=order)
    found = reproject_interp((cube, wcs), target, order=order)
    assert all(worst(a, b) < 1e-8 for a, b in zip(found, expected, strict=True))
    assert np.isnan(found[0][10]).all() and np.isfinite(found[0][0]).any()
    fits.writeto(tmp_path / "cube.fits", cube.astype("f4"), wcs.to_header())
    from_file = reproject_interp(tmp_path / "cube.fits", target, order=order)
    assert same_bytes(from_file, reproject_interp((cube.astype("f4"), wcs), target, order=order))
    # Axes in another order, in the input and in the output.
    turned = reproject_interp((np.transpose(cube, (1, 2, 0)), wcs.sub([3, 1, 2])), target, order=order)
    assert all(worst(a, b) < 1e-12 for a, b in zip(turned, found, strict=True))
    turned = reproject_interp((cube, wcs), target.sub([3, 2, 1]), order=order, shape_out=(60, 50, 11))
    assert all(worst(np.transpose(a, (2, 1, 0)), b) < 1e-12 for a, b in zip(turned, found, strict=True))
    # A few planes at a time, lazily, and in a store.
    assert same_bytes(reproject_interp((cube, wcs), target, order=order, memory_limit=64 << 20), found)
    lazy = reproject_interp((da.from_array(cube, chunks=(3, 60, 40)), wcs), target, order=order, return_type="dask", block_size=(4, 50, 60))
    assert lazy[0].chunksize == (4, 50, 60)
    assert same_bytes(dask.compute(*lazy), found)
    lazy = reproject_interp((cube, wcs), target, order=order, return_type="dask", block_size=(11, 20, 30))
    assert same_bytes(dask.compute(*lazy), found)
    assert same_bytes(reproject_interp((cube, wcs), target, order=order, parallel="current-scheduler"), found)


def test_other_kernels_and_planes():
    """Kernels that are no splines interpolate linearly between planes, and leading axes that are not looked at."""
    cube = smooth((3, 60, 80)) * np.array([1, 2, 5])[:, None, None]
    wcs, target = spectral(tan()), spectral(tan(shape=(50, 60), angle=20), crval=1.4e9 + 3e5)
    found = reproject_adaptive((cube, wcs), target, shape_out=(3, 50, 60))
    between = 0.7 * cube + 0.3 * np.concatenate([cube[1:], cube[-1:]])
    expected = theirs.reproject_adaptive((between, tan()), tan(shape=(50, 60), angle=20))
    assert all(worst(a, b) < 1e-9 for a, b in zip(found, expected, strict=True))
    found = reproject_adaptive((cube, wcs), target, shape_out=(3, 50, 60), non_reprojected_dims=(0,))
    expected = theirs.reproject_adaptive((cube, tan()), tan(shape=(50, 60), angle=20))
    assert all(worst(a, b) < 1e-9 for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("length", [1, 2, 3, 12])
def test_planes_at(degree, length):
    """Planes between planes, against scipy's splines."""
    rng = np.random.default_rng(length)
    array = rng.normal(size=(4, length, 5))
    positions = np.sort(rng.uniform(-1, length, 40))
    found = planes_at(array, 1, positions, degree)
    inside = (positions >= -0.5) & (positions <= length - 0.5)
    for j in range(4):
        for k in range(5):
            line = array[j, :, k]
            # Degree 0 apart, where scipy rounds at positions that are clipped to the edges.
            expected = scipy.ndimage.map_coordinates(line, [np.clip(positions, 0, length - 1)], order=degree, mode="mirror")
            assert worst(found[j, :, k], np.where(inside, expected, np.nan)) < 1e-12
    whole = planes_at(array, 1, np.arange(length, dtype=float), degree)
    assert np.shares_memory(whole, array) and np.array_equal(whole, array)
    array[:, length // 2] = np.nan
    spoiled = planes_at(array, 1, np.array([length // 2 - 0.3, length // 2 + 0.3]), degree)
    assert np.isnan(spoiled).all()
    # Away from a missing pixel the others are there, and a constant stays one.
    constant = np.full((1, 12, 1), 5.0)
    constant[:, 6] = np.nan
    found = planes_at(constant, 1, np.array([2.2, 9.8, 6.0]), degree)[0, :, 0]
    assert np.abs(found[:2] - 5).max() < 1e-12 and np.isnan(found[2])


def test_lines():
    """A WCS of one axis, with which reproject fails."""
    wcs, target = WCS(naxis=1), WCS(naxis=1)
    wcs.wcs.ctype, wcs.wcs.cunit, wcs.wcs.cdelt, wcs.wcs.crval = ["FREQ"], ["Hz"], [1e6], [1.4e9]
    target.wcs.ctype, target.wcs.cunit, target.wcs.cdelt, target.wcs.crval = ["FREQ"], ["Hz"], [0.7e6], [1.4e9]
    line = np.random.default_rng(0).normal(size=(3, 20))
    at = 0.7 * np.arange(1, 31) - 1
    expected = np.array([np.where(np.abs(at - 9.5) <= 10, np.interp(at, np.arange(20), one), np.nan) for one in line])
    array, footprint = reproject_interp((line, wcs), target, shape_out=(30,))
    assert worst(array, expected) < 1e-9 and np.array_equal(footprint, ~np.isnan(expected))
    with pytest.raises(NotImplementedError, match="at least two axes"):
        reproject_exact((line, wcs), target, shape_out=(30,))


def test_coupled_axes_are_refused():
    wcs = spectral(tan())
    wcs.wcs.pc = [[1, 0, 0.1], [0, 1, 0], [0, 0, 1]]
    with pytest.raises(NotImplementedError, match="coupled"):
        reproject_interp((smooth((3, 60, 80)), wcs), spectral(tan()), shape_out=(3, 60, 80))


def test_kernels_that_reproject_lacks():
    image, target = (smooth((60, 80)), tan()), tan(shape=(60, 80), angle=10)
    for order in ("cubic", "lanczos3"):
        found = reproject_interp(image, target, order=order, return_footprint=False)
        mosaic, _ = skymosaic.reproject_and_coadd([image], target, reproject_function=order, blank_pixel_value=np.nan)
        assert found.tobytes() == mosaic.tobytes()
    for wrong, message in (({"order": "quintic"}, "order = 'quintic'"), ({"kernel": "hann"}, "unexpected keyword argument 'kernel'")):
        with pytest.raises((ValueError, TypeError), match=message):
            reproject_interp(image, target, **wrong)


def test_a_program_that_uses_reproject():
    """The same program with one import changed."""
    program = """
from {package} import reproject_interp
from {package}.mosaicking import find_optimal_celestial_wcs, reproject_and_coadd
import {package} as reproject
from {package}.utils import parse_input_data
optimal, _ = find_optimal_celestial_wcs(images)
array, footprint = reproject_and_coadd(images, wcs, shape, reproject_function=reproject_interp, order='bicubic')
one = reproject.interpolation.reproject_interp(images[0], wcs, shape_out=shape, return_footprint=False)
two = reproject.reproject_exact(images[1], wcs, shape_out=shape)[1]
three = reproject.adaptive.reproject_adaptive(images[1], wcs, shape_out=shape)[0]
pixels, where = parse_input_data(images[0])
"""
    images = [(smooth((60, 80)), tan(scale=0.1)), (smooth((60, 80), 1.0), tan((43.5, 23.2), scale=0.1, angle=20))]
    results = []
    for package in ("reproject", "skymosaic.reproject"):
        names = {"images": images, "wcs": tan(shape=(110, 130), scale=0.1), "shape": (110, 130)}
        exec(program.format(package=package), names)
        results.append(names)
    for name in ("array", "footprint", "one", "two", "three", "pixels"):
        assert worst(results[1][name], results[0][name]) < 1e-6
    import skymosaic.reproject

    for missing in ("hips",):
        with pytest.raises(NotImplementedError, match="import them from the package reproject"):
            getattr(skymosaic.reproject, missing)
    assert pickle.loads(pickle.dumps(reproject_interp)) is reproject_interp
