"""How far the forecasts miss, on shifts made by other people's code: see foreign_shifts.py and forecast_probs.py.

    python benchmarks/bench_forecast.py --artifacts A --foreign FOLDER --probs FOLDER [--half tune|report|all]

Every net of PROBS takes the part of a submission, every foreign set that of a hidden set. Nets and sets are each cut in
two by their order: parameters were chosen on the half `tune` (its nets on its sets), and `report` has neither its nets
nor its sets. Prints a line a net and set, then the means.
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from local_eval.forecasting.evidence import Evidence
from local_eval.forecasting.forecast import forecast
from local_eval.forecasting.posterior import Entry
from local_eval.forecasting.scenarios import UNKNOWN, known_scenarios
from local_eval.forecasting.severity import severity_shifts
from local_eval.forecasting.strata import Answers
from local_eval.forecasting.unlabelled import LabelFree
from local_eval.severities import read_severities
from submission.kit.files import read_json
from submission.kit.seeds import derive_seed

ENTRIES = (0, 1, 3, 5)
REPEATS = 4  # draws of which nets are the entries
LEAST_SHIFTED = 300  # images of a set with other class frequencies


@dataclass(frozen=True)
class Net:
    """Answers on the suites, and on the foreign sets (probabilities, labels)."""

    name: str
    suites: dict[str, Answers]
    foreign: dict[str, tuple[np.ndarray, np.ndarray]]
    severities: np.ndarray

    @cached_property
    def label_free(self) -> LabelFree:
        return LabelFree(list(self.suites.values()), 500)

    def shift(self, scenario: str, foreign: str) -> tuple[int, float] | None:
        """The severity that corruptions-1 to -5 are known to have; they are imagecorruptions' own numbers."""
        if scenario != "imagenet-c" or not foreign.startswith("corruptions-"):
            return None
        one = self.suites[scenario]
        severity = int(foreign[-1])
        return severity, severity_shifts(one.probs_nk.argmax(-1) == one.labels, self.severities)[severity]

    @cached_property
    def evidence(self) -> dict[str, Evidence]:
        return {name: Evidence(name, _accuracy(one.probs_nk, one.labels), len(one.labels))
                for name, one in self.suites.items()}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One forecast of one truth."""

    net: str
    set: str
    method: str
    truth: float
    accuracy: float
    low: float
    high: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path, required=True)
    parser.add_argument("--foreign", type=Path, required=True)
    parser.add_argument("--probs", type=Path, required=True)
    parser.add_argument("--half", choices=["tune", "report", "all"], default="report")
    parser.add_argument("--without", nargs="*", default=[], help="suites left out")
    parser.add_argument("--brief", action="store_true", help="the means alone")
    args = parser.parse_args()
    scenarios = {path.parent.name: read_json(path, "")["scenario"] for path in sorted(args.foreign.glob("*/meta.json"))}
    nets = [_load(folder, args.artifacts, args.without) for folder in sorted(args.probs.iterdir())]
    nets = sorted((net for net in nets if set(net.foreign) == set(scenarios)), key=lambda net: _strength(net))
    chosen = {"tune": (slice(0, None, 2),), "report": (slice(1, None, 2),), "all": (slice(None),)}[args.half][0]
    sets = list(scenarios)[chosen]
    cases = [case for net in nets[chosen] for name in sets for case in _cases(net, nets, name, scenarios[name])]
    if not args.brief:
        _print_all(cases)
    print(f"{len(nets[chosen])} nets, {len(sets)} sets ({args.half}); suites: {', '.join(sorted(nets[0].suites))}")
    print("method                        cases   MAE  p90   bias  covered  width  rank in a set  rank over all")
    for method in dict.fromkeys(case.method for case in cases):
        _print_mean(method, [case for case in cases if case.method == method])


def _cases(net: Net, nets: Sequence[Net], name: str, scenario: str) -> list[Case]:
    probs, labels = net.foreign[name]
    truth = _accuracy(probs, labels)
    scenario = "an2dl-typical" if scenario == "an2dl" else scenario
    names = [UNKNOWN] if scenario == UNKNOWN or scenario not in known_scenarios(net.suites) else [scenario, UNKNOWN]
    found = []
    for which in names:
        kind = UNKNOWN if which == UNKNOWN else "named"
        for k in ENTRIES:
            for repeat in range(REPEATS if k else 1):
                rng = np.random.default_rng(derive_seed(repeat, net.name, name, k))
                others = [other for other in nets if other.name != net.name]
                picked = [others[n] for n in rng.choice(len(others), min(k, len(others)), replace=False)]
                entries = [Entry(_accuracy(*one.foreign[name]), "p", one.evidence) for one in picked]
                phase = "p" if entries else None
                made = forecast(net.evidence, which, entries, phase=phase, severity=net.shift(which, name))
                case = Case(net.name, name, f"{kind}, {k} scores", truth, made.accuracy, made.low, made.high)
                found.append(case)
    for kind, rows in (("as trained", np.arange(len(labels))), ("shifted", _shifted_rows(labels, name))):
        made_u = net.label_free.forecast(probs[rows])
        truth_u = _accuracy(probs[rows], labels[rows])
        flag = "detected" if made_u.label_shift.detected else "not detected"
        for method in (f"unlabelled, classes {kind}", f"  of these {flag}, {kind}"):
            found.append(Case(net.name, name, method, truth_u, made_u.accuracy, made_u.low, made_u.high))
    return found


def _shifted_rows(labels: np.ndarray, name: str) -> np.ndarray:
    """Rows of a part whose class frequencies are drawn from a flat Dirichlet distribution."""
    rng = np.random.default_rng(derive_seed(0, "classes", name))
    weights = rng.dirichlet(np.ones(labels.max() + 1))[labels] / np.bincount(labels)[labels]
    return rng.choice(len(labels), LEAST_SHIFTED, replace=False, p=weights / weights.sum())


def _load(folder: Path, artifacts: Path, without: Sequence[str]) -> Net:
    suites, foreign, severities = {}, {}, None
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            probs, labels, ids = file["probs"], file["labels"], file["ids"]
        kind, _, name = path.stem.partition("-")
        if kind == "foreign":
            foreign[name] = (probs, labels)
        elif name not in without:
            with open(artifacts / "suites" / name / "judge" / "operations.csv", newline="") as lines:
                by_id = {
                    line["id"]: tuple(filter(None, line["operations"].split("+"))) for line in csv.DictReader(lines)
                }
            suites[name] = Answers(name, labels, probs, [by_id.get(str(one), ()) for one in ids])
            if name == "imagenet-c":
                severities = read_severities(artifacts / "suites" / name / "judge" / "operations.csv", ids)
    return Net(folder.name, suites, foreign, severities)


def _accuracy(probs: np.ndarray, labels: np.ndarray) -> float:
    return float((probs.argmax(-1) == labels).mean())


def _strength(net: Net) -> float:
    return float(np.mean([_accuracy(*one) for one in net.foreign.values()]))


def _print_all(cases: Sequence[Case]) -> None:
    methods = list(dict.fromkeys(case.method for case in cases if not case.method.startswith("  ")))
    for case in cases:
        if case.method in methods:
            inside = "" if case.low <= case.truth <= case.high else " outside"
            print(f"{case.net:<40} {case.set:<16} {case.method:<32} true {case.truth:.3f} "
                  f"forecast {case.accuracy:.3f} [{case.low:.3f}, {case.high:.3f}]{inside}")  # fmt: skip


def _print_mean(method: str, cases: Sequence[Case]) -> None:
    errors = np.array([case.accuracy - case.truth for case in cases])
    covered = np.mean([case.low <= case.truth <= case.high for case in cases])
    width = np.mean([case.high - case.low for case in cases])
    ranks = []
    for name in dict.fromkeys(case.set for case in cases):
        own = [case for case in cases if case.set == name]
        if len({case.net for case in own}) > 2:
            ranks.append(_rank(own))
    within = f"{np.mean(ranks):.3f}" if ranks else "-"
    missed, bias = 100 * np.abs(errors), 100 * errors.mean()
    print(f"{method:<28} {len(cases):>6}  {missed.mean():4.1f}  {np.quantile(missed, 0.9):4.1f}  {bias:+4.1f}"
          f"  {covered:7.1%}  {width:5.3f}  {within:>13}  {_rank(cases):>13.3f}")  # fmt: skip


def _rank(cases: Sequence[Case]) -> float:
    return float(spearmanr([case.truth for case in cases], [case.accuracy for case in cases]).statistic)


if __name__ == "__main__":
    main()
