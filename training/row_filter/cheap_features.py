"""A few numbers of an image that show at a glance what is odd about it: its colours and its coarse look."""

import numpy as np

from submission.kit.image_set import ImageSet

SIDE = 8
BATCH = 512


def cheap_features(data: ImageSet, rows: np.ndarray) -> np.ndarray:
    """Mean and deviation of each channel, and the image at 8 x 8, each number standardised over the rows.

    Args:
        data: the image set; one batch of it is read at a time.
        rows: int (n,).

    Returns:
        float32 (n, 66 * C).
    """
    found = [_of_images(data.images[rows[start : start + BATCH]]) for start in range(0, len(rows), BATCH)]
    features = np.concatenate(found)
    return (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-3)


def _of_images(images: np.ndarray) -> np.ndarray:
    images = images.astype(np.float32)
    small = _cell_means(_cell_means(images, axis=1), axis=2).reshape(len(images), -1)
    return np.concatenate([images.mean(axis=(1, 2)), images.std(axis=(1, 2)), small], axis=1)


def _cell_means(images: np.ndarray, axis: int) -> np.ndarray:
    """The image with `SIDE` cells along an axis, each the mean of its pixels; a side below that repeats pixels."""
    length = images.shape[axis]
    edges = np.arange(SIDE) * length // SIDE
    counts = np.maximum(1, np.diff(edges, append=length))
    shape = [1] * images.ndim
    shape[axis] = SIDE
    return np.add.reduceat(images, edges, axis=axis) / counts.reshape(shape).astype(np.float32)
