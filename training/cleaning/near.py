"""Which pairs may be the same picture: hashes propose, fingerprints sift, pixels decide."""

from collections.abc import Iterable, Iterator

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from .fingerprint import PASS, SIDE, pair_scores, scores
from .hamming import close_rows, count_bits
from .looks import Looks
from .multi_index import close_pairs
from .symmetry import symmetries
from .twins import Twins

FEW = 30_000
"""Up to so many images the searches are wide; beyond, the pairs of different images that they propose, one in 70 at 18
bits, would take hours."""

MAX_BITS, MAX_BITS_OF_MANY = 18, 14
"""Radius of the pHash search, all with all, for `FEW` images and for more. Wide, as it only proposes: copies shifted by
2 pixels differ in up to 18 bits, nine tenths of them in up to 14."""

CLOSE_BITS = 4
"""Radius for the other hashes."""

TURNED_BITS, TURNED_BITS_OF_MANY = 12, 6
"""Radius for the pHash of mirrored and turned images: all with all, and by multi-index search."""

DOUBTED_BITS = 24
"""A pair that wHash proposes must agree so far by pHash: it takes one in 400 pairs of different cells for close."""

_PIECE = 1024


def find_twins(images: np.ndarray, rows: np.ndarray, looks: Looks, proposed: Iterable[np.ndarray] = ()) -> Twins:
    """Find the rows that show the same picture: re-encoded, brightened, noisy, shifted, mirrored or turned.

    Args:
        images: uint8 (N, H, W, C), may be a memory map.
        rows: int (n,) rows to look at: distinct and not blank.
        looks: of these rows.
        proposed: more pairs to compare, each int (m, 2) positions in `rows`; in every symmetry.
    """
    twins = Twins(images, rows, looks.inner)
    maps, views = looks.maps, symmetries(*images.shape[1:3])
    with threadpool_limits(1, "blas"):  # products too small to share: on 2 busy cores its threads tripled the time
        wide = close_rows(looks.inner, MAX_BITS if len(rows) <= FEW else MAX_BITS_OF_MANY)
        for position, later in tqdm(wide, "twins", len(rows), unit="image", disable=None, leave=False):
            if not len(later):
                continue
            others = maps[later].astype(np.float32)
            for other in later[scores(maps[position].astype(np.float32), others) >= PASS]:
                twins.compare(position, int(other))
        for view, pairs in _more_pairs(looks):
            _sift(twins, maps, pairs, [views[view]])
        for pairs in proposed:
            _sift(twins, maps, np.sort(pairs, axis=1), views)
    return twins


def _more_pairs(looks: Looks) -> Iterator[tuple[int, np.ndarray]]:
    """(number of a symmetry, pairs int (m, 2)): what the other hashes propose."""
    yield from ((0, pairs) for pairs in _pieces(close_pairs(looks.dhash, CLOSE_BITS)))
    for pairs in _pieces(close_pairs(looks.whash, CLOSE_BITS)):
        bits = count_bits(looks.inner[pairs[:, 0]] ^ looks.inner[pairs[:, 1]])
        yield 0, pairs[bits <= DOUBTED_BITS]
    for view in range(looks.turned.shape[1]):  # the first, too: with the border
        yield from ((view, pairs) for pairs in _pieces(_turned_pairs(looks.turned[:, 0], looks.turned[:, view])))


def _turned_pairs(own: np.ndarray, turned: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of which the first is close as it is to the second in a symmetry."""
    n = len(own)
    if n <= FEW:
        for row, later in close_rows(own, TURNED_BITS, turned):
            yield np.full(len(later), row), later
        return
    for first, second in close_pairs(np.concatenate([own, turned]), TURNED_BITS_OF_MANY):
        crossed = (first < n) & (second >= n) & (first < second - n)
        yield first[crossed], second[crossed] - n


def _pieces(found: Iterable[tuple[np.ndarray, np.ndarray]]) -> Iterator[np.ndarray]:
    """The same pairs, int (m, 2), in pieces of about `_PIECE`: many searches yield a few at a time."""
    held: list[np.ndarray] = []
    for first, second in found:
        if len(first):
            held.append(np.stack([first, second], axis=1))
        if sum(map(len, held)) >= _PIECE:
            yield np.concatenate(held)
            held = []
    if held:
        yield np.concatenate(held)


def _sift(twins: Twins, maps: np.ndarray, pairs: np.ndarray, views: Iterable) -> None:
    """Compare those pairs whose fingerprints agree in one of the symmetries."""
    for start in range(0, len(pairs), _PIECE):
        first, second = pairs[start : start + _PIECE].T
        others = maps[second].astype(np.float32)
        for view in views:
            turned = np.ascontiguousarray(view(others)).reshape(-1, SIDE, SIDE)
            for found in np.flatnonzero(pair_scores(maps[first], turned) >= PASS):
                twins.compare(int(first[found]), int(second[found]), view)
