"""Groups of images that are the same picture, however the pairs were proposed."""

from dataclasses import dataclass

import numpy as np

from .grey import grey_image
from .hamming import count_bits
from .same_picture import SAME, Detail, detail_of, similarity
from .symmetry import Symmetry

SAME_TURNED = 0.72
"""Least similarity of an image to a mirrored or turned one: with seven more chances, different round cells on plain
ground reached .69. Real cells reach .60."""

SAME_HASH, SAME_CLOSE = 2, 0.57
"""Where pHash differs in so few bits, less similarity will do: JPEG of quality 50 takes the grain away."""


@dataclass(frozen=True)
class Link:
    """Why an image is in its group: similarity to another member, and how it was altered ("", "mirrored" ...)."""

    score: float
    how: str


class Twins:
    """Proposed pairs in, groups out. Groups are transitive: a copy of a copy belongs to the original's group.

    Args:
        images: uint8 (N, H, W, C), may be a memory map; two images at a time are read.
        rows: int (n,) rows to look at.
        hashes: uint64 (n,), pHash of each.
    """

    def __init__(self, images: np.ndarray, rows: np.ndarray, hashes: np.ndarray) -> None:
        self._images, self._rows, self._hashes = images, rows, hashes
        self._parent = np.arange(len(rows))
        self._detail: tuple[int, Detail] | None = None
        self.links: dict[int, Link] = {}

    def compare(self, first: int, second: int, symmetry: Symmetry | None = None) -> None:
        """Join two positions if their pixels agree; those already joined are not compared again.

        Args:
            symmetry: by which `second` is mirrored or turned before; None or the identity: not at all.
        """
        one, other = self._root(first), self._root(second)
        if one == other:
            return
        if self._detail is None or self._detail[0] != first:  # one after the other has the same first
            self._detail = first, detail_of(grey_image(self._images[self._rows[first]]))
        image = self._images[self._rows[second]]
        if symmetry is not None:
            image = np.ascontiguousarray(symmetry(image.transpose(2, 0, 1)).transpose(1, 2, 0))
        score = similarity(self._detail[1], detail_of(grey_image(image)))
        if score < self._least(first, second, symmetry):
            return
        self._parent[max(one, other)] = min(one, other)
        later = second if second not in self.links else first
        self.links.setdefault(later, Link(score, symmetry.told if symmetry is not None else ""))

    def _least(self, first: int, second: int, symmetry: Symmetry | None) -> float:
        if symmetry is not None and symmetry.told:
            return SAME_TURNED
        bits = int(count_bits(self._hashes[[first]] ^ self._hashes[[second]])[0])
        return SAME_CLOSE if bits <= SAME_HASH else SAME

    def groups(self) -> np.ndarray:
        """int64 (n,): for each position that of its group's first member."""
        return np.array([self._root(position) for position in range(len(self._rows))], dtype=np.int64)

    def _root(self, position: int) -> int:
        """The first member of a group; shortens the path on the way."""
        parent = self._parent
        while parent[position] != position:
            parent[position] = parent[parent[position]]
            position = parent[position]
        return int(position)
