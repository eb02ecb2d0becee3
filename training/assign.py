"""Which part of a split each group of images goes to: stratified, seeded, the same in whatever order images come."""

import hashlib

import numpy as np

from submission.kit.seeds import derive_seed


def assign_parts(
    ids: np.ndarray, labels: np.ndarray, groups: np.ndarray, shares: np.ndarray, num_classes: int, seed: int
) -> np.ndarray:
    """Deal groups to parts, each to the part that lacks its classes most.

    A part that has nothing yet of a class comes before all others. In a class of single images, each part gets its
    share rounded up or down if every share is at least one image. Not scikit-learn's StratifiedGroupKFold: it knows
    equal shares only, and its result depends on the order of rows.

    Args:
        ids: unicode (n,).
        labels: int (n,), 0..K-1.
        groups: int (n,); images of a group stay together.
        shares: float (P,), sums to 1: the wanted share of each part.
        num_classes: K.
        seed: any int.

    Returns:
        int64 (n,): the part of each image, 0..P-1.
    """
    _, inverse = np.unique(groups, return_inverse=True)
    counts = np.zeros((inverse.max(initial=-1) + 1, num_classes), np.int64)
    np.add.at(counts, (inverse, labels), 1)
    wanted = np.outer(shares, counts.sum(axis=0)).astype(np.float64)
    held = np.zeros_like(wanted)
    ties = _tie_order(len(shares), num_classes, seed)
    part_of_group = np.empty(len(counts), np.int64)
    for group in _deal_order(ids, inverse, counts.sum(axis=1), seed):
        classes = np.flatnonzero(counts[group])
        amounts = counts[group, classes]
        lack = (wanted - held)[:, classes] + (held[:, classes] == 0) * wanted.sum()
        part = int(np.argmax(lack @ amounts + ties[:, classes[0]]))
        part_of_group[group] = part
        held[part, classes] += amounts
    return part_of_group[inverse]


def _deal_order(ids: np.ndarray, inverse: np.ndarray, sizes: np.ndarray, seed: int) -> np.ndarray:
    """Groups by size, largest first (a late large one could not be balanced), and at random by id within a size."""
    salt = str(derive_seed(seed, "split", "order")).encode()
    digests = np.array([hashlib.sha256(salt + image_id.encode()).hexdigest() for image_id in ids.tolist()], np.str_)
    order = np.lexsort((digests, inverse))
    starts = np.flatnonzero(np.diff(inverse[order], prepend=-1))
    return np.lexsort((digests[order[starts]], -sizes))  # a group goes by its smallest digest


def _tie_order(num_parts: int, num_classes: int, seed: int) -> np.ndarray:
    """A tiny bonus (P, K) that settles ties differently in each class, so that no part gets every odd image."""
    rng = np.random.default_rng(derive_seed(seed, "split", "ties"))
    return np.argsort(rng.random((num_parts, num_classes)), axis=0) * 1e-9
