"""A choice for each image at the cost of one operation an image: the batch shuffled and cut into parts."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from .draws import Draws, Seed
from .pixels import constant

Change = Callable[[Any, Draws], Any]  # images (n, H, W, C) and their draws -> float32 images of the same shape


def shuffled(n: int, seed: Seed) -> Any:
    """The numbers below n in a random order."""
    return ops.argsort(keras.random.uniform((n,), seed=seed))


def in_parts(images: Any, changes: Sequence[Change], shares: Sequence[float], seed: Seed) -> tuple[Any, Any]:
    """Apply one of `changes` to each image, chosen at random by `shares`.

    A batch that has an image for the rarest change is shuffled and cut into parts of fixed sizes, one for each change.
    In a smaller one each image chooses for itself, one after the other. Shapes are static either way.

    Args:
        images: (n, H, W, C), any type.
        changes: functions of some images and their draws.
        shares: of the images for each change; they sum to 1.
        seed: of the order and the draws.

    Returns:
        float32 images (n, H, W, C) in another order, and that order (n,): the rows that they were.
    """
    n = images.shape[0]
    draws = Draws.fresh(n, seed)
    if len(changes) == 1:
        return changes[0](images, draws), ops.arange(n)
    if n * min(shares) < 1.0 - 1e-6:
        return _one_by_one(images, changes, shares, draws, keras.random.uniform((n,), seed=seed)), ops.arange(n)
    ends = np.floor(np.cumsum(shares) * n + 0.5).astype(int).tolist()
    starts = [0, *ends[:-1]]
    order = shuffled(n, seed)
    images = ops.take(images, order, axis=0)  # one gather; parts of its result are not copied
    done = [
        change(ops.reshape(images[start:end], (end - start, *images.shape[1:])), draws.part(start, end))
        for change, start, end in zip(changes, starts, ends, strict=True)
    ]
    return ops.concatenate(done, axis=0), order


def _one_by_one(images: Any, changes: Sequence[Change], shares: Sequence[float], draws: Draws, chance: Any) -> Any:
    """Each image alone: one change is run, the others are skipped."""
    bounds = constant(np.cumsum(shares)[:-1])
    chosen = ops.sum(ops.cast(ops.expand_dims(chance, 1) >= bounds, "int32"), axis=1)

    def run(_: Any, row: tuple[Any, Any, Any]) -> tuple[Any, Any]:
        index, image, table = row

        def branch(change: Change) -> Callable[[Any, Any], Any]:
            return lambda image, table: change(image, Draws(table, draws.words))

        image, table = ops.expand_dims(image, 0), ops.expand_dims(table, 1)
        changed = ops.switch(index, [branch(change) for change in changes], image, table)[0]
        return changed, changed

    tables = ops.transpose(draws.table, (1, 0, 2, 3, 4))
    start = ops.zeros(images.shape[1:], "float32")
    # not `ops.map`: with TensorFlow it traces all changes twice
    return ops.scan(run, start, (chosen, images, tables))[1]
