"""A zip runs as Codabench runs it: prediction, then scoring, each in fresh directories.

Source: codalab/codabench, compute_worker/compute_worker.py, versions 1.25 and 1.27. A local folder plays /app; there is
no container, so this protects against mistakes, not against a program that goes looking through the machine.
"""

import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from submission.kit.errors import KitError
from submission.kit.files import write_json

from .child import ChildResult, run_child
from .layout import child_environment, expand_command, metadata_file, not_plain, read_command
from .limits import Breach, Limits
from .scores_file import read_scores
from .unpack import unpack

PLATFORMS = ("1.25", "1.27")
_MARKER = "failed.json"  # left in the output by our ingestion program
_TAIL_LINES = 15
_TAIL_CHARS = 4000


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `scores` is None unless `status` is "Finished" and a scoring program ran.

    step: where it failed ("unpack", "prediction", "scoring"), or None. tail: the end of that step's standard error.
    seconds, peak_mb, exit_codes: by step. logs: the platform's log names to paths.
    output_dir: the prediction step's output. results_dir: the scoring step's output, or None.
    """

    status: str
    message: str
    platform: str
    scores: dict[str, float] | None = None
    step: str | None = None
    breach: Breach | None = None
    tail: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)
    exit_codes: dict[str, int] = field(default_factory=dict)
    logs: dict[str, Path] = field(default_factory=dict)
    output_dir: Path | None = None
    results_dir: Path | None = None

    def as_json(self) -> dict[str, object]:
        """For outcome.json: paths as text."""
        return asdict(self) | {
            "logs": {name: str(path) for name, path in self.logs.items()},
            "output_dir": self.output_dir and str(self.output_dir),
            "results_dir": self.results_dir and str(self.results_dir),
        }


class _StepError(Exception):
    def __init__(self, step: str, message: str, breach: Breach | None = None, tail: str = "") -> None:
        super().__init__(message)
        self.step, self.breach, self.tail = step, breach, tail


def run_submission(
    zip_path: str | Path,
    input_dir: str | Path,
    reference_dir: str | Path | None,
    work_dir: str | Path,
    limits: Limits,
    *,
    ingestion_program: str | Path,
    scoring_program: str | Path | None,
    platform: str = "1.25",
) -> Outcome:
    """Run a submission; `work_dir/outcome.json` says Failed from the first moment and is replaced at the end.

    Args:
        zip_path: the submission.
        input_dir: what the prediction step sees. Copied, so that nothing a model does reaches the original.
        reference_dir: what only the scoring step sees; it is copied there after prediction has ended.
        work_dir: absent or empty; everything of the run lies in it afterwards.
        limits: for each step.
        ingestion_program, scoring_program: folders with metadata.yaml. Without a scoring program only prediction runs,
            and there are no scores.
        platform: "1.25" (the submission is copied into the output before prediction) or "1.27" (it is copied over the
            predictions before scoring: the worst case of the two possible orders).

    Raises:
        KitError: an argument is wrong. Whatever the submission does wrong is a Failed outcome.
    """
    if platform not in PLATFORMS:
        raise KitError(f"expected platform to be one of {', '.join(PLATFORMS)}. Received: platform={platform!r}.")
    if (Path(input_dir) / "labels.npy").exists():
        raise KitError(f"{input_dir} holds labels.npy: the prediction step must not see labels. Give it without.")
    if scoring_program is not None and reference_dir is None:
        raise KitError("expected reference_dir with a scoring_program. Received: reference_dir=None.")
    work = Path(work_dir).resolve()
    if work.exists() and any(work.iterdir()):
        raise KitError(f"expected a new or empty work folder. Received: {work}. Delete it or choose another.")
    run = _Run(Path(zip_path), Path(input_dir), work, limits, platform)
    write_json(work / "outcome.json", Outcome("Failed", "the run did not come to its end", platform).as_json())
    try:
        run.predict(Path(ingestion_program))
        scores = None
        if scoring_program is not None and reference_dir is not None:
            scores = run.score(Path(scoring_program), Path(reference_dir))
        outcome = run.outcome(Outcome("Finished", "", platform, scores))
    except _StepError as failed:
        outcome = run.outcome(
            Outcome("Failed", str(failed), platform, step=failed.step, breach=failed.breach, tail=failed.tail)
        )
    write_json(work / "outcome.json", outcome.as_json())
    return outcome


class _Run:
    """One run's folders and what has been measured so far."""

    def __init__(self, zip_path: Path, input_dir: Path, work: Path, limits: Limits, platform: str) -> None:
        self._zip, self._input, self._limits, self._platform = zip_path, input_dir, limits, platform
        self._work, self._app, self._scoring_app = work, work / "prediction", work / "scoring"
        self._children: dict[str, ChildResult] = {}
        self._logs: dict[str, Path] = {}

    def predict(self, program: Path) -> None:
        """The prediction step. Its exit code is ignored, as on the platform; a limit is not."""
        app, submission, output = self._app, self._app / "ingested_program", self._app / "output"
        try:
            unpack(self._zip, submission)
        except KitError as error:
            raise _StepError("unpack", str(error)) from None
        output.mkdir(parents=True)
        shutil.copytree(self._input, app / "input_data")
        shutil.copytree(program, app / "program", ignore=shutil.ignore_patterns("__pycache__"))
        (app / "data").mkdir()
        self._refuse_own_command(submission)
        if self._platform == "1.25":
            self._copy_submission(submission, output, "prediction")
        result = self._execute("prediction", app, scoring=False)
        self._write_metadata("prediction", output, result)

    def score(self, program: Path, reference: Path) -> dict[str, float]:
        """The scoring step; returns the scores."""
        app, results = self._scoring_app, self._app / "output"
        for folder in ("output", "shared", "data"):
            (app / folder).mkdir(parents=True)
        try:
            shutil.copytree(results, app / "input" / "res", ignore=not_plain)
        except (OSError, shutil.Error) as error:
            raise _StepError("prediction", f"the output cannot be read: {error}") from None
        if self._platform == "1.27":
            self._copy_submission(self._app / "ingested_program", app / "input" / "res", "scoring")
        shutil.copytree(reference, app / "input" / "ref")
        shutil.copytree(program, app / "program", ignore=shutil.ignore_patterns("__pycache__"))
        result = self._execute("scoring", app, scoring=True)
        if result.exit_code != 0:
            raise self._scoring_failure(result)
        try:
            scores = read_scores(app / "output")
        except KitError as error:
            raise _StepError("scoring", str(error), tail=self._tail("scoring")) from None
        self._write_metadata("scoring", app / "output", result)
        return scores

    def outcome(self, basis: Outcome) -> Outcome:
        """`basis` with what this run measured."""
        scored = self._scoring_app / "output"
        measured = {
            "seconds": {step: child.seconds for step, child in self._children.items()},
            "peak_mb": {step: child.peak_mb for step, child in self._children.items()},
            "exit_codes": {step: child.exit_code for step, child in self._children.items()},
            "logs": self._logs,
            "output_dir": self._app / "output",
            "results_dir": scored if scored.exists() else None,
        }
        return Outcome(**(vars(basis) | measured))

    def _execute(self, step: str, app: Path, scoring: bool) -> ChildResult:
        try:
            command = read_command(app / "program")
            if command is None:
                raise KitError("Program directory missing 'command' in metadata")
            words = expand_command(command, app, scoring)
        except KitError as error:
            raise _StepError(step, str(error)) from None
        prefix = "scoring" if scoring else "prediction_ingestion"
        logs = {name: self._work / "logs" / f"{name}.txt" for name in (f"{prefix}_stdout", f"{prefix}_stderr")}
        self._logs |= logs
        (self._work / "logs").mkdir(exist_ok=True)
        result = run_child(
            words,
            app / "program",
            child_environment(self._work / f"home-{step}"),
            logs[f"{prefix}_stdout"],
            logs[f"{prefix}_stderr"],
            self._limits,
        )
        self._children[step] = result
        if result.breach is not None:
            raise _StepError(step, f"{step} {result.breach}", result.breach, self._tail(step))
        return result

    def _refuse_own_command(self, submission: Path) -> None:
        """The place where a submission that brings its own command would run in a container of its own."""
        try:
            command = read_command(submission)
        except KitError as error:
            raise _StepError("prediction", str(error)) from None
        if command is not None:
            raise _StepError(
                "prediction",
                f"the zip's {getattr(metadata_file(submission), 'name', 'metadata')} holds a command ({command!r}): "
                "expected a zip whose model.py the ingestion program imports. Remove that file.",
            )

    def _copy_submission(self, submission: Path, target: Path, step: str) -> None:
        """Both versions copy a submission without metadata, so that scoring finds a zip of mere results."""
        if metadata_file(submission) is not None:
            return
        try:
            shutil.copytree(submission, target, dirs_exist_ok=True, ignore=not_plain)
        except (OSError, shutil.Error) as error:
            raise _StepError(step, f"the submission cannot be copied to {target.name}: {error}") from None

    def _write_metadata(self, step: str, output: Path, result: ChildResult) -> None:
        """The worker's own file; a program that writes it fails the run."""
        if (output / "metadata").exists():
            raise _StepError(
                step,
                "Error, the output directory already contains a metadata file: do not write to it.",
                None,
                self._tail(step),
            )
        output.mkdir(exist_ok=True)  # a model may have removed it
        (output / "metadata").write_text(
            f"elapsedTime: {result.seconds}\nexitCode: {result.exit_code}\n", encoding="utf-8"
        )

    def _scoring_failure(self, result: ChildResult) -> _StepError:
        """Scoring refused; the cause is in prediction where that ended badly."""
        said = self._tail("scoring").splitlines()
        reason = said[-1].removeprefix("error: ") if said else "no message"
        message = f"the scoring program exited with {result.exit_code}: {reason}"
        prediction_failed = (
            self._children["prediction"].exit_code != 0 or (self._scoring_app / "input" / "res" / _MARKER).exists()
        )
        step = "prediction" if prediction_failed else "scoring"
        return _StepError(step, message, tail=self._tail(step))

    def _tail(self, step: str) -> str:
        name = "scoring_stderr" if step == "scoring" else "prediction_ingestion_stderr"
        text = self._logs[name].read_bytes().decode("utf-8", errors="replace")
        app = self._scoring_app if step == "scoring" else self._app
        return "\n".join(text.replace(str(app), "/app").rstrip().splitlines()[-_TAIL_LINES:])[-_TAIL_CHARS:]
