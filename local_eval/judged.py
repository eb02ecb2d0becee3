"""What one platform run left behind: its outcome, the labels it predicted, and the members' table for zips of this kit.

The folder is written by `local_eval.run`, one per zip, suite and part: A/judge/<sha8>/<suite>-<part>/.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import read_json
from submission.kit.image_set import ImageSet, open_image_set

from .kept_run import check_images

FINISHED = "Finished"


@dataclass(frozen=True)
class Table:
    """Every member's probabilities under every view, before blending.

    probs_mvnk: float32 (M, V, N, K), rows of the suite's images in its order; blended_nk: float32 (N, K);
    weights_mv: (M, V); temperatures_m: (M,).
    """

    probs_mvnk: np.ndarray
    blended_nk: np.ndarray
    members: list[str]
    views: list[str]
    weights_mv: np.ndarray
    temperatures_m: np.ndarray


@dataclass(frozen=True)
class Judged:
    """One finished run on one suite.

    images: the suite's part; predictions: int64 (N,), in its order; table: None for a zip that this kit did not make.
    """

    folder: Path
    images: ImageSet
    outcome: dict[str, Any]
    predictions: np.ndarray
    table: Table | None


def open_judged(folder: str | Path, suite_folder: str | Path, mend: str) -> Judged:
    """Read a run and join it with its images by id.

    Args:
        folder: the run's folder.
        suite_folder: the image set it ran on, A/suites/<suite>/<part>.
        mend: the command that makes the run; it is named in errors.

    Raises:
        KitError: the run failed, a file is missing or damaged, its ids are not the suite's, or it was made on other
            images than the suite has now.
    """
    folder = Path(folder)
    artifacts = Path(suite_folder).parents[2]
    images = open_image_set(suite_folder, f"python -m local_eval.suites --artifacts {artifacts}")
    outcome = read_json(folder / "outcome.json", mend)
    if outcome.get("status") != FINISHED:
        raise _failed(folder, outcome, mend)
    check_images(folder, Path(suite_folder), mend)
    arrays = _load(folder / "predictions.npz", ("ids", "labels"), mend)
    rows = _rows(arrays["ids"], images.ids, folder / "predictions.npz", mend)
    predictions = arrays["labels"][rows].astype(np.int64)
    if len(outside := np.flatnonzero((predictions < 0) | (predictions >= images.num_classes))):
        raise KitError(
            f"{folder / 'predictions.npz'}: expected labels 0 to {images.num_classes - 1}. Received: "
            f"{predictions[outside[0]]} for image {images.ids[outside[0]]}. Mend the submission's predict."
        )
    return Judged(folder, images, outcome, predictions, _table(folder / "table.npz", images, mend))


def _failed(folder: Path, outcome: dict[str, Any], mend: str) -> KitError:
    message = str(outcome.get("message") or "no message").rstrip(".")
    tail = f"\n{outcome['tail']}\n" if outcome.get("tail") else " "
    logs = folder / "logs"  # empty where the zip could not even be unpacked
    where = f" Its logs are in {logs}." if logs.is_dir() and any(logs.iterdir()) else ""
    return KitError(
        f"the platform run on {folder.name} ended as {outcome.get('status')}: {message}.{tail}There is no score.{where}"
        f" Mend the submission, package it again, then run `{mend}`."
    )


def _table(path: Path, images: ImageSet, mend: str) -> Table | None:
    if not path.exists():
        return None
    names = ("ids", "probs", "blended", "members", "views", "weights_mv", "temperatures_m")
    arrays = _load(path, names, mend)
    rows = _rows(arrays["ids"], images.ids, path, mend)
    probs, blended = arrays["probs"][:, :, rows], arrays["blended"][rows]
    expected = (len(arrays["members"]), len(arrays["views"]), len(images), images.num_classes)
    if probs.shape != expected or blended.shape != expected[2:]:
        raise KitError(
            f"{path}: expected probabilities {expected}. Received: {probs.shape}, blended {blended.shape}. "
            f"Delete {path.parent} and run `{mend}`."
        )
    return Table(
        probs,
        blended,
        [str(name) for name in arrays["members"]],
        [str(name) for name in arrays["views"]],
        arrays["weights_mv"],
        arrays["temperatures_m"],
    )


def _load(path: Path, names: tuple[str, ...], mend: str) -> dict[str, np.ndarray]:
    try:
        # Opened here, because numpy leaves a damaged npz open.
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except FileNotFoundError:
        raise KitError(f"{path} is missing: run `{mend}` first.") from None
    except Exception as error:  # zipfile, zlib and numpy each raise their own on a damaged file
        raise KitError(
            f"{path} cannot be read ({type(error).__name__}: {error}): delete {path.parent} and run `{mend}`."
        ) from None


def _rows(ids: np.ndarray, wanted: np.ndarray, path: Path, mend: str) -> np.ndarray:
    """The row of each wanted id; several images may share an id, then order decides and must be the suite's."""
    if np.array_equal(ids, wanted):
        return np.arange(len(wanted))
    row = {image_id: n for n, image_id in enumerate(ids)}
    if len(ids) != len(wanted) or len(row) != len(ids) or set(row) != set(wanted):
        raise KitError(
            f"{path}: expected the {len(wanted)} ids of the suite. Received: {len(ids)} ids, "
            f"{len(set(wanted) - set(row))} missing and {len(set(row) - set(wanted))} unexpected. "
            f"Delete {path.parent} and run `{mend}`."
        )
    return np.array([row[image_id] for image_id in wanted], dtype=np.int64)
