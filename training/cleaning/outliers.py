"""Off-topic images: those whose features lie far from all others."""

import numpy as np

from submission.kit.seeds import derive_seed

FAR = 2.0
"""Score from which an image is off topic. By colours and grain drawn cells reach 1.98, and 1 in 1,000 of 11,949 real
ones has more than 1.91; twenty kinds of intruder have 2.02 or more among drawn cells, 4.07 or more among real ones."""

NEIGHBOURS = 20  # the distance to the 20th: a few intruders of one kind do not vouch for each other
SAMPLE = 20_000  # images that the others are compared with, so that time is proportional to their number
_FLOOR = 0.03  # of the largest variance: what never varies among ordinary images counts without drowning all else


def outlier_scores(features: np.ndarray, seed: int = 0) -> np.ndarray:
    """How far each image is from its twentieth neighbour, in standard deviations of the ordinary images.

    Features are rotated to their principal directions, each scaled to unit variance as the ordinary nine tenths of the
    images have it; distances are divided by the length of an ordinary image's vector (Ramaswamy et al. 2000).

    Args:
        features: float32 (n, F).
        seed: of the sample, where there are more than `SAMPLE` images.

    Returns:
        float32 (n,): more than `FAR` is off topic; all 0 for fewer than 5 * NEIGHBOURS images.
    """
    from sklearn.neighbors import NearestNeighbors

    n = len(features)
    if n < 5 * NEIGHBOURS:
        return np.zeros(n, np.float32)
    sample = np.sort(np.random.default_rng(derive_seed(seed, "outliers")).permutation(n)[:SAMPLE])
    whitened, length = _whitened(features, sample)
    search = NearestNeighbors(n_neighbors=NEIGHBOURS + 1, algorithm="brute").fit(whitened[sample])
    distances = search.kneighbors(whitened)[0]
    in_sample = np.isin(np.arange(n), sample)  # those have themselves among their neighbours
    found = np.where(in_sample, distances[:, NEIGHBOURS], distances[:, NEIGHBOURS - 1])
    return (found / length).astype(np.float32)


def _whitened(features: np.ndarray, sample: np.ndarray) -> tuple[np.ndarray, float]:
    """float32 (n, F): principal directions of the ordinary images, each of unit variance; and their usual length."""
    seen = features[sample].astype(np.float64)
    away = np.linalg.norm((seen - np.median(seen, axis=0)) / (seen.std(axis=0) + 1e-6), axis=1)
    ordinary = seen[away <= np.quantile(away, 0.9)]
    variances, directions = np.linalg.eigh(np.cov(ordinary, rowvar=False))
    variances = np.maximum(variances, 0)
    floored = np.maximum(variances, variances.max() * _FLOOR + 1e-12)
    rotation = (directions / np.sqrt(floored)).astype(np.float32)
    length = float(np.sqrt((variances / floored).sum() + 1e-12))
    return (features - ordinary.mean(axis=0).astype(np.float32)) @ rotation, length
