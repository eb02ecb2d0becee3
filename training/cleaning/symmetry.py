"""The symmetries of a picture, for arrays of any kind: pixels, maps of detail, frequencies of a cosine transform."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from submission.kit.tta import VIEWS, views_for


@dataclass(frozen=True)
class Symmetry:
    """Optional transposition, then optional reversal of rows and of columns."""

    name: str
    swaps: bool
    reverses_rows: bool
    reverses_columns: bool

    def __call__(self, arrays: np.ndarray) -> np.ndarray:
        """Of every array of a batch (n, H, W)."""
        if self.swaps:
            arrays = arrays.swapaxes(1, 2)
        return arrays[:, :: -1 if self.reverses_rows else 1, :: -1 if self.reverses_columns else 1]

    def of_cosines(self, low: np.ndarray) -> np.ndarray:
        """What the cosine transform (n, s, s) of a picture becomes: reversal changes the sign of odd frequencies."""
        if self.swaps:
            low = low.swapaxes(1, 2)
        sign = np.where(np.arange(low.shape[1]) % 2, -1.0, 1.0)
        if self.reverses_rows:
            low = low * sign[:, None]
        return low * sign if self.reverses_columns else low

    @property
    def told(self) -> str:
        """For people: "", "mirrored", "turned", or "mirrored and turned"."""
        mirrored = self.swaps ^ self.reverses_rows ^ self.reverses_columns
        turned = self.swaps or (self.reverses_rows and not mirrored)
        return " and ".join(word for word, holds in (("mirrored", mirrored), ("turned", turned)) if holds)


@lru_cache
def symmetries(height: int, width: int) -> tuple[Symmetry, ...]:
    """Those that keep the shape, the identity first: those of the kit's views."""
    probe = np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1)
    found = []
    for name in views_for((height, width, 1)):
        (a, b), (c, _) = VIEWS[name](probe)[0, :, :, 0].tolist()
        swaps = abs(b - a) == 2
        found.append(Symmetry(name, swaps, c < a, b < a))
    return tuple(found)
