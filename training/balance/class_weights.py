"""Weights of the classes in the loss."""

import numpy as np


def class_weights(labels: np.ndarray, num_classes: int) -> tuple[float, ...]:
    """Inverse frequencies, scaled so that their mean over the images is 1.

    Args:
        labels: int (n,), 0..K-1, of the training images.
        num_classes: K.

    Returns:
        K weights; 1 for a class without an image.
    """
    counts = np.bincount(labels, minlength=num_classes)
    present = counts > 0
    weights = np.ones(num_classes)
    weights[present] = len(labels) / (present.sum() * counts[present])
    return tuple(map(float, weights))
