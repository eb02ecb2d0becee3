"""What the hidden images are taken to be like, and how far such an assumption may be off."""

import math
from collections.abc import Collection
from dataclasses import dataclass

from submission.kit.errors import KitError

from .evidence import family_weights

UNKNOWN = "unknown"
DEFAULT = "an2dl-typical"

# How far a named scenario without severities (see `strength_axis`) may be off, as a standard deviation on the logit
# scale: the geometric mean of two figures.
# - In the public repositories of AN2DL 2024-25 an augmented hold-out missed the hidden accuracy by .06 in the mean
#   (absolute), at hidden accuracies around .85. As the mean absolute error of a normal distribution that is a standard
#   deviation of .0752, on the logit scale .0752 / (.85 * .15) = .59. No one had matched those hold-outs to anything.
# - These suites, on shifts of other libraries whose kind and strength were named beforehand: .23, the finite sets'
#   own draw included (bench_forecast.py, the half tune).
CONTEST_SD = 0.06 * math.sqrt(math.pi / 2) / (0.85 * 0.15)
NAMED_SD = math.sqrt(CONTEST_SD * 0.23)
# How much of its variance is common to all submissions was chosen on those shifts; the choice matters little.
NAMED_OFFSET, NAMED_NOISE = NAMED_SD * math.sqrt(0.3), NAMED_SD * math.sqrt(0.7)
CLEAN_SHARE = 0.5  # "unknown" gives the untouched images half of a family's weight: hidden sets are seldom untouched


@dataclass(frozen=True)
class Scenario:
    """The prior of the regression on the logit scale (see `posterior`).

    weights: suite -> weight, sum 1: the forecast without any leaderboard score is this mean of the suites.
    families: suite -> weight, sum 1: how the suites may deviate from it together.
    spread: standard deviation of the weights' deviation, 1 being "like one of the families, no one knows which".
    offset: standard deviation of what all submissions share, such as harder images. noise: of what those alike share.
    strength: of the suite whose weight is 1, see `strength_axis`; "" for the whole suite.
    uneven: standard deviation of a submission's own strength, severities.
    alike: distance of two submissions' suite accuracies (root mean square, logit) at which noise is shared by .6.
    own: share of the noise's variance that even those most alike do not share.
    common: share of the sampling errors' variance that submissions have in common.
    """

    name: str
    weights: dict[str, float]
    families: dict[str, float]
    spread: float
    offset: float
    noise: float
    strength: str = ""
    uneven: float = 0.0
    alike: float = 0.6
    own: float = 0.2
    common: float = 0.0

    @property
    def main(self) -> str:
        """The suite of most weight."""
        return max(self.weights, key=lambda suite: self.weights[suite])


def known_scenarios(suites: Collection[str]) -> list[str]:
    """Names of the scenarios that these suites allow: "unknown" last."""
    named = [_name(suite) for suite in sorted(suites, key=lambda suite: (suite != "an2dl", suite))]
    return [*named, *([UNKNOWN] if any(suite != "clean" for suite in suites) else [])]


def get_scenario(name: str, suites: Collection[str]) -> Scenario:
    """The scenario of that name, for submissions judged on these suites.

    Raises:
        KitError: no suite stands for it; the known names are listed.
    """
    known = known_scenarios(suites)
    if name not in known:
        raise KitError(
            f"expected a scenario out of {', '.join(known) or 'none'}: each needs its suite to be judged. "
            f"Received: {name!r}."
        )
    if name == UNKNOWN:
        return unknown_scenario(suites)
    families = family_weights(suites, {"clean": CLEAN_SHARE})
    weights = {suite: float(_name(suite) == name) for suite in suites}
    if name == "clean":  # the same images but for the draw: nothing has to be guessed beyond a little
        return Scenario(name, weights, families, spread=0.1, offset=0.15, noise=0.1)
    return Scenario(name, weights, families, spread=0.3, offset=NAMED_OFFSET, noise=NAMED_NOISE)


def unknown_scenario(suites: Collection[str]) -> Scenario:
    """Images that are altered in a way no one knows; of any suites, at least one."""
    families = family_weights(suites, {"clean": CLEAN_SHARE})
    return Scenario(UNKNOWN, families, families, spread=1.0, offset=0.3, noise=0.3)


def _name(suite: str) -> str:
    return "an2dl-typical" if suite == "an2dl" else suite
