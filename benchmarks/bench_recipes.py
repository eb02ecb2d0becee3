"""Time a train step of each recipe at its own batch and image size, augmentation included; print a Markdown table.

Each is trained two short epochs from scratch by `python -m training.train` in a process of its own; the second epoch is
timed, since the first compiles. Times are processor time, which other work on the machine changes little: N busy cores
need an N-th of it by the clock. A recipe that needs more memory or time than allowed is stopped, and said to be.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import psutil
from tqdm import tqdm

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, write_json
from training.clean import main as clean
from training.data.__main__ import main as data
from training.recipes import RECIPES, Recipe, get_recipe
from training.runs import WEIGHTS, Run
from training.split import main as split

ROOT = Path(__file__).parents[1]
EPOCH_IMAGES = 10_000
GIB = 2**30


@dataclass(frozen=True)
class Timing:
    """numbers: in the weights file, statistics too; step_core_s: processor time; peak_gib: resident, of the process."""

    recipe: str
    numbers: int
    weights_mb: float
    step_core_s: float
    batch_size: int
    peak_gib: float

    @property
    def images_per_core_s(self) -> float:
        return self.batch_size / self.step_core_s

    @property
    def epoch_core_s(self) -> float:
        return EPOCH_IMAGES / self.images_per_core_s


class Watch(threading.Thread):
    """Notes the largest resident size of a process, and kills it when a limit is passed; `reason` says which."""

    def __init__(self, pid: int, max_gib: float, max_minutes: float) -> None:
        super().__init__(daemon=True)
        self.process = psutil.Process(pid)
        self.max_bytes = max_gib * GIB
        self.deadline = time.monotonic() + 60 * max_minutes
        self.limits = (f"more than {max_gib:g} GiB", f"more than {max_minutes:g} minutes")
        self.peak = 0
        self.reason = ""

    def run(self) -> None:
        try:
            while self.process.status() != psutil.STATUS_ZOMBIE:
                self.peak = max(self.peak, self.process.memory_info().rss)
                if self.peak > self.max_bytes or time.monotonic() > self.deadline:
                    self.reason = self.limits[0] if self.peak > self.max_bytes else self.limits[1]
                    self.process.kill()
                    return
                time.sleep(0.05)
        except psutil.NoSuchProcess:
            pass


def time_recipe(made: Recipe, artifacts: Path, steps: int, max_gib: float, max_minutes: float) -> Timing | str:
    """The timing of a recipe's longest kind of step, or why there is none.

    A step of the contrastive phase where there is one, else of the tune phase, which all others have or could have.
    """
    kind = "contrastive" if made.contrastive_epochs else "tune"
    phases = {"contrastive_epochs": 2, "head_epochs": 1, "epochs": 0}
    if kind == "tune":
        phases = {"contrastive_epochs": 0, "head_epochs": 0, "epochs": 2}
    # which images an epoch has does not change the cost of a step
    epochs = {**phases, "balance": "none", "images_per_class": "null", "row_filter": "none", "accumulate": 1}
    changes = [f"{field}={value}" for field, value in epochs.items()]
    with tempfile.TemporaryDirectory(dir=artifacts) as scratch:
        folder = Path(scratch) / "run"
        command = [sys.executable, "-m", "training.train", "--artifacts", str(artifacts), "--recipe", made.name]
        command += ["--weights", "none", "--limit", str(steps * made.batch_size)]
        command += ["--run-dir", str(folder), "--set", *changes]
        with open(Path(scratch) / "log.txt", "w+", encoding="utf-8") as log:
            with subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=log, stderr=log) as child:
                watch = Watch(child.pid, max_gib, max_minutes)
                watch.start()
            watch.join()
            if watch.reason:
                return watch.reason
            if child.returncode != 0:
                log.seek(0)
                return f"failed: {(log.read().strip().splitlines() or ['no message'])[-1]}"
        history = Run(folder, {}).history()
        timed = [line for line in history if line.get("phase", "tune") == kind][-1]
        return Timing(
            made.name,
            _count(folder / WEIGHTS),
            (folder / WEIGHTS).stat().st_size / 1e6,
            timed["train_cpu_seconds"] / steps,
            made.batch_size,
            watch.peak / GIB,
        )


def _count(path: Path) -> int:
    sizes: list[int] = []
    with h5py.File(path) as file:
        file.visititems(lambda _, item: sizes.append(item.size) if isinstance(item, h5py.Dataset) else None)
    return sum(sizes)


def table(results: dict[str, Timing | str]) -> str:
    """Markdown, in the order given."""
    lines = [
        "| recipe | backbone | px | batch | numbers | weights | core step | images/s | 10,000 images | peak memory |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        made = get_recipe(name)
        start = f"| `{name}` | {made.backbone} | {made.image_size or 'own'} | {made.batch_size} |"
        if isinstance(result, str):
            lines.append(f"{start} {result} | | | | | |")
            continue
        lines.append(
            f"{start} {result.numbers / 1e6:.1f} M | {result.weights_mb:.0f} MB | {result.step_core_s:.2f} s "
            f"| {result.images_per_core_s:.1f} | {_duration(result.epoch_core_s)} | {result.peak_gib:.1f} GiB |"
        )
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def make_contest(artifacts: Path) -> Path:
    """The embedded contest, 96 px: what an image shows does not change the cost of a step."""
    where = ["--artifacts", str(artifacts)]
    data(where)
    clean(where)
    split(where)
    return artifacts


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--names", help="recipes, with commas between; default: all")
    parser.add_argument("--steps", type=int, default=4, help="steps an epoch")
    parser.add_argument("--max-gib", type=float, default=16.0, help="memory above which a training is stopped")
    parser.add_argument("--max-minutes", type=float, default=10.0, help="time after which a training is stopped")
    parser.add_argument("--artifacts", type=Path, help="a contest with a split; default: the embedded one, drawn anew")
    parser.add_argument("--keep", type=Path, help="a JSON file of timings: those in it are not made again")
    args = parser.parse_args(argv)
    if args.steps < 1:
        raise KitError(f"--steps must be at least 1. Received: {args.steps}.")
    names = list(dict.fromkeys(args.names.split(","))) if args.names else list(RECIPES)
    recipes = [get_recipe(name) for name in names]
    kept = read_json(args.keep, "") if args.keep and args.keep.exists() else {}
    results = {name: Timing(**one) if isinstance(one, dict) else one for name, one in kept.items()}
    with tempfile.TemporaryDirectory() as scratch:
        artifacts = args.artifacts or make_contest(Path(scratch) / "contest")
        for made in tqdm(recipes, desc="recipes", unit="recipe", file=sys.stderr):
            if made.name in results:
                continue
            results[made.name] = time_recipe(made, artifacts, args.steps, args.max_gib, args.max_minutes)
            tqdm.write(json.dumps(_as_json(results[made.name])), file=sys.stderr)
            if args.keep:
                write_json(args.keep, {name: _as_json(result) for name, result in results.items()})
    print(table({name: results[name] for name in names}))
    return 0


def _as_json(result: Timing | str) -> dict | str:
    return asdict(result) if isinstance(result, Timing) else result


if __name__ == "__main__":
    run_main(main)
