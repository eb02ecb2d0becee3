"""The phases of a training, one after the other, each with an optimizer and a schedule of its own."""

from dataclasses import dataclass

from .recipes import Recipe

CONTRASTIVE, HEAD, TUNE = "contrastive", "head", "tune"


@dataclass(frozen=True)
class Phase:
    """name: "contrastive", "head" or "tune"; epochs: at most; learning_rate: peak of its schedule."""

    name: str
    epochs: int
    learning_rate: float

    @property
    def has_scores(self) -> bool:
        """Whether the net can be scored after an epoch: without a trained head it cannot."""
        return self.name != CONTRASTIVE


def phases_of(recipe: Recipe) -> list[Phase]:
    """The phases that a recipe has epochs for, in their order."""
    phases = [
        Phase(CONTRASTIVE, recipe.contrastive_epochs, recipe.head_learning_rate),
        Phase(HEAD, recipe.head_epochs, recipe.head_learning_rate),
        Phase(TUNE, recipe.epochs, recipe.learning_rate),
    ]
    return [phase for phase in phases if phase.epochs]
