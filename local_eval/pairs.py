"""Two submissions on the same images: is one better, or is it noise?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np


@dataclass(frozen=True)
class Paired:
    """difference: accuracy of b minus that of a; low, high: its interval; only_a, only_b: images that only one of them
    got right; p_value: exact, two-sided, of no difference; n: images."""

    difference: float
    low: float
    high: float
    only_a: int
    only_b: int
    p_value: float
    n: int


def compare_pairs(right_a: np.ndarray, right_b: np.ndarray, level: float = 0.95) -> Paired:
    """Paired difference of two accuracies.

    The interval is Agresti and Min's: half an image is added to each of the four cells of the two by two table, which
    keeps its level for few images and for answers that hardly differ.

    Args:
        right_a, right_b: bool (N,), N > 0, in the same order of images.
        level: of the interval.

    Source: McNemar 1947; Agresti and Min 2005, "Simple improved confidence intervals for comparing matched
    proportions".
    """
    right_a, right_b = np.asarray(right_a, bool), np.asarray(right_b, bool)
    if right_a.shape != right_b.shape or right_a.ndim != 1 or not len(right_a):
        raise ValueError(f"expected two (N,) with N > 0. Received: {right_a.shape} and {right_b.shape}")
    n = len(right_a)
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    z = NormalDist().inv_cdf((1 + level) / 2)
    total = n + 2
    a, b = (only_a + 0.5) / total, (only_b + 0.5) / total
    half = z * math.sqrt(max(a + b - (b - a) ** 2, 0) / total)
    return Paired(
        difference=(only_b - only_a) / n,
        low=max(-1.0, b - a - half),
        high=min(1.0, b - a + half),
        only_a=only_a,
        only_b=only_b,
        p_value=mcnemar(only_a, only_b),
        n=n,
    )


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p-value of the discordant images being as likely one way as the other; 1 where there are none."""
    total, few = only_a + only_b, min(only_a, only_b)
    logs = [_log_choose(total, k) - total * math.log(2) for k in range(few + 1)]
    return min(1.0, 2 * math.fsum(math.exp(value) for value in logs))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values raised for there being several, in the same order (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda n: p_values[n])
    raised, so_far = [0.0] * len(p_values), 0.0
    for rank, n in enumerate(order):
        so_far = max(so_far, min(1.0, (len(p_values) - rank) * p_values[n]))
        raised[n] = so_far
    return raised


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
