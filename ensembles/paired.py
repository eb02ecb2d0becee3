"""Means over pictures with their standard errors: copies of one picture are one observation."""

import numpy as np


def by_group(values: np.ndarray, shares: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """A value for each group whose plain mean is the weighted mean of the rows.

    Args:
        values: (N,).
        shares: (N,), sum 1.
        groups: int (N,).

    Returns:
        float64 (number of groups,).
    """
    _, number = np.unique(groups, return_inverse=True)
    return np.bincount(number, shares * values) * (number.max() + 1)


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean and its standard error (0 for a single value)."""
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(values.mean()), float(error)
