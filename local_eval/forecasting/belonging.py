"""Whether leaderboard scores are of a scenario, and a forecast that holds whether they are or not.

A score says nothing of images that are altered otherwise: 0.8 on the leaderboard does not make 0.97 on clean images
less likely. Two explanations of the scores are compared: that the leaderboard's images are of the scenario, or that no
one knows what they are like (the scenario "unknown"). Their likelihoods give the probability of the first. The forecast
is the mixture: by that probability the scenario corrected by the scores, else what is left without that correction.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

from .evidence import Evidence
from .logit import expit
from .posterior import Entry, Predicted, predict
from .scenarios import UNKNOWN, Scenario, unknown_scenario

BEFORE = 0.8  # probability, before any score, that the leaderboard's images are of the scenario that is asked for


@dataclass(frozen=True)
class Belief:
    """A mixture of two distributions on the logit scale.

    belongs: weight of `corrected`, the scenario with the scores; other: what is forecast if they are not of it;
    follows: whether that follows the scores, the images being those of a phase that has some.
    """

    belongs: float
    corrected: Predicted
    other: Predicted
    follows: bool

    def quantile(self, share: float) -> float:
        """As an accuracy in [0, 1]; share in (0, 1). By bisection."""
        ends = (*self.corrected.ends(share), *self.other.ends(share))
        low, high = min(ends), max(ends)
        for _ in range(60):
            middle = (low + high) / 2
            if self.belongs * self.corrected.cdf(middle) + (1 - self.belongs) * self.other.cdf(middle) < share:
                low = middle
            else:
                high = middle
        return expit((low + high) / 2)

    def widened(self, sd: float) -> "Belief":
        """With one more source of error, a standard deviation on the logit scale."""
        corrected, other = (replace(one, sd=math.hypot(one.sd, sd)) for one in (self.corrected, self.other))
        return replace(self, corrected=corrected, other=other)

    def halves(self, level: float) -> dict[str, float]:
        """Source of uncertainty -> half width that an interval of this level would have by it alone."""
        point = self.quantile(0.5)
        slope = NormalDist().inv_cdf((1 + level) / 2) * point * (1 - point)
        gap = self.belongs * (1 - self.belongs) * (self.corrected.mean - self.other.mean) ** 2
        found = {}
        for name, variance in self.corrected.parts.items():
            mixed = self.belongs * variance + (1 - self.belongs) * self.other.parts[name]
            found[name] = slope * (mixed + gap * (name == "scenario")) ** 0.5
        return found


def believe(
    evidence: Mapping[str, Evidence], scenario: Scenario, entries: Sequence[Entry], phase: str | None = None
) -> Belief:
    """Forecast one submission; arguments as of `posterior.predict`."""
    corrected = predict(evidence, scenario, entries, phase)
    if scenario.name == UNKNOWN or not entries:
        return Belief(1.0, corrected, corrected, True)
    unknown = predict(evidence, unknown_scenario(scenario.weights), entries, phase)
    odds = math.log(BEFORE / (1 - BEFORE)) + corrected.log_likelihood - unknown.log_likelihood
    follows = phase in {entry.phase for entry in entries}
    other = unknown if follows else predict(evidence, scenario, (), phase)
    return Belief(expit(odds), corrected, other, follows)
