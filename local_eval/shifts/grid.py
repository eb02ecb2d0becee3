"""A suite that is a table of corruptions by severities, as published benchmarks are.

Stored, each image has one cell of the table, drawn by its id: the suite is as large as the hold-out, and a corruption's
score is that of its images. Drawn by id alone, not dealt out evenly over a set, so that an image keeps its cell
whatever else is in the set; the numbers of images in the cells differ by chance, which costs a few percent of the
precision. In full, every image has every cell: as many times larger as there are cells. A cell of an image has the same
pixels in both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from submission.kit.seeds import derive_seed

from .operation import SEVERITIES, get_operation
from .suite import Step, Suite, add_suite, apply_steps, check_channels, make_step

Cell = tuple[str, int]
"""Corruption and severity."""


@dataclass(frozen=True)
class Corruption:
    """A row of the table. settings: five for a `Tabled` operation, in the place of its own; None takes its own."""

    name: str
    operation: str
    settings: tuple[Any, Any, Any, Any, Any] | None = None

    def step(self, rng: np.random.Generator, severity: int) -> Step:
        """The operation with drawn parameters."""
        return make_step(rng, self.operation, severity, self.settings)


@dataclass(frozen=True)
class GridSuite(Suite):
    """A table of corruptions. The names that `apply` gives back are the corruptions', not their operations'."""

    corruptions: tuple[Corruption, ...] = ()

    def cells(self, channels: int) -> list[Cell]:
        """All cells that change an image of so many channels."""
        held = [one for one in self.corruptions if channels > 1 or not get_operation(one.operation).needs_colour]
        return [(one.name, severity) for one in held for severity in SEVERITIES]

    def cell(self, image_id: str, channels: int, part: str, seed: int) -> Cell:
        """The one cell of an image in the stored suite."""
        cells = self.cells(channels)
        return cells[np.random.default_rng(self._seed(seed, part, image_id)).integers(len(cells))]

    def plan(self, image_id: str, channels: int, part: str, seed: int) -> list[Step]:
        return [self.cell_step(self.cell(image_id, channels, part, seed), image_id, part, seed)]

    def cell_step(self, cell: Cell, image_id: str, part: str, seed: int) -> Step:
        """What a cell does to an image."""
        name, severity = cell
        (corruption,) = (one for one in self.corruptions if one.name == name)
        return corruption.step(np.random.default_rng(self._seed(seed, part, image_id, name, severity)), severity)

    def apply(
        self, images: np.ndarray, ids: Sequence[str], part: str, seed: int
    ) -> tuple[np.ndarray, list[tuple[str, ...]]]:
        altered, _ = super().apply(images, ids, part, seed)
        return altered, [(self.cell(str(one), images.shape[-1], part, seed)[0],) for one in ids]

    def apply_cell(self, images: np.ndarray, ids: Sequence[str], part: str, seed: int, cell: Cell) -> np.ndarray:
        """One cell of every image of a batch.

        Args:
            images: uint8 (n, H, W, C), C 1 or 3.
            ids: (n,) ids of the originals.
            part, seed: as in `plan`.
            cell: corruption and severity.

        Returns:
            uint8 (n, H, W, C).
        """
        check_channels(images)
        result = np.empty(images.shape, np.uint8)
        for n, (image, image_id) in enumerate(zip(images, ids, strict=True)):
            result[n] = apply_steps(image, [self.cell_step(cell, str(image_id), part, seed)])
        return result

    def _seed(self, seed: int, part: str, *names: object) -> int:
        return derive_seed(seed, "shifts", part, self.name, *names)


def register_grid(name: str, version: int, corruptions: Sequence[Corruption]) -> None:
    """Enter a table of corruptions as a suite. `ValueError` if the name is taken."""

    def make_plan(rng: np.random.Generator, channels: int) -> list[Step]:
        raise NotImplementedError("a grid draws by cell")

    add_suite(GridSuite(name, version, make_plan, None, tuple(corruptions)))
