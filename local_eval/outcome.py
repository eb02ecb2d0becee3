"""How a run ended: what the platform's page would say, and what it would not."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .limits import Breach

FAILED, FINISHED, PREPARING = "Failed", "Finished", "Preparing"
_COURSE = ("Submitting", "Submitted", PREPARING, "Running", "Scoring", FINISHED)


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `scores` is None unless `status` is "Finished" and a scoring program ran.

    status: the platform's: "Finished", "Failed", or "Preparing" for a zip on which it sticks. statuses: its course.
    scores: what the platform stores; ignored_keys: what it was given beyond the leaderboard's columns; problems: what
    is wrong with the scores although the platform says Finished; warnings: exit codes that it ignores.
    predicted_by: the version of the platform whose prediction step was scored: `platform`, or another one where the
    two cannot differ.
    step: where it failed ("unpack", "prediction", "scoring"), or None. tail: the end of that step's standard error.
    seconds, peak_mb, exit_codes: by step; a submission with a command of its own adds "submission", which runs beside
    prediction. timing: "startup" (imports, weights) and "predict" in seconds, where the ingestion program tells them.
    logs: the platform's log names to paths. isolation: `Isolation.as_json`.
    output_dir: the prediction step's output. results_dir: the scoring step's output, or None.
    """

    status: str
    message: str
    platform: str
    scores: dict[str, float] | None = None
    ignored_keys: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    predicted_by: str | None = None
    warnings: list[str] = field(default_factory=list)
    step: str | None = None
    breach: Breach | None = None
    tail: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    timing: dict[str, float] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)
    exit_codes: dict[str, int] = field(default_factory=dict)
    logs: dict[str, Path] = field(default_factory=dict)
    isolation: dict[str, Any] = field(default_factory=dict)
    output_dir: Path | None = None
    results_dir: Path | None = None

    @property
    def statuses(self) -> list[str]:
        """The statuses that the platform's page showed, in their order."""
        if self.status == FINISHED:
            return list(_COURSE)
        reached = {"unpack": PREPARING, "prediction": "Running"}.get(self.step or "", "Scoring")
        course = list(_COURSE[: _COURSE.index(reached) + 1])
        return course if self.status == PREPARING else [*course, FAILED]

    def as_json(self) -> dict[str, Any]:
        """For outcome.json: paths as text."""
        return asdict(self) | {
            "statuses": self.statuses,
            "logs": {name: str(path) for name, path in self.logs.items()},
            "output_dir": self.output_dir and str(self.output_dir),
            "results_dir": self.results_dir and str(self.results_dir),
        }


class StepError(Exception):
    """A step failed; the run ends here."""

    def __init__(
        self, step: str, message: str, breach: Breach | None = None, tail: str = "", status: str = FAILED
    ) -> None:
        super().__init__(message)
        self.step, self.breach, self.tail, self.status = step, breach, tail, status
