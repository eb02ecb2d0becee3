"""Wait for a submission's end, and fetch what the server keeps of it."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from submission.kit.errors import KitError
from submission.kit.files import write_json

from .api import ENDED, Codabench, Submission
from .transfer import download

POLL_S, LONGEST_POLL_S = 5.0, 60.0
_TAIL_LINES = 15
_ERROR_LOGS = ("scoring_stderr", "prediction_ingestion_stderr", "prediction_stderr", "scoring_stdout")


@dataclass(frozen=True)
class Results:
    """status: of all tasks together; scores: of the leaderboard's columns; missing: what could not be fetched."""

    folder: Path
    status: str
    reason: str
    scores: dict[str, float]
    missing: list[str]


def wait_for_end(api: Codabench, submission_id: int, wait_s: float) -> Submission:
    """Ask at growing distances until the submission has ended.

    Raises:
        KitError: not within `wait_s` seconds; the submission goes on.
    """
    clock = api.connection.clock
    began, pause, status = clock.now(), POLL_S, ""
    with tqdm(bar_format="{desc} {elapsed}", desc="waiting", file=sys.stderr, disable=None, leave=False) as bar:
        while True:
            found = api.submission(submission_id)
            if found.status in ENDED:
                return found
            pause = POLL_S if found.status != status else min(pause * 1.5, LONGEST_POLL_S)
            status = found.status
            bar.set_description_str(f"submission {submission_id} {status}")
            if clock.now() - began + pause > wait_s:
                hint = " The organiser starts it by hand?" if status == "Submitting" else ""
                raise KitError(
                    f"submission {submission_id} is {status} after {wait_s:.0f} s and goes on without us.{hint} "
                    "Run the same command again to wait on: it submits nothing twice."
                )
            clock.sleep(pause)


def fetch_results(api: Codabench, submission: Submission, folder: Path) -> Results:
    """Write submission.json, scores.json, logs/ and the scoring results of an ended submission.

    Args:
        api: of its server.
        submission: ended. One of a phase with several tasks has one child for each: their files go to task-<id>/.
        folder: A/submitted/<id>; made.

    Returns:
        The status is Failed where a task's is: the platform says Finished for the whole.
    """
    write_json(folder / "submission.json", submission.raw)
    write_json(folder / "scores.json", submission.scores)
    missing: list[str] = []
    ends = [submission]
    _fetch_files(api, submission.id, folder, missing)
    for child in submission.children:
        ends.append(api.submission(child))
        write_json(folder / f"task-{child}" / "submission.json", ends[-1].raw)
        _fetch_files(api, child, folder / f"task-{child}", missing)
    worst = next((end for end in ends if end.status != "Finished"), submission)
    return Results(folder, worst.status, worst.reason, submission.scores, missing)


def error_tail(folder: Path) -> str:
    """The last lines of the first error log that says something; empty where none does."""
    for name in _ERROR_LOGS:
        for path in sorted(folder.rglob(f"{name}.txt")):
            lines = path.read_text(encoding="utf-8", errors="replace").rstrip().splitlines()[-_TAIL_LINES:]
            if lines:
                return "\n".join([f"{path}:", *(f"    {line[-300:]}" for line in lines)])
    return ""


def _fetch_files(api: Codabench, submission_id: int, folder: Path, missing: list[str]) -> None:
    """What cannot be had is told, not fatal: the scores are known, and a phase may hide its logs."""
    try:
        files = api.files(submission_id)
    except KitError as error:
        missing.append(str(error))
        return
    for name, address in files.items():
        safe = "/".join(re.sub(r"[^\w.-]", "_", part).lstrip(".")[:80] or "_" for part in name.split("/", 1))
        try:
            download(api.connection, address, folder / safe, name)
        except KitError as error:
            missing.append(str(error))
