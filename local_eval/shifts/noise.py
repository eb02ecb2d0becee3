"""Noise that hits each value on its own: ImageNet-C's gaussian, shot and impulse noise.

Source: Hendrycks and Dietterich 2019, "Benchmarking neural network robustness to common corruptions". No lengths, so
nothing to scale with the image. Drawn by tables of quantiles: numpy's own Poisson numbers take twenty times as long.
"""

from functools import lru_cache

import numpy as np

from .operation import Params, Tabled, draw_seed, generator, register_operation
from .quantiles import BITS, normal_quantiles, random_bits

_SHOT_BITS = 12  # so that a table for all 256 levels fits a processor's cache


class _Noise(Tabled):
    def draw(self, rng: np.random.Generator, setting: float) -> Params:
        return {"amount": setting, "seed": draw_seed(rng)}


@lru_cache(maxsize=16)
def normal_table(deviation: float) -> np.ndarray:
    """Quantiles of normal noise in whole levels: int16 (65536,), ascending."""
    return np.rint(deviation * normal_quantiles()).astype(np.int16)


@register_operation("gaussian_noise")
class GaussianNoise(_Noise):
    """Add normal noise; `amount` is its standard deviation, 1 being the full range."""

    settings = (0.08, 0.12, 0.18, 0.26, 0.38)

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        noise = normal_table(255 * params["amount"]).take(random_bits(generator(params["seed"]), image.shape))
        noise += image
        np.maximum(noise, 0, out=noise)
        return np.minimum(noise, 255, out=noise).astype(np.uint8)


@lru_cache(maxsize=16)
def shot_table(white: float) -> np.ndarray:
    """Quantiles of a level once its photons are counted: uint8 (256 x 4096,), level after level.

    Args:
        white: photons of level 255, in the mean.
    """
    from scipy.special import pdtr

    chances = (np.arange(1 << _SHOT_BITS) + 0.5) / (1 << _SHOT_BITS)
    counts = np.arange(int(white + 8 * white**0.5) + 8)
    found = [np.searchsorted(pdtr(counts, level * white / 255), chances) for level in range(256)]
    return np.minimum(np.rint(np.array(found) * (255 / white)), 255).astype(np.uint8).ravel()


@register_operation("shot_noise")
class ShotNoise(_Noise):
    """Count photons; `amount` of them are white."""

    settings = (60, 25, 12, 5, 3)

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        places = image.astype(np.int32)
        places <<= _SHOT_BITS
        places |= random_bits(generator(params["seed"]), image.shape) >> np.uint16(BITS - _SHOT_BITS)
        return shot_table(params["amount"]).take(places)


@register_operation("impulse_noise")
class ImpulseNoise(_Noise):
    """Salt and pepper: a share `amount` of the values becomes 0 or 255."""

    settings = (0.03, 0.06, 0.09, 0.17, 0.27)

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        bits = random_bits(generator(params["seed"]), image.shape)
        share = params["amount"] * (1 << BITS)
        salt = (bits < np.uint16(share / 2)).view(np.uint8)
        pepper = (bits >= np.uint16((1 << BITS) - share / 2)).view(np.uint8)
        return (image | salt * np.uint8(255)) & ~(pepper * np.uint8(255))
