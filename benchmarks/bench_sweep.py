"""What a sweep costs beside its trainings: against a bare loop of the same commands, and from one run to the next.

The units are real processes with a run directory each, which in place of training compute for a given processor time,
so that 100 of them end within a minute or two. `--train` takes real
trainings of a drawn contest instead, each side the same ones in a folder of its own.

Bare loop: as many shells as there are slots, each pinned to its core, that start one command after another.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from submission.kit.console import run_main
from submission.kit.files import write_json
from training.runs import Run, open_run
from training.sweeping import machine
from training.sweeping.drive import Drive
from training.sweeping.launcher import FreshLauncher, WarmLauncher
from training.sweeping.local import PRELOAD, THREADS, LocalExecutor
from training.sweeping.source import Grid, Work
from training.sweeping.unit import Unit

MODULE = "benchmarks.bench_sweep_unit"
TINY = {"epochs": 1, "batch_size": 24, "warmup_epochs": 0.5, "policy": "flips"}


def make_works(artifacts: Path, count: int, cpu_s: float) -> list[Work]:
    works = []
    for number in range(count):
        config = {
            "recipe": {"name": "unit", "backbone": "none", "image_size": 0, "batch_size": 0},
            "fold": 0,
            "seed": number,
        }
        path = artifacts / "runs" / f"unit-{number}"
        works.append(Work(Unit("small_cnn", 0, number, {"dir": str(path), "cpu_s": cpu_s}), Run(path, config)))
    return works


def slots() -> list[tuple[list[int], dict[str, str]]]:
    return [([core], {**dict.fromkeys(THREADS, "1"), "TF_CPP_MIN_LOG_LEVEL": "3"}) for core in machine.cores()]


def bare_loop(module: str, works: Sequence[Work], artifacts: Path) -> float:
    """Seconds of plain loops, one a core, each with its share of the commands."""
    for work in works:
        if module == MODULE:
            write_json(work.run.path / "config.json", work.run.config)
    commands = [[sys.executable, "-m", module, *work.unit.argv(artifacts)] for work in works]
    loop = "import json, subprocess, sys\nfor command in json.load(sys.stdin): subprocess.run(command, check=True)"
    start = time.perf_counter()
    children = []
    places = slots()
    for number, (cores, environment) in enumerate(places):
        child = subprocess.Popen(
            [sys.executable, "-c", loop],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | environment,
        )
        os.sched_setaffinity(child.pid, cores)
        assert child.stdin is not None
        json.dump(commands[number :: len(places)], child.stdin)
        child.stdin.close()
        children.append(child)
    if any(child.wait() for child in children):
        raise SystemExit("a command of the bare loop failed")
    return time.perf_counter() - start


def swept(module: str, works: Sequence[Work], artifacts: Path, warm: bool) -> tuple[float, list[float]]:
    """Seconds of a sweep, and between the end of each run and the beginning of the next on the same slot."""
    preload = (PRELOAD if module == "training.train" else [MODULE]) if warm else []
    start = time.perf_counter()
    executor = LocalExecutor(WarmLauncher(preload, slots()[0][1]) if warm else FreshLauncher(), slots())
    executor.peaks = {work.kind: 1 << 20 for work in works}
    Drive(Grid(list(works)), executor, artifacts, module=module).work_off()
    executor.close()
    seconds = time.perf_counter() - start
    return seconds, gaps(works) if module == MODULE else []


def gaps(works: Sequence[Work]) -> list[float]:
    """Seconds for which a core waited for its next run, from what the runs wrote."""
    times = sorted(json.loads((work.run.path / "times.json").read_text()) for work in works)
    by_core: dict[int, list[list[float]]] = {}
    for begun, ended, core in times:
        by_core.setdefault(int(core), []).append([begun, ended])
    return [later[0] - earlier[1] for spans in by_core.values() for earlier, later in itertools.pairwise(spans)]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_sweep",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--units", type=int, default=100)
    parser.add_argument("--cpu-s", type=float, default=1.0, help="processor time of each")
    parser.add_argument("--cold", action="store_true", help="a new interpreter for each run of the sweep, too")
    parser.add_argument(
        "--train", type=Path, metavar="A", help="real trainings of this contest; its runs stay as they are"
    )
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        sides = {}
        for name in ("loop", "sweep"):
            artifacts = Path(folder) / name
            artifacts.mkdir()
            if args.train:
                for part in ("data", "split"):
                    (artifacts / part).symlink_to((args.train / part).resolve())
            module = "training.train" if args.train else MODULE
            works = real_works(artifacts, args.units) if args.train else make_works(artifacts, args.units, args.cpu_s)
            if name == "loop":
                sides[name] = (bare_loop(module, works, artifacts), [])
            else:
                sides[name] = swept(module, works, artifacts, not args.cold)
            undone = [work.run.name for work in works if not open_run(work.run.path).is_done]
            if undone:
                raise SystemExit(f"not done: {undone}")
        loop_s, (sweep_s, waits) = sides["loop"][0], sides["sweep"]
    told = f"{args.units} runs on {len(slots())} cores: bare loop {loop_s:.1f} s, sweep {sweep_s:.1f} s"
    told += f" ({100 * (sweep_s / loop_s - 1):+.1f} %)"
    if waits:
        told += f"; next run begins after {1000 * sum(waits) / len(waits):.0f} ms (longest {1000 * max(waits):.0f} ms)"
    print(told)
    return 0


def real_works(artifacts: Path, count: int) -> list[Work]:
    from training.configure import configure, open_contest
    from training.recipes.scratch import recipe_with
    from training.runs import run_name

    contest, works = open_contest(artifacts), []
    for number in range(count):
        unit = Unit("small_cnn", 0, number, TINY)
        config, _ = configure(contest, recipe_with(unit.recipe, unit.changes), unit.fold, unit.seed)
        works.append(Work(unit, Run(artifacts / "runs" / run_name(config), config)))
    return works


if __name__ == "__main__":
    run_main(main)
