"""A log file that a program cannot fill the disk with."""

import os
import select
import threading
from collections import deque
from pathlib import Path
from types import TracebackType

_PIECE = 1 << 16
_DRAIN_S = 2.0


class BoundedLog:
    """A pipe whose other end is a file of at most about `limit_bytes`: the first half and the last half of what came.

    The first half is in the file as it comes; the last one is written on leaving the `with` block, after a line that
    tells how many bytes are missing. Give `write_fd` to the child, then call `close_write_end`.
    """

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self._path = path
        self._head_left = limit_bytes // 2
        self._tail_limit = limit_bytes // 2
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._dropped_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "BoundedLog":
        self._file = open(self._path, "wb", buffering=0)
        self._read_fd, self.write_fd = os.pipe()
        self._write_open = True
        self._thread.start()
        return self

    def close_write_end(self) -> None:
        """Close our copy of the write end, so that the child's is the only one."""
        if self._write_open:
            os.close(self.write_fd)
            self._write_open = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_write_end()
        self._thread.join(_DRAIN_S)  # ends at end of file; a process that outlived the kill may hold the pipe open
        self._stop.set()
        self._thread.join()
        os.close(self._read_fd)
        if self._dropped_bytes:
            self._file.write(b"\n[... %d bytes left out ...]\n" % self._dropped_bytes)
        self._file.write(b"".join(self._tail))
        self._file.close()

    def _read(self) -> None:
        while not self._stop.is_set():
            if not select.select([self._read_fd], [], [], 0.1)[0]:
                continue
            piece = os.read(self._read_fd, _PIECE)
            if not piece:
                return
            self._keep(piece)

    def _keep(self, piece: bytes) -> None:
        head, rest = piece[: self._head_left], piece[self._head_left :]
        if head:
            self._file.write(head)
            self._head_left -= len(head)
        if rest:
            self._tail.append(rest)
            self._tail_bytes += len(rest)
        while self._tail_bytes > self._tail_limit:
            over = self._tail_bytes - self._tail_limit
            oldest = self._tail.popleft()
            if len(oldest) > over:
                self._tail.appendleft(oldest[over:])
            lost = min(over, len(oldest))
            self._tail_bytes -= lost
            self._dropped_bytes += lost
