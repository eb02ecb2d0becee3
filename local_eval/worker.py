"""A zip runs as Codabench runs it: prediction, then scoring, each in fresh directories.

Source: codalab/codabench, compute_worker/compute_worker.py, versions 1.25 and 1.27. The programs run in containers of
their own where the machine allows it (`isolation`); elsewhere a local folder plays /app, which protects against
mistakes, not against a program that goes looking through the machine.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path

from submission.kit.errors import KitError
from submission.kit.files import write_json

from .interpreter import Interpreter, this_interpreter
from .isolation import Isolation, choose_isolation
from .limits import Limits
from .outcome import FAILED, FINISHED, Outcome, StepError
from .scores_file import Scores
from .step import Step
from .two_steps import TwoSteps

PLATFORMS = ("1.25", "1.27")


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
    work = _new_folder(work_dir, platform)
    interpreter = interpreter or this_interpreter()
    step = partial(Step, limits=limits, isolation=isolation or choose_isolation(), interpreter=interpreter)
    run = TwoSteps(Path(zip_path), work, platform, step)
    score = None
    if scoring_program is not None:
        score = partial(run.score, Path(scoring_program), _path(reference_dir), columns)
    return _finish(run, work, platform, partial(run.predict, _path(ingestion_program), _path(input_dir)), score)


def run_on_platforms(
    zip_path: Path,
    data: tuple[Path | None, Path | None],
    work_dir: Path,
    limits: Limits,
    platforms: Sequence[str],
    *,
    ingestion_program: Path | None,
    scoring_program: Path,
    isolation: Isolation,
    columns: Collection[str] | None = None,
    other_data: tuple[Path | None, Path | None] | None = None,
    interpreter: Interpreter | None = None,
) -> Iterator[Outcome]:
    """Run a submission on versions of the platform, one after the other; each is run when it is asked for.

    Where the predictions cannot differ (`own_program`, and a zip without metadata) they are made once, by the first,
    and scored by each in its own layout: then the later outcomes' `predicted_by` is the first. Everything else runs
    as often as there are versions.

    Args:
        data: input and reference folder.
        other_data: those of a later version that has to predict for itself; by default `data`.
        work_dir: a folder for each version is made in it.
        platforms: of `PLATFORMS`.
        zip_path, limits, ingestion_program, scoring_program, isolation, columns, interpreter: see `run_submission`.
    """
    step = partial(Step, limits=limits, isolation=isolation, interpreter=interpreter or this_interpreter())
    first: TwoSteps | None = None
    for platform in platforms:
        work = _new_folder(work_dir / platform, platform)
        predict: Callable[[], None] | None = None
        if first is not None and first.can_share:
            run, reference_dir = first.again(platform, work), data[1]
        else:
            input_dir, reference_dir = data if first is None else other_data or data
            run = TwoSteps(zip_path, work, platform, step)
            predict = partial(run.predict, ingestion_program, input_dir)
        first = first or run
        yield _finish(run, work, platform, predict, partial(run.score, scoring_program, reference_dir, columns))


def _new_folder(folder: str | Path, platform: str) -> Path:
    if platform not in PLATFORMS:
        raise KitError(f"expected platform to be one of {', '.join(PLATFORMS)}. Received: platform={platform!r}.")
    work = Path(folder).resolve()
    if work.exists() and any(work.iterdir()):
        raise KitError(f"expected a new or empty work folder. Received: {work}. Delete it or choose another.")
    return work


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _finish(
    run: TwoSteps,
    work: Path,
    platform: str,
    predict: Callable[[], None] | None,
    score: Callable[[], Scores] | None,
) -> Outcome:
    """Both steps, those that are given."""
    write_json(work / "outcome.json", Outcome(FAILED, "the run did not come to its end", platform).as_json())
    try:
        if predict is not None:
            predict()
        outcome = run.outcome(Outcome(FINISHED, "", platform), score() if score is not None else None)
    except StepError as failed:
        told = {"step": failed.step, "breach": failed.breach, "tail": failed.tail}
        outcome = run.outcome(Outcome(failed.status, str(failed), platform, **told), None)  # type: ignore[arg-type]
    write_json(work / "outcome.json", outcome.as_json())
    return outcome
