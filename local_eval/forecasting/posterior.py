"""The regression that the forecast is: hidden accuracy on the accuracies of the suites, Bayesian, in closed form.

On the logit scale the hidden accuracy y of a submission with suite accuracies x_f is

    y = shift + sum_f w_f x_f + offset + noise,    w_f = w0_f + t_f,

where w0 is the scenario's mean, the deviations t let the hidden images be more like one family and less like another,
the offset is what all submissions meet (harder images), and the noise is what only submissions alike share, but for a
part of its own. With normal priors y is a Gaussian process: its mean is shift + sum w0_f x_f, and two submissions
covary by

    spread^2 sum_f u_f (x_f - mean)(x'_f - mean') + offset^2 (+ phase^2 for the same phase) + noise^2 alike,

where alike falls from .7 with the distance of x and x'; each has its own sampling errors besides.

With spread 1 and no entry its variance is that over the families: "like one of them, no one knows which". Each
leaderboard score conditions the process; no entry leaves the suites alone.

Source: Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", chapter 2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .evidence import Evidence
from .logit import logit
from .scenarios import Scenario
from .severity import Shift

HIDDEN_IMAGES = 1000  # taken for the size of a hidden set: its own draw moves the score, too
ALIKE = 0.6  # distance of two submissions' suite accuracies (root mean square, logit) at which noise is shared by .6
OWN = 0.2  # share of the noise's variance that even those most alike do not share
PHASE_SD = 0.1  # phases have different hidden images of one kind


@dataclass(frozen=True)
class Entry:
    """A submission whose leaderboard score is known: score in [0, 1], the phase, and what the suites said before."""

    score: float
    phase: str
    evidence: Mapping[str, Evidence]


@dataclass(frozen=True)
class Predicted:
    """A normal distribution on the logit scale: mean, sd, and the parts of the variance (they add up to sd squared).

    parts: "sampling" (few judge images), "spread" (the suites disagree), "scenario" (the hidden images differ from any
    suite), "hidden" (few hidden images). log_likelihood: of the entries' scores under the scenario, before they were
    used; 0 without entries.
    """

    mean: float
    sd: float
    parts: dict[str, float]
    log_likelihood: float = 0.0


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
    suites = list(scenario.weights)
    everyone = [evidence, *(entry.evidence for entry in entries)]
    x = np.array([[one[suite].logit for suite in suites] for one in everyone])
    weights = np.array([scenario.weights[suite] for suite in suites])
    families = np.array([scenario.families[suite] for suite in suites])
    centre = x @ weights
    shifts = [_shift(one, evidence, scenario) for one in everyone]
    mean = centre + np.array([one.value for one in shifts])
    deviations = (x - centre[:, None]) * np.sqrt(families) * scenario.spread
    phases = np.array([phase if phase is not None else "\0", *(entry.phase for entry in entries)])
    same_phase = phases[:, None] == phases
    gaps = ((x[:, None] - x) ** 2) @ families
    alike = scenario.noise**2 * (1 - OWN) * np.exp(-gaps / (2 * ALIKE**2))
    shared = deviations @ deviations.T + scenario.offset**2 + PHASE_SD**2 * same_phase + alike
    # copies of the same images: their errors move together, so standard errors add, not variances
    errors = [[one[suite].standard_error for suite in suites] for one in everyone]
    sampling = (np.array(errors) @ weights) ** 2 + np.array([one.sd**2 for one in shifts])
    scores = [1 / (1 + np.exp(-mean[0])), *(entry.score for entry in entries)]
    edge = 0.5 / HIDDEN_IMAGES
    shares = np.clip(scores, edge, 1 - edge)
    hidden = 1 / (HIDDEN_IMAGES * shares * (1 - shares))
    own = scenario.noise**2 * OWN + sampling + hidden
    covariance = shared + np.diag(own)
    parts = {
        "sampling": float(sampling[0]),
        "spread": float(deviations[0] @ deviations[0]),
        "scenario": float(scenario.offset**2 + PHASE_SD**2 + scenario.noise**2),
        "hidden": float(hidden[0]),
    }
    if not entries:
        return Predicted(float(mean[0]), float(covariance[0, 0] ** 0.5), parts)
    observed = np.array([logit(share) for share in shares[1:]])
    missed = observed - mean[1:]
    gain = np.linalg.solve(covariance[1:, 1:], covariance[1:, 0])
    fit = -0.5 * float(missed @ np.linalg.solve(covariance[1:, 1:], missed))
    likelihood = fit - 0.5 * float(np.linalg.slogdet(2 * np.pi * covariance[1:, 1:])[1])
    variance = float(covariance[0, 0] - gain @ covariance[1:, 0])
    # What the entries take away is uncertainty about the hidden images, never that of the finite sets.
    fixed = parts["sampling"] + parts["hidden"]
    left = max(variance - fixed, 0.0) / (parts["spread"] + parts["scenario"])
    parts |= {"spread": parts["spread"] * left, "scenario": parts["scenario"] * left}
    return Predicted(float(mean[0] + gain @ missed), variance**0.5, parts, likelihood)


def _shift(one: Mapping[str, Evidence], target: Mapping[str, Evidence], scenario: Scenario) -> Shift:
    """To the scenario's strength; a submission of which it is not known falls as the one that is forecast."""
    if not scenario.strength:
        return Shift(0.0, 0.0)
    (suite,) = (name for name, weight in scenario.weights.items() if weight)
    return one[suite].strengths.get(scenario.strength) or target[suite].strengths[scenario.strength]
