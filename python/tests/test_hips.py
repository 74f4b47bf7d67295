"""HiPS: against those of reproject, many images in one, and bad input."""

import numpy as np
import pytest
from astropy.io import fits
from conftest import overlapping, smooth, tan, worst
from reproject import reproject_interp
from reproject.hips import reproject_to_hips as by_reproject

from skymosaic import reproject_to_hips

# Tiles are of float32.
LIMIT = 1e-6


def tiles(folder):
    return {path.relative_to(folder).as_posix(): fits.getdata(path).astype(float) for path in folder.glob("Norder*/Dir*/Npix*.fits")}


@pytest.mark.parametrize("frame", ["equatorial", "galactic"])
def test_finest_tiles_equal_reproject(tmp_path, frame):
    image = (smooth((60, 80)), tan(scale=0.1))
    arguments = {"coord_system_out": frame, "reproject_function": reproject_interp, "tile_size": 64, "level": 3}
    by_reproject(image, output_directory=tmp_path / "theirs", **arguments)
    reproject_to_hips(image, output_directory=tmp_path / "ours", **arguments, coordinate_error=0, threads=2)
    expected, found = tiles(tmp_path / "theirs"), tiles(tmp_path / "ours")
    assert expected.keys() == found.keys() and len(expected) > 5
    for name, values in expected.items():
        if name.startswith("Norder3"):
            assert worst(found[name], values) < LIMIT, name


def test_many_images_become_one(tmp_path):
    images = overlapping(scale=0.1)
    arguments = {"coord_system_out": "equatorial", "reproject_function": "bilinear", "tile_size": 64}
    reproject_to_hips(images, output_directory=tmp_path / "all", **arguments)
    singles = []
    for number, image in enumerate(images):
        reproject_to_hips(image, output_directory=tmp_path / str(number), level=4, **arguments)
        singles.append(tiles(tmp_path / str(number)))
    found = {name: values for name, values in tiles(tmp_path / "all").items() if name.startswith("Norder4")}
    assert found
    for name, values in found.items():
        of_tile = np.array([single.get(name, np.full((64, 64), np.nan)) for single in singles])
        count = np.isfinite(of_tile).sum(axis=0)
        with np.errstate(invalid="ignore"):
            assert worst(values, np.nansum(of_tile, axis=0) / np.where(count > 0, count, np.nan)) < LIMIT, name


def test_properties_are_set(tmp_path):
    image = (smooth((60, 80)), tan(scale=0.1))
    arguments = {"coord_system_out": "galactic", "reproject_function": "interp", "tile_size": 64}
    reproject_to_hips(image, output_directory=tmp_path / "a" / "survey", properties={"obs_copyright": "us", "obs_title": "Sky"}, **arguments)
    lines = dict(line.split("=", 1) for line in (tmp_path / "a" / "survey" / "properties").read_text().splitlines())
    lines = {key.strip(): value.strip() for key, value in lines.items()}
    assert (lines["obs_copyright"], lines["obs_title"], lines["hips_frame"]) == ("us", "Sky", "galactic")
    assert lines["hips_tile_width"] == "64"
    with pytest.raises(ValueError, match="Cannot override property hips_order"):
        reproject_to_hips(image, output_directory=tmp_path / "b", properties={"hips_order": 3}, **arguments)
    with pytest.raises(FileExistsError, match="survey"):
        reproject_to_hips(image, output_directory=tmp_path / "a" / "survey", **arguments)
    with pytest.raises(NotImplementedError, match="two axes"):
        reproject_to_hips((np.zeros((2, 60, 80)), image[1]), output_directory=tmp_path / "b", **arguments)
    with pytest.raises(ValueError, match="64, 128"):
        reproject_to_hips(image, output_directory=tmp_path / "b", **arguments | {"tile_size": 100})
    with pytest.raises(TypeError, match="give threads"):
        reproject_to_hips(image, output_directory=tmp_path / "b", parallel=True, **arguments)
    assert not (tmp_path / "b").exists()
