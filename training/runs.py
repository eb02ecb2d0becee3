"""Run directories: named by what decides the run, so that nothing is trained twice and nothing overwritten."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file, write_json, write_text

WEIGHTS = "best.weights.h5"  # averaged weights of the best epoch
METRICS = "metrics.json"  # scores of that epoch
DONE = ("trained", "predicted")
STATES = ("new", *DONE, "failed", "pruned")


@dataclass(frozen=True)
class Run:
    """One training: backbone, recipe, fold and seed.

    path: its directory, `<recipe>-f<fold>-s<seed>-<hash8>`; config: all that decides it, as in its config.json.
    """

    path: Path
    config: dict[str, Any]

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def state(self) -> str:
        """One of `STATES`; "new" as long as nothing is written."""
        try:
            return (self.path / "state.txt").read_text().strip()
        except FileNotFoundError:
            return "new"

    @property
    def is_done(self) -> bool:
        """Whether it has been trained to its end."""
        return self.state in DONE

    def set_state(self, state: str) -> None:
        if state not in STATES:
            raise ValueError(f"state must be one of {STATES}. Received: {state!r}")
        write_text(self.path / "state.txt", state + "\n")

    def metrics(self) -> dict[str, Any]:
        """What metrics.json holds; empty as long as the run is not trained."""
        return read_json(self.path / METRICS, "make train") if (self.path / METRICS).exists() else {}

    def history(self) -> list[dict[str, Any]]:
        """The lines of history.jsonl, one an epoch."""
        try:
            lines = (self.path / "history.jsonl").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines if line.endswith("}")]  # a full disk may have cut the last


def run_name(config: dict[str, Any]) -> str:
    """`<recipe>-f<fold>-s<seed>-<hash8>`, the hash over the whole configuration."""
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    return f"{config['recipe']['name']}-f{config['fold']}-s{config['seed']}-{digest[:8]}"


def create_run(runs_dir: Path, config: dict[str, Any], path: Path | None = None) -> Run:
    """The run of a configuration: made if it is new, found again if it exists.

    Args:
        runs_dir: folder of all runs.
        config: JSON-able; holds recipe (with its name), fold and seed.
        path: a directory of one's own choice instead of the named one.

    Raises:
        KitError: the directory holds a run of another configuration; the differing fields are listed.
    """
    run = Run(path or runs_dir / run_name(config), config)
    if (run.path / "config.json").exists():
        found = read_json(run.path / "config.json", "make train")
        if found != json.loads(json.dumps(config)):
            raise KitError(
                f"{run.path} holds a run of another configuration. "
                f"Expected: {_differing(config, found)}. Received: {_differing(found, config)}. "
                "Name another --run-dir, or leave the option out to have the directory named by its configuration."
            )
    else:
        write_json(run.path / "config.json", config)
    return run


def open_run(path: Path) -> Run:
    """An existing run; `KitError` lists the known names if there is none."""
    if not (path / "config.json").is_file():
        known = ", ".join(run.name for run in list_runs(path.parent)) or "none: run `make train` first"
        raise KitError(f"expected a run in {path.parent}. Received: {path.name!r}. Known: {known}.")
    return Run(path, read_json(path / "config.json", "make train"))


def list_runs(runs_dir: Path) -> list[Run]:
    """All runs of a folder, by name."""
    return [open_run(path.parent) for path in sorted(runs_dir.glob("*/config.json"))]


def check_split(run: Run, artifacts: Path) -> None:
    """Refuse a run that was trained under another split: its net may have seen images that are held out now.

    Args:
        run: any run.
        artifacts: the contest's folder, with split/folds.csv.

    Raises:
        KitError: the split has changed since, or there is none.
    """
    folds = artifacts / "split" / "folds.csv"
    if not folds.is_file():
        raise KitError(f"{folds} is missing: run `make split ARTIFACTS={artifacts}` first.")
    if not _of_split(run, sha256_file(folds)):
        raise KitError(
            f"{run.name} was trained under another split than {folds}: images of today's hold-out may be among those "
            f"it has seen. Train again: `make train ARTIFACTS={artifacts}`."
        )


def current_runs(artifacts: Path, states: Sequence[str]) -> list[Run]:
    """The runs that a step takes when none is named: in one of the states, of today's split, no quick tries."""
    folds = artifacts / "split" / "folds.csv"
    today = sha256_file(folds) if folds.is_file() else ""
    return [
        run
        for run in list_runs(artifacts / "runs")
        if run.state in states
        and _of_split(run, today)
        and run.config.get("limit") is None
        and run.config.get("steps") is None
    ]


def _of_split(run: Run, folds_sha256: str) -> bool:
    return run.config.get("data", {}).get("folds_sha256") == folds_sha256


def _flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _differing(config: dict[str, Any], other: dict[str, Any]) -> str:
    mine, theirs = _flat(config), _flat(other)
    return (
        ", ".join(f"{key}={value!r}" for key, value in mine.items() if theirs.get(key, ...) != value) or "nothing more"
    )


if __name__ == "__main__":
    from training.run_list.command import main

    run_main(main)
