"""Work off a source of units with an executor: begin, watch, retry, prune, tell."""

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from submission.kit.errors import KitError

from ..run_lock import is_locked
from ..runs import Run, create_run
from .executor import Ended, Executor, Job
from .launcher import log_lines
from .source import Outcome, Source, Work

LOG = "log.txt"
LEAST_FREE_BYTES = 200 << 20  # of the disk: a checkpoint and the log of each run
WATCH_S, LOCKED_S = 0.25, 1.0
MOST_TRIES = 3


@dataclass
class Done:
    """What a sweep came to: its runs by outcome, in the order of their ends."""

    outcomes: list[tuple[Work, Outcome]] = field(default_factory=list)

    def count(self, state: str) -> int:
        return sum(outcome.state == state for _, outcome in self.outcomes)

    @property
    def failed(self) -> list[tuple[Work, Outcome]]:
        return [(work, outcome) for work, outcome in self.outcomes if outcome.state == "failed"]


class Drive:
    """One sweep under way.

    Args:
        source: what is to be done.
        executor: where.
        artifacts: folder of one contest.
        end_s: no unit is begun after so many seconds; None for no bound.
        module: what trains.
    """

    def __init__(
        self,
        source: Source,
        executor: Executor,
        artifacts: Path,
        end_s: float | None = None,
        module: str = "training.train",
    ) -> None:
        self.source, self.executor, self.artifacts, self.module = source, executor, artifacts, module
        self.end = None if end_s is None else time.monotonic() + end_s
        self.running: dict[str, Work] = {}
        self.pruned: set[str] = set()
        self.seen: dict[str, int] = {}  # epochs of each run under way that the source has looked at
        self.begun: dict[str, float] = {}
        self.waiting: list[Work] = []  # held by other processes, or taken away: to be tried again
        self.held: Work | None = None  # next, as soon as there is room
        self.looked = 0.0
        self.done = Done()
        self.bar = tqdm(total=source.total, desc="sweep", unit="run", smoothing=0)

    def work_off(self) -> Done:
        """Until nothing is left; a failed run does not stop the others.

        Raises:
            KitError: the disk is full, or the executor is gone; what runs is ended first, and goes on another time.
        """
        with self.bar:
            while True:
                self._begin_all()
                if not self.running and not self.waiting and self.held is None:
                    return self.done
                for ended in self.executor.wait(WATCH_S if self.running else LOCKED_S):
                    self._end(ended)
                for work in list(self.running.values()):
                    self._watch(work)

    def _begin_all(self) -> None:
        """Begin what there is room for."""
        while self.executor.has_slot() and (work := self.held or self._next()) is not None:
            self.held = None
            if not work.is_done:
                self.executor.recall(work.run.path)
            if work.is_done:
                self._tell(work, Outcome("up to date"))
                continue
            if work.run.name in self.running or is_locked(work.run.path):
                self.waiting.append(work)
                self.looked = time.monotonic()
                continue
            job = self._job(work)
            if not self.executor.has_room(job):
                self.held = work
                return
            self._check_disk()
            create_run(work.run.path.parent, work.run.config, work.run.path)
            work.tries += 1
            self.running[work.run.name] = work
            self.seen[work.run.name] = 0  # of a run that goes on, the epochs before count too
            self.begun[work.run.name] = time.monotonic()
            self.executor.submit(job)

    def _next(self) -> Work | None:
        if self.waiting and time.monotonic() > self.looked + LOCKED_S:
            return self.waiting.pop(0)
        if self.end is not None and time.monotonic() > self.end:
            return None
        return self.source.take()

    def _job(self, work: Work) -> Job:
        suites = ["--select", *work.suites, *(["--select-epochs"] if work.every_epoch else [])] if work.suites else []
        argv = [*work.unit.argv(self.artifacts), *suites]
        return Job(
            work.run.name,
            self.module,
            argv,
            work.run.path / LOG,
            work.kind,
            work.unit.recipe,
            files_in=(work.run.path / "config.json",),
            watched=work.every_epoch,
        )

    def _check_disk(self) -> None:
        runs = self.artifacts / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(runs).free
        if free < LEAST_FREE_BYTES:
            raise KitError(
                f"expected {LEAST_FREE_BYTES >> 20} MiB free on the disk of {runs} for another run. "
                f"Received: {free >> 20} MiB. Free some, then run the same command: it goes on from here."
            )

    def _watch(self, work: Work) -> None:
        """Let the source look at the epochs that a run has written since."""
        name = work.run.name
        if not work.every_epoch or name in self.pruned:
            return
        for line in work.run.history()[self.seen[name] :]:
            self.seen[name] += 1
            if self.source.watch(work, line):
                self.pruned.add(name)
                self.executor.stop(name)
                return

    def _end(self, ended: Ended) -> None:
        work = self.running.pop(ended.name)
        lines = log_lines(work.run.path / LOG, ended.log_start) or ended.said.splitlines()
        if work.is_done:
            self._tell(work, Outcome("trained"))
        elif ended.name in self.pruned:
            work.run.set_state("pruned")
            self._tell(work, Outcome("pruned"))
        elif ended.blameless or is_locked(work.run.path) or ((ended.lost or not lines) and work.tries < MOST_TRIES):
            # held by another, or no error of its own: what fails by itself says why
            work.tries -= ended.blameless
            self.waiting.append(work)
            self.looked = time.monotonic()
        else:
            self._tell(work, Outcome("failed", first_error(ended, lines)))
        self.pruned.discard(ended.name)

    def _tell(self, work: Work, outcome: Outcome) -> None:
        self.source.end(work, outcome)
        self.done.outcomes.append((work, outcome))
        if self.source.total is not None:
            self.bar.total = self.source.total
        self.bar.update()
        seconds = time.monotonic() - self.begun.pop(work.run.name, time.monotonic())
        self.bar.write(f"{told(work.run, outcome)}{f', {seconds:.0f} s' if seconds > 0 else ''}")


def told(run: Run, outcome: Outcome) -> str:
    """A line of a run."""
    if outcome.state == "failed":
        return f"{run.name}: failed: {outcome.error}"
    select = run.metrics().get("select", {})
    scores = "".join(f", {suite} {accuracy:.4f}" for suite, accuracy in select.items())
    count = len(run.history())
    return f"{run.name}: {outcome.state}, {count} epoch{'s' * (count != 1)}{scores}"


def first_error(ended: Ended, lines: list[str]) -> str:
    """The first line of what went wrong.

    Args:
        ended: the job.
        lines: of its log; where there are none, as on a full disk, its last words count.
    """
    lines = lines or ended.said.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    if errors:
        return errors[0].removeprefix("error: ")
    if ended.code < 0 or ended.lost:
        return f"killed by signal {-ended.code}" + (" (out of memory?)" if ended.code == -9 else "")
    return lines[-1] if lines else f"ended with code {ended.code} and said nothing (a full disk?)"
