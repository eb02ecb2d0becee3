"""The same number of images of each class in every epoch, drawn on the fly."""

import numpy as np

from submission.kit.seeds import derive_seed


def balanced_rows(
    rows: np.ndarray, labels: np.ndarray, images_per_class: int | None, seed: int, epoch: int
) -> np.ndarray:
    """The rows of one epoch, sorted.

    Each class is gone through in one random order after the other, on and on over the epochs: no image comes again
    before all others of its class have come.

    Args:
        rows: int (n,).
        labels: int (n,), of `rows`.
        images_per_class: of each class an epoch; None for the size of the largest class.
        seed: of the orders.
        epoch: 0 is the first; the refresh of batch-norm statistics has -1.

    Returns:
        int (classes with images * images_per_class,).
    """
    classes, counts = np.unique(labels, return_counts=True)
    wanted = int(counts.max()) if images_per_class is None else images_per_class
    drawn = []
    for label in classes:
        of_class = rows[labels == label]
        places = np.arange(epoch * wanted, (epoch + 1) * wanted)
        orders, within = np.divmod(places, len(of_class))
        for number in np.unique(orders):
            rng = np.random.default_rng(derive_seed(seed, "balance", label, number))
            drawn.append(of_class[rng.permutation(len(of_class))[within[orders == number]]])
    return np.sort(np.concatenate(drawn))
