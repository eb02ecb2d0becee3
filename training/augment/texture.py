"""Neighbouring pixels: sharpness and blur, noise, coarse resolution."""

from typing import Any

import keras
from keras import ops

from .operation import Operation, Params, Seed, Shape, clip, register, uniform


def _smooth(images: Any, times: int) -> Any:
    """The 3x3 binomial filter (1 2 1) x (1 2 1) / 16 with edges repeated, so many times; separable, slices only."""
    for _ in range(times):
        rows = ops.concatenate([images[:, :1], images, images[:, -1:]], axis=1)
        images = 0.25 * rows[:, :-2] + 0.5 * rows[:, 1:-1] + 0.25 * rows[:, 2:]
        columns = ops.concatenate([images[:, :, :1], images, images[:, :, -1:]], axis=2)
        images = 0.25 * columns[:, :, :-2] + 0.5 * columns[:, :, 1:-1] + 0.25 * columns[:, :, 2:]
    return images


@register
class Blur(Operation):
    """Blends with a Gaussian-like blur (binomial, standard deviation 2 px)."""

    name = "blur"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {"share": self.magnitude * uniform(shape, 0.3, 1.0, seed)}

    def apply(self, images: Any, params: Params) -> Any:
        return images + params["share"] * (_smooth(images, 8) - images)


@register
class Sharpness(Operation):
    """Moves away from the smoothed image, by up to 4 times the difference: crisp, then haloed."""

    name = "sharpness"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {"factor": self.magnitude * uniform(shape, 0.5, 4.0, seed)}

    def apply(self, images: Any, params: Params) -> Any:
        return clip(images + params["factor"] * (images - _smooth(images, 1)))


@register
class Noise(Operation):
    """Adds Gaussian noise, standard deviation up to 40 grey levels."""

    name = "noise"

    def sample(self, shape: Shape, seed: Seed) -> Params:
        return {"noise": self.magnitude * uniform(shape, 4.0, 40.0, seed) * keras.random.normal(shape, seed=seed)}

    def apply(self, images: Any, params: Params) -> Any:
        return clip(images + params["noise"])
