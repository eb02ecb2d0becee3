"""Member weights of the best balanced accuracy, searched for by an evolution strategy."""

import numpy as np

from submission.kit.seeds import derive_seed

_GENERATIONS = 40
_LOSS_WEIGHT = 1e-3  # a step of balanced accuracy outweighs any fall of the loss; between steps the loss leads on


def cma_weights(probs_mnk: np.ndarray, labels: np.ndarray, shares: np.ndarray, seed: int = 0) -> np.ndarray:
    """Weights on the simplex, sought from equal ones by CMA-ES; a negative coordinate is a weight of 0.

    Args:
        probs_mnk: (M, N, K) probabilities of M candidates.
        labels: (N,) in 0..K-1.
        shares: (N,) weights of the rows, sum 1; each class counts alike whatever its shares sum to.
        seed: of the search.

    Returns:
        float64 (M,), at least 0, sum 1; never worse on these rows than equal weights.

    Source: Hansen 2016, "The CMA Evolution Strategy: A Tutorial"; Purucker and Beel 2023 (for ensemble weights).
    """
    from cmaes import CMA

    num_candidates, num_rows, num_classes = probs_mnk.shape
    flat = np.ascontiguousarray(probs_mnk.reshape(num_candidates, -1), np.float32)
    class_shares = np.bincount(labels, shares, num_classes)[labels]
    balanced = shares / class_shares / len(np.unique(labels))

    def badness(points: np.ndarray) -> np.ndarray:
        mixed = (points.astype(np.float32) @ flat).reshape(len(points), num_rows, num_classes)
        missed = 1 - (mixed.argmax(-1) == labels) @ balanced
        losses = -np.log(np.maximum(mixed[:, np.arange(num_rows), labels], 1e-12)) @ balanced
        return missed + _LOSS_WEIGHT * losses

    equal = np.full(num_candidates, 1 / num_candidates)
    if num_candidates == 1:
        return equal
    best, lowest = equal, badness(equal[None])[0]
    search = CMA(np.ones(num_candidates), 0.5, seed=derive_seed(seed, "ensembles", "cma"))
    for _ in range(_GENERATIONS):
        asked = [search.ask() for _ in range(search.population_size)]
        points = np.stack([_on_simplex(one) for one in asked])
        values = badness(points)
        search.tell([(one, float(value)) for one, value in zip(asked, values, strict=True)])
        if values.min() < lowest:
            best, lowest = points[values.argmin()], values.min()
        if search.should_stop():
            break
    return best


def _on_simplex(point: np.ndarray) -> np.ndarray:
    weights = np.maximum(point, 0)
    return weights / weights.sum() if weights.any() else np.full(len(point), 1 / len(point))
