"""MixUp and CutMix: two images and their targets become one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops
from scipy import stats

from .draws import Draws, Seed
from .occlusion import box, pixel_grid
from .parts import shuffled
from .pixels import constant, rows


@dataclass(frozen=True)
class Mixing:
    """Mixes each image with another of the batch, by MixUp or by CutMix or not at all.

    Args:
        mixup: share of the images that are blended with the other one (Zhang et al. 2018).
        cutmix: share of the images that get a rectangle of the other one (Yun et al. 2019).
        mixup_alpha, cutmix_alpha: the image's own share is drawn from Beta(alpha, alpha).
    """

    mixup: float = 0.0
    cutmix: float = 0.0
    mixup_alpha: float = 0.2
    cutmix_alpha: float = 1.0

    def __post_init__(self) -> None:
        if min(self.mixup, self.cutmix) < 0 or self.mixup + self.cutmix > 1.0 + 1e-9:
            raise ValueError(
                "mixup and cutmix are shares of the batch that exclude each other. "
                f"Received: mixup={self.mixup}, cutmix={self.cutmix}"
            )

    def apply(self, images: Any, targets: Any, seed: Seed) -> tuple[Any, Any]:
        """Mix float32 images (n, H, W, C) and their targets (n, K); targets keep their sums."""
        n = images.shape[0]
        draws = Draws.fresh(n, seed)
        kind = draws.uniform(0.0, 1.0)[:, 0]
        blended = ops.cast(kind < self.mixup, "float32")
        pasted = ops.cast(kind >= 1.0 - self.cutmix, "float32")
        keep = ops.ones((n, 1, 1))  # share of each pixel that stays, as `rows(images)`
        if self.mixup:
            keep = 1.0 - blended * (1.0 - _beta(self.mixup_alpha, draws))
        if self.cutmix:
            hole = _rectangle(images.shape, draws, 1.0 - _beta(self.cutmix_alpha, draws))
            keep = keep - pasted * hole  # never both: the kinds exclude each other
        other = shuffled(n, seed)
        mixed = rows(images) * keep + rows(ops.take(images, other, axis=0)) * (1.0 - keep)
        own = ops.mean(keep, axis=(1, 2))[:, None]
        return ops.reshape(mixed, images.shape), own * targets + (1.0 - own) * ops.take(targets, other, axis=0)

    def vocabulary(self) -> set[str]:
        """Names of what may happen to an image."""
        return ({"mixup"} if self.mixup else set()) | ({"cutmix"} if self.cutmix else set())


def _beta(alpha: float, draws: Draws) -> Any:
    """Draws (n, 1, 1) from Beta(alpha, alpha), by its quantiles: the same on every backend."""
    steps = 1024
    quantiles = constant(stats.beta.ppf(np.arange(steps + 1) / steps, alpha, alpha))
    place = steps * draws.uniform(0.0, 1.0)[:, 0]
    below = ops.minimum(ops.floor(place), steps - 1.0)
    low, high = (ops.take(quantiles, ops.cast(below, "int32") + step) for step in (0, 1))
    return low + (place - below) * (high - low)


def _rectangle(shape: Any, draws: Draws, area: Any) -> Any:
    """1.0 inside of a rectangle of the image's own proportions, a share `area` of it, cut off at its edges."""
    y, x = pixel_grid(*shape[1:])
    unit = float(min(shape[1:3]))
    half = ops.sqrt(area) / (2.0 * unit)
    centre_x = shape[2] / unit * draws.uniform(-0.5, 0.5)[:, 0]
    centre_y = shape[1] / unit * draws.uniform(-0.5, 0.5)[:, 0]
    return box(x - centre_x, shape[2] * half) * box(y - centre_y, shape[1] * half)
