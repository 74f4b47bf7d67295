"""What a mosaic returns beside its pixels."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Correction:
    """What was subtracted from an image to match its background: a plane over the pixels of the output.

    Attributes
    ----------
    offset : float
        The value at ``centre``, in the unit of the image.
    slope : tuple of float
        Change per output pixel in x and y; (0, 0) for a constant.
    centre : tuple of float
        x and y of the output pixel at which the value is ``offset``, from 0.
    """

    offset: float
    slope: tuple
    centre: tuple


@dataclass(frozen=True)
class Backgrounds:
    """The matched backgrounds of one plane of the output.

    Attributes
    ----------
    corrections : list of Correction
        One for each image.
    groups : list of list of int
        The images that overlaps connect, directly or through others. What lies between the backgrounds of two groups is unknown.
    pairs : list of tuple
        Of each pair that overlaps: the two images, how many pixels both have, the measured difference (first minus second), and what is left of it.
    """

    corrections: list
    groups: list
    pairs: list


@dataclass(frozen=True)
class InputSummary:
    """What happened to one image.

    Attributes
    ----------
    name : str
        File and HDU, or "array".
    used : bool
        Whether an output pixel has a sample of it.
    bounds : list of tuple of slice
        The sub-grids (y, x) of the output that hold all that it covers.
    resampled_pixels : int
        Output pixels with a sample of it, over all planes.
    max_coordinate_error : float
        Largest difference found between its coordinates and the exact ones, in its pixels.
    noise_correlation : float or None
        How much more noise a sum over many output pixels has than if they were independent (R of Fruchter & Hook 2002, PASP 114, 144), if there is a
        variance.
    """

    name: str
    used: bool
    bounds: list
    resampled_pixels: int
    max_coordinate_error: float
    noise_correlation: float | None


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Attributes
    ----------
    inputs : list of InputSummary
        One for each image.
    covered_pixels, output_pixels : int
        Output pixels with a footprint above 0, and all, over all planes.
    resampled_pixels : int
        Samples, over all images and planes.
    max_coordinate_error : float
        Largest difference found between the coordinates used and the exact ones, in pixels of an image.
    exact_fraction : float
        The part of the coordinates that were computed exactly.
    noise_correlation : float or None
        That of the whole, see `InputSummary`.
    backgrounds : list of Backgrounds
        One for each plane of the output, where backgrounds were matched.
    peak_bytes : int
        The most bytes that the engine held at once: what ``memory_limit`` limits.
    """

    inputs: list
    covered_pixels: int
    output_pixels: int
    resampled_pixels: int
    max_coordinate_error: float
    exact_fraction: float
    noise_correlation: float | None
    backgrounds: list
    peak_bytes: int

    @classmethod
    def of(cls, parts):
        """The summary of parts that were computed one after the other, or None if there are none."""
        if not parts:
            return None
        pixels = [max(part["resampled_pixels"], 1) for part in parts]
        return cls(
            inputs=[_input(of_input) for of_input in zip(*(part["inputs"] for part in parts), strict=True)],
            covered_pixels=sum(part["covered_pixels"] for part in parts),
            output_pixels=sum(part["output_pixels"] for part in parts),
            resampled_pixels=sum(part["resampled_pixels"] for part in parts),
            max_coordinate_error=max(part["max_coordinate_error"] for part in parts),
            exact_fraction=sum(part["exact_fraction"] * n for part, n in zip(parts, pixels, strict=True)) / sum(pixels),
            noise_correlation=_largest(part["noise_correlation"] for part in parts),
            backgrounds=[_backgrounds(plane) for part in _distinct(parts) for plane in part["backgrounds"]],
            peak_bytes=max(part["peak_bytes"] for part in parts),
        )


def _largest(values):
    known = [value for value in values if value is not None]
    return max(known, default=None)


def _distinct(parts):
    """Parts that are strips of the same planes tell of the same backgrounds."""
    found = []
    for part in parts:
        if not any(part["backgrounds"] == other["backgrounds"] for other in found):
            found.append(part)
    return found


def _input(parts):
    bounds = []
    for part in parts:
        for y0, x0, ny, nx in part["bounds"]:
            window = (slice(y0, y0 + ny), slice(x0, x0 + nx))
            if window not in bounds:
                bounds.append(window)
    return InputSummary(
        name=parts[0]["name"],
        used=any(part["used"] for part in parts),
        bounds=bounds,
        resampled_pixels=sum(part["resampled_pixels"] for part in parts),
        max_coordinate_error=max(part["max_coordinate_error"] for part in parts),
        noise_correlation=_largest(part["noise_correlation"] for part in parts),
    )


def _backgrounds(plane):
    corrections = [Correction(offset, tuple(slope), tuple(centre)) for offset, slope, centre in plane["corrections"]]
    pairs = [(*inputs, pixels, difference, residual) for inputs, pixels, difference, residual in plane["pairs"]]
    return Backgrounds(corrections, plane["groups"], pairs)


class Mosaic(tuple):
    """A mosaic and its footprint: the pair ``array, footprint``, with what else was asked for as attributes.

    Attributes
    ----------
    array, footprint, variance, mask, count, context : array or None
        The planes; None where one was not asked for. ``context`` has shape (ceil(images / 32), ..., ny, nx): bit b of its plane k stands for image 32 k + b.
    summary : Summary or None
        What the run did, if it ran in this process.
    """

    def __new__(cls, planes, summary=None):
        made = super().__new__(cls, (planes["mosaic"], planes.get("footprint")))
        made._planes, made.summary = planes, summary
        return made

    def __reduce__(self):
        return type(self), (self._planes, self.summary)

    array = property(lambda self: self._planes["mosaic"])
    footprint = property(lambda self: self._planes.get("footprint"))
    variance = property(lambda self: self._planes.get("variance"))
    mask = property(lambda self: self._planes.get("mask"))
    count = property(lambda self: self._planes.get("count"))
    context = property(lambda self: self._planes.get("context"))
