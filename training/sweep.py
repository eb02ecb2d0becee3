"""Train many: a grid of recipes, backbones, folds, seeds and fields, or a search. What is done is never repeated."""

import argparse
import dataclasses
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, write_json
from submission.kit.tuning import tunes

from .configure import Contest, open_contest
from .run_lock import locked
from .runs import Run, run_name
from .select_scores import CLEAN, OBJECTIVE, written_suites
from .sweeping.definition import Sweep, load_sweep
from .sweeping.drive import Done, Drive, first_error
from .sweeping.duration import parse_duration
from .sweeping.executor import EXECUTORS, Executor, Job, make_executor
from .sweeping.launcher import log_lines
from .sweeping.results import grid_rows, importances, rank_correlation, search_rows, write_results
from .sweeping.source import Grid, Work
from .sweeping.unit import Unit

TRIALS = 20  # of a search, if neither their number nor a time is given
PRUNERS = ("halving", "hyperband", "none")  # of sweeping.study, which loads Optuna


def planned(executor: Executor, artifacts: Path, folder: Path, units: Sequence[Unit]) -> dict[str, Any]:
    """`sweeping.plan.plan`, by the executor.

    Raises:
        KitError: no data or split, or units that cannot be trained: all of them are told.
    """
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        asked, out = Path(scratch) / "units.json", Path(scratch) / "plan.json"
        write_json(asked, [dataclasses.asdict(unit) for unit in units])
        argv = ["--artifacts", str(artifacts), "--units", str(asked), "--out", str(out)]
        log = Path(scratch) / "log.txt"
        job = Job("plan", "training.sweeping.plan", argv, log, "plan", files_in=(asked,), files_out=(out,))
        executor.submit(job)
        ended: list[Any] = []
        while not ended:
            ended = executor.wait(1.0)
        if not out.exists():
            raise KitError(first_error(ended[0], log_lines(job.log, ended[0].log_start)))
        found = read_json(out, "python -m training.sweep")
    errors = [one["error"] for one in found["units"] if "error" in one]
    if errors:
        raise KitError(f"{len(errors)} of {len(units)} units cannot be trained:\n" + "\n".join(errors[:20]))
    return found


def grid_of(sweep: Sweep, contest: Contest, artifacts: Path, executor: Executor, folder: Path) -> Grid:
    """The grid's units with their runs, each run once."""
    units = sweep.grid(contest.folds.num_folds)
    configs = [one["config"] for one in planned(executor, artifacts, folder, units)["units"]]
    suites = tuple(suite for suite in (CLEAN, OBJECTIVE) if suite in written_suites(artifacts))
    works: dict[str, Work] = {}
    for unit, config in zip(units, configs, strict=True):
        run = Run(artifacts / "runs" / run_name(config), config)
        works.setdefault(run.name, Work(unit, run, suites))
    return Grid(list(works.values()))


@tunes
def sweep_grid(
    name: str, sweep: Sweep, artifacts: Path, executor: Executor, timeout_s: float | None
) -> tuple[Done, list[dict[str, Any]]]:
    """Work off a grid and write its results."""
    folder = artifacts / "sweeps" / name
    source = grid_of(sweep, open_contest(artifacts), artifacts, executor, folder)
    drive = Drive(source, executor, artifacts, timeout_s)
    try:
        drive.work_off()
    finally:
        write_results(folder, name, grid_rows(drive.done), None)
    return drive.done, grid_rows(drive.done)


@tunes
def search(
    name: str,
    sweep: Sweep,
    artifacts: Path,
    executor: Executor,
    timeout_s: float | None,
    trials: int | None,
    pruner: str,
    seed: int,
) -> tuple[Done, list[dict[str, Any]]]:
    """Draw and train trials, and write the results of all of the study."""
    from .sweeping.search import FAILURES, OWNERS, Search
    from .sweeping.study import counted, open_study

    folder, contest = artifacts / "sweeps" / name, open_contest(artifacts)
    missing = sorted({CLEAN, OBJECTIVE} - set(written_suites(artifacts)))
    if missing:
        raise KitError(
            f"a search chooses on the select parts of {CLEAN} and {OBJECTIVE}. Received: none of {', '.join(missing)}. "
            f"Run `make suites ARTIFACTS={artifacts}` first."
        )
    folds = sweep.fold_numbers(contest.folds.num_folds)
    first = [Unit(recipe, fold, seed) for recipe in sweep.recipes for fold in folds]
    facts = planned(executor, artifacts, folder, first)["facts"]
    journal = folder / f"search-{sweep.digest()}.journal"
    study = open_study(journal, pruner, seed)
    source = Search(sweep, study, folder, contest, facts, artifacts / "runs", trials)
    owner = folder / OWNERS / source.owner
    with locked(owner):
        drive = Drive(source, executor, artifacts, timeout_s)
        try:
            drive.work_off()
        finally:
            shutil.rmtree(owner)  # from now on its open trials are free for others
            space = sweep.space()
            rows = search_rows(counted(study), space)
            write_results(folder, name, rows, importances(study, space))
    if source.failures >= FAILURES:
        raise KitError(f"{FAILURES} trials failed one after another; the last: {source.last_error}")
    return drive.done, rows


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.sweep", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument(
        "--sweep",
        required=True,
        metavar="NAME|FILE.py",
        help="a file that sets SWEEP, or one of training/sweeping/named",
    )
    parser.add_argument("--dry-run", action="store_true", help="list the units of a grid, with the state of their runs")
    parser.add_argument("--timeout", metavar="TIME", help="no unit is begun after so long, such as 8h")
    search_options = parser.add_argument_group("search")
    search_options.add_argument(
        "--trials", type=int, help=f"how many in all, earlier ones included; {TRIALS} if there is no --timeout either"
    )
    search_options.add_argument("--pruner", default="halving", choices=PRUNERS, help="ends poor trials early")
    search_options.add_argument("--seed", type=int, default=0, help="of the draws")
    where = parser.add_argument_group("where")
    where.add_argument("--executor", default="local", choices=EXECUTORS, help="where the runs are trained")
    where.add_argument("--jobs", type=int, help="the most at once; default: what cores, GPUs and memory allow")
    where.add_argument("--threads", type=int, help="of each run; default: the cores shared out")
    where.add_argument(
        "--cold", action="store_true", help="a new interpreter for each run, which takes seconds to load"
    )
    where.add_argument(
        "--slurm",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="of submitit: timeout_min=240 slurm_partition=gpu gpus_per_node=1 mem_gb=8",
    )
    where.add_argument(
        "--address", default="auto", help="of a Ray cluster: auto, HOST:6379 of its head, or ray://HOST:10001"
    )
    where.add_argument(
        "--storage",
        metavar="URL",
        help="where the nodes of a Ray cluster share no disk: a path, s3://bucket/folder, gs://bucket/folder",
    )
    where.add_argument(
        "--ray",
        nargs="+",
        default=[],
        metavar="NAME=NUMBER",
        help="what a run takes: cpus=2 gpus=0.5 mem_gb=4, of one recipe: default.gpus=1; default: one core, one GPU if "
        "there are any",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    timeout_s = None if args.timeout is None else parse_duration(args.timeout, "--timeout")
    name, sweep = load_sweep(args.sweep)
    check_options(sweep, args)
    contest = open_contest(args.artifacts)  # before anything is begun
    folder = args.artifacts / "sweeps" / name
    folder.mkdir(parents=True, exist_ok=True)
    num_units = None if sweep.is_search else len(sweep.grid(contest.folds.num_folds))
    executor = make_executor(args.executor, **executor_options(args, num_units))
    try:
        if args.dry_run:
            return list_units(sweep, contest, args.artifacts, executor, folder)
        if sweep.is_search:
            trials = TRIALS if args.trials is None and timeout_s is None else args.trials
            done, rows = search(name, sweep, args.artifacts, executor, timeout_s, trials, args.pruner, args.seed)
        else:
            done, rows = sweep_grid(name, sweep, args.artifacts, executor, timeout_s)
    finally:
        executor.close()
    return tell(name, args.artifacts, done, rows)


def check_options(sweep: Sweep, args: argparse.Namespace) -> None:
    """Refuse options that would have no effect."""
    if args.trials is not None and args.trials < 1:
        raise KitError(f"--trials must be at least 1. Received: {args.trials}.")
    if not sweep.is_search and args.trials is not None:
        raise KitError("--trials is for a search: give a field a range or a choice. Received: a grid.")
    if sweep.is_search and args.dry_run:
        raise KitError("--dry-run lists the units of a grid. Received: a search, which draws them as it goes.")


def executor_options(args: argparse.Namespace, num_units: int | None) -> dict[str, Any]:
    """What the executor takes.

    Raises:
        KitError: options of another one.
    """
    folder = args.artifacts / "sweeps"
    common = {"jobs": args.jobs, "threads": args.threads}
    if args.slurm and args.executor != "slurm":
        raise KitError(f"--slurm is for --executor slurm. Received: --executor {args.executor}.")
    if args.executor != "ray":
        for option, is_given in (
            ("--address", args.address != "auto"),
            ("--storage", bool(args.storage)),
            ("--ray", bool(args.ray)),
        ):
            if is_given:
                raise KitError(f"{option} is for --executor ray. Received: --executor {args.executor}.")
    if args.executor == "slurm":
        return {**common, "folder": folder / "slurm", "settings": args.slurm}
    if args.executor == "ray":
        return {
            **common,
            "artifacts": args.artifacts,
            "address": args.address,
            "settings": args.ray,
            "storage": args.storage,
            "memory_file": folder / "ray_memory.json",
            "warm": not args.cold,
        }
    return {**common, "memory_file": folder / "memory.json", "num_units": num_units, "warm": not args.cold}


def list_units(sweep: Sweep, contest: Contest, artifacts: Path, executor: Executor, folder: Path) -> int:
    """Print the units with the state of their runs."""
    source, done, count = grid_of(sweep, contest, artifacts, executor, folder), 0, 0
    while (work := source.take()) is not None:
        count, done = count + 1, done + work.is_done
        print(f"{work.run.name}  {work.run.state:9}  {work.unit.told()}")
    print(f"sweep: {count} runs, {done} of them done")
    return 0


def tell(name: str, artifacts: Path, done: Done, rows: Sequence[dict[str, Any]]) -> int:
    """Print what a sweep came to; returns the exit code."""
    path = artifacts / "sweeps" / name / "sweep.json"
    for work, outcome in done.failed:
        print(f"failed: {work.run.name}: {outcome.error}", file=sys.stderr)
    counts = ", ".join(
        f"{done.count(state)} {state}" for state in ("trained", "up to date", "pruned", "failed") if done.count(state)
    )
    best = max((row for row in rows if row["shifted"] is not None), key=lambda row: row["shifted"], default=None)
    told = [f"sweep {name}: {counts or 'nothing left to do'}"]
    if best:
        told.append(f"best shifted {best['shifted']:.4f} (clean {best['clean']:.4f}): {best['run']}")
    rank = rank_correlation(rows)
    if rank is not None:
        told.append(f"rank correlation of clean and shifted {rank:.2f}")
    print("; ".join([*told, f"see {path}"]))
    print(
        f"next: make runs ARTIFACTS={artifacts}, then make submission RUNS='NAME ...' with the settings that this "
        "contest was made with (DATA or SET, FOLDS, SEED, ARTIFACTS ...)"
    )
    return 1 if done.failed and not (done.count("trained") + done.count("up to date")) else 0


if __name__ == "__main__":
    run_main(main)
