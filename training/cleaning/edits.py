"""Edits by hand: what clean.csv says other than the rules wrote, kept when the rules are applied anew."""

import dataclasses
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError

from .table import CleanTable, read_clean

MADE = "made.csv"
"""Copy of clean.csv as the rules wrote it, beside it."""


def read_edits(path: Path, anew: str) -> tuple[CleanTable, np.ndarray]:
    """clean.csv and which of its rows were edited by hand, bool (N,).

    Args:
        path: clean.csv; its copy lies beside it.
        anew: the command that makes it anew; it is named in errors.

    Raises:
        KitError: there is no copy of these images: nothing says which rows are edits.
    """
    edited = read_clean(path, anew)
    made_path = path.with_name(MADE)
    if not made_path.exists():
        raise KitError(
            f"{made_path} is missing, so that edits of {path.name} cannot be told from what the rules wrote. "
            f"Leave the options out to keep the table as it is, or make it anew without edits: `{anew}`."
        )
    made = read_clean(made_path, anew)
    if made.first_difference(edited.ids):
        raise KitError(f"{made_path} is of other images than {path.name}. Make both anew: `{anew}`.")
    other_reason = np.array([a != b for a, b in zip(edited.reasons, made.reasons, strict=True)], bool)
    return edited, (edited.keep != made.keep) | (edited.groups != made.groups) | other_reason


def with_edits(table: CleanTable, edited: CleanTable, by_hand: np.ndarray) -> CleanTable:
    """The rules' table, with the rows that were edited by hand as they were edited."""
    reasons = [edited.reasons[row] if by_hand[row] else table.reasons[row] for row in range(len(table))]
    return dataclasses.replace(
        table,
        keep=np.where(by_hand, edited.keep, table.keep),
        reasons=reasons,
        groups=np.where(by_hand, edited.groups, table.groups),
    )
