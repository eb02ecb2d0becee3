"""Nets, foreign sets and the forecasts of each on each: what bench_forecast.py counts up."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from local_eval.forecasting.evidence import Evidence
from local_eval.forecasting.forecast import forecast
from local_eval.forecasting.posterior import Entry
from local_eval.forecasting.scenarios import UNKNOWN
from local_eval.forecasting.severity import load_shifts
from local_eval.forecasting.strata import Answers
from local_eval.forecasting.unlabelled import LabelFree
from local_eval.loads import Loads, read_loads
from local_eval.operations_file import read_operations
from submission.kit.files import read_json
from submission.kit.seeds import derive_seed

REPEATS = 4  # draws of which nets are the entries
LEAST_SHIFTED = 300  # images of a set with other class frequencies


@dataclass(frozen=True)
class ForeignSet:
    """What a user could say of it beforehand: see foreign_shifts.py."""

    name: str
    suite: str
    strength: str

    @property
    def scenario(self) -> tuple[str, str]:
        """The named scenario and its strength: by the description alone."""
        if self.suite == "an2dl":  # its strengths have suites of their own
            return f"an2dl-{self.strength}", ""
        return self.suite, self.strength


@dataclass(frozen=True)
class Net:
    """Answers on the suites, and on the foreign sets (probabilities, labels). Nets of one training differ after @."""

    name: str
    suites: dict[str, Answers]
    loads: dict[str, Loads]
    foreign: dict[str, tuple[np.ndarray, np.ndarray]]

    @property
    def training(self) -> str:
        return self.name.partition("@")[0]

    @cached_property
    def evidence(self) -> dict[str, Evidence]:
        found = {}
        for name, one in self.suites.items():
            loads = self.loads.get(name)
            right = one.probs_nk.argmax(-1) == one.labels
            strengths = {} if loads is None else load_shifts(right, loads.own, loads.others)
            found[name] = Evidence(name, float(right.mean()), len(right), strengths)
        return found

    @cached_property
    def label_free(self) -> LabelFree:
        return LabelFree(list(self.suites.values()), 500)


@dataclass(frozen=True)
class Case:
    """One forecast of one truth; draw: which of the repeats."""

    net: str
    set: str
    method: str
    truth: float
    accuracy: float
    low: float
    high: float
    draw: int = 0


def make_cases(net: Net, nets: Sequence[Net], foreign: ForeignSet, entries: Sequence[int], images: bool) -> list[Case]:
    """All forecasts of a net's accuracy on a set.

    Args:
        net: the submission.
        nets: among them those that had leaderboard scores; of other trainings.
        foreign: the hidden images.
        entries: how many leaderboard scores.
        images: whether to forecast from the images without labels, too.
    """
    probs, labels = net.foreign[foreign.name]
    truth = accuracy(probs, labels)
    named = [("named", *foreign.scenario)] if foreign.suite != UNKNOWN else []
    others = [other for other in nets if other.training != net.training]
    found = []
    for kind, scenario, strength in [*named, (UNKNOWN, UNKNOWN, "")]:
        for k in entries:
            for draw in range(REPEATS if k else 1):
                rng = np.random.default_rng(derive_seed(draw, net.name, foreign.name, k))
                picked = [others[n] for n in rng.choice(len(others), min(k, len(others)), replace=False)]
                scores = [Entry(accuracy(*one.foreign[foreign.name]), "p", one.evidence) for one in picked]
                made = forecast(net.evidence, scenario, scores, phase="p" if scores else None, strength=strength)
                values = (truth, made.accuracy, made.low, made.high, draw)
                found.append(Case(net.name, foreign.name, f"{kind}, {k} scores", *values))
    for kind, rows in (("as trained", np.arange(len(labels))), ("shifted", shifted_rows(labels, foreign.name))):
        if images:
            made_u = net.label_free.forecast(probs[rows])
            values_u = (accuracy(probs[rows], labels[rows]), made_u.accuracy, made_u.low, made_u.high)
            flag = "detected" if made_u.label_shift.detected else "not detected"
            for method in (f"unlabelled, classes {kind}", f"  of these {flag}, {kind}"):
                found.append(Case(net.name, foreign.name, method, *values_u))
    return found


def shifted_rows(labels: np.ndarray, name: str) -> np.ndarray:
    """Rows of a part whose class frequencies are drawn from a flat Dirichlet distribution."""
    rng = np.random.default_rng(derive_seed(0, "classes", name))
    weights = rng.dirichlet(np.ones(labels.max() + 1))[labels] / np.bincount(labels)[labels]
    return rng.choice(len(labels), LEAST_SHIFTED, replace=False, p=weights / weights.sum())


def accuracy(probs: np.ndarray, labels: np.ndarray) -> float:
    return float((probs.argmax(-1) == labels).mean())


def read_sets(folder: Path, half: str) -> list[ForeignSet]:
    """The foreign sets of a half."""
    found = []
    for path in sorted(folder.glob("*/meta.json")):
        meta = read_json(path, "benchmarks/foreign_shifts.py")
        if meta["half"] == half:
            found.append(ForeignSet(path.parent.name, meta["suite"], meta["strength"]))
    return found


def read_nets(folder: Path, artifacts: Path, without: Sequence[str], sets: Sequence[ForeignSet]) -> list[Net]:
    """The nets that have answered all sets and suites, weak ones first."""
    wanted = {one.name for one in sets}
    suites = {path.parents[1].name for path in artifacts.glob("suites/*/judge/meta.json")} - set(without)
    nets = [_read(path, artifacts, suites) for path in sorted(folder.iterdir())]
    nets = [net for net in nets if wanted <= net.foreign.keys() and suites <= net.suites.keys()]
    return sorted(nets, key=lambda net: float(np.mean([accuracy(*net.foreign[name]) for name in wanted])))


def _read(folder: Path, artifacts: Path, wanted: set[str]) -> Net:
    suites, loads, foreign = {}, {}, {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            probs, labels, ids = file["probs"], file["labels"], file["ids"]
        kind, _, name = path.stem.partition("-")
        if kind == "foreign":
            foreign[name] = (probs, labels)
        elif name in wanted:
            part = artifacts / "suites" / name / "judge"
            by_id = read_operations(part / "operations.csv")
            found = read_loads(part, ids)
            own = None if found is None else found.own
            suites[name] = Answers(name, labels, probs, [by_id[str(one)] for one in ids], own)
            if found is not None:
                loads[name] = found
    return Net(folder.name, suites, loads, foreign)
