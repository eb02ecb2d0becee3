"""Many members' probabilities to one: tempered, then their weighted mean over members and views, tempered again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def temper(probs: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities of softmax(logits / temperature), from the probabilities: p^(1/T), renormalised.

    Args:
        probs: (..., K), in [0, 1], at least one above 0 in each row.
        temperature: above 0; 1 changes nothing but the rounding, above 1 softens.

    Returns:
        float64 (..., K), rows sum to 1.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0. Received: {temperature}")
    ratios = np.asarray(probs, np.float64)
    ratios = ratios / ratios.max(-1, keepdims=True)  # the largest becomes 1, so that no power underflows to a row of 0
    powers = ratios ** (1 / temperature)
    return powers / powers.sum(-1, keepdims=True)


def blend(
    probs_mvnk: np.ndarray, weights_mv: np.ndarray, temperatures_m: Sequence[float], pool_temperature: float = 1.0
) -> np.ndarray:
    """Weighted mean of tempered probabilities, itself tempered: a mean of calibrated nets is too unsure.

    Args:
        probs_mvnk: (M, V, N, K) probabilities; what has weight 0 is not read and may hold anything.
        weights_mv: (M, V), at least 0, sum 1.
        temperatures_m: M temperatures, above 0.
        pool_temperature: of the mean, above 0; it never changes which class is the most probable.

    Returns:
        float32 (N, K), rows sum to 1.

    Raises:
        ValueError: shapes that do not fit together, or weights that are negative or do not sum to 1.

    Source: Rahaman and Thiery 2021, "Uncertainty Quantification and Deep Ensembles" (pool, then calibrate).
    """
    weights_mv = np.asarray(weights_mv, np.float64)
    if probs_mvnk.ndim != 4 or probs_mvnk.shape[:2] != weights_mv.shape or len(temperatures_m) != len(weights_mv):
        raise ValueError(
            f"expected probs (M, V, N, K), weights (M, V) and M temperatures. Received: {probs_mvnk.shape}, "
            f"{weights_mv.shape}, {len(temperatures_m)}"
        )
    check_weights(weights_mv)
    mixed = np.zeros(probs_mvnk.shape[2:])
    for m, v in np.argwhere(weights_mv > 0):
        mixed += weights_mv[m, v] * temper(probs_mvnk[m, v], temperatures_m[m])
    if pool_temperature != 1:
        mixed = temper(mixed, pool_temperature)
    return mixed.astype(np.float32)


def check_weights(weights_mv: np.ndarray) -> None:
    """Raise `ValueError` unless all weights are at least 0 and their sum is 1 within 1e-6; NaN is refused."""
    if not (np.all(weights_mv >= 0) and abs(np.sum(weights_mv) - 1) <= 1e-6):
        raise ValueError(f"expected weights of at least 0 whose sum is 1. Received: {np.asarray(weights_mv).tolist()}")
