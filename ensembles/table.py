"""Many runs' out-of-sample probabilities side by side, joined by image id."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError
from submission.kit.probs_file import Probs, load_probs
from training.runs import list_runs


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


def predict_command(runs_dir: Path, *runs: str) -> str:
    """What predicts these runs, to be named in errors."""
    return " ".join([f"python -m training.predict --artifacts {runs_dir.parent}", *(f"--run {run}" for run in runs)])


def load_out_of_fold(runs_dir: Path, run: str) -> Probs:
    """One run's probabilities of the fold that it was not trained on."""
    return load_probs(runs_dir / run / "probs_oof.npz", predict_command(runs_dir, run))


def load_select(runs_dir: Path, runs: Sequence[str], suite: str) -> Table:
    """The table of a suite's `select` part.

    Only that part can be named: what judges the ensemble must not be seen while it is chosen.

    Args:
        runs_dir: A/runs.
        runs: names of M run folders.
        suite: "clean" or "an2dl", a name without "judge".

    Raises:
        KitError: a file is missing or damaged; or labels, views or the number of classes differ between runs.
    """
    if "judge" in suite or not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", suite):
        raise KitError(f"expected the name of a suite; ensembles are chosen on its select part. Received: {suite!r}")
    loaded = [load_probs(runs_dir / run / f"probs_{suite}_select.npz", predict_command(runs_dir, run)) for run in runs]
    first = loaded[0]
    joined = []
    for run, probs in zip(runs, loaded, strict=True):
        mend = predict_command(runs_dir, run, runs[0])
        if set(probs.ids) != set(first.ids):
            differing = len(set(probs.ids) ^ set(first.ids))
            raise _differs(mend, run, runs[0], "images", differing, "ids are in one of them only")
        here = probs.at(first.ids, mend)
        if not np.array_equal(here.labels, first.labels):
            raise _differs(mend, run, runs[0], "labels", int((here.labels != first.labels).sum()), "labels differ")
        if sorted(probs.views) != sorted(first.views) or probs.probs_vnk.shape[2] != first.probs_vnk.shape[2]:
            raise _differs(mend, run, runs[0], "views and classes", probs.views, f"against {first.views}")
        joined.append(here.probs_vnk[[probs.views.index(view) for view in first.views]])
    return Table(list(runs), first.views, first.ids, first.labels, np.stack(joined))


def _differs(mend: str, run: str, other: str, what: str, received: object, meaning: str) -> KitError:
    return KitError(
        f"expected {run} and {other} to have the same {what}. Received: {received} {meaning}. Run `{mend}` again."
    )
