"""`reproject_adaptive`, where reproject has it."""

from .. import reproject_adaptive

__all__ = ["reproject_adaptive"]
