"""A zip runs as Codabench runs it: prediction, then scoring, each in fresh directories.

Source: codalab/codabench, compute_worker/compute_worker.py, versions 1.25 and 1.27. The programs run in containers of
their own where the machine allows it (`isolation`); elsewhere a local folder plays /app, which protects against
mistakes, not against a program that goes looking through the machine.
"""

import json
import shutil
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from pathlib import Path

from submission.kit.errors import KitError
from submission.kit.files import write_json

from .interpreter import Interpreter, this_interpreter
from .isolation import Isolation, choose_isolation
from .layout import metadata_file, names_app, not_plain, read_command
from .limits import Limits
from .outcome import FAILED, FINISHED, PREPARING, Outcome, StepError
from .scores_file import Scores, read_scores
from .step import Step
from .unpack import StuckError, unpack

PLATFORMS = ("1.25", "1.27")
_MARKER = "failed.json"  # left in the output by our ingestion program
_OUT_OF_MEMORY = 137


def run_submission(
    zip_path: str | Path,
    input_dir: str | Path | None,
    reference_dir: str | Path | None,
    work_dir: str | Path,
    limits: Limits,
    *,
    ingestion_program: str | Path | None,
    scoring_program: str | Path | None,
    platform: str = "1.25",
    isolation: Isolation | None = None,
    columns: Collection[str] | None = None,
    interpreter: Interpreter | None = None,
) -> Outcome:
    """Run a submission; `work_dir/outcome.json` says Failed from the first moment and is replaced at the end.

    Args:
        zip_path: the submission, in any of the three styles.
        input_dir: what the prediction step sees, or None. Copied, so that nothing a model does reaches the original.
        reference_dir: what only the scoring step sees, or None; it is copied there after prediction has ended.
        work_dir: absent or empty; everything of the run lies in it afterwards.
        limits: for each step.
        ingestion_program, scoring_program: folders with metadata.yaml. Without an ingestion program only a submission
            with a command of its own runs; without a scoring program only prediction does, and there are no scores.
        platform: "1.25" (the submission is copied into the output before prediction) or "1.27" (it is copied over the
            predictions before scoring: the worst case of the two possible orders).
        isolation: by default `choose_isolation("auto")`.
        columns: keys of the leaderboard, for scores by the platform's rules. None is stricter: every key is a column,
            and a value that the platform could not store makes the run a failed one.
        interpreter: what `python` and `python3` are; by default the one that runs this code.

    Raises:
        KitError: an argument is wrong. Whatever the submission does wrong is a Failed outcome.
    """
    if platform not in PLATFORMS:
        raise KitError(f"expected platform to be one of {', '.join(PLATFORMS)}. Received: platform={platform!r}.")
    work = Path(work_dir).resolve()
    if work.exists() and any(work.iterdir()):
        raise KitError(f"expected a new or empty work folder. Received: {work}. Delete it or choose another.")
    isolation = isolation or choose_isolation()
    step = partial(Step, work=work, limits=limits, isolation=isolation, interpreter=interpreter or this_interpreter())
    run = _Run(Path(zip_path), work, platform, step)
    write_json(work / "outcome.json", Outcome(FAILED, "the run did not come to its end", platform).as_json())
    try:
        run.predict(ingestion_program and Path(ingestion_program), input_dir and Path(input_dir))  # type: ignore[arg-type]
        scores = None
        if scoring_program is not None:
            scores = run.score(Path(scoring_program), reference_dir and Path(reference_dir), columns)  # type: ignore[arg-type]
        outcome = run.outcome(Outcome(FINISHED, "", platform), scores)
    except StepError as failed:
        told = {"step": failed.step, "breach": failed.breach, "tail": failed.tail}
        outcome = run.outcome(Outcome(failed.status, str(failed), platform, **told), None)  # type: ignore[arg-type]
    write_json(work / "outcome.json", outcome.as_json())
    return outcome


class _Run:
    """One run's folders and what has been measured so far."""

    def __init__(self, zip_path: Path, work: Path, platform: str, step: Callable[[str, Path], Step]) -> None:
        self._zip, self._platform = zip_path, platform
        self._prediction = step("prediction", work / "prediction")
        self._scoring = step("scoring", work / "scoring")
        self._submission = work / "prediction" / "ingested_program"

    def predict(self, program: Path | None, input_dir: Path | None) -> None:
        """The prediction step. Exit codes are ignored, as on the platform; a limit is not."""
        app, output = self._prediction.app, self._prediction.app / "output"
        self._unpack()
        output.mkdir(parents=True)
        if input_dir is not None:
            shutil.copytree(input_dir, app / "input_data")
        (app / "data").mkdir()
        commands = self._commands(program)
        if self._platform == "1.25":
            self._copy_submission(output, "prediction")
        try:
            if commands:
                self._prediction.run(commands)
        except StepError as failed:
            raise self._told_of_startup(failed) from None
        self._write_metadata(self._prediction, output)

    def score(self, program: Path, reference: Path | None, columns: Collection[str] | None) -> Scores:
        """The scoring step; returns the scores."""
        app = self._scoring.app
        for folder in ("output", "shared", "data"):
            (app / folder).mkdir(parents=True)
        try:
            shutil.copytree(self._prediction.app / "output", app / "input" / "res", ignore=not_plain)
        except (OSError, shutil.Error) as error:
            raise StepError("prediction", f"the output cannot be read: {error}") from None
        if self._platform == "1.27":
            self._copy_submission(app / "input" / "res", "scoring")
        if reference is not None:
            shutil.copytree(reference, app / "input" / "ref")
        self._copy_program(program, self._scoring)
        command = self._read_command(app / "program", "scoring")
        if command is not None:  # without one the platform runs nothing, and finds no scores
            self._scoring.run({"scoring": command})
            if self._scoring.results["scoring"].exit_code != 0:
                raise self._scoring_failure()
        try:
            scores = read_scores(app / "output", columns)
        except KitError as error:
            tail = self._scoring.tail("scoring") if command is not None else ""
            raise StepError("scoring", str(error), tail=tail) from None
        if columns is None and scores.problems:
            raise StepError("scoring", "; ".join(scores.problems), tail=self._scoring.tail("scoring"))
        self._write_metadata(self._scoring, app / "output")
        return scores

    def outcome(self, basis: Outcome, scores: Scores | None) -> Outcome:
        """`basis` with what this run measured."""
        results = {
            "prediction" if kind == "ingestion" else kind: result
            for step in (self._prediction, self._scoring)
            for kind, result in step.results.items()
        }
        scored = self._scoring.app / "output"
        ignored = [kind for kind, result in self._prediction.results.items() if result.exit_code != 0]
        measured = {
            "warnings": [self._warning(kind) for kind in ignored],
            "tail": basis.tail or (self._prediction.tail(ignored[0]) if ignored else ""),
            "scores": scores and scores.stored,
            "ignored_keys": scores.ignored if scores else [],
            "problems": scores.problems if scores else [],
            "seconds": {name: result.seconds for name, result in results.items()},
            "timing": self._timing(),
            "peak_mb": {name: result.peak_mb for name, result in results.items()},
            "exit_codes": {name: result.exit_code for name, result in results.items()},
            "logs": {**self._prediction.logs, **self._scoring.logs},
            "isolation": self._scoring.isolation.as_json(),
            "output_dir": self._prediction.app / "output",
            "results_dir": scored if scored.exists() else None,
        }
        return Outcome(**(vars(basis) | measured))

    def _warning(self, kind: str) -> str:
        """What the platform passes over in silence."""
        result = self._prediction.results[kind]
        who = "the ingestion program" if kind == "ingestion" else "the submission's own command"
        told = f" ({_killed(result.peak_mb)})" if result.exit_code == _OUT_OF_MEMORY else ""
        return f"{who} exited with {result.exit_code}, which the platform ignores{told}"

    def _unpack(self) -> None:
        try:
            unpack(self._zip, self._submission)
        except StuckError as error:
            raise StepError("unpack", str(error), status=PREPARING) from None
        except KitError as error:
            raise StepError("unpack", str(error)) from None

    def _commands(self, program: Path | None) -> dict[str, str]:
        """What runs in prediction: the submission where it brings a command, and the ingestion program."""
        commands = {}
        own = self._read_command(self._submission, "prediction")
        if own is not None:
            commands["submission"] = own
        if program is not None:
            self._copy_program(program, self._prediction)
            command = self._read_command(self._prediction.app / "program", "prediction")
            if command is None:
                missing = "'command' in metadata" if metadata_file(program) else "'metadata.yaml/metadata'"
                raise StepError("prediction", f"Program directory missing {missing}: the ingestion program's")
            commands["ingestion"] = command
        return commands

    def _read_command(self, folder: Path, step: str) -> str | None:
        try:
            return read_command(folder)
        except KitError as error:
            raise StepError(step, str(error)) from None

    def _copy_program(self, program: Path, step: Step) -> None:
        shutil.copytree(program, step.app / "program", ignore=shutil.ignore_patterns("__pycache__"))

    def _copy_submission(self, target: Path, step: str) -> None:
        """Both versions copy a submission without metadata, so that scoring finds a zip of mere results."""
        if metadata_file(self._submission) is not None:
            return
        try:
            shutil.copytree(self._submission, target, dirs_exist_ok=True, ignore=not_plain)
        except (OSError, shutil.Error) as error:
            raise StepError(step, f"the submission cannot be copied to {target.name}: {error}") from None

    def _write_metadata(self, step: Step, output: Path) -> None:
        """The worker's own file; a program that writes it fails the run."""
        if (output / "metadata").exists():
            raise StepError(
                step.name,
                "Error, the output directory already contains a metadata file. This file is used to store exitCode and "
                "other data, do not write to this file manually.",
            )
        output.mkdir(exist_ok=True)  # a model may have removed it
        program = step.results.get("scoring") or step.results.get("submission")
        ingestion = step.results.get("ingestion")
        first = program or ingestion
        write_json(
            output / "metadata",  # JSON is YAML
            {
                "exitCode": program.exit_code if program else None,
                "elapsedTime": first.seconds if first else None,
                "ingestionExitCode": ingestion.exit_code if ingestion else None,
                "ingestionElapsedTime": ingestion.seconds if ingestion else None,
            },
        )

    def _timing(self) -> dict[str, float]:
        """Start-up and prediction apart, as our ingestion program tells them."""
        done, begun = self._told("timing.json"), self._told(_MARKER)
        told = {
            "startup": done.get("startup_seconds", begun.get("startup_seconds")),
            "predict": done.get("prediction_seconds"),
        }
        return {name: seconds for name, seconds in told.items() if isinstance(seconds, float)}

    def _told(self, name: str) -> dict[str, object]:
        """A JSON object in prediction's output; what a foreign program or a cheat left is taken for none."""
        with suppress(OSError, ValueError, RecursionError):
            found = json.loads((self._prediction.app / "output" / name).read_text(encoding="utf-8"))
            return found if isinstance(found, dict) else {}
        return {}

    def _told_of_startup(self, failed: StepError) -> StepError:
        """A breach with where it came and what to change."""
        if failed.breach is None:
            return failed
        where, told = "", self._told(_MARKER)
        if "startup_seconds" in told:
            startup = self._timing().get("startup")
            where = " while starting up (importing model.py, making Model())"
            if startup is not None:
                where = f" in predict, after {startup:.1f} s of start-up"
        return StepError(failed.step, f"{failed}{where}. {failed.breach.advice}.", failed.breach, failed.tail)

    def _scoring_failure(self) -> StepError:
        """Scoring refused; the cause is in prediction where that ended badly."""
        result = self._scoring.results["scoring"]
        tail = self._scoring.tail("scoring")
        said = tail.splitlines()
        reason = said[-1].removeprefix("error: ") if said else "no message"
        message = f"the scoring program exited with {result.exit_code}: {reason}"
        if result.exit_code == _OUT_OF_MEMORY:
            message += f" ({_killed(result.peak_mb)})"
        predicted = self._prediction.results
        ended_badly = [kind for kind, one in predicted.items() if one.exit_code != 0]
        if not ended_badly and not (self._scoring.app / "input" / "res" / _MARKER).exists():
            return StepError("scoring", message, tail=tail)
        for kind in ended_badly:
            if predicted[kind].exit_code == _OUT_OF_MEMORY:
                message += f" ({_killed(predicted[kind].peak_mb)})"
        kind = (ended_badly or [*predicted])[0]
        tail = self._prediction.tail(kind)
        if not self._scoring.isolation.active and names_app(self._submission):
            message += (
                f" (the zip's {', '.join(names_app(self._submission))} names /app in its code, which this run without "
                "isolation does not have)"
            )
        return StepError("prediction", message, tail=tail)


def _killed(peak_mb: float) -> str:
    return (
        f"exit code 137, killed from outside: out of memory, as on the platform, which says no more than that. "
        f"The highest use seen was {peak_mb:.0f} MiB. Predict batch by batch, keep one net's results at a time"
    )
