"""Nearest images by an embedding's cosine."""

import numpy as np

NEIGHBOURS = 5
FAR = 6.0
"""Robust standard deviations by which a pair is closer than nearest images usually are, on a logarithmic scale, from
which it is reported as alike although its pixels differ."""

_QUERIES = 4096  # rows searched at once


def nearest(features: np.ndarray, mirrored: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The nearest images of each, by the cosine of the features less their mean.

    Args:
        features: float32 (n, D).
        mirrored: float32 (n, D), features of the mirrored images: their neighbours are found, too.

    Returns:
        pairs: int64 (m, 2), positions, each pair once, the smaller first.
        cosines: float32 (m,), the larger one of a pair that is found twice.
    """
    from sklearn.neighbors import NearestNeighbors

    n = len(features)
    if n < 2:
        return np.empty((0, 2), np.int64), np.empty(0, np.float32)
    centre = features.mean(axis=0)
    directions = _directions(features, centre)
    queries = [directions] if mirrored is None else [directions, _directions(mirrored, centre)]
    # distances of unit vectors rank as cosines do; scikit-learn searches them in blocks
    search = NearestNeighbors(n_neighbors=min(NEIGHBOURS + 1, n), algorithm="brute").fit(directions)
    pieces = []
    for of in queries:
        for start in range(0, n, _QUERIES):
            distances, found = search.kneighbors(of[start : start + _QUERIES])
            rows = np.repeat(np.arange(start, start + len(found)), found.shape[1])
            pieces.append((rows, found.ravel(), 1 - distances.ravel() ** 2 / 2))
    first, second, cosines = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    order = np.argsort(-cosines, kind="stable")  # of equal pairs the closest comes first, and is kept
    order = order[first[order] != second[order]]
    pairs = np.sort(np.stack([first[order], second[order]], axis=1), axis=1)
    pairs, chosen = np.unique(pairs, axis=0, return_index=True)
    return pairs, cosines[order][chosen].astype(np.float32)


def alike(pairs: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """Places of the pairs that are closer than nearest images of this set and net usually are, int64.

    Args:
        pairs: int (m, 2), of `nearest`.
        cosines: float (m,).
    """
    if not len(pairs):
        return np.empty(0, np.int64)
    off = np.log(np.maximum(1 - cosines, 1e-7))
    off = off - np.median(off)
    return np.flatnonzero(off < -FAR * (1.4826 * np.median(np.abs(off)) + 1e-6))


def _directions(features: np.ndarray, centre: np.ndarray) -> np.ndarray:
    directions = features - centre
    return directions / (np.linalg.norm(directions, axis=1, keepdims=True) + 1e-6)
