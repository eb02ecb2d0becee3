"""Many runs' out-of-sample probabilities side by side, joined by image id; every misfit is found before any is told."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError
from submission.kit.folds import Folds, fold_name
from submission.kit.probs_file import Probs, load_probs
from training.runs import Run, list_runs, open_run


@dataclass(frozen=True)
class Table:
    """M members' probabilities of the same N images.

    members: M names; views: V names; ids: unicode (N,); labels: int64 (N,); probs_mvnk: float32 (M, V, N, K).
    """

    members: list[str]
    views: list[str]
    ids: np.ndarray
    labels: np.ndarray
    probs_mvnk: np.ndarray


def predicted_runs(runs_dir: Path) -> list[str]:
    """Names of the runs in state "predicted", sorted.

    Raises:
        KitError: there is none.
    """
    names = [run.name for run in list_runs(runs_dir) if run.state == "predicted"]
    if not names:
        raise KitError(
            f"expected runs in state predicted in {runs_dir}. Received: none. "
            f"Run `python -m training.predict --artifacts {runs_dir.parent}`, after training.train."
        )
    return names


def predict_command(runs_dir: Path, runs: Sequence[str], suites: Sequence[str] = ()) -> str:
    """What predicts these runs, to be named in errors."""
    words = [f"python -m training.predict --artifacts {runs_dir.parent}", *(f"--run {run}" for run in runs)]
    return " ".join([*words, *(["--suite", *suites] if suites else [])])


def load_out_of_fold(runs_dir: Path, runs: Sequence[str], folds: Folds) -> list[Probs]:
    """Each run's probabilities of the fold that it was not trained on.

    Args:
        runs_dir: A/runs.
        runs: names of run folders.
        folds: the split; a run's file must hold its whole fold.

    Raises:
        KitError: a file is missing, damaged, of other images than the run's fold, or lacks the view identity; all such
            runs are listed.
    """
    found, problems = [], {}
    for run in runs:
        try:
            probs = load_probs(runs_dir / run / "probs_oof.npz", predict_command(runs_dir, [run]))
            found.append(probs)
        except KitError as error:
            problems[run] = str(error)
            continue
        fold = open_run(runs_dir / run).config.get("fold")
        wanted = set(folds.id[folds.part == fold_name(fold)]) if fold is not None else set(probs.ids)
        if "identity" not in probs.views:
            problems[run] = f"expected the view identity out of fold. Received: views={probs.views}"
        elif not len(probs.labels) or set(probs.ids) != wanted:
            differing = len(set(probs.ids) ^ wanted)
            problems[run] = f"expected the {len(wanted)} images of fold {fold}. Received: {len(probs.ids)}, " + (
                f"{differing} ids in one of them only" if differing else "none at all"
            )
    _refuse(problems, "out-of-fold predictions", predict_command(runs_dir, list(problems)))
    return found


def check_classes(runs: Sequence[Run]) -> None:
    """Refuse runs whose nets have the classes in another order than the first; all of them are listed."""
    names = {run.name: run.config.get("data", {}).get("class_names") for run in runs}
    first = names[runs[0].name]
    other = {run: f"classes {found}" for run, found in names.items() if found != first}
    _refuse(other, f"the classes of {runs[0].name}, {first}, in that order", "make train")


def load_select(runs_dir: Path, runs: Sequence[str], suite: str) -> Table:
    """The table of a suite's `select` part.

    Only that part can be named: what judges the ensemble must not be seen while it is chosen.

    Args:
        runs_dir: A/runs.
        runs: names of M run folders.
        suite: such as "clean" or "an2dl", a name without "judge".

    Raises:
        KitError: files are missing or damaged; or images, labels, views or the number of classes differ between runs.
            Every run that is not as the first sound one is listed.
    """
    if "judge" in suite or not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", suite):
        raise KitError(f"expected the name of a suite; ensembles are chosen on its select part. Received: {suite!r}")
    loaded: dict[str, Probs] = {}
    problems: dict[str, str] = {}
    for run in runs:
        try:
            probs = load_probs(runs_dir / run / f"probs_{suite}_select.npz", predict_command(runs_dir, [run], [suite]))
        except KitError as error:
            problems[run] = str(error)
            continue
        first = next(iter(loaded.values()), probs)
        if misfit := _misfit(probs, first):
            problems[run] = misfit
        else:
            loaded[run] = probs
    what = f"predictions of {suite}/select that fit those of {next(iter(loaded), runs[0])}"
    _refuse(problems, what, predict_command(runs_dir, list(problems), [suite]))
    first = loaded[runs[0]]
    joined = []
    for probs in loaded.values():
        here = probs.at(first.ids)
        joined.append(here.probs_vnk[[probs.views.index(view) for view in first.views]])
    return Table(list(runs), first.views, first.ids, first.labels, np.stack(joined))


def _misfit(probs: Probs, first: Probs) -> str:
    """What is wrong with a file in itself or beside another; "" if nothing is."""
    shape = probs.probs_vnk.shape
    if len(shape) != 3 or shape[:2] != (len(probs.views), len(probs.ids)) or len(probs.labels) != len(probs.ids):
        expected = (len(probs.views), len(probs.ids), "K")
        return f"every view needs every image: expected probabilities {expected}. Received: {shape}"
    if len(set(probs.ids)) != len(probs.ids):
        return f"each id once. Received: {len(probs.ids) - len(set(probs.ids))} repeats"
    if set(probs.ids) != set(first.ids):
        return f"the same images. Received: {len(set(probs.ids) ^ set(first.ids))} ids are in one of them only"
    here = probs.at(first.ids)
    if not np.array_equal(here.labels, first.labels):
        return f"the same labels. Received: {int((here.labels != first.labels).sum())} labels differ"
    if sorted(probs.views) != sorted(first.views):
        return f"the same views. Received: {probs.views} against {first.views}"
    if shape[2] != first.probs_vnk.shape[2]:
        return f"the same classes. Received: {shape[2]} against {first.probs_vnk.shape[2]}"
    return ""


def _refuse(problems: dict[str, str], expected: str, mend: str) -> None:
    """Raise one `KitError` for all runs that have a problem, if any has."""
    if problems:
        lines = "\n".join(f"  {run}: {problem}" for run, problem in problems.items())
        raise KitError(f"expected {expected}. Received: {len(problems)} that differ\n{lines}\nRun `{mend}`.")
