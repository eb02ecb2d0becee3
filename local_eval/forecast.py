"""Forecast the hidden accuracy of a zip: for every scenario that its judged suites allow, and for unlabelled images.

Suites that are not judged yet are judged first; the leaderboard scores of the ledger correct the forecast.
"""

import argparse
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from submission.kit.console import run_main
from submission.kit.errors import KitError

from .entries import LeaderboardScore, others_judged, regression_entries
from .forecasting.doubts import find_doubts
from .forecasting.evidence import Evidence
from .forecasting.forecast import DOUBTFUL, forecast
from .forecasting.scenarios import DEFAULT, UNKNOWN, known_scenarios
from .forecasting.strength_axis import MEANT, said_strengths
from .forecasting.version import code
from .judged import Judged
from .loads import suite_strengths
from .shifts.operation import SEVERITIES

_SHOWN = 0.00005  # less is 0.0000 in print


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local_eval.forecast",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts/synthetic"), help="folder of one contest")
    parser.add_argument("--zip", type=Path, help="any submission; by default that of submissions/latest.json")
    parser.add_argument(
        "--scenario",
        metavar="NAME",
        help="only this one, such as unknown, stain, stain:4 (severities 1 to 5) or stain:mild (mild, typical, harsh: "
        "what other people mean by these, which varies); by default all that the suites allow",
    )
    parser.add_argument("--unlabelled", type=Path, metavar="FILE", help="images to forecast: .npz with images, or .npy")
    args = parser.parse_args(argv)
    from .score import score

    value = score(args.artifacts, args.zip, unlabelled=args.unlabelled)
    made = value["forecasts"]
    if args.scenario is not None:
        name = own_name(args.scenario)
        if name not in made:
            raise KitError(
                f"expected a scenario out of {', '.join(made) or 'none'}: each needs its suite to be judged. "
                f"Received: {args.scenario!r}. Judge it: `make score SUITES=NAME ARTIFACTS={args.artifacts}`, with the "
                "other settings of that contest."
            )
        made = {name: made[name]}
    print(describe_forecasts(made))
    if value["unlabelled"] is not None:
        print(describe_unlabelled(value["unlabelled"]))
    return 0


def own_name(said: str) -> str:
    """The scenario's own name: an2dl's strengths have suites of their own, "an2dl:mild" is "an2dl-mild"."""
    return re.sub(r"^an2dl:(?=[a-z])", "an2dl-", said)


def suite_evidence(artifacts: Path, judged: Mapping[str, Judged]) -> dict[str, Evidence]:
    """suite -> what the finished run on its judge part says."""
    found = {}
    for suite, run in judged.items():
        right = run.images.labels == run.predictions
        strengths = suite_strengths(artifacts / "suites" / suite / "judge", run.images.ids, right)
        found[suite] = Evidence(suite, float(right.mean()), len(run.images), strengths)
    return found


def forecasts_of(
    evidence: Mapping[str, Evidence], records: Sequence[Mapping[str, Any]], sha256: str, prints: Mapping[str, str]
) -> str:
    """A digest of all that a zip's scenario forecasts depend on: its own, other zips' and leaderboard scores, code.

    Args:
        evidence: what the suites say of it.
        records: of the ledger.
        sha256: of the zip.
        prints: suite -> fingerprint of its images, all those judged.
    """
    entries, left_out = regression_entries(records, prints, {sha256: evidence})
    value = [
        code(),
        sha256,
        dict(prints),
        [asdict(evidence[suite]) for suite in sorted(evidence)],
        [asdict(one) for one in entries],
        [asdict(one) for one in left_out],
        others_judged(records, sha256, prints),
    ]
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def make_forecasts(
    evidence: Mapping[str, Evidence],
    sha256: str,
    judged: Mapping[str, Judged],
    records: Sequence[Mapping[str, Any]],
    prints: Mapping[str, str],
) -> dict[str, dict[str, Any]]:
    """Every scenario's forecast of a judged zip, as JSON.

    Args:
        evidence: what the suites say of it, see `suite_evidence`.
        sha256: of the zip.
        judged: suite -> finished run on its judge part.
        records: of the ledger.
        prints: suite -> fingerprint of its images: ledger lines of other images are left out, and that is told.
    """
    entries, left_out = regression_entries(records, prints, {sha256: evidence})
    others = others_judged(records, sha256, prints)
    made = {}
    for name in known_scenarios(evidence):
        suite = _main_suite(name, judged)
        run = judged[suite]
        doubts = find_doubts(run.images.labels, run.predictions, run.images.class_names)
        if left_out:
            doubts.append(_told(left_out))
        made[name] = forecast(evidence, name, entries, others, warnings=doubts).as_dict()
        for strength in said_strengths(evidence[suite]) if name != UNKNOWN else ():
            if strength not in judged:  # a suite of that strength says it better
                one = forecast(evidence, name, entries, others, strength=strength, warnings=doubts)
                made[one.scenario] = one.as_dict()
    return made


def _told(left_out: Sequence[LeaderboardScore]) -> str:
    names = ", ".join(dict.fromkeys(f"{one.zip or 'a zip'} ({one.sha256[:8]})" for one in left_out))
    return (
        f"{len(left_out)} leaderboard scores are left out: {names} not judged on the suites as they are now. "
        "Run `python -m local_eval.run ZIP --suite NAME ...` with each"
    )


def main_forecast(made: Mapping[str, dict[str, Any]]) -> dict[str, Any] | None:
    """The one to show first: the contest's typical shift, unless the leaderboard scores speak for another, or it was
    not judged: then the unknown one. None without a shifted suite."""
    first = made.get(DEFAULT)
    return first if first is not None and first["belongs"] >= DOUBTFUL else made.get(UNKNOWN, first)


def describe_forecasts(made: Mapping[str, Mapping[str, Any]]) -> str:
    """The scenarios as a table, with those of their severities; then what each suite says, then the warnings."""
    said = [f":{strength}" for strength in (*SEVERITIES, *MEANT)]
    graded = {name: [of for end in said if (of := name.removesuffix("-typical") + end) in made] for name in made}
    inside = {one for names in graded.values() for one in names}
    meant = any(name.endswith(tuple(f":{word}" for word in MEANT)) for name in inside)
    width = max([len(name) for name in made if name not in inside] + [8])
    lines = [
        f"{'scenario':<{width}}  forecast  interval"
        + (f"{'':10}{'at severity 1 to 5':<30}{', '.join(MEANT) if meant else ''}".rstrip() if inside else "")
    ]
    for name, one in made.items():
        if name not in inside:
            at = " ".join(f"{made[graded_name]['accuracy']:.3f}" for graded_name in graded[name])
            line = f"{name:<{width}}  {one['accuracy']:.3f}     [{one['low']:.3f}, {one['high']:.3f}]  {at}"
            lines.append(line.rstrip())
    first = made.get(UNKNOWN) or next(iter(made.values()), None)
    if first is not None:
        width = max(len(reason["suite"]) for reason in first["reasons"])
        lines.append(f"what each suite says, and its weight in the scenario {first['scenario']}:")
        for reason in first["reasons"]:
            lines.append(
                f"  {reason['suite']:<{width}}  {reason['accuracy']:.3f} [{reason['low']:.3f}, {reason['high']:.3f}] "
                f"n={reason['n']}, weight {reason['weight']:.2f}"
            )
        luck = f"{first['optimism']:.4f}" if first["optimism"] >= _SHOWN else "nothing"
        lines.append(
            f"{first['entries']} leaderboard scores used; {luck} taken off for the luck of the best of "
            f"{first['candidates']} judged zips"
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
