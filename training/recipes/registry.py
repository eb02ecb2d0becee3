"""Recipes by name, each from a function whose docstring says what it reproduces."""

import inspect
from collections.abc import Callable
from typing import Any

from submission.kit.errors import KitError

from .recipe import Recipe, changed

RECIPES: dict[str, Recipe] = {}

DESCRIPTIONS: dict[str, str] = {}  # docstrings of the functions: what a recipe reproduces, its sources, its figures


def recipe(function: Callable[[], Recipe]) -> Callable[[], Recipe]:
    """Decorator: makes a recipe known by its name, which is the function's; a second one of that name raises."""
    made = function()
    if made.name != function.__name__:
        raise ValueError(f"the recipe of {function.__name__}() must have its name. Received: {made.name!r}")
    if made.name in RECIPES:
        raise ValueError(f"recipe {made.name!r} is registered twice")
    description = inspect.getdoc(function)
    if not description:
        raise ValueError(f"recipe {made.name!r} needs a docstring that says what it reproduces")
    RECIPES[made.name] = changed(made, {})  # checked once, at import
    DESCRIPTIONS[made.name] = description
    return function


def get_recipe(name: str, changes: dict[str, Any] | None = None) -> Recipe:
    """A recipe by name with some fields changed.

    Raises:
        KitError: unknown recipe or field (the known ones are listed), or a value out of its range.
    """
    if name not in RECIPES:
        raise KitError(f"unknown recipe. Received: {name!r}. Known: {', '.join(sorted(RECIPES))}.")
    return changed(RECIPES[name], changes or {})
