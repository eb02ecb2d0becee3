"""Whether the class frequencies of unlabelled images are others than those of the hold-out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NEAREST = 30  # usual sets that the images are compared with
LEVEL = 0.95  # of their distances


@dataclass(frozen=True)
class LabelShift:
    """detected; distance: chi-square distance of the predicted class histogram from the prior, a number per image;
    limit: what sets of the usual frequencies, equally hard, stay below; frequencies: (K,) estimated, sum 1."""

    detected: bool
    distance: float
    limit: float
    frequencies: np.ndarray


def chi_square(histogram_k: np.ndarray, prior_k: np.ndarray) -> float:
    """sum (q - p)^2 / p over the classes; a class that is not in the prior counts as rare."""
    prior = np.maximum(prior_k, 1e-3)
    return float(((histogram_k - prior_k) ** 2 / prior).sum())


def find_label_shift(
    histogram_k: np.ndarray,
    prior_k: np.ndarray,
    usual: Sequence[tuple[np.ndarray, float]],
    hardness: float,
    confusion_kk: np.ndarray,
) -> LabelShift:
    """Compare a predicted class histogram with those of equally hard sets whose class frequencies are the usual ones.

    A net that is unsure of shifted images prefers some classes, so the histogram differs without any label shift:
    the limit is therefore taken from the usual sets that are most nearly as hard.

    Args:
        histogram_k: (K,) shares of the predicted labels, sum 1.
        prior_k: (K,) class frequencies of the hold-out.
        usual: (histogram, hardness) of labelled shifted sets with the prior's frequencies, of about as many images.
        hardness: of the images in question: any number that is comparable to those of `usual`.
        confusion_kk: rows sum to 1: true class to predicted, on sets about as hard.

    Source: Lipton et al. 2018, "Detecting and correcting for label shift with black box predictors" (BBSE).
    """
    distance = chi_square(histogram_k, prior_k)
    gaps = np.abs(np.array([other for _, other in usual]) - hardness)
    near = np.argsort(gaps, kind="stable")[:NEAREST]
    limit = float(np.quantile([chi_square(usual[row][0], prior_k) for row in near], LEVEL))
    return LabelShift(distance > limit, distance, limit, _frequencies(histogram_k, prior_k, confusion_kk))


def _frequencies(histogram_k: np.ndarray, prior_k: np.ndarray, confusion_kk: np.ndarray) -> np.ndarray:
    """Frequencies on the simplex whose predicted histogram is the one seen, by EM, 200 steps from the prior."""
    frequencies = np.maximum(prior_k, 1e-6)
    for _ in range(200):
        predicted = np.maximum(frequencies @ confusion_kk, 1e-12)
        frequencies = frequencies * (confusion_kk @ (histogram_k / predicted))
        frequencies /= frequencies.sum()
    return frequencies
