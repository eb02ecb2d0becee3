"""Confidence by optimal transport: how far the predicted probabilities lie from labels with the prior's frequencies."""

import numpy as np

_STEPS = 20
_SHARPNESS = (0.1, 0.03, 0.01)  # of the smoothed problem, ever closer to the true one


def transport_confidence(probs_nk: np.ndarray, prior_k: np.ndarray) -> float:
    """1 - least mean cost of giving every image a label so that the labels have the prior's frequencies.

    The cost of label k for an image is half the L1 distance of its probabilities from that label, 1 - p_k. Solved by
    Sinkhorn's iterations in the log domain with shrinking entropy, then costed with the plan found, whose rows are
    exact.

    Args:
        probs_nk: (N, K), rows sum to 1.
        prior_k: (K,), above 0 or 0, sum 1.

    Returns:
        In [0, 1]: estimates the accuracy, and is at most the mean confidence (but for the smoothing).

    Source: Lu et al. 2023, "Characterizing out-of-distribution error via optimal transport" (COT).
    """
    used = prior_k > 0
    gains = np.asarray(probs_nk, np.float64)[:, used]
    log_prior = np.log(prior_k[used])
    prices = np.zeros(used.sum())
    plan = np.empty_like(gains)
    for sharpness in _SHARPNESS:
        for _ in range(_STEPS):
            scores = (gains - prices) / sharpness
            top = scores.max(1, keepdims=True)
            np.exp(scores - top, out=plan)
            plan /= plan.sum(1, keepdims=True)
            step = sharpness * (np.log(np.maximum(plan.mean(0), 1e-12)) - log_prior)
            prices += step
            if np.abs(step).max() < 1e-3 * sharpness:
                break
    return float((plan * gains).sum() / len(gains))
