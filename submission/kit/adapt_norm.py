"""Fitting batch-norm statistics to the images to predict: opt-in, guarded, off by default.

It helps where all images were altered in one way, and costs where they were altered in many: measured on real cells 44
to 73 and 41 to 34 per cent. The guard therefore asks whether the two halves of the images that differ most call for the
same change.

Not covered: nets that TensorFlow cannot freeze, members shipped without a SavedModel, other normalisations than batch
normalisation of channels that come last.
"""

from __future__ import annotations  # platforms run Python 3.9

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import KitError
from .image_input import ImageInput
from .norm_graph import NormGraph

LEAST_IMAGES = 500
SAMPLE = 512
"""Images, evenly spaced, that the statistics are taken of."""

PRIOR_IMAGES = 1024
"""So many images the training's statistics count as: two thirds of the weight, for a full sample."""

LEAST_AGREEMENT = 0.65
"""Cosine between the changes that the two halves call for. Measured on one small net trained with strong augmentation,
512 images each: of 15 sets all that lost by more than 0.8 points are below it, so is one that gained 1.8 (many
alterations); above it are all darkened (0), all washed out (+0.6) and all noisy (-0.8)."""

_BATCH = 64
_EPSILON = 1e-3


@dataclass(frozen=True)
class AdaptedNorm:
    """predict: uint8 (n, H, W, C) -> float32 (n, K), with the statistics fitted; agreement: cosine of the halves;
    before, after: mean confidence on the sample; refusal: why it should not be used, or None."""

    predict: Callable[[np.ndarray], np.ndarray]
    agreement: float
    before: float
    after: float
    refusal: str | None


def adapt_norm(
    graph: NormGraph, images: ImageInput, batch_size: int = _BATCH, prior_images: float = PRIOR_IMAGES
) -> AdaptedNorm:
    """Blend a member's batch-norm statistics with those of a sample of images.

    Args:
        graph: of the member, with one batch normalisation at least.
        images: all that are to be predicted, at least one.
        batch_size: images at a time.
        prior_images: so many images the training's statistics count as.

    Source: Schneider et al. 2020, "Improving robustness against common corruptions by covariate shift adaptation".
    """
    rows = np.unique(np.linspace(0, len(images) - 1, min(SAMPLE, len(images))).astype(np.int64))
    share = prior_images / (prior_images + len(rows))
    parts = np.array_split(rows, -(-len(rows) // batch_size))
    plain, adapted = graph.observer(1.0), graph.observer(share)
    old_probs, changes = [], []
    means: list[list[np.ndarray]] = [[] for _ in graph.sites]
    variances: list[list[np.ndarray]] = [[] for _ in graph.sites]
    for part in parts:
        batch = _take(images, part)
        probs, seen = plain(batch)
        old_probs.append(probs)
        changes.append(_changes(seen, graph))
        for number, moments in enumerate(adapted(batch)[1]):
            means[number].append(moments.mean)
            variances[number].append(moments.variance)
    statistics = []
    for number, site in enumerate(graph.sites):
        variance = np.mean(variances[number], 0) + np.var(means[number], 0)  # within and between the batches
        statistics.append(
            (
                share * site.mean + (1 - share) * np.mean(means[number], 0),
                share * site.variance + (1 - share) * variance,
            )
        )
    predict = graph.with_statistics(statistics)
    new_probs = [predict(_take(images, part)) for part in parts]
    before, after = (float(np.concatenate(probs).max(-1).mean()) for probs in (old_probs, new_probs))
    agreement = agreement_of_halves(np.concatenate(changes))
    why = _refusal(len(images), agreement, before, after)
    return AdaptedNorm(predict, agreement, before, after, why)


def _take(images: ImageInput, rows: np.ndarray) -> np.ndarray:
    return np.concatenate([images.rows(row, row + 1) for row in rows])


def adapt_members(
    folders: Mapping[str, Path], images: ImageInput, batch_size: int, prior_images: float, left_s: Callable[[], float]
) -> tuple[dict[str, AdaptedNorm], list[str]]:
    """Adapt each member whose guard lets it, as long as there is time.

    Args:
        folders: member's name -> its SavedModel.
        images, batch_size, prior_images: of `adapt_norm`.
        left_s: seconds that all of this and the prediction may still take; a tenth of them at most is spent here.

    Returns:
        Name -> adapted member, of those that are, and a note for each.
    """
    made: dict[str, AdaptedNorm] = {}
    notes = []
    allowed = 0.9 * left_s()  # infinite without a limit
    for name, folder in folders.items():
        what = f"batch-norm statistics of {name}"
        if len(images) < LEAST_IMAGES:
            notes.append(f"{what} were left alone: {_refusal(len(images), 1, 0, 1)}")
            continue
        if left_s() < allowed:
            notes.append(f"{what} were left alone: there is no time for it")
            continue
        try:
            adapted = adapt_norm(NormGraph(folder), images, batch_size, prior_images)
        except KitError as error:
            notes.append(f"{what} were left alone: {error}")
            continue
        if adapted.refusal is None:
            made[name] = adapted
            notes.append(f"{what} were fitted to the images: confidence {adapted.before:.3f} to {adapted.after:.3f}")
        else:
            notes.append(f"{what} were left alone: {adapted.refusal}")
    return made, notes


def agreement_of_halves(changes: np.ndarray) -> float:
    """Cosine between the mean changes of the two halves of the rows that differ most.

    Altered in one way, all rows call for one change, and so do any halves. Altered in many ways, they can be split so
    that the halves call for different ones; the first principal component splits them.

    Args:
        changes: float (n, D), what each image calls for.

    Returns:
        -1 to 1; 0 where a half calls for nothing.
    """
    centred = changes - changes.mean(0)
    # the axis of the largest spread, by the smaller of the two matrices
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    along = centred @ axes[0]
    upper = along > np.median(along)
    if not upper.any():
        return 0.0
    first, second = changes[upper].mean(0), changes[~upper].mean(0)
    size = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / size if size > 0 else 0.0


def _changes(seen: Any, graph: NormGraph) -> np.ndarray:
    """How far each image's means are from the training's, in its standard deviations; all sites count alike: (n, D)."""
    parts = [
        (moment.image_means - site.mean) / np.sqrt(site.variance + _EPSILON) / np.sqrt(len(site.mean))
        for moment, site in zip(seen, graph.sites)  # noqa: B905 (Python 3.9)
    ]
    return np.concatenate(parts, 1)


def _refusal(num_images: int, agreement: float, before: float, after: float) -> str | None:
    if num_images < LEAST_IMAGES:
        return f"{num_images} images are fewer than {LEAST_IMAGES}"
    if agreement < LEAST_AGREEMENT:
        return (
            f"two halves of the images call for changes that agree by {agreement:.2f} only, less than {LEAST_AGREEMENT}"
        )
    if after < before:
        return f"mean confidence would fall from {before:.3f} to {after:.3f}"
    return None
