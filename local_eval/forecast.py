"""Forecast the hidden accuracy of a zip: for every scenario that its judged suites allow, and for unlabelled images.

Suites that are not judged yet are judged first; the leaderboard scores of the ledger correct the forecast.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from submission.kit.console import run_main
from submission.kit.errors import KitError

from .entries import others_judged, regression_entries
from .forecasting.doubts import find_doubts
from .forecasting.evidence import Evidence
from .forecasting.forecast import forecast
from .forecasting.scenarios import DEFAULT, UNKNOWN, known_scenarios
from .forecasting.severity import severity_shifts
from .judged import Judged
from .ledger import read_records
from .severities import read_severities


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local_eval.forecast",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--zip", type=Path, help="any submission; by default that of submissions/latest.json")
    parser.add_argument("--scenario", metavar="NAME", help="only this one; by default all that the suites allow")
    parser.add_argument("--unlabelled", type=Path, metavar="FILE", help="images to forecast: .npz with images, or .npy")
    args = parser.parse_args(argv)
    from .score import score

    value = score(args.artifacts, args.zip, unlabelled=args.unlabelled)
    made = value["forecasts"]
    if args.scenario is not None and args.scenario not in made:
        raise KitError(
            f"expected a scenario out of {', '.join(made) or 'none'}: each needs its suite to be judged. "
            f"Received: {args.scenario!r}. More suites: `python -m local_eval.suites --artifacts {args.artifacts} "
            "--suite NAME`."
        )
    print(describe_forecasts(made if args.scenario is None else {args.scenario: made[args.scenario]}))
    if value["unlabelled"] is not None:
        print(describe_unlabelled(value["unlabelled"]))
    return 0


def make_forecasts(artifacts: Path, sha256: str, judged: Mapping[str, Judged]) -> dict[str, dict[str, Any]]:
    """Every scenario's forecast of a judged zip, as JSON; the ledger's scores of the moment are used.

    Args:
        artifacts: A, with its ledger.
        sha256: of the zip.
        judged: suite -> finished run on its judge part.
    """
    records = read_records(artifacts / "ledger.jsonl")[0]
    evidence = {
        suite: Evidence(suite, float((run.images.labels == run.predictions).mean()), len(run.images))
        for suite, run in judged.items()
    }
    others = others_judged(records, sha256, {suite: one.n for suite, one in evidence.items()})
    made = {}
    entries = regression_entries(records)
    for name in known_scenarios(evidence):
        suite = _main_suite(name, judged)
        run = judged[suite]
        doubts = find_doubts(run.images.labels, run.predictions, run.images.class_names)
        made[name] = forecast(evidence, name, entries, others, warnings=doubts).as_dict()
        severities = read_severities(artifacts / "suites" / suite / "judge" / "operations.csv", run.images.ids)
        if name != suite or severities is None:
            continue
        for severity in severity_shifts(run.predictions == run.images.labels, severities).items():
            one = forecast(evidence, name, entries, others, severity=severity, warnings=doubts)
            made[one.scenario] = one.as_dict()
    return made


def main_forecast(made: Mapping[str, dict[str, Any]]) -> dict[str, Any] | None:
    """The one to show first: the contest's typical shift, else the unknown one; None without a shifted suite."""
    return made.get(DEFAULT) or made.get(UNKNOWN)


def describe_forecasts(made: Mapping[str, Mapping[str, Any]]) -> str:
    """The scenarios as a table, then what each suite says, then the warnings."""
    width = max([len(name) for name in made] + [8])
    lines = [f"{'scenario':<{width}}  forecast  interval"]
    for name, one in made.items():
        lines.append(f"{name:<{width}}  {one['accuracy']:.3f}     [{one['low']:.3f}, {one['high']:.3f}]")
    first = made.get(UNKNOWN) or next(iter(made.values()), None)
    if first is not None:
        width = max(len(reason["suite"]) for reason in first["reasons"])
        lines.append(f"what each suite says, and its weight in the scenario {first['scenario']}:")
        for reason in first["reasons"]:
            lines.append(
                f"  {reason['suite']:<{width}}  {reason['accuracy']:.3f} [{reason['low']:.3f}, {reason['high']:.3f}] "
                f"n={reason['n']}, weight {reason['weight']:.2f}"
            )
        lines.append(
            f"{first['entries']} leaderboard scores used; {first['optimism']:.4f} taken off, since the best of "
            f"{first['candidates']} judged zips is partly lucky"
        )
        lines += [f"warning: {warning}" for warning in first["warnings"]]
    return "\n".join(lines)


def describe_unlabelled(value: Mapping[str, Any]) -> str:
    """The forecast for unlabelled images, with what was found of their class frequencies."""
    line = (
        f"unlabelled images {value['file']}, n={value['n']}: {value['accuracy']:.3f}, {value['level']:.0%} interval "
        f"[{value['low']:.3f}, {value['high']:.3f}]"
    )
    return "\n".join([line, *(f"  {note}" for note in value["notes"])])


def _main_suite(scenario: str, judged: Mapping[str, Judged]) -> str:
    if scenario in judged:
        return scenario
    return "an2dl" if "an2dl" in judged else max(judged)


if __name__ == "__main__":
    run_main(main)
