"""A second embedded contest: scikit-learn's handwritten digits, grey, of 8 x 8 pixels, enlarged."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.errors import KitError
from submission.kit.image_set import ImageSet

from .licence import CC_BY_4, LICENCE_FILE, Licence
from .npz import MIN_SIDE
from .resize import resized

SIZE = 32
"""Side of the images by default: what the kit's smaller nets take."""

LICENCE = Licence(
    *CC_BY_4,
    "https://archive.ics.uci.edu/dataset/80 (its test part, as scikit-learn ships it)",
    (
        "Alpaydin, E., Kaynak, C.: Optical Recognition of Handwritten Digits. UCI Machine Learning Repository (1998). "
        "doi:10.24432/C50P49",
        "Pedregosa, F., et al.: Scikit-learn: Machine Learning in Python. JMLR 12, 2825-2830 (2011)",
    ),
)

_BATCH = 256
_FEWEST = 100


class Digits:
    """1,797 digits of ten classes.

    Args:
        size: height and width of the images, at least 8.
        images: the first so many; all by default.

    Raises:
        KitError: too small, or too few to have every digit.
    """

    exact = True
    beside = (LICENCE_FILE,)

    def __init__(self, size: int = SIZE, images: int | None = None):
        if size < MIN_SIDE:
            raise KitError(f"expected images of {MIN_SIDE} pixels or more. Received: --size {size}.")
        from sklearn.datasets import load_digits

        found = load_digits()
        if images is not None and not _FEWEST <= images <= len(found.target):
            raise KitError(
                f"there are {len(found.target)} digits, {_FEWEST} to be had at least. Received: --images {images}."
            )
        self._images = (found.images[:images] * 255 / 16).round().astype(np.uint8)[..., None]
        self.labels = found.target[:images].astype(np.int64)
        self._size = size

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(size, size, 1)"""
        return self._size, self._size, 1

    @property
    def meta(self) -> dict[str, Any]:
        """For meta.json."""
        digest = hashlib.sha256(self._images.tobytes() + self.labels.tobytes() + bytes(f"size {self._size}", "ascii"))
        return {
            "class_names": [str(digit) for digit in range(10)],
            "source": "digits",
            "source_sha256": digest.hexdigest(),
            "source_size": self._images.nbytes,
            **LICENCE.meta,
        }

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All images in order: uint8 (n, size, size, 1), 0-255, and labels int64 (n,)."""
        for start in range(0, len(self), _BATCH):
            part = slice(start, start + _BATCH)
            yield resized(self._images[part], (self._size, self._size)), self.labels[part]

    def write_beside(self, folder: Path, data: ImageSet) -> dict[str, Any]:
        """Write LICENSE.txt."""
        LICENCE.write(folder)
        return {}

    def remarks(self) -> list[str]:
        """For people."""
        return LICENCE.lines()
