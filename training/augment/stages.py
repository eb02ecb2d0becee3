"""What a policy is made of: stages that each change a whole batch."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from .affine import AffineRange, turn, warp_rows
from .chain import Chain, chain_function
from .draws import Draws, Seed
from .parts import Change, in_parts, shuffled
from .pixels import clip
from .warp import apply_warp


class Stage:
    """One step of a policy, on a whole batch."""

    def apply(self, images: Any, seed: Seed) -> tuple[Any, Any]:
        """Change images (n, H, W, C), uint8 or float32.

        Returns:
            float32 images in [0, 255] in another order, and that order (n,).
        """
        raise NotImplementedError

    def vocabulary(self) -> set[str]:
        """Names of the operations that may be applied."""
        raise NotImplementedError


@dataclass(frozen=True)
class Turns(Stage):
    """Mirrored and turned by quarters: each of the eight equally often, of four where height and width differ.

    Args:
        affine: a warp on top, for some of the images; turns and warp are one interpolation.
        warp_share: share of the images that are warped.
        reflect_share: share of the warped whose outside is filled by mirroring; the others get black.
        dihedral: whether images are turned at all.
    """

    affine: AffineRange | None = None
    warp_share: float = 1.0
    reflect_share: float = 0.5
    dihedral: bool = True

    def apply(self, images: Any, seed: Seed) -> tuple[Any, Any]:
        warped = self.warp_share if self.affine else 0.0
        changes: list[Change] = [self._warp("reflect"), self._warp("constant")]
        shares = [warped * self.reflect_share, warped * (1.0 - self.reflect_share)]
        still = _dihedral(images.shape[1] == images.shape[2]) if self.dihedral else [_same]
        changes += still
        shares += [(1.0 - warped) / len(still)] * len(still)
        pairs = [pair for pair in zip(changes, shares, strict=True) if pair[1] > 0]
        return in_parts(images, [change for change, _ in pairs], [share for _, share in pairs], seed)

    def _warp(self, fill_mode: str) -> Change:
        def warp(images: Any, draws: Draws) -> Any:
            _, height, width, _ = images.shape
            assert self.affine is not None
            matrix = self.affine.sample(height, width, draws)
            if self.dihedral:
                matrix = ops.matmul(turn(draws, square=height == width), matrix)
            return apply_warp(ops.cast(images, "float32"), warp_rows(matrix, height, width), fill_mode)

        return warp

    def vocabulary(self) -> set[str]:
        names = {"flip", "flip_vertical", "quarter_turn"} if self.dihedral else set()
        if self.affine:
            names |= self.affine.vocabulary()
            names |= {"translate_mirrored"} if self.reflect_share and "translate_x" in names else set()
        return names


@dataclass(frozen=True)
class OneOf(Stage):
    """One of some chains of operations for each image, equally often; a chain that is listed twice twice as often."""

    chains: tuple[Chain, ...]

    def __post_init__(self) -> None:
        for chain in self.chains:
            chain_function(chain)  # an unknown name is told now

    def apply(self, images: Any, seed: Seed) -> tuple[Any, Any]:
        counts = Counter(self.chains)
        shares = [count / len(self.chains) for count in counts.values()]
        return in_parts(images, [chain_function(chain) for chain in counts], shares, seed)

    def vocabulary(self) -> set[str]:
        return {name for chain in self.chains for name, _ in chain}


@dataclass(frozen=True)
class AugMix(Stage):
    """Each image mixed with several altered copies of itself (Hendrycks et al. 2020).

    Copies are altered by one to three operations, each number equally often; the weights of the copies are drawn from a
    Dirichlet distribution and the weight of the mixture against the image from a Beta distribution, both with
    parameter 1.

    Args:
        chains: the operations to choose from.
        width: number of copies.
        share: share of the images that are mixed.
    """

    chains: tuple[Chain, ...]
    width: int = 3
    share: float = 1.0

    def apply(self, images: Any, seed: Seed) -> tuple[Any, Any]:
        n = images.shape[0]
        count = round(self.share * n)
        images = ops.cast(images, "float32")
        order = ops.arange(n)
        if count < n:
            order = shuffled(n, seed)
            images = ops.take(images, order, axis=0)
        if count == 0:
            return images, order
        chosen = images[:count]
        # exponential draws divided by their sum are Dirichlet's; Beta(1, 1) is uniform
        weights = -ops.log(1.0 - keras.random.uniform((self.width, count, 1, 1, 1), seed=seed))
        weights = weights / ops.sum(weights, axis=0)
        weights = weights * keras.random.uniform((count, 1, 1, 1), seed=seed)
        # all copies are altered as one batch: a third of the steps to compile and run
        copies = self._altered(ops.tile(chosen, (self.width, 1, 1, 1)), seed)
        copies = ops.reshape(copies, (self.width, *chosen.shape))
        mixed = clip(chosen * (1.0 - ops.sum(weights, axis=0)) + ops.sum(weights * copies, axis=0))
        return ops.concatenate([mixed, images[count:]], axis=0) if count < n else mixed, order

    def _altered(self, images: Any, seed: Seed) -> Any:
        """Images in their own order: a third of them altered once, a third twice, a third three times."""
        n = images.shape[0]
        order = shuffled(n, seed)
        images = ops.take(images, order, axis=0)
        for rounds in range(3):
            count = round(n * (3 - rounds) / 3)
            if count:
                head, moved = OneOf(self.chains).apply(images[:count], seed)
                images = ops.concatenate([head, images[count:]], axis=0) if count < n else head
                order = ops.concatenate([ops.take(order, moved), order[count:]], axis=0)
        return ops.take(images, ops.argsort(order), axis=0)

    def vocabulary(self) -> set[str]:
        return OneOf(self.chains).vocabulary()


def rand_augment(chains: tuple[Chain, ...], count: int) -> tuple[OneOf, ...]:
    """RandAugment (Cubuk et al. 2020): `count` rounds, in each of which every image gets one operation of its own."""
    return (OneOf(chains),) * count


def _same(images: Any, draws: Draws) -> Any:
    return ops.cast(images, "float32")


def _dihedral(square: bool) -> list[Change]:
    """The turns and mirrorings as copies of pixels; bytes are turned before they become floats."""
    return [_Turn(*axes) for axes in _AXES if square or not axes[2]]


@dataclass(frozen=True)
class _Turn:
    mirror_x: bool
    mirror_y: bool
    swap: bool

    def __call__(self, images: Any, draws: Draws) -> Any:
        images = ops.transpose(images, (0, 2, 1, 3)) if self.swap else images
        # one axis each: Keras up to 3.12 fails on a pair with TensorFlow
        images = ops.flip(images, axis=2) if self.mirror_x else images
        images = ops.flip(images, axis=1) if self.mirror_y else images
        return ops.cast(images, "float32")


_AXES = [(x, y, swap) for swap in (False, True) for y in (False, True) for x in (False, True)]
