"""folds.csv: in which part of the split each kept image is. Made by `training.split`, read by every later step."""

from __future__ import annotations  # platforms run Python 3.9

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import KitError
from .image_set import ImageSet

COLUMNS = ("index", "id", "label", "group", "part")
SELECT, JUDGE = "select", "judge"
"""The two halves of the hold-out: one to choose by, one that no choice sees."""

_NUMBER = re.compile(r"[0-9]{1,15}")
_PART = re.compile(r"fold(0|[1-9][0-9]*)|select|judge")


def fold_name(fold: int) -> str:
    """The part of folds.csv that holds fold number `fold`."""
    return f"fold{fold}"


@dataclass(frozen=True)
class Folds:
    """One row per kept image.

    index: int64 (n,), row in A/data; id: unicode (n,); label: int64 (n,); group: int64 (n,), shared by images of the
    same picture; part: unicode (n,), "fold0".. "fold{F-1}", "select" or "judge".
    """

    index: np.ndarray
    id: np.ndarray
    label: np.ndarray
    group: np.ndarray
    part: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    @property
    def num_folds(self) -> int:
        """F"""
        return len(np.unique(self.part[np.char.startswith(self.part, "fold")]))

    def rows(self, part: str) -> np.ndarray:
        """Rows of A/data that are in a part, int64, in the order of the file.

        Raises:
            KitError: no such part; the known ones are named. Or `judge`: nothing here may see those images.
        """
        if part == JUDGE:
            raise KitError("expected a fold or select: what trains and chooses may not see the part judge.")
        found = self.index[self.part == part]
        if not len(found):
            known = ", ".join([*map(fold_name, range(self.num_folds)), SELECT, JUDGE])
            raise KitError(f"expected a part of the split: {known}. Received: {part!r}")
        return found

    def training_rows(self, fold: int) -> np.ndarray:
        """Rows of A/data on which the net of a fold trains: all folds but that one, without the hold-out.

        Raises:
            KitError: no such fold.
        """
        self.rows(fold_name(fold))
        return self.index[np.char.startswith(self.part, "fold") & (self.part != fold_name(fold))]

    def check_of(self, data: ImageSet, mend: str) -> None:
        """Check that the table is of these images: every row's index, id and label are those of an image.

        Args:
            data: A/data.
            mend: the command that makes folds.csv; it is named in the error.

        Raises:
            KitError: it is not; the first differing line is named.
        """
        wrong = self.index >= len(data)
        wrong |= self.index < 0
        inside = np.flatnonzero(~wrong)
        index = self.index[inside]
        wrong[inside] = (data.ids[index] != self.id[inside]) | (data.labels[index] != self.label[inside])
        if not wrong.any():
            return
        row = int(np.argmax(wrong))
        at = int(self.index[row])
        expected = f"an index from 0 to {len(data) - 1}"
        if 0 <= at < len(data):
            expected = f"id {str(data.ids[at])!r} and label {data.labels[at]} for index {at}"
        raise KitError(
            f"folds.csv, line {row + 2}: expected {expected}. Received: index {at}, id {str(self.id[row])!r}, "
            f"label {self.label[row]} ({int(wrong.sum())} of {len(self)} lines differ from the images). Run `{mend}`."
        )


def format_folds(folds: Folds) -> str:
    """The text of folds.csv."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(zip(folds.index, folds.id, folds.label, folds.group, folds.part, strict=True))
    return text.getvalue()


def load_folds(path: str | Path) -> Folds:
    """Read folds.csv.

    Args:
        path: A/split/folds.csv.

    Raises:
        KitError: missing or damaged; the message names the line.
    """
    mend = f"python -m training.split --artifacts {Path(path).parent.parent}"
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise KitError(f"{path} is missing: run `{mend}` first.") from None
    except UnicodeDecodeError as error:
        raise KitError(f"{path}: expected UTF-8 text ({error}). Delete it and run `{mend}`.") from None
    try:
        header, *lines = csv.reader(io.StringIO(text, newline="")) if text else [[]]
    except csv.Error as error:
        raise KitError(f"{path}: expected lines of cells ({error}). Delete it and run `{mend}`.") from None
    if tuple(header) != COLUMNS or not lines:
        raise KitError(
            f"{path}: expected the columns {','.join(COLUMNS)} and rows below them. "
            f"Received: {','.join(header)!r} and {len(lines)} rows. Delete it and run `{mend}`."
        )
    for number, line in enumerate(lines, start=2):
        if (
            len(line) != len(COLUMNS)
            or not all(_NUMBER.fullmatch(line[column]) for column in (0, 2, 3))
            or not _PART.fullmatch(line[4])
        ):
            raise KitError(
                f"{path}, line {number}: expected {','.join(COLUMNS)} with whole numbers and a part fold0.., select or "
                f"judge. Received: {','.join(line)!r}. Delete it and run `{mend}`."
            )
    index, ids, label, group, part = zip(*lines, strict=True)
    return Folds(
        np.array(index, np.int64),
        np.array(ids, np.str_),
        np.array(label, np.int64),
        np.array(group, np.int64),
        np.array(part, np.str_),
    )
