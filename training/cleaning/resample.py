"""Pillow's resizing of grey pictures, in batches, to the last bit.

Pillow resizes 8-bit pictures in integers of 22 bits after the point, rounded to whole grey levels after the horizontal
and again after the vertical pass. Here a pass is one product of matrices in float32; the few pixels that its error
could round to another level are computed again in integers. Which pass comes first depends on the sizes and on Pillow's
version, so it is asked of Pillow itself, once for each pair of sizes.

Source: Pillow, src/libImaging/Resample.c.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

_BITS = 22  # Pillow's PRECISION_BITS
_PROBES = 24  # pictures by which the order of the passes is found: of few pixels some come out equal by chance
_BLOCK = 1 << 19  # float32 values at once: they stay in a core's cache


def _box(x: float) -> float:
    return 1.0 if -0.5 < x <= 0.5 else 0.0


def _lanczos(x: float) -> float:
    return _sinc(x) * _sinc(x / 3) if -3 <= x < 3 else 0.0


def _sinc(x: float) -> float:
    return math.sin(x * math.pi) / (x * math.pi) if x else 1.0


_FILTERS: dict[str, tuple[Callable[[float], float], float]] = {"box": (_box, 0.5), "lanczos": (_lanczos, 3.0)}


@dataclass(frozen=True)
class _Pass:
    """One direction: from `size` pixels to `length`.

    whole: int64 (size, length), Pillow's coefficients; parts: products that together make the pass, each with its first
    and last input pixel, first and last output pixel, and float32 coefficients; error: bound of their rounding errors.
    """

    whole: np.ndarray
    parts: list[tuple[slice, slice, np.ndarray]]
    error: np.float32


@lru_cache
def _pass(size: int, length: int, name: str) -> _Pass:
    kernel, support = _FILTERS[name]
    scale = size / length
    stretch = max(scale, 1.0)
    support *= stretch
    whole = np.zeros((size, length), np.int64)
    for out in range(length):
        centre = (out + 0.5) * scale
        first, last = max(int(centre - support + 0.5), 0), min(int(centre + support + 0.5), size)
        weights = [kernel((x - centre + 0.5) * (1.0 / stretch)) for x in range(first, last)]
        total = sum(weights)
        for x, weight in zip(range(first, last), weights, strict=True):
            share = (weight / total if total else weight) * (1 << _BITS)
            whole[x, out] = int(share - 0.5) if share < 0 else int(share + 0.5)
    parts = []
    for outputs in np.array_split(np.arange(length), max(1, length // 16)):  # most of the matrix is zero
        used = np.flatnonzero(whole[:, outputs].any(axis=1))
        inputs, chosen = slice(used[0], used[-1] + 1), slice(outputs[0], outputs[-1] + 1)
        parts.append((inputs, chosen, (whole[inputs, chosen] / (1 << _BITS)).astype(np.float32)))
    taps = (whole != 0).sum(axis=0).max() + 2  # 2: the offsets that are added
    error = taps * 2.0**-24 * (256 * np.abs(whole).sum(axis=0).max() / (1 << _BITS) + 1)
    return _Pass(whole, parts, np.float32(error))


def resize_grey(grey: np.ndarray, height: int, width: int, name: str = "lanczos") -> np.ndarray:
    """Resize a batch exactly as Pillow resizes each picture of mode "L".

    Args:
        grey: uint8 (n, H, W), 0-255.
        height, width: wanted.
        name: "lanczos" or "box", Pillow's filter.

    Returns:
        uint8 (n, height, width), 0-255.
    """
    if grey.shape[1:] == (height, width):
        return grey.copy()
    order = _order(grey.shape[1], grey.shape[2], height, width, name)
    if order is None:
        return np.array([_by_pillow(one, height, width, name) for one in grey], np.uint8).reshape(-1, height, width)
    return _resized(grey, height, width, name, order)


def _by_pillow(image: np.ndarray, height: int, width: int, name: str) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling[name.upper()]))


@lru_cache
def _order(height: int, width: int, new_height: int, new_width: int, name: str) -> tuple[str, str] | None:
    """The order of the passes that gives what Pillow gives for pictures of noise; None if neither does."""
    noise = np.random.default_rng(0).integers(0, 256, (_PROBES, height, width), dtype=np.uint8)
    expected = [_by_pillow(one, new_height, new_width, name) for one in noise]
    for order in (("across", "down"), ("down", "across")):
        if np.array_equal(_resized(noise, new_height, new_width, name, order), expected):
            return order
    return None


def _resized(grey: np.ndarray, height: int, width: int, name: str, order: tuple[str, str]) -> np.ndarray:
    found = np.empty((len(grey), height, width), np.uint8)
    step = max(1, _BLOCK // max(grey.shape[1] * grey.shape[2], 1))
    for start in range(0, len(grey), step):
        here = grey[start : start + step].astype(np.float32)
        for direction in order:
            if direction == "across" and width != grey.shape[2]:
                here = _run(here, _pass(grey.shape[2], width, name), _across)
            if direction == "down" and height != grey.shape[1]:
                here = _run(here, _pass(grey.shape[1], height, name), _down)
        found[start : start + step] = here
    return found


def _across(pixels: np.ndarray, direction: _Pass) -> np.ndarray:
    n, height, width = pixels.shape
    lines = pixels.reshape(n * height, width)
    made = np.empty((n * height, direction.whole.shape[1]), np.float32)
    for inputs, outputs, weights in direction.parts:
        np.matmul(lines[:, inputs], weights, out=made[:, outputs])
    return made.reshape(n, height, -1)


def _down(pixels: np.ndarray, direction: _Pass) -> np.ndarray:
    made = np.empty((len(pixels), direction.whole.shape[1], pixels.shape[2]), np.float32)
    for inputs, outputs, weights in direction.parts:
        np.matmul(weights.T, pixels[:, inputs], out=made[:, outputs])
    return made


def _run(pixels: np.ndarray, direction: _Pass, product: Callable[[np.ndarray, _Pass], np.ndarray]) -> np.ndarray:
    """One pass over whole grey levels in float32; the same in the result."""
    made = product(pixels, direction)
    level = np.rint(made)
    made -= level
    np.abs(made, out=made)
    unsure = np.flatnonzero(made > np.float32(0.5) - direction.error)  # ties, too, which Pillow rounds up
    if len(unsure):
        image, row, column = np.unravel_index(unsure, made.shape)
        if product is _across:
            inputs, weights = pixels[image, row], direction.whole[:, column]
        else:
            inputs, weights = pixels[image, :, column], direction.whole[:, row]
        exact = np.einsum("up,pu->u", inputs.astype(np.int64), weights)
        level.ravel()[unsure] = (exact + (1 << (_BITS - 1))) >> _BITS
    return np.clip(level, 0, 255, out=level)
