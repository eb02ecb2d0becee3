"""How much programs have written, by looking again and again."""

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from submission.kit.errors import KitError

from .limits import Breach, Limits

_LOOK_S = 0.5  # between two counts of files, and where little has gone
_SHARE = 0.01  # at most this part of the time
_BLOCK = 4096  # what a file takes at least, an empty one too
_SPARE_FILES = 10_000
_MIB = 1 << 20


class DiskWatch:
    """Watches folders on one disk; what lies in them at first does not count.

    The disk's free space is asked for at every look, the files are counted from time to time: a count of many takes
    long.

    Raises:
        KitError: less is free at first than what must be left free.
    """

    def __init__(self, written: Sequence[Path], limits: Limits) -> None:
        self._written, self._spare_bytes = written, limits.spare_bytes
        self._before = sum(_folder_bytes(folder) for folder in written)
        self._free_bytes, self._free_files = _free(written[0])
        if self._free_bytes < limits.spare_bytes:  # else the first byte of a blameless program would be one too many
            raise KitError(
                f"the disk of {written[0]} is nearly full: a step must leave {limits.spare_bytes / _MIB:.0f} MiB free. "
                f"Received: {self._free_bytes / _MIB:.0f} MiB. Free some, or give another --artifacts."
            )
        self._allowed = min(limits.disk_bytes, self._free_bytes - limits.spare_bytes)
        self._looked = self._look_at = 0.0

    def look(self) -> Breach | None:
        """A breach if more was written than allowed, or if the disk is about to be full, whoever fills it."""
        free_bytes, free_files = _free(self._written[0])
        lost = self._free_bytes - free_bytes + _BLOCK * (self._free_files - free_files)
        full = free_bytes < self._spare_bytes or free_files < _SPARE_FILES <= self._free_files
        now = time.monotonic()
        if not full and now < (self._look_at if lost < self._allowed // 2 else self._looked + _LOOK_S):
            return None
        used = sum(_folder_bytes(folder) for folder in self._written) - self._before
        self._looked = time.monotonic()
        self._look_at = self._looked + max(_LOOK_S, (self._looked - now) / _SHARE)
        if full:
            used = max(used, lost)  # files that are open but have no name are on the disk too
        return Breach("disk", self._allowed / _MIB, used / _MIB) if full or used > self._allowed else None


def _free(folder: Path) -> tuple[int, int]:
    """Bytes, and files where the file system has a number of them."""
    files = os.statvfs(folder).f_favail if hasattr(os, "statvfs") else 0
    return shutil.disk_usage(folder).free, files


def _folder_bytes(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += max(_BLOCK, Path(parent, name).lstat().st_blocks * 512)
    return total
