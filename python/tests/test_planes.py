"""Variances, flags, counts and contexts; what a mosaic says of itself; and functions that the caller has written."""

import functools
import pickle

import dask
import numpy as np
import pytest
import reproject as theirs
from conftest import same_bytes, tan, worst

from skymosaic import Plan, reproject_and_coadd, reproject_interp

PLANES = ("variance", "mask", "count", "context")


@pytest.fixture
def exposures():
    """Images on the same pixels, shifted by whole ones, so that the mosaic can be computed by hand."""
    rng = np.random.default_rng(7)
    wcs = tan()
    made = []
    for number in range(3):
        shifted = wcs.deepcopy()
        shifted.wcs.crpix = wcs.wcs.crpix + number
        made.append((rng.normal(10, 1, (60, 80)), shifted))
    variances = [rng.uniform(1, 2, (60, 80)) for _ in made]
    masks = [rng.integers(0, 8, (60, 80)).astype("u1") for _ in made]
    made[1][0][5:9, 5:9] = np.nan
    return made, variances, masks


def by_hand(exposures, exclude=0):
    """Stacks of values, variances and flags on the pixels of the first exposure; NaN where there are none."""
    images, variances, masks = exposures
    stack = np.full((3, 3, 60, 80), np.nan)
    for number, ((array, _), variance, mask) in enumerate(zip(images, variances, masks, strict=True)):
        part = np.s_[: 60 - number, : 80 - number]
        for plane, values in enumerate((array, variance, mask)):
            values = np.where(np.isnan(array) | ((mask & exclude) != 0), np.nan, values)
            stack[(plane, number, *part)] = values[number:, number:]
    return stack


def test_planes(exposures, tmp_path):
    images, variances, masks = exposures
    common = {
        "output_projection": tan(),
        "reproject_function": "nearest",
        "input_variance": variances,
        "input_mask": masks,
        "exclude_bits": 4,
        "planes": PLANES,
        "blank_pixel_value": np.nan,
    }
    made = reproject_and_coadd(images, **common)
    array, footprint = made
    values, variance, flags = by_hand(exposures, exclude=4)
    there = ~np.isnan(values)
    n = there.sum(axis=0)
    mean = np.where(n > 0, np.nansum(values, axis=0) / np.maximum(n, 1), np.nan)
    assert worst(array, mean) < 1e-12
    assert np.array_equal(footprint, n) and np.array_equal(made.count, n)
    assert worst(made.variance, np.where(n > 0, np.nansum(variance, axis=0) / np.maximum(n, 1) ** 2, np.nan)) < 1e-12
    assert np.array_equal(made.mask, np.bitwise_or.reduce(np.nan_to_num(flags).astype(int), axis=0))
    assert made.context.shape == (1, 60, 80) and np.array_equal(made.context[0], (there * (1 << np.arange(3))[:, None, None]).sum(axis=0))
    weighed = reproject_and_coadd(images, **common, combine_function="inverse_variance")
    with np.errstate(invalid="ignore"):
        expected = np.nansum(values / variance, axis=0) / np.nansum(1 / variance, axis=0)
    assert worst(weighed.array, expected) < 1e-12
    # In every form.
    for further in ({"return_type": "dask", "block_size": (30, 40)}, {"return_type": "zarr", "zarr_path": tmp_path / "m.zarr", "block_size": (30, 40)}):
        other = reproject_and_coadd(images, **common, **further)
        assert same_bytes(dask.compute(*other), made)
        assert same_bytes(dask.compute(*(getattr(other, name) for name in PLANES)), [getattr(made, name) for name in PLANES])
    other = reproject_and_coadd(images, **common, parallel="current-scheduler", block_size=(30, 40))
    assert same_bytes([getattr(other, name) for name in PLANES], [getattr(made, name) for name in PLANES])
    again = pickle.loads(pickle.dumps(made))
    assert same_bytes(again, made) and np.array_equal(again.count, made.count) and again.summary == made.summary


def test_scales_and_summary(exposures):
    images, _, _ = exposures
    scaled = [(array / (number + 2), wcs) for number, (array, wcs) in enumerate(images)]
    common = {"output_projection": tan(), "reproject_function": "bilinear"}
    expected = reproject_and_coadd(images, **common)
    found = reproject_and_coadd(scaled, **common, input_scale=[2, 3, 4])
    assert worst(found.array, expected.array) < 1e-12
    summary = expected.summary
    assert summary.output_pixels == 60 * 80 and summary.covered_pixels == np.count_nonzero(expected.footprint)
    assert [one.used for one in summary.inputs] == [True] * 3 and summary.inputs[0].resampled_pixels == np.isfinite(images[0][0]).sum()
    assert summary.max_coordinate_error < 1e-8 and summary.backgrounds == []
    matched = reproject_and_coadd([(array + 5 * k, wcs) for k, (array, wcs) in enumerate(images)], **common, match_background=True)
    (backgrounds,) = matched.summary.backgrounds
    steps = np.diff([correction.offset for correction in backgrounds.corrections])
    # The images are noise of their own: medians of 4000 differences are off by 0.03 or so.
    assert np.abs(steps - 5).max() < 0.2 and backgrounds.groups == [[0, 1, 2]] and len(backgrounds.pairs) == 3
    alone = reproject_and_coadd(images, **common, return_footprint=False)
    assert isinstance(alone, np.ndarray) and alone.tobytes() == expected.array.tobytes()


def test_wrong_planes(exposures):
    images, variances, _ = exposures
    common = {"output_projection": tan(), "reproject_function": "bilinear"}
    for kind, message, arguments in (
        (ValueError, "planes = ", {"planes": ("noise",)}),
        (ValueError, "variance", {"planes": ("variance",)}),
        (ValueError, "input_variance has 2 entries for 3", {"input_variance": variances[:2]}),
        (ValueError, "the variance", {"input_variance": [variance[1:] for variance in variances]}),
        (ValueError, "combine", {"combine_function": "inverse_variance"}),
    ):
        with pytest.raises(kind, match=message):
            reproject_and_coadd(images, **common, **arguments)


def own_function(data, **named):
    """What a user may have written: theirs, with everything doubled."""
    result = theirs.reproject_interp(data, **named)
    return (2 * result[0], result[1]) if named.get("return_footprint", True) else result


@pytest.mark.parametrize("combine", ["mean", "median", "first"])
def test_functions_of_the_caller(images, target, combine):
    common = {"output_projection": target, "shape_out": target.array_shape, "combine_function": combine}
    weights = [1 + np.arange(array.size).reshape(array.shape) % 7 for array, _ in images]
    for further in ({}, {"input_weights": weights}, {"match_background": True}):
        if combine == "median" and further:
            continue
        expected = reproject_and_coadd(images, reproject_function=reproject_interp, **common, **further)
        with pytest.warns(UserWarning, match="own_function is not a function of skymosaic"):
            found = reproject_and_coadd(images, reproject_function=own_function, **common, **further)
        assert worst(found.array / 2, expected.array) < 1e-8
        assert worst(found.footprint, expected.footprint) < 1e-8
    with pytest.warns(UserWarning, match="called for one image after the other"):
        cubic = reproject_and_coadd(images, reproject_function=functools.partial(own_function, order=0), **common)
    nearest = reproject_and_coadd(images, reproject_function="nearest", **common)
    assert worst(cubic.array / 2, nearest.array) < 1e-9


def test_sky_and_exposures(images, target):
    """A sky level is taken off before the scale; all images of an exposure get one correction."""
    common = {"output_projection": target, "shape_out": target.array_shape, "reproject_function": "bilinear"}
    expected = reproject_and_coadd([(2 * (array - 3), wcs) for array, wcs in images], **common)
    found = reproject_and_coadd(images, **common, input_scale=[2] * 4, input_sky=[3.0] * 4)
    assert worst(found.array, expected.array) < 1e-12
    matched = reproject_and_coadd(images, **common, match_background=True, input_exposure=["a", "b", "a", None])
    first, second, third, _ = (correction.offset for correction in matched.summary.backgrounds[0].corrections)
    assert first == third != second


def test_plan(images, files, target):
    """What is known before a run agrees with what a run finds."""
    common = {"output_projection": target, "shape_out": target.array_shape, "reproject_function": "bilinear"}
    far = tan((143, 23))
    plan = Plan([*files, (images[0][0], far)], **common)
    assert plan.shape == (110, 130) and plan.overlapping == 4 and plan.bounds[4] == []
    for (y, x), (array, wcs) in zip((bounds[0] for bounds in plan.bounds[:4]), images, strict=True):
        _, footprint = reproject_interp((array, wcs), target)
        rows, columns = (np.flatnonzero(footprint.any(axis=axis)) for axis in (1, 0))
        # They hold what the image covers, and few pixels more.
        assert 0 <= rows[0] - y.start <= 8 and 0 <= y.stop - 1 - rows[-1] <= 8
        assert 0 <= columns[0] - x.start <= 8 and 0 <= x.stop - 1 - columns[-1] <= 8
    assert plan.output_bytes == 2 * 8 * 110 * 130 and plan.intermediate_bytes == 0
    expected = reproject_and_coadd([*files, (images[0][0], far)], **common)
    made = plan.run()
    assert same_bytes(made, expected) and made.summary == expected.summary
    assert same_bytes(pickle.loads(pickle.dumps(plan)).run(), expected)
    stored = Plan(files, **common, match_background=True, intermediate_memmap=True, planes=("count", "context"))
    samples = sum((y.stop - y.start) * (x.stop - x.start) for bounds in stored.bounds for y, x in bounds)
    assert stored.intermediate_bytes == 2 * 8 * samples
    assert stored.output_bytes == (2 * 8 + 2 * 4) * 110 * 130
