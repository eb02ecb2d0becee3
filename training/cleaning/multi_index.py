"""All pairs of 64-bit hashes within a few bits, without comparing all with all.

Hashes that differ in at most b bits, cut into b + e chunks, are equal in at least e of them. So for every choice of e
chunks the hashes are sorted by those chunks, and only neighbours that are equal in them are compared.

Source: Norouzi, Punjani and Fleet 2012 (multi-index hashing; there with one table a chunk and a search within it).
"""

from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np

from .hamming import close_rows, count_bits

MAX_BITS = 8
"""More bits leave chunks too short to tell images apart: then `hamming.close_rows` compares all with all."""

_BITS = 64
_KEY_BITS = 21  # of a table: wide enough that a million hashes have few chance neighbours
_FEW = 2048  # so few are compared all with all in less time


def close_pairs(hashes: np.ndarray, max_bits: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield every pair of hashes that differ in at most `max_bits` bits once, in pieces of at most N pairs.

    Equal hashes are pairs, too: one that occurs m times makes m (m - 1) / 2 of them, so pass distinct ones where many
    are equal. Memory is a few dozen bytes for each hash, whatever the number of pairs.

    Args:
        hashes: uint64 (N,).
        max_bits: 0 to `MAX_BITS`.

    Yields:
        first, second: int64 (m,), rows, the first smaller than the second; in no order.
    """
    if not 0 <= max_bits <= MAX_BITS:
        raise ValueError(f"max_bits must be 0 to {MAX_BITS}. Received: {max_bits}")
    if len(hashes) <= _FEW:
        for row, later in close_rows(hashes, max_bits):
            if len(later):
                yield np.full(len(later), row, np.int64), later
        return
    extra = 1
    while _BITS * extra // (max_bits + extra) < _KEY_BITS:
        extra += 1
    masks = _chunks(max_bits + extra)
    for chosen in combinations(range(len(masks)), extra):
        mask = np.bitwise_or.reduce(masks[list(chosen)])
        # a pair is yielded by the first table that has it: by the first `extra` chunks that are equal in it
        skipped = masks[[chunk for chunk in range(chosen[-1]) if chunk not in chosen]]
        yield from _of_table(hashes, mask, skipped, max_bits)


def _chunks(count: int) -> np.ndarray:
    """Masks of `count` chunks of almost the same length, uint64 (count,)."""
    edges = [_BITS * n // count for n in range(count + 1)]
    return np.array([(1 << stop) - (1 << start) for start, stop in pairwise(edges)], np.uint64)


def _of_table(
    hashes: np.ndarray, mask: np.uint64, skipped: np.ndarray, max_bits: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    keys = hashes & mask
    order = np.argsort(keys)
    keys = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    sizes = np.diff(starts, append=len(keys))
    left = np.repeat(starts + sizes, sizes)  # for each place the end of its run of equal keys
    sorted_hashes = hashes[order]
    places = np.flatnonzero(left - np.arange(len(keys)) > 1)
    left = left[places]
    step = 1
    while len(places):
        differing = sorted_hashes[places] ^ sorted_hashes[places + step]
        found = np.flatnonzero(count_bits(differing) <= max_bits)
        for chunk in skipped:
            found = found[differing[found] & chunk != 0]
        if len(found):
            one, other = order[places[found]], order[places[found] + step]
            yield np.minimum(one, other), np.maximum(one, other)
        step += 1
        inside = places + step < left
        places, left = places[inside], left[inside]
