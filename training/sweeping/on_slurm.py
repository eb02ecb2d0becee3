"""Jobs on a Slurm cluster, through submitit: run directories and this project lie on storage that its machines share.

A job that Slurm takes away, for its time or for one of higher priority, is queued again by submitit and goes on from
its last epoch.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import submitit

from submission.kit.errors import KitError

from .cluster_job import log_size, run_job
from .executor import Ended, Job
from .local import THREADS

ROOT = Path(__file__).parents[2]
POLL_S = 0.5
MOST_AT_ONCE = 64


class _Call(submitit.helpers.Checkpointable):
    """A job as what submitit calls, and queues again after it was taken away."""

    def __call__(self, job: Job, root: str, environment: dict[str, str]) -> int:
        return run_job(job, root, environment)


class SlurmExecutor:
    """See `executor.Executor`.

    Args:
        folder: for submitit's files, on shared storage.
        cluster: "slurm", or "local" for processes of this machine, as in tests.
        jobs: the most in the queue at once.
        threads: cores of each.
        settings: further ones of submitit's `update_parameters`, such as timeout_min, slurm_partition, mem_gb.

    Raises:
        KitError: no Slurm on this machine, or settings that submitit does not know.
    """

    def __init__(self, folder: Path, cluster: str, jobs: int, threads: int, settings: dict[str, Any]) -> None:
        try:
            self.submitter = submitit.AutoExecutor(folder=folder, cluster=cluster)
            self.submitter.update_parameters(cpus_per_task=threads, **settings)
        except (RuntimeError, NameError, TypeError, ValueError) as error:
            raise KitError(
                f"executor slurm: {error}. Log in to a machine with Slurm's commands, or mend --slurm."
            ) from None
        self.environment = dict.fromkeys(THREADS, str(threads))
        self.most = jobs
        self.running: dict[str, tuple[Any, int]] = {}

    def recall(self, folder: Path) -> None:
        """Its machines share the run directories."""

    def has_slot(self) -> bool:
        return len(self.running) < self.most

    def has_room(self, job: Job) -> bool:
        return True  # Slurm sees to it

    def submit(self, job: Job) -> None:
        self.submitter.update_parameters(name=job.name)
        handle = self.submitter.submit(_Call(), job, str(ROOT), self.environment)
        self.running[job.name] = (handle, log_size(job))

    def wait(self, timeout_s: float) -> list[Ended]:
        end = time.monotonic() + timeout_s
        while True:
            ended = [self._ended(name) for name, (handle, _) in list(self.running.items()) if handle.done()]
            if ended or time.monotonic() >= end:
                return ended
            time.sleep(min(POLL_S, max(0.0, end - time.monotonic())))

    def _ended(self, name: str) -> Ended:
        handle, start = self.running.pop(name)
        try:
            code = handle.result()
        except Exception:  # submitit's own, and whatever its pickled error was: the job did not come back
            return Ended(name, -1, 0, start, lost=True)
        return Ended(name, code, 0, start, lost=code == -9)

    def stop(self, name: str) -> None:
        if name in self.running:
            self.running[name][0].cancel()

    def close(self) -> None:
        for name in self.running:
            self.stop(name)
        while self.running:
            self.wait(1.0)


def make_executor(
    folder: Path,
    jobs: int | None = None,
    threads: int | None = None,
    settings: Sequence[str] = (),
    cluster: str = "slurm",
) -> SlurmExecutor:
    """An executor for the Slurm cluster of which this machine is a part.

    Args:
        folder: for submitit's files.
        jobs: the most in the queue at once.
        threads: cores of each job.
        settings: texts such as "timeout_min=240", "slurm_partition=gpu", "gpus_per_node=1", "mem_gb=8".
        cluster: see `SlurmExecutor`.

    Raises:
        KitError: no Slurm here, or a setting that is none.
    """
    found: dict[str, Any] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise KitError(f"--slurm takes NAME=VALUE, such as timeout_min=240. Received: {text!r}.")
        found[name] = int(value) if value.isdigit() else value
    return SlurmExecutor(folder, cluster, jobs or MOST_AT_ONCE, threads or 1, found)
