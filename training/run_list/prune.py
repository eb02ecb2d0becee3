"""Move runs to the trash: never one that an ensemble uses, or that a live process works on."""

from collections.abc import Sequence
from pathlib import Path

from submission.kit.errors import KitError
from submission.kit.files import read_json

from ..run_lock import is_locked
from ..runs import Run

TRASH = "trash"


def kept_reason(run: Run, artifacts: Path) -> str:
    """Why a run must stay; "" if it may go."""
    if run.name in used_runs(artifacts):
        return "a member of the ensemble"
    if is_locked(run.path):
        return "a live process works on it"
    return ""


def used_runs(artifacts: Path) -> set[str]:
    """Names of the runs that A/ensemble uses."""
    path = artifacts / "ensemble" / "ensemble.json"
    if not path.exists():
        return set()
    return {member["run"] for member in read_json(path, "make ensemble")["members"]}


def move_to_trash(runs: Sequence[Run], artifacts: Path) -> Path:
    """Move runs into A/trash; one of the same name that is there already stays, beside the new one.

    Raises:
        KitError: one of them must stay; none is moved.
    """
    trash = artifacts / TRASH
    refused = [f"{run.name} ({reason})" for run in runs if (reason := kept_reason(run, artifacts))]
    if refused:
        raise KitError(f"runs that must stay: {', '.join(refused)}. Leave them out with --where 'run!=NAME'.")
    trash.mkdir(parents=True, exist_ok=True)
    for run in runs:
        place, number = trash / run.name, 1
        while place.exists():
            place, number = trash / f"{run.name}.{number}", number + 1
        run.path.rename(place)
    return trash
