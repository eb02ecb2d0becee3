"""Programs in process groups of their own, watched and cleaned up after."""

import os
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from .bounded_log import BoundedLog
from .container import Container
from .disk import DiskWatch
from .limits import Breach, Limits
from .processes import MARK, kill_all, kill_group, memory_mb, session_of, tree_of

_POLL_S = 0.05  # with a memory limit, which a program may pass between two looks
_SLOW_POLL_S = 0.2  # a look takes 2 ms
_LAUNCHER_S = 10.0


@dataclass(frozen=True)
class Program:
    """What is run: words (no shell), the whole environment, the log files, and the container it runs in, or None.

    In a container the working directory is the container's own.
    """

    command: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    stdout: Path
    stderr: Path
    container: Container | None = None


@dataclass(frozen=True)
class ChildResult:
    """How a program ended.

    exit_code: as a container has it: 128 + n after signal n; 127 where the program could not be started.
    seconds: wall clock. peak_mb: highest resident memory of the process tree seen at any look, MiB (a look every 0.05 s
    with a memory limit, every 0.2 s without).
    breach: the limit that stopped it and those beside it, or None.
    """

    exit_code: int
    seconds: float
    peak_mb: float
    breach: Breach | None


def run_programs(programs: Sequence[Program], limits: Limits, written: Sequence[Path] = ()) -> list[ChildResult]:
    """Run programs side by side to their ends or to the first limit; nothing that they started outlives the call.

    As in a container, a program's end is the end of its children, daemons included. Without a container they are found
    by process group, by descent and by a mark in their environment.

    Args:
        programs: what to run; the limits are for all of them together.
        limits: time, memory, processes, disk and log size.
        written: folders on one disk; what the programs add there counts.
    """
    disk = DiskWatch(written, limits) if written else None
    started = time.monotonic()
    with ExitStack() as stack:
        children: list[_Child] = []
        breach = None
        try:
            children += [_Child(program, stack, limits.log_bytes) for program in programs]
            breach = _watch(children, started, limits, disk)
        finally:
            for child in children:
                child.end()
        return [child.result(breach) for child in children]


class _Child:
    """One program from its start to its end."""

    def __init__(self, program: Program, stack: ExitStack, log_bytes: int) -> None:
        self._contained = program.container is not None
        self._mark = uuid.uuid4().hex
        self._started = time.monotonic()
        self._ended: float | None = None
        self._exit_code = 127
        self.peak_mb = 0.0
        self._first: psutil.Process | None = None  # process 1 of a container
        self.process: subprocess.Popen[bytes] | None = None
        out = stack.enter_context(BoundedLog(program.stdout, log_bytes))
        err = stack.enter_context(BoundedLog(program.stderr, log_bytes))
        problem = self._start(program, out.write_fd, err.write_fd)
        if problem:
            if self.process is not None:  # a container's launcher, which ends by itself with exit status 127
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(_LAUNCHER_S)
            os.write(err.write_fd, f"cannot start {program.command[0]!r}: {problem}\n".encode())
            self.end()
        out.close_write_end()
        err.close_write_end()

    def _start(self, program: Program, out: int, err: int) -> str:
        """Start it; returns why it could not be started, or ""."""
        environment = {**program.env, MARK: self._mark}
        options = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": err, "start_new_session": True}
        try:
            if program.container is None:
                self.process = subprocess.Popen(program.command, cwd=program.cwd, env=environment, **options)  # type: ignore[call-overload]
                return ""
            read_fd, write_fd = os.pipe()
            with open(read_fd, "rb") as status:
                try:
                    words = program.container.launcher(program.command, write_fd)
                    self.process = subprocess.Popen(words, env=program.env, pass_fds=(write_fd,), **options)  # type: ignore[call-overload]
                finally:
                    os.close(write_fd)
                return status.read().decode(errors="replace").removeprefix("program: ")
        except (OSError, ValueError) as error:  # no such program, not executable, a zero byte in an argument
            return str(error)

    def poll(self) -> bool:
        """Whether it still runs."""
        if self._ended is None and (self.process is None or self.process.poll() is not None):
            self.end()
        return self._ended is None

    def look(self) -> list[psutil.Process]:
        """Its processes now; the launcher of a container is ours and does not count."""
        if self.process is None or self._ended is not None:
            return []
        tree = tree_of(self.process.pid)[1 if self._contained else 0 :]
        if self._contained and tree:
            self._first = tree[0]
        return tree

    def count(self, tree: list[psutil.Process]) -> int:
        """How many processes these are, and outside of a container those without a parent too."""
        if self._contained or self.process is None:
            return len(tree)
        return len({one.pid for one in tree} | session_of(self.process.pid))

    def used_mb(self, tree: list[psutil.Process], limit_mb: float | None) -> float:
        """Their resident memory."""
        used = memory_mb(tree, limit_mb)
        self.peak_mb = max(self.peak_mb, used)
        return used

    def end(self) -> None:
        """Kill whatever is left of it."""
        if self._ended is not None:
            return
        if self.process is not None:
            if self._contained:
                if self.process.poll() is None:  # it ends after all that it contains, and that with its process 1
                    kill_group(self.process.pid, [self._first] if self._first else tree_of(self.process.pid))
                    self.process.wait()
            else:
                kill_all(self.process, self._mark)
            code = self.process.returncode
            self._exit_code = code if code >= 0 else 128 - code
        self._ended = time.monotonic()

    def result(self, breach: Breach | None) -> ChildResult:
        seconds = (self._ended or time.monotonic()) - self._started
        return ChildResult(self._exit_code, seconds, self.peak_mb, breach)


def _watch(children: list[_Child], started: float, limits: Limits, disk: DiskWatch | None) -> Breach | None:
    """Wait for all ends or the first breach."""
    poll_s = _SLOW_POLL_S if limits.limit_mb is None else _POLL_S
    while running := [child for child in children if child.poll()]:
        if breach := _look(running, limits) or (disk and disk.look()):
            return breach
        left_s = limits.limit_s - (time.monotonic() - started)
        process = running[0].process
        assert process is not None
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, min(poll_s, left_s)))
            continue
        if left_s <= poll_s:
            return Breach("time", limits.limit_s, time.monotonic() - started)
    return None


def _look(running: list[_Child], limits: Limits) -> Breach | None:
    """Processes and memory."""
    trees = [child.look() for child in running]
    count = sum(child.count(tree) for child, tree in zip(running, trees, strict=True))
    if count > limits.max_processes:  # before the memory, which takes long to measure
        return Breach("processes", limits.max_processes, count)
    used_mb = sum(child.used_mb(tree, limits.limit_mb) for child, tree in zip(running, trees, strict=True))
    if limits.limit_mb is not None and used_mb > limits.limit_mb:
        return Breach("memory", limits.limit_mb, used_mb)
    return None
