"""Waiting: a clock that tests can replace, and exponential back-off over failures that pass."""

import sys
import time
from collections.abc import Callable
from typing import TypeVar

from tqdm import tqdm

from submission.kit.errors import KitError

T = TypeVar("T")
FIRST_S, LONGEST_S, ATTEMPTS = 1.0, 60.0, 8  # about two minutes in all
LONGEST_ASKED_S = 300.0  # of what a server's Retry-After may ask for


class Clock:
    """Real time, and how long to wait for others: for a connection, for an answer, for the storage's answer."""

    connect_s, answer_s, storage_s = 30.0, 120.0, 600.0

    def now(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class PassingError(KitError):
    """A failure that may pass: the same request can succeed later.

    may_have_acted: the server may have done what was asked, only its answer was lost; wait_s: it asked for this pause.
    """

    def __init__(self, message: str, may_have_acted: bool, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.may_have_acted = may_have_acted
        self.wait_s = wait_s


def pause(clock: Clock, failures: int, error: PassingError) -> None:
    """Wait after so many failures in a row: doubling, or what the server asked for if that is longer."""
    seconds = max(min(FIRST_S * 2 ** (failures - 1), LONGEST_S), min(error.wait_s or 0.0, LONGEST_ASKED_S))
    tqdm.write(f"{error} Again in {seconds:.0f} s.", file=sys.stderr)
    clock.sleep(seconds)


def repeat(call: Callable[[], T], clock: Clock, attempts: int = ATTEMPTS) -> T:
    """Call until it does not raise `PassingError`; only for what may be done twice.

    Raises:
        KitError: the last failure, after `attempts` of them.
    """
    for failures in range(1, attempts):
        try:
            return call()
        except PassingError as error:
            pause(clock, failures, error)
    try:
        return call()
    except PassingError as error:
        raise KitError(
            f"{error} It was tried {attempts} times. Run the same command again later: it goes on from here."
        ) from None
