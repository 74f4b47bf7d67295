"""`reproject_exact`, where reproject has it."""

from .. import reproject_exact

__all__ = ["reproject_exact"]
