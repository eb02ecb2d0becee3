"""Probabilities of many nets on many image sets, kept as npz files: what bench_forecast.py reads.

    python -m benchmarks.forecast_probs --artifacts A --foreign FOLDER --half tune --runs RUNS ... --to PROBS/tune
    python -m benchmarks.forecast_probs --artifacts A --foreign FOLDER --half report --runs RUNS ... --to PROBS/report

Each net predicts the judge part of every suite in A/suites, and every foreign set of its half (see foreign_shifts.py),
whose originals are the select part. What is there already is kept, so that it can be stopped and run again. No training
gives nets to both halves.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from local_eval.score import PART, written_suites
from submission.kit.files import atomic_path, read_json
from submission.kit.image_set import ImageSet, open_image_set

BATCH_SIZE = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path, required=True)
    parser.add_argument("--foreign", type=Path, required=True)
    parser.add_argument("--half", choices=["tune", "report"], required=True)
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders of config.json, best.weights.h5")
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    sets = {f"suite-{name}": args.artifacts / "suites" / name / PART for name in written_suites(args.artifacts)}
    for path in args.foreign.glob("*/meta.json"):
        if read_json(path, "benchmarks/foreign_shifts.py")["half"] == args.half:
            sets[f"foreign-{path.parent.name}"] = path.parent
    for run in args.runs:
        left = {name: folder for name, folder in sorted(sets.items()) if not _file(args.to, run, name).exists()}
        if left:
            _predict(run, left, args.to)


def _file(folder: Path, run: Path, name: str) -> Path:
    return folder / run.name / f"{name}.npz"


def _predict(path: Path, sets: dict[str, Path], to: Path) -> None:
    from training.net import load_net
    from training.runs import open_run

    net = load_net(open_run(path))
    for name, folder in tqdm(sets.items(), desc=path.name):
        images = open_image_set(folder, "benchmarks/foreign_shifts.py")
        with atomic_path(_file(to, path, name)) as new:
            np.savez(new, probs=_probs(net, images), labels=images.labels, ids=images.ids)


def _probs(net, images: ImageSet) -> np.ndarray:
    """float32 (N, K), the identity view."""
    found = np.empty((len(images), images.num_classes), np.float32)
    for start in range(0, len(images), BATCH_SIZE):
        batch = np.resize(images.images[start : start + BATCH_SIZE], (BATCH_SIZE, *images.image_shape))
        found[start : start + BATCH_SIZE] = np.asarray(net.predict_on_batch(batch))[: len(images) - start]
    return found


if __name__ == "__main__":
    main()
