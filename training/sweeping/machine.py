"""What this machine has for the runs of a sweep: cores, GPUs, memory that is free."""

import os
import subprocess
from pathlib import Path

import psutil


def cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    try:
        return sorted(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return list(range(os.cpu_count() or 1))


def gpus() -> list[str]:
    """Names, for CUDA_VISIBLE_DEVICES, of the GPUs that this process may use; no library of theirs is loaded."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip() and name.strip() != "-1"]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return listed.stdout.split()


def free_bytes(group: Path = Path("/sys/fs/cgroup")) -> int:
    """Memory that new processes can have: of the machine, and of the container if that allows less.

    Args:
        group: where the container's limit stands, in Linux' second version of control groups.
    """
    free = psutil.virtual_memory().available
    try:
        most = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
        cached = sum(
            int(line.split()[1])
            for line in (group / "memory.stat").read_text().splitlines()
            if line.startswith("inactive_file ")
        )
    except (OSError, ValueError):
        return free
    return free if most == "max" else min(free, int(most) - used + cached)


def used_bytes(pid: int) -> int:
    """Memory that a process has now; 0 if it has ended."""
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return 0
