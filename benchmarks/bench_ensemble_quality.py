"""Is tuning worth it? The tuned zip against simpler ones, each run by the judge on every suite's judge part.

Needs a contest with predicted runs (six or more tell something), of all suites: `make suites train predict SUITES=all`.
Zips: the best single net without views, chosen on the select parts; the same with all plain views; all nets alike; and
what `make tune` chooses. What is done stays in --out: an interrupted comparison goes on where it was.
"""

import argparse
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.shared_contest import share_contest
from ensembles.calibrate import calibration_error
from ensembles.candidates import fingerprint
from ensembles.fit import Settings, fit
from local_eval.judged import open_judged
from local_eval.score_table import suite_order
from submission.kit.blend import blend
from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, write_json
from training.runs import current_runs

ROOT = Path(__file__).parents[1]
VARIANTS = {
    "single": "best single net, no views",
    "single_tta": "best single net, all plain views",
    "equal": "all nets and plain views alike",
    "tuned": "what make tune chooses",
}


def measure(artifacts: Path, folder: Path, variant: str, suites: Sequence[str], max_members: int) -> dict[str, Any]:
    """Fit, export, package and judge one variant.

    Args:
        artifacts: the contest with runs.
        folder: of the variant.
        variant: a key of `VARIANTS`.
        suites: to fit on, by their select parts, and to judge on.
        max_members: of the ensemble.

    Returns:
        method, members, passes, size_bytes; accuracies and forecast (suite -> accuracy, judged and fitted), and
        forecast_error, the standard error of their difference for an honest forecast: both are of as many images;
        calibration_raw and calibration: errors under shift on the judge parts.

    Raises:
        KitError: a step failed.
    """
    share_contest(artifacts, folder)
    link = folder / "runs"
    if not link.is_symlink():
        link.symlink_to((artifacts / "runs").resolve(), target_is_directory=True)
    methods = ["all"] if variant == "tuned" else [variant]
    ensemble = fit(folder, None, Settings(suites=list(suites), methods=methods, max_members=max_members))
    where = ["--artifacts", str(folder)]
    for module, *options in (
        ("submission.export",),
        ("submission.package",),
        ("local_eval.score", "--brief", "--suite", *suites),
    ):
        _command(module, *where, *options)
    score = read_json(folder / "judge" / "score.json", "python -m local_eval.score")
    raw, calibrated = _calibration(folder, score, suites)
    return {
        "method": ensemble["method"],
        "members": len(ensemble["members"]),
        "passes": int((np.array(ensemble["weights_mv"]) > 0).sum()),
        "size_bytes": score["size_bytes"],
        "accuracies": {suite: score["rows"][-1]["suites"][suite]["accuracy"] for suite in suites},
        "forecast": ensemble["forecast"],
        "forecast_error": math.sqrt(2) * next(line for line in ensemble["table"] if line["chosen"])["standard_error"],
        "calibration_raw": raw,
        "calibration": calibrated,
    }


def _calibration(folder: Path, score: Mapping[str, Any], suites: Sequence[str]) -> tuple[float, float]:
    """Errors under shift of the mean of raw probabilities and of what the zip gives; suites count alike."""
    raw, calibrated = [], []
    for suite in suites:
        if suite == "clean":
            continue
        judged = open_judged(
            folder / "judge" / score["sha256"][:8] / f"{suite}-judge", folder / "suites" / suite / "judge", "make score"
        )
        assert judged.table is not None
        table, labels = judged.table, judged.images.labels
        untempered = blend(table.probs_mvnk, table.weights_mv, [1.0] * len(table.members))
        shares = np.full(len(labels), 1 / len(labels) / (len(suites) - 1))
        for found, probs in ((raw, untempered), (calibrated, table.blended_nk)):
            found.append((probs.max(-1), probs.argmax(-1) == labels, shares))
    return tuple(  # type: ignore[return-value]
        calibration_error(*(np.concatenate(part) for part in zip(*found, strict=True))) if found else float("nan")
        for found in (raw, calibrated)
    )


def _command(module: str, *options: str) -> None:
    """A step in a process of its own, so that its memory is free afterwards."""
    done = subprocess.run([sys.executable, "-m", module, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise KitError(f"python -m {module} {' '.join(options)} ended with {done.returncode}: {done.stdout.strip()}")


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown: accuracy of every variant on every suite, in points of a hundred, and what was to be reached."""
    suites = suite_order(next(iter(results.values()))["accuracies"])
    lines = [
        f"| zip | members x views | {' | '.join(suites)} | mean | forecast off by | ECE raw | ECE |",
        f"|---|---|{'---|' * len(suites)}---|---|---|---|",
    ]
    for name, result in results.items():
        accuracies = [result["accuracies"][suite] for suite in suites]
        off = float(np.mean([result["forecast"][suite] for suite in suites]) - np.mean(accuracies))
        cells = [f"{100 * value:.1f}" for value in (*accuracies, float(np.mean(accuracies)))]
        method = f" ({result['method']})" if name == "tuned" else ""
        size = f"{result['members']} members, {result['passes']} passes"
        lines.append(
            f"| {VARIANTS[name]}{method} | {size} | {' | '.join(cells)} "
            f"| {100 * off:+.1f} | {result['calibration_raw']:.3f} | {result['calibration']:.3f} |"
        )
    return "\n".join(lines)


def verdict(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Whether the tuned zip is 2 points above the best single net, never 0.3 below, and forecast within 1 point."""
    tuned, single = results["tuned"], results["single"]
    suites = list(tuned["accuracies"])
    gains = {suite: 100 * (tuned["accuracies"][suite] - single["accuracies"][suite]) for suite in suites}
    shifted = [suite for suite in suites if suite != "clean"] or suites
    mean = float(np.mean([gains[suite] for suite in shifted]))
    worst = min(gains, key=lambda suite: gains[suite])
    off = 100 * float(np.mean([tuned["forecast"][suite] - tuned["accuracies"][suite] for suite in suites]))
    error = tuned.get("forecast_error")  # of a half of the hold-out against the other: chance alone
    chance = f", where chance alone has a standard error of {100 * error:.1f}" if error is not None else ""
    ratio = tuned["calibration"] / tuned["calibration_raw"]
    checks = (
        (mean >= 2, f"{mean:+.1f} points over the best single net on the mean of the shifted suites (wanted +2.0)"),
        (gains[worst] >= -0.3, f"least on {worst}: {gains[worst]:+.1f} points (wanted -0.3 at least)"),
        (abs(off) <= 1, f"forecast off by {off:+.1f} points (wanted within 1){chance}"),
        (ratio <= 0.5, f"calibration error {ratio:.2f} of the uncalibrated mean's (wanted 0.5 at most)"),
    )
    return "\n".join(f"{'reached' if fine else 'MISSED'}: {text}" for fine, text in checks)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_ensemble_quality",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, required=True, help="a contest with predicted runs of all suites")
    parser.add_argument(
        "--suites",
        nargs="+",
        default=["clean", "an2dl", "bloodmnist-c", "stain", "occlusion"],
        help="fitted and judged",
    )
    parser.add_argument("--least", type=int, default=6, help="members that there must be")
    parser.add_argument("--max-members", type=int, default=8, help="limit of members in an ensemble")
    parser.add_argument("--out", type=Path, help="folder of the zips; default: ARTIFACTS/quality")
    args = parser.parse_args(argv)
    runs = [run.name for run in current_runs(args.artifacts, ("predicted",))]
    if len(runs) < args.least:
        raise KitError(
            f"expected at least {args.least} predicted runs in {args.artifacts / 'runs'}. Received: "
            f"{', '.join(runs) or 'none'}. Train more: `make predict MEMBERS=... ARTIFACTS={args.artifacts}`."
        )
    prints = {run: fingerprint(args.artifacts / "runs", run, args.suites) for run in runs}
    out = args.out or args.artifacts / "quality"
    results = {}
    for variant in VARIANTS:
        path = out / variant / "result.json"
        made_of = {"max_members": args.max_members, "suites": args.suites, "runs": prints}
        found = read_json(path, "") if path.exists() else {}
        if found.get("made_of") != made_of:
            found = measure(args.artifacts, out / variant, variant, args.suites, args.max_members)
            write_json(path, found | {"made_of": made_of})
        results[variant] = found
    print(f"{len(runs)} members\n{table(results)}\n{verdict(results)}")
    return 0


if __name__ == "__main__":
    run_main(main)
