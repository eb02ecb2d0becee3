"""The numbers behind the report's tables; numpy in, numpy out."""

from dataclasses import dataclass

import numpy as np

from ..intervals import wilson
from ..judged import Judged

UNTOUCHED = "none"


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


def share_of(name: str, right: np.ndarray) -> Share:
    """Of bool (n,)."""
    return Share(name, int(right.sum()), len(right))


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


def hardest(run: Judged, most: int) -> np.ndarray:
    """Rows of the hardest images, hardest first: int64 (n,), n at most `most`.

    By the probability of the true class where the members' table is known, wrong or not; else the wrong ones in their
    order.
    """
    if run.table is None:
        return np.flatnonzero(run.predictions != run.images.labels)[:most]
    true = run.table.blended_nk[np.arange(len(run.images)), run.images.labels]
    return np.argsort(true, kind="stable")[:most]
