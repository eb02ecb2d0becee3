"""Recipes: everything that decides a training, by name; one file a project whose systems they reproduce."""

from . import datadreamers, decoding, fmap, future, moiana, own, winners  # noqa: F401  (registers them)
from .recipe import Recipe
from .registry import DESCRIPTIONS, RECIPES, get_recipe

__all__ = ["DESCRIPTIONS", "RECIPES", "Recipe", "get_recipe"]
