"""Numbers that move with the accuracy and need no labels."""

from dataclasses import dataclass

import numpy as np

from .logit import logit
from .transport import transport_confidence

NAMES = ("confidence", "entropy", "atc_clean", "atc_shifted", "nuclear", "mano", "transport")
_FLOOR = 1e-6


@dataclass(frozen=True)
class Calibration:
    """What the statistics need from labelled images: two thresholds of negative entropy, (K,) class frequencies."""

    clean: float
    shifted: float
    prior_k: np.ndarray


def negative_entropy(probs_nk: np.ndarray) -> np.ndarray:
    """float64 (N,), 0 for certain rows, -log K for uniform ones."""
    probs = np.maximum(np.asarray(probs_nk, np.float64), 1e-12)
    return (probs * np.log(probs)).sum(-1)


def threshold(probs_nk: np.ndarray, labels: np.ndarray) -> float:
    """The negative entropy that as large a share of the images passes as are right.

    Source: Garg et al. 2022, "Leveraging unlabeled data to predict out-of-distribution performance" (ATC-NE).
    """
    right = float((probs_nk.argmax(-1) == labels).mean())
    return float(np.quantile(negative_entropy(probs_nk), 1 - right))


def calibrate(clean: tuple[np.ndarray, np.ndarray], shifted: tuple[np.ndarray, np.ndarray], k: int) -> Calibration:
    """From (probabilities (N, K), labels (N,)) of untouched and of shifted images of the hold-out."""
    counts = np.bincount(clean[1], minlength=k)
    return Calibration(threshold(*clean), threshold(*shifted), counts / counts.sum())


def statistics(probs_nk: np.ndarray, calibration: Calibration) -> np.ndarray:
    """The statistics `NAMES` of N images, float64, each on a scale on which the accuracy's logit is about linear.

    confidence: mean of the largest probability; entropy: mean, as a share of log K, turned around; atc: share above a
    threshold; nuclear: nuclear norm of the probabilities over its largest value (Deng et al. 2023); mano: mean
    fourth power of the probabilities, to the 1/4 (Xie et al. 2024, with softmax); transport: see there.

    Args:
        probs_nk: (N, K), N > 0, rows sum to 1.
        calibration: of the same submission.
    """
    probs = np.asarray(probs_nk, np.float64)
    n, k = probs.shape
    entropy = negative_entropy(probs)
    singular = np.sqrt(np.maximum(np.linalg.eigvalsh(probs.T @ probs), 0))
    shares = [
        probs.max(-1).mean(),
        1 + entropy.mean() / np.log(k) if k > 1 else 1.0,
        (entropy >= calibration.clean).mean(),
        (entropy >= calibration.shifted).mean(),
        singular.sum() / np.sqrt(min(n, k) * n),
        ((probs**4).mean() * k) ** 0.25,
        transport_confidence(probs, calibration.prior_k),
    ]
    edge = max(_FLOOR, 0.5 / n)
    return np.array([logit(min(max(float(share), edge), 1 - edge)) for share in shares])
