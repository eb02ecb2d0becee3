"""The numbers behind the report's tables and figures; numpy in, numpy out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .intervals import wilson
from .judged import Judged

UNTOUCHED = "none"
BINS = 10


@dataclass(frozen=True)
class Share:
    """`correct` of `n` images, with Wilson's 95 % interval; accuracy is None without images."""

    name: str
    correct: int
    n: int

    @property
    def accuracy(self) -> float | None:
        return self.correct / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.correct, self.n)


def per_class(run: Judged) -> list[Share]:
    """Share found of each class, K entries in class order."""
    labels, right = run.images.labels, run.predictions == run.images.labels
    return [
        Share(name, int(right[labels == label].sum()), int((labels == label).sum()))
        for label, name in enumerate(run.images.class_names)
    ]


def confusion(run: Judged) -> np.ndarray:
    """Counts int64 (K, K): true class in rows, predicted class in columns."""
    k = run.images.num_classes
    return np.bincount(run.images.labels * k + run.predictions, minlength=k * k).reshape(k, k)


def worst_confusions(run: Judged, most: int = 5) -> list[tuple[str, str, int]]:
    """The most frequent mistakes: (true, predicted, images), most frequent first."""
    counts, names = confusion(run), run.images.class_names
    np.fill_diagonal(counts, 0)
    found = np.argsort(-counts, axis=None, kind="stable")[:most]
    rows, columns = np.unravel_index(found, counts.shape)
    return [
        (names[row], names[column], int(counts[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if counts[row, column]
    ]


def by_operation(run: Judged, operations: Sequence[tuple[str, ...]]) -> list[Share]:
    """Accuracy on the images that have each operation, alone or with others, worst first.

    Args:
        run: N images.
        operations: N tuples of names; an empty one counts as "none".
    """
    right = run.predictions == run.images.labels
    tally: dict[str, list[bool]] = {}
    for names, hit in zip(operations, right, strict=True):
        for name in names or (UNTOUCHED,):
            tally.setdefault(name, []).append(bool(hit))
    shares = [Share(name, sum(hits), len(hits)) for name, hits in tally.items()]
    return sorted(shares, key=lambda share: (share.correct / share.n, share.name))


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


def reliability(labels: np.ndarray, probs_nk: np.ndarray, bins: int = BINS) -> Reliability:
    """Does a confidence of p come true in a share p of the images?

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


def hardest(run: Judged, most: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Rows of the hardest images, hardest first, and the probability their true class got.

    By loss where the members' table is known, wrong or not; else the wrong ones in their order, with None.
    """
    if run.table is None:
        return np.flatnonzero(run.predictions != run.images.labels)[:most], None
    true = run.table.blended_nk[np.arange(len(run.images)), run.images.labels]
    rows = np.argsort(true, kind="stable")[:most]
    return rows, true[rows]
