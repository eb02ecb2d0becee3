"""What training predicted for some images of the select suites: the reference that every shipped form must meet."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError
from submission.kit.image_set import ImageSet, open_image_set
from submission.kit.probs_file import load_probs

NUM_IMAGES = 256
TOLERANCE = 1e-5
"""Largest difference of a probability between training and a SavedModel."""
SUITES = ("an2dl", "clean")


@dataclass(frozen=True)
class Expected:
    """images: uint8 (n, H, W, C); probs_mvnk: float32 (M, V, n, K) by training; class_names: K names."""

    images: np.ndarray
    probs_mvnk: np.ndarray
    class_names: list[str]


def load_expected(artifacts: Path, runs: Sequence[str], views: Sequence[str]) -> Expected:
    """Up to 256 images, evenly spaced, of the first select suite there is, with what the runs predicted for them.

    Args:
        artifacts: A.
        runs: M names in A/runs.
        views: V names.

    Raises:
        KitError: no suite, or predictions are missing, damaged, or lack a view.
    """
    suite, images, rows = _choose(artifacts)
    table = []
    for run in runs:
        path = artifacts / "runs" / run / f"probs_{suite}_select.npz"
        predict = f"python -m training.predict --artifacts {artifacts} --run {run}"
        probs = load_probs(path, predict).at(images.ids[rows], predict)
        missing = [view for view in views if view not in probs.views]
        if missing:
            raise KitError(
                f"{path}: expected the views {list(views)}. Received: none for {missing}. Run `{predict}` again."
            )
        table.append(probs.probs_vnk[[probs.views.index(view) for view in views]])
    return Expected(images.images[rows], np.stack(table), images.class_names)


def select_images(artifacts: Path) -> np.ndarray:
    """The images of `load_expected`; `KitError` where there is no suite."""
    _, images, rows = _choose(artifacts)
    return images.images[rows]


def _choose(artifacts: Path) -> tuple[str, ImageSet, np.ndarray]:
    """The first select suite there is, and the rows of it that are compared."""
    suite = next((suite for suite in SUITES if (artifacts / "suites" / suite / "select").is_dir()), SUITES[0])
    mend = f"python -m local_eval.suites --artifacts {artifacts}"
    images = open_image_set(artifacts / "suites" / suite / "select", mend)
    return suite, images, np.unique(np.linspace(0, len(images) - 1, min(NUM_IMAGES, len(images))).astype(np.int64))


def check_same(what: str, probs: np.ndarray, expected: np.ndarray, tolerance: float, mend: str) -> float:
    """The largest difference.

    Raises:
        KitError: another shape, or a difference above `tolerance` (NaN is one); it names the worst image.
    """
    if probs.shape != expected.shape:
        raise KitError(f"{what}: expected probabilities {expected.shape}. Received: {probs.shape}. {mend}")
    differences = np.abs(probs.astype(np.float64) - expected)
    largest = float(differences.max(initial=0))
    if not largest <= tolerance:
        row = int(differences.max(-1).argmax()) % expected.shape[-2]
        raise KitError(
            f"{what}: expected training's probabilities within {tolerance:g}. Received: a difference of {largest:.3g}, "
            f"image {row} of {expected.shape[-2]}. {mend}"
        )
    return largest
