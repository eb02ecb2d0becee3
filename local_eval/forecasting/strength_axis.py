"""How strongly the hidden images are altered: a number that no one knows, and what each submission scores along it.

A name says the kind of alteration and a word how strongly, but another maker's "harsh" is not ours. So the strength t
is left open. 0 is untouched, 1 to 5 are the severities of the suite, beyond that its line goes on; what was said of it
(`prior`) makes some t more likely. A submission's own line (`line`) runs through its accuracies on untouched images and
at the suite's severities: a sensitive one falls steeply, a robust one hardly. Without a leaderboard score the forecast
is the mixture over t. One score of any submission says where on its own line the hidden images lie, and so how far all
others have fallen.

The suites `an2dl-mild`, `an2dl` and `an2dl-harsh` are points of one line, at 2, 3 and 4.

What the words mean and how well the lines hold was estimated by the marginal likelihood of 39 sets of shifted images
that other people's libraries made (bench_forecast.py, the half tune: 9 nets of 5 trainings). The words were set before
any forecast: half, once and twice a library's own defaults, or shares of the strongest that it has. The values below
lie between a fit in which each set counts alike (1.3, 2.2, 3.8) and one in which each maker does (1.7, 2.1, 4.1), drawn
towards 2, 3 and 4: two makers alone said "typical".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .evidence import Evidence
from .scenarios import Scenario

GRID = np.arange(0, 7.01, 0.25)
MEANT = {"mild": 1.5, "typical": 2.5, "harsh": 4.0}  # the severities that makers meant, in the mean
WORD_SD = 0.75  # how far one maker's word lies from that
NUMBER_SD = 0.4  # a severity that was said is about ours
UNSAID, UNSAID_SD = 3.0, 1.2  # a suite's name alone: the middle of the severities that it has
KIN = {"an2dl-mild": 2.0, "an2dl": 3.0, "an2dl-harsh": 4.0}

# Standard deviations (logits), given t: of what all submissions share, of what those alike share, and of the weights of
# the other suites. UNEVEN: by how many severities a submission alone meets more or less than t.
OFFSET, NOISE, SPREAD, UNEVEN = 0.08, 0.08, 0.4, 0.5
ALIKE, OWN = 1.2, 0.3  # the likelihood wants .1, but half of its pairs are epochs of one training
COMMON = 0.2  # share of the sampling error's variance that submissions have in common: they answer the same images


@dataclass(frozen=True)
class Line:
    """A submission's logits along GRID, float (G,); slope: logits a severity where the prior is; sd: of the line."""

    logits: np.ndarray
    slope: float
    sd: float


def said_strengths(one: Evidence) -> list[str]:
    """What may be said of a suite's strength beside its name: its severities, its kin, and the words."""
    graded = any(name.isdigit() for name in one.strengths)
    return [*one.strengths, *(MEANT if graded and one.suite not in KIN else ())]


def graded(scenario: Scenario) -> Scenario:
    """The scenario with the deviations that are left once the strength is a number of its own."""
    return replace(
        scenario, offset=OFFSET, noise=NOISE, spread=SPREAD, uneven=UNEVEN, alike=ALIKE, own=OWN, common=COMMON
    )


def prior(scenario: Scenario) -> np.ndarray:
    """How likely each strength of GRID is before any score, float (G,), sum 1."""
    if _by_kin(scenario):
        middle, sd = KIN[scenario.strength or scenario.main], WORD_SD
    elif scenario.strength.isdigit():
        middle, sd = float(scenario.strength), NUMBER_SD
    elif scenario.strength:
        middle, sd = MEANT[scenario.strength], WORD_SD
    else:
        middle, sd = UNSAID, UNSAID_SD
    weights = np.exp(-0.5 * ((GRID - middle) / sd) ** 2)
    return weights / weights.sum()


def line(one: Mapping[str, Evidence], scenario: Scenario) -> Line | None:
    """A submission's line.

    Args:
        one: suite -> what it says of the submission.
        scenario: named.

    Returns:
        None where the suite has no severities, or they are not known of this submission.
    """
    knots = _kin(one) if _by_kin(scenario) else _severities(one, scenario)
    if knots is None:
        return None
    places, values, sds = (np.array(column, np.float64) for column in zip(*knots, strict=True))
    values = np.minimum.accumulate(values)  # what rises with the severity is chance
    reach = GRID[-1] - places[-1]
    last = (values[-1] - values[-2]) / (places[-1] - places[-2])
    logits = np.interp(GRID, [*places, places[-1] + reach], [*values, values[-1] + reach * last])
    weights = prior(scenario)
    if not _by_kin(scenario) and not scenario.strength:  # the suite as a whole is in the middle
        logits = logits + one[scenario.main].logit - float(np.interp(UNSAID, GRID, logits))
    slope = float(np.gradient(logits, GRID) @ weights)
    return Line(logits, slope, float(np.interp(weights @ GRID, places, sds)))


def _by_kin(scenario: Scenario) -> bool:
    return (scenario.strength or scenario.main) in KIN


def _kin(one: Mapping[str, Evidence]) -> list[tuple[float, float, float]] | None:
    """(place, logit, its sd beyond the suite's own) of the suites of one family."""
    found = [(0.0, one["clean"].logit, 0.0)] if "clean" in one else []
    shifts = one["an2dl"].strengths if "an2dl" in one else {}
    if not shifts:
        return None
    for name, place in KIN.items():
        if name in one:
            found.append((place, one[name].logit, 0.0))
        elif name in shifts:
            found.append((place, one["an2dl"].logit + shifts[name].value, shifts[name].sd))
    return found if len(found) > 1 else None


def _severities(one: Mapping[str, Evidence], scenario: Scenario) -> list[tuple[float, float, float]] | None:
    own = one[scenario.main]
    found = [(float(name), own.logit + by.value, by.sd) for name, by in own.strengths.items() if name.isdigit()]
    if found and "clean" in one:
        found.append((0.0, one["clean"].logit, 0.0))
    return sorted(found) if len(found) > 1 else None
