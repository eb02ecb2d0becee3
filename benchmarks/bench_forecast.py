"""How far the forecasts miss, on shifts made by other people's code: see foreign_shifts.py and forecast_probs.py.

    python -m benchmarks.bench_forecast --artifacts A --foreign FOLDER --probs FOLDER [--half tune] [--table FILE.md]

Every net of PROBS/<half> takes the part of a submission, every foreign set of that half the part of a hidden set.
Parameters were chosen on the half `tune`; `report` shares neither a training nor a set with it. A named scenario is the
suite and the strength that the set's maker wrote down for it. Leaderboard scores are those of nets of other trainings.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from tqdm import tqdm

from benchmarks.forecast_cases import Case, make_cases, read_nets, read_sets
from benchmarks.forecast_table import write_table

ENTRIES = (0, 1, 3, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path, required=True)
    parser.add_argument("--foreign", type=Path, required=True)
    parser.add_argument("--probs", type=Path, required=True)
    parser.add_argument("--half", choices=["tune", "report"], default="report")
    parser.add_argument("--without", nargs="*", default=[], help="suites left out")
    parser.add_argument("--without-images", action="store_true", help="scenarios alone, which takes seconds")
    parser.add_argument("--by", choices=["set", "net"], help="the means of each, too")
    parser.add_argument("--table", type=Path, help="write every case into this Markdown file")
    args = parser.parse_args()
    sets = read_sets(args.foreign, args.half)
    nets = read_nets(args.probs / args.half, args.artifacts, args.without, sets)
    cases = [
        case
        for net in tqdm(nets, unit="net", delay=2)
        for one in sets
        for case in make_cases(net, nets, one, ENTRIES, not args.without_images)
    ]
    suites = ", ".join(sorted(nets[0].suites))
    lines = [
        f"{len(nets)} nets of {len({net.training for net in nets})} trainings, {len(sets)} sets ({args.half}); "
        f"suites: {suites}",
        *summary(cases),
    ]
    print("\n".join(lines))
    if args.by:
        for method in dict.fromkeys(case.method for case in cases if not case.method.startswith("  ")):
            print(f"{method}: mean absolute error and bias by {args.by}, points")
            here = [case for case in cases if case.method == method]
            for name in dict.fromkeys(getattr(case, args.by) for case in here):
                errors = np.array([case.accuracy - case.truth for case in here if getattr(case, args.by) == name])
                print(f"  {name:<24} {100 * np.abs(errors).mean():5.1f} {100 * errors.mean():+6.1f}")
    if args.table:
        write_table(args.table, lines, cases, sets)


def summary(cases: Sequence[Case]) -> list[str]:
    """A line a method. rank: Spearman's correlation, its mean within the sets, and over all cases together."""
    lines = ["method                             cases   MAE   p90  bias  covered  width  rank in a set  rank over all"]
    for method in dict.fromkeys(case.method for case in cases):
        here = [case for case in cases if case.method == method]
        errors = 100 * np.array([case.accuracy - case.truth for case in here])
        covered = np.mean([case.low <= case.truth <= case.high for case in here])
        width = np.mean([case.high - case.low for case in here])
        ranks = []
        for name in dict.fromkeys(case.set for case in here):
            own = [case for case in here if case.set == name]
            if len({case.net for case in own}) > 2:
                ranks.append(_rank(own))
        within = f"{np.mean(ranks):.3f}" if ranks else "-"
        over_all = f"{_rank(here):.3f}" if len(here) > 2 else "-"
        missed = np.abs(errors)
        lines.append(
            f"{method:<33} {len(here):>6} {missed.mean():5.1f} {np.quantile(missed, 0.9):5.1f} {errors.mean():+5.1f}"
            f"  {covered:7.1%}  {width:5.3f}  {within:>13}  {over_all:>13}"
        )
    return lines


def _rank(cases: Sequence[Case]) -> float:
    return float(spearmanr([case.truth for case in cases], [case.accuracy for case in cases]).statistic)


if __name__ == "__main__":
    main()
