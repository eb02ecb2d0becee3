"""A zip on a competition's bundle: from the command line's words to what is kept and told."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from submission.kit.errors import KitError
from submission.kit.files import sha256_file

from .competition import Competition, Phase, open_competition
from .competition_run import judge_on_competition, solution_zip
from .interpreter import Interpreter, this_interpreter
from .isolation import Isolation, describe_isolation
from .leaderboard import describe_row
from .ledger import append_record
from .limits import PROFILES_S, Limits
from .worker import PLATFORMS

DEFAULT_PROFILE = "codabench-default"


def judge_bundle(
    artifacts: Path,
    submission: Path | int,
    bundle: Path,
    phase_number: int,
    limits: Limits,
    own_limit: bool,
    platform: str,
    isolation: Isolation,
    interpreter: Interpreter | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Run a submission on a phase of a bundle; keep it and append a line to the ledger.

    Args:
        artifacts: results go to A/judge/<sha8>/bundle-<bundle's name>-phase<n>.
        submission: a zip, or the index of one of the bundle's own solutions.
        bundle: zip or folder with competition.yaml.
        phase_number: counted from 0 in the order of the phases' indexes.
        limits: of a step.
        own_limit: take its `limit_s` and not the phase's, or the public queue's where the phase has none.
        platform: a Codabench version, or "both".
        isolation: where the programs run.
        interpreter: what `python` and `python3` are in the programs; by default the one that runs this code.

    Returns:
        The folder, and what its outcome.json holds.

    Raises:
        KitError: no such zip, bundle, phase or solution, or a bundle that cannot be run here.
    """
    interpreter = interpreter or this_interpreter()
    (artifacts / "judge").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".bundle-", dir=artifacts / "judge") as name:
        scratch = Path(name)
        competition = open_competition(bundle, scratch / "bundle")
        phase = _phase(competition, phase_number)
        zip_path = submission if isinstance(submission, Path) else _solution(competition, submission, scratch)
        if not zip_path.is_file():
            raise KitError(f"expected a zip at {zip_path}, which does not exist.")
        sha256 = sha256_file(zip_path)
        if not own_limit:
            limits = replace(limits, limit_s=phase.limit_s or PROFILES_S[DEFAULT_PROFILE])
        folder = artifacts / "judge" / sha256[:8] / f"bundle-{bundle.resolve().stem}-phase{phase.index}"
        notes = {
            "zip": f"solution {submission}" if isinstance(submission, int) else str(submission),
            "sha256": sha256,
            "bundle": str(bundle),
            "competition": competition.title,
            "docker_image": competition.docker_image,
            "python": {"executable": str(interpreter.executable), "version": interpreter.version},
            "phase": phase.index,
            "phase_name": phase.name,
        }
        platforms = PLATFORMS if platform == "both" else (platform,)
        value = judge_on_competition(
            zip_path, competition, phase, folder, limits, platforms, isolation, notes, interpreter
        )
    scores = [{"task": run["task"], "platform": run["platform"], "scores": run["scores"]} for run in value["runs"]]
    kept = {key: value[key] for key in (*notes, "status", "message", "limit_s", "limit_mb")}
    append_record(artifacts / "ledger.jsonl", {**kept, "scores": scores})
    return folder, value


def describe_bundle(value: dict[str, Any], folder: Path) -> str:
    """The result as text: status, columns, what was ignored, what failed and why."""
    phase = f"phase {value['phase']} ({value['phase_name']})"
    lines = [f"{value['zip']} on {value['competition']!r}, {phase}: {value['status']}"]
    for run in value["runs"]:
        steps = " + ".join(f"{name} {seconds:.1f} s" for name, seconds in run["seconds"].items())
        shared = f" (predictions of {run['predicted_by']})" if run["predicted_by"] != run["platform"] else ""
        where = f"task {run['task']} ({run['task_name']}), Codabench {run['platform']}{shared}"
        lines.append(f"{where}: {run['status']}, {steps}")
        if run["status"] == "Finished":
            lines += [f"    {line}" for line in describe_row(run["columns"])]
        else:
            lines.append(f"    failed in {run['step']}: {run['message']}")
        lines += [f"    warning: {warning}" for warning in run["warnings"]]
        lines += [f"    | {line}" for line in run["tail"].splitlines()]
        if run["ignored_keys"]:
            lines.append(f"    ignored, since no column has these keys: {', '.join(run['ignored_keys'])}")
        lines += [f"    problem: {problem}" for problem in run["problems"]]
    lines.append(f"limit {value['limit_s']:.0f} s a step; {describe_isolation(value['isolation'])}")
    python = value["python"]
    lines.append(
        f"the competition's image is {value['docker_image']}; here it was Python {python['version']} with the packages "
        f"of {python['executable']}"
    )
    if value["missing_packages"]:
        lines.append(
            f"not found here: {', '.join(value['missing_packages'])}. Where the competition's image has it the "
            "platform goes on: install it in a virtual environment and name that with --python"
        )
    lines.append(f"kept in {folder}")
    return "\n".join(lines)


def _phase(competition: Competition, number: int) -> Phase:
    if not 0 <= number < len(competition.phases):
        names = ", ".join(f"{phase.index} ({phase.name})" for phase in competition.phases)
        raise KitError(f"expected a phase of the bundle: {names}. Received: {number}.")
    return competition.phases[number]


def _solution(competition: Competition, index: int, scratch: Path) -> Path:
    if index not in competition.solutions:
        known = ", ".join(map(str, sorted(competition.solutions))) or "none"
        raise KitError(f"expected a solution of the bundle: {known}. Received: {index}.")
    return solution_zip(competition.solutions[index], scratch)
