"""Recipes: everything that decides a training, by name; one file a project whose systems they reproduce."""

from . import own  # noqa: F401  (registers them)
from .recipe import Recipe
from .registry import RECIPES, get_recipe

__all__ = ["RECIPES", "Recipe", "get_recipe"]
