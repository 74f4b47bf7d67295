"""`reproject_from_healpix` and `reproject_to_healpix`, where reproject has them."""

from .. import reproject_from_healpix, reproject_to_healpix

__all__ = ["reproject_from_healpix", "reproject_to_healpix"]
