"""A recipe for pretrained weights, trained without them."""

from typing import Any

from .recipe import Recipe
from .registry import get_recipe


def scratch_changes(recipe: Recipe) -> dict[str, Any]:
    """What must change in a recipe when it starts from scratch, as fields for `changed`.

    All layers learn, and batch norm keeps no statistics of the start: through those, a deep net's activations grow
    beyond all numbers. A head phase before the tune phase falls away, since a random backbone teaches a head nothing;
    one that the recipe ends with, or that follows a contrastive phase, stays.
    """
    changes: dict[str, Any] = {"weights": None, "freeze_batch_norm": False, "trainable_depth": 1.0}
    if recipe.epochs and not recipe.contrastive_epochs and recipe.balance != "smote_features":
        changes["head_epochs"] = 0
    return changes


def recipe_with(name: str, changes: dict[str, Any]) -> Recipe:
    """A recipe by name with some fields changed; without weights, with all that a start from scratch asks.

    Raises:
        KitError: unknown recipe or field, or a value out of its range.
    """
    scratch = scratch_changes(get_recipe(name)) if changes.get("weights", "") is None else {}
    return get_recipe(name, scratch | changes)
