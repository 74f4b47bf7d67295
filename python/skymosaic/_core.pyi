"""The native part. What is here may change; `skymosaic` is the interface."""

from collections.abc import Callable
from os import PathLike
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_Coordinates = NDArray[np.float64]
_Report = Callable[[str, float], Any]

class _Map(Protocol):
    """Pixels of the output to those of an input and back; the last three may be None."""

    def to_input(self, x: _Coordinates, y: _Coordinates, /) -> list[_Coordinates]: ...
    to_output: Callable[[_Coordinates, _Coordinates], list[_Coordinates]] | None
    output_to_sky: Callable[[_Coordinates, _Coordinates], list[_Coordinates]] | None
    input_to_sky: Callable[[_Coordinates, _Coordinates], list[_Coordinates]] | None

class Wcs:
    """A celestial WCS from header text, one card a line."""

    def __new__(cls, header: str) -> Wcs: ...
    @property
    def frame(self) -> str: ...
    @property
    def shape(self) -> list[int] | None: ...
    def to_header(self) -> str: ...
    def pixel_to_celestial(self, x: _Coordinates, y: _Coordinates) -> tuple[_Coordinates, _Coordinates]: ...

class Input:
    """An image, where it lies, and its weights."""

    @staticmethod
    def fits(
        path: str | PathLike[str],
        hdu: int | str | tuple[str, int] | None = None,
        wcs: Wcs | None = None,
        map: _Map | None = None,
    ) -> Input: ...
    @staticmethod
    def array(array: NDArray[Any], wcs: Wcs | None = None, map: _Map | None = None) -> Input: ...
    def with_weights(self, weights: NDArray[Any], wcs: Wcs | None = None, map: _Map | None = None) -> Input: ...
    def with_weights_fits(
        self, path: str | PathLike[str], hdu: int | str | tuple[str, int] | None = None
    ) -> Input: ...
    def with_variance(self, variance: NDArray[Any]) -> Input: ...
    def with_mask(self, mask: NDArray[Any]) -> Input: ...
    def adjusted(self, scale: float = 1.0, sky: float = 0.0, exposure: str | None = None) -> Input: ...
    @property
    def shape(self) -> list[int]: ...
    @property
    def name(self) -> str: ...
    @property
    def wcs(self) -> Wcs | None: ...
    @property
    def header(self) -> str | None: ...

class Plan:
    """What touches what, known before a pixel is read."""

    def __new__(
        cls, inputs: list[Input], target: Wcs | None, shape: tuple[int, ...], settings: dict[str, Any]
    ) -> Plan: ...
    def run(
        self,
        output: NDArray[Any],
        planes: dict[str, NDArray[Any]],
        window: tuple[int, int, int, int] | None = None,
        progress: _Report | None = None,
    ) -> dict[str, Any]: ...
    def match_backgrounds(self, double: bool, progress: _Report | None = None) -> bytes: ...
    def use_backgrounds(self, backgrounds: bytes, double: bool) -> None: ...
    def bounds(self, input: int) -> list[list[int]]: ...
    def intermediate_bytes(self, double: bool, variance: bool, mask: bool) -> int: ...
    def inputs_in(self, window: tuple[int, int, int, int]) -> list[int]: ...
    @property
    def shape(self) -> list[int]: ...

class HealpixMap:
    """A HEALPix map of the whole sky or a part of it."""

    def __new__(cls, values: _Coordinates, nested: bool, frame: Wcs) -> HealpixMap: ...
    @staticmethod
    def read(path: str | PathLike[str], hdu: int | str | tuple[str, int], field: int) -> HealpixMap: ...
    @property
    def plane(self) -> str: ...
    def reproject(
        self, target: Wcs, output: _Coordinates, footprint: _Coordinates, nearest: bool, threads: int | None
    ) -> None: ...
    def sample(self, lon: _Coordinates, lat: _Coordinates, nearest: bool) -> _Coordinates: ...

def healpix_plane(nside: int, nested: bool, frame: Wcs) -> str: ...
def run_to_healpix(plan: Plan, nside: int, nested: bool, blank: float) -> list[_Coordinates]: ...
def write_hips(
    folder: str | PathLike[str],
    inputs: list[Input],
    settings: dict[str, Any],
    *,
    order: int | None,
    width: int,
    frame: Wcs,
) -> tuple[int, int]: ...
def find_optimal_celestial_wcs(
    inputs: list[tuple[Wcs, tuple[int, int]]],
    *,
    frame: Wcs | None = None,
    projection: str = "TAN",
    resolution: float | None = None,
    reference: tuple[float, float] | None = None,
    auto_rotate: bool = False,
    negative_lon_cdelt: bool | None = None,
) -> tuple[Wcs, list[int]]: ...
