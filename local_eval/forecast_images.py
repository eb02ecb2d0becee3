"""The forecast for the user's own unlabelled images."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import sha256_file

from .forecasting.answer_images import answer_images
from .forecasting.label_shift import chi_square
from .forecasting.scenarios import UNKNOWN
from .forecasting.strata import Answers
from .forecasting.unlabelled import LabelFree
from .forecasting.unlabelled_file import read_unlabelled
from .forecasting.version import code
from .judged import Judged
from .limits import Limits
from .loads import read_loads
from .operations_file import read_operations

FAR = 0.25  # chi-square distance of histograms above which foreign zips are told of it
FEW = 50

_FROM_SUITES = ("accuracy", "low", "high", "level")


def forecast_images(
    artifacts: Path,
    zip_path: Path,
    file: Path,
    judged: Mapping[str, Judged],
    made: Mapping[str, Mapping[str, Any]],
    limits: Limits,
    prints: Mapping[str, str],
    old: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Run the zip on the images and forecast its accuracy on them; not again where that was done.

    Args:
        artifacts: A.
        zip_path: the submission.
        file: .npz or .npy, see `read_unlabelled`.
        judged: suite -> finished run; "clean" and a shifted one are needed.
        made: the scenarios' forecasts: all there is for a zip that returns labels alone.
        limits: of the run.
        prints: suite -> fingerprint of its images.
        old: what this returned for the same zip before.

    Returns:
        For score.json: file, sha256 (of the file), made_of (a digest of all it depends on), n, accuracy, low, high,
        level, method ("probabilities" or "labels"), label_shift {detected, distance, limit, frequencies}, histogram
        (class -> share predicted), notes; with probabilities also statistics, sets, families and error.

    Raises:
        KitError: the file, a failed run, or too few suites.
    """
    if "clean" not in judged or len(judged) < 2:
        raise KitError(
            "a forecast for unlabelled images needs the clean suite and a shifted one. Received: "
            f"{', '.join(judged)}. Run `python -m local_eval.score --artifacts {artifacts}` without --suite."
        )
    images = judged["clean"].images
    sha256 = sha256_file(file) if file.is_file() else ""
    made_of = hashlib.sha256(
        json.dumps([code(), sha256_file(zip_path), sha256, sorted(prints.items())]).encode()
    ).hexdigest()
    if old is not None and old.get("made_of") == made_of:
        suites = {key: made[UNKNOWN][key] for key in _FROM_SUITES} if old["method"] == "labels" else {}
        return {**old, "file": str(file), **suites}  # those of labels alone follow the ledger
    unlabelled = read_unlabelled(file, images.image_shape)
    answers = answer_images(zip_path, unlabelled, images.class_names, limits)
    k = images.num_classes
    histogram = np.bincount(answers.labels, minlength=k)[:k] / len(answers.labels)
    about: dict[str, Any] = {
        "file": str(file),
        "sha256": sha256,
        "made_of": made_of,
        "n": len(answers.labels),
        "histogram": dict(zip(images.class_names, histogram.tolist(), strict=True)),
    }
    notes = [f"only {len(answers.labels)} images: their own draw moves the accuracy"] if about["n"] < FEW else []
    if answers.probs_nk is None or any(run.table is None for run in judged.values()):
        return about | _from_labels(histogram, images.labels, k, made, notes)
    fitted = LabelFree([_answers(artifacts, *item) for item in judged.items()], len(answers.labels))
    found = fitted.forecast(answers.probs_nk)
    shift = found.label_shift
    notes.append(f"fitted on {found.sets} small sets of {found.families} families of shifts, the judge half's images")
    if shift.detected:
        told = ", ".join(
            f"{name} {share:.0%}" for name, share in zip(images.class_names, shift.frequencies, strict=True)
        )
        notes.append(f"their class frequencies differ from the hold-out's: the interval is wider. Estimated: {told}")
    values = asdict(found) | {
        "label_shift": asdict(shift) | {"frequencies": shift.frequencies.tolist()},
        "method": "probabilities",
        "notes": notes,
    }
    return about | values


def _from_labels(
    histogram: np.ndarray, labels: np.ndarray, k: int, made: Mapping[str, Mapping[str, Any]], notes: list[str]
) -> dict[str, Any]:
    """All that labels alone allow: the suites' forecast, and whether the predicted classes look like the hold-out's."""
    prior = np.bincount(labels, minlength=k) / len(labels)
    distance = chi_square(histogram, prior)
    suites = made[UNKNOWN]
    notes = [
        "this zip returns labels without probabilities: the forecast is that of the suites (unknown), not of these "
        "images; only the histogram of its answers is theirs",
        *notes,
    ]
    if distance > FAR:
        notes.append("the predicted class frequencies are far from the hold-out's: shifted classes, or many mistakes")
    return {
        **{key: suites[key] for key in _FROM_SUITES},
        "method": "labels",
        "label_shift": {"detected": distance > FAR, "distance": distance, "limit": FAR, "frequencies": None},
        "notes": notes,
    }


def _answers(artifacts: Path, suite: str, run: Judged) -> Answers:
    assert run.table is not None
    path = artifacts / "suites" / suite / "judge" / "operations.csv"
    operations: list[tuple[str, ...]] = [()] * len(run.images)
    if path.exists():
        by_id = read_operations(path)
        operations = [by_id.get(str(image_id), ()) for image_id in run.images.ids]
    loads = read_loads(path.parent, run.images.ids)
    return Answers(suite, run.images.labels, run.table.blended_nk, operations, None if loads is None else loads.own)
