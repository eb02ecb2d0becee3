"""What a bundle needs to know of a contest's artifacts."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError
from submission.kit.image_set import ImageSet, open_image_set

from ..suite_folder import FULL
from .settings import Settings

PHASE_PARTS = {"development": "select", "final": "judge"}
"""Phase -> part of the suites: what was looked at while choosing is shown first, what judged is kept for the end."""

_LONGEST = 18  # "balanced_accuracy_" and this are the 36 characters of a column's key


@dataclass(frozen=True)
class Contest:
    """data: all images. training_rows: int64 (n,), rows of `data` that belong to folds. suites: names, ranking first.

    sets: (phase, suite) -> the hidden images with their labels.
    """

    data: ImageSet
    training_rows: np.ndarray
    suites: tuple[str, ...]
    sets: dict[tuple[str, str], ImageSet]

    @property
    def class_names(self) -> list[str]:
        return self.data.class_names

    def size(self, phase: str) -> int:
        """Images of one suite in a phase."""
        return len(self.sets[phase, self.suites[0]])


def read_contest(artifacts: Path, settings: Settings) -> Contest:
    """Open A/data, A/split/folds.csv and the suites.

    Raises:
        KitError: something is missing, damaged or of another contest, or a suite's name does not fit a column's key.
    """
    data = open_image_set(artifacts / "data", f"make data ARTIFACTS={artifacts}")
    mend = f"python -m local_eval.suites --artifacts {artifacts}"
    suites = settings.suites or _found(artifacts / "suites", mend)
    wrong = [suite for suite in suites if not re.fullmatch(rf"[A-Za-z0-9_-]{{1,{_LONGEST}}}", suite)]
    if wrong or len(set(suites)) < len(suites):
        raise KitError(
            f"expected different suites, each named by 1 to {_LONGEST} letters, digits, - or _. "
            f"Received: {', '.join(repr(suite) for suite in wrong or suites)}."
        )
    sets = {}
    for phase, part in PHASE_PARTS.items():
        for suite in suites:
            images = sets[phase, suite] = open_image_set(artifacts / "suites" / suite / part, mend)
            if images.class_names != data.class_names or images.image_shape != data.image_shape or len(images) == 0:
                raise KitError(f"{artifacts / 'suites' / suite / part} is empty or of other data: run `{mend}` again.")
    hidden = {str(one) for images in sets.values() for one in images.ids.tolist()}
    rows = _training_rows(artifacts / "split" / "folds.csv", f"python -m training.split --artifacts {artifacts}")
    if len(rows) and rows.max() >= len(data):
        raise KitError(f"{artifacts / 'split'} belongs to other data: run `python -m training.split` again.")
    shown = np.array([row for row in rows if str(data.ids[row]) not in hidden], np.int64)  # equal pictures, equal ids
    if len(shown) == 0:
        raise KitError(f"{artifacts / 'split'}: expected training images that no suite hides. Received: none.")
    return Contest(data, shown, tuple(suites), sets)


def _found(folder: Path, mend: str) -> tuple[str, ...]:
    names = sorted(path.name for path in folder.glob("*") if path.is_dir() and not path.name.startswith("."))
    names = [name for name in names if not name.endswith(FULL)]  # those have no select part
    if not names:
        raise KitError(f"{folder} holds no suites: run `{mend}` first.")
    return tuple(sorted(names, key=lambda name: name == "clean"))


def _training_rows(path: Path, mend: str) -> np.ndarray:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return np.array(
                [int(line["index"]) for line in csv.DictReader(file) if line["part"].startswith("fold")], np.int64
            )
    except FileNotFoundError:
        raise KitError(f"{path} is missing: run `{mend}` first.") from None
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise KitError(
            f"{path}: expected columns index and part ({type(error).__name__}: {error}). Run `{mend}`."
        ) from None
