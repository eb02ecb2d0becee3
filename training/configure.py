"""What decides a run, checked before anything of it is written."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import sha256_file
from submission.kit.folds import Folds, fold_name, load_folds
from submission.kit.image_set import ImageSet, open_image_set

from .phases import phases_of
from .quick import limited_rows, quick_recipe
from .recipes import Recipe
from .training_set import check_pairs, epoch_size


@dataclass(frozen=True)
class Contest:
    """Data and split of an artifacts folder, opened and found to fit together."""

    data: ImageSet
    folds: Folds
    folds_sha256: str


def open_contest(artifacts: Path) -> Contest:
    """Open A/data and A/split.

    Raises:
        KitError: one is missing or damaged, or the split is of other images.
    """
    data = open_image_set(artifacts / "data", f"make data ARTIFACTS={artifacts}")
    path = artifacts / "split" / "folds.csv"
    folds = load_folds(path)
    folds.check_of(data, f"python -m training.split --artifacts {artifacts}")
    return Contest(data, folds, sha256_file(path))


def configure(
    contest: Contest, recipe: Recipe, fold: int, seed: int, limit: int | None = None, steps: int | None = None
) -> tuple[dict[str, Any], str]:
    """All that decides a run, as JSON: recipe, fold, seed, data, quick try, backend and number format.

    Returns:
        The configuration, and what a quick try changed in the recipe, in words, or "".

    Raises:
        KitError: no such fold, backbone, policy or weights file; too few images; fields that contradict each other or
            of which one has no effect.
    """
    for name, value in (("limit", limit), ("steps", steps)):
        if value is not None and value < 1:
            raise KitError(f"--{name} must be at least 1. Received: {value}.")
    config, told = assemble(contest, recipe, fold, seed, limit, steps, backend_facts())
    quick = Recipe(**config["recipe"])
    labels = contest.data.labels
    rows, _ = limited_rows(
        labels, contest.folds.training_rows(fold), contest.folds.rows(fold_name(fold)), quick, config
    )
    check(quick, labels[rows])
    return config, told


def backend_facts() -> dict[str, str]:
    """What the machine that trains adds to a configuration: its Keras backend, and the precision that "auto" means."""
    import keras

    from .precision import resolve_precision

    return {"backend": keras.backend.backend(), "auto_precision": resolve_precision("auto")}


def assemble(
    contest: Contest,
    recipe: Recipe,
    fold: int,
    seed: int,
    limit: int | None,
    steps: int | None,
    facts: dict[str, str],
) -> tuple[dict[str, Any], str]:
    """The configuration alone, without Keras and unchecked; arguments and result as of `configure`.

    Args:
        facts: `backend_facts` of the machine that is to train.
    """
    num_rows = len(contest.folds.training_rows(fold))
    num_images = num_rows if limit is None else min(limit, num_rows)
    recipe, told = quick_recipe(recipe, num_images, steps, limit)
    return {
        "recipe": dataclasses.asdict(recipe),
        "fold": fold,
        "seed": seed,
        "limit": limit,
        "steps": steps,
        "backend": facts["backend"],
        "precision": facts["auto_precision"] if recipe.precision == "auto" else recipe.precision,
        "data": {
            "folds_sha256": contest.folds_sha256,
            "image_shape": list(contest.data.image_shape),
            "class_names": contest.data.class_names,
        },
    }, told


def check(recipe: Recipe, labels: np.ndarray) -> None:
    """Refuse what could only fail later, or would be without effect.

    Args:
        recipe: of the run.
        labels: int (n,), of the training images.

    Raises:
        KitError: see `configure`.
    """
    from .augment.policies import get_policy
    from .backbones import check_backbone

    check_backbone(recipe.backbone, recipe.weights)
    policy = get_policy(recipe.policy)
    _check_batch(recipe, labels)
    _check_effects(recipe, policy.without_mixing().vocabulary())
    if recipe.balance in ("smote", "smote_features"):
        check_pairs(labels, recipe.balance)
    if recipe.row_filter == "label_issues" and np.unique(labels, return_counts=True)[1].min() < 2:
        raise KitError("row_filter=label_issues needs two training images of each class. Received: one of some class.")


def _check_batch(recipe: Recipe, labels: np.ndarray) -> None:
    size = epoch_size(labels, recipe.balance, recipe.images_per_class)
    if size < recipe.batch_size:
        raise KitError(
            f"expected at least one batch of images to train on. Received: {size} images an epoch, "
            f"batch_size={recipe.batch_size}. Give more images, or set batch_size={size}."
        )
    if recipe.accumulate > size // recipe.batch_size:
        raise KitError(
            f"accumulate={recipe.accumulate} needs as many steps an epoch. Received: {size // recipe.batch_size} steps "
            f"({size} images, batch_size={recipe.batch_size})."
        )


def _check_effects(recipe: Recipe, vocabulary: list[str]) -> None:
    """Refuse settings that would change nothing: they are mistakes."""
    compares = [
        told
        for told, is_on in (
            (f"jsd_weight={recipe.jsd_weight}", recipe.jsd_weight > 0),
            (f"contrastive_epochs={recipe.contrastive_epochs}", recipe.contrastive_epochs > 0),
        )
        if is_on
    ]
    if compares and not vocabulary:
        raise KitError(
            f"{compares[0]} compares altered copies of an image, and policy {recipe.policy!r} alters nothing. "
            "Set another policy."
        )
    if recipe.contrastive_epochs and not recipe.trainable_depth:
        raise KitError(
            "the contrastive phase trains the backbone. "
            f"Received: contrastive_epochs={recipe.contrastive_epochs}, trainable_depth=0. Set trainable_depth above 0."
        )
    if recipe.balance == "smote_features" and not recipe.epochs and recipe.jsd_weight:
        raise KitError(
            "a head on features sees no altered images. "
            f"Received: balance=smote_features, jsd_weight={recipe.jsd_weight}, epochs=0. Set jsd_weight=0."
        )
    last = phases_of(recipe)[-1]
    if recipe.swa_epochs > last.epochs:
        raise KitError(
            f"swa_epochs must be at most the epochs of the {last.name} phase. "
            f"Received: swa_epochs={recipe.swa_epochs}, {last.epochs} epochs."
        )
