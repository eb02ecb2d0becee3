"""Memory-mapped arrays that do not fill the memory: their pages are given back after use."""

import dataclasses
import mmap
import threading
from typing import Any

import numpy as np

from submission.kit.image_set import ImageSet

RELEASE_EVERY = 32 * 2**20  # bytes read between two calls; a call costs about a millisecond


class PagedArray:
    """Rows of a memory-mapped array, copied out; `array[rows]` is all that it does.

    The system counts mapped pages as a process's own, though it could take them back: after an epoch the whole file
    would seem to be in memory. Here they are given back now and then, and stay in the system's cache while there is
    room.

    Args:
        array: (N, ...); an array that is no memory map is read like any other.
    """

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.shape, self.dtype = array.shape, array.dtype
        self._map = _map_of(array)
        self._read = 0
        self._lock = threading.Lock()  # Keras reads batches in a thread of its own

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, rows: Any) -> np.ndarray:
        values = np.array(self.array[rows])
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            with self._lock:
                self._read += values.nbytes
                if self._read >= RELEASE_EVERY:
                    self._read = 0
                    self._map.madvise(mmap.MADV_DONTNEED)
        return values


class JoinedArray:
    """Two arrays of rows of one shape, one behind the other, without copying them together.

    Args:
        first: (N, ...).
        second: (M, ...): rows N to N + M - 1.
    """

    def __init__(self, first: Any, second: Any) -> None:
        self.parts = (first, second)
        self.shape, self.dtype = (len(first) + len(second), *first.shape[1:]), first.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        rows = np.asarray(rows)
        values = np.empty((len(rows), *self.shape[1:]), self.dtype)
        in_first = rows < len(self.parts[0])
        values[in_first] = self.parts[0][rows[in_first]]
        values[~in_first] = self.parts[1][rows[~in_first] - len(self.parts[0])]
        return values


def paged(data: ImageSet) -> ImageSet:
    """The same image set, whose images are read as `PagedArray`s are."""
    return dataclasses.replace(data, images=PagedArray(data.images))  # type: ignore[arg-type]


def _map_of(array: Any) -> mmap.mmap | None:
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    return array
