"""numpy arrays as the native part takes them."""

import numpy as np

_NATIVE = {np.dtype(name) for name in ("u1", "i2", "i4", "i8", "f4", "f8")}
# The smallest native type that holds every value; uint64 and long double are rounded.
_WIDER = {"b1": "u1", "i1": "i2", "u2": "i4", "u4": "i8", "u8": "f8", "f2": "f4", "f12": "f8", "f16": "f8"}


def is_dask(array):
    """Whether this is a dask array, without importing dask."""
    return type(array).__module__.partition(".")[0] == "dask" and hasattr(array, "__dask_graph__")


def is_array(array):
    """Whether this is something that holds pixels."""
    return isinstance(array, np.ndarray) or is_dask(array)


def native(array):
    """The same array, or a copy of one of the six native types where it has another type, byte order or alignment.

    Masked values become NaN.
    """
    if isinstance(array, np.ma.MaskedArray):
        if array.mask is np.ma.nomask or not array.mask.any():
            array = array.data
        else:
            array = array.astype(np.result_type(array.dtype, np.float32)).filled(np.nan)
    array = np.asarray(array)
    if array.dtype in _NATIVE and array.dtype.isnative and array.flags.aligned:
        return array
    kind = f"{array.dtype.kind}{array.dtype.itemsize}"
    wanted = _WIDER.get(kind, kind)
    if np.dtype(wanted) not in _NATIVE if kind in _WIDER or array.dtype.kind in "iuf" else True:
        raise TypeError(f"cannot mosaic an array of type {array.dtype}")
    return array.astype(wanted)


def writable(array, dtype=None):
    """Whether the native part can write to an array in place: values of float32 or float64, or what ``dtype`` says."""
    return (
        isinstance(array, np.ndarray)
        and (array.dtype in (np.dtype("f4"), np.dtype("f8")) if dtype is None else array.dtype == dtype)
        and array.dtype.isnative
        and array.flags.aligned
        and array.flags.writeable
    )
