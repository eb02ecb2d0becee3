"""The hold-out: which images of a contest's data select and which judge, from A/split/folds.csv."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import sha256_file
from submission.kit.image_set import ImageSet, open_image_set

PARTS = ("select", "judge")

_COLUMNS = ["index", "id", "label", "group", "part"]
_MEND = "python -m training.split"


@dataclass(frozen=True)
class Holdout:
    """data: all images; rows: part -> int64 (n,) rows of `data`, ascending; folds_sha256: hex, of folds.csv."""

    data: ImageSet
    rows: dict[str, np.ndarray]
    folds_sha256: str


def read_holdout(artifacts: str | Path) -> Holdout:
    """Open A/data and read the parts `select` and `judge` of A/split/folds.csv.

    Args:
        artifacts: the folder A of one contest.

    Raises:
        KitError: a file is missing or damaged, the table belongs to other data, a part is empty, or a group of
            near-duplicates is in two parts.
    """
    artifacts = Path(artifacts)
    data = open_image_set(artifacts / "data", f"make data ARTIFACTS={artifacts}")
    path = artifacts / "split" / "folds.csv"
    mend = f"{_MEND} --artifacts {artifacts}"
    table = _read_table(path, mend)
    _check_of_this_data(table, data, path, mend)
    _check_groups(table, path, mend)
    rows = {part: np.array(sorted(row for row, _, _, _, at in table if at == part), np.int64) for part in PARTS}
    empty = [part for part in PARTS if len(rows[part]) == 0]
    if empty:
        raise KitError(
            f"{path}: expected images in select and in judge. Received: none in {' and '.join(empty)}. Run `{mend}`."
        )
    return Holdout(data, rows, sha256_file(path))


def _read_table(path: Path, mend: str) -> list[tuple[int, str, int, str, str]]:
    """(index, id, label, group, part) a line."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            if header != _COLUMNS:
                raise KitError(
                    f"{path}: expected the header {','.join(_COLUMNS)}. Received: {','.join(header)!r}. Run `{mend}`."
                )
            table = []
            for number, line in enumerate(lines, start=2):
                try:
                    index, image_id, label, group, part = line
                    table.append((int(index), image_id, int(label), group, part))
                except ValueError:
                    raise KitError(
                        f"{path}, line {number}: expected {','.join(_COLUMNS)}. "
                        f"Received: {','.join(line)!r}. Run `{mend}`."
                    ) from None
    except FileNotFoundError:
        raise KitError(f"{path} is missing: run `{mend}` first.") from None
    except UnicodeDecodeError as error:
        raise KitError(f"{path} is not UTF-8 text ({error}): run `{mend}`.") from None
    except csv.Error as error:
        raise KitError(f"{path}: expected lines of cells ({error}). Run `{mend}`.") from None
    return table


def _check_of_this_data(table: list[tuple[int, str, int, str, str]], data: ImageSet, path: Path, mend: str) -> None:
    wrong = [
        index
        for index, image_id, label, _, _ in table
        if not 0 <= index < len(data) or data.ids[index] != image_id or data.labels[index] != label
    ]
    if wrong:
        raise KitError(
            f"{path} belongs to other data: expected the ids and labels of the {len(data)} images of the data folder. "
            f"Received: {len(wrong)} of {len(table)} lines that differ, index {wrong[:3]} first. Run `{mend}`."
        )
    if len({index for index, *_ in table}) != len(table):
        raise KitError(f"{path}: expected each index once. Received: {len(table)} lines with repeats. Run `{mend}`.")


def _check_groups(table: list[tuple[int, str, int, str, str]], path: Path, mend: str) -> None:
    part_of: dict[str, str] = {}
    straddling = sorted({group for _, _, _, group, part in table if part_of.setdefault(group, part) != part})
    if straddling:
        raise KitError(
            f"{path}: expected each group of near-duplicates in one part. "
            f"Received: {len(straddling)} in several, group {straddling[:3]} first. Run `{mend}`."
        )
