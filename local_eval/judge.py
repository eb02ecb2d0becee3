"""One zip on one image set: the platform's run, kept as a folder that says how it ended."""

import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import atomic_path, write_json
from submission.kit.image_set import ImageSet

from .case import Case, make_case, spread_rows
from .isolation import Isolation, choose_isolation
from .limits import Limits
from .outcome import Outcome
from .versions import library_versions
from .worker import PLATFORMS, run_on_platforms, run_submission

PROGRAMS = Path(__file__).parent
SECOND_PLATFORM_IMAGES = 64
_TABLE_LIMITS = Limits(limit_s=24 * 3600.0)  # the table is ours, not the platform's: only a hang is stopped
_KIT_FILES = {"manifest.json", "kit/predictor.py"}
_KEPT = {"output_dir": ("predictions.npz", "predictions.csv", "timing.json"),
         "results_dir": ("scores.json", "detailed_results.html")}  # fmt: skip


@dataclass(frozen=True)
class _Part:
    """One run of the worker within a judgement."""

    name: str
    images: int
    outcome: Outcome


def judge(
    zip_path: Path,
    images: ImageSet,
    folder: Path,
    limits: Limits,
    platform: str = "both",
    limit_images: int | None = None,
    notes: dict[str, Any] | None = None,
    isolation: Isolation | None = None,
    table: bool = True,
) -> dict[str, Any]:
    """Run a zip on an image set and keep the result; the folder says Failed from the first moment.

    Args:
        zip_path: the submission.
        images: the image set with its labels.
        folder: what is kept; an old one is removed first. Finished: outcome.json, scores.json, detailed_results.html,
            predictions.npz, predictions.csv, timing.json, logs/, and table.npz for a zip of this kit. Failed:
            outcome.json and logs/ only.
        limits: for each step of the platform's run; the table has none.
        platform: "1.25", "1.27", or "both": both must finish. 1.27 scores the predictions of 1.25 in its own layout
            where they cannot differ, and otherwise predicts for itself, 64 of the images.
        limit_images: only so many images, evenly spread.
        notes: added to outcome.json.
        isolation: where the programs run; by default `choose_isolation("auto")`.
        table: also make the members' table of a zip of this kit, which starts its model once more.

    Returns:
        What outcome.json holds: `worker.Outcome` of the first platform or of the part that failed, `images`,
        `platforms` (version -> images it ran on), `predicted_by` (version -> whose predictions it
        scored), `limit_s`, `limit_mb`, `versions` and `notes`.

    Raises:
        KitError: `platform` is unknown or there are no images; what the submission does wrong is a Failed outcome.
    """
    if platform not in (*PLATFORMS, "both"):
        raise KitError(f"expected platform to be {', '.join(PLATFORMS)} or both. Received: platform={platform!r}.")
    if len(images) == 0 or (limit_images is not None and limit_images < 1):
        raise KitError(f"expected at least one image. Received: {len(images)} images, limit {limit_images}.")
    about = {**(notes or {}), "limit_s": limits.limit_s, "limit_mb": limits.limit_mb, "versions": library_versions()}
    isolation = isolation or choose_isolation()
    shutil.rmtree(folder, ignore_errors=True)
    unfinished = Outcome("Failed", "the run did not come to its end", platform)
    write_json(folder / "outcome.json", {**unfinished.as_json(), **about})
    with tempfile.TemporaryDirectory(prefix=".work-", dir=folder.parent, ignore_cleanup_errors=True) as scratch:
        parts, case = _run_parts(zip_path, images, Path(scratch), limits, platform, limit_images, isolation, table)
        decisive = next((part for part in parts if part.outcome.status != "Finished"), parts[0])
        value = {
            **decisive.outcome.as_json(),
            **about,
            "images": parts[0].images,
            "platforms": {part.name: part.images for part in parts if part.name in PLATFORMS},
            "predicted_by": {part.name: part.outcome.predicted_by for part in parts if part.name in PLATFORMS},
            "peak_mb": parts[0].outcome.peak_mb,
        }
        if decisive is not parts[0]:
            value["message"] = f"{decisive.name}, {decisive.images} images: {decisive.outcome.message}"
        with atomic_path(folder) as new:
            new.mkdir()
            value["logs"] = _keep_logs(decisive, new)
            del value["output_dir"], value["results_dir"]
            if value["status"] == "Finished":
                _keep_results(parts, case, new)
            write_json(new / "outcome.json", value)
    return value


def _run_parts(
    zip_path: Path,
    images: ImageSet,
    scratch: Path,
    limits: Limits,
    platform: str,
    limit_images: int | None,
    isolation: Isolation,
    table: bool,
) -> tuple[list[_Part], Case]:
    """The platform's runs, then the table; the first failure is the last part."""
    rows = spread_rows(len(images), limit_images)
    some = rows[spread_rows(len(rows), SECOND_PLATFORM_IMAGES)]
    case, small = make_case(images, scratch / "case", rows), make_case(images, scratch / "small", some)
    platforms = PLATFORMS if platform == "both" else (platform,)
    outcomes = run_on_platforms(
        zip_path,
        (case.input_dir, case.reference_dir),
        scratch,
        limits,
        platforms,
        ingestion_program=PROGRAMS / "ingestion_program",
        scoring_program=PROGRAMS / "scoring_program",
        isolation=isolation,
        other_data=(small.input_dir, small.reference_dir),
    )
    parts: list[_Part] = []
    for outcome in outcomes:
        own = bool(parts) and outcome.predicted_by == outcome.platform
        parts.append(_Part(outcome.platform, len(some if own else rows), outcome))
        if outcome.status != "Finished":
            return parts, case
    if table and _made_by_kit(zip_path):
        parts.append(_Part("table", len(rows), _run_table(zip_path, case, scratch / "table", isolation)))
    return parts, case


def _run_table(zip_path: Path, case: Case, work: Path, isolation: Isolation) -> Outcome:
    """Prediction alone, by the table program; here its exit code counts."""
    outcome = run_submission(
        zip_path,
        case.input_dir,
        None,
        work,
        _TABLE_LIMITS,
        ingestion_program=PROGRAMS / "table_program",
        scoring_program=None,
        platform="1.27",
        isolation=isolation,
    )
    assert outcome.output_dir is not None
    if outcome.status != "Finished" or (outcome.output_dir / "table.npz").is_file():
        return outcome
    error = (outcome.logs["prediction_ingestion_stderr"].read_text(errors="replace").strip() or "no message")[-4000:]
    return Outcome(
        **{
            **vars(outcome),
            "status": "Failed",
            "step": "table",
            "message": f"the members' table could not be made: {error.splitlines()[-1]}",
            "tail": error,
        }
    )


def _made_by_kit(zip_path: Path) -> bool:
    with zipfile.ZipFile(zip_path) as archive:
        return _KIT_FILES.issubset(archive.namelist())


def _keep_logs(part: _Part, new: Path) -> dict[str, str]:
    (new / "logs").mkdir()
    for name, path in part.outcome.logs.items():
        shutil.copyfile(path, new / "logs" / f"{name}.txt")
    return {name: f"logs/{name}.txt" for name in part.outcome.logs}


def _keep_results(parts: list[_Part], case: Case, new: Path) -> None:
    outcome = parts[0].outcome
    for where, names in _KEPT.items():
        source = getattr(outcome, where)
        for name in names:
            shutil.copyfile(source / name, new / name)
    if parts[-1].name == "table" and parts[-1].outcome.output_dir is not None:
        shutil.copyfile(parts[-1].outcome.output_dir / "table.npz", new / "table.npz")
    for path in new.glob("*.npz"):
        _own_ids(path, case)


def _own_ids(path: Path, case: Case) -> None:
    """Put the set's own ids back where repeated ones had been made unique."""
    staged = np.load(case.reference_dir / "ids.npy")
    if np.array_equal(staged, case.ids):
        return
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    own = dict(zip(staged.tolist(), case.ids.tolist(), strict=True))
    np.savez(path, **{**arrays, "ids": np.array([own[one] for one in arrays["ids"].tolist()])})  # type: ignore[arg-type]
