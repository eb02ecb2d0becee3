"""A policy applied to a batch."""

from dataclasses import dataclass, replace
from typing import Any

import keras
from keras import ops

from submission.kit.seeds import derive_seed

from .mixing import Mixing
from .stages import Stage


@dataclass(frozen=True)
class Policy:
    """What may happen to an image.

    Args:
        name: its name in `policies`.
        stages: applied one after the other.
        mixing: MixUp and CutMix at the end; it makes targets soft.
    """

    name: str
    stages: tuple[Stage, ...] = ()
    mixing: Mixing | None = None

    def without_mixing(self) -> "Policy":
        """The same but for MixUp and CutMix, for validation: targets stay as they are."""
        return replace(self, mixing=None)

    def vocabulary(self) -> list[str]:
        """Names of all operations that the policy may apply, sorted, for the report."""
        parts: list[Stage | Mixing] = [*self.stages, *([self.mixing] if self.mixing else [])]
        return sorted(set().union(*(part.vocabulary() for part in parts)))


class Augmenter(keras.layers.Layer):
    """Applies a policy to uint8 or float images (n, H, W, C) in [0, 255]; returns float32 in [0, 255].

    The batch size n is static: the batch is cut into parts of fixed size, so that a stage costs about one operation an
    image and the step is compiled once. Which image lands in which part is drawn anew for every batch. A batch that is
    smaller than a stage has choices works as well: each image then makes its choice alone.

    Args:
        policy: what to do.
        batch_size: n of every batch, at least 1.
        seed: of all draws; the state of the draws is a variable, saved with a run's state.
    """

    def __init__(self, policy: Policy, batch_size: int, seed: int, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")  # whatever precision the net computes in
        super().__init__(**kwargs)
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1. Received: {batch_size}")
        self.policy = policy
        self.batch_size = batch_size
        self.seed_generator = keras.random.SeedGenerator(derive_seed(seed, "augment"))
        self.built = True  # there is nothing to build, and `in_order` goes past Keras' own call, which would say so

    def call(self, images: Any, targets: Any) -> tuple[Any, Any]:
        """Augment; the images come back in another order, and `targets` (n, ...) in the same one.

        Where the policy mixes images, targets must be (n, K); they are mixed in the same proportions.
        """
        images, order = self._staged(images)
        targets = ops.take(ops.reshape(targets, (self.batch_size, *targets.shape[1:])), order, axis=0)
        if self.policy.mixing is None:
            return images, targets
        if len(targets.shape) != 2:
            raise ValueError(
                f"policy {self.policy.name!r} mixes images: targets must be (n, K). Received: shape {targets.shape}"
            )
        return self.policy.mixing.apply(images, ops.cast(targets, "float32"), self.seed_generator)

    def in_order(self, images: Any) -> Any:
        """Images (n, H, W, C) altered with draws of their own, in the order that they came in; nothing is mixed."""
        images, order = self._staged(images)
        return ops.take(images, ops.argsort(order), axis=0)

    def _staged(self, images: Any) -> tuple[Any, Any]:
        images = ops.reshape(images, (self.batch_size, *images.shape[1:]))
        order = ops.arange(self.batch_size)
        for stage in self.policy.stages:
            images, moved = stage.apply(images, self.seed_generator)
            order = ops.take(order, moved, axis=0)
        return ops.cast(images, "float32"), order
