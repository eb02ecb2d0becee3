"""Recipes: everything that decides a training, as frozen dataclasses by name."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from submission.kit.errors import KitError


@dataclass(frozen=True)
class Recipe:
    """How a member is trained.

    Args:
        name: the recipe's name; runs are named after it.
        backbone: a name of `training.backbones`.
        weights: "imagenet", a path of a `.weights.h5` file, or None for a start from scratch.
        policy: a name of `training.augment.policies`.
        epochs: passes over the training fold; the cosine schedule ends with the last.
        batch_size: images a step; the last, incomplete batch of an epoch is left out.
        learning_rate: peak of the schedule, reached after `warmup_epochs`.
        weight_decay: AdamW's, decoupled.
        label_smoothing: share of the target spread over all classes, in [0, 1).
        dropout: before the head, in [0, 1).
        ema_epochs: averaging time of the exponential moving average of the weights, in epochs; 0 for none.
        patience: epochs without a better validation score after which training stops.
    """

    name: str
    backbone: str
    weights: str | None = None
    policy: str = "strong"
    epochs: int = 50
    batch_size: int = 64
    learning_rate: float = 2e-3
    warmup_epochs: float = 2.0
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    dropout: float = 0.2
    ema_epochs: float = 1.5
    patience: int = 12


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe("small_cnn", backbone="small_cnn"),
        Recipe("mobilenet_v3_small", backbone="mobilenet_v3_small", epochs=10),
        Recipe(
            "mobilenet_v3_small_imagenet",
            backbone="mobilenet_v3_small",
            weights="imagenet",
            epochs=20,
            learning_rate=1e-3,
        ),
    )
}


_NUMBERS = (
    ("epochs", int, 1, 100_000),
    ("batch_size", int, 1, 65_536),
    ("patience", int, 1, 100_000),
    ("learning_rate", float, 1e-9, 100.0),
    ("warmup_epochs", float, 0.0, 1000.0),
    ("weight_decay", float, 0.0, 100.0),
    ("label_smoothing", float, 0.0, 0.99),
    ("dropout", float, 0.0, 0.99),
    ("ema_epochs", float, 0.0, 1000.0),
)


def get_recipe(name: str, changes: dict[str, Any] | None = None) -> Recipe:
    """A recipe by name with some fields changed.

    Raises:
        KitError: unknown recipe or field (the known ones are listed), or a value out of its range.
    """
    if name not in RECIPES:
        raise KitError(f"unknown recipe. Received: {name!r}. Known: {', '.join(sorted(RECIPES))}.")
    fields = {field.name for field in dataclasses.fields(Recipe)}
    changes = changes or {}
    if changes.get("name", name) != name:
        raise KitError(f"a recipe's name cannot be changed. Received: name={changes['name']!r} for {name!r}.")
    unknown = sorted(set(changes) - fields)
    if unknown:
        raise KitError(f"unknown recipe fields. Received: {unknown}. Known: {', '.join(sorted(fields))}.")
    recipe = dataclasses.replace(RECIPES[name], **changes)
    for field in ("backbone", "policy"):
        if not isinstance(getattr(recipe, field), str):
            raise KitError(f"recipe field {field} must be a name. Received: {field}={getattr(recipe, field)!r}.")
    if not isinstance(recipe.weights, str | None):
        raise KitError(f"recipe field weights must be text or null. Received: weights={recipe.weights!r}.")
    for field, kind, low, high in _NUMBERS:
        value = getattr(recipe, field)
        if not isinstance(value, int if kind is int else (int, float)) or isinstance(value, bool):
            raise KitError(
                f"recipe field {field} must be {'an int' if kind is int else 'a number'}. Received: {field}={value!r}."
            )
        if not low <= value <= high:
            raise KitError(f"recipe field {field} must be in [{low}, {high}]. Received: {field}={value!r}.")
    return recipe
