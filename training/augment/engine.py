"""A policy applied to a batch: turned and mirrored, warped, then rounds in which each part gets its own operations."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from submission.kit.seeds import derive_seed

from . import colour, occlusion, texture, tone  # noqa: F401  (registers the operations)
from .affine import AffineRange, apply_warp, sample_warp
from .operation import make_operation

Chain = tuple[
    tuple[str, float], ...
]  # operations by name with their magnitude, one after the other; () changes nothing
Round = tuple[Chain, ...]


@dataclass(frozen=True)
class Policy:
    """What may happen to an image.

    Args:
        name: its name in `policies`.
        dihedral: whether images are mirrored and turned by quarters first (each of the eight equally often).
        affine: the warp's ranges; None for no warp.
        warp_share: share of the batch that is warped at all.
        reflect_share: share of the warped whose outside is filled by mirroring; the others get black.
        rounds: in each round the batch is cut into as many equal parts as the round has chains; each part gets its own.
    """

    name: str
    dihedral: bool = False
    affine: AffineRange | None = None
    warp_share: float = 1.0
    reflect_share: float = 0.5
    rounds: tuple[Round, ...] = ()

    def min_batch_size(self) -> int:
        """The most chains that a round has: each needs an image."""
        return max((len(chains) for chains in self.rounds), default=1)

    def vocabulary(self) -> list[str]:
        """Names of all operations that the policy may apply, sorted, for the report."""
        names = {name for chains in self.rounds for chain in chains for name, _ in chain}
        names |= {"flip", "quarter_turn"} if self.dihedral else set()
        names |= {"rotate", "shear", "translate", "zoom"} if self.affine else set()
        return sorted(names)


class Augmenter(keras.layers.Layer):
    """Applies a policy to uint8 or float images (n, H, W, C) in [0, 255]; returns float32 in [0, 255].

    The batch size n is static: the batch is cut into parts of fixed size, so that a round costs one operation an image
    and the step is compiled once. Which image lands in which part is drawn anew for every batch.

    Args:
        policy: what to do.
        batch_size: n of every batch.
        seed: of all draws; the state of the draws is a variable, saved with a run's state.

    Raises:
        ValueError: fewer images in a batch than chains in a round.
    """

    def __init__(self, policy: Policy, batch_size: int, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if batch_size < policy.min_batch_size():
            raise ValueError(
                f"policy {policy.name!r} needs a batch of at least {policy.min_batch_size()} images, one for each "
                "chain of a round. "
                f"Received: batch_size={batch_size}"
            )
        self.policy = policy
        self.batch_size = batch_size
        self.seed_generator = keras.random.SeedGenerator(derive_seed(seed, "augment"))
        self.chains = [
            [[make_operation(name, magnitude) for name, magnitude in chain] for chain in chains]
            for chains in policy.rounds
        ]

    def call(self, images: Any, targets: Any) -> tuple[Any, Any]:
        """Augment; the images come back in another order, and `targets` (n, ...) in the same one."""
        n = self.batch_size
        images = ops.reshape(images, (n, *images.shape[1:]))
        targets = ops.reshape(targets, (n, *targets.shape[1:]))
        order = ops.arange(n)
        if self.policy.dihedral:
            images, order = self._in_parts(images, order, _DIHEDRAL if images.shape[1] == images.shape[2] else _FLIPS)
        images = ops.cast(images, "float32")  # after the turns: bytes are moved four times as fast
        if self.policy.affine is not None:
            mirrored = self.policy.warp_share * self.policy.reflect_share
            black = self.policy.warp_share - mirrored
            fills = [self._warp_reflect, self._warp_constant, _same]
            images, order = self._in_parts(images, order, fills, [mirrored, black, 1.0 - mirrored - black])
        for chains in self.chains:
            images, order = self._in_parts(images, order, [self._chain(chain) for chain in chains])
        return images, ops.take(targets, order, axis=0)

    def in_order(self, images: Any) -> Any:
        """Alter without reordering or mixing."""
        images, order = self(images, ops.arange(self.batch_size))
        return ops.take(images, ops.argsort(order), axis=0)

    def _in_parts(self, images: Any, order: Any, functions: list, shares: list[float] | None = None) -> tuple[Any, Any]:
        """Shuffle the batch, cut it into parts (equal ones without `shares`), apply one function to each."""
        shares = shares or [1.0 / len(functions)] * len(functions)
        ends = np.round(np.cumsum(shares) * self.batch_size).astype(int)
        starts = [0, *ends[:-1]]
        shuffled = keras.random.shuffle(ops.arange(self.batch_size), seed=self.seed_generator)
        done = []
        for function, start, end in zip(functions, starts, ends, strict=True):
            if end > start:
                part = ops.take(images, shuffled[start:end], axis=0)
                done.append(function(ops.reshape(part, (int(end - start), *images.shape[1:]))))
        return ops.concatenate(done, axis=0), ops.take(order, shuffled, axis=0)

    def _chain(self, chain: list) -> Any:
        def apply(images: Any) -> Any:
            for operation in chain:
                images = operation(images, self.seed_generator)
            return images

        return apply

    def _warp(self, images: Any, fill_mode: str) -> Any:
        n, height, width, _ = images.shape
        assert self.policy.affine is not None
        return apply_warp(images, sample_warp(n, height, width, self.policy.affine, self.seed_generator), fill_mode)

    def _warp_reflect(self, images: Any) -> Any:
        return self._warp(images, "reflect")

    def _warp_constant(self, images: Any) -> Any:
        return self._warp(images, "constant")


def _same(images: Any) -> Any:
    return images


def _mirror(images: Any) -> Any:
    return ops.flip(images, axis=2)


def _transpose(images: Any) -> Any:
    return ops.transpose(images, (0, 2, 1, 3))


def _upside_down(images: Any) -> Any:
    return ops.flip(images, axis=1)


def _half_turn(images: Any) -> Any:
    return _upside_down(_mirror(images))  # one axis each: Keras up to 3.12 fails on a pair with TensorFlow


_FLIPS = [_same, _mirror, _upside_down, _half_turn]
_DIHEDRAL = [*_FLIPS, *(lambda images, flip=flip: flip(_transpose(images)) for flip in _FLIPS)]
