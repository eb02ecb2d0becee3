"""Programs in process groups of their own, watched and cleaned up after."""

import os
import shutil
import signal
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
from .limits import Breach, Limits

_POLL_S = 0.05  # with a memory limit, which a program may pass between two looks
_SLOW_POLL_S = 0.2  # a look takes 2 ms
_LAUNCHER_S = 10.0
_LOOK_S = 0.5  # between two looks at the disk
_MARK = "LOCAL_EVAL_CHILD"
_MIB = 1 << 20


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
        limits: time, memory, disk and log size.
        written: folders whose contents count as written by the programs.
    """
    started = time.monotonic()
    with ExitStack() as stack:
        children: list[_Child] = []
        breach = None
        try:
            children += [_Child(program, stack, limits.log_bytes) for program in programs]
            breach = _watch(children, started, limits, written)
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
        environment = {**program.env, _MARK: self._mark}
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

    def used_mb(self, limit_mb: float | None) -> float:
        """Resident memory now; the launcher of a container is ours and does not count."""
        if self.process is None or self._ended is not None:
            return 0.0
        tree = _tree(self.process.pid)[1 if self._contained else 0 :]
        used = _tree_mb(tree, limit_mb)
        self.peak_mb = max(self.peak_mb, used)
        return used

    def end(self) -> None:
        """Kill whatever is left of it."""
        if self._ended is not None:
            return
        if self.process is not None:
            if self._contained:
                if self.process.poll() is None:  # it ends after all that it contains
                    _kill_group(self.process.pid, _tree(self.process.pid))
                    self.process.wait()
            else:
                _kill_all(self.process, self._mark)
            code = self.process.returncode
            self._exit_code = code if code >= 0 else 128 - code
        self._ended = time.monotonic()

    def result(self, breach: Breach | None) -> ChildResult:
        seconds = (self._ended or time.monotonic()) - self._started
        return ChildResult(self._exit_code, seconds, self.peak_mb, breach)


def _watch(children: list[_Child], started: float, limits: Limits, written: Sequence[Path]) -> Breach | None:
    """Wait for all ends or the first breach."""
    look_at = started
    poll_s = _SLOW_POLL_S if limits.limit_mb is None else _POLL_S
    free_bytes = shutil.disk_usage(written[0]).free if written else 0
    while running := [child for child in children if child.poll()]:
        used_mb = sum(child.used_mb(limits.limit_mb) for child in running)
        if limits.limit_mb is not None and used_mb > limits.limit_mb:
            return Breach("memory", limits.limit_mb, used_mb)
        now = time.monotonic()
        if written and now >= look_at:
            look_at = now + _LOOK_S
            if breach := _disk_breach(free_bytes, limits, written):
                return breach
        left_s = limits.limit_s - (now - started)
        process = running[0].process
        assert process is not None
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, min(poll_s, left_s)))
            continue
        if left_s <= poll_s:
            return Breach("time", limits.limit_s, time.monotonic() - started)
    return None


def _disk_breach(free_bytes: int, limits: Limits, written: Sequence[Path]) -> Breach | None:
    """Counts files only where the disk has lost as much as would matter."""
    allowed = min(limits.disk_bytes, free_bytes - limits.spare_bytes)
    if free_bytes - shutil.disk_usage(written[0]).free < allowed // 2:
        return None
    used = sum(_folder_bytes(folder) for folder in written)
    return Breach("disk", allowed / _MIB, used / _MIB) if used > max(allowed, 0) else None


def _folder_bytes(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += Path(parent, name).lstat().st_blocks * 512
    return total


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _tree_mb(tree: list[psutil.Process], limit_mb: float | None) -> float:
    """Resident memory of the tree in MiB.

    Pages shared by a parent and its forks count once for each of them in RSS. Where that sum passes the limit, the
    slower proportional set size decides (Linux; elsewhere the sum stands).
    """
    total = sum(_memory(process, "rss") for process in tree) / _MIB
    if limit_mb is not None and total > limit_mb and len(tree) > 1:
        total = min(total, sum(_memory(process, "pss") for process in tree) / _MIB)
    return total


def _memory(process: psutil.Process, field: str) -> int:
    try:
        if field == "rss":
            return process.memory_info().rss
        full = process.memory_full_info()
        return getattr(full, "pss", full.rss)
    except psutil.Error:
        return 0


def _kill_group(pid: int, tree: list[psutil.Process]) -> None:
    with suppress(ProcessLookupError, PermissionError):  # gone; macOS says "not permitted" of a group of zombies
        os.killpg(pid, signal.SIGKILL)
    for one in tree:
        with suppress(psutil.Error):
            one.kill()


def _kill_all(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kill the group, the descendants and whoever carries the mark, until a look finds none."""
    for _ in range(20):
        others = [one for one in _tree(process.pid) if one.pid != process.pid] + _marked(mark, process.pid)
        _kill_group(process.pid, others)
        process.wait()
        if not others:
            return
        psutil.wait_procs(others, timeout=0.2)


def _marked(mark: str, not_pid: int) -> list[psutil.Process]:
    """Living processes whose environment holds the mark: daemons that left the group and their parent."""
    found = []
    for one in psutil.process_iter():
        try:
            if one.pid != not_pid and one.environ().get(_MARK) == mark and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
        except (psutil.Error, OSError):
            continue
    return found
