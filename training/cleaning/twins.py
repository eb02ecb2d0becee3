"""Groups of images that are the same picture, however the pairs were proposed."""

from dataclasses import dataclass

import numpy as np

from .grey import grey_image
from .same_picture import SAME, Detail, detail_of, similarity
from .symmetry import Symmetry


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
    """

    def __init__(self, images: np.ndarray, rows: np.ndarray) -> None:
        self._images, self._rows = images, rows
        self._parent = np.arange(len(rows))
        self._detail: tuple[int, Detail] | None = None
        self.links: dict[int, Link] = {}

    def compare(self, first: int, second: int, symmetry: Symmetry | None = None) -> None:
        """Join two positions if their pixels agree; those already joined are not compared again.

        Args:
            symmetry: by which `second` is mirrored or turned before; None: not at all.
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
        if score < SAME:
            return
        self._parent[max(one, other)] = min(one, other)
        later = second if second not in self.links else first
        self.links.setdefault(later, Link(score, symmetry.told if symmetry is not None else ""))

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


