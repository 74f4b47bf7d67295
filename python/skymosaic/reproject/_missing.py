"""What to say of names that reproject has and skymosaic has not."""

_ELSEWHERE = {
    "hips": "HiPS",
}


def missing(module):
    """A module's ``__getattr__``: what skymosaic does not do is refused with what to do instead, which ``from ... import`` passes on."""

    def __getattr__(name):
        if name in _ELSEWHERE:
            raise NotImplementedError(
                f"{module}.{name}: {_ELSEWHERE[name]} are not part of skymosaic.reproject; import them from the package reproject"
            )
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return __getattr__
