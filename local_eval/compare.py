"""Compare two zips on the same judge images, suite by suite: is b better, or is it noise?

Runs that are there already are used; suites on which a zip was not judged are judged first.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from submission.kit.console import run_main
from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file, write_json

from .judged import Judged, open_judged
from .limits import PROFILES_S
from .pairs import Paired, compare_pairs, holm
from .score import PART, JudgeZip, score, score_file, written_suites
from .score_table import suite_order

LEVEL = 0.95
ALL = "all shifted"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local_eval.compare", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("a", type=Path, help="a zip")
    parser.add_argument("b", type=Path, help="the zip that may be better")
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--suite", nargs="+", metavar="SUITE", help="suites to compare on; by default all of A/suites")
    parser.add_argument("--profile", default="an2dl", choices=sorted(PROFILES_S), help="the platform's limits")
    args = parser.parse_args(argv)
    print(describe(compare(args.artifacts, args.a, args.b, args.suite, args.profile)))
    return 0


def compare(
    artifacts: Path,
    a: Path,
    b: Path,
    suites: Sequence[str] | None = None,
    profile: str = "an2dl",
    judge: JudgeZip | None = None,
) -> dict[str, Any]:
    """Judge both where that is not done yet, compare them, and write A/judge/compare-<a8>-<b8>.json.

    Args:
        artifacts: A.
        a, b: zips of different bytes.
        suites: names; None is all that have a judge part.
        profile: of the platform's limits.
        judge: runs a zip on one suite; by default `local_eval.run.judge_zip`.

    Returns:
        {"a", "b": {"zip", "sha256"}, "suites": {suite: {"accuracy_a", "accuracy_b", "difference", "low", "high",
        "only_a", "only_b", "p_value", "p_holm", "n"}}, "verdict": "b is better" | "a is better" | "noise" | "mixed",
        "why"}. With several shifted suites there is also "all shifted": the mean over the suites, image by image.

    Raises:
        KitError: no such zip, both are the same, no suite, or a run failed.
    """
    names = suite_order(set(suites or written_suites(artifacts)))
    for path in (a, b):
        if not path.is_file():
            raise KitError(f"expected a zip at {path}. Received: no such file.")
    if sha256_file(a) == sha256_file(b):
        raise KitError(f"expected two different zips. Received: {a} and {b}, of the same bytes.")
    values = [score(artifacts, path, _with_scored(artifacts, path, names), profile, judge) for path in (a, b)]
    runs = [_open(artifacts, value, names) for value in values]
    right = [{name: run.predictions == run.images.labels for name, run in one.items()} for one in runs]
    made = {name: compare_pairs(right[0][name], right[1][name], LEVEL) for name in names}
    raised = dict(zip(names, holm([made[name].p_value for name in names]), strict=True))
    cells = {
        name: vars(made[name])
        | {"p_holm": raised[name]}
        | {f"accuracy_{which}": float(one[name].mean()) for which, one in zip("ab", right, strict=True)}
        for name in names
    }
    shifted = [name for name in names if name != "clean"]
    if len(shifted) > 1:
        cells[ALL] = _together(runs, right, shifted)
    verdict, why = _verdict(made, raised, cells.get(ALL))
    value = {
        **{which: {"zip": one["zip"], "sha256": one["sha256"]} for which, one in zip("ab", values, strict=True)},
        "level": LEVEL,
        "suites": cells,
        "verdict": verdict,
        "why": why,
    }
    write_json(artifacts / "judge" / f"compare-{values[0]['sha256'][:8]}-{values[1]['sha256'][:8]}.json", value)
    return value


def describe(value: Mapping[str, Any]) -> str:
    """As text: a line a suite, then the verdict."""
    names = list(value["suites"])
    order = [*suite_order([name for name in names if name != ALL]), *([ALL] if ALL in names else [])]
    width = max(map(len, names))
    lines = [f"{'suite':<{width}}  a       b       b - a    95 % interval      only a  only b  p"]
    for name in order:
        c = value["suites"][name]
        wrong = f"{c['only_a']:>6}  {c['only_b']:>6}" if "only_a" in c else f"{'':>6}  {'':>6}"
        lines.append(
            f"{name:<{width}}  {c['accuracy_a']:.4f}  {c['accuracy_b']:.4f}  {c['difference']:+.4f}  "
            f"[{c['low']:+.4f}, {c['high']:+.4f}]  {wrong}  {c['p_value']:.3g}"
        )
    lines.append(f"a: {value['a']['zip']}, b: {value['b']['zip']}")
    lines.append(f"{value['verdict']}: {value['why']}")
    return "\n".join(lines)


def _with_scored(artifacts: Path, path: Path, names: Sequence[str]) -> list[str]:
    """The suites asked for, and those that the zip's score has already: it must not lose any."""
    try:
        scored = read_json(score_file(artifacts, sha256_file(path)), "")["suites"]
    except (KitError, KeyError, TypeError):
        scored = {}
    there = written_suites(artifacts)
    return [*names, *(name for name in scored if name in there)]


def _open(artifacts: Path, value: Mapping[str, Any], names: Sequence[str]) -> dict[str, Judged]:
    return {
        name: open_judged(
            artifacts / value["suites"][name]["folder"],
            artifacts / "suites" / name / PART,
            f"python -m local_eval.score --artifacts {artifacts} --zip {value['zip']}",
        )
        for name in names
    }


def _together(
    runs: Sequence[Mapping[str, Judged]], right: Sequence[Mapping[str, np.ndarray]], names: Sequence[str]
) -> dict[str, Any]:
    """The mean of the suites; copies of one image are one observation, with a normal interval over the images."""
    totals: dict[str, float] = {}
    for name in names:
        gains = (right[1][name].astype(float) - right[0][name]) / (len(right[0][name]) * len(names))
        for image_id, gain in zip(runs[0][name].images.ids, gains, strict=True):
            totals[str(image_id)] = totals.get(str(image_id), 0.0) + float(gain)
    gains = np.array(list(totals.values()))
    difference, n = float(gains.sum()), len(gains)
    error = float(gains.std(ddof=1) * n**0.5) if n > 1 else 1.0
    normal = NormalDist()
    half = normal.inv_cdf((1 + LEVEL) / 2) * error
    p_value = 2 * (1 - normal.cdf(abs(difference) / error)) if error else 1.0
    means = [float(np.mean([one[name].mean() for name in names])) for one in right]
    return {
        "accuracy_a": means[0],
        "accuracy_b": means[1],
        "difference": difference,
        "low": max(-1.0, difference - half),
        "high": min(1.0, difference + half),
        "p_value": p_value,
        "p_holm": p_value,
        "n": n,
    }


def _verdict(
    made: Mapping[str, Paired], raised: Mapping[str, float], together: Mapping[str, Any] | None
) -> tuple[str, str]:
    alpha = 1 - LEVEL
    sure = {name: one.difference for name, one in made.items() if raised[name] < alpha}
    if together is not None and together["p_value"] < alpha:
        sure[ALL] = together["difference"]
    better = [name for name, difference in sure.items() if difference > 0]
    worse = [name for name, difference in sure.items() if difference < 0]
    if better and worse:
        return "mixed", f"b is better on {', '.join(better)} and worse on {', '.join(worse)}"
    if better or worse:
        which, other = ("b", "a") if better else ("a", "b")
        return f"{which} is better", f"{which} is more accurate than {other} on {', '.join(better or worse)}"
    return "noise", f"no suite tells them apart at {LEVEL:.0%}, the number of suites allowed for (Holm)"


if __name__ == "__main__":
    run_main(main)
