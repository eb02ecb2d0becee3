"""One temperature a member, so that a confident net does not outvote a good one, and one for their mean."""

import numpy as np
from scipy.optimize import minimize_scalar

from submission.kit.blend import temper

_LOG_RANGE = (-3.0, 3.0)  # temperatures from 0.05 to 20
_BINS = 15


def fit_temperature(probs_nk: np.ndarray, labels: np.ndarray, shares: np.ndarray | None = None) -> float:
    """The temperature T that minimises the log-loss of p^(1/T), renormalised.

    The log-loss is convex in 1/T, so the one minimum is found; it is sought for T in [0.05, 20].

    Args:
        probs_nk: (N, K) probabilities of images the net was not trained on, N at least 1.
        labels: (N,) in 0..K-1.
        shares: (N,) weights of the rows, sum 1; None for equal ones.

    Returns:
        T, above 1 where the net is too confident.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    if len(probs_nk) == 0 or len(probs_nk) != len(labels):
        raise ValueError(f"expected as many labels as rows, at least 1. Received: {len(labels)} and {len(probs_nk)}")

    def loss(log_temperature: float) -> float:
        return log_loss(temper(probs_nk, np.exp(log_temperature)), labels, shares)

    return float(np.exp(minimize_scalar(loss, bounds=_LOG_RANGE, method="bounded", options={"xatol": 1e-4}).x))


def log_losses(probs_nk: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """float64 (N,): -log of the probability given to the label, with probabilities below 1e-12 counted as 1e-12."""
    return -np.log(np.maximum(probs_nk[np.arange(len(labels)), labels], 1e-12))


def log_loss(probs_nk: np.ndarray, labels: np.ndarray, shares: np.ndarray | None = None) -> float:
    """Mean of `log_losses`, weighted by `shares` (sum 1) where given."""
    losses = log_losses(probs_nk, labels)
    return float(losses.mean() if shares is None else shares @ losses)


def calibration_error(confidence: np.ndarray, correct: np.ndarray, shares: np.ndarray) -> float:
    """Expected calibration error: mean of |confidence - accuracy| over 15 bins of equal width.

    Args:
        confidence: (N,) probability of the class named, in [0, 1].
        correct: bool (N,).
        shares: (N,) weights of the rows.

    Returns:
        In [0, 1]; NaN without rows.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    if not len(correct):
        return float("nan")
    number = np.minimum((np.asarray(confidence) * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(number, shares * (np.asarray(confidence) - correct), _BINS)
    return float(np.abs(gaps).sum() / shares.sum())
