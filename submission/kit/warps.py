"""Views that move the image: small shifts and zooms; what comes in over the edge is the mirrored image."""

from __future__ import annotations  # platforms run Python 3.9

import numpy as np

_CHUNK_VALUES = 1 << 22  # floats held at a time: 16 MiB, whatever the image size


def mirror(index: np.ndarray, size: int) -> np.ndarray:
    """Map any integers into [0, size) by reflection with the edge repeated: d c b a | a b c d | d c b a.

    Args:
        index: integers of any shape.
        size: length of the axis, at least 1.
    """
    index = np.mod(index, 2 * size)
    return np.minimum(index, 2 * size - 1 - index)


def shift(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Move by whole pixels; negative is up and left. uint8 (n, H, W, C), same out."""
    height, width = images.shape[1:3]
    rows = mirror(np.arange(height) - down, height)
    columns = mirror(np.arange(width) - right, width)
    return images[:, rows][:, :, columns]


def zoom(images: np.ndarray, factor: float) -> np.ndarray:
    """Enlarge about the centre, bilinear; a factor below 1 makes smaller and mirrors beyond the edges.

    Args:
        images: uint8 (n, H, W, C).
        factor: above 0; 1 changes nothing.

    Returns:
        uint8 (n, H, W, C), rounded.
    """
    result = np.empty_like(images)
    step = max(1, _CHUNK_VALUES // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(images), step):
        moved = images[start : start + step].astype(np.float32)
        for axis in (1, 2):
            moved = _stretch(moved, factor, axis)
        result[start : start + step] = np.rint(moved)  # a mean of values in 0-255 needs no clipping
    return result


def _stretch(images: np.ndarray, factor: float, axis: int) -> np.ndarray:
    size = images.shape[axis]
    middle = (size - 1) / 2
    place = (np.arange(size) - middle) / factor + middle
    whole = np.floor(place).astype(np.int64)
    shape = [1, 1, 1, 1]
    shape[axis] = size
    part = (place - whole).astype(np.float32).reshape(shape)
    near, far = images.take(mirror(whole, size), axis), images.take(mirror(whole + 1, size), axis)
    return near + (far - near) * part
