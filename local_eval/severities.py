"""The severity of each image of a suite, where its operations.csv says so."""

import csv
from pathlib import Path

import numpy as np


def read_severities(path: Path, ids: np.ndarray) -> np.ndarray | None:
    """int64 (N,) in the order of `ids`; None without such a file, without the column, or where an image has none.

    Args:
        path: operations.csv of the suite's part.
        ids: unicode (N,), the images wanted.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            found = {line["id"]: int(line["severity"]) for line in csv.DictReader(file)}
        return np.array([found[str(one)] for one in ids], np.int64)
    except (FileNotFoundError, KeyError, TypeError, ValueError, csv.Error):
        return None
