"""Mosaics against those of reproject, pixel by pixel."""

import numpy as np
import pytest
import reproject
from astropy.io import fits
from astropy.wcs import WCS
from conftest import overlapping, smooth, tan, worst
from reproject.mosaicking import reproject_and_coadd as theirs

from skymosaic import reproject_and_coadd

FUNCTIONS = {
    "nearest": (reproject.reproject_interp, {"order": 0}),
    "bilinear": (reproject.reproject_interp, {}),
    "biquadratic": (reproject.reproject_interp, {"order": "biquadratic"}),
    "bicubic": (reproject.reproject_interp, {"order": 3}),
    "adaptive": (reproject.reproject_adaptive, {}),
    "adaptive hann": (reproject.reproject_adaptive, {"kernel": "Hann", "boundary_mode": "ignore", "conserve_flux": True}),
    "exact": (reproject.reproject_exact, {}),
}


@pytest.mark.parametrize("kernel", FUNCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_kernels(kernel, weighted):
    # reproject's areas of pixels of 0.01 degree are off by 1e-5: pixels in the middle of an image have a footprint of 0.99998.
    scale = 0.1 if kernel == "exact" else 0.01
    images, target = overlapping(scale), tan(shape=(110, 130), scale=scale)
    if kernel == "exact":
        # And it loses a part of pixels that lie on those of the output without being turned.
        images = images[:3]
    function, arguments = FUNCTIONS[kernel]
    common = {"shape_out": target.array_shape, "reproject_function": function, **arguments}
    if weighted:
        if kernel in ("biquadratic", "bicubic"):
            pytest.skip("weights are interpolated linearly here: splines overshoot to negative weights")
        common["input_weights"] = [1 + np.arange(array.size).reshape(array.shape) % 7 for array, _ in images]
        common["input_weights"][1][:, 30:40] = 0
        # reproject conserves the flux of weights too.
        common.pop("conserve_flux", None)
    expected = theirs(images, target, **common)
    found = reproject_and_coadd(images, target, coordinate_error=0, **common)
    for ours, reference in zip(found, expected, strict=True):
        assert worst(ours, reference) < (1e-8 if kernel == "exact" else 1e-9)
    # The cheap coordinates are off by 1e-4 pixel at most, of images that change by less than 0.5 a pixel.
    if kernel in ("bilinear", "bicubic") and not weighted:
        assert worst(reproject_and_coadd(images, target, **common)[0], expected[0]) < 5e-5


@pytest.mark.parametrize("combine", ["mean", "sum", "first", "last", "min", "max"])
def test_combinations(images, target, combine):
    common = {"shape_out": target.array_shape, "reproject_function": reproject.reproject_interp, "combine_function": combine}
    expected, _ = theirs(images, target, blank_pixel_value=-7, **common)
    found, footprint = reproject_and_coadd(images, target, blank_pixel_value=-7, coordinate_error=0, **common)
    assert worst(found, expected) < 1e-9
    # The footprint tells how many images there are, whatever the combination; reproject's that of the one chosen.
    _, count = theirs(images, target, **{**common, "combine_function": "mean"})
    assert np.array_equal(footprint, count)


def test_median(images, target):
    common = {"shape_out": target.array_shape, "reproject_function": "interp", "coordinate_error": 0}
    found, _ = reproject_and_coadd(images, target, combine_function="median", **common)
    parts = []
    for image in images:
        array, footprint = reproject.reproject_interp(image, target, shape_out=target.array_shape)
        parts.append(np.where(footprint > 0, array, np.nan))
    covered = ~np.isnan(parts).all(axis=0)
    assert worst(found[covered], np.nanmedian(np.array(parts)[:, covered], axis=0)) < 1e-9
    assert not found[~covered].any()


def test_backgrounds(images, target):
    offsets = [3.0, -5.0, 0.25, 11.0]
    shifted = [(array + offset, wcs) for (array, wcs), offset in zip(images, offsets, strict=True)]
    common = {"shape_out": target.array_shape, "reproject_function": reproject.reproject_interp, "match_background": True}
    np.random.seed(0)
    expected, _ = theirs(shifted, target, **common)
    found, _ = reproject_and_coadd(shifted, target, coordinate_error=0, **common)
    # reproject's solver stops when steps are below 1e-10 of the corrections.
    assert worst(found, expected) < 1e-7
    # The first image can be the reference: reproject takes 0 for None.
    fixed, footprint = reproject_and_coadd(shifted, target, background_reference=0, **common)
    free, _ = reproject_and_coadd(shifted, target, **common)
    steps = (fixed - free)[footprint > 0]
    assert np.ptp(steps) < 1e-9 and abs(steps[0]) > 1


def test_cube(target):
    """Leading dimensions without and with a WCS axis."""
    cubes = [(smooth((3, 60, 80)) * np.array([1, 2, 3])[:, None, None], tan(crval)) for crval in ((43, 23), (42.8, 23.1))]
    common = {"shape_out": (3, *target.array_shape), "reproject_function": reproject.reproject_interp}
    expected = theirs(cubes, target, **common)
    found = reproject_and_coadd(cubes, target, coordinate_error=0, **common)
    assert all(worst(a, b) < 1e-9 for a, b in zip(found, expected, strict=True))

    def with_velocity(wcs, step=2.0):
        header = wcs.to_header()
        header["WCSAXES"] = 3
        header["CTYPE3"], header["CUNIT3"], header["CRPIX3"] = "VRAD", "km/s", 1.0
        header["CRVAL3"], header["CDELT3"] = -4.0, step
        return WCS(header)

    lines = [(array, with_velocity(wcs)) for array, wcs in cubes]
    spectral = theirs(lines, with_velocity(target), **common)
    ours = reproject_and_coadd(lines, with_velocity(target), coordinate_error=0, **common)
    assert all(worst(a, b) < 1e-9 for a, b in zip(ours, spectral, strict=True))
    # Planes of the output between those of the input, and one beyond them.
    for order in ("nearest-neighbor", "bilinear", "bicubic"):
        between = {**common, "order": order}
        expected = theirs(lines, with_velocity(target, step=1.3), **between)
        found = reproject_and_coadd(lines, with_velocity(target, step=1.3), coordinate_error=0, **between)
        assert all(worst(a, b) < 1e-9 for a, b in zip(found, expected, strict=True))


def test_sip_and_frames(images):
    """A galactic target, and an image with distortions."""
    target = tan((155.3, -31.5), (110, 130), ctype=("GLON-CAR", "GLAT-CAR"))
    target.wcs.crval = 155.3, 0.0
    target.wcs.crpix = 60.0, 55.0 + 31.5 / 0.01
    header = images[0][1].to_header()
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN-SIP", "DEC--TAN-SIP"
    header["A_ORDER"], header["A_2_0"], header["A_1_1"] = 2, 1e-4, 3e-5
    header["B_ORDER"], header["B_0_2"], header["B_1_1"] = 2, -8e-5, 5e-5
    distorted = [(images[0][0], WCS(header)), *images[1:]]
    common = {"shape_out": (110, 130), "reproject_function": reproject.reproject_interp}
    expected = theirs(distorted, target, **common)
    found = reproject_and_coadd(distorted, target, coordinate_error=0, **common)
    assert np.count_nonzero(expected[1]) > 1000
    # astropy inverts SIP to 1e-6 pixel.
    assert all(worst(a, b) < 1e-5 for a, b in zip(found, expected, strict=True))


def test_files(files, target):
    common = {"shape_out": target.array_shape, "reproject_function": reproject.reproject_interp}
    expected = theirs(files, target, **common)
    found = reproject_and_coadd(files, target, coordinate_error=0, **common)
    assert all(worst(a, b) < 1e-6 for a, b in zip(found, expected, strict=True))
    header = fits.Header(target.to_header(), copy=True)
    header["NAXIS"], header["NAXIS1"], header["NAXIS2"] = 2, target.array_shape[1], target.array_shape[0]
    by_header, _ = reproject_and_coadd(files, header, reproject_function="bilinear", coordinate_error=0)
    assert worst(by_header, found[0]) < 1e-9
