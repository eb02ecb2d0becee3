"""What a field of a recipe may be in a search."""

import math
from dataclasses import dataclass
from typing import Any

from submission.kit.errors import KitError


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, both included; with `log`, equally dense in every decade."""

    low: float
    high: float
    log: bool = False
    integer: bool = False

    def __post_init__(self) -> None:
        bounds = (self.low, self.high)
        if not all(isinstance(bound, (int, float)) and math.isfinite(bound) for bound in bounds):
            raise KitError(f"a range has two finite numbers. Received: {bounds}.")
        if not self.low < self.high:
            raise KitError(f"a range goes from a lower to a higher number. Received: {bounds}.")
        if self.log and self.low <= 0:
            raise KitError(f"log_uniform begins above 0. Received: {bounds}.")


@dataclass(frozen=True)
class Choice:
    """One of some values of JSON: numbers, texts, true, false, null, lists."""

    options: tuple[Any, ...]

    def __post_init__(self) -> None:
        if not self.options:
            raise KitError("choice needs at least one value. Received: none.")


def uniform(low: float, high: float) -> Range:
    """Any number of the range alike."""
    return Range(low, high)


def log_uniform(low: float, high: float) -> Range:
    """Any decade of the range alike: for learning rates and weight decay."""
    return Range(low, high, log=True)


def integers(low: int, high: int) -> Range:
    """Whole numbers."""
    return Range(low, high, integer=True)


def choice(*options: Any) -> Choice:
    """One of the values."""
    return Choice(options)
