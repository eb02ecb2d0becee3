"""How many cores this process may use."""

from __future__ import annotations  # platforms run Python 3.9

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def usable_cores(cgroup: Path = _CGROUP) -> int:
    """Cores that the process is pinned to, but no more than its container's quota allows; at least 1.

    A thread beyond the quota makes the container sleep for the rest of each period, with all its threads.

    Args:
        cgroup: where the system tells the quota, in the form of either version.
    """
    pinned = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return pinned if quota is None else max(1, min(pinned, math.ceil(quota)))


def _quota(cgroup: Path) -> float | None:
    """Cores' worth of time a period; None without a limit, or where the system does not tell."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            quota_us, period_us = " ".join((cgroup / name).read_text() for name in names).split()
            if float(quota_us) > 0:  # without a limit version 1 has -1 and version 2 "max"
                return float(quota_us) / float(period_us)
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return None
