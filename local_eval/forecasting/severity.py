"""How a suite's accuracy falls with the load of its images, and so what it would be at another strength."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .logit import logit

FEWEST = 20  # images, right and wrong ones together, for a slope to be fitted at all
PRIOR_SD = 1.0  # of the slope, logits a standard deviation of the load: where all are right, it stays finite
_STEPS = 30


@dataclass(frozen=True)
class Shift:
    """To another strength: added to the logit of the suite's accuracy; sd: of its error, beyond the suite's own."""

    value: float
    sd: float


def load_shifts(right: np.ndarray, loads: np.ndarray, others: Mapping[str, np.ndarray]) -> dict[str, Shift]:
    """For each strength: logit of the accuracy there, minus that of the whole suite.

    A logistic regression of right or wrong on the load: a fifth of a suite says little by itself.

    Args:
        right: bool (N,).
        loads: float (N,), how strongly each image was altered.
        others: name of a strength -> float (M,), the loads of images of that strength.

    Returns:
        The same names; empty for few images or where all have one load.
    """
    scale = float(loads.std())
    if len(right) < FEWEST or not scale:
        return {}
    middle = float(loads.mean())
    design = _design((loads - middle) / scale)
    base = logit(float((right.sum() + 0.5) / (len(right) + 1)))
    beta = np.array([base, 0.0])
    penalty = np.array([0.0, PRIOR_SD**-2])
    for _ in range(_STEPS):
        share = _expit(design @ beta)
        gradient = design.T @ (right - share) + np.array([0.5 - share.mean(), 0.0]) - penalty * beta
        hessian = (design * (share * (1 - share))[:, None]).T @ design + np.diag(penalty + 1e-9)
        step = np.linalg.solve(hessian, gradient)
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    own, own_slope = _predict(beta, design)
    cover = np.linalg.inv(hessian)
    variance = float(own_slope @ cover @ own_slope)
    found = {}
    for name, other in others.items():
        there, slope = _predict(beta, _design((other - middle) / scale))
        found[name] = Shift(there - own, max(float(slope @ cover @ slope) - variance, 0.0) ** 0.5)
    return found


def _design(loads: np.ndarray) -> np.ndarray:
    return np.stack([np.ones(len(loads)), loads], 1)


def _expit(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))


def _predict(beta: np.ndarray, design: np.ndarray) -> tuple[float, np.ndarray]:
    """Logit of the mean accuracy, and its derivative by beta."""
    share = _expit(design @ beta)
    mean = min(max(float(share.mean()), 1e-9), 1 - 1e-9)
    return logit(mean), (design * (share * (1 - share))[:, None]).mean(0) / (mean * (1 - mean))
