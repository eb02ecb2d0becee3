"""How much memory this process may still take, as far as the system tells."""

from __future__ import annotations  # platforms run Python 3.9

import os
from collections.abc import Mapping
from pathlib import Path

from .errors import KitError

VARIABLE = "KIT_LIMIT_MB"
"""Environment variable: MiB that this process may have."""

# (limit, in use, what of that the kernel would give back): cgroup v2, then v1
_CGROUPS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)


def free_bytes(
    environ: Mapping[str, str] = os.environ, proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")
) -> int | None:
    """The least of what the machine, the container and KIT_LIMIT_MB leave; None if nothing of that can be known.

    Args:
        environ, proc, cgroup: where that is read.

    Raises:
        KitError: KIT_LIMIT_MB is no number above 0.
    """
    found = [_of_machine(proc), *(_of_cgroup(cgroup, *names) for names in _CGROUPS), _of_variable(environ, proc)]
    known = [one for one in found if one is not None]
    return max(0, min(known)) if known else None


def _of_machine(proc: Path) -> int | None:
    return _field(proc / "meminfo", "MemAvailable:", 1024)


def _of_cgroup(cgroup: Path, limit: str, used: str, stat: str, idle: str) -> int | None:
    try:
        limit_bytes = int((cgroup / limit).read_text())  # "max" is no number
        used_bytes = int((cgroup / used).read_text())
    except (OSError, ValueError):
        return None
    return limit_bytes - used_bytes + (_field(cgroup / stat, idle, 1) or 0)


def _of_variable(environ: Mapping[str, str], proc: Path) -> int | None:
    text = environ.get(VARIABLE)
    if not text:
        return None
    try:
        limit_mb = float(text)
    except ValueError:
        limit_mb = 0.0
    if not 0 < limit_mb < float("inf"):
        raise KitError(f"expected {VARIABLE} to be MiB above 0. Received: {text!r}")
    resident = _field(proc / "self" / "status", "VmRSS:", 1024)
    return None if resident is None else int(limit_mb * (1 << 20)) - resident


def _field(path: Path, name: str, unit: int) -> int | None:
    try:
        for line in path.read_text().splitlines():
            if line.startswith((name + " ", name + "\t")):
                return int(line.split()[1]) * unit
    except (OSError, ValueError, IndexError):
        pass  # another system, or no right to read it
    return None
