"""What stands in for `training.train` in tests of sweeps: a run directory that fills within milliseconds.

`--set` tells what happens: dir (the run directory), value (shifted accuracy of the last epoch), epochs, pause_s (of an
epoch), end ("fine", "error", "traceback", "killed once", "killed").
"""

import argparse
import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from submission.kit.errors import KitError
from submission.kit.files import write_json
from training.history import append_line
from training.run_lock import locked
from training.runs import open_run
from training.sweeping.source import Work
from training.sweeping.unit import Unit


def make_work(runs_dir: Path, name: str, suites: tuple[str, ...] = (), every_epoch: bool = False, **told) -> Work:
    """A unit of the fake training."""
    from training.runs import Run

    config = {"recipe": {"name": name, "backbone": "none", "image_size": 8, "batch_size": 1}, "fold": 0, "seed": 0}
    changes = {"dir": str(runs_dir / name), **told}
    return Work(Unit("small_cnn", 0, 0, changes), Run(runs_dir / name, config), suites, every_epoch)


def begun(path: Path) -> int:
    """How often a run was begun."""
    return len((path / "begun.txt").read_text().splitlines()) if (path / "begun.txt").exists() else 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    for option in ("--artifacts", "--recipe", "--fold", "--seed"):
        parser.add_argument(option)
    parser.add_argument("--set", nargs="*")
    parser.add_argument("--select", nargs="+", default=[])
    parser.add_argument("--select-epochs", action="store_true")
    args = parser.parse_args(argv)
    told = {pair.partition("=")[0]: json.loads(pair.partition("=")[2]) for pair in args.set}
    run = open_run(Path(told["dir"]))
    with locked(run.path):
        with open(run.path / "begun.txt", "a") as file:
            file.write(
                f"{os.getpid()} {time.time()} {sorted(os.sched_getaffinity(0))} {os.environ['OMP_NUM_THREADS']}\n"
            )
        end = told.get("end", "fine")
        if end == "error":
            raise KitError("expected better. Received: worse.\nA second line.")
        if end == "traceback":
            raise ZeroDivisionError("by nothing")
        epochs, value = told.get("epochs", 1), told.get("value", 0.5)
        for epoch in range(len(run.history()) + 1, epochs + 1):
            time.sleep(told.get("pause_s", 0))
            line = {"epoch": epoch, "seconds": 0.1, "select_an2dl": value * epoch / epochs}
            append_line(run.path / "history.jsonl", line)
            if end == "killed" or (end == "killed once" and begun(run.path) == 1):
                os.kill(os.getpid(), signal.SIGKILL)
        scores = {"clean": 1 - value / 4, "an2dl": value}
        write_json(run.path / "metrics.json", {"select": {suite: scores[suite] for suite in args.select}})
        run.set_state("trained")
    return 0
