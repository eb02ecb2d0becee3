"""What changes fine detail: sharpness and blur."""

from functools import lru_cache

import numpy as np

from .mirror import mirror
from .operation import Operation, Params, draw, register_operation, to_uint8


def smooth(image: np.ndarray) -> np.ndarray:
    """Pillow's SMOOTH filter: 3 x 3 mean with weight 5 of 13 in the middle; the outermost pixels stay."""
    height, width = image.shape[:2]
    wide = image.astype(np.int32)
    total = 4 * wide[1:-1, 1:-1]
    for dy in range(3):
        for dx in range(3):
            total = total + wide[dy : height - 2 + dy, dx : width - 2 + dx]
    result = image.copy()
    result[1:-1, 1:-1] = (total + 6) // 13
    return result


@lru_cache(maxsize=64)
def blur_matrix(size: int, sigma: float) -> np.ndarray:
    """Gaussian weights along an axis, cut at four sigma, mirrored at the edges: float32 (size, size), rows sum to 1."""
    radius = int(4 * sigma + 0.5)
    steps = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (steps / sigma) ** 2)
    matrix = np.zeros((size, size))
    rows = np.arange(size)[:, None]
    np.add.at(matrix, (rows, mirror(rows + steps, size)), weights / weights.sum())
    return matrix.astype(np.float32)


@register_operation("sharpness")
class Sharpness(Operation):
    """Exaggerate the difference from the smoothed image; a factor of 1 is the image itself."""

    _FACTOR = ((1.5, 2), (2, 3), (3, 4), (4, 6), (6, 8))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {"factor": draw(rng, self._FACTOR, severity)}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        base = smooth(image).astype(np.float32)
        return to_uint8(base + params["factor"] * (image - base))


@register_operation("blur")
class Blur(Operation):
    """Gaussian blur; the severities are sigmas in pixels of a 96 x 96 image."""

    _SIGMA = ((0.5, 0.8), (0.8, 1.2), (1.2, 1.6), (1.6, 2.2), (2.2, 3.0))

    def sample(self, rng: np.random.Generator, severity: int) -> Params:
        return {"sigma": draw(rng, self._SIGMA, severity) / 96}

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        height, width = image.shape[:2]
        sigma = max(0.35, params["sigma"] * min(height, width))  # less than that changes nothing
        values = np.moveaxis(image.astype(np.float32), -1, 0)
        return to_uint8(np.moveaxis(blur_matrix(height, sigma) @ values @ blur_matrix(width, sigma).T, 0, -1))
