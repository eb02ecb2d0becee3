"""Prediction, then scoring, each in fresh directories: the folders, the copies and the failures of one run."""

import json
import shutil
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from submission.kit.errors import KitError
from submission.kit.files import write_json

from .layout import metadata_file, names_app, not_plain, read_command
from .outcome import PREPARING, Outcome, StepError
from .own_program import is_own_ingestion
from .scores_file import Scores, read_scores
from .step import Step
from .unpack import StuckError, unpack

_MARKER = "failed.json"  # left in the output by our ingestion program
_OUT_OF_MEMORY = 137


class TwoSteps:
    """One run's folders and what has been measured so far.

    Args:
        zip_path: the submission.
        work: the folder that everything lies in.
        platform: "1.25" or "1.27".
        step: makes a `Step` of its name, its /app and `work`; knows limits, isolation and interpreter.

    can_share: whether there are predictions and they are those of every version of the platform (see `own_program`).
    """

    def __init__(self, zip_path: Path, work: Path, platform: str, step: Callable[[str, Path, Path], Step]) -> None:
        self._zip, self._platform, self._step = zip_path, platform, step
        self._prediction = step("prediction", work / "prediction", work)
        self._scoring = step("scoring", work / "scoring", work)
        self._submission = work / "prediction" / "ingested_program"
        self._predicted_by = platform
        self.can_share = False

    def again(self, platform: str, work: Path) -> "TwoSteps":
        """A run on another version in a new folder `work`, whose prediction is this one's."""
        other = TwoSteps(self._zip, work, platform, self._step)
        other._prediction, other._submission, other._predicted_by = self._prediction, self._submission, self._platform
        return other

    def predict(self, program: Path | None, input_dir: Path | None) -> None:
        """The prediction step. Exit codes are ignored, as on the platform; a limit is not."""
        app, output = self._prediction.app, self._prediction.app / "output"
        self._unpack()
        output.mkdir(parents=True)
        if input_dir is not None:
            shutil.copytree(input_dir, app / "input_data")
        (app / "data").mkdir()
        commands = self._commands(program)
        alike = program is not None and metadata_file(self._submission) is None and is_own_ingestion(app / "program")
        if self._platform == "1.25":
            self._copy_submission(output, "prediction")
        try:
            if commands:
                self._prediction.run(commands)
        except StepError as failed:
            raise self._told_of_startup(failed) from None
        self._write_metadata(self._prediction, output)
        self.can_share = alike

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
            "predicted_by": self._predicted_by,
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
