"""A sample submission: the nearest class mean of a few colours. Small, quick, and above chance; beat it.

The contract: `model.py` at the zip's root, `class Model`, `__init__` without arguments, and `predict`, which gets all
images of a suite at once and returns one class index for each.
"""

from pathlib import Path

import numpy as np

# The working directory is another program's: find your files from here, never by open("weights.npz").
FOLDER = Path(__file__).resolve().parent
GRID = 4
BATCH = 256


def features(images):
    """Mean colours of a 4 x 4 grid: uint8 (n, H, W, C) to float32 (n, at most 16 C)."""
    values = np.asarray(images, dtype=np.float32)
    for axis in (1, 2):
        size = values.shape[axis]
        starts = np.linspace(0, size, min(GRID, size), endpoint=False).astype(int)
        counts = np.diff(np.append(starts, size)).astype(np.float32)
        shape = [1, 1, 1, 1]
        shape[axis] = len(counts)
        values = np.asarray(np.add.reduceat(values, starts, axis=axis) / counts.reshape(shape), dtype=np.float32)
    return values.reshape(len(values), -1)


class Model:
    def __init__(self):
        with np.load(str(FOLDER / "weights.npz")) as file:
            self.means, self.scale = file["means"], file["scale"]  # (K, F), (F,)

    def predict(self, X):  # noqa: N803 - the contest's name
        """Class indices, int64 (n,), of images uint8 (n, H, W, C), 0-255. In batches: memory is limited."""
        labels = np.empty(len(X), dtype=np.int64)
        for start in range(0, len(X), BATCH):
            values = features(X[start : start + BATCH]) / self.scale
            squares = (values[:, None] - self.means[None]) ** 2
            labels[start : start + BATCH] = squares.sum(axis=-1).argmin(axis=1)
        return labels
