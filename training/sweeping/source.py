"""What a sweep works off: units with their runs, one after another, and what is told of each."""

from dataclasses import dataclass
from typing import Any, Protocol

from ..runs import Run
from .unit import Unit


@dataclass
class Work:
    """A unit and its run.

    suites: on whose select parts the run is scored; every_epoch: whether after each epoch, for a search that prunes;
    number: of a search's trial; tries: how often it was begun.
    """

    unit: Unit
    run: Run
    suites: tuple[str, ...] = ()
    every_epoch: bool = False
    number: int | None = None
    tries: int = 0

    @property
    def kind(self) -> str:
        """Runs of one kind need as much memory."""
        recipe = self.run.config["recipe"]
        return "{backbone} {image_size} px batch {batch_size}".format(**recipe)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do: trained, and scored on all suites."""
        return self.run.is_done and set(self.suites) <= set(self.run.metrics().get("select", {}))


@dataclass(frozen=True)
class Outcome:
    """state: "trained", "up to date", "pruned" or "failed"; error: its first line, if it failed."""

    state: str
    error: str = ""


class Source(Protocol):
    """Gives out work."""

    total: int | None

    def take(self) -> Work | None:
        """The next unit; None if there is none, or none as long as those under way have not ended."""

    def watch(self, work: Work, line: dict[str, Any]) -> bool:
        """Look at an epoch of a run under way; true if it is to be pruned."""

    def end(self, work: Work, outcome: Outcome) -> None:
        """A unit has ended."""


class Grid:
    """All units of a grid, in their order.

    Args:
        works: the units with their runs; each run once.
    """

    def __init__(self, works: list[Work]) -> None:
        self.total: int | None = len(works)
        self._left = list(reversed(works))

    def take(self) -> Work | None:
        return self._left.pop() if self._left else None

    def watch(self, work: Work, line: dict[str, Any]) -> bool:
        return False  # a grid has all its units trained to their end

    def end(self, work: Work, outcome: Outcome) -> None:
        """Nothing follows from it."""
