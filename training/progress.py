"""How far a run is: what is chosen, what stalls, when a phase ends. Kept in the checkpoint."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from .phases import Phase
from .recipes import Recipe

MIN_DELTA = 1e-4  # a score must be so much better to count for the plateau, as in Keras' ReduceLROnPlateau


@dataclass
class Progress:
    """phase: its place in the recipe's phases; epoch: epochs of it done; lines: epochs of all phases done.

    best, best_line: the lowest selection loss so far, and its line of the history.
    phase_best, phase_best_epoch: the same within the phase; without validation, of the training loss.
    plateau_best, plateau_wait, reductions: of schedule "plateau".
    swa_from: epochs of the phase done when the equal average began.
    """

    phase: int = 0
    epoch: int = 0
    lines: int = 0
    best: float = math.inf
    best_line: int = 0
    phase_best: float = math.inf
    phase_best_epoch: int = 0
    plateau_best: float = math.inf
    plateau_wait: int = 0
    reductions: int = 0
    swa_from: int | None = None

    def next_phase(self) -> "Progress":
        """The start of the phase that follows."""
        return Progress(phase=self.phase + 1, lines=self.lines, best=self.best, best_line=self.best_line)

    def stalled(self, recipe: Recipe) -> bool:
        """Whether the phase has not become better for `patience` epochs."""
        return self.phase_best_epoch > 0 and self.epoch - self.phase_best_epoch >= recipe.patience

    def begin_epoch(self, phase: Phase, recipe: Recipe, averages: bool) -> bool:
        """Whether the phase has another epoch. A phase that ends in an equal average begins it here.

        Such a phase does not stop early: where it stalls, its last epochs begin at once.
        """
        if averages and self.swa_from is None:
            begins = self.epoch >= phase.epochs - recipe.swa_epochs or self.stalled(recipe)
            self.swa_from = self.epoch if begins else None
        if self.swa_from is not None:
            return self.epoch < min(phase.epochs, self.swa_from + recipe.swa_epochs)
        return self.epoch < phase.epochs and not self.stalled(recipe)

    def end_epoch(self, score: float, is_selection: bool, recipe: Recipe) -> bool:
        """Count an epoch.

        Args:
            score: lower is better.
            is_selection: whether the net was scored on the fold left out, and may be kept.
            recipe: of the run.

        Returns:
            Whether the net is the best so far.
        """
        self.epoch += 1
        self.lines += 1
        is_best = is_selection and score < self.best
        if is_best:
            self.best, self.best_line = score, self.lines
        if score < self.phase_best:
            self.phase_best, self.phase_best_epoch = score, self.epoch
        self.plateau_wait += 1
        if score < self.plateau_best - MIN_DELTA:
            self.plateau_best, self.plateau_wait = score, 0
        elif self.plateau_wait >= recipe.plateau_patience:
            self.reductions, self.plateau_wait = self.reductions + 1, 0
        return is_best

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)
