"""A small map of an image's detail: a quick test whether two images can be the same picture at all.

Between hash and full comparison: it spares nearly all of the full comparisons, which cost a millisecond each.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

from .phash import cut_border

SIDE = 32
"""Maps are SIDE x SIDE, whatever the image's size."""

PASS = 0.62
"""Least score to go on with. Real twins (shifted 1-2 pixels, brightened, JPEG, noise) have .66 or more; of the pairs of
different cells that pHash proposes 99.8 % have less."""


def fingerprint(grey: Image.Image) -> np.ndarray:
    """Detail with local contrast divided out, float32 (SIDE, SIDE): free of brightness, contrast and border.

    All but the outermost map pixels have mean 0 and length 1, so that a product with another map is a correlation.

    Args:
        grey: picture of mode "L".
    """
    small = cut_border(grey).resize((SIDE, SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float32)
    pixels = (pixels - pixels.mean()) / (pixels.std() + 1e-6)
    detail = pixels - ndimage.gaussian_filter(pixels, 2)
    detail /= np.sqrt(ndimage.gaussian_filter(detail * detail, 2.5)) + 0.1
    inner = detail[1:-1, 1:-1]
    return (detail - inner.mean()) / (np.linalg.norm(inner - inner.mean()) + 1e-6)


def scores(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Best correlation over shifts of up to one map pixel (3 of 96), float32 (n,), -1 to 1.

    Args:
        one: a fingerprint (SIDE, SIDE).
        others: fingerprints (n, SIDE, SIDE).
    """
    shifted = np.zeros((9, SIDE, SIDE), np.float32)
    for number, (y, x) in enumerate(np.ndindex(3, 3)):
        part = one[y : y + SIDE - 2, x : x + SIDE - 2]
        part = part - part.mean()
        shifted[number, 1:-1, 1:-1] = part / (np.linalg.norm(part) + 1e-6)
    return (others.reshape(len(others), SIDE * SIDE) @ shifted.reshape(9, SIDE * SIDE).T).max(axis=1)
