"""Run a command module, pinned to cores if any are named: how a job begins, in any interpreter."""

import contextlib
import ctypes
import importlib
import os
import signal
import sys
from collections.abc import Sequence

from submission.kit.console import run_main

_PR_SET_PDEATHSIG = 1


def run(cores: Sequence[int], module: str, argv: Sequence[str]) -> None:
    """Run `module`'s main with the arguments and exit as it does; end if the parent does."""
    if cores:
        with contextlib.suppress(AttributeError, OSError):  # not on this system, or such cores are not ours
            os.sched_setaffinity(0, cores)
    end_with_parent()
    sys.argv = [module, *argv]
    run_main(importlib.import_module(module).main)


def end_with_parent() -> None:
    """Ask the system, if it is Linux, for a polite kill when the parent ends, however it ends."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    run([int(core) for core in sys.argv[1].split(",") if core], sys.argv[2], sys.argv[3:])
