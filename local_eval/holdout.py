"""The hold-out: which images of a contest's data select and which judge, from A/split/folds.csv."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import sha256_file
from submission.kit.folds import JUDGE, SELECT, Folds, load_folds
from submission.kit.image_set import ImageSet, open_image_set

PARTS = (SELECT, JUDGE)


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
    mend = f"python -m training.split --artifacts {artifacts}"
    folds = load_folds(path)
    folds.check_of(data, mend)
    _check_once(folds, path, mend)
    rows = {part: np.sort(folds.index[folds.part == part]) for part in PARTS}
    empty = [part for part in PARTS if len(rows[part]) == 0]
    if empty:
        raise KitError(
            f"{path}: expected images in select and in judge. Received: none in {' and '.join(empty)}. Run `{mend}`."
        )
    return Holdout(data, rows, sha256_file(path))


def _check_once(folds: Folds, path: Path, mend: str) -> None:
    if len(np.unique(folds.index)) != len(folds):
        raise KitError(f"{path}: expected each index once. Received: {len(folds)} lines with repeats. Run `{mend}`.")
    part_of: dict[int, str] = {}
    pairs = zip(folds.group.tolist(), folds.part.tolist(), strict=True)
    straddling = sorted({group for group, part in pairs if part_of.setdefault(group, part) != part})
    if straddling:
        raise KitError(
            f"{path}: expected each group of near-duplicates in one part. "
            f"Received: {len(straddling)} in several, group {straddling[:3]} first. Run `{mend}`."
        )
