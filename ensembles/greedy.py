"""Greedy ensemble selection with replacement."""

import numpy as np


def greedy_weights(
    probs_pnk: np.ndarray, labels: np.ndarray, shares: np.ndarray, max_candidates: int, steps: int = 40
) -> np.ndarray:
    """Add, again and again, the candidate that makes the mean most accurate; keep the best prefix.

    Ties go to a candidate already in, then to the lower log-loss, then to the first. Of the prefixes that are equally
    accurate the one with the lowest log-loss is kept.

    Args:
        probs_pnk: (P, N, K) probabilities of P candidates.
        labels: (N,) in 0..K-1.
        shares: (N,) weights of the rows, sum 1.
        max_candidates: at most so many different ones, at least 1.
        steps: additions, at least 1.

    Returns:
        float64 (P,), multiples of 1/(length of the prefix), sum 1.

    Source: Caruana et al. 2004, "Ensemble Selection from Libraries of Models".
    """
    if max_candidates < 1 or steps < 1:
        raise ValueError(f"max_candidates and steps must be at least 1. Received: {max_candidates}, {steps}")
    rows = np.arange(len(labels))
    counts = np.zeros(len(probs_pnk))
    total = np.zeros(probs_pnk.shape[1:])
    best: tuple[tuple[float, float], np.ndarray] | None = None
    for step in range(1, steps + 1):
        full = np.count_nonzero(counts) >= max_candidates
        keys = []
        for p in np.flatnonzero(counts) if full else range(len(probs_pnk)):
            mean = (total + probs_pnk[p]) / step
            accuracy = round(float(shares @ (mean.argmax(-1) == labels)), 12)  # ties survive the rounding of sums
            loss = float(shares @ -np.log(np.maximum(mean[rows, labels], 1e-12)))
            keys.append((-accuracy, counts[p] == 0, loss, p))
        negative_accuracy, _, loss, p = min(keys)
        counts[p] += 1
        total += probs_pnk[p]
        if best is None or (negative_accuracy, loss) < best[0]:
            best = ((negative_accuracy, loss), counts.copy())
    assert best is not None  # steps >= 1
    return best[1] / best[1].sum()
