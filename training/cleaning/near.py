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

MAX_BITS = 18
"""Radius of the pHash search. Wide, as it only proposes: copies shifted by 2 pixels differ in up to 18 bits."""

CLOSE_BITS = 4
"""Radius for the other hashes."""

TURNED_BITS, FEW_TURNED_BITS, FEW = 6, 12, 30_000
"""Radius for the pHash of mirrored and turned images: by multi-index search; and up to `FEW` images, which are compared
all with all in seconds."""

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
        wide = close_rows(looks.inner, MAX_BITS)
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
    for pair in close_pairs(looks.dhash, CLOSE_BITS):
        yield 0, np.stack(pair, axis=1)
    for first, second in close_pairs(looks.whash, CLOSE_BITS):
        agree = count_bits(looks.inner[first] ^ looks.inner[second]) <= DOUBTED_BITS
        yield 0, np.stack([first[agree], second[agree]], axis=1)
    n, num_views = looks.turned.shape
    for view in range(num_views):  # the first, too: with the border
        # one image as it is, the other in its symmetry
        own, turned = looks.turned[:, 0], looks.turned[:, view]
        if n <= FEW:
            for row, later in close_rows(own, FEW_TURNED_BITS, turned):
                if len(later):
                    yield view, np.stack([np.full(len(later), row), later], axis=1)
            continue
        for first, second in close_pairs(np.concatenate([own, turned]), TURNED_BITS):
            crossed = (first < n) & (second >= n) & (first < second - n)
            yield view, np.stack([first[crossed], second[crossed] - n], axis=1)


def _sift(twins: Twins, maps: np.ndarray, pairs: np.ndarray, views: Iterable) -> None:
    """Compare those pairs whose fingerprints agree in one of the symmetries."""
    for start in range(0, len(pairs), _PIECE):
        first, second = pairs[start : start + _PIECE].T
        others = maps[second].astype(np.float32)
        for view in views:
            turned = np.ascontiguousarray(view(others)).reshape(-1, SIDE, SIDE)
            for found in np.flatnonzero(pair_scores(maps[first], turned) >= PASS):
                twins.compare(int(first[found]), int(second[found]), view)
