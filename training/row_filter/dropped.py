"""What a row filter leaves out of a run, kept in the run: dropped_rows.csv."""

import csv
import io
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import write_text
from submission.kit.image_set import ImageSet

from .cheap_features import cheap_features
from .label_issues import label_issues
from .outliers import outliers

COLUMNS = ("index", "id", "label", "reason", "score")
FILTERS = {"outliers": outliers, "label_issues": label_issues}


def filter_rows(kind: str, data: ImageSet, rows: np.ndarray, seed: int, path: Path) -> np.ndarray:
    """The rows that a filter keeps; what it leaves out is written to `path`, and read from there the next time.

    Args:
        kind: a name of `FILTERS`, or "none".
        data: the image set.
        rows: int (n,) training rows.
        seed: of the filter's draws.
        path: dropped_rows.csv of the run.

    Raises:
        KitError: the file is there and is not of these rows.
    """
    if kind == "none":
        return rows
    if not path.exists():
        places, scores = FILTERS[kind](cheap_features(data, rows), data.labels[rows], seed)
        _write(path, data, rows[places], kind, scores)
    return rows[~np.isin(rows, _read(path, data, rows))]


def _write(path: Path, data: ImageSet, rows: np.ndarray, kind: str, scores: np.ndarray) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, score in zip(rows, scores, strict=True):
        writer.writerow([row, data.ids[row], data.labels[row], kind, f"{score:.5f}"])
    write_text(path, text.getvalue())


def _read(path: Path, data: ImageSet, rows: np.ndarray) -> np.ndarray:
    try:
        header, *lines = csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
        found = np.array([int(line[0]) for line in lines], np.int64)
        fits = tuple(header) == COLUMNS and bool(np.isin(found, rows).all())
        fits = fits and all(data.ids[int(line[0])] == line[1] for line in lines)
    except (ValueError, IndexError, csv.Error):
        fits = False
    if not fits:
        raise KitError(f"{path} is damaged, or of other images. Delete {path.parent} and run `make train` again.")
    return found
