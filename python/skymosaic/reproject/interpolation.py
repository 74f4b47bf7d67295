"""`reproject_interp`, where reproject has it."""

from .. import reproject_interp

__all__ = ["reproject_interp"]
