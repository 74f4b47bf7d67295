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
# Kernels that interpolate and that reproject does not have.
_KERNELS = ("cubic", "lanczos2", "lanczos3", "lanczos4", "lanczos5")
_NAMES = ("interp", "adaptive", "exact", "nearest", "bilinear", "biquadratic", "bicubic", *_KERNELS, "drizzle")
# How far coordinates may be off, in input pixels, unless the caller says otherwise: so small a bound costs next to nothing where the map is smooth, and
# pixels agree with reproject's to rounding.
COORDINATE_ERROR = 1e-8
# Arguments of every reprojection function that reproject's do not have.
_ENGINE = ("min_weight", "coordinate_error", "memory_limit")


def _interp(order="bilinear", roundtrip_coords=True, conserve_flux=False, antialias=False):
    name = order if order in _KERNELS else None
    if isinstance(order, (int, str)) and order in _INTERPOLATION:
        name = _INTERPOLATION[order]
    if name is None:
        raise ValueError(
            f"order = {order!r}: expected 0 to 3, 'nearest-neighbor', 'bilinear', 'biquadratic', 'bicubic', 'cubic' or 'lanczos2' to 'lanczos5'"
        )
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
        raise ValueError(f"bad_value_mode '{bad_value_mode}' not recognized: expected 'strict', 'ignore' or 'constant'")
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
    if callable(function) and is_known(function):
        return _FUNCTIONS[function.__name__], bound
    raise TypeError(
        f"reproject_function = {function!r}: expected reproject_interp, reproject_adaptive or reproject_exact, or another callable, or one of "
        f"the names {', '.join(map(repr, _NAMES))}"
    )


def is_known(function):
    """Whether a reprojection function is one that the engine computes; False for other callables."""
    while isinstance(function, functools.partial):
        function = function.func
    ours = (getattr(function, "__module__", None) or "").partition(".")[0] in ("reproject", "skymosaic")
    return not callable(function) or (ours and getattr(function, "__name__", None) in _FUNCTIONS)


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
    return kernel(name, arguments, getattr(function, "__name__", name)), scheduling, arguments.get("roundtrip_coords", True)


def kernel(name, arguments, label):
    """Options of the native part from the name of a reprojection function and its arguments; ``label`` is what messages call it."""
    settings = {"coordinate_error": COORDINATE_ERROR}
    settings |= {key: arguments[key] for key in _ENGINE if arguments.get(key) is not None}
    arguments = {key: value for key, value in arguments.items() if key not in _ENGINE}
    maker = {"interp": _interp, "adaptive": _adaptive, "exact": _exact, "drizzle": _drizzle}.get(
        name, functools.partial(_kernel, name)
    )
    unknown = arguments.keys() - inspect.signature(maker).parameters.keys()
    if unknown:
        raise TypeError(f"{label}() got an unexpected keyword argument {min(unknown)!r}")
    return settings | maker(**arguments)


def threads(parallel):
    """The number of threads that ``parallel`` asks for; None is all there are."""
    if parallel is True:
        return None
    if parallel is False or parallel is None:
        return 1
    if not isinstance(parallel, str) and parallel < 1:
        raise ValueError("The number of processors to use must be strictly positive")
    if isinstance(parallel, str) or int(parallel) != parallel:
        raise ValueError(f"parallel = {parallel!r}: expected a bool, a number of threads or 'current-scheduler'")
    return int(parallel)
