"""Batches of a memory-mapped image set, in an order that depends on the seed and the epoch alone."""

import keras
import numpy as np

from submission.kit.image_set import ImageSet
from submission.kit.seeds import derive_seed


class ShuffledBatches(keras.utils.PyDataset):
    """Full batches of one epoch: ({"images": uint8 (n, H, W, C), "targets": float32 (n, K)},).

    Only the images of a batch are read from disk. What is left over after the last full batch waits for another epoch.

    Args:
        data: the image set.
        rows: rows of it to draw from.
        batch_size: n.
        seed: of the order.
        epoch: which epoch this is; each has its own order.
        shuffle: False leaves the rows in their order.
        most: batches at most; None for all.
    """

    def __init__(
        self,
        data: ImageSet,
        rows: np.ndarray,
        batch_size: int,
        seed: int,
        epoch: int,
        shuffle: bool = True,
        most: int | None = None,
    ) -> None:
        super().__init__(workers=1)
        self.data = data
        self.batch_size = batch_size
        self.rows = rows
        if shuffle:
            self.rows = rows[np.random.default_rng(derive_seed(seed, "order", epoch)).permutation(len(rows))]
        self.count = len(rows) // batch_size if most is None else min(most, len(rows) // batch_size)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray]]:
        rows = np.sort(self.rows[index * self.batch_size : (index + 1) * self.batch_size])  # sorted: kinder to the disk
        return (batch_inputs(self.data, rows),)


def batch_inputs(data: ImageSet, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Images and one-hot targets of some rows."""
    targets = np.zeros((len(rows), data.num_classes), np.float32)
    targets[np.arange(len(rows)), data.labels[rows]] = 1.0
    return {"images": data.images[rows], "targets": targets}
