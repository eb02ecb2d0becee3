"""A small map of an image's detail: a quick test whether two images can be the same picture at all.

Between hash and full comparison: it spares nearly all of the full comparisons, which cost a millisecond each.
"""

import numpy as np
from scipy import ndimage

from .resample import resize_grey

SIDE = 32
"""Maps are SIDE x SIDE, whatever the image's size."""

PASS = 0.62
"""Least score to go on with. Real twins (shifted 1-2 pixels, brightened, JPEG, noise) have .66 or more; of the pairs of
different cells that pHash proposes 99.8 % have less."""

BORDER = 1 / 24
"""Part of each side that is cut off: a copy shifted with a constant fill differs most at its border."""


def without_border(grey: np.ndarray) -> np.ndarray:
    """Pictures (n, H, W) without `BORDER` on each side (4 of 96 pixels)."""
    dy, dx = round(grey.shape[1] * BORDER), round(grey.shape[2] * BORDER)
    return grey[:, dy : grey.shape[1] - dy, dx : grey.shape[2] - dx]


def fingerprints(grey: np.ndarray) -> np.ndarray:
    """Detail with local contrast divided out, float32 (n, SIDE, SIDE): free of brightness, contrast and border.

    All but the outermost map pixels have mean 0 and length 1, so that a product with another map is a correlation.

    Args:
        grey: uint8 (n, H, W), 0-255.
    """
    pixels = resize_grey(without_border(grey), SIDE, SIDE, "box").astype(np.float32)
    pixels -= pixels.mean(axis=(1, 2), keepdims=True)
    pixels /= pixels.std(axis=(1, 2), keepdims=True) + 1e-6
    detail = pixels - ndimage.gaussian_filter(pixels, (0, 2, 2))
    detail /= np.sqrt(ndimage.gaussian_filter(detail * detail, (0, 2.5, 2.5))) + 0.1
    inner = detail[:, 1:-1, 1:-1]
    mean = inner.mean(axis=(1, 2), keepdims=True)
    return (detail - mean) / (np.linalg.norm(inner - mean, axis=(1, 2), keepdims=True) + 1e-6)


def scores(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Best correlation over shifts of up to one map pixel (3 of 96), float32 (n,), -1 to 1.

    Args:
        one: a fingerprint (SIDE, SIDE).
        others: fingerprints (n, SIDE, SIDE).
    """
    return (others.reshape(len(others), SIDE * SIDE) @ _shifted(one[None])[0].T).max(axis=1)


def pair_scores(maps: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The same for pairs: of `maps` (n, SIDE, SIDE) and `others` (n, SIDE, SIDE), float32 (n,)."""
    return np.einsum("nsp,np->ns", _shifted(maps), others.reshape(len(others), SIDE * SIDE)).max(axis=1, initial=-1)


def _shifted(maps: np.ndarray) -> np.ndarray:
    """The nine shifts of each map, normalised, float32 (n, 9, SIDE * SIDE)."""
    side = SIDE - 2
    windows = np.lib.stride_tricks.sliding_window_view(maps, (side, side), axis=(1, 2))
    parts = windows.reshape(len(maps), 9, side * side).astype(np.float32)
    parts -= parts.mean(axis=2, keepdims=True)
    parts /= np.sqrt(np.einsum("nsp,nsp->ns", parts, parts))[:, :, None] + 1e-6
    made = np.zeros((len(maps), 9, SIDE, SIDE), np.float32)
    made[:, :, 1:-1, 1:-1] = parts.reshape(len(maps), 9, side, side)
    return made.reshape(len(maps), 9, SIDE * SIDE)
