"""Jobs on an existing Ray cluster: each is a task of Ray, which trains in a process of its own on one of the nodes.

The run directories are on a disk that all nodes share, or travel through a storage: see `storage`.

Why tasks, and not Ray Tune: Tune is a driver of its own, with its own search, pruning, retries and saved state. The
sweep has these (`search`, `drive`), in a journal and in run directories that the other executors and all later steps
share; a second record of what is done can only contradict the first, after a driver's death above all. Nor is it cheap:
it begins an actor, a new interpreter, for each trial, where tasks are done by workers that stay. Of 40 trials that
sleep 0.1 s on 8 slots of a busy machine with 2 cores, Tune ended the last after 201 s, with 75 ms of the driver's
processor time each and 223 MB; tasks by this module after 27 s, with 10 ms and 147 MB (`benchmarks.bench_ray --tune`).
"""

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ray
from ray import exceptions

from submission.kit.errors import KitError
from submission.kit.files import read_json, write_json, write_text

from ..run_lock import LockedError, locked
from ..runs import Run
from . import ray_cluster
from .executor import Ended, Job
from .local import PRELOAD, SPARE, THREADS
from .node_job import NodeEnd, NodeJob, Pace, run_on_node
from .place import portable
from .resources import Demands, Resources, of_node, parse_demands
from .storage import DONE, Input, Storage, new_attempt

PATIENCE_S = 30.0  # for nodes that come back, or come late
LOOK_S = 2.0  # between two looks at the nodes
CLOSE_S = 60.0
MIRRORED = ".mirrored"  # in a run directory: its history is that of a node, without the weights


class RayExecutor:
    """See `executor.Executor`; of a cluster that this process has joined.

    Args:
        artifacts: folder of one contest.
        demands: what runs take.
        jobs: the most at once; None for as many as there is room for.
        storage: where runs travel through; None where all nodes share the disk.
        memory_file: peaks of the kinds of jobs that ended here before; None to forget them.
        warm: whether a worker loads the libraries once for all its jobs.
        pace: of signs of life and archives.
        call: what a task does.
    """

    def __init__(
        self,
        artifacts: Path,
        demands: Demands,
        jobs: int | None = None,
        storage: Storage | None = None,
        memory_file: Path | None = None,
        warm: bool = True,
        pace: Pace | None = None,
        call: Callable[[NodeJob], NodeEnd] = run_on_node,
    ) -> None:
        self.artifacts, self.demands, self.most, self.storage = artifacts, demands, jobs, storage
        self.memory_file, self.pace, self.preload = memory_file, pace or Pace(), tuple(PRELOAD) if warm else ()
        self.peaks: dict[str, int] = {}
        if memory_file is not None and memory_file.exists():
            self.peaks = read_json(memory_file, "python -m training.sweep")
        # a worker outlives its jobs, and the cluster starts a new one only after a crash
        self.task = ray.remote(max_retries=0, max_calls=0)(call)
        self.running: dict[str, tuple[Any, Job, NodeJob, Resources]] = {}
        self.attempts: dict[str, tuple[str, ...]] = {}  # of this process, by run: those that have ended
        self.nodes: list[dict[str, Any]] = []
        self.looked, self.mirrored, self.misfit_since = -LOOK_S, 0.0, 0.0
        self.inputs: tuple[Input, ...] = ()
        self.known: dict[str, str] = {}
        if storage is not None:
            self.inputs, self.known = tuple(storage.put_inputs(artifacts)), storage.latest()
        contents = json.dumps([(one.path, one.sha256) for one in self.inputs])
        self.digest = hashlib.sha256(contents.encode()).hexdigest()[:16]

    def recall(self, folder: Path) -> None:
        archive = self.known.pop(folder.name, "")
        if self.storage is not None and archive.startswith(DONE):
            self._fetch(folder, archive)

    def _fetch(self, folder: Path, archive: str) -> None:
        assert self.storage is not None
        with contextlib.suppress(LockedError), locked(folder):  # else another process of this machine fetches it
            self.storage.fetch_run(folder, archive)
            (folder / MIRRORED).unlink(missing_ok=True)

    def has_slot(self) -> bool:
        if self.most is not None and len(self.running) >= self.most:
            return False
        used = sum(resources.cpus for _, _, _, resources in self.running.values())
        return not self.running or used < sum(node.get("CPU", 0.0) for node in self._nodes())

    def has_room(self, job: Job) -> bool:
        wanted, nodes = self._resources(job), self._nodes()
        if not any(wanted.fit(node) for node in nodes):
            self.misfit_since = self.misfit_since or time.monotonic()
            if self.running or time.monotonic() < self.misfit_since + PATIENCE_S:
                return False
            largest = "; ".join(sorted({of_node(node).told() for node in nodes})) or "no node at all"
            raise KitError(
                f"no node of the cluster has room for {job.name}: expected {wanted.told()}. Received: {largest}. "
                "Change --ray, or add nodes; then run the same command: it goes on from here."
            )
        self.misfit_since = 0.0
        taken = [resources for _, _, _, resources in self.running.values()]
        for name, mine in (("CPU", "cpus"), ("GPU", "gpus"), ("memory", "num_bytes")):
            total = sum(node.get(name, 0.0) for node in nodes)
            if getattr(wanted, mine) and sum(getattr(one, mine) for one in taken) + getattr(wanted, mine) > total:
                return False
        return True

    def _nodes(self) -> list[dict[str, Any]]:
        if time.monotonic() > self.looked + LOOK_S:
            self.nodes, self.looked = ray_cluster.nodes(), time.monotonic()
        return self.nodes

    def _resources(self, job: Job) -> Resources:
        nodes = self._nodes()
        found = self.demands.of(job.recipe, has_gpus=any(node.get("GPU") for node in nodes))
        if found.mem_gb or job.kind not in self.peaks:
            return found
        # as much as its like took, unless no node has that
        most = max((node.get("memory", 0.0) for node in nodes), default=0.0)
        return Resources(found.cpus, found.gpus, min(SPARE * self.peaks[job.kind], most) / (1 << 30))

    def submit(self, job: Job) -> None:
        resources = self._resources(job)
        call = self._call(job, resources)
        if call.run and self.storage is not None:
            self._bring(Run(job.log.parent, {}), call.attempt)
        handle = self.task.options(
            name=job.name, num_cpus=resources.cpus, num_gpus=resources.gpus, memory=resources.num_bytes or None
        ).remote(call)
        self.running[job.name] = (handle, job, call, resources)

    def _call(self, job: Job, resources: Resources) -> NodeJob:
        name = job.log.parent.name if job.log.parent.parent == self.artifacts / "runs" else ""
        # for logs: a bar's line now and then, and no greetings of TensorFlow
        quiet = {"TQDM_MININTERVAL": "20", "PYTHONUNBUFFERED": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        backend = {key: os.environ[key] for key in ("KERAS_BACKEND",) if key in os.environ}
        files_in = job.files_in if self.storage is not None else ()
        return NodeJob(
            name=job.name,
            module=job.module,
            argv=tuple(portable(text, self.artifacts) for text in job.argv),
            log=portable(str(job.log), self.artifacts),
            artifacts=str(self.artifacts.absolute()),
            environment={**dict.fromkeys(THREADS, str(int(resources.cpus))), **quiet, **backend},
            storage=self.storage.url if self.storage is not None else "",
            files_in={portable(str(path), self.artifacts): path.read_text("utf-8") for path in files_in},
            files_out=tuple(portable(str(path), self.artifacts) for path in job.files_out),
            inputs=self.inputs,
            inputs_digest=self.digest,
            run=name,
            attempt=new_attempt(),
            ended=self.attempts.get(name, ()),
            preload=self.preload,
            pace=self.pace,
        )

    def _bring(self, run: Run, attempt: str) -> None:
        """Bring what is here of a run to the storage, if it is further than what is there."""
        assert self.storage is not None
        if (run.path / MIRRORED).exists():  # the checkpoint of these epochs is there; what is here was brought before
            return
        epochs, done = len(run.history()), run.is_done
        rank = DONE if done else f"{epochs:06d}"
        if (done or epochs) and rank > self.storage.latest_of(run.name).partition("-")[0]:
            with locked(run.path):
                self.storage.put_run(run.path, attempt, done, epochs)

    def wait(self, timeout_s: float) -> list[Ended]:
        if not self.running:
            time.sleep(timeout_s)
            return []
        names = {handle: name for name, (handle, *_) in self.running.items()}
        ready, left = ray.wait(list(names), num_returns=1, timeout=timeout_s)
        if ready and left:
            more, _ = ray.wait(left, num_returns=len(left), timeout=0)
            ready = [*ready, *more]
        self._mirror()
        return [self._ended(names[handle]) for handle in ready]

    def _ended(self, name: str) -> Ended:
        handle, job, call, _ = self.running.pop(name)
        if call.run:
            self.attempts[call.run] = (*self.attempts.get(call.run, ()), call.attempt)
        try:
            end: NodeEnd = ray.get(handle)
        except exceptions.NodeDiedError:
            return Ended(name, -9, lost=True, blameless=True)
        except exceptions.TaskCancelledError:
            return Ended(name, -15)
        except (exceptions.RayTaskError, exceptions.RuntimeEnvSetupError) as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[-1]
            raise KitError(
                f"a node of the cluster cannot work for this project: {said}. Its Python needs requirements.txt and "
                "requirements-ray.txt, as here."
            ) from None
        except exceptions.RayError:  # its worker was killed: by the system or Ray, most often for its memory
            return Ended(name, -9, lost=True)
        if end.stop:
            raise KitError(end.stop)
        if end.held:
            return Ended(name, 1, lost=True, blameless=True)
        if self.storage is not None:
            self._take(job, call, end)
        self._learn(job, end.ended.peak_bytes)
        return end.ended

    def _take(self, job: Job, call: NodeJob, end: NodeEnd) -> None:
        """Put here what a job has written on its node."""
        if call.run:
            self._fetch(job.log.parent, end.archive)
            return
        write_text(job.log, end.log)
        for path, there in zip(job.files_out, call.files_out, strict=True):
            if there in end.files_out:
                write_text(path, end.files_out[there])

    def _learn(self, job: Job, peak_bytes: int) -> None:
        if peak_bytes > self.peaks.get(job.kind, 0):
            self.peaks[job.kind] = peak_bytes
            if self.memory_file is not None:
                write_json(self.memory_file, self.peaks)

    def _mirror(self) -> None:
        """Write the epochs here that runs have come to elsewhere, for who looks at them."""
        if self.storage is None or time.monotonic() < self.mirrored + self.pace.beat_s:
            return
        self.mirrored = time.monotonic()
        for _, job, call, _ in self.running.values():
            if job.watched:
                told = self.storage.alive(call.run)
                if told.get("attempt") == call.attempt:
                    lines = "".join(json.dumps(line) + "\n" for line in told["history"])
                    (job.log.parent / MIRRORED).touch()
                    write_text(job.log.parent / "history.jsonl", lines)

    def stop(self, name: str) -> None:
        if name in self.running:
            ray.cancel(self.running[name][0])

    def close(self) -> None:
        for name in list(self.running):
            self.stop(name)
        end = time.monotonic() + CLOSE_S
        while self.running and time.monotonic() < end:
            with contextlib.suppress(KitError):
                self.wait(1.0)
        ray.shutdown()


def make_executor(
    artifacts: Path,
    address: str = ray_cluster.AUTO,
    jobs: int | None = None,
    threads: int | None = None,
    settings: Sequence[str] = (),
    storage: str | None = None,
    memory_file: Path | None = None,
    warm: bool = True,
    pace: Pace | None = None,
) -> RayExecutor:
    """An executor for an existing Ray cluster.

    Args:
        artifacts: folder of one contest.
        address: see `ray_cluster.connect`.
        jobs: the most at once.
        threads: cores of each run.
        settings: see `resources.parse_demands`.
        storage: URL of a storage; None where all nodes share the disk of the artifacts.
        memory_file, warm, pace: see `RayExecutor`.

    Raises:
        KitError: no cluster, an unreadable storage, other versions there, or a setting that is none.
    """
    if jobs is not None and jobs < 1:
        raise KitError(f"--jobs must be at least 1. Received: {jobs}.")
    demands = parse_demands(settings, threads)
    place = None if storage is None else Storage(storage)
    if place is not None:
        place.check()
    warm = warm and os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
    with tempfile.TemporaryDirectory() as scratch:
        ray_cluster.connect(address, Path(scratch))
    return RayExecutor(artifacts, demands, jobs, place, memory_file, warm, pace)
