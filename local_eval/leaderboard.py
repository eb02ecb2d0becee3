"""What the leaderboard shows of a run's scores."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .competition import Column

_COMPUTATIONS: dict[str, Callable[[list[float]], float]] = {
    "avg": statistics.fmean,
    "sum": sum,
    "min": min,
    "max": max,
}


def leaderboard_row(columns: Sequence[Column], scores: Mapping[str, float]) -> list[tuple[Column, float | None]]:
    """Each column with its value, None where the page shows n/a.

    Args:
        columns: the leaderboard's.
        scores: what the platform stored, by key.
    """
    stored = {column.index: scores.get(column.key) for column in columns if column.computation is None}
    row: list[tuple[Column, float | None]] = []
    for column in columns:
        if column.computation is None:
            row.append((column, stored[column.index]))
            continue
        parts = [value for index in column.computation_indexes if (value := stored.get(index)) is not None]
        compute = _COMPUTATIONS.get(column.computation)  # avg_rank and the like depend on the other contestants
        row.append((column, compute(parts) if compute and parts else None))
    return row


def describe_row(columns: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line a column, as on the page: ten decimals at most.

    Args:
        columns: `{"key", "title", "value"}` each, value None for n/a.
    """
    names = [f"{column['title']} ({column['key']})" for column in columns]
    width = max(map(len, names), default=0)
    shown = ["n/a" if one["value"] is None else f"{one['value']:.10f}".rstrip("0").rstrip(".") for one in columns]
    return [f"{name:<{width}}  {text}" for name, text in zip(names, shown, strict=True)]
