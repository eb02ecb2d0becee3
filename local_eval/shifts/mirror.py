"""Indices beyond an edge, mirrored: d c b a | a b c d | d c b a (scipy's and Keras' "reflect")."""

import numpy as np


def mirror(index: np.ndarray, size: int) -> np.ndarray:
    """Map any integers into [0, size) by reflection, the edge pixel being repeated.

    Args:
        index: integers of any shape.
        size: length of the axis, at least 1.
    """
    index = np.mod(index, 2 * size)
    return np.minimum(index, 2 * size - 1 - index)
