"""What tunes never reads what judges: enforced while a tuning step runs, whichever way it opens a file."""

from __future__ import annotations  # platforms run Python 3.9

import contextlib
import functools
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from .errors import KitError

JUDGE = "judge"
# the images and labels that judge, predictions for them, and what came of them
_JUDGED = re.compile(
    r"(?:^|/)(?:suites/[^/]+/judge/[^/]+"
    r"|probs_[^/]*_judge\.npz"
    r"|judge/(?:[^/]+/)*(?:score|scores|outcome|corruption_error|compare-[^/]+)\.json"
    r"|judge/(?:[^/]+/)*(?:predictions|table)\.(?:npz|csv)"
    r"|judge/(?:[^/]+/)*detailed_results\.html"
    r"|report/report\.(?:html|png)"
    r"|ledger\.jsonl)$"
)

_Function = TypeVar("_Function", bound=Callable[..., Any])
_EVENTS = ("open", "os.link", "os.rename", "shutil.copyfile", "subprocess.Popen")
# Of the whole process, not of a thread's context: a reader in a thread of its own works for the step, too. Forked
# children inherit it.
_active: list[str] = []
_hooked = False


@contextlib.contextmanager
def no_judge(step: str) -> Iterator[None]:
    """Within the block every attempt to open a judge part for reading raises `KitError`.

    An audit hook sees each file that Python opens, so `np.load`, `np.memmap`, `json` and `open` are all covered, in
    threads and forked children too; nor may such a file be linked, moved or named to another program. The hook is
    installed once and is idle outside of such blocks. What it cannot see: hard links made before, paths relative to an
    open folder (`dir_fd`), and libraries that read with their own C code (`tf.io`, h5py).

    Args:
        step: the name of what tunes, for the error.
    """
    global _hooked
    if not _hooked:
        sys.addaudithook(_check)
        _hooked = True
    _active.append(step)
    try:
        yield
    finally:
        _active.remove(step)


def tunes(function: _Function) -> _Function:
    """Decorator: the function chooses or fits something, and runs within `no_judge`."""

    @functools.wraps(function)
    def guarded(*arguments: Any, **options: Any) -> Any:
        with no_judge(f"{function.__module__}.{function.__name__}"):
            return function(*arguments, **options)

    return guarded  # type: ignore[return-value]


def _check(event: str, arguments: tuple[Any, ...]) -> None:
    if not _active or event not in _EVENTS:
        return
    step = _active[-1]
    paths = arguments[1] if event == "subprocess.Popen" else arguments[:1]
    for path in [paths] if isinstance(paths, (str, bytes, os.PathLike)) else paths:
        if not isinstance(path, (str, bytes, os.PathLike)):
            continue  # a file descriptor: its path was checked when it was opened
        name = os.path.realpath(os.fsdecode(path)).replace(os.sep, "/")  # links and detours lead there, too
        if _JUDGED.search(name):
            raise KitError(
                f"{step} chooses, so it may not read what judges: expected files of the folds and of the select "
                f"parts. Received: {name}."
            )
