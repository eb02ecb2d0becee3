"""Where the runs of a sweep are worked off: what every executor can do, and how one is made by name."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from submission.kit.errors import KitError


@dataclass(frozen=True)
class Job:
    """A call of a command module in a process of its own.

    name: unlike that of every other job under way; module: such as "training.train"; argv: its arguments; log: what it
    prints is appended there; kind: jobs of one kind need as much memory; recipe: which its resources may depend on;
    files_in, files_out: small files that it reads and writes beside a run directory, which travel with it where no
    disk is shared; watched: whether somebody looks at its history while it is under way.
    """

    name: str
    module: str
    argv: list[str]
    log: Path
    kind: str
    recipe: str = ""
    files_in: tuple[Path, ...] = ()
    files_out: tuple[Path, ...] = ()
    watched: bool = False


@dataclass(frozen=True)
class Ended:
    """A job that has ended.

    code: its exit status, negative for a signal; peak_bytes: its memory, 0 if unknown; log_start: where in the log it
    begins; lost: whether its machine or process was taken away, so that it should be begun again; blameless: whether
    that is sure to have nothing to do with the job, as when its machine has gone or another process holds the run;
    said: its last words, where they are known without the log.
    """

    name: str
    code: int
    peak_bytes: int = 0
    log_start: int = 0
    lost: bool = False
    blameless: bool = False
    said: str = ""


class Executor(Protocol):
    """Works off jobs, as many at once as there is room for."""

    def recall(self, folder: Path) -> None:
        """Bring a run that was done elsewhere into its run directory; asked before a run is looked at."""

    def has_slot(self) -> bool:
        """Whether another job may be begun; asked before one is drawn, so that it is drawn by the latest scores."""

    def has_room(self, job: Job) -> bool:
        """Whether there is memory for the job, too; always true where nothing is under way."""

    def submit(self, job: Job) -> None:
        """Begin a job."""

    def wait(self, timeout_s: float) -> list[Ended]:
        """The jobs that have ended since; returns at once if there are some, else after the time."""

    def stop(self, name: str) -> None:
        """End a job politely; `wait` tells when it has ended."""

    def close(self) -> None:
        """End all jobs and wait for their end."""


_EXECUTORS = {"local": "local", "slurm": "on_slurm", "ray": "on_ray"}  # modules; none is named as a library is
EXECUTORS = tuple(_EXECUTORS)


def make_executor(name: str, **options: Any) -> Executor:
    """An executor by name.

    Args:
        name: one of `EXECUTORS`.
        options: of its `make_executor`.

    Raises:
        KitError: unknown, or its libraries are not installed.
    """
    if name not in _EXECUTORS:
        raise KitError(f"unknown executor. Received: {name!r}. Known: {', '.join(EXECUTORS)}.")
    try:
        module = importlib.import_module(f"{__package__}.{_EXECUTORS[name]}")
    except ModuleNotFoundError as error:
        raise KitError(
            f"executor {name} needs {error.name}. Run `pip install -r requirements-{name}.txt` first."
        ) from None
    return module.make_executor(**options)
