"""Neighbouring pixels: sharpness, blur, noise."""

from typing import Any

import numpy as np
from keras import ops

from .draws import Draws
from .operation import Operation, Params, Shape, register
from .pixels import clip, constant, rows


@register
class Blur(Operation):
    """Gaussian blur, standard deviation up to 2.5 % of the shorter side; outside of the image nothing is counted."""

    name = "blur"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {"deviation": 0.025 * min(shape[1:3]) * self.magnitude * draws.uniform(0.3, 1.0)}

    def apply(self, images: Any, params: Params) -> Any:
        n, height, width, channels = images.shape
        deviation = ops.maximum(ops.reshape(params["deviation"], (n, 1, 1)), 0.05)  # 0.05 px leaves all as it is
        # two matrix products: a width of its own for each image, in a time that does not depend on it
        down = ops.matmul(_gaussian_rows(height, deviation), rows(images))
        turned = ops.transpose(ops.reshape(down, images.shape), (0, 2, 1, 3))
        across = ops.matmul(_gaussian_rows(width, deviation), ops.reshape(turned, (n, width, height * channels)))
        return clip(ops.transpose(ops.reshape(across, (n, width, height, channels)), (0, 2, 1, 3)))


def _gaussian_rows(size: int, deviation: Any) -> Any:
    """(n, size, size): row i holds the weights of all pixels for pixel i, which sum to 1."""
    place = np.arange(size, dtype=np.float32)
    squared = constant((place[:, None] - place[None, :]) ** 2)
    return ops.softmax(-squared / (2.0 * ops.square(deviation)), axis=-1)


def _smooth(images: Any) -> Any:
    """The 3x3 binomial filter (1 2 1) x (1 2 1) / 16 with edges repeated; separable, slices only."""
    channels = images.shape[-1]
    flat = rows(images)
    padded = ops.concatenate([flat[:, :1], flat, flat[:, -1:]], axis=1)
    flat = padded[:, :-2] + 2.0 * flat + padded[:, 2:]
    padded = ops.concatenate([flat[:, :, :channels], flat, flat[:, :, -channels:]], axis=2)
    flat = padded[:, :, : -2 * channels] + 2.0 * flat + padded[:, :, 2 * channels :]
    return ops.reshape(flat * (1 / 16), images.shape)


@register
class Sharpness(Operation):
    """Moves away from the smoothed image, by up to 4 times the difference: crisp, then haloed."""

    name = "sharpness"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {"factor": self.magnitude * draws.uniform(0.5, 4.0)}

    def apply(self, images: Any, params: Params) -> Any:
        return clip(images + params["factor"] * (images - _smooth(images)))


@register
class Noise(Operation):
    """Adds Gaussian noise, standard deviation up to 40 grey levels."""

    name = "noise"

    def sample(self, shape: Shape, draws: Draws) -> Params:
        return {"noise": self.magnitude * draws.uniform(4.0, 40.0) * draws.normal_field(shape[1:])}

    def apply(self, images: Any, params: Params) -> Any:
        return clip(images + params["noise"])
