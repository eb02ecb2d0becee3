"""Jobs as processes of this machine: as many at once as cores, GPUs and memory allow, each pinned to its cores."""

import contextlib
import os
import signal
import time
from pathlib import Path

from submission.kit.errors import KitError
from submission.kit.files import read_json, write_json

from . import machine
from .executor import Ended, Job
from .launcher import GRACE_S, FreshLauncher, Launcher, WarmLauncher

FIRST_GUESS_BYTES = 2 << 30  # of a kind of which none has ended; a net of the kit's own takes 1 to 1.5 GB
SPARE = 1.1  # what a run may take more than its like

THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
# imported before the first run: all that training imports once it has begun
PRELOAD = [
    "training.train",
    "training.configure",
    "training.phase_trainer",
    "training.validation",
    "training.checkpoint",
    "training.metrics",
    "training.sweeping.plan",
    "keras",
    "sklearn.metrics",
]


class LocalExecutor:
    """See `executor.Executor`.

    Args:
        launcher: begins the processes.
        slots: cores and environment of each job that may run at once.
        memory_file: peaks of the kinds of jobs that ended here before; None to forget them.
    """

    def __init__(
        self, launcher: Launcher, slots: list[tuple[list[int], dict[str, str]]], memory_file: Path | None = None
    ) -> None:
        self.launcher = launcher
        self.free_slots = list(reversed(slots))
        self.num_slots = len(slots)
        self.memory_file = memory_file
        self.peaks: dict[str, int] = {}
        if memory_file is not None and memory_file.exists():
            self.peaks = read_json(memory_file, "python -m training.sweep")
        self.running: dict[str, tuple[Job, tuple[list[int], dict[str, str]]]] = {}
        self.stopping: dict[str, float] = {}  # when the polite kill was sent

    def recall(self, folder: Path) -> None:
        """Its run directories are those of this machine."""

    def has_slot(self) -> bool:
        return bool(self.free_slots)

    def has_room(self, job: Job) -> bool:
        if not self.running:
            return True  # it cannot get more room than all there is
        # those under way will grow up to their kind's peak
        growth = sum(max(0, self._peak(other.kind) - self._used(name)) for name, (other, _) in self.running.items())
        return machine.free_bytes() - growth >= self._peak(job.kind)

    def _peak(self, kind: str) -> int:
        return int(SPARE * self.peaks.get(kind, FIRST_GUESS_BYTES))

    def _used(self, name: str) -> int:
        pid = self.launcher.pid(name)
        return machine.used_bytes(pid) if pid is not None else 0

    def submit(self, job: Job) -> None:
        slot = self.free_slots.pop()
        self.running[job.name] = (job, slot)
        self.launcher.start(job, *slot)

    def wait(self, timeout_s: float) -> list[Ended]:
        for name, since in self.stopping.items():
            if time.monotonic() > since + GRACE_S:
                self.launcher.signal(name, signal.SIGKILL)
        ended = self.launcher.wait(timeout_s)
        for one in ended:
            job, slot = self.running.pop(one.name)
            self.free_slots.append(slot)
            self.stopping.pop(one.name, None)
            if one.peak_bytes > self.peaks.get(job.kind, 0):
                self.peaks[job.kind] = one.peak_bytes
                if self.memory_file is not None:
                    write_json(self.memory_file, self.peaks)
        return ended

    def stop(self, name: str) -> None:
        if name in self.running and name not in self.stopping:
            self.stopping[name] = time.monotonic()
            self.launcher.signal(name, signal.SIGTERM)

    def close(self) -> None:
        for name in self.running:
            self.stop(name)
        with contextlib.suppress(KitError):  # what begins them has ended, and they with it
            while self.running:
                self.wait(0.2)
        self.launcher.close()


def make_executor(
    memory_file: Path | None = None,
    jobs: int | None = None,
    threads: int | None = None,
    num_units: int | None = None,
    warm: bool = True,
) -> LocalExecutor:
    """An executor for this machine.

    Args:
        memory_file: where the memory of the kinds of jobs is kept.
        jobs: the most at once; by default one a GPU, or as many as there are cores for.
        threads: of each job; by default the cores are shared out among the jobs, one each if there are more jobs.
        num_units: how many jobs there will be at most.
        warm: whether the libraries are loaded once for all jobs; TensorFlow alone allows it.

    Raises:
        KitError: jobs or threads below 1, or more threads than cores.
    """
    cores, gpus = machine.cores(), machine.gpus()
    for name, value in (("--jobs", jobs), ("--threads", threads)):
        if value is not None and value < 1:
            raise KitError(f"{name} must be at least 1. Received: {value}.")
    if threads is not None and threads > len(cores):
        raise KitError(f"--threads must be at most the {len(cores)} cores of this machine. Received: {threads}.")
    most = jobs or len(gpus) or len(cores) // (threads or 1)
    at_once = max(1, min(most, num_units or most))
    each = threads or max(1, len(cores) // at_once)
    # for logs: a bar's line now and then, and no greetings of TensorFlow
    quiet = {"TQDM_MININTERVAL": "20", "PYTHONUNBUFFERED": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    slots = []
    for number in range(at_once):
        own = [cores[(number * each + n) % len(cores)] for n in range(each)]
        environment = {**dict.fromkeys(THREADS, str(each)), **quiet}
        if gpus:
            environment["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
        slots.append((own, environment))
    launcher: Launcher
    if warm and os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
        launcher = WarmLauncher(PRELOAD, slots[0][1])
    else:
        launcher = FreshLauncher()
    return LocalExecutor(launcher, slots, memory_file)
