from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from typing import Any, Literal, overload

import dask.array as da
import numpy as np
import zarr
from astropy.coordinates import BaseCoordinateFrame, SkyCoord
from astropy.io.fits import BinTableHDU, CompImageHDU, HDUList, Header, ImageHDU, PrimaryHDU, TableHDU
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
_Combine = Literal["mean", "sum", "first", "last", "min", "max", "median", "weighted_median", "clipped"]

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
    intermediate_memmap: bool = False,
    *,
    non_reprojected_dims: tuple[int, ...] | None = None,
    return_type: Literal["numpy"] | None = None,
    zarr_path: None = None,
    **kwargs: Any,
) -> tuple[NDArray[np.floating], NDArray[np.floating]]: ...
@overload
def reproject_and_coadd(
    input_data: Sequence[_Image],
    output_projection: _Wcs | Header | _Path,
    shape_out: Sequence[int] | None = None,
    *,
    return_type: Literal["dask"],
    **kwargs: Any,
) -> tuple[da.Array, da.Array]: ...
@overload
def reproject_and_coadd(
    input_data: Sequence[_Image],
    output_projection: _Wcs | Header | _Path,
    shape_out: Sequence[int] | None = None,
    *,
    return_type: Literal["zarr"],
    zarr_path: _Path,
    **kwargs: Any,
) -> tuple[zarr.Array, zarr.Array]: ...
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
