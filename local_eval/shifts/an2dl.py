"""The hidden images of AN2DL 2024-25's first challenge as its contestants saw them (80 revealed), in three strengths.

What they report, and how it is read here:
- "On nearly every image a dark L on two sides": the border, on 95 %. It comes last: dark even on inverted images.
- "About a third look nearly untouched but for the L": 32 % have nothing else (no operation 45 % x no bar 70 %), and
  about 1 % more differ from that by less than 10 of 255 in the mean (measured on 2,000 blood cells).
- "On top, mixed": the list's items other than the bar are equally likely (`_ITEMS`); where there are any, an image has
  one to three from different items. What RandAugment also has, but the list has not, weighs half an item together.
- "One straight bar at 0/45/90/135 degrees": on 30 %, whatever else the image has, after the other operations, since
  those would tilt or tint it.
- "Strong magnitudes": severities 3, 4 and 5 make up three quarters.
Mild and harsh are not readings but brackets: fewer and weaker, more and stronger.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .choice import choose, choose_some
from .operation import SEVERITIES, get_operation
from .suite import Step, make_step, register_suite

_ITEMS: tuple[tuple[tuple[str, ...], float], ...] = (
    (("shear",), 1.0),
    (("translate",), 1.0),
    (("greyscale",), 1.0),
    (("channel_shift", "channel_shuffle", "hue"), 1.0),
    (("invert", "solarise"), 1.0),
    (("equalise",), 1.0),
    (("darken", "washout"), 1.0),
    (("rotate", "posterise", "sharpness", "blur"), 0.5),
)


@lru_cache
def _fitting(channels: int) -> tuple[list[list[str]], list[float]]:
    """Names and weights of the items that change an image of so many channels."""
    items = [
        (fitting, weight)
        for names, weight in _ITEMS
        if (fitting := [name for name in names if channels > 1 or not get_operation(name).needs_colour])
    ]
    total = sum(weight for _, weight in items)
    return [names for names, _ in items], [weight / total for _, weight in items]


@dataclass(frozen=True)
class Mixture:
    """How often and how strongly. The tuples are probabilities that sum to 1.

    counts: of 0, 1, 2 ... operations beside bar and border; severities: of 1 to 5; bar, border: of having one.
    """

    counts: tuple[float, ...]
    severities: tuple[float, float, float, float, float]
    bar: float
    border: float
    border_severity: int

    def plan(self, rng: np.random.Generator, channels: int) -> list[Step]:
        """Draw the steps of one image: operations in random order, then the bar, then the border."""
        count = choose(rng, self.counts)
        names, weights = _fitting(channels)
        steps = []
        for item in choose_some(rng, weights, count):
            steps.append(self._step(rng, names[item][rng.integers(len(names[item]))]))
        if rng.random() < self.bar:
            steps.append(self._step(rng, "bar"))
        if rng.random() < self.border:
            steps.append(Step("border", get_operation("border").sample(rng, self.border_severity)))
        return steps

    def _step(self, rng: np.random.Generator, name: str) -> Step:
        severity = SEVERITIES[choose(rng, self.severities)]
        return make_step(rng, name, severity)


TYPICAL = Mixture((0.45, 0.25, 0.19, 0.11), (0.1, 0.15, 0.25, 0.25, 0.25), bar=0.3, border=0.95, border_severity=4)
MILD = Mixture((0.55, 0.27, 0.14, 0.04), (0.3, 0.3, 0.2, 0.15, 0.05), bar=0.2, border=0.95, border_severity=3)
HARSH = Mixture((0.15, 0.3, 0.3, 0.25), (0.0, 0.05, 0.2, 0.35, 0.4), bar=0.45, border=0.95, border_severity=5)

register_suite("an2dl", version=2)(TYPICAL.plan)
register_suite("an2dl-mild", version=2)(MILD.plan)
register_suite("an2dl-harsh", version=2)(HARSH.plan)
