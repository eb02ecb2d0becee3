"""One program in its own process group, watched and cleaned up after."""

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from .bounded_log import BoundedLog
from .limits import Breach, Limits

_POLL_S = 0.05
_MARK = "LOCAL_EVAL_CHILD"
_MIB = 1 << 20


@dataclass(frozen=True)
class ChildResult:
    """How a child ended.

    exit_code: as `subprocess` has it (negative: killed by that signal); 127 where the program could not be started.
    seconds: wall clock. peak_mb: highest resident memory of the process tree seen at any poll (every 0.05 s), MiB.
    breach: the limit that stopped it, or None.
    """

    exit_code: int
    seconds: float
    peak_mb: float
    breach: Breach | None


def run_child(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], stdout: Path, stderr: Path, limits: Limits
) -> ChildResult:
    """Run a program to its end or to its first limit; nothing that it started outlives the call.

    As in a container, the program's end is the end of its children, daemons included: they are found by process
    group, by descent and by a mark in their environment.

    Args:
        command: program and arguments; no shell.
        cwd: working directory.
        env: the whole environment of the child.
        stdout, stderr: log files, bounded by `limits.log_bytes`.
        limits: time and memory.
    """
    mark = uuid.uuid4().hex
    started = time.monotonic()
    with BoundedLog(stdout, limits.log_bytes) as out, BoundedLog(stderr, limits.log_bytes) as err:
        try:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**env, _MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=out.write_fd,
                stderr=err.write_fd,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:  # no such program, not executable, a zero byte in an argument
            os.write(err.write_fd, f"cannot start {command[0]!r}: {error}\n".encode())
            return ChildResult(127, time.monotonic() - started, 0.0, None)
        out.close_write_end()
        err.close_write_end()
        try:
            peak_mb, breach = _watch(process, started, limits)
        finally:
            _kill_all(process, mark)
        return ChildResult(process.returncode, time.monotonic() - started, peak_mb, breach)


def _watch(process: subprocess.Popen[bytes], started: float, limits: Limits) -> tuple[float, Breach | None]:
    """Wait for the end or the first breach."""
    peak_mb = 0.0
    while True:
        used_mb = _tree_mb(process.pid, limits.limit_mb)
        peak_mb = max(peak_mb, used_mb)
        if limits.limit_mb is not None and used_mb > limits.limit_mb:
            return peak_mb, Breach("memory", limits.limit_mb, used_mb)
        left_s = limits.limit_s - (time.monotonic() - started)
        try:
            process.wait(max(0.0, min(_POLL_S, left_s)))
            return peak_mb, None
        except subprocess.TimeoutExpired:
            if left_s <= _POLL_S:
                return peak_mb, Breach("time", limits.limit_s, time.monotonic() - started)


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _tree_mb(pid: int, limit_mb: float | None) -> float:
    """Resident memory of the tree in MiB.

    Pages shared by a parent and its forks count once for each of them in RSS. Where that sum passes the limit, the
    slower proportional set size decides (Linux; elsewhere the sum stands).
    """
    tree = _tree(pid)
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


def _kill_all(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kill the group, the descendants and whoever carries the mark, until a look finds none."""
    for _ in range(20):
        others = [one for one in _tree(process.pid) if one.pid != process.pid] + _marked(mark, process.pid)
        with suppress(ProcessLookupError, PermissionError):  # gone; macOS says "not permitted" of a group of zombies
            os.killpg(process.pid, signal.SIGKILL)
        for one in others:
            with suppress(psutil.Error):
                one.kill()
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
