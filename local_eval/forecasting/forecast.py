"""One submission's forecast for one scenario: a number, its interval and the reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..intervals import wilson
from .belonging import believe
from .candidates import optimism
from .evidence import Evidence
from .posterior import Entry
from .scenarios import UNKNOWN, get_scenario
from .strength_axis import KIN

DOUBTFUL = 0.5  # probability that the scores are of the scenario below which it is told


@dataclass(frozen=True)
class Forecast:
    """A predicted hidden accuracy.

    accuracy, low, high: in [0, 1], the interval at `level`; n: judge images it rests on; entries: leaderboard scores it
    rests on; belongs: probability that those are of the scenario, 1 without any; halves: source of uncertainty -> half
    width it would have alone; sampling_half, scenario_half: the finite sets, and all that is not known of the hidden
    images; optimism: taken off because the best of `candidates` judged zips is partly lucky; reasons: what each suite
    says; assumes: in words what must hold; warnings: what speaks against trusting it.
    """

    accuracy: float
    low: float
    high: float
    level: float
    scenario: str
    n: int
    entries: int
    belongs: float
    candidates: int
    optimism: float
    halves: dict[str, float]
    sampling_half: float
    scenario_half: float
    reasons: list[dict[str, Any]]
    assumes: str
    warnings: list[str]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def forecast(
    evidence: Mapping[str, Evidence],
    scenario: str,
    entries: Sequence[Entry] = (),
    others: Mapping[str, Sequence[float]] | None = None,
    *,
    phase: str | None = None,
    strength: str = "",
    level: float = 0.9,
    warnings: Sequence[str] = (),
) -> Forecast:
    """Forecast the hidden accuracy of a submission.

    Args:
        evidence: suite -> what it says of the submission, at least one.
        scenario: a name of `known_scenarios`.
        entries: submissions with a leaderboard score; those without evidence of the same suites are left out and told.
        others: suite -> accuracies of the other submissions that were judged on it, from which this one was chosen.
        phase: whose hidden images are forecast; None for ones that no entry has seen. Where the entries are not of the
            scenario, the forecast of a phase that they have seen follows them, and any other stays as without them.
        strength: one of `strength_axis.said_strengths` of the evidence of the scenario's suite; "" for the whole suite.
        level: the interval's coverage if what it assumes holds.
        warnings: passed on.

    Raises:
        KitError: no suite stands for the scenario.
    """
    wanted = set(get_scenario(scenario, evidence).weights)
    needed = {suite for suite, weight in get_scenario(scenario, evidence).weights.items() if weight}
    if scenario == UNKNOWN:
        needed = {"an2dl"} & wanted or wanted
    usable = [entry for entry in entries if needed <= set(entry.evidence)]
    suites = sorted(wanted.intersection(*(entry.evidence for entry in usable)))
    told = list(warnings)
    if len(usable) < len(entries):
        told.append(
            f"{len(entries) - len(usable)} of {len(entries)} leaderboard scores are left out: their zips were not "
            f"judged on {', '.join(sorted(needed))}"
        )
    if len(suites) < len(wanted):
        told.append(f"without {', '.join(sorted(wanted - set(suites)))}: zips of the ledger were not judged on it")
    prior = get_scenario(scenario, suites)
    if strength:
        title = strength if strength in KIN else f"{scenario.removesuffix('-typical')}:{strength}"
        prior = replace(prior, name=title, strength=strength)
    lowered, luck = {}, {}
    for suite in suites:
        one = evidence[suite]
        luck[suite] = optimism(one.accuracy, (others or {}).get(suite, ()), one.n)
        lowered[suite] = replace(one, accuracy=one.accuracy - luck[suite])
    made = believe(lowered, prior, usable, phase)
    if made.belongs < DOUBTFUL:
        told.append(
            f"the leaderboard scores are hardly of images like {prior.name} (probability {made.belongs:.2f}): "
            + ("the forecast follows the scores" if made.follows else "they hardly correct this forecast")
        )
    point = made.quantile(0.5)
    shift = sum(prior.weights[suite] * luck[suite] for suite in suites)
    # half of what is taken off for luck is as uncertain as that
    unsure = shift / 2 / max(point * (1 - point), 1e-3)
    made = made.widened(unsure)
    halves = made.halves(level)
    main = max(suites, key=lambda suite: prior.weights[suite])
    return Forecast(
        accuracy=point,
        low=made.quantile((1 - level) / 2),
        high=made.quantile((1 + level) / 2),
        level=level,
        scenario=prior.name,
        n=evidence[main].n,
        entries=len(usable),
        belongs=made.belongs,
        candidates=1 + max((len(values) for values in (others or {}).values()), default=0),
        optimism=shift,
        halves=halves,
        sampling_half=(halves["sampling"] ** 2 + halves["hidden"] ** 2) ** 0.5,
        scenario_half=(halves["spread"] ** 2 + halves["scenario"] ** 2) ** 0.5,
        reasons=[_reason(evidence[suite], prior.weights[suite], luck[suite], level) for suite in suites],
        assumes=_assumes(prior.name, len(usable)),
        warnings=told,
    )


def _reason(one: Evidence, weight: float, luck: float, level: float) -> dict[str, Any]:
    low, high = wilson(round(one.accuracy * one.n), one.n, level)
    return {
        "suite": one.suite,
        "accuracy": one.accuracy,
        "low": low,
        "high": high,
        "n": one.n,
        "weight": weight,
        "optimism": luck,
    }


def _assumes(scenario: str, entries: int) -> str:
    if scenario == UNKNOWN:
        start = "the hidden images are altered like one of the families of suites, and no one knows which"
    elif scenario == "clean":
        start = "the hidden images are not altered"
    else:
        suite, _, severity = scenario.removesuffix("-typical").partition(":")
        start = f"the hidden images are altered about as those of the suite {suite}"
        if severity:
            start += f" at severity {severity}" if severity.isdigit() else f", as strongly as makers call {severity}"
    scores = f"{entries} leaderboard scores correct it" if entries > 1 else "one leaderboard score corrects it"
    return (
        f"{start}, and are otherwise of the same kind and the same class proportions. "
        + (f"{scores[0].upper()}{scores[1:]}. " if entries else "")
        + "How far that may be off is taken from shifts made by other libraries and from contestants, whose augmented "
        "hold-outs missed the hidden accuracy by 0.06 in the mean. Those read too high where the recipe that trained "
        "also judged. Another stain, microscope or class balance is not covered."
    )
