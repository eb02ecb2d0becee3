"""The rows of the score: each member, the ensemble without TTA, and the submission as the platform ran it."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from submission.kit.blend import blend
from submission.kit.errors import KitError

from .intervals import wilson
from .judged import Judged

IDENTITY = "identity"
TIE = 1e-4  # two classes this close in probability may change places with the batch size


def score_table(judged: Mapping[str, Judged]) -> list[dict[str, Any]]:
    """Accuracy of every row on every suite.

    Args:
        judged: suite name -> finished run.

    Returns:
        `{"name", "kind": member | ensemble | submission, "suites": {suite: {"accuracy", "low", "high", "n",
        "balanced_accuracy"}}}`; low and high are Wilson's 95 %. Members and ensemble only for zips of this kit.

    Raises:
        KitError: what the platform run predicted is not what the members' blended table says.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for suite, run in judged.items():
        for (kind, name), predictions in answers_of(suite, run).items():
            row = rows.setdefault((kind, name), {"name": name, "kind": kind, "suites": {}})
            row["suites"][suite] = accuracy_cell(run.images.labels, predictions)
    return list(rows.values())


def suite_order(suites: Iterable[str]) -> list[str]:
    """Clean first, then by name: JSON keeps no order."""
    return sorted(suites, key=lambda suite: (suite != "clean", suite))


def accuracy_cell(labels: np.ndarray, predictions: np.ndarray) -> dict[str, float | int]:
    """Accuracy with its 95 % interval, and the mean over the classes present of the share found.

    Args:
        labels: int (N,).
        predictions: int (N,).
    """
    right = labels == predictions
    low, high = wilson(int(right.sum()), len(right))
    recalls = [right[labels == label].mean() for label in np.unique(labels)]
    return {
        "accuracy": float(right.mean()),
        "low": low,
        "high": high,
        "n": len(right),
        "balanced_accuracy": float(np.mean(recalls)),
    }


def answers_of(suite: str, run: Judged) -> dict[tuple[str, str], np.ndarray]:
    """(kind, name) -> labels int (N,): the members, the ensemble under one view, and last the submission.

    Raises:
        KitError: as of `score_table`.
    """
    answers: dict[tuple[str, str], np.ndarray] = {}
    if (table := run.table) is not None:
        # Fitting may leave the identity out; then the first view stands in for it and is named.
        view = table.views.index(IDENTITY) if IDENTITY in table.views else 0
        note = "" if IDENTITY in table.views else f" ({table.views[view]})"
        plain = table.probs_mvnk[:, view : view + 1]
        for name, probs_nk in zip(table.members, plain[:, 0], strict=True):
            answers["member", name + note] = probs_nk.argmax(-1)
        weights_m1 = table.weights_mv.sum(1, keepdims=True)
        answers["ensemble", "ensemble, one view" + note] = blend(plain, weights_m1, list(table.temperatures_m)).argmax(
            -1
        )
        _agree(suite, run, blend(table.probs_mvnk, table.weights_mv, list(table.temperatures_m)))
        views = len(table.views)
        answers["submission", f"ensemble with TTA, {views} views" if views > 1 else "ensemble as submitted"] = (
            run.predictions
        )
    else:
        answers["submission", "submission"] = run.predictions
    return answers


def _agree(suite: str, run: Judged, blended_nk: np.ndarray) -> None:
    rows = np.arange(len(blended_nk))
    behind = blended_nk.max(-1) - blended_nk[rows, run.predictions]
    differ = np.flatnonzero(behind > TIE)
    if len(differ):
        raise KitError(
            f"suite {suite}: the platform run and the members' table, made from the same zip, answer differently for "
            f"{len(differ)} of {len(rows)} images, the first {run.images.ids[differ[0]]}. Expected the same labels; "
            "does the model depend on its batch, or draw at random? Mend that, package it and score it again."
        )
