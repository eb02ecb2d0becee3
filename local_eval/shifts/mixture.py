"""A recipe for a suite: some of several operations for each image."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .choice import choose, choose_some
from .operation import SEVERITIES, get_operation
from .suite import Step, make_step


@dataclass(frozen=True)
class Recipe:
    """operations: name -> weight, applied in this order; counts: probabilities of 0, 1, 2 ... of them, none twice;
    severities: probabilities of 1 to 5; settings: name -> five settings in the place of a `Tabled` operation's own."""

    operations: Mapping[str, float]
    counts: tuple[float, ...]
    severities: tuple[float, float, float, float, float] = (0.2, 0.2, 0.2, 0.2, 0.2)
    settings: Mapping[str, tuple[Any, Any, Any, Any, Any]] = field(default_factory=dict)

    def plan(self, rng: np.random.Generator, channels: int) -> list[Step]:
        """Draw the steps of one image."""
        names = [name for name in self.operations if channels > 1 or not get_operation(name).needs_colour]
        count = min(choose(rng, self.counts), len(names))
        steps = []
        for n in sorted(choose_some(rng, [self.operations[name] for name in names], count)):
            severity = SEVERITIES[choose(rng, self.severities)]
            steps.append(make_step(rng, names[n], severity, self.settings.get(names[n])))
        return steps
