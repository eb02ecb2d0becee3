"""Does a confidence of p come true in a share p of the images, before and after the temperatures were fitted?"""

from dataclasses import dataclass

import numpy as np

from submission.kit.blend import blend

from ..judged import Judged
from .style import BLUE, MUTED, RULE, bare, page_figure, page_style, svg_uri

BINS = 10


@dataclass(frozen=True)
class Reliability:
    """Images binned by confidence: (B,) mean confidence, accuracy and count of the bins that hold any; and their
    expected calibration error (count-weighted mean of |confidence - accuracy|)."""

    confidence: np.ndarray
    accuracy: np.ndarray
    count: np.ndarray
    error: float

    @property
    def mean_confidence(self) -> float:
        return float((self.confidence * self.count).sum() / self.count.sum())


@dataclass(frozen=True)
class Calibration:
    """before: the members' probabilities as they are, blended; after: as shipped, with the fitted temperatures."""

    before: Reliability
    after: Reliability


def reliability(labels: np.ndarray, probs_nk: np.ndarray, bins: int = BINS) -> Reliability:
    """Confidence against accuracy.

    Args:
        labels: int (N,).
        probs_nk: (N, K), rows sum to 1.
        bins: bins of equal width over [0, 1].

    Source: Guo et al. 2017, "On calibration of modern neural networks".
    """
    top, right = probs_nk.max(-1), probs_nk.argmax(-1) == labels
    number = np.minimum((top * bins).astype(int), bins - 1)
    count = np.bincount(number, minlength=bins)
    held = count > 0
    confidence = np.bincount(number, top, bins)[held] / count[held]
    accuracy = np.bincount(number, right, bins)[held] / count[held]
    error = float((count[held] * np.abs(confidence - accuracy)).sum() / len(labels))
    return Reliability(confidence, accuracy, count[held], error)


def calibration(run: Judged) -> Calibration | None:
    """Of one suite; None for a zip whose probabilities are not known."""
    if run.table is None:
        return None
    untempered = blend(run.table.probs_mvnk, run.table.weights_mv, [1.0] * len(run.table.members))
    labels = run.images.labels
    return Calibration(reliability(labels, untempered), reliability(labels, run.table.blended_nk))


def reliability_figure(suite: str, found: Calibration) -> str:
    """Accuracy against confidence before and after, the diagonal is honesty; below, where the images are."""
    with page_style():
        figure = page_figure(3.9)
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
        for bins, label, style in (
            (found.before, "before", {"color": MUTED, "linestyle": (0, (5, 2)), "marker": "s", "mfc": "white"}),
            (found.after, "after", {"color": BLUE, "linestyle": "-", "marker": "o"}),
        ):
            label = f"{label}, error {bins.error:.3f}"
            axes.plot(bins.confidence, bins.accuracy, linewidth=1.6, markersize=5, label=label, **style)
        below.bar(found.after.confidence, found.after.count / found.after.count.sum(), 0.06, color=BLUE)
        axes.set(title=suite, ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
        below.set(xlabel="confidence", ylabel="share", ylim=(0, 1))
        below.set_yticks([0, 1])
        figure.legend(loc="outside lower left", borderaxespad=0, ncols=2, columnspacing=1.2)
        for one in (axes, below):
            bare(one)
        below.grid(axis="x", color=RULE)
        return svg_uri(figure)
