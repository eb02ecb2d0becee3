"""Many small labelled sets out of the judged suites: what the label-free forecast is fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .evidence import family_of

FEWEST = 30  # images of an operation, to stand for it


@dataclass(frozen=True)
class Answers:
    """A submission's answers on a suite.

    labels: int (N,); probs_nk: (N, K); operations: N tuples of names, empty for untouched images; loads: float (N,),
    how strongly each was altered, where that is known.
    """

    suite: str
    labels: np.ndarray
    probs_nk: np.ndarray
    operations: Sequence[tuple[str, ...]]
    loads: np.ndarray | None = None


@dataclass(frozen=True)
class Stratum:
    """Rows of the images of one suite, of its family."""

    family: str
    labels: np.ndarray
    probs_nk: np.ndarray


def strata(answers: Sequence[Answers]) -> list[Stratum]:
    """Every suite whole, its images by operation, by the number of operations where images have several, and by load:
    the least, the middle and the most altered third."""
    found = []
    for one in answers:
        groups: dict[object, list[int]] = {}
        for row, names in enumerate(one.operations):
            for name in set(names):
                groups.setdefault(name, []).append(row)
            groups.setdefault(len(names), []).append(row)
        if one.loads is not None and len(one.loads):
            thirds = np.digitize(one.loads, np.quantile(one.loads, [1 / 3, 2 / 3]), right=True)
            groups |= {("third", third): np.flatnonzero(thirds == third).tolist() for third in range(3)}
        rows = [np.arange(len(one.labels))]
        rows += [np.array(group) for group in groups.values() if FEWEST <= len(group) < len(one.labels)]
        found += [Stratum(family_of(one.suite), one.labels[row], one.probs_nk[row]) for row in rows]
    return found


def draw(
    stratum: Stratum, n: int, rng: np.random.Generator, class_weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(probabilities (n, K), labels (n,)) of n images drawn with replacement.

    Args:
        stratum: where from.
        n: how many.
        rng: draws.
        class_weights: (K,) class frequencies wanted; None for those of the stratum.
    """
    if class_weights is None:
        rows = rng.integers(0, len(stratum.labels), n)
    else:
        counts = np.bincount(stratum.labels, minlength=len(class_weights))
        weights = (class_weights / np.maximum(counts, 1))[stratum.labels]
        if not weights.sum():
            return draw(stratum, n, rng)
        rows = rng.choice(len(stratum.labels), n, p=weights / weights.sum())
    return stratum.probs_nk[rows], stratum.labels[rows]
