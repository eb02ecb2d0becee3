"""Honest scores of a way to choose: choose on all folds but one, score on that one, for every fold."""

from dataclasses import dataclass

import numpy as np

from submission.kit.errors import KitError
from submission.kit.seeds import derive_seed

from .methods import Method
from .rows import Rows


@dataclass(frozen=True)
class NestedScore:
    """Outcome of every row, each with weights that were fitted without its image.

    correct: bool (N,); losses: float64 (N,); rows: what they belong to.
    """

    correct: np.ndarray
    losses: np.ndarray
    rows: Rows

    @property
    def accuracy(self) -> float:
        """Shifted and clean together, by their shares."""
        return float(self.rows.shares @ self.correct)

    @property
    def loss(self) -> float:
        """Log-loss, nats, shifted and clean together by their shares."""
        return float(self.rows.shares @ self.losses)

    def suite_accuracy(self, shifted: bool) -> float:
        """Of the shifted rows, or of the clean ones."""
        return float(self.correct[self.rows.shifted == shifted].mean())

    def gain_over(self, other: "NestedScore") -> tuple[float, float]:
        """(difference of the accuracies, its standard error); both scores are on the same images, hence paired."""
        return mean_and_error(self._by_image() - other._by_image())

    @property
    def standard_error(self) -> float:
        """Of `accuracy`; an image and its copies count as one observation."""
        return mean_and_error(self._by_image())[1]

    def _by_image(self) -> np.ndarray:
        """A value for each image whose mean is the accuracy."""
        _, image = np.unique(self.rows.images, return_inverse=True)
        return np.bincount(image, self.rows.shares * self.correct) * (image.max() + 1)


def nested_score(rows: Rows, method: Method, max_members: int, seed: int, folds: int = 5) -> NestedScore:
    """Score `method` with `folds` folds of images.

    Args:
        rows: all rows.
        method: how weights are chosen.
        max_members: its limit.
        seed: deals images to folds; the same for all methods that are compared.
        folds: at least 2; fewer are used where there are fewer images.

    Raises:
        KitError: fewer than two images.
    """
    names, image = np.unique(rows.images, return_inverse=True)
    folds = min(folds, len(names))
    if folds < 2:
        raise KitError(f"expected at least 2 images to choose an ensemble on. Received: {len(names)}")
    rng = np.random.default_rng(derive_seed(seed, "ensembles", "nested"))
    fold = rng.permutation(len(names))[image] % folds
    correct = np.empty(len(rows.labels), bool)
    losses = np.empty(len(rows.labels))
    for held_out in range(folds):
        scored = fold == held_out
        part = rows.where(scored)
        mixed = part.mixture(method.fit(rows.where(~scored), max_members))
        correct[scored] = mixed.argmax(-1) == part.labels
        losses[scored] = -np.log(np.maximum(mixed[np.arange(len(part.labels)), part.labels], 1e-12))
    return NestedScore(correct, losses, rows)


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean and its standard error (0 for a single value)."""
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(values.mean()), float(error)
