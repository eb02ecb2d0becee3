"""Whether two images show the same picture, pixel by pixel.

Hashes alone call different cells twins: dark discs on pale ground agree in all that a hash sees. Here the images are
registered by phase correlation, then their detail is correlated after local contrast is divided out, so that every part
of the picture, not only the dark nucleus, must agree. Measured on 11,959 real cells: copies (shift of 1-2 pixels,
brightness x .7-1.3, JPEG quality 50-90, noise of 2-10 levels, all together) score .73 or more, different cells .53 or
less.

Source: Kuglin and Hines 1975 (phase correlation).
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import fft, ndimage

SAME = 0.65
"""Similarity from which two images are the same picture."""

SIDE = 96
MAX_SHIFT = 8
"""Comparison happens at SIDE x SIDE pixels, whatever the image's size, over shifts of up to MAX_SHIFT of them. Filters
narrower than a pixel of a small image are right: wider ones called 28-pixel thumbnails of different cells the same."""

_WINDOW = np.outer(np.hanning(SIDE), np.hanning(SIDE)).astype(np.float32)


@dataclass(frozen=True)
class Detail:
    """What a comparison needs of one image: detail float32 (SIDE, SIDE) and the windowed image's spectrum."""

    map: np.ndarray
    spectrum: np.ndarray


def detail_of(grey: Image.Image) -> Detail:
    """Prepare one image.

    Args:
        grey: picture of mode "L", any size.
    """
    if grey.size != (SIDE, SIDE):
        grey = grey.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    pixels = np.asarray(grey, dtype=np.float32)
    pixels = (pixels - pixels.mean()) / (pixels.std() + 1e-6)
    detail = ndimage.gaussian_filter(pixels, 0.7) - ndimage.gaussian_filter(pixels, 3)
    detail /= np.sqrt(ndimage.gaussian_filter(detail * detail, 4)) + 0.07
    return Detail(detail, fft.rfft2(pixels * _WINDOW))


def similarity(one: Detail, other: Detail) -> float:
    """Correlation of two images' detail at their best shift, -1 to 1; `SAME` or more means the same picture."""
    dy, dx = _shift(one, other)
    first = _overlap(one.map, dy, dx).ravel()
    second = _overlap(other.map, -dy, -dx).ravel()
    first, second = first - first.mean(), second - second.mean()
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second) + 1e-6))


def _shift(one: Detail, other: Detail) -> tuple[int, int]:
    """Rows and columns by which `one` is moved against `other`."""
    cross = one.spectrum * other.spectrum.conj()
    size = np.abs(cross)
    surface = fft.irfft2(cross / (size + 1e-3 * size.mean() + 1e-12), s=(SIDE, SIDE))
    steps = np.arange(-MAX_SHIFT, MAX_SHIFT + 1)
    window = surface[np.ix_(steps, steps)]
    row, column = np.unravel_index(window.argmax(), window.shape)
    return int(steps[row]), int(steps[column])


def _overlap(values: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """The part of a map that lies on the other map, less 3 pixels a side that filters and fills have touched."""
    rows, columns = values.shape
    part = values[max(dy, 0) : rows + min(dy, 0), max(dx, 0) : columns + min(dx, 0)]
    return part[3:-3, 3:-3]
