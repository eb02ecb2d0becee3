"""One temperature a member, so that a confident net does not outvote a good one."""

import numpy as np
from scipy.optimize import minimize_scalar

from submission.kit.blend import temper

_LOG_RANGE = (-3.0, 3.0)  # temperatures from 0.05 to 20


def fit_temperature(probs_nk: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T that minimises the log-loss of p^(1/T), renormalised.

    The log-loss is convex in 1/T, so the one minimum is found; it is sought for T in [0.05, 20].

    Args:
        probs_nk: (N, K) probabilities of images the net was not trained on, N at least 1.
        labels: (N,) in 0..K-1.

    Returns:
        T, above 1 where the net is too confident.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    if len(probs_nk) == 0 or len(probs_nk) != len(labels):
        raise ValueError(f"expected as many labels as rows, at least 1. Received: {len(labels)} and {len(probs_nk)}")

    def loss(log_temperature: float) -> float:
        return log_loss(temper(probs_nk, np.exp(log_temperature)), labels)

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_RANGE, method="bounded", options={"xatol": 1e-4}).x))


def log_loss(probs_nk: np.ndarray, labels: np.ndarray) -> float:
    """Mean of -log of the probability given to the label, with probabilities below 1e-12 counted as 1e-12."""
    return float(-np.log(np.maximum(probs_nk[np.arange(len(labels)), labels], 1e-12)).mean())
