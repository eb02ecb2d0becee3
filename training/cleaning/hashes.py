"""The perceptual hashes of the library imagehash, in batches, bit for bit.

Each hash compares 64 numbers of an image with their median. They are computed here as products of matrices; where two
numbers are so close to the median that the order of additions decides, the image goes through the library's own calls.

Source: imagehash 4.3 (phash, dhash, whash with their defaults); Zauner 2010 (pHash).
"""

from functools import lru_cache

import numpy as np

from .resample import resize_grey
from .symmetry import symmetries

SIDE = 8  # of the 64 numbers
_PIXELS = 4 * SIDE  # of the picture that pHash transforms


def phash(grey: np.ndarray) -> np.ndarray:
    """imagehash.phash of each picture: the low frequencies of its cosine transform.

    Args:
        grey: uint8 (n, H, W), 0-255, any size.

    Returns:
        uint64 (n,): the 64 bits, packed.
    """
    pixels = resize_grey(grey, _PIXELS, _PIXELS)
    low = _low_cosines(pixels)
    return _above_median(low.reshape(-1, SIDE * SIDE), 1e-6, lambda unsure: _library_cosines(pixels[unsure]))


def phash_turned(grey: np.ndarray) -> np.ndarray:
    """pHash of each picture as it is, mirrored and turned, at the cost of one: from one cosine transform.

    Bits may differ from the hash of the mirrored picture where two numbers are equal but for rounding.

    Args:
        grey: uint8 (n, H, W).

    Returns:
        uint64 (n, V), in the order of `symmetry.symmetries(H, W)`.
    """
    low = _low_cosines(resize_grey(grey, _PIXELS, _PIXELS))
    turned = [symmetry.of_cosines(low).reshape(-1, SIDE * SIDE) for symmetry in symmetries(*grey.shape[1:])]
    return np.stack([_packed(values > np.median(values, axis=1, keepdims=True)) for values in turned], axis=1)


def dhash(grey: np.ndarray) -> np.ndarray:
    """imagehash.dhash of each picture: whether it gets lighter from left to right. As `phash` otherwise."""
    pixels = resize_grey(grey, SIDE, SIDE + 1)
    return _packed(pixels[:, :, 1:] > pixels[:, :, :-1])


def whash(grey: np.ndarray) -> np.ndarray:
    """imagehash.whash of each picture: Haar wavelets, which are sums of squares of pixels. As `phash` otherwise."""
    side = max(1 << int(np.log2(min(grey.shape[1:]))), SIDE)
    pixels = resize_grey(grey, side, side)
    step = side // SIDE
    sums = pixels.reshape(-1, SIDE, step, side).sum(axis=2, dtype=np.float32)
    sums = sums.reshape(-1, SIDE, SIDE, step).sum(axis=3)
    return _above_median(sums.reshape(-1, SIDE * SIDE), 0.5, lambda unsure: _library_wavelets(pixels[unsure]))


HASHES = {"phash": phash, "dhash": dhash, "whash": whash}
"""Name of a hash in imagehash: its function here."""


def _above_median(values: np.ndarray, error: float, again) -> np.ndarray:
    """Packed bits; rows whose two middle values differ by no more than `error` come from `again(rows)`."""
    middle = np.sort(values, axis=1)[:, [SIDE * SIDE // 2 - 1, SIDE * SIDE // 2]]
    bits = values > middle.mean(axis=1, keepdims=True)
    unsure = np.flatnonzero(middle[:, 1] - middle[:, 0] <= error)
    if len(unsure):
        exact = again(unsure).reshape(len(unsure), SIDE * SIDE)
        bits[unsure] = exact > np.median(exact, axis=1, keepdims=True)
    return _packed(bits)


def _packed(bits: np.ndarray) -> np.ndarray:
    return np.packbits(bits.reshape(len(bits), SIDE * SIDE), axis=1).view(np.uint64).reshape(len(bits))


def _low_cosines(pixels: np.ndarray) -> np.ndarray:
    """float64 (n, SIDE, SIDE)"""
    cosines = _cosines()
    return cosines @ (pixels.reshape(-1, _PIXELS).astype(np.float64) @ cosines.T).reshape(-1, _PIXELS, SIDE)


@lru_cache
def _cosines() -> np.ndarray:
    """float64 (SIDE, _PIXELS): the first rows of the unscaled cosine transform."""
    angle = np.pi / (2 * _PIXELS) * np.outer(np.arange(SIDE), 2 * np.arange(_PIXELS) + 1)
    return 2 * np.cos(angle)


def _library_cosines(pixels: np.ndarray) -> np.ndarray:
    import scipy.fftpack

    found = [scipy.fftpack.dct(scipy.fftpack.dct(one, axis=0), axis=1)[:SIDE, :SIDE] for one in pixels]
    return np.stack(found)


def _library_wavelets(pixels: np.ndarray) -> np.ndarray:
    import pywt

    levels = int(np.log2(pixels.shape[1]))
    found = []
    for one in pixels:
        parts = list(pywt.wavedec2(one / 255.0, "haar", level=levels))
        parts[0] *= 0
        found.append(pywt.wavedec2(pywt.waverec2(parts, "haar"), "haar", level=levels - int(np.log2(SIDE)))[0])
    return np.stack(found)
