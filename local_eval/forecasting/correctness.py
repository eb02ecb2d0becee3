"""The probability that an answer is right, from the probabilities it was made of: a calibration under shift.

A logistic regression on the answers to the judged suites, whose labels are known. Its mean over unlabelled images is an
estimate of the accuracy that takes no class frequencies for granted: each image is judged by itself.
"""

from dataclasses import dataclass

import numpy as np

from .logit import logit

MANY = 32  # classes beyond which each has no terms of its own
PENALTY = 1.0
_STEPS = 15


@dataclass(frozen=True)
class Correctness:
    """A fitted regression: F features, standardised by centre and scale, weights (F + 1,), the last the constant."""

    centre: np.ndarray
    scale: np.ndarray
    weights: np.ndarray

    def right(self, probs_nk: np.ndarray) -> np.ndarray:
        """Probability that the largest entry is the label: float64 (N,) in (0, 1)."""
        return _expit((_features(probs_nk) - self.centre) / self.scale @ self.weights[:-1] + self.weights[-1])

    def logit_share(self, probs_nk: np.ndarray) -> float:
        """Logit of the mean of `right`, kept half an image from 0 and 1."""
        edge = 0.5 / len(probs_nk)
        return logit(min(max(float(self.right(probs_nk).mean()), edge), 1 - edge))


def fit_correctness(probs_nk: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Correctness:
    """Fit by iterated weighted least squares, with a small ridge penalty on all but the constant.

    Args:
        probs_nk: (N, K), rows sum to 1.
        labels: int (N,).
        weights: (N,), how much each answer counts; their mean 1.
    """
    x = _features(probs_nk)
    centre, scale = x.mean(0), x.std(0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    design = np.column_stack([(x - centre) / scale, np.ones(len(x))])
    right = (probs_nk.argmax(-1) == labels).astype(np.float64)
    penalty = np.append(np.full(x.shape[1], PENALTY), 1e-3)
    beta = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        share = _expit(design @ beta)
        gradient = design.T @ (weights * (right - share)) - penalty * beta
        hessian = (design * (weights * share * (1 - share))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        beta = beta + np.clip(step, -3, 3)
        if np.abs(step).max() < 1e-6:
            break
    return Correctness(centre, scale, beta)


def _features(probs_nk: np.ndarray) -> np.ndarray:
    """Logit of the largest, its lead over the second, negative entropy; of each class the logarithm and whether it is
    the answer."""
    probs = np.maximum(np.asarray(probs_nk, np.float64), 1e-7)
    logs = np.log(probs)
    first = probs.max(-1)
    second = np.partition(probs, -2, -1)[:, -2] if probs.shape[1] > 1 else first
    certain = np.log(first) - np.log1p(-np.minimum(first, 1 - 1e-6))
    columns = [certain, np.log(first / second), (probs * logs).sum(-1)]
    if 1 < probs.shape[1] <= MANY:
        columns += [*np.maximum(logs, -8).T, *np.eye(probs.shape[1])[probs.argmax(-1)].T]
    return np.stack(columns, -1)


def _expit(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))
