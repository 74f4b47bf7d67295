from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal, TypeVar, overload

import dask.array as da
import numpy as np
from astropy.coordinates import BaseCoordinateFrame, SkyCoord
from astropy.io.fits import (
    BinTableHDU,
    CompImageHDU,
    HDUList,
    Header,
    ImageHDU,
    PrimaryHDU,
    TableHDU,
)
from astropy.nddata import NDDataBase
from astropy.units import Quantity
from astropy.wcs import WCS
from astropy.wcs.wcsapi import BaseHighLevelWCS, BaseLowLevelWCS
from numpy.typing import NDArray

__version__: str

_Path = str | PathLike[str]
_Hdu = PrimaryHDU | ImageHDU | CompImageHDU
_Wcs = BaseLowLevelWCS | BaseHighLevelWCS
_Array = NDArray[Any] | da.Array
_Image = _Path | HDUList | _Hdu | NDDataBase | tuple[_Array, _Wcs | Header]
_Shaped = _Image | _Wcs | tuple[tuple[int, ...], _Wcs | Header]
_Weights = _Path | HDUList | _Hdu | _Array
_HduName = int | str | tuple[str, int]
_Function = (
    Callable[..., Any]
    | Literal[
        "interp", "adaptive", "exact", "nearest", "bilinear", "biquadratic", "bicubic", "cubic",
        "lanczos2", "lanczos3", "lanczos4", "lanczos5", "drizzle",
    ]
)
_Combine = Literal[
    "mean", "sum", "first", "last", "min", "max", "median", "weighted_median", "clipped", "inverse_variance"
]
_Planes = Sequence[Literal["variance", "mask", "count", "context"]]
_Parallel = bool | int | Literal["current-scheduler"]
_Block = Sequence[int] | Literal["auto"] | None
_Kernel = Literal[
    "nearest-neighbor", "nearest", "bilinear", "biquadratic", "bicubic", "cubic", "lanczos2", "lanczos3", "lanczos4", "lanczos5", 0, 1, 2, 3
]

@dataclass(frozen=True)
class Correction:
    offset: float
    slope: tuple[float, float]
    centre: tuple[float, float]

@dataclass(frozen=True)
class Backgrounds:
    corrections: list[Correction]
    groups: list[list[int]]
    pairs: list[tuple[int, int, int, float, float]]

@dataclass(frozen=True)
class InputSummary:
    name: str
    used: bool
    bounds: list[tuple[slice, slice]]
    resampled_pixels: int
    max_coordinate_error: float
    noise_correlation: float | None

@dataclass(frozen=True)
class Summary:
    inputs: list[InputSummary]
    covered_pixels: int
    output_pixels: int
    resampled_pixels: int
    max_coordinate_error: float
    exact_fraction: float
    noise_correlation: float | None
    backgrounds: list[Backgrounds]
    peak_bytes: int

_A = TypeVar("_A")

class Mosaic(tuple[_A, _A]):
    @property
    def array(self) -> _A: ...
    @property
    def footprint(self) -> _A: ...
    @property
    def variance(self) -> _A | None: ...
    @property
    def mask(self) -> _A | None: ...
    @property
    def count(self) -> _A | None: ...  # type: ignore[override]
    @property
    def context(self) -> _A | None: ...
    summary: Summary | None

class Plan:
    def __init__(self, *arguments: Any, **named: Any) -> None: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def bounds(self) -> list[list[tuple[slice, slice]]]: ...
    @property
    def overlapping(self) -> int: ...
    @property
    def output_bytes(self) -> int: ...
    @property
    def intermediate_bytes(self) -> int: ...
    def run(self) -> Mosaic[Any]: ...

def reproject_interp(
    input_data: _Image,
    output_projection: _Wcs | Header | _Path,
    shape_out: Sequence[int] | None = None,
    hdu_in: _HduName | None = 0,
    order: _Kernel = "bilinear",
    roundtrip_coords: bool = True,
    output_array: NDArray[Any] | None = None,
    output_footprint: NDArray[Any] | None = None,
    return_footprint: bool = True,
    block_size: _Block = None,
    parallel: _Parallel = False,
    return_type: Literal["numpy", "dask", "zarr"] | None = None,
    dask_method: Literal["memmap", "none"] | None = None,
    *,
    non_reprojected_dims: tuple[int, ...] | None = None,
    zarr_path: _Path | None = None,
    **further: Any,
) -> Any: ...
def reproject_adaptive(
    input_data: _Image,
    output_projection: _Wcs | Header | _Path,
    shape_out: Sequence[int] | None = None,
    hdu_in: _HduName | None = 0,
    center_jacobian: bool = False,
    despike_jacobian: bool = False,
    roundtrip_coords: bool = True,
    conserve_flux: bool = False,
    kernel: str = "gaussian",
    kernel_width: float = 1.3,
    sample_region_width: float = 4,
    boundary_mode: str = "strict",
    boundary_fill_value: float = 0,
    boundary_ignore_threshold: float = 0.5,
    x_cyclic: bool = False,
    y_cyclic: bool = False,
    bad_value_mode: str = "strict",
    bad_fill_value: float = 0,
    output_array: NDArray[Any] | None = None,
    output_footprint: NDArray[Any] | None = None,
    return_footprint: bool = True,
    block_size: _Block = None,
    parallel: _Parallel = False,
    return_type: Literal["numpy", "dask", "zarr"] | None = None,
    dask_method: Literal["memmap", "none"] | None = None,
    *,
    non_reprojected_dims: tuple[int, ...] | None = None,
    zarr_path: _Path | None = None,
    **further: Any,
) -> Any: ...
def reproject_exact(
    input_data: _Image,
    output_projection: _Wcs | Header | _Path,
    shape_out: Sequence[int] | None = None,
    hdu_in: _HduName | None = 0,
    output_array: NDArray[Any] | None = None,
    output_footprint: NDArray[Any] | None = None,
    return_footprint: bool = True,
    block_size: _Block = None,
    parallel: _Parallel = False,
    return_type: Literal["numpy", "dask", "zarr"] | None = None,
    dask_method: Literal["memmap", "none"] | None = None,
    *,
    non_reprojected_dims: tuple[int, ...] | None = None,
    zarr_path: _Path | None = None,
    **further: Any,
) -> Any: ...

@overload
def reproject_and_coadd(
    input_data: Sequence[_Image],
    output_projection: _Wcs | Header | _Path,
    shape_out: Sequence[int] | None = None,
    input_weights: Iterable[_Weights] | None = None,
    hdu_in: _HduName | None = None,
    hdu_weights: _HduName | None = None,
    reproject_function: _Function | None = None,
    combine_function: _Combine = "mean",
    match_background: bool | Literal["constant", "plane"] = False,
    background_reference: int | None = None,
    output_array: NDArray[Any] | None = None,
    output_footprint: NDArray[Any] | None = None,
    block_sizes: Any = None,
    progress_bar: Callable[[Iterable[int]], Iterable[int]] | None = None,
    blank_pixel_value: float = 0,
    intermediate_memmap: bool | Literal["zarr"] = False,
    *,
    non_reprojected_dims: tuple[int, ...] | None = None,
    return_type: Literal["numpy"] | None = None,
    zarr_path: None = None,
    return_footprint: bool = True,
    input_variance: Iterable[_Weights | None] | None = None,
    input_mask: Iterable[_Weights | None] | None = None,
    input_scale: Iterable[float | None] | None = None,
    input_sky: Iterable[float | None] | None = None,
    input_exposure: Iterable[str | None] | None = None,
    exclude_bits: int = 0,
    planes: _Planes = (),
    zarr_batch_size: int | None = None,
    **kwargs: Any,
) -> Mosaic[NDArray[Any]]: ...
@overload
def reproject_and_coadd(
    input_data: Sequence[_Image],
    output_projection: _Wcs | Header | _Path,
    shape_out: Sequence[int] | None = None,
    *,
    return_type: Literal["dask"],
    **kwargs: Any,
) -> Mosaic[da.Array]: ...
@overload
def reproject_and_coadd(
    input_data: Sequence[_Image],
    output_projection: _Wcs | Header | _Path,
    shape_out: Sequence[int] | None = None,
    *,
    return_type: Literal["zarr"],
    zarr_path: _Path,
    **kwargs: Any,
) -> Mosaic[da.Array]: ...
def find_optimal_celestial_wcs(
    input_data: _Shaped | Iterable[_Shaped],
    hdu_in: _HduName | None = None,
    frame: str | BaseCoordinateFrame | None = None,
    auto_rotate: bool = False,
    projection: str = "TAN",
    resolution: Quantity | None = None,
    reference: SkyCoord | None = None,
    negative_lon_cdelt: bool | Literal["auto"] | None = None,
) -> tuple[WCS, tuple[int, int]]: ...
def reproject_from_healpix(
    input_data: _Path | BinTableHDU | TableHDU | tuple[NDArray[Any], str | BaseCoordinateFrame],
    output_projection: _Wcs | Header | _Path,
    shape_out: Sequence[int] | None = None,
    hdu_in: _HduName | None = 1,
    order: Literal["bilinear", "nearest-neighbor", 0, 1] = "bilinear",
    nested: bool | None = None,
    field: int = 0,
    *,
    parallel: bool | int = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def reproject_to_healpix(
    input_data: _Image | list[_Image],
    coord_system_out: str | BaseCoordinateFrame,
    hdu_in: _HduName | None = 0,
    order: Literal["nearest-neighbor", "bilinear", "biquadratic", "bicubic", 0, 1, 2, 3] = "bilinear",
    nested: bool = False,
    nside: int = 128,
    *,
    input_weights: _Weights | Iterable[_Weights] | None = None,
    hdu_weights: _HduName | None = None,
    reproject_function: _Function | None = None,
    combine_function: _Combine = "mean",
    match_background: bool | Literal["constant", "plane"] = False,
    background_reference: int | None = None,
    blank_pixel_value: float = ...,
    **kwargs: Any,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def reproject_to_hips(
    input_data: _Image | list[_Image],
    *,
    coord_system_out: Literal["equatorial", "galactic", "ecliptic"],
    reproject_function: _Function,
    output_directory: _Path,
    level: int | None = None,
    level_depth: None = None,
    hdu_in: _HduName | None = 0,
    tile_size: int = 512,
    tile_depth: int = 16,
    progress_bar: Callable[[Iterable[int]], Iterable[int]] | None = None,
    threads: bool | int = False,
    properties: dict[str, Any] | None = None,
    input_weights: _Weights | Iterable[_Weights] | None = None,
    hdu_weights: _HduName | None = None,
    combine_function: _Combine = "mean",
    match_background: bool | Literal["constant", "plane"] = False,
    background_reference: int | None = None,
    **kwargs: Any,
) -> None: ...
