"""Nothing that a run learnt, measured or fitted comes from the hold-out or from the fold it left out."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import read_json
from submission.kit.folds import SELECT, Folds, fold_name
from submission.kit.image_set import ImageSet
from submission.kit.probs_file import load_probs

from ..quick import limited_rows
from ..recipes import get_recipe
from ..runs import Run, list_runs
from ..training_set import DROPPED
from .check import Check


def check_runs(artifacts: Path, data: ImageSet, folds: Folds, folds_sha256: str) -> list[Check]:
    """Every run of today's split; runs of another split may not be in the ensemble."""
    runs = list_runs(artifacts / "runs")
    today = [run for run in runs if run.config.get("data", {}).get("folds_sha256") == folds_sha256]
    checks = [_check_ensemble(artifacts, {run.name for run in today}, {run.name for run in runs})]
    others = len(runs) - len(today)
    note = f"{len(today)} runs" + (f"; {others} of another split are not looked at" if others else "")
    rows = Check("a run trains on the folds but its own", note)
    filters = Check("row filters and balance saw training rows alone", note)
    held = Check("predictions are of the fold left out, or select", note)
    for run in today:
        try:
            training, validation = _rows_of(run, data, folds)
        except KitError as error:
            rows.leaks.append(f"{run.name}: {error}")
            continue
        rows.leaks += _rows(run, training, validation, data, folds)
        filters.leaks += _filtered(run, training, data)
        held.leaks += _predicted(run, data, folds)
    scaling = Check("scaling uses constants, not statistics of images", f"{note}: that of each backbone")
    scaling.leaks += [
        f"{run.name}: its weights hold a Normalization layer, whose statistics come from images"
        for run in today
        if _has_normalization(run)
    ]
    return [*checks, rows, filters, scaling, held]


def _rows_of(run: Run, data: ImageSet, folds: Folds) -> tuple[np.ndarray, np.ndarray]:
    """The rows that the run's configuration makes it train on and validate on."""
    fold = run.config["fold"]
    recipe = get_recipe(run.config["recipe"]["name"], run.config["recipe"])
    return limited_rows(data.labels, folds.training_rows(fold), folds.rows(fold_name(fold)), recipe, run.config)


def _rows(run: Run, training: np.ndarray, validation: np.ndarray, data: ImageSet, folds: Folds) -> list[str]:
    leaks = []
    if shared := np.intersect1d(data.ids[training], data.ids[validation]).size:
        leaks.append(f"{run.name}: {shared} images of the fold left out are among those it trains on")
    part_of = dict(zip(folds.index.tolist(), folds.part.tolist(), strict=True))
    held_out = [row for row in training.tolist() if not part_of[row].startswith("fold")]
    if held_out:
        leaks.append(f"{run.name}: trains on {len(held_out)} images of the hold-out")
    metrics = run.path / "metrics.json"
    if metrics.exists() and (count := read_json(metrics, "make train").get("num_images")) != len(validation):
        leaks.append(f"{run.name}: scored on {count} images, the fold it left out has {len(validation)}")
    return leaks


def _filtered(run: Run, training: np.ndarray, data: ImageSet) -> list[str]:
    """Images that the filter judged are training images; its statistics are over those and no others."""
    path = run.path / DROPPED
    if not path.exists():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        ids = [line["id"] for line in csv.DictReader(file)]
    foreign = np.setdiff1d(ids, data.ids[training])
    return [f"{run.name}: {path.name} names {len(foreign)} images that it does not train on"] if len(foreign) else []


def _predicted(run: Run, data: ImageSet, folds: Folds) -> list[str]:
    leaks = []
    for path in sorted(run.path.glob("probs_*.npz")):
        name = path.stem.removeprefix("probs_")
        part = fold_name(run.config["fold"]) if name == "oof" else name.rsplit("_", 1)[-1]
        if part not in (SELECT, fold_name(run.config["fold"])):
            leaks.append(f"{run.name}: {path.name} has predictions of the part {part}, which no step may make")
            continue
        try:
            probs = load_probs(path)
        except KitError as error:
            leaks.append(f"{run.name}: {error}")
            continue
        allowed = {str(one): int(label) for one, label in _labels(folds, part).items()}
        original = [str(one).split(":")[0] for one in probs.ids]  # id:corruption:severity in a full table
        foreign = sum(one not in allowed for one in original)
        if foreign:
            leaks.append(f"{run.name}: {path.name} has {foreign} images that are not of {part}")
        other = sum(
            allowed.get(one, int(label)) != int(label) for one, label in zip(original, probs.labels, strict=True)
        )
        if other:
            leaks.append(f"{run.name}: {path.name} has other labels than folds.csv for {other} images")
    return leaks


def _labels(folds: Folds, part: str) -> dict[str, int]:
    here = folds.part == part
    return dict(zip(folds.id[here].tolist(), folds.label[here].tolist(), strict=True))


def _has_normalization(run: Run) -> bool:
    """Whether the weight file holds statistics of Keras' Normalization layer, which are computed from data."""
    import h5py

    path = run.path / "best.weights.h5"
    if not path.exists():
        return False
    found = []
    with h5py.File(path, "r") as file:
        file.visit(lambda name: found.append(name) if name.rsplit("/", 1)[-1].startswith("normalization") else None)
    return bool(found)


def _check_ensemble(artifacts: Path, today: set[str], known: set[str]) -> Check:
    path = artifacts / "ensemble" / "ensemble.json"
    check = Check("members and temperatures rest on runs of today's split", "no ensemble yet")
    if not path.exists():
        return check
    ensemble: dict[str, Any] = read_json(path, "make ensemble")
    members = [member["run"] for member in ensemble.get("members", [])]
    check.looked_at = f"{len(members)} members"
    for name in members:
        if name not in known:
            check.leaks.append(f"{name}: the ensemble has a member whose run is gone")
        elif name not in today:
            check.leaks.append(f"{name}: trained under another split, it may have seen today's hold-out")
        elif not (artifacts / "runs" / name / "probs_oof.npz").exists():
            check.leaks.append(f"{name}: no out-of-fold predictions that its temperature could be fitted on")
    return check
