"""Quick tries: few images, few steps, in runs of their own that no later step takes by itself."""

import dataclasses
from typing import Any

import numpy as np

from submission.kit.seeds import derive_seed

from .recipes import Recipe


def quick_recipe(recipe: Recipe, num_images: int, steps: int | None, limit: int | None) -> tuple[Recipe, str]:
    """The recipe of a quick try, and what was changed in it, told in words.

    Args:
        recipe: as it was asked for.
        num_images: that there are to train on.
        steps: if given, each phase has one epoch.
        limit: if given, the batch is cut to the images: half of them where a filter leaves some out.

    Returns:
        A valid recipe, and "" if it is the same.
    """
    changes: dict[str, Any] = {}
    if steps is not None:
        changes |= {
            field: 1
            for field in ("contrastive_epochs", "head_epochs", "epochs", "swa_epochs")
            if getattr(recipe, field)
        }
    if limit is not None or steps is not None:
        fits = max(1, num_images if recipe.row_filter == "none" else num_images // 2)
        batch_size = min(recipe.batch_size, fits)
        if batch_size < recipe.batch_size:
            changes["batch_size"] = batch_size
        most = max(1, fits // batch_size if steps is None else min(steps, fits // batch_size))
        if most < recipe.accumulate:
            changes["accumulate"] = most
    changed = dataclasses.replace(recipe, **changes)
    told = [
        f"{field} {getattr(recipe, field)} cut to {getattr(changed, field)}"
        for field in changes
        if getattr(recipe, field) != getattr(changed, field)
    ]
    return changed, ", ".join(told)


def limited_rows(
    labels: np.ndarray, rows: np.ndarray, validation_rows: np.ndarray, recipe: Recipe, config: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """The rows of a run and of its fold left out, both cut to `limit`, the latter to the images of `steps` too.

    The classes keep their shares.

    Args:
        labels: int (N,), of all data.
        rows: int (n,) training rows.
        validation_rows: int (m,).
        recipe: of the run.
        config: of the run; limit and steps may be None.
    """
    limit, steps, seed = config["limit"], config["steps"], config["seed"]
    most_validated = [n for n in (limit, steps and steps * recipe.batch_size) if n]
    if limit is not None:
        rows = _stratified(labels, rows, limit, derive_seed(seed, "limit"))
    if most_validated:
        validation_rows = _stratified(labels, validation_rows, min(most_validated), derive_seed(seed, "limit", "oof"))
    return rows, validation_rows


def _stratified(labels: np.ndarray, rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """`count` of the rows, sorted: each class dealt out evenly, so that every beginning has about its share."""
    shuffled = np.random.default_rng(seed).permutation(rows)
    places = np.empty(len(rows))
    for label in np.unique(labels[rows]):
        of_class = np.flatnonzero(labels[shuffled] == label)
        places[of_class] = (np.arange(len(of_class)) + 0.5) / len(of_class)
    return np.sort(shuffled[np.argsort(places, kind="stable")[:count]])
