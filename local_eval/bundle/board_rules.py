"""Rules for leaderboards and their columns."""

from collections.abc import Mapping
from typing import Any

from .fields import boolean, choice, entries, text, whole
from .problem import Findings, shown

_RULES = ("Add", "Add_And_Delete", "Add_And_Delete_Multiple", "Force_Last", "Force_Latest_Multiple", "Force_Best")
_COMPUTATIONS = ("avg", "sum", "min", "max", "avg_rank")


def check_leaderboards(given: Mapping[Any, Any], findings: Findings) -> None:
    """Check `leaderboards`; all of them must be sound, though only the first one is shown."""
    if "leaderboard" in given and "leaderboards" not in given:
        findings.add("upload", "leaderboard", "expected `leaderboards`, with an s", "rename it")
        return
    boards = entries(given, "leaderboards", findings)
    if len(boards) > 1:
        findings.add("notice", "leaderboards", f"{len(boards)} of them; only the first is used", "keep one")
    for n, board in enumerate(boards):
        where = f"leaderboards[{n}]."
        text(board, "title", where, findings, 64)
        text(board, "key", where, findings, 36)
        boolean(board, "hidden", where, findings)
        choice(board, "submission_rule", where, findings, _RULES)
        columns = entries(board, "columns", findings, where)
        indexes = [_check_column(column, f"{where}columns[{m}].", findings) for m, column in enumerate(columns)]
        keys = [column.get("key") for column in columns]
        for name, values in (("index", indexes), ("key", keys)):
            twice = [value for n, value in enumerate(values) if value is not None and value in values[:n]]
            if twice:
                findings.add(
                    "upload", f"{where}columns", f"{name} {shown(twice[0])} is there twice", "change one of them"
                )
        for m, column in enumerate(columns):
            _check_computation(column, indexes, indexes[m], f"{where}columns[{m}].", findings)
        primary = whole(board, "primary_index", where, findings, required="primary_index" in board)
        if columns and None not in indexes and len(set(indexes)) == len(indexes) and (primary or 0) not in indexes:
            findings.add(
                "run",
                f"{where}primary_index",
                f"no column has the index {primary or 0}, which ranks",
                "give one column the index 0",
            )


def _check_column(column: Mapping[Any, Any], where: str, findings: Findings) -> int | None:
    text(column, "title", where, findings, 36)
    text(column, "key", where, findings, 36)
    choice(column, "sorting", where, findings, ("desc", "asc"))
    choice(column, "computation", where, findings, _COMPUTATIONS, null=True)
    boolean(column, "hidden", where, findings)
    if "precision" in column:
        whole(column, "precision", where, findings, required=True, low=-(2**31))
    return whole(column, "index", where, findings, required=True)


def _check_computation(
    column: Mapping[Any, Any], indexes: list[int | None], own: int | None, where: str, findings: Findings
) -> None:
    named = column.get("computation_indexes")
    if "computation" in column and "computation_indexes" not in column:
        findings.add("upload", f"{where}computation", "of which columns?", "write `computation_indexes: [0, 1]`")
    if named is None:
        return
    if not isinstance(named, list) or not all(isinstance(one, int) and one in indexes and one != own for one in named):
        findings.add(
            "upload",
            f"{where}computation_indexes",
            f"expected a list of other columns' indexes. Received: {shown(named)}",
            "write `computation_indexes: [0, 1]`",
        )
    elif named and "computation" not in column:
        findings.add("upload", f"{where}computation_indexes", "there is no computation", "write `computation: avg`")
