"""Indices beyond an edge, mirrored: d c b a | a b c d | d c b a (scipy's and Keras' "reflect")."""

import numpy as np


def mirror(index: np.ndarray, size: int) -> np.ndarray:
    """Map any integers into [0, size) by reflection, the edge pixel being repeated.

    Args:
        index: integers of any shape.
        size: length of the axis, at least 1.
    """
    if index.min(initial=0) < -size or index.max(initial=0) >= 2 * size:  # seldom: modulo is slow
        index = np.mod(index, 2 * size)
    index = np.maximum(index, -1 - index)
    return np.minimum(index, 2 * size - 1 - index)
