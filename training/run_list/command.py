"""List the runs of a contest, the best first if you like; compare, export or prune them."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from submission.kit.errors import KitError
from submission.kit.tuning import tunes

from ..runs import Run, list_runs
from .conditions import parse_conditions
from .prune import kept_reason, move_to_trash
from .table import as_text, check_format, write_table
from .values import COLUMNS, check_names, values_of

LOWER_IS_BETTER = ("loss", "seconds")
BY = "an2dl.select"


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.runs", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument(
        "--where",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="only runs for which all this holds: recipe=small_cnn fold=0 'epochs>10' state!=failed 'run~f0'",
    )
    parser.add_argument("--best", type=int, metavar="N", help="only the N best of them")
    parser.add_argument("--by", default=BY, help="what they are sorted by, best first, if given or with --best")
    parser.add_argument("--columns", nargs="+", metavar="NAME", help=f"what is shown; default: {' '.join(COLUMNS)}")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--compare", action="store_true", help="show every value in which the runs differ")
    what.add_argument("--names", action="store_true", help="print the names alone, on one line: for make's RUNS")
    what.add_argument(
        "--prune",
        action="store_true",
        help="move the runs to ARTIFACTS/trash; with --best the best stay and the others go",
    )
    parser.add_argument("--export", type=Path, metavar="FILE", help="also write the table, .csv or .md")
    parser.add_argument("--yes", action="store_true", help="with --prune: do it, instead of telling what would be done")
    return parser.parse_args(argv)


@tunes
def rows_of(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The values of runs; nothing that judges is among them."""
    return [values_of(run) for run in runs]


def best_first(rows: Sequence[dict[str, Any]], by: str) -> list[dict[str, Any]]:
    """Sorted by a value; runs without it are left out.

    Raises:
        KitError: no run has it, or it is no number.
    """
    found = [row for row in rows if isinstance(row.get(by), (int, float))]
    if rows and not found:
        mend = "predict them, or train them by a sweep, which scores them" if by.endswith(".select") else "name another"
        raise KitError(f"none of {len(rows)} runs has a number {by}: {mend}. Received: --by {by}.")
    return sorted(found, key=lambda row: (row[by] if by in LOWER_IS_BETTER else -row[by], row["run"]))


def differing(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Names of the values in which rows differ, `run` first."""
    names = dict.fromkeys(name for row in rows for name in row)
    return ["run", *(name for name in names if name != "run" and len({repr(row.get(name)) for row in rows}) > 1)]


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    if args.best is not None and args.best < 1:
        raise KitError(f"--best must be at least 1. Received: {args.best}.")
    if args.yes and not args.prune:
        raise KitError("--yes goes with --prune. Received: --yes alone.")
    if args.export is not None:
        check_format(args.export)
    conditions = parse_conditions(args.where)
    runs = {run.name: run for run in list_runs(args.artifacts / "runs")}
    if not runs:
        raise KitError(f"no run in {args.artifacts / 'runs'}: run `make train ARTIFACTS={args.artifacts}` first.")
    rows = rows_of(list(runs.values()))
    check_names([*(condition.name for condition in conditions), *(args.columns or [])], rows)
    chosen = [row for row in rows if all(condition.holds(row) for condition in conditions)]
    if args.best is not None or args.by != BY:
        ranked = best_first(chosen, args.by)
        best = ranked[: args.best]
        if args.prune:
            kept = {row["run"] for row in best}
            best = [row for row in chosen if row["run"] not in kept]
        chosen = best
    if args.prune:
        return prune([runs[row["run"]] for row in chosen], args.artifacts, args.yes)
    if args.names:
        print(" ".join(row["run"] for row in chosen))
        return 0
    columns = differing(chosen) if args.compare else list(args.columns or COLUMNS)
    if args.by not in columns and (args.best is not None or args.by != BY):
        columns.append(args.by)
    if args.export is not None:
        write_table(args.export, chosen, columns)
    print(as_text(chosen, columns))
    written = "" if args.export is None else f", written to {args.export}"
    print(f"runs: {len(chosen)} of {len(runs)}{written}")
    return 0


def prune(runs: Sequence[Run], artifacts: Path, yes: bool) -> int:
    """Move runs to the trash, or tell which would go and which must stay."""
    going = [run for run in runs if not kept_reason(run, artifacts)]
    for run in runs:
        reason = kept_reason(run, artifacts)
        print(f"{run.name}: " + (f"stays: {reason}" if reason else "goes"))
    if not yes:
        print(f"prune: {len(going)} of {len(runs)} runs would go; add --yes to move them to the trash")
        return 0
    trash = move_to_trash(going, artifacts)
    print(
        f"prune: moved {len(going)} runs to {trash}; move one back to have it again, delete the folder to free the disk"
    )
    return 0
