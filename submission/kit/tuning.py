"""What tunes never reads what judges: enforced while a tuning step runs, whichever way it opens a file."""

from __future__ import annotations  # platforms run Python 3.9

import contextlib
import functools
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

from .errors import KitError

JUDGE = "judge"
# the images and labels that judge, predictions for them, and what came of them
_JUDGED = re.compile(
    r"(?:^|/)(?:suites/[^/]+/judge/[^/]+"
    r"|probs_[^/]*_judge\.npz"
    r"|judge/(?:[^/]+/)*(?:score|scores)\.json"
    r"|judge/(?:[^/]+/)*(?:predictions|table)\.(?:npz|csv))$"
)

_Function = TypeVar("_Function", bound=Callable[..., Any])
_active: ContextVar[str] = ContextVar("tuning", default="")
_hooked = False


@contextlib.contextmanager
def no_judge(step: str) -> Iterator[None]:
    """Within the block every attempt to open a judge part for reading raises `KitError`.

    An audit hook sees each file that Python opens, so `np.load`, `np.memmap`, `json` and `open` are all covered; it is
    installed once and is idle outside of such blocks. Other threads and processes started within are not covered.

    Args:
        step: the name of what tunes, for the error.
    """
    global _hooked
    if not _hooked:
        sys.addaudithook(_check)
        _hooked = True
    token = _active.set(step)
    try:
        yield
    finally:
        _active.reset(token)


def tunes(function: _Function) -> _Function:
    """Decorator: the function chooses or fits something, and runs within `no_judge`."""

    @functools.wraps(function)
    def guarded(*arguments: Any, **options: Any) -> Any:
        with no_judge(f"{function.__module__}.{function.__name__}"):
            return function(*arguments, **options)

    return guarded  # type: ignore[return-value]


def _check(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _active.get():
        return
    path = arguments[0]
    if not isinstance(path, (str, bytes, os.PathLike)):
        return  # a file descriptor: its path was checked when it was opened
    name = os.path.realpath(os.fsdecode(path)).replace(os.sep, "/")  # links and detours lead there, too
    if _JUDGED.search(name):
        raise KitError(
            f"{_active.get()} chooses, so it may not read what judges: expected files of the folds and of the select "
            f"parts. Received: {name}."
        )
