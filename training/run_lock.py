"""One process at a time trains a run: a lock that ends with the process that holds it, however it ends."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from submission.kit.errors import KitError

LOCK = "run.lock"


class LockedError(KitError):
    """Another process that lives is at work there."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder within the block; the system gives it back even if the process is killed.

    Args:
        folder: a run directory, or any other that has one owner at a time; made if it is missing.

    Raises:
        LockedError: a live process, of this or another machine with the same storage, holds it; the message names it.
    """
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    # the file stays: were it removed, two processes could hold locks on two files of one name
    with open(folder / LOCK, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise LockedError(
                f"{folder} is locked by a live process. Received: {file.read().strip() or 'unknown owner'}. "
                "Wait until it has ended, or end it; then run the same command."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def is_locked(folder: Path) -> bool:
    """Whether a live process holds the lock of a folder."""
    import fcntl

    try:
        with open(folder / LOCK, encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
