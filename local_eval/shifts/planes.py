"""Images as planes of floats: the form in which blurs, noise and warps are quick."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import scipy.fft
from scipy.linalg import blas

from .mirror import mirror
from .operation import to_uint8

REFERENCE_SIZE = 224
"""Pixels of the images that published severities are for."""


def scale_of(image: np.ndarray) -> float:
    """What published lengths in pixels are multiplied by: shorter side of uint8 (H, W, C) by that of the reference."""
    return min(image.shape[:2]) / REFERENCE_SIZE


def to_planes(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W, C) -> float32 (C, H, W), the same values."""
    return np.ascontiguousarray(image.transpose(2, 0, 1)).astype(np.float32)


def from_planes(planes: np.ndarray) -> np.ndarray:
    """float (C, H, W) -> uint8 (H, W, C), rounded and clipped."""
    rounded = to_uint8(planes)
    image = np.empty((*rounded.shape[1:], len(rounded)), np.uint8)
    for c, plane in enumerate(rounded):
        image[..., c] = plane
    return image


def pixels_of(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W, C), contiguous -> (H, W), an opaque value a pixel, the same memory: one take, one store a pixel."""
    return image.view(f"V{image.shape[2]}")[..., 0]


def paint(image: np.ndarray, mask: np.ndarray, colour: int | Sequence[int]) -> np.ndarray:
    """A copy of uint8 (H, W, C) with one colour, of C values or a grey, where bool (H, W) is true."""
    result = np.array(image, order="C")
    pixel = np.empty((1, 1, image.shape[2]), np.uint8)
    pixel[:] = colour
    pixels_of(result)[mask] = pixels_of(pixel)[0, 0]
    return result


def splat(offsets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A kernel with weights at fractional places, each shared out among its four neighbours.

    Args:
        offsets: float (n, 2), (y, x) from the middle, in pixels.
        weights: (n,), positive.

    Returns:
        float32 (2 r + 1, 2 r + 1), sum 1.
    """
    reach = int(np.ceil(np.abs(offsets).max(initial=0)))
    side = 2 * reach + 2  # one more, for what lies beyond the reach and has no share
    low = np.floor(offsets)
    part = (offsets - low).T
    rows, columns = low.T.astype(int) + reach
    shares = np.stack([1 - part, part])  # (2, 2, n): below or above, of y or of x
    share = shares[:, None, 0] * shares[None, :, 1] * weights
    steps = np.arange(2)[:, None]
    places = (rows + steps)[:, None] * side + (columns + steps)
    kernel = np.bincount(places.ravel(), share.ravel(), side * side).reshape(side, side)[:-1, :-1]
    return (kernel / kernel.sum()).astype(np.float32)


def convolve(planes: np.ndarray, kernel: np.ndarray, edge: str) -> np.ndarray:
    """Convolution in Fourier space: out[p] is the sum of kernel[k] x in[p - k].

    Args:
        planes: float32 (C, H, W).
        kernel: float32 (2 r + 1, 2 r + 1).
        edge: what lies beyond: numpy's `reflect` (c b | a b c), `symmetric` (b a | a b c) or `edge` (a a | a b c).

    Returns:
        float32 (C, H, W).
    """
    reach = len(kernel) // 2
    height, width = planes.shape[1:]
    padded = np.pad(planes, ((0, 0), (reach, reach), (reach, reach)), mode=edge)  # type: ignore[call-overload]
    # What wraps round falls on the padding.
    size = tuple(scipy.fft.next_fast_len(n, real=True) for n in padded.shape[1:])
    spectrum = scipy.fft.rfft2(padded, size) * scipy.fft.rfft2(kernel, size)
    inside = slice(2 * reach, 2 * reach + height), slice(2 * reach, 2 * reach + width)
    return scipy.fft.irfft2(spectrum, size)[:, inside[0], inside[1]]


_MOST_TAPS = 100  # beyond that Fourier space is quicker, at 96 pixels as at 224


def smear(values: np.ndarray, kernel: np.ndarray, edge: str) -> np.ndarray:
    """As `convolve`, on values that stay in the order of an image, and quicker for a kernel of few weights.

    Args:
        values: uint8 or float32 (H, W, C).
        kernel: float32 (2 r + 1, 2 r + 1).
        edge: as of `convolve`.

    Returns:
        float32 (H, W, C).
    """
    if np.count_nonzero(kernel) > _MOST_TAPS:
        planes = np.ascontiguousarray(values.transpose(2, 0, 1)).astype(np.float32)
        return convolve(planes, kernel, edge).transpose(1, 2, 0)
    height, width, channels = values.shape
    reach = len(kernel) // 2
    rows, columns = (_padded_places(size, reach, edge) for size in (height, width))
    padded = np.empty((height, len(columns), channels), np.float32)
    padded[:, reach : reach + width] = values
    for beyond in (slice(reach), slice(reach + width, None)):
        padded[:, beyond] = values[:, columns[beyond]]
    flat = padded.take(rows, axis=0).ravel()
    # A place moves by the same step in every row and channel: each weight is one pass over a line of numbers.
    across = channels * len(columns)
    length = (height - 1) * across + width * channels
    total = np.zeros(height * across, np.float32)
    lines = [flat[(2 * reach - column) * channels :] for column in range(2 * reach + 1)]
    if np.array_equal(kernel, kernel[:, ::-1]):  # two columns of the same weights are one pass
        kernel = kernel[:, : reach + 1]
        lines[:reach] = [line + flat[k * channels :][: len(line)] for k, line in enumerate(lines[:reach])]
    for down, column in zip(*kernel.nonzero(), strict=True):
        blas.saxpy(lines[column], total, n=length, a=kernel[down, column], offx=(2 * reach - down) * across)
    return total.reshape(height, len(columns), channels)[:, :width]


def smear_image(image: np.ndarray, kernel: np.ndarray, edge: str) -> np.ndarray:
    """`smear` with weights of sum 1, none negative, rounded: uint8 (H, W, C), same out."""
    return (smear(image, kernel, edge) + np.float32(0.5)).astype(np.uint8)


@lru_cache(maxsize=64)
def _padded_places(size: int, reach: int, edge: str) -> np.ndarray:
    """What an axis of `size` is made of when it is padded by `reach` on both sides: int (size + 2 reach,)."""
    return np.pad(np.arange(size), reach, mode=edge)  # type: ignore[call-overload]


def remap(image: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Sample an image at fractional places: bilinear, mirrored beyond the edges.

    Args:
        image: uint8 (H, W, C).
        y, x: float (H', W'), or shapes that broadcast to it.

    Returns:
        uint8 (H', W', C).
    """
    height, width, channels = image.shape
    y, x = np.broadcast_arrays(y, x)
    floor_y, floor_x = np.floor(y), np.floor(x)
    part_y, part_x = (y - floor_y).astype(np.float32), (x - floor_x).astype(np.float32)
    top, left = floor_y.astype(np.intp), floor_x.astype(np.intp)
    rows = mirror(top, height) * width, mirror(top + 1, height) * width
    columns = mirror(left, width), mirror(left + 1, width)
    pixels = pixels_of(np.ascontiguousarray(image)).ravel()

    def corner(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        return pixels.take(row + column).view(np.uint8).reshape(y.shape[0], -1).astype(np.float32)

    part_y, part_x = (np.repeat(part, channels, axis=1) for part in (part_y, part_x))
    upper, lower = corner(rows[0], columns[0]), corner(rows[1], columns[0])
    upper += (corner(rows[0], columns[1]) - upper) * part_x
    lower += (corner(rows[1], columns[1]) - lower) * part_x
    upper += (lower - upper) * part_y
    return to_uint8(upper).reshape(*y.shape, channels)
