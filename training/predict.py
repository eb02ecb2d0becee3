"""Predict with trained runs what the ensemble is fitted on: the fold left out, and the select part of every suite."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.image_set import ImageSet, open_image_set
from submission.kit.probs_file import Probs, save_probs
from submission.kit.tta import VIEWS, views_for

from .folds import SELECT, fold_name, load_folds
from .net import load_net
from .runs import Run, list_runs, open_run

BATCH_SIZE = 128


def predict_views(net, images: np.ndarray, rows: np.ndarray, views: list[str], bar: tqdm | None = None) -> np.ndarray:
    """Probabilities of some rows under each view.

    Args:
        net: Keras model, uint8 (n, H, W, C) -> probabilities (n, K).
        images: uint8 (N, H, W, C), may be a memory map: one batch is read at a time.
        rows: int (n,) rows of `images`.
        views: V names of `kit.tta.VIEWS`.
        bar: moved on by one an image and view.

    Returns:
        float32 (V, n, K).
    """
    probs_vnk = np.empty((len(views), len(rows), net.output_shape[-1]), np.float32)
    for start in range(0, len(rows), BATCH_SIZE):
        batch = images[rows[start : start + BATCH_SIZE]]
        for v, view in enumerate(views):
            # a whole batch every time, so that the net is compiled once
            padded = np.resize(np.ascontiguousarray(VIEWS[view](batch)), (BATCH_SIZE, *batch.shape[1:]))
            probs_vnk[v, start : start + len(batch)] = np.asarray(net.predict_on_batch(padded))[: len(batch)]
            if bar is not None:
                bar.update(len(batch))
    return probs_vnk


def image_sets(artifacts: Path, fold: int) -> Iterator[tuple[str, ImageSet, np.ndarray]]:
    """What a run of a fold predicts: (name, image set, rows). Never a judge part: that is for the judge alone."""
    data = open_image_set(artifacts / "data", "make data")
    yield "oof", data, load_folds(artifacts / "split" / "folds.csv").rows(fold_name(fold))
    suites = sorted(path.parent.parent.name for path in artifacts.glob(f"suites/*/{SELECT}/meta.json"))
    if not suites:
        raise KitError(f"no suite with a {SELECT} part in {artifacts / 'suites'}: run `make suites` first.")
    for suite in suites:
        select = open_image_set(artifacts / "suites" / suite / SELECT, "make suites")
        yield f"{suite}_{SELECT}", select, np.arange(len(select))


def predict(run: Run, artifacts: Path) -> int:
    """Write probs_<set>.npz for every set into the run, all views; returns the number of predictions made."""
    net = load_net(run)
    sets = list(image_sets(artifacts, run.config["fold"]))
    views = views_for(sets[0][1].image_shape)
    total = len(views) * sum(len(rows) for _, _, rows in sets)
    with tqdm(total=total, desc=f"predict {run.name}", unit="image") as bar:
        for name, data, rows in sets:
            probs_vnk = predict_views(net, data.images, rows, views, bar)
            save_probs(run.path / f"probs_{name}.npz", Probs(data.ids[rows], data.labels[rows], probs_vnk, views))
    run.set_state("predicted")
    return total


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.predict", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--run", action="append", help="name of a run, may be repeated; default: all trained runs")
    args = parser.parse_args(argv)
    runs_dir = args.artifacts / "runs"
    runs = [open_run(runs_dir / name) for name in args.run] if args.run else list_runs(runs_dir)
    runs = [run for run in runs if args.run or run.state in ("trained", "predicted")]
    if not runs:
        raise KitError(f"no trained run in {runs_dir}: run `make train` first.")
    for run in runs:
        total = predict(run, args.artifacts)
        print(f"predict: {run.name}: {total} predictions")
    return 0


if __name__ == "__main__":
    run_main(main)
