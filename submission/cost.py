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
from submission.kit.files import write_json

from .engine import ENGINES
from .expected import select_images
from .export_run import FOLDER, export_run

if TYPE_CHECKING:
    import keras

CORES = 2
_ROOT = Path(__file__).resolve().parents[1]


def measure_run(
    artifacts: Path,
    run: str,
    load_net: "Callable[[Path], keras.Model]",
    cores: int = CORES,
    engine: str = "auto",
) -> dict[str, Any]:
    """Export a run where that is not up to date, time it in a process of its own, and write A/runs/<run>/cost.json.

    Args:
        artifacts: A.
        run: its name.
        load_net: run directory -> net.
        cores: that the process is pinned to: those of the platform, or all there are if they are fewer.
        engine: as of `choose_engine`.

    Returns:
        What cost.json holds: engine, ms_per_image (one pass of one view, an image of a batch), load_ms (without the
        start of TensorFlow, which all members share), size_bytes, weights_sha256, cores.

    Raises:
        KitError: no such run, it is not trained, there is no select suite, or the process failed.
    """
    images = select_images(artifacts)
    run_dir = artifacts / "runs" / run
    exported = export_run(run_dir, load_net, images, engine)
    folder = run_dir / FOLDER
    cost = _in_a_fresh_process(folder, images[:256], cores)
    if cost["engine"] != exported["name"]:
        raise KitError(
            f"expected {folder} to run as {exported['name']}, as when it was exported. Received: {cost['engine']}. "
            f"Delete {folder} and run the same command."
        )
    cost |= {
        "size_bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "weights_sha256": exported["weights_sha256"],
    }
    write_json(run_dir / "cost.json", cost)
    return cost


def _in_a_fresh_process(folder: Path, images: np.ndarray, cores: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "images.npy"
        np.save(path, images)
        arguments = [str(folder.resolve()), str(path), "--cores", str(cores)]
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
    args = parser.parse_args(argv)
    if args.cores < 1:
        parser.error(f"--cores must be at least 1. Received: {args.cores}")
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
    for name in tqdm(names, desc="cost", unit="run", file=sys.stderr, disable=None):
        costs[name] = measure_run(
            args.artifacts, name, lambda run_dir: load_net(open_run(run_dir)), args.cores, args.engine
        )
    print(table(costs))
    return 0


def table(costs: dict[str, dict[str, Any]]) -> str:
    """A line a run."""
    width = max(len("run"), *(len(name) for name in costs))
    lines = [f"{'run':{width}}  engine      ms/image  load ms    MB  cores"]
    lines += [
        f"{name:{width}}  {cost['engine']:10}  {cost['ms_per_image']:8.2f}  {cost['load_ms']:7.0f}  "
        f"{cost['size_bytes'] / 1e6:4.1f}  {cost['cores']:5}"
        for name, cost in costs.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    run_main(main)
