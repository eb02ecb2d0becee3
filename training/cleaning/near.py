"""Groups of images that are the same picture, re-encoded, brightened, shifted by a pixel or two, or noisy."""

from collections.abc import Iterable

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from .fingerprint import PASS, SIDE, fingerprint, scores
from .grey import grey_image
from .hamming import close_rows
from .phash import phash64
from .same_picture import SAME, detail_of, similarity

MAX_BITS = 18
"""Radius of the pHash search. Wide, as it only proposes: copies shifted by 2 pixels differ in up to 18 bits."""


def near_groups(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Group rows that show the same picture: pHash proposes, fingerprints sift, pixels decide.

    Groups are transitive: a copy of a copy belongs to the original's group.

    Args:
        images: uint8 (N, H, W, C), may be a memory map; memory is two images, and 4 KB for each of the n rows.
        rows: int (n,) rows to look at: distinct and not blank.

    Returns:
        int64 (n,): for each of `rows` the position in `rows` of its group's first member.
    """
    hashes = np.empty(len(rows), np.uint64)
    maps = np.empty((len(rows), SIDE, SIDE), np.float32)
    for position, row in enumerate(tqdm(rows, "hashes", unit="image", disable=None, leave=False)):
        grey = grey_image(images[row])
        hashes[position] = phash64(grey)
        maps[position] = fingerprint(grey)
    parent = np.arange(len(rows))
    pairs = close_rows(hashes, MAX_BITS)
    with threadpool_limits(1, "blas"):  # products too small to share: on 2 busy cores its threads tripled the time
        for position, candidates in tqdm(pairs, "twins", len(rows), unit="image", disable=None, leave=False):
            likely = candidates[scores(maps[position], maps[candidates]) >= PASS]
            _join_twins(images, rows, parent, position, likely)
    return np.array([_root(parent, position) for position in range(len(rows))], dtype=np.int64)


def _join_twins(
    images: np.ndarray, rows: np.ndarray, parent: np.ndarray, position: int, candidates: Iterable[int]
) -> None:
    """Join `position` with those candidates whose pixels agree; one already joined is not compared again."""
    own = None
    for candidate in candidates:
        first, second = _root(parent, position), _root(parent, candidate)
        if first == second:
            continue
        own = own or detail_of(grey_image(images[rows[position]]))
        if similarity(own, detail_of(grey_image(images[rows[candidate]]))) >= SAME:
            parent[max(first, second)] = min(first, second)


def _root(parent: np.ndarray, position: int) -> int:
    """The first member of a group; shortens the path on the way."""
    while parent[position] != position:
        parent[position] = parent[parent[position]]
        position = parent[position]
    return int(position)
