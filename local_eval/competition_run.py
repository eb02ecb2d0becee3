"""One zip on one phase of a competition: the organiser's own programs, run as the platform runs them."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from submission.kit.errors import KitError
from submission.kit.files import atomic_path, write_json

from .competition import Competition, Phase, Task, materialise
from .interpreter import Interpreter
from .isolation import Isolation
from .layout import names_app
from .leaderboard import leaderboard_row
from .limits import Limits
from .missing_packages import missing_packages
from .outcome import FAILED, FINISHED, Outcome
from .worker import run_on_platforms

_RESULTS = ("scores.json", "scores.txt")
_PAGE = "detailed_results.html"


def judge_on_competition(
    zip_path: Path,
    competition: Competition,
    phase: Phase,
    folder: Path,
    limits: Limits,
    platforms: tuple[str, ...],
    isolation: Isolation,
    notes: dict[str, Any],
    interpreter: Interpreter | None = None,
) -> dict[str, Any]:
    """Run a zip on every task of a phase; the folder says Failed from the first moment.

    Args:
        zip_path: the submission.
        competition, phase: whose programs and data are run.
        folder: what is kept; an old one is removed first: outcome.json, and for each task and Codabench version a
            folder task<index>-<version> with logs, and of a run that Finished with scores and, where the bundle enables
            detailed results, the page.
        limits: for each step.
        platforms: Codabench versions.
        isolation: where the programs run.
        notes: added to outcome.json.
        interpreter: what `python` and `python3` are in the programs; by default the one that runs this code.

    Returns:
        What outcome.json holds: `status` (Finished when every run has), `message`, `problems`, `missing_packages` (what
        a program looked for in vain), `runs` (`Outcome`, `task`, `task_name`, `columns`: [{"key", "title", "value"}]),
        and `notes`.

    Raises:
        KitError: the bundle cannot be run here; what the submission does wrong is a Failed outcome.
    """
    shutil.rmtree(folder, ignore_errors=True)
    write_json(folder / "outcome.json", {"status": FAILED, "message": "the run did not come to its end", **notes})
    with tempfile.TemporaryDirectory(prefix=".work-", dir=folder.parent, ignore_cleanup_errors=True) as name:
        scratch = Path(name)
        with atomic_path(folder) as new:
            new.mkdir()
            runs = []
            missing: set[str] = set()
            for index in phase.tasks:
                parts = _open_task(competition.tasks[index], scratch / f"task{index}", isolation)
                work = scratch / f"work{index}"
                for outcome in _run(zip_path, parts, competition, work, limits, platforms, isolation, interpreter):
                    missing.update(missing_packages(outcome.logs.values(), [zip_path, *parts.values()]))
                    kept = new / f"task{index}-{outcome.platform}"
                    runs.append(_keep(outcome, competition, competition.tasks[index], kept, new))
                shutil.rmtree(work, ignore_errors=True)
            failed = next((run for run in runs if run["status"] != FINISHED), None)
            value = {
                "status": failed["status"] if failed else FINISHED,
                "message": failed["message"] if failed else "",
                "problems": sorted({problem for run in runs for problem in run["problems"]}),
                "missing_packages": sorted(missing),
                "isolation": isolation.as_json(),
                "limit_s": limits.limit_s,
                "limit_mb": limits.limit_mb,
                "runs": runs,
                **notes,
            }
            write_json(new / "outcome.json", value)
    return value


def solution_zip(path: Path, folder: Path) -> Path:
    """A bundle's own solution as the zip that a contestant would submit.

    Args:
        path: a zip, or a folder whose contents are packed.
        folder: where to, if need be.
    """
    if not path.is_dir():
        return path
    target = folder / "solution.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, str(file.relative_to(path)))
    return target


def results_page(results_dir: Path) -> Path:
    """The page that the platform shows: detailed_results.html, else any html, or the path of one that is not there."""
    page = results_dir / _PAGE
    return page if page.exists() else next(iter(sorted(results_dir.glob("*.html"))), page)


def _open_task(task: Task, folder: Path, isolation: Isolation) -> dict[str, Path]:
    """Its programs and data as folders."""
    folder.mkdir()
    parts = {name: materialise(path, folder / name) for name, path in task.paths.items()}
    if not isolation.active:
        fixed = [f"{name}/{file}" for name in parts if name.endswith("_program") for file in names_app(parts[name])]
        if fixed:
            raise KitError(
                f"expected a private /app for programs that name it in their code ({', '.join(fixed)}). Received: a "
                f"run without isolation ({isolation.reason}). Run this on Linux as root or with user namespaces."
            )
    return parts


def _run(
    zip_path: Path,
    parts: dict[str, Path],
    competition: Competition,
    work: Path,
    limits: Limits,
    platforms: tuple[str, ...],
    isolation: Isolation,
    interpreter: Interpreter | None,
) -> Iterator[Outcome]:
    return run_on_platforms(
        zip_path,
        (parts.get("input_data"), parts.get("reference_data")),
        work,
        limits,
        platforms,
        ingestion_program=parts.get("ingestion_program"),
        scoring_program=parts["scoring_program"],
        isolation=isolation,
        columns=[column.key for column in competition.columns],
        interpreter=interpreter,
    )


def _keep(outcome: Outcome, competition: Competition, task: Task, kept: Path, new: Path) -> dict[str, Any]:
    (kept / "logs").mkdir(parents=True)
    logs = {}
    for name, path in outcome.logs.items():
        shutil.copyfile(path, kept / "logs" / f"{name}.txt")
        logs[name] = str((kept / "logs" / f"{name}.txt").relative_to(new))
    row = leaderboard_row(competition.columns, outcome.scores or {})
    if outcome.status == FINISHED and outcome.results_dir is not None:
        found = {name: outcome.results_dir / name for name in _RESULTS}
        if competition.shows_page:
            found[_PAGE] = results_page(outcome.results_dir)
        for name, path in found.items():
            if path.is_file() and not path.is_symlink():
                shutil.copyfile(path, kept / name)
    value = outcome.as_json() | {
        "task": task.index,
        "task_name": task.name,
        "logs": logs,
        "columns": [{"key": column.key, "title": column.title, "value": value} for column, value in row],
    }
    del value["output_dir"], value["results_dir"]
    return value
