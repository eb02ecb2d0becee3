"""The processes of a program: found, counted, measured and killed."""

import os
import signal
import subprocess
from contextlib import suppress

import psutil

MARK = "LOCAL_EVAL_CHILD"
"""Name in the environment by which daemons are known that left their group and their parent."""

_MIB = 1 << 20


def tree_of(pid: int) -> list[psutil.Process]:
    """A process and its descendants, itself first; nothing where it is gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def session_of(pid: int) -> set[int]:
    """Processes of the session that `pid` leads: those too whose parents have ended."""
    found = set()
    for one in psutil.pids():
        with suppress(OSError):
            if os.getsid(one) == pid:
                found.add(one)
    return found


def memory_mb(tree: list[psutil.Process], limit_mb: float | None) -> float:
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


def kill_group(pid: int, tree: list[psutil.Process]) -> None:
    """Kill a process group, and these processes wherever they are."""
    with suppress(ProcessLookupError, PermissionError):  # gone; macOS says "not permitted" of a group of zombies
        os.killpg(pid, signal.SIGKILL)
    for one in tree:
        with suppress(psutil.Error):
            one.kill()


def kill_all(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kill the group, the descendants and whoever carries the mark, until a look finds none."""
    kill_group(process.pid, [])  # at once: to look for the others takes time, in which a fork bomb grows
    for _ in range(20):
        others = [one for one in tree_of(process.pid) if one.pid != process.pid] + _marked(mark, process.pid)
        kill_group(process.pid, others)
        process.wait()
        if not others:
            return
        psutil.wait_procs(others, timeout=0.2)


def _marked(mark: str, not_pid: int) -> list[psutil.Process]:
    """Living processes whose environment holds the mark: daemons that left the group and their parent."""
    found = []
    for one in psutil.process_iter():
        try:
            if one.pid != not_pid and one.environ().get(MARK) == mark and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
        except (psutil.Error, OSError):
            continue
    return found
