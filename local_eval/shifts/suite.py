"""A suite: a named, seeded rule that alters each image in its own way, and the register of suites."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from submission.kit.errors import KitError
from submission.kit.seeds import derive_seed

from .operation import Params, Tabled, get_operation, pick


@dataclass(frozen=True)
class Step:
    """One operation with the parameters drawn for one image; severity: 1 to 5, or None for what every image gets."""

    operation: str
    params: Params
    severity: int | None = None


def make_step(rng: np.random.Generator, name: str, severity: int, settings: tuple[Any, ...] | None = None) -> Step:
    """An operation with parameters drawn at a severity, of five other settings than its own where they are given.

    Raises:
        TypeError: settings for an operation that is not `Tabled`.
    """
    operation = get_operation(name)
    if settings is None:
        return Step(name, operation.sample(rng, severity), severity)
    if not isinstance(operation, Tabled):
        raise TypeError(f"the operation {name!r} takes no settings")
    return Step(name, operation.draw(rng, pick(settings, severity)), severity)


PlanMaker = Callable[[np.random.Generator, int], list[Step]]
RowChooser = Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]

_SUITES: dict[str, "Suite"] = {}


@dataclass(frozen=True)
class Suite:
    """A rule that draws the steps of one image. `version` goes up whenever the same seed would give other pixels.

    choose_rows, for a suite that does not take every image: (rng, labels (n,), order (n,)) -> rows (m,), none twice.
    `order` is a random number an image, drawn by its id: taking the smallest chooses the same images from any set.
    """

    name: str
    version: int
    make_plan: PlanMaker
    choose_rows: RowChooser | None = None

    def plan(self, image_id: str, channels: int, part: str, seed: int) -> list[Step]:
        """The steps of one image: they hang on these arguments alone, not on the batch, its order or other images.

        Args:
            image_id: id of the original.
            channels: 1 or 3.
            part: `select` or `judge`; each has its own family of seeds, so that what tunes never meets what judges.
            seed: the user's.
        """
        rng = np.random.default_rng(derive_seed(seed, "shifts", part, self.name, image_id))
        return self.make_plan(rng, channels)

    def rows(self, labels: np.ndarray, ids: Sequence[str], part: str, seed: int) -> np.ndarray:
        """The rows of the images that the suite takes, ascending, none twice: int64 (m,).

        Args:
            labels: int (n,).
            ids: (n,) ids of the originals.
            part, seed: as in `plan`.
        """
        if self.choose_rows is None:
            return np.arange(len(labels))
        rng = np.random.default_rng(derive_seed(seed, "shifts", part, self.name))
        order = np.array([derive_seed(seed, "shifts", part, self.name, image_id) for image_id in ids])
        return np.sort(self.choose_rows(rng, labels, order))

    def apply(
        self, images: np.ndarray, ids: Sequence[str], part: str, seed: int
    ) -> tuple[np.ndarray, list[tuple[str, ...]]]:
        """Alter a batch.

        Args:
            images: uint8 (n, H, W, C), C 1 or 3.
            ids: (n,) ids of the originals.
            part, seed: as in `plan`.

        Returns:
            uint8 (n, H, W, C), and for each image the names of the operations applied, in their order.

        Raises:
            KitError: another number of channels.
        """
        channels = check_channels(images)
        result = np.empty(images.shape, np.uint8)
        names = []
        for n, (image, image_id) in enumerate(zip(images, ids, strict=True)):
            steps = self.plan(str(image_id), channels, part, seed)
            result[n] = apply_steps(image, steps)
            names.append(tuple(step.operation for step in steps))
        return result, names


def check_channels(images: np.ndarray) -> int:
    """The number of channels of uint8 (n, H, W, C); `KitError` unless 1 or 3."""
    channels = images.shape[-1]
    if channels not in (1, 3):
        raise KitError(f"expected images of 1 or 3 channels. Received: {channels}.")
    return channels


def apply_steps(image: np.ndarray, steps: Sequence[Step]) -> np.ndarray:
    """Alter one image uint8 (H, W, C) by the steps in turn; uint8 (H, W, C)."""
    for step in steps:
        image = get_operation(step.operation).apply(image, step.params)
    return image


def register_suite(name: str, version: int, choose_rows: RowChooser | None = None) -> Callable[[PlanMaker], PlanMaker]:
    """Decorator: enter a plan maker as a suite. `ValueError` if the name is taken."""

    def enter(make_plan: PlanMaker) -> PlanMaker:
        add_suite(Suite(name, version, make_plan, choose_rows))
        return make_plan

    return enter


def add_suite(suite: Suite) -> None:
    """Enter a suite. `ValueError` if its name is taken."""
    if suite.name in _SUITES:
        raise ValueError(f"a suite named {suite.name!r} is registered already: version {_SUITES[suite.name].version}")
    _SUITES[suite.name] = suite


def get_suite(name: str) -> Suite:
    """The suite of that name; `KitError` lists the known names for an unknown one."""
    try:
        return _SUITES[name]
    except KeyError:
        raise KitError(f"expected a suite out of {', '.join(sorted(_SUITES))}. Received: {name!r}.") from None


def suite_names() -> tuple[str, ...]:
    """The registered names, sorted."""
    return tuple(sorted(_SUITES))
