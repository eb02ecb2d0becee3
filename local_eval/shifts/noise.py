"""Noise that hits each value on its own: ImageNet-C's gaussian, shot and impulse noise.

Source: Hendrycks and Dietterich 2019, "Benchmarking neural network robustness to common corruptions". No lengths, so
nothing to scale with the image.
"""

import numpy as np

from .operation import Params, Tabled, draw_seed, generator, register_operation, to_uint8


class _Noise(Tabled):
    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {"amount": setting, "seed": draw_seed(rng)}


@register_operation("gaussian_noise")
class GaussianNoise(_Noise):
    """Add normal noise; `amount` is its standard deviation, 1 being the full range."""

    settings = (0.08, 0.12, 0.18, 0.26, 0.38)

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        noise = generator(params["seed"]).standard_normal(image.shape, np.float32)
        noise *= np.float32(255 * params["amount"])
        noise += image
        return to_uint8(noise)


@register_operation("shot_noise")
class ShotNoise(_Noise):
    """Count photons; `amount` of them are white."""

    settings = (60, 25, 12, 5, 3)

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        counts = generator(params["seed"]).poisson(image * (params["amount"] / 255))
        return to_uint8(counts * (255 / params["amount"]))


@register_operation("impulse_noise")
class ImpulseNoise(_Noise):
    """Salt and pepper: a share `amount` of the values becomes 0 or 255."""

    settings = (0.03, 0.06, 0.09, 0.17, 0.27)

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        chance = generator(params["seed"]).random(image.shape, np.float32)
        result = np.where(chance < params["amount"], np.uint8(0), image)
        result[chance < params["amount"] / 2] = 255
        return result
