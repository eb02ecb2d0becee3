"""What an organiser decides about a contest."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from submission.kit.errors import KitError

from ..limits import PROFILES_S

SUBMISSIONS = {"development": (5, 100), "final": (2, 5)}
"""Phase -> submissions a day and in all. Failed ones are free on the platform, cancelled ones count."""

DATE_FORMAT = "%Y-%m-%d %H:%M:%S"
DOCKER_IMAGE = "tensorflow/tensorflow:2.17.0"
"""Python 3.11 with TensorFlow 2.17.0 and numpy: one of the runtimes in submission/runtimes. Codabench's own default,
codalab/codalab-legacy:py37, is too old for this kit's submissions."""


@dataclass(frozen=True)
class Settings:
    """The organiser's choices.

    title: None makes one from the data. start: UTC, to the second, when the development phase begins; it lasts
    `development_days`, the final phase follows a second later and lasts `final_days`. limit_s: of each step, which the
    platform's queue may cap. suites: names, the first one ranks; None takes all that there are, "clean" last.
    """

    start: datetime
    title: str | None = None
    development_days: int = 60
    final_days: int = 7
    limit_s: int = int(PROFILES_S["codabench-default"])
    docker_image: str = DOCKER_IMAGE
    suites: tuple[str, ...] | None = None
    training_data: bool = True

    def __post_init__(self) -> None:
        for name in ("development_days", "final_days", "limit_s"):
            if getattr(self, name) < 1:
                raise KitError(f"expected {name} to be at least 1. Received: {name}={getattr(self, name)}.")
        try:
            self.phase_dates()
        except OverflowError:
            raise KitError(f"expected phases that end before the year 10000. Received: start={self.start}.") from None

    def phase_dates(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """Start and end of the two phases as the bundle has them."""
        final = self.start + timedelta(days=self.development_days)
        end = final + timedelta(days=self.final_days, seconds=-1)
        dates = (self.start, final - timedelta(seconds=1)), (final, end)
        return tuple((one.strftime(DATE_FORMAT), other.strftime(DATE_FORMAT)) for one, other in dates)  # type: ignore[return-value]


def parse_start(text: str) -> datetime:
    """The start as a datetime without zone, meaning UTC.

    Raises:
        KitError: not YYYY-MM-DD, nor YYYY-MM-DD HH:MM:SS.
    """
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        text += " 00:00:00"
    try:
        return datetime.strptime(text, DATE_FORMAT)
    except ValueError:
        raise KitError(f"expected a start in UTC as YYYY-MM-DD or 'YYYY-MM-DD HH:MM:SS'. Received: {text!r}.") from None
