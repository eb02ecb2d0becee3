"""What the report shows, read from the artifacts folder; what is not essential may be missing: None or empty then."""

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file

from ..judged import Judged, open_judged
from ..ledger import read_records
from ..operations_file import read_operations
from ..score import PART
from ..score_table import answers_of, suite_order
from ..severities import read_severities
from .sweeps import read_sweeps

LOG_LINES = 12


@dataclass(frozen=True)
class Run:
    """One training run: its folder's name, its state, and its history, one dict an epoch."""

    name: str
    state: str
    history: list[dict[str, Any]]

    def curve(self, key: str) -> tuple[list[float], list[float]]:
        """Epochs and values of the lines that have the key; epochs count from 1."""
        pairs = [(n, line[key]) for n, line in enumerate(self.history, 1) if isinstance(line.get(key), int | float)]
        return [float(n) for n, _ in pairs], [float(value) for _, value in pairs]


@dataclass(frozen=True)
class ReportData:
    """Everything the report reads.

    zip: what was scored; score: its score.json; judged: suite -> run; answers: suite -> what each part of the zip
    answers (see `score_table.answers_of`); operations: shifted suite -> one tuple of names an image, in the suite's
    order; severities: suite that has them -> int64 (N,); manifest: the zip's; clean: A/clean/summary.json; dropped: the
    sheet of dropped pictures; logs: suite -> file -> last lines; ledger: the records of A/ledger.jsonl; sweeps: of
    `sweeps.read_sweeps`; adaptation: the zip's adaptation.json.
    """

    artifacts: Path
    zip: Path
    score: dict[str, Any]
    judged: dict[str, Judged]
    answers: dict[str, dict[tuple[str, str], np.ndarray]]
    operations: dict[str, list[tuple[str, ...]]]
    severities: dict[str, np.ndarray]
    ensemble: dict[str, Any] | None
    runs: list[Run]
    clean: dict[str, Any] | None
    dropped: Path | None
    manifest: dict[str, Any]
    logs: dict[str, dict[str, str]]
    ledger: list[dict[str, Any]]
    sweeps: list[dict[str, Any]]
    adaptation: dict[str, Any] | None = None

    @property
    def class_names(self) -> list[str]:
        return next(iter(self.judged.values())).images.class_names


def load_report_data(artifacts: Path, path: Path, mend: str) -> ReportData:
    """Read a score.json and what it points to.

    Args:
        artifacts: A.
        path: the score.json.
        mend: the command that makes it; it is named in errors.

    Raises:
        KitError: no score, what it was made from is gone, or the zip was changed; names the command that mends it.
    """
    score = read_json(path, mend)
    zip_path = artifacts / score["zip"]
    if zip_path.is_file() and sha256_file(zip_path) != score["sha256"]:
        raise KitError(f"{zip_path} was changed since it was scored ({path}): run `{mend}` again.")
    judged = {
        suite: open_judged(artifacts / score["suites"][suite]["folder"], artifacts / "suites" / suite / PART, mend)
        for suite in suite_order(score["suites"])
    }
    ensemble = artifacts / "ensemble" / "ensemble.json"
    clean = artifacts / "clean" / "summary.json"
    dropped = artifacts / "clean" / "dropped.png"
    return ReportData(
        artifacts=artifacts,
        zip=zip_path,
        score=score,
        judged=judged,
        answers={suite: answers_of(suite, run) for suite, run in judged.items()},
        operations={suite: names for suite, run in judged.items() if (names := _operations(artifacts, suite, run))},
        severities={
            suite: grades for suite, run in judged.items() if (grades := _severities(artifacts, suite, run)) is not None
        },
        ensemble=read_json(ensemble, f"python -m ensembles.fit --artifacts {artifacts}") if ensemble.exists() else None,
        runs=list(_runs(artifacts / "runs")),
        clean=read_json(clean, f"python -m training.clean --artifacts {artifacts}") if clean.exists() else None,
        dropped=dropped if dropped.exists() else None,
        manifest=_manifest(zip_path),
        logs={suite: _logs(run.folder / "logs") for suite, run in judged.items()},
        ledger=read_records(artifacts / "ledger.jsonl")[0],
        sweeps=read_sweeps(artifacts / "sweeps"),
        adaptation=_adaptation(artifacts, score),
    )


def _adaptation(artifacts: Path, score: dict[str, Any]) -> dict[str, Any] | None:
    path = artifacts / "judge" / score["sha256"][:8] / "adaptation.json"
    mend = f"python -m local_eval.adaptation --artifacts {artifacts} --zip {artifacts / score['zip']}"
    value = read_json(path, mend) if path.exists() else None
    return value if value is not None and value.get("sha256") == score["sha256"] else None


def _operations(artifacts: Path, suite: str, run: Judged) -> list[tuple[str, ...]]:
    path = artifacts / "suites" / suite / PART / "operations.csv"
    if not path.exists():
        return []
    mend = f"python -m local_eval.suites --artifacts {artifacts}"
    by_id = read_operations(path, mend)
    missing = [image_id for image_id in run.images.ids if image_id not in by_id]
    if missing:
        raise KitError(
            f"{path}: expected a line for each of {len(run.images)} images. Received: none for {len(missing)}, "
            f"{missing[0]} first. Run `{mend}` again."
        )
    return [by_id[image_id] for image_id in run.images.ids] if any(by_id.values()) else []


def _severities(artifacts: Path, suite: str, run: Judged) -> np.ndarray | None:
    return read_severities(artifacts / "suites" / suite / PART / "operations.csv", run.images.ids)


def _runs(folder: Path) -> Iterator[Run]:
    for path in sorted(folder.glob("*/history.jsonl")):
        state = path.with_name("state.txt")
        history = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                continue  # the last line of a run that is being written or was killed
            if isinstance(value, dict):
                history.append(value)
        yield Run(path.parent.name, state.read_text().strip() if state.exists() else "unknown", history)


def _manifest(path: Path) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(path) as file:
            value = json.loads(file.read("manifest.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return {}  # another kit's zip, or one that was deleted since
    return value if isinstance(value, dict) else {}


def _logs(folder: Path) -> dict[str, str]:
    tails = {}
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
            if lines:
                tails[path.name] = "\n".join(line[-500:] for line in lines)
    return tails
