"""The reprojection function and its arguments as options of the native part."""

import functools
import inspect

# Arguments of reproject's functions that change neither values nor footprint here, with what they may be.
_SCHEDULING = {"parallel", "dask_method", "block_size"}

_INTERPOLATION = {
    0: "nearest",
    1: "bilinear",
    2: "biquadratic",
    3: "bicubic",
    "nearest-neighbor": "nearest",
    "nearest": "nearest",
    "bilinear": "bilinear",
    "biquadratic": "biquadratic",
    "bicubic": "bicubic",
}

_FUNCTIONS = {"reproject_interp": "interp", "reproject_adaptive": "adaptive", "reproject_exact": "exact"}
_NAMES = ("interp", "adaptive", "exact", "nearest", "bilinear", "biquadratic", "bicubic", "cubic")
_NAMES += ("lanczos2", "lanczos3", "lanczos4", "lanczos5", "drizzle")


def _interp(order="bilinear", roundtrip_coords=True, conserve_flux=False, antialias=False):
    try:
        name = _INTERPOLATION[order]
    except (KeyError, TypeError):
        raise ValueError(
            f"order = {order!r}: expected 0 to 3, 'nearest-neighbor', 'bilinear', 'biquadratic' or 'bicubic'"
        ) from None
    return {"resample": name, "conserve_flux": conserve_flux, "antialias": antialias}


def _kernel(name, roundtrip_coords=True, conserve_flux=False, antialias=False):
    return {"resample": name, "conserve_flux": conserve_flux, "antialias": antialias}


def _adaptive(
    center_jacobian=False,
    despike_jacobian=False,
    roundtrip_coords=True,
    conserve_flux=False,
    kernel="gaussian",
    kernel_width=1.3,
    sample_region_width=4,
    boundary_mode="strict",
    boundary_fill_value=0,
    boundary_ignore_threshold=0.5,
    x_cyclic=False,
    y_cyclic=False,
    bad_value_mode="strict",
    bad_fill_value=0,
):
    settings = {
        "resample": "adaptive",
        "center_jacobian": center_jacobian,
        "despike_jacobian": despike_jacobian,
        "conserve_flux": conserve_flux,
        "kernel": kernel.lower(),
        "kernel_width": float(kernel_width),
        "sample_region_width": float(sample_region_width),
        "boundary_mode": boundary_mode.lower(),
        "boundary_fill_value": float(boundary_fill_value),
        "boundary_ignore_threshold": float(boundary_ignore_threshold),
        "x_cyclic": x_cyclic,
        "y_cyclic": y_cyclic,
    }
    mode = bad_value_mode.lower()
    if mode == "constant":
        settings["bad_fill"] = float(bad_fill_value)
    elif mode == "ignore":
        # The smallest part of a kernel that can be there.
        settings["min_weight"] = 5e-324
    elif mode != "strict":
        raise ValueError(f"bad_value_mode = {bad_value_mode!r}: expected 'strict', 'ignore' or 'constant'")
    return settings


def _exact(conserve_flux=False):
    return {"resample": "exact", "conserve_flux": conserve_flux}


def _drizzle(pixfrac=1.0, kernel="square", conserve_flux=False):
    return {"resample": "drizzle", "pixfrac": float(pixfrac), "kernel": kernel, "conserve_flux": conserve_flux}


def _resolve(function):
    """The name of a reprojection function and the arguments that are bound to it."""
    bound = {}
    while isinstance(function, functools.partial):
        if function.args:
            raise TypeError("a partial of a reprojection function may bind keyword arguments only")
        bound = {**function.keywords, **bound}
        function = function.func
    if isinstance(function, str) and function in _NAMES:
        return function, bound
    ours = getattr(function, "__module__", "").partition(".")[0] == "reproject"
    name = getattr(function, "__name__", None)
    if ours and name in _FUNCTIONS:
        return _FUNCTIONS[name], bound
    raise TypeError(
        f"reproject_function = {function!r}: expected reproject_interp, reproject_adaptive or reproject_exact of the package reproject, or one of "
        f"the names {', '.join(map(repr, _NAMES))}; other functions cannot be run by the engine"
    )


def resampling(function, arguments):
    """Options from a reprojection function and its keyword arguments; those of scheduling come back beside.

    Returns
    -------
    settings : dict
        Options of the native part.
    scheduling : dict
        ``parallel``, ``block_size`` and ``dask_method`` as far as given.
    roundtrip : bool
        Whether coordinates that astropy maps must lead back.
    """
    name, bound = _resolve(function)
    arguments = {**bound, **arguments}
    scheduling = {key: arguments.pop(key) for key in _SCHEDULING & arguments.keys()}
    settings = {}
    for key in ("min_weight", "coordinate_error", "memory_limit"):
        if arguments.get(key) is not None:
            settings[key] = arguments[key]
        arguments.pop(key, None)
    maker = {"interp": _interp, "adaptive": _adaptive, "exact": _exact, "drizzle": _drizzle}.get(
        name, functools.partial(_kernel, name)
    )
    unknown = arguments.keys() - inspect.signature(maker).parameters.keys()
    if unknown:
        label = getattr(function, "__name__", name)
        raise TypeError(f"{label}() got an unexpected keyword argument {min(unknown)!r}")
    settings.update(maker(**arguments))
    return settings, scheduling, arguments.get("roundtrip_coords", True)


def threads(parallel):
    """The number of threads that ``parallel`` asks for; None is all there are."""
    if parallel is True:
        return None
    if parallel is False or parallel is None:
        return 1
    if isinstance(parallel, str) or int(parallel) != parallel or parallel < 1:
        raise ValueError(f"parallel = {parallel!r}: expected a bool, a number of threads or 'current-scheduler'")
    return int(parallel)
