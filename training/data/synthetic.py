"""The embedded contest: smears of eight blood cell types, drawn from a seed, with all the faults of a real data set."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import write_text
from submission.kit.image_set import ImageSet
from submission.kit.seeds import derive_seed

from .cells import PAINTERS
from .joke import draw_joke
from .near_copy import NEAR_COPIES, near_copy
from .plan import MIN_IMAGES, Plan, make_plan
from .smear import draw_smear
from .truth import truth_csv

VERSION = 1
"""Raised whenever the same seed gives other pictures."""

CLASS_NAMES = tuple(PAINTERS)
MIN_SIZE = 24

_BATCH = 64


@dataclass(frozen=True)
class Contest:
    """A planned contest; each picture is drawn when it is asked for, and always the same.

    Attributes:
        plan: what is where.
        size: height and width of the pictures.
        seed: all pictures come from it.
    """

    plan: Plan
    size: int
    seed: int
    exact: bool = True
    beside: tuple[str, ...] = ("truth.csv",)

    def __len__(self) -> int:
        return len(self.plan.kinds)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(size, size, 3)"""
        return self.size, self.size, 3

    @property
    def labels(self) -> np.ndarray:
        """The given labels, int64 (N,); some are wrong."""
        return self.plan.given_labels

    @property
    def meta(self) -> dict[str, Any]:
        """For meta.json. `source_sha256` is that of the words that define the contest."""
        identity = f"synthetic version={VERSION} seed={self.seed} images={len(self)} size={self.size}"
        return {
            "class_names": list(CLASS_NAMES),
            "source": "synthetic",
            "source_sha256": hashlib.sha256(identity.encode()).hexdigest(),
            "source_size": len(self) * self.size * self.size * 3,
            "seed": self.seed,
            "version": VERSION,
        }

    def draw(self, index: int) -> np.ndarray:
        """Picture number `index`: uint8 (size, size, 3)."""
        kind, original = self.plan.kinds[index], int(self.plan.originals[index])
        rng = np.random.default_rng(derive_seed(self.seed, "picture", original))
        if kind.startswith("joke"):
            return draw_joke(kind, self.size, rng)
        image = draw_smear(CLASS_NAMES[self.plan.true_labels[index]], self.size, rng)
        if kind == "near_duplicate":
            how = NEAR_COPIES[index % len(NEAR_COPIES)]
            image = near_copy(image, how, np.random.default_rng(derive_seed(self.seed, "near", index)))
        return image

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All pictures in order: images uint8 (n, size, size, 3) and given labels int64 (n,)."""
        for start in range(0, len(self), _BATCH):
            rows = range(start, min(start + _BATCH, len(self)))
            yield np.stack([self.draw(index) for index in rows]), self.labels[rows.start : rows.stop]

    def write_beside(self, folder: Path, data: ImageSet) -> dict[str, Any]:
        """Write truth.csv."""
        write_text(folder / "truth.csv", truth_csv(self.plan, data.ids))
        return {}

    def remarks(self) -> list[str]:
        """None."""
        return []


def draw_contest(num_images: int, size: int, seed: int) -> Contest:
    """Plan the synthetic contest.

    Of 2,400 pictures 2,240 are cells of eight types (2.5 times as many of the largest as of the smallest), 24 exact and
    36 near duplicates of them, 80 copies of one joke under all labels and 20 of another under one label; 2 % of the
    cells have a wrong label. Other numbers of pictures have the same parts.

    Args:
        num_images: N, at least 80.
        size: height and width of the pictures, at least 24.
        seed: the same seed gives the same pictures on one machine; another may round a few pixels differently.

    Returns:
        The contest; nothing is drawn yet.

    Raises:
        KitError: too few or too small pictures.
    """
    if num_images < MIN_IMAGES:
        raise KitError(
            f"the synthetic contest needs at least {MIN_IMAGES} images. Received: --images {num_images}. "
            f"Give `--images {MIN_IMAGES}` or more."
        )
    if size < MIN_SIZE:
        raise KitError(
            f"the cells need at least {MIN_SIZE} pixels to be told apart. Received: --size {size}. "
            f"Give `--size {MIN_SIZE}` or more."
        )
    return Contest(make_plan(num_images, seed), size, seed)
