"""The calls of Codabench's API that a contestant needs, each with the shape of its answer checked.

Source: codalab/codabench, src/apps/api, as of mid-2026: views/datasets.py (0d3609a), views/submissions.py and
pagination.py (0085f77), serializers/submissions.py (57a7f64), docs/example_scripts (8891697). Older servers answer with
the same fields, and with a plain list where newer ones page.
"""

import math
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from submission.kit.errors import KitError

from .connection import Connection
from .patience import PassingError

ENDED = ("Finished", "Failed", "Cancelled")


@dataclass(frozen=True)
class Upload:
    """A place for a file: `key` names the data set, `url` is signed, good for days and secret."""

    key: str
    url: str


@dataclass(frozen=True)
class Submission:
    """A submission as the server tells it; raw: the whole answer, without the token."""

    id: int
    status: str
    reason: str
    scores: dict[str, float]
    children: list[int]
    raw: dict[str, Any]


class Codabench:
    """A contestant's calls. All but `create_submission` may be repeated and are, while failures pass."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def check_allowed(self, phase: int) -> None:
        """Raise `KitError` with the server's reason where the phase takes no submission from this user now."""
        what = f"phase {phase}, whether it takes a submission"
        answer = self.connection.ask("GET", f"/api/can_make_submission/{phase}/", what)
        if _field(answer, "can", bool, what):
            return
        reason = str(answer.get("reason") or "no reason given")
        raise KitError(f"phase {phase} takes no submission from this user now: {reason}.{_advice(reason)}")

    def create_upload(self, file_name: str, size_bytes: int) -> Upload:
        """Ask for a place to upload a zip to; a repeated call leaves an empty place behind and harms nothing."""
        what = "the place for the upload"
        body = {
            "type": "submission",
            "request_sassy_file_name": file_name,
            "file_name": file_name,
            "file_size": size_bytes,
        }
        answer = self.connection.ask("POST", "/api/datasets/", what, json=body)
        return Upload(_field(answer, "key", str, what), _field(answer, "sassy_url", str, what))

    def complete_upload(self, key: str) -> None:
        """Say that the file is there."""
        self.connection.ask("PUT", f"/api/datasets/completed/{key}/", "the end of the upload")

    def create_submission(self, phase: int, key: str) -> int:
        """Submit an uploaded file, once; returns the submission's id.

        Raises:
            PassingError: nothing came back, or nothing readable; `may_have_acted` where there may be a submission now.
            KitError: the server refused; there is none.
        """
        what = "the submission"
        answer = self.connection.once("POST", "/api/submissions/", what, json={"phase": phase, "data": key})
        try:
            return _field(answer, "id", int, what)
        except KitError as error:
            raise PassingError(str(error), may_have_acted=True) from None

    def find_submission(self, phase: int, file_name: str) -> int | None:
        """The submission of an uploaded file: its name is unique and all that the server's list tells of its data."""
        what = f"the submissions of phase {phase}"
        stem = PurePosixPath(file_name).stem
        params = {"phase": str(phase), "search": stem, "page_size": "100"}
        answer = self.connection.ask("GET", "/api/submissions/", what, params=params)
        rows = answer.get("results") if isinstance(answer, dict) else answer
        if not isinstance(rows, list):
            raise KitError(f"{what}: expected a list. Received: {_short(answer)}.")
        found = [
            _field(row, "id", int, what)
            for row in rows
            if _field(row, "filename", str, what).startswith(stem) and row.get("parent") is None
        ]
        return min(found, default=None)

    def submission(self, submission_id: int) -> Submission:
        """Status and scores."""
        what = f"submission {submission_id}"
        answer = self.connection.strike(self.connection.ask("GET", f"/api/submissions/{submission_id}/", what))
        scores = [_score(one, what) for one in answer.get("scores") or []] if isinstance(answer, dict) else []
        return Submission(
            _field(answer, "id", int, what),
            _field(answer, "status", str, what),
            str(answer.get("status_details") or ""),
            {key: value for key, value in scores if math.isfinite(value)},
            [child for child in answer.get("children") or [] if isinstance(child, int)],
            answer,
        )

    def files(self, submission_id: int) -> dict[str, str]:
        """File name -> signed address of the logs and results that the phase lets its participants see."""
        what = f"the logs of submission {submission_id}"
        answer = self.connection.ask("GET", f"/api/submissions/{submission_id}/get_details/", what)
        logs = _field(answer, "logs", list, what)
        named = {f"logs/{_field(log, 'name', str, what)}.txt": log.get("data_file") for log in logs}
        named["scoring_result.zip"] = answer.get("scoring_result")
        named["detailed_results.html"] = answer.get("detailed_result")
        return {name: address for name, address in named.items() if isinstance(address, str) and address}


def _score(value: Any, what: str) -> tuple[str, float]:
    """Decimals come as text; None and anything else is n/a."""
    try:
        return _field(value, "column_key", str, what), float(value.get("score"))
    except (TypeError, ValueError):
        return value["column_key"], math.nan


def _field(value: Any, name: str, kind: type, what: str) -> Any:
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise KitError(
            f"{what}: expected an object with {name} ({kind.__name__}). Received: {_short(value)}. "
            "Does --server name a Codabench server? If so, its API has changed."
        )
    return found


def _short(value: Any) -> str:
    """The shape, not the values: a signed address may be among them."""
    if isinstance(value, dict):
        return f"an object with {', '.join(sorted(str(key) for key in value)[:12]) or 'nothing'}"
    return type(value).__name__


def _advice(reason: str) -> str:
    if "maximum allowed" in reason:
        today = " today" in reason
        return (
            f" {'The count starts again at 00:00 UTC' if today else 'It does not start again'}; "
            "failed submissions are not counted, cancelled ones are."
        )
    if "not approved" in reason:
        return " Join the competition on its page and wait for the organiser's approval."
    return ""
