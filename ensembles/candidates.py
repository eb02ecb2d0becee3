"""All that an ensemble can be made of: the predicted runs of a contest, checked, calibrated and joined."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import sha256_file
from submission.kit.folds import Folds, load_folds
from submission.kit.precisions import FLOAT32
from training.runs import check_split, current_runs, open_run

from .calibrate import fit_temperature
from .limits import Cost, read_cost
from .rows import Rows, build_rows
from .table import (
    check_classes,
    load_out_of_fold,
    load_select,
    predict_command,
    predicted_runs,
)

# Weights fitted on clean images choose the wrong nets; none at all would let clean accuracy go for a hair's gain.
CLEAN_SHARE = 0.2
SUITES = ("clean", "an2dl")


@dataclass(frozen=True)
class Candidates:
    """M members with their rows.

    names: of the runs; rows: select parts of all suites; costs: (M,) None where not measured; twins: name of a run ->
    the one that predicts the same and is kept; class_prior: float64 (K,), of the folds.
    """

    names: list[str]
    rows: Rows
    costs: list[Cost | None]
    twins: dict[str, str]
    class_prior: np.ndarray


def load_candidates(
    artifacts: Path, runs: Sequence[str] | None, suites: Sequence[str], precision: str = FLOAT32
) -> Candidates:
    """Open the runs and their predictions.

    Args:
        artifacts: A.
        runs: names in A/runs; None for all that are predicted, of today's split and no quick tries.
        suites: whose select parts are loaded; "all": every one that all of the runs have predicted.
        precision: of the weights whose costs are taken.

    Raises:
        KitError: no run, unknown runs, or predictions that do not fit together; all offenders are listed.
    """
    runs_dir = artifacts / "runs"
    names = known_runs(artifacts, runs)
    suites = known_suites(runs_dir, names, suites)
    check_classes([open_run(runs_dir / name) for name in names])
    folds = load_folds(artifacts / "split" / "folds.csv")
    out_of_fold = load_out_of_fold(runs_dir, names, folds)
    tables = {suite: load_select(runs_dir, names, suite) for suite in suites}
    temperatures = [
        fit_temperature(probs.probs_vnk[probs.views.index("identity")], probs.labels) for probs in out_of_fold
    ]
    groups = dict(zip(folds.id.tolist(), folds.group.tolist(), strict=True))
    rows = build_rows(tables, temperatures, CLEAN_SHARE, groups, predict_command(runs_dir, names, suites))
    kept, twins = _without_twins(rows, names)
    names = [names[m] for m in kept]
    return Candidates(
        names,
        rows if not twins else rows.with_members(kept),
        [read_cost(runs_dir, name, precision) for name in names],
        twins,
        _class_prior(folds, rows.probs_mvnk.shape[3]),
    )


def known_runs(artifacts: Path, runs: Sequence[str] | None) -> list[str]:
    """Names of predicted runs of today's split, each once, sorted.

    Raises:
        KitError: there is none, or a named one is not such a run; all of them are listed.
    """
    runs_dir = artifacts / "runs"
    known = predicted_runs(runs_dir)
    unknown = [run for run in runs or [] if run not in known]
    if unknown:
        raise KitError(f"expected runs in state predicted: {', '.join(known)}. Received: {', '.join(unknown)}")
    if not runs:
        runs = [run.name for run in current_runs(artifacts, ("predicted",))]
        if not runs:
            raise KitError(
                f"expected predicted runs of today's split, without --limit, in {runs_dir}. "
                f"Received: {', '.join(known)}, all of another split or limited. "
                f"Train again: `make train ARTIFACTS={artifacts}`."
            )
    for run in runs:
        check_split(open_run(runs_dir / run), artifacts)
    return sorted(set(runs))


def known_suites(runs_dir: Path, runs: Sequence[str], suites: Sequence[str]) -> list[str]:
    """Suites whose select part every run has predicted, clean first; "all" stands for all of them.

    Raises:
        KitError: a run has no predictions of a suite that is named; all such pairs are listed.
    """
    made = {
        run: {path.name[len("probs_") : -len("_select.npz")] for path in (runs_dir / run).glob("probs_*_select.npz")}
        for run in runs
    }
    common = set.intersection(*made.values())
    names = [name for text in suites for name in text.split(",") if name]
    wanted = sorted(common) if "all" in names else list(dict.fromkeys(names))
    missing = {suite: [run for run in runs if suite not in made[run]] for suite in wanted}
    missing = {suite: lacking for suite, lacking in missing.items() if lacking}
    if missing or not wanted:
        lines = "\n".join(f"  {suite}: not predicted by {', '.join(lacking)}" for suite, lacking in missing.items())
        lacking = sorted({run for runs_here in missing.values() for run in runs_here})
        raise KitError(
            f"expected predictions of every suite by every run. Received: {len(missing)} suites without\n{lines}\n"
            f"They are written by `make suites ARTIFACTS={runs_dir.parent} SUITES={','.join(missing)}`; then run "
            f"`{predict_command(runs_dir, lacking, list(missing) or SUITES)}`."
        )
    return sorted(wanted, key=lambda suite: (suite != "clean", suite))


def fingerprint(runs_dir: Path, run: str, suites: Sequence[str]) -> str:
    """Changes whenever a prediction of a run does that an ensemble was fitted on."""
    files = [runs_dir / run / f"probs_{name}.npz" for name in ("oof", *(f"{suite}_select" for suite in suites))]
    return sha256("".join(sha256_file(path) if path.is_file() else "-" for path in files).encode()).hexdigest()[:16]


def _without_twins(rows: Rows, names: list[str]) -> tuple[list[int], dict[str, str]]:
    """Numbers of the members that differ, and twin -> the member that it equals.

    Raises:
        KitError: there are several and all are the same.
    """
    first: dict[bytes, int] = {}
    twins: dict[str, str] = {}
    for m, name in enumerate(names):
        digest = sha256(np.ascontiguousarray(rows.probs_mvnk[m]).data).digest()
        if digest in first:
            twins[name] = names[first[digest]]
        else:
            first[digest] = m
    if len(names) > 1 and len(first) == 1:
        raise KitError(
            f"expected members that differ. Received: identical predictions of {', '.join(names)}. "
            "Train with other seeds, folds or recipes, or name one of them with --runs."
        )
    return list(first.values()), twins


def _class_prior(folds: Folds, num_classes: int) -> np.ndarray:
    """float64 (K,): frequencies in the folds, one image added to each class so that none is 0."""
    labels = folds.label[np.char.startswith(folds.part, "fold")]
    counts = np.bincount(labels, minlength=num_classes)[:num_classes] + 1.0
    return counts / counts.sum()
