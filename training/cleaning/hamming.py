"""All pairs of 64-bit hashes within a distance, in blocks."""

from collections.abc import Iterator

import numpy as np

BLOCK = 256
"""Rows compared at once, fewer where there are many: `_CELLS` distances take nine bytes each while being counted."""

_CELLS = 1 << 24

_BITS_OF_16 = np.array([value.bit_count() for value in range(1 << 16)], dtype=np.uint8)


def count_bits(words: np.ndarray) -> np.ndarray:
    """Set bits of each uint64, as uint8 of the same shape."""
    if hasattr(np, "bitwise_count"):  # numpy 2; four times as fast as the table
        return np.bitwise_count(words)
    parts = np.ascontiguousarray(words).view(np.uint16).reshape(*words.shape, 4)
    return _BITS_OF_16[parts].sum(axis=-1, dtype=np.uint8)


def close_rows(hashes: np.ndarray, max_bits: int, others: np.ndarray | None = None) -> Iterator[tuple[int, np.ndarray]]:
    """Yield `(row, later rows whose hash differs in at most max_bits bits)` for every row, in order.

    Args:
        hashes: uint64 (N,).
        max_bits: 0-64.
        others: uint64 (N,), hashes of the later rows where they are not the same.
    """
    others = hashes if others is None else others
    step = max(1, min(BLOCK, _CELLS // max(len(hashes), 1)))
    for start in range(0, len(hashes), step):
        distance = count_bits(hashes[start : start + step, None] ^ others[None, start:])
        for offset, near in enumerate(distance <= max_bits):
            later = np.flatnonzero(near[offset + 1 :]) + start + offset + 1
            yield start + offset, later
