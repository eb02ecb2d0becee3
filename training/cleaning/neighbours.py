"""Nearest images by an embedding's cosine."""

import numpy as np

NEIGHBOURS = 5
LOOK_ALIKE = 0.98
"""Cosine from which two images whose pixels differ are reported. With a net trained on the contest."""

_QUERIES = 4096  # rows searched at once


def nearest(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest images of each, by the cosine of the features less their mean.

    Args:
        features: float32 (n, D).

    Returns:
        pairs: int64 (m, 2), positions, each pair once, the smaller first.
        cosines: float32 (m,).
    """
    from sklearn.neighbors import NearestNeighbors

    n = len(features)
    if n < 2:
        return np.empty((0, 2), np.int64), np.empty(0, np.float32)
    directions = features - features.mean(axis=0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True) + 1e-6
    # distances of unit vectors rank as cosines do; scikit-learn searches them in blocks
    search = NearestNeighbors(n_neighbors=min(NEIGHBOURS + 1, n), algorithm="brute").fit(directions)
    pieces = []
    for start in range(0, n, _QUERIES):
        distances, found = search.kneighbors(directions[start : start + _QUERIES])
        rows = np.repeat(np.arange(start, start + len(found)), found.shape[1])
        pieces.append((rows, found.ravel(), 1 - distances.ravel() ** 2 / 2))
    first, second, cosines = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    other = first != second
    pairs = np.sort(np.stack([first[other], second[other]], axis=1), axis=1)
    pairs, chosen = np.unique(pairs, axis=0, return_index=True)
    return pairs, cosines[other][chosen].astype(np.float32)
