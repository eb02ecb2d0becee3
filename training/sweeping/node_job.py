"""A job on a node of a cluster: its files are fetched, a process of its own works, what it wrote is brought away.

This runs in a worker of the cluster, which does one job after another; the process that loads the libraries once for
all of them stays between jobs.
"""

import contextlib
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from submission.kit.errors import KitError
from submission.kit.files import write_text

from ..run_lock import is_locked
from ..runs import Run
from .executor import Ended, Job
from .launcher import GRACE_S, FreshLauncher, Launcher, WarmLauncher
from .place import here
from .storage import Input, Storage

FOLDER = "SWEEP_FOLDER"  # variable of a node: where its copies lie
LEAST_FREE_BYTES = 200 << 20


@dataclass(frozen=True)
class Pace:
    """Seconds: between two signs of life, without one until a run is free for others, between two archives."""

    beat_s: float = 5.0
    lease_s: float = 45.0
    sync_s: float = 120.0


@dataclass(frozen=True)
class NodeJob:
    """A job as it travels.

    artifacts: the folder there, where all machines share it; storage: else its URL; argv, log, files_out and the keys
    of files_in: as of `place.portable`; files_in: small files that it reads; files_out: such that it writes; inputs:
    what is trained on; run: name of the run that it trains, or ""; attempt: this beginning of it; ended: attempts at it
    that have ended for certain; preload: modules to load once for all jobs, none for a new interpreter each.
    """

    name: str
    module: str
    argv: tuple[str, ...]
    log: str
    artifacts: str
    environment: dict[str, str]
    storage: str = ""
    files_in: dict[str, str] = field(default_factory=dict)
    files_out: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()
    inputs_digest: str = ""
    run: str = ""
    attempt: str = ""
    ended: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True)
class NodeEnd:
    """What comes back.

    ended: as of any job; archive: of the run in the storage; log, files_out: texts; held: whether another process is at
    work on the run, so that nothing was begun; stop: why the sweep cannot go on, or "".
    """

    ended: Ended
    archive: str = ""
    log: str = ""
    files_out: dict[str, str] = field(default_factory=dict)
    held: bool = False
    stop: str = ""


def run_on_node(job: NodeJob) -> NodeEnd:
    """Do a job to its end, or until the cluster asks to stop it."""
    with _asked_to_stop() as is_stopped:
        try:
            return _OnNode(job, is_stopped).run()
        except KitError as error:
            return NodeEnd(Ended(job.name, 1), stop=f"{error}")
        except OSError as error:  # a disk that is full or read-only
            return NodeEnd(Ended(job.name, 1), stop=f"node {socket.gethostname()}: {error}")


class _OnNode:
    def __init__(self, job: NodeJob, is_stopped: Callable[[], bool]) -> None:
        self.job, self.is_stopped = job, is_stopped
        self.storage = Storage(job.storage) if job.storage else None
        self.artifacts = Path(job.artifacts)
        if self.storage is not None:
            self.artifacts = node_folder() / job.inputs_digest
        self.folder = self.artifacts / "runs" / job.run
        self.beats, self.beaten, self.lost_since = 0, 0.0, 0.0
        self.synced, self.lines = time.monotonic(), 0
        self.is_taken_over = False  # another attempt has begun, since this one was believed dead

    def run(self) -> NodeEnd:
        job, ended = self.job, Ended(self.job.name, 1)
        self._check_place()
        if self.storage is not None and job.run:
            if self._is_held():
                return NodeEnd(ended, held=True)
            self._beat()
            if archive := self.storage.latest_of(job.run):
                self.storage.fetch_run(self.folder, archive)
        for path, text in job.files_in.items():
            if self.storage is not None:
                write_text(here(path, self.artifacts), text)
        log = Path(here(job.log, self.artifacts))
        log.parent.mkdir(parents=True, exist_ok=True)
        start = log.stat().st_size if log.exists() else 0
        ended = self._work_off(log)
        ended = Ended(job.name, ended.code, ended.peak_bytes, start, ended.code == -signal.SIGKILL)
        return self._bring_away(ended, log)

    def _bring_away(self, ended: Ended, log: Path) -> NodeEnd:
        job = self.job
        if self.storage is None:
            return NodeEnd(ended)
        if not job.run:
            files = {path: Path(here(path, self.artifacts)) for path in job.files_out}
            texts = {path: file.read_text("utf-8") for path, file in files.items() if file.exists()}
            return NodeEnd(ended, log=log.read_text("utf-8", "replace"), files_out=texts)
        self._look()
        if self.is_taken_over:
            return NodeEnd(ended, held=True)
        archive = self._put_run()
        self.storage.leave(job.run, job.attempt)
        shutil.rmtree(self.folder)  # its archive is its place now
        return NodeEnd(ended, archive)

    def _work_off(self, log: Path) -> Ended:
        job, launcher = self.job, _launcher(self.job)
        argv = [here(text, self.artifacts) for text in job.argv]
        environment = job.environment | {
            name: os.environ[name] for name in ("CUDA_VISIBLE_DEVICES",) if name in os.environ
        }
        launcher.start(Job(job.name, job.module, argv, log, ""), [], environment)
        try:
            return self._wait(launcher)
        except BaseException:
            _end(launcher, job.name)
            raise

    def _wait(self, launcher: Launcher) -> Ended:
        job, asked = self.job, 0.0
        while True:
            for ended in launcher.wait(min(0.2, job.pace.beat_s)):
                return ended
            self._keep_in_touch()
            if not asked and (self.is_stopped() or self.is_taken_over):
                launcher.signal(job.name, signal.SIGTERM)
                asked = time.monotonic()
            elif asked and time.monotonic() > asked + GRACE_S:
                launcher.signal(job.name, signal.SIGKILL)

    def _keep_in_touch(self) -> None:
        """With the storage; out of reach it stops nothing, unless for so long that the run is taken for dead."""
        try:
            if self._beat_is_due():
                self._look()
            self._beat()
            self._sync()
        except KitError:
            self.lost_since = self.lost_since or time.monotonic()
            if time.monotonic() > self.lost_since + self.job.pace.lease_s:
                raise

    def _check_place(self) -> None:
        if self.storage is None:
            if not self.artifacts.is_dir():
                raise KitError(
                    f"node {socket.gethostname()} does not see {self.artifacts}: expected a folder that all nodes "
                    "share. Name a --storage that they reach, such as s3://bucket/folder."
                )
            return
        self.artifacts.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.artifacts).free
        if free < LEAST_FREE_BYTES:
            raise KitError(
                f"expected {LEAST_FREE_BYTES >> 20} MiB free on the disk of {self.artifacts}, on node "
                f"{socket.gethostname()}. Received: {free >> 20} MiB. Free some there, or set {FOLDER} on the node; "
                "then run the same command: it goes on from here."
            )
        import fcntl

        with open(self.artifacts / ".fetch.lock", "a") as file:  # the first job of the node fetches for all
            fcntl.flock(file, fcntl.LOCK_EX)
            self.storage.fetch_inputs(list(self.job.inputs), self.artifacts)

    def _is_held(self) -> bool:
        """Whether another process lives that trains the run, here or elsewhere."""
        assert self.storage is not None
        job, end = self.job, time.monotonic() + self.job.pace.lease_s
        while is_locked(self.folder):  # of a job of this node whose driver has ended, and which is ending
            if time.monotonic() > end or self.is_stopped():
                return True
            time.sleep(0.1)
        first = self.storage.alive(job.run)
        if not first or first["attempt"] in (job.attempt, *job.ended):
            return False
        while time.monotonic() < end and not self.is_stopped():
            time.sleep(min(1.0, job.pace.beat_s))
            now = self.storage.alive(job.run)
            if not now:
                return False
            if now != first:
                return True
        return self.is_stopped()

    def _look(self) -> None:
        if self.storage is not None and self.job.run and not self.is_taken_over:
            self.is_taken_over = self.storage.alive(self.job.run).get("attempt", self.job.attempt) != self.job.attempt

    def _beat_is_due(self) -> bool:
        return time.monotonic() >= self.beaten + self.job.pace.beat_s

    def _beat(self) -> None:
        if self.storage is None or not self.job.run or self.is_taken_over or not self._beat_is_due():
            return
        self.beats, self.beaten = self.beats + 1, time.monotonic()
        self.storage.beat(self.job.run, self.job.attempt, self.beats, Run(self.folder, {}).history())
        self.lost_since = 0.0

    def _sync(self) -> None:
        """Bring the run away now and then, so that another node can go on with it."""
        if self.storage is None or not self.job.run or self.is_taken_over:
            return
        if time.monotonic() < self.synced + self.job.pace.sync_s:
            return
        self.synced = time.monotonic()
        lines = len(Run(self.folder, {}).history())
        if lines > self.lines:
            self._put_run()
            self.lines = lines

    def _put_run(self) -> str:
        assert self.storage is not None
        run = Run(self.folder, {})
        return self.storage.put_run(self.folder, self.job.attempt, run.is_done, len(run.history()))


def node_folder() -> Path:
    """Where this machine keeps its copies."""
    return Path(os.environ.get(FOLDER) or Path(tempfile.gettempdir()) / f"sweep-{os.getuid()}")


_launchers: dict[tuple[str, ...], Launcher] = {}


def _launcher(job: NodeJob) -> Launcher:
    """One of this worker, kept from job to job; a new one if it has ended."""
    if not job.preload:
        return FreshLauncher()
    found = _launchers.get(job.preload)
    if not isinstance(found, WarmLauncher) or found.process.poll() is not None:
        found = _launchers[job.preload] = WarmLauncher(list(job.preload), job.environment)
    return found


def _end(launcher: Launcher, name: str) -> None:
    """End a job whose watch has failed: the worker's next one must not meet it."""
    with contextlib.suppress(KitError):  # the launcher has ended, and its jobs with it
        for number in (signal.SIGTERM, signal.SIGKILL):
            launcher.signal(name, number)
            if launcher.wait(GRACE_S):
                return


@contextlib.contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Yield what tells whether the cluster has cancelled the job: an interrupt, which would tear a file here."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: asked.set())
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)
