"""Whether several runs of one zip on the same images agree."""

from collections.abc import Sequence

import numpy as np

from .zip_run import ZipRun


def largest_difference(runs: Sequence[ZipRun], which: int) -> float | None:
    """Of a run's probabilities from those of any other run; infinite for another shape or NaN, None without any."""
    mine = runs[which].probs
    differences = []
    for other in (run.probs for n, run in enumerate(runs) if n != which):
        if mine is None or other is None:
            continue
        if mine.shape != other.shape:
            return float("inf")
        largest = float(np.abs(mine.astype(np.float64) - other).max(initial=0))
        differences.append(largest if np.isfinite(largest) else float("inf"))
    return max(differences, default=None)


def different_labels(runs: Sequence[ZipRun], which: int) -> int:
    """How many images get another label than in some other run; all of them for another number of labels."""
    mine = np.ravel(runs[which].labels)
    differs = np.zeros(len(mine), bool)
    for other in (np.ravel(run.labels) for run in runs):
        if len(other) != len(mine):
            return max(len(mine), len(other))
        differs |= other != mine
    return int(differs.sum())
