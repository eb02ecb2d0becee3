"""Which classes are still found under which shift."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..judged import Judged
from .numbers import UNTOUCHED, Share, share_of


@dataclass(frozen=True)
class RecallRow:
    """What is found under one shift: of all images, and of each class (K shares; some may have no image)."""

    name: str
    all: Share
    classes: list[Share]


def suite_recall(suite: str, run: Judged) -> RecallRow:
    """Of a whole suite."""
    return _row(suite, run, range(len(run.images)))


def operation_recall(run: Judged, operations: Sequence[tuple[str, ...]]) -> list[RecallRow]:
    """Of the images that went through each operation, alone or with others; worst first.

    Args:
        run: N images.
        operations: N tuples of names; an empty one counts as "none".
    """
    rows: dict[str, list[int]] = {}
    for number, names in enumerate(operations):
        for name in dict.fromkeys(names or (UNTOUCHED,)):
            rows.setdefault(name, []).append(number)
    found = [_row(name, run, chosen) for name, chosen in rows.items()]
    return sorted(found, key=lambda row: (row.all.correct / row.all.n, row.name))


def _row(name: str, run: Judged, rows: Sequence[int]) -> RecallRow:
    labels = run.images.labels[list(rows)]
    right = run.predictions[list(rows)] == labels
    classes = [share_of(one, right[labels == label]) for label, one in enumerate(run.images.class_names)]
    return RecallRow(name, share_of(name, right), classes)
