"""Measure what a trained run costs on the platform, as it is shipped: milliseconds an image, load time, megabytes."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file, write_json
from submission.kit.member import Member
from submission.kit.precisions import FLOAT32, PRECISIONS
from submission.kit.probs_file import load_probs
from submission.kit.tta import views_for

from .change import change_table, change_under_shift
from .engine import ENGINES
from .expected import SUITES, select_images
from .export_run import WEIGHTS, export_paths, export_run

if TYPE_CHECKING:
    import keras

CORES = 2
NUM_IMAGES = 500
_ROOT = Path(__file__).resolve().parents[1]


def measure_run(
    artifacts: Path,
    run: str,
    load_net: "Callable[[Path], keras.Model]",
    cores: int = CORES,
    engine: str = "auto",
    precision: str = FLOAT32,
    num_images: int = NUM_IMAGES,
) -> dict[str, Any]:
    """Export a run where that is not up to date, time it in a process of its own, and write A/runs/<run>/cost.json.

    Other precisions than float32 are kept in that file under "variants", beside float32, which is measured first where
    it is not.

    Args:
        artifacts: A.
        run: its name.
        load_net: run directory -> net.
        cores: that the process is pinned to: those of the platform, or all there are if they are fewer.
        engine: as of `choose_engine`.
        precision: of the weights.
        num_images: of each suite, on which a precision below float32 is compared with what training predicted.

    Returns:
        engine, ms_per_image (one pass of one view, an image of a batch), load_ms (without the start of TensorFlow,
        which all members share), view_ms (to make each view of an image that the run has predicted, or else each
        symmetry), size_bytes, weights_sha256, cores; and below float32 "change", by `change_under_shift`.

    Raises:
        KitError: no such run, it is not trained, there is no select suite, or the process failed.
    """
    images = select_images(artifacts)
    run_dir = artifacts / "runs" / run
    path = run_dir / "cost.json"
    known = read_json(path, "python -m submission.cost") if path.is_file() else {}
    if precision != FLOAT32 and known.get("weights_sha256") != _sha256(run_dir):
        measure_run(artifacts, run, load_net, cores, engine)
        known = read_json(path, "python -m submission.cost")
    exported = export_run(run_dir, load_net, images, engine, precision=precision)
    folder, _ = export_paths(run_dir, precision)
    cost = _in_a_fresh_process(folder, images[:256], cores, _views(run_dir, images.shape[1:]))
    if cost["engine"] != exported["name"]:
        raise KitError(
            f"expected {folder} to run as {exported['name']}, as when it was exported. Received: {cost['engine']}. "
            f"Delete {folder} and run the same command."
        )
    cost |= {
        "size_bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "weights_sha256": exported["weights_sha256"],
    }
    if precision == FLOAT32:
        same = known.get("weights_sha256") == cost["weights_sha256"]
        write_json(path, cost | ({"variants": known["variants"]} if same and "variants" in known else {}))
    else:
        cost["change"] = change_under_shift(artifacts, run, Member(folder), num_images)
        write_json(path, known | {"variants": known.get("variants", {}) | {precision: cost}})
    return cost


def _sha256(run_dir: Path) -> str | None:
    return sha256_file(run_dir / WEIGHTS) if (run_dir / WEIGHTS).is_file() else None


def _views(run_dir: Path, image_shape: tuple[int, ...]) -> list[str]:
    """What the run has predicted, or else the symmetries."""
    for suite in SUITES:
        path = run_dir / f"probs_{suite}_select.npz"
        if path.is_file():
            return load_probs(path).views
    return views_for(image_shape)


def _in_a_fresh_process(folder: Path, images: np.ndarray, cores: int, views: Sequence[str] = ()) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "images.npy"
        np.save(path, images)
        arguments = [str(folder.resolve()), str(path), "--cores", str(cores), "--views", *views]
        command = [sys.executable, "-m", "submission.measure_member", *arguments]
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise KitError(f"{folder} could not be timed (exit status {done.returncode}):\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main(argv: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m submission.cost", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument(
        "--run", action="extend", nargs="+", help="names of runs; by default all trained ones of today's split"
    )
    parser.add_argument("--cores", type=int, default=CORES, help="cores of the platform")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="as of python -m submission.export")
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=PRECISIONS,
        default=[FLOAT32],
        help="of the weights; below float32 also what it changes on the select part of every predicted suite",
    )
    parser.add_argument("--images", type=int, default=NUM_IMAGES, help="of each suite, for that")
    args = parser.parse_args(argv)
    for name in ("cores", "images"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1. Received: {getattr(args, name)}")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from training.net import load_net  # only here: the rest of submission/ knows nothing of training
    from training.runs import current_runs, open_run

    runs_dir = args.artifacts / "runs"
    trained = [] if args.run else current_runs(args.artifacts, ("trained", "predicted"))
    names = list(dict.fromkeys(args.run or [run.name for run in trained]))
    if not names:
        mend = f"make train ARTIFACTS={args.artifacts}"
        raise KitError(f"no trained run of today's split in {runs_dir}: run `{mend}` first.")
    for name in names:
        open_run(runs_dir / name)  # all names are checked before the first is measured
    costs = {}
    wanted = [(name, precision) for name in names for precision in dict.fromkeys(args.precision)]
    for name, precision in tqdm(wanted, desc="cost", unit="run", file=sys.stderr, disable=None):
        told = name if precision == FLOAT32 else f"{name} {precision}"
        costs[told] = measure_run(
            args.artifacts,
            name,
            lambda run_dir: load_net(open_run(run_dir)),
            args.cores,
            args.engine,
            precision,
            args.images,
        )
    print(table(costs))
    changes = {name: cost["change"] for name, cost in costs.items() if cost.get("change")}
    if changes:
        print(f"\nagainst float32, on the select parts of the suites\n{change_table(changes)}")
    return 0


def table(costs: dict[str, dict[str, Any]]) -> str:
    """A line a run, and one for the views' making."""
    width = max(len("run"), *(len(name) for name in costs))
    lines = [f"{'run':{width}}  engine      ms/image  load ms    MB  cores"]
    lines += [
        f"{name:{width}}  {cost['engine']:10}  {cost['ms_per_image']:8.2f}  {cost['load_ms']:7.0f}  "
        f"{cost['size_bytes'] / 1e6:4.1f}  {cost['cores']:5}"
        for name, cost in costs.items()
    ]
    views: dict[str, float] = {}
    for cost in costs.values():
        views |= cost.get("view_ms", {})
    if views:
        dearest = sorted(views.items(), key=lambda item: -item[1])
        lines.append(f"making a view, ms/image: {', '.join(f'{name} {ms:.2f}' for name, ms in dearest)}")
    return "\n".join(lines)


if __name__ == "__main__":
    run_main(main)
