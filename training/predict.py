"""Predict with trained runs what the ensemble is fitted on: the fold left out, and the select part of suites."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file, write_json
from submission.kit.folds import SELECT, fold_name, load_folds
from submission.kit.image_set import ImageSet, open_image_set
from submission.kit.probs_file import Probs, load_probs, save_probs
from submission.kit.tta import VIEW_FORMS, describe_views, get_view
from submission.kit.tuning import tunes

from .net import load_net
from .runs import Run, check_split, current_runs, open_run
from .view_names import DIHEDRAL, view_names

BATCH_SIZE = 128
SUITES = ("clean", "an2dl")  # what the ensemble is fitted on


def predict_views(
    net,
    images: np.ndarray,
    rows: np.ndarray,
    views: list[str],
    bar: tqdm | None = None,
    batch_size: int = BATCH_SIZE,
) -> np.ndarray:
    """Probabilities of some rows under each view.

    Args:
        net: Keras model, uint8 (n, H, W, C) -> probabilities (n, K).
        images: uint8 (N, H, W, C), may be a memory map: one batch is read at a time.
        rows: int (n,) rows of `images`.
        views: V names of `kit.tta.get_view`.
        bar: moved on by one an image and view.
        batch_size: images at a time.

    Returns:
        float32 (V, n, K).
    """
    probs_vnk = np.empty((len(views), len(rows), net.output_shape[-1]), np.float32)
    makers = [get_view(view) for view in views]
    for start in range(0, len(rows), batch_size):
        batch = images[rows[start : start + batch_size]]
        for v, make in enumerate(makers):
            # a whole batch every time, so that the net is compiled once
            padded = np.resize(np.ascontiguousarray(make(batch)), (batch_size, *batch.shape[1:]))
            probs_vnk[v, start : start + len(batch)] = np.asarray(net.predict_on_batch(padded))[: len(batch)]
            if bar is not None:
                bar.update(len(batch))
    return probs_vnk


@dataclass(frozen=True)
class Task:
    """One set of images that a run predicts; `fingerprint` changes whenever an image of it does."""

    name: str
    images: ImageSet
    rows: np.ndarray
    fingerprint: str


def tasks(artifacts: Path, fold: int, suites: Sequence[str] = SUITES) -> list[Task]:
    """What a run of a fold predicts. Never a judge part: that is for the judge alone."""
    data = open_image_set(artifacts / "data", f"make data ARTIFACTS={artifacts}")
    path = artifacts / "split" / "folds.csv"
    folds = load_folds(path)
    folds.check_of(data, f"python -m training.split --artifacts {artifacts}")
    rows = folds.rows(fold_name(fold))
    found = [Task("oof", data, rows, f"{sha256_file(path)} fold {fold}")]
    mend = f"make suites ARTIFACTS={artifacts}"
    written = sorted(path.parent.parent.name for path in artifacts.glob(f"suites/*/{SELECT}/meta.json"))
    missing = sorted(set(suites) - set(written))
    if missing:
        raise KitError(
            f"no {SELECT} part of {', '.join(missing)} in {artifacts / 'suites'}. There are: "
            f"{', '.join(written) or 'none'}. Run `{mend} SUITES={','.join(missing)}` first."
        )
    for suite in sorted(set(suites)):
        select = open_image_set(artifacts / "suites" / suite / SELECT, mend)
        fingerprint = f"{select.meta['sha256']} {select.meta['folds_sha256']}"
        found.append(Task(f"{suite}_{SELECT}", select, np.arange(len(select)), fingerprint))
    return found


@tunes
def predict(run: Run, artifacts: Path, suites: Sequence[str] = SUITES, views: Sequence[str] = (DIHEDRAL,)) -> int:
    """Write probs_<set>.npz for every set into the run; what is up to date is left as it is.

    A set that lacks some of the views gets them beside those that it has: the file then holds both.

    Args:
        run: a trained one.
        artifacts: folder of one contest.
        suites: whose select parts are predicted, beside the fold left out.
        views: as of `view_names.view_names`.

    Returns:
        The number of predictions made.

    Raises:
        KitError: the run is not trained, or was trained under another split; a set is missing; a view does not fit.
    """
    check_split(run, artifacts)
    record = run.path / "predicted.json"
    done = read_json(record, "make predict") if record.exists() else {}
    wanted = tasks(artifacts, run.config["fold"], suites)
    names = view_names(views, wanted[0].images, load_folds(artifacts / "split" / "folds.csv"))
    open_tasks = []
    for task in wanted:
        old = _load(run, task) if done.get(task.name) == task.fingerprint else None
        missing = [name for name in names if old is None or name not in old.views]
        if missing:
            open_tasks.append((task, old, missing))
    total = sum(len(missing) * len(task.rows) for task, _, missing in open_tasks)
    if open_tasks:
        net = load_net(run)
        # no batch is larger than the largest set, since all are filled up
        batch_size = min(BATCH_SIZE, max(len(task.rows) for task, _, _ in open_tasks))
        run.set_state("trained")  # until all sets are of the same images again
        with tqdm(total=total, desc=f"predict {run.name}", unit="image") as bar:
            for task, old, missing in open_tasks:
                probs_vnk = predict_views(net, task.images.images, task.rows, missing, bar, batch_size)
                new = Probs(task.images.ids[task.rows], task.images.labels[task.rows], probs_vnk, missing)
                save_probs(run.path / f"probs_{task.name}.npz", new if old is None else _joined(old, new))
                done[task.name] = task.fingerprint
                write_json(record, done)
    run.set_state("predicted")
    return total


def _load(run: Run, task: Task) -> Probs | None:
    """What was predicted, in the task's order; None if it is not there or cannot be read: then it is made anew."""
    try:
        return load_probs(run.path / f"probs_{task.name}.npz").at(task.images.ids[task.rows])
    except KitError:
        return None


def _joined(old: Probs, new: Probs) -> Probs:
    return Probs(new.ids, new.labels, np.concatenate([old.probs_vnk, new.probs_vnk]), [*old.views, *new.views])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.predict", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument(
        "--run",
        action="append",
        help="name of a run, may be repeated; default: all trained runs of today's split, but no quick tries (--limit)",
    )
    parser.add_argument("--suite", nargs="+", default=list(SUITES), help="suites whose select parts are predicted")
    parser.add_argument(
        "--views",
        nargs="+",
        metavar="VIEW",
        default=[DIHEDRAL],
        help="dihedral: the symmetries that keep the shape; all: these and what undoes likely shifts, with the "
        f"training images' means; or names, joined by commas, out of {VIEW_FORMS}",
    )
    parser.add_argument("--list-views", action="store_true", help="say what each kind of view does, and stop")
    args = parser.parse_args(argv)
    if args.list_views:
        print(describe_views())
        return 0
    runs_dir = args.artifacts / "runs"
    if args.run:
        runs = [open_run(runs_dir / name) for name in args.run]
    else:
        runs = current_runs(args.artifacts, ("trained", "predicted"))
    if not runs:
        raise KitError(
            f"no trained run of today's split in {runs_dir}: run `make train ARTIFACTS={args.artifacts}` first."
        )
    for run in runs:
        total = predict(run, args.artifacts, args.suite, args.views)
        print(f"predict: {run.name}: {f'{total} predictions' if total else 'up to date'}")
    return 0


if __name__ == "__main__":
    run_main(main)
