"""The regression that the forecast is: hidden accuracy on the accuracies of the suites, Bayesian, in closed form.

On the logit scale the hidden accuracy y of a submission with suite accuracies x_f is

    y = shift + sum_f w_f x_f + offset + noise,    w_f = w0_f + t_f,

where w0 is the scenario's mean, the deviations t let the hidden images be more like one family and less like another,
the offset is what all submissions meet (harder images), and the noise is what only submissions alike share, but for a
part of its own. With normal priors y is a Gaussian process: its mean is shift + sum w0_f x_f, and two submissions
covary by

    spread^2 sum_f u_f (x_f - mean)(x'_f - mean') + offset^2 (+ phase^2 for the same phase) + noise^2 alike,

where alike falls from .8 with the distance of x and x'; each has its own sampling errors besides.

With spread 1 and no entry its variance is that over the families: "like one of them, no one knows which". Each
leaderboard score conditions the process; no entry leaves the suites alone.

Where the scenario's suite has severities, how strongly the hidden images are altered is a number of its own, t (see
`strength_axis`): the mean is the submission's line at t, and the covariance has another term, uneven^2 slope slope'
alike, for submissions that meet more or less than t. The forecast is a mixture over t, whose weights the scores change.

Source: Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", chapter 2.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from .evidence import Evidence
from .logit import expit, logit
from .scenarios import Scenario
from .strength_axis import Line, graded, line, prior

HIDDEN_IMAGES = 1000  # taken for the size of a hidden set: its own draw moves the score, too
LEAST_WEIGHT = 1e-5  # of a strength that is kept in the mixture
PHASE_SD = 0.1  # phases have different hidden images of one kind


@dataclass(frozen=True)
class Entry:
    """A submission whose leaderboard score is known: score in [0, 1], the phase, and what the suites said before."""

    score: float
    phase: str
    evidence: Mapping[str, Evidence]


@dataclass(frozen=True)
class Predicted:
    """A distribution on the logit scale: a normal one, or a mixture of normals of one sd, one for each strength.

    mean: of the whole; sd: of each component; parts: of the whole's variance: "sampling" (few judge images), "spread"
    (the suites disagree), "scenario" (the hidden images differ from any suite), "hidden" (few hidden images);
    log_likelihood: of the entries' scores under the scenario, before they were used; 0 without entries; components:
    (weight, its mean - mean).
    """

    mean: float
    sd: float
    parts: dict[str, float]
    log_likelihood: float = 0.0
    components: tuple[tuple[float, float], ...] = ((1.0, 0.0),)

    def cdf(self, value: float) -> float:
        """Probability of a logit below."""
        one = NormalDist(self.mean, self.sd)
        return sum(weight * one.cdf(value - beyond) for weight, beyond in self.components)

    def ends(self, share: float) -> tuple[float, float]:
        """Two values between which the quantile lies; share in (0, 1)."""
        one = NormalDist(self.mean, self.sd).inv_cdf(share)
        beyond = [beyond for _, beyond in self.components]
        return one + min(beyond), one + max(beyond)


def predict(
    evidence: Mapping[str, Evidence],
    scenario: Scenario,
    entries: Sequence[Entry] = (),
    phase: str | None = None,
) -> Predicted:
    """Forecast one submission.

    Args:
        evidence: suite -> what it says of the submission.
        scenario: of these suites.
        entries: with evidence of these suites, too.
        phase: whose hidden images are forecast; None for ones that no entry has seen.
    """
    everyone = [evidence, *(entry.evidence for entry in entries)]
    centre, lines, before = _lines(everyone, scenario)
    if len(before) > 1:
        scenario = graded(scenario)
    suites = list(scenario.weights)
    x = np.array([[one[suite].logit for suite in suites] for one in everyone])
    weights = np.array([scenario.weights[suite] for suite in suites])
    families = np.array([scenario.families[suite] for suite in suites])
    means = np.array([one.logits for one in lines])  # a row a submission, a column a strength
    slopes = np.array([one.slope for one in lines])
    deviations = (x - centre[:, None]) * np.sqrt(families) * scenario.spread
    phases = np.array([phase if phase is not None else "\0", *(entry.phase for entry in entries)])
    same_phase = phases[:, None] == phases
    gaps = ((x[:, None] - x) ** 2) @ families
    each = scenario.noise**2 + scenario.uneven**2 * np.outer(slopes, slopes)
    alike = each * (1 - scenario.own) * np.exp(-gaps / (2 * scenario.alike**2))
    # copies of the same images: their errors move together, so standard errors add, not variances
    errors = np.array([[one[suite].standard_error for suite in suites] for one in everyone]) @ weights
    sampling = np.hypot(errors, [one.sd for one in lines])
    scores = [expit(float(means[0] @ before)), *(entry.score for entry in entries)]
    edge = 0.5 / HIDDEN_IMAGES
    shares = np.clip(scores, edge, 1 - edge)
    hidden = (HIDDEN_IMAGES * shares * (1 - shares)) ** -0.5
    finite = np.outer(sampling, sampling) + np.outer(hidden, hidden) * same_phase
    shared = deviations @ deviations.T + scenario.offset**2 + PHASE_SD**2 * same_phase + alike
    own = each.diagonal() * scenario.own + (sampling**2 + hidden**2) * (1 - scenario.common)
    covariance = shared + finite * scenario.common + np.diag(own)
    parts = {
        "sampling": float(sampling[0] ** 2),
        "spread": float(deviations[0] @ deviations[0]),
        "scenario": float(scenario.offset**2 + PHASE_SD**2 + each[0, 0]),
        "hidden": float(hidden[0] ** 2),
    }
    if not entries:
        return _mixture(means[0], before, float(covariance[0, 0]), parts)
    missed = np.array([logit(share) for share in shares[1:]])[:, None] - means[1:]
    gain = np.linalg.solve(covariance[1:, 1:], covariance[1:, 0])
    fits = -0.5 * (missed * np.linalg.solve(covariance[1:, 1:], missed)).sum(0)
    best = float(fits.max())
    after = before * np.exp(fits - best)
    likelihood = best + math.log(after.sum()) - 0.5 * float(np.linalg.slogdet(2 * np.pi * covariance[1:, 1:])[1])
    variance = float(covariance[0, 0] - gain @ covariance[1:, 0])
    # What the entries take away is uncertainty about the hidden images, never that of the finite sets.
    fixed = parts["sampling"] + parts["hidden"]
    left = max(variance - fixed, 0.0) / (parts["spread"] + parts["scenario"])
    parts |= {"spread": parts["spread"] * left, "scenario": parts["scenario"] * left}
    return _mixture(means[0] + gain @ missed, after / after.sum(), variance, parts, likelihood)


def _lines(everyone: Sequence[Mapping[str, Evidence]], scenario: Scenario) -> tuple[np.ndarray, list[Line], np.ndarray]:
    """Each one's mean of the suites, its line along the strengths, and how likely these are beforehand.

    A single strength where the scenario has no severities. A submission of which they are not known falls as the one
    that is forecast.
    """
    weights = scenario.weights
    centre = np.array([sum(one[suite].logit * weight for suite, weight in weights.items()) for one in everyone])
    own = line(everyone[0], scenario) if any(weight == 1 for weight in weights.values()) else None
    if own is None:
        return centre, [Line(np.array([value]), 0.0, 0.0) for value in centre], np.ones(1)
    lines = [own]
    for n, one in enumerate(everyone[1:], 1):
        lines.append(line(one, scenario) or replace(own, logits=own.logits - centre[0] + centre[n]))
    return centre, lines, prior(scenario)


def _mixture(
    means: np.ndarray, weights: np.ndarray, variance: float, parts: dict[str, float], likelihood: float = 0.0
) -> Predicted:
    mean = float(weights @ means)
    parts = parts | {"scenario": parts["scenario"] + float(weights @ (means - mean) ** 2)}
    components = [(float(w), float(m - mean)) for w, m in zip(weights, means, strict=True) if w > LEAST_WEIGHT]
    total = sum(weight for weight, _ in components)
    kept = tuple((weight / total, beyond) for weight, beyond in components)
    return Predicted(mean, variance**0.5, parts, likelihood, kept)
