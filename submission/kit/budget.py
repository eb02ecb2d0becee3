"""The time a prediction may take: a deadline, what passes cost here, and how many of them fit.

A platform four times slower than expected drops passes, not the submission.
"""

from __future__ import annotations  # platforms run Python 3.9

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence

from .errors import KitError

VARIABLE = "KIT_LIMIT_S"
"""Environment variable: the platform's limit in seconds, instead of the manifest's; 0 is none."""

SAFETY = 0.8
"""Share of the limit that is planned with: the rest is for start-up, for reading the images and for bad luck."""

LAST = 0.95
"""Share of the limit after which nothing is begun, not even the first pass of an image."""

_MARGIN = 1.1  # a plan may take so much longer than measured
_NEWEST = 0.5  # weight of the newest measurement: speeds change with the machine's other work

Pass = tuple[int, int]
"""(m, v): member m under view v, over all images."""


def find_limit_s(of_manifest: float | None, environ: Mapping[str, str] = os.environ) -> float | None:
    """Seconds, or None for no limit; KIT_LIMIT_S comes first.

    Raises:
        KitError: KIT_LIMIT_S is no number of at least 0.
    """
    text = environ.get(VARIABLE)
    if not text:
        return of_manifest
    try:
        limit_s = float(text)
    except ValueError:
        limit_s = -1.0
    if not 0 <= limit_s < math.inf:
        raise KitError(f"expected {VARIABLE} to be seconds, or 0 for no limit. Received: {text!r}")
    return limit_s or None


class Deadline:
    """Counts down from its making.

    Args:
        limit_s: above 0; None is no limit.
        clock: seconds that never go back.
        used_s: what is gone already.
    """

    def __init__(self, limit_s: float | None, clock: Callable[[], float] = time.monotonic, used_s: float = 0.0):
        self.limit_s = limit_s
        self._clock = clock
        self._started = clock() - used_s

    @property
    def is_set(self) -> bool:
        return self.limit_s is not None

    def used_s(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    def left_s(self, share: float = SAFETY) -> float:
        """Seconds left of that share of the limit, below 0 after it; infinite without a limit."""
        return math.inf if self.limit_s is None else self.limit_s * share - self.used_s()


class Costs:
    """Seconds an image that each member and each view took here."""

    def __init__(self) -> None:
        self._member_s: dict[int, float] = {}
        self._view_s: dict[int, float] = {}

    def record_member(self, m: int, images: int, seconds: float) -> None:
        """One call of member m."""
        _record(self._member_s, m, images, seconds)

    def record_view(self, v: int, images: int, seconds: float) -> None:
        """One making of view v."""
        _record(self._view_s, v, images, seconds)

    def knows(self, m: int) -> bool:
        """Whether member m was measured."""
        return m in self._member_s

    def seconds(self, passes: Sequence[Pass], images: int) -> float:
        """What passes over so many images will take, each view made once; what is unknown counts as the dearest."""
        dearest_m, dearest_v = (max(known.values(), default=0.0) for known in (self._member_s, self._view_s))
        members = sum(self._member_s.get(m, dearest_m) for m, _ in passes)
        views = sum(self._view_s.get(v, dearest_v) for v in {v for _, v in passes})
        return images * (members + views)

    def affordable(self, passes: Sequence[Pass], images: int, left_s: float) -> list[Pass]:
        """The longest prefix of the passes that fits into the time with a margin."""
        count = len(passes)
        while count and _MARGIN * self.seconds(passes[:count], images) > left_s:
            count -= 1
        return list(passes[:count])


def _record(known: dict[int, float], key: int, images: int, seconds: float) -> None:
    new = seconds / max(1, images)
    known[key] = new if key not in known else (1 - _NEWEST) * known[key] + _NEWEST * new
