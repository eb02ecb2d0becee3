"""Which views one net votes with: chosen by calibrated log-likelihood, and only while they help under shift."""

from dataclasses import dataclass

import numpy as np

from .paired import by_group, mean_and_error

_BETAS = (0.05, 20.0)  # inverse temperatures
_LEAST_GAIN = 1e-3  # nats: a view costs a pass of the net over every image
_FIRST_STEPS, _NEXT_STEPS = 8, 4  # of Newton: later ones start where the one before ended


@dataclass(frozen=True)
class Vote:
    """One view that was taken. gain: fall of the calibrated log-loss in nats, with its standard error over pictures;
    accuracy, accuracy_shifted: what the mean then has. The first has no gain."""

    view: int
    gain: float
    standard_error: float
    accuracy: float
    accuracy_shifted: float


def choose_views(
    probs_vnk: np.ndarray,
    labels: np.ndarray,
    shares: np.ndarray,
    groups: np.ndarray,
    shifted: np.ndarray,
    first: int,
) -> list[Vote]:
    """Add, again and again, the view that makes the calibrated mean most likely; stop when none surely helps.

    The log-loss of each mean is taken at its own best temperature, so that no view is chosen for softening the mean
    alone. A view is added when the loss falls by more than its standard error over pictures and by 0.001 nats at least,
    and falls on the shifted rows, too. The mean starts with `first`, unless another view alone is better by as much.

    Args:
        probs_vnk: (V, N, K) one net's probabilities.
        labels: (N,) in 0..K-1.
        shares: (N,), sum 1.
        groups: int (N,), rows with the same number are copies of one picture.
        shifted: bool (N,).
        first: number of the view to start with, the images as they are.

    Returns:
        The views taken, in their order, at least one.

    Source: Lyzhov et al. 2020, "Greedy Policy Search"; Ashukha et al. 2020 (calibrated log-likelihood).
    """
    losses, betas = calibrated_losses(probs_vnk, labels, shares, np.ones(len(probs_vnk)), _FIRST_STEPS)
    best = int(np.argmin(losses @ shares))
    gain, error = mean_and_error(by_group(losses[first] - losses[best], shares, groups))
    start = best if gain > max(error, _LEAST_GAIN) and _helps(losses[first], losses[best], shares, shifted) else first
    chosen, total, loss, beta = [start], probs_vnk[start].astype(np.float64), losses[start], betas[start]
    votes = [Vote(start, 0.0, 0.0, *_accuracies(total, labels, shares, shifted))]
    while len(chosen) < len(probs_vnk):
        rest = [v for v in range(len(probs_vnk)) if v not in chosen]
        means = (total + probs_vnk[rest]) / (len(chosen) + 1)
        losses, betas = calibrated_losses(means, labels, shares, np.full(len(rest), beta), _NEXT_STEPS)
        best = int(np.argmin(losses @ shares))
        gain, error = mean_and_error(by_group(loss - losses[best], shares, groups))
        if gain <= max(error, _LEAST_GAIN) or not _helps(loss, losses[best], shares, shifted):
            break
        chosen.append(rest[best])
        total, loss, beta = total + probs_vnk[rest[best]], losses[best], betas[best]
        votes.append(Vote(rest[best], gain, error, *_accuracies(total, labels, shares, shifted)))
    return votes


def calibrated_losses(
    probs_cnk: np.ndarray, labels: np.ndarray, shares: np.ndarray, betas_c: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Log-losses of each row, each candidate at the temperature that fits it best.

    Newton's method in the inverse temperature, in which the loss is convex; a step changes it by a factor of 3 at most.

    Args:
        probs_cnk: (C, N, K).
        labels: (N,) in 0..K-1.
        shares: (N,), sum 1.
        betas_c: (C,) where to start.
        steps: of Newton.

    Returns:
        float64 (C, N) in nats, and float64 (C,) inverse temperatures in [0.05, 20].
    """
    logs = np.log(np.maximum(probs_cnk, 1e-12, dtype=np.float64))
    label_logs = logs[:, np.arange(len(labels)), labels]
    betas = np.asarray(betas_c, np.float64)
    for _ in range(steps):
        soft, _ = _softmax(logs, betas)
        mean = (soft * logs).sum(-1)
        slope = (mean - label_logs) @ shares
        curvature = ((soft * logs**2).sum(-1) - mean**2) @ shares
        betas = np.clip(betas - slope / np.maximum(curvature, 1e-9), betas / 3, betas * 3).clip(*_BETAS)
    _, log_sums = _softmax(logs, betas)
    return log_sums - betas[:, None] * label_logs, betas


def _softmax(logs: np.ndarray, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(C, N, K) softmax(beta * logs), and (C, N) the log of its denominator."""
    scaled = betas[:, None, None] * logs
    largest = scaled.max(-1, keepdims=True)
    powers = np.exp(scaled - largest)
    sums = powers.sum(-1, keepdims=True)
    return powers / sums, (np.log(sums) + largest)[..., 0]


def _helps(before: np.ndarray, after: np.ndarray, shares: np.ndarray, shifted: np.ndarray) -> bool:
    return not shifted.any() or float(shares[shifted] @ (before - after)[shifted]) > 0


def _accuracies(total: np.ndarray, labels: np.ndarray, shares: np.ndarray, shifted: np.ndarray) -> tuple[float, float]:
    right = total.argmax(-1) == labels
    under_shift = float(shares[shifted] @ right[shifted] / shares[shifted].sum()) if shifted.any() else float("nan")
    return float(shares @ right), under_shift
